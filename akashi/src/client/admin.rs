//! `akashi admin`: what the CA's staff asks.
use std::path::PathBuf;

use clap::{Args, Subcommand};
use registry::event::Role;
use serde_json::{Value, json};

use super::call::{Ask, Call, CertificateOut, Deed, DoorCommand, Retry};
use super::input::{self, CannotAsk};
use super::tell::Telling;
use super::usage::{Days, USAGE};

/// Of a party, wherever it is shown.
const PARTY: &[&str] = &["party", "role", "state", "municipality", "desk", "name"];
/// Of a service provider.
const PROVIDER: &[&str] = &["provider", "operator", "name"];
/// Of a service.
const SERVICE: &[&str] = &["service", "provider", "operator", "name"];

/// What the CA's staff asks.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Register a party and make its client certificate.
    #[command(after_help = "Examples:
  akashi admin register-party --sandbox sandbox --role desk --name 'Kiyose city hall' --municipality 13221 --desk 003A --csr kiyose.csr --out kiyose.crt
  akashi admin register-party --sandbox sandbox --role operator --name 'Hinode Platform' --csr hinode.csr --out hinode.crt")]
    RegisterParty(PartyArguments),
    /// List the parties.
    #[command(after_help = "Example:\n  akashi admin parties --sandbox sandbox")]
    Parties,
    /// Suspend a party: its next call is refused.
    #[command(after_help = "Example:\n  akashi admin suspend --sandbox sandbox 2 --because 'the key was lost'")]
    Suspend(PartyState),
    /// Reinstate a suspended party.
    #[command(after_help = "Example:\n  akashi admin reinstate --sandbox sandbox 2 --because 'new card'")]
    Reinstate(PartyState),
    /// Register a service provider of a platform operator.
    #[command(
        after_help = "Example:\n  akashi admin register-provider --sandbox sandbox --operator 14 --name 'Hinode Bank'"
    )]
    RegisterProvider {
        /// The operator's number as a party.
        #[arg(long, value_name = "PARTY")]
        operator: u64,
        /// The provider's name.
        #[arg(long)]
        name: String,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
    /// List the service providers.
    #[command(after_help = "Example:\n  akashi admin providers --sandbox sandbox --json")]
    Providers,
    /// Register a service of a provider.
    #[command(
        after_help = "Example:\n  akashi admin register-service --sandbox sandbox --provider 1 --name 'Hinode Bank accounts'"
    )]
    RegisterService {
        /// The provider's number.
        #[arg(long)]
        provider: u64,
        /// The service's name, as it will stand in applications to consent.
        #[arg(long)]
        name: String,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
    /// List the services.
    #[command(after_help = "Example:\n  akashi admin services --sandbox sandbox")]
    Services,
    /// Look up how many certificates' statuses OCSP told each operator, as far as it is recorded.
    #[command(after_help = "Example:\n  akashi admin usage --sandbox sandbox --from 2026-11-01 --to 2026-11-30")]
    Usage(Days),
    /// Record the compromise of a CA key: for ever. Everything issued under it counts as revoked from then on.
    #[command(
        after_help = "Example:\n  akashi admin compromise --sandbox sandbox sign/1 --confirm sign/1 --because 'its backup was found in an attic'"
    )]
    Compromise {
        /// Which key: `sign/1`.
        #[arg(value_name = "CA/KEY")]
        issuer: String,
        /// The key once more. Nothing takes a compromise back.
        #[arg(long, value_name = "CA/KEY")]
        confirm: String,
        /// How and why.
        #[command(flatten)]
        because: Because,
    },
}

