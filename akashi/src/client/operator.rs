//! `akashi operator`: what a platform operator (署名検証者) asks.
use clap::Subcommand;
use pki::identity::{Ca, Serial};
use registry::event::Role;
use serde_json::json;

use super::call::{Ask, Call, Deed, DoorCommand, Retry};
use super::signed::Signed;
use super::tell::Telling;
use super::usage::{Days, USAGE};

/// Of a consent, wherever it is shown.
const CONSENT: &[&str] = &["consent", "service", "items", "state", "in_force_from", "in_force_until", "withdrawn_at"];
/// Of a disclosure. What the person has not consented to is not in it.
const DISCLOSURE: &[&str] = &[
    "disclosure",
    "consent",
    "service",
    "newer",
    "certificate.ca",
    "certificate.key",
    "certificate.serial",
    "info.name",
    "info.name_substitutions",
    "info.kana",
    "info.former_name",
    "info.former_name_substitutions",
    "info.former_name_kana",
    "info.address",
    "info.address_substitutions",
    "info.birth_date",
    "info.sex",
];

/// What a platform operator asks.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Hand in a person's signed application to consent (利用者同意).
    #[command(after_help = "Example:
  akashi operator consent --sandbox sandbox --application application.xml --signature application.sig --form raw --certificate sign.pem")]
    Consent(Signed),
    /// Hand in a person's signed application to withdraw consent (利用者同意取消).
    #[command(after_help = "Example:
  akashi operator withdraw-consent --sandbox sandbox --application withdrawal.xml --signature withdrawal.p7s --form cms --certificate sign.pem")]
    WithdrawConsent(Signed),
    /// Ask what has become of a consent.
    #[command(after_help = "Example:\n  akashi operator consent-status --sandbox sandbox 1")]
    ConsentStatus {
        /// The consent's number.
        #[arg(value_name = "CONSENT")]
        consent: u64,
    },
    /// Get a person's latest 4 info, as far as the person has consented.
    #[command(after_help = "Example:\n  akashi operator latest-info --sandbox sandbox --service 1 --serial 3")]
    LatestInfo {
        /// The service's number.
        #[arg(long)]
        service: u64,
        /// The CA of the certificate that the operator knows: `sign` or `phone-sign`.
        #[arg(long, default_value_t = Ca::Sign)]
        ca: Ca,
        /// Its serial.
        #[arg(long)]
        serial: Serial,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
    /// Look up how many certificates' statuses OCSP told you, as far as it is recorded.
    #[command(after_help = "Example:\n  akashi operator usage --sandbox sandbox --from 2026-11-01 --to 2026-11-30")]
    Usage(Days),
}

impl DoorCommand for OperatorCommand {
    fn deed(&self) -> Deed<'_> {
        let call = |path: &str, ask, telling| {
            Deed::Call(Call { role: Role::Operator, path: path.to_owned(), ask, telling, certificate: None })
        };
        match self {
            Self::Consent(signed) => call(
                "/operators/v1/consents",
                Ask::change(&signed.retry, || signed.body()),
                Telling { done: "consent recorded", fields: CONSENT, rows: None },
            ),
            Self::WithdrawConsent(signed) => call(
                "/operators/v1/consent-withdrawals",
                Ask::change(&signed.retry, || signed.body()),
                Telling { done: "consent withdrawn", fields: &["service", "withdrawn", "withdrawn_at"], rows: None },
            ),
            Self::ConsentStatus { consent } => call(
                &format!("/operators/v1/consents/{consent}"),
                Ask::Read,
                Telling { done: "consent", fields: CONSENT, rows: None },
            ),
            Self::Usage(days) => call(&days.path("operators"), Ask::Read, USAGE),
            Self::LatestInfo { service, ca, serial, retry } => call(
                "/operators/v1/latest-info",
                Ask::change(retry, move || {
                    Ok(json!({ "service": service, "ca": ca.word(), "serial": serial.to_string() }))
                }),
                Telling { done: "disclosed", fields: DISCLOSURE, rows: None },
            ),
        }
    }
}