/// A new party.
#[derive(Args, Debug)]
pub struct PartyArguments {
    /// Which door it opens.
    #[arg(long, value_parser = Role::ALL.map(Role::word))]
    role: String,
    /// Its name: an office's, not a person's.
    #[arg(long)]
    name: String,
    /// A desk's municipality (5-digit code).
    #[arg(long, value_name = "CODE")]
    municipality: Option<String>,
    /// A desk's sign: four characters of 0-9A-Z.
    #[arg(long, value_name = "SIGN")]
    desk: Option<String>,
    /// The PKCS #10 request (PEM) for its client certificate; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    csr: PathBuf,
    /// Where the client certificate goes.
    #[command(flatten)]
    certificate: CertificateOut,
    /// How it is asked again.
    #[command(flatten)]
    retry: Retry,
}

/// A party, and why its state changes.
#[derive(Args, Debug)]
pub struct PartyState {
    /// The party's number.
    #[arg(value_name = "PARTY")]
    party: u64,
    /// How and why.
    #[command(flatten)]
    because: Because,
}

/// Why.
#[derive(Args, Debug)]
pub struct Because {
    /// Why. It is recorded in the open part of the log for ever: no personal data, at most 200 characters.
    #[arg(long, value_name = "REASON")]
    because: String,
    /// How it is asked again.
    #[command(flatten)]
    retry: Retry,
}

impl Because {
    /// POST of the reason alone.
    pub(super) fn ask(&self) -> Ask<'_> {
        Ask::change(&self.retry, || Ok(json!({ "because": self.because })))
    }
}

impl PartyArguments {
    fn body(&self) -> Result<Value, CannotAsk> {
        let Self { role, name, municipality, desk, csr, certificate: _, retry: _ } = self;
        let mut body = json!({ "role": role, "name": name, "csr": input::text("the certification request", csr)? });
        for (field, value) in [("municipality", municipality), ("desk", desk)] {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        Ok(body)
    }
}

/// One thing that is shown.
pub(super) const fn one(done: &'static str, fields: &'static [&'static str]) -> Telling {
    Telling { done, fields, rows: None }
}

/// A list.
const fn list(of: &'static str, columns: &'static [&'static str]) -> Telling {
    Telling { done: of, fields: &[], rows: Some((of, columns)) }
}

impl DoorCommand for AdminCommand {
    fn deed(&self) -> Deed<'_> {
        let call = |path: &str, ask, telling| Call {
            role: Role::Admin,
            path: path.to_owned(),
            ask,
            telling,
            certificate: None,
        };
        Deed::Call(match self {
            Self::RegisterParty(party) => Call {
                certificate: Some(&party.certificate),
                ..call("/admin/v1/parties", Ask::change(&party.retry, || party.body()), one("party registered", PARTY))
            },
            Self::Parties => call("/admin/v1/parties", Ask::Read, list("parties", PARTY)),
            Self::Suspend(PartyState { party, because }) => {
                call(&format!("/admin/v1/parties/{party}/suspension"), because.ask(), one("party suspended", PARTY))
            }
            Self::Reinstate(PartyState { party, because }) => {
                call(&format!("/admin/v1/parties/{party}/reinstatement"), because.ask(), one("party reinstated", PARTY))
            }
            Self::RegisterProvider { operator, name, retry } => call(
                "/admin/v1/providers",
                Ask::change(retry, move || Ok(json!({ "operator": operator, "name": name }))),
                one("provider registered", PROVIDER),
            ),
            Self::Providers => call("/admin/v1/providers", Ask::Read, list("providers", PROVIDER)),
            Self::RegisterService { provider, name, retry } => call(
                "/admin/v1/services",
                Ask::change(retry, move || Ok(json!({ "provider": provider, "name": name }))),
                one("service registered", SERVICE),
            ),
            Self::Services => call("/admin/v1/services", Ask::Read, list("services", SERVICE)),
            Self::Usage(days) => call(&days.path("admin"), Ask::Read, USAGE),
            Self::Compromise { issuer, confirm, because: Because { because, retry } } => call(
                &format!("/admin/v1/ca-keys/{issuer}/compromise"),
                Ask::change(retry, move || Ok(json!({ "because": because, "confirm": confirm }))),
                one("compromise recorded", &["ca", "key", "compromised_at", "issuing_key"]),
            ),
        })
    }
}
