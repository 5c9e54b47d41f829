//! `akashi desk`: what a municipal issuance desk asks.
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pki::identity::Ca;
use registry::event::Role;
use serde_json::{Value, json};

use super::batch::requests::RequestBatch;
use super::call::{Ask, Call, CertificateName, CertificateOut, Deed, DoorCommand, Retry, idempotency_key};
use super::input::{self, CannotAsk};
use super::tell::Telling;

mod receipt;

/// A request for an invented person, without `csr`.
const EXAMPLE: &str = r#"{
  "ca": "auth",
  "municipality": "13221",
  "resident_code": "12345678901",
  "person": {
    "name": "黒桐　幹也",
    "kana": "コクトウ　ミキヤ",
    "sex": "male",
    "birth_date": "1980-02-17",
    "address": "東京都清瀬市観布子南１２－７－２０２"
  },
  "card_expires_on": "2035-02-17"
}
"#;
/// What a desk may give as the cause; the reason follows from it (docs/api.md, "Causes and effects").
const CAUSES: [&str; 8] = [
    "person_request",
    "key_compromise",
    "card_lost",
    "card_found",
    "phone_lost",
    "phone_found",
    "record_error",
    "no_longer_needed",
];
/// Of a certificate, wherever it is shown.
const CERTIFICATE: &[&str] =
    &["ca", "key", "serial", "status", "reason", "since", "municipality", "not_before", "not_after"];
/// Of what was issued, or would be.
const ISSUED: &[&str] = &[
    "ca",
    "key",
    "serial",
    "status",
    "reason",
    "since",
    "municipality",
    "not_before",
    "not_after",
    "repeats",
    "issued",
];
/// Both certificates of a card, or those that would be superseded.
const TOGETHER: Option<(&str, &[&str])> =
    Some(("certificates", &["ca", "key", "serial", "status", "reason", "since", "not_after"]));
/// Of each certificate that a hold, a revocation or a change has met.
pub(super) const WITHDRAWN: Option<(&str, &[&str])> =
    Some(("certificates", &["ca", "key", "serial", "status", "reason", "since"]));

/// Of each certificate of a person.
const FOUND: Option<(&str, &[&str])> = Some((
    "certificates",
    &["ca", "key", "serial", "status", "reason", "since", "municipality", "not_before", "not_after"],
));
/// Of each certificate that expires soon.
const EXPIRING: Option<(&str, &[&str])> =
    Some(("certificates", &["ca", "serial", "status", "not_after", "name", "address", "changed_since", "notified_at"]));

/// What a desk asks.
#[derive(Debug, Subcommand)]
pub enum DeskCommand {
    /// Request a certificate, or both of a card, for the person at the counter.
    #[command(
        after_help = "The request's data is a person's, so it is read from a file or from standard input and never taken as arguments.

Examples:
  akashi desk request --example > request.json
  akashi desk request --sandbox sandbox --request request.json --csr card.csr --out card.pem
  akashi desk request --sandbox sandbox --request request.json --csr-auth auth.csr --csr-sign sign.csr --out card.pem
  akashi desk request --sandbox sandbox --request request.json --csr card.csr --dry-run
  akashi desk request --sandbox sandbox --request - --ca sign --csr card.csr --idempotency-key counter-3-0001 --json"
    )]
    Request(RequestArguments),
    /// Request certificates for many people, or revoke many, from a file.
    #[command(
        after_help = "A row has the fields of `akashi desk request --example` and `csr`, PEM or a path relative to FILE; in CSV, columns such as
person.name. With `kind` revoke it has ca, serial and cause. Rows that are done are passed over when the command is run
again, and rows that are refused go into --rejects, to be corrected and run with the same --batch and --out.

Examples:
  akashi desk batch --sandbox sandbox requests.csv --batch kiyose-1 --out issued --rejects rejects.csv
  akashi desk batch --sandbox sandbox requests.jsonl --batch kiyose-2 --out issued --jobs 8 --json"
    )]
    Batch(RequestBatch),
    /// Get a certificate and its status again.
    #[command(after_help = "Example:\n  akashi desk certificate --sandbox sandbox auth 3 --out card.pem")]
    Certificate {
        /// Which one.
        #[command(flatten)]
        name: CertificateName,
        /// Where it goes.
        #[command(flatten)]
        certificate: CertificateOut,
    },
    /// Revoke a certificate.
    #[command(after_help = "Examples:
  akashi desk revoke --sandbox sandbox auth 3 --cause card_lost
  akashi desk revoke --sandbox sandbox auth 3 --cause card_found --dry-run")]
    Revoke {
        /// Which one.
        #[command(flatten)]
        name: CertificateName,
        /// Why; the reason in CRLs and OCSP answers follows from it.
        #[arg(long, value_parser = CAUSES)]
        cause: String,
        /// Record nothing; tell what would be.
        #[command(flatten)]
        trial: Trial,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
    /// Get the answer of an earlier request by its idempotency key.
    #[command(after_help = "Example:\n  akashi desk lookup-request --sandbox sandbox counter-3-0001 --out card.pem")]
    LookupRequest {
        /// The request's idempotency key.
        #[arg(id = "request_key", value_name = "KEY", value_parser = idempotency_key)]
        key: String,
        /// Where the certificate goes.
        #[command(flatten)]
        certificate: CertificateOut,
    },
    /// Find a person's certificates by the resident code.
    #[command(after_help = "Example:\n  akashi desk search --sandbox sandbox --resident-code-file person.txt")]
    Search {
        /// A file that holds the person's resident code (11 digits) and nothing else; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        resident_code_file: PathBuf,
    },
    /// Print the record of an issue (発行控え) for its holder.
    #[command(after_help = "Examples:
  akashi desk receipt --sandbox sandbox auth 3 > receipt.txt
  akashi desk receipt --sandbox sandbox auth 3 --json")]
    Receipt {
        /// Of which certificate.
        #[command(flatten)]
        name: CertificateName,
    },
    /// List a page of the municipality's certificates that expire soon.
    #[command(after_help = "Examples:
  akashi desk expiring --sandbox sandbox
  akashi desk expiring --sandbox sandbox --months 3 --notified false --limit 500 --json > page.json")]
    Expiring(ExpiringArguments),
    /// Mark the certificates of a page whose holders were sent a notice.
    #[command(after_help = "Examples:
  akashi desk mark-notified --sandbox sandbox --page page.json
  akashi desk mark-notified --sandbox sandbox --page page.json --dry-run")]
    MarkNotified {
        /// A page as `akashi desk expiring --json` prints it, or what of it was sent; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        page: PathBuf,
        /// Record nothing; tell what would be.
        #[command(flatten)]
        trial: Trial,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
}

/// Whether a change is only tried.
#[derive(Args, Clone, Copy, Debug)]
pub struct Trial {
    /// Record nothing; tell what would be. Then give the same command without it.
    #[arg(long)]
    dry_run: bool,
}

impl Trial {
    fn path(self, path: String) -> String {
        if self.dry_run { path + "?dry_run=true" } else { path }
    }

    const fn told(self, done: &'static str) -> &'static str {
        if self.dry_run { "dry run: nothing is recorded" } else { done }
    }
}

/// Which part of the list.
#[derive(Args, Debug)]
pub struct ExpiringArguments {
    /// Certificates in their last so many months, 1 to 6; 3 if it is left out.
    #[arg(long)]
    months: Option<u32>,
    /// `next` of the page before.
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// How many certificates are looked at for the page, 1 to 500; 100 if it is left out.
    #[arg(long)]
    limit: Option<u32>,
    /// `false`: only those whose holders were sent no notice; `true`: only the others.
    #[arg(long)]
    notified: Option<bool>,
}

impl ExpiringArguments {
    fn path(&self) -> String {
        let after = self.after.as_ref().map(|after| utf8_percent_encode(after, NON_ALPHANUMERIC).to_string());
        let texts = [
            ("months", self.months.map(|months| months.to_string())),
            ("after", after),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("notified", self.notified.map(|notified| notified.to_string())),
        ];
        let given: Vec<_> =
            texts.iter().filter_map(|(name, text)| Some(format!("{name}={}", text.as_ref()?))).collect();
        let query = if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) };
        format!("/desk/v1/expiring{query}")
    }
}

/// The certificates of a page, by CA and serial.
fn of_the_page(path: &Path) -> Result<Value, CannotAsk> {
    let page = input::object("the page", path)?;
    let name = |one: &Value| json!({ "ca": one["ca"], "serial": one["serial"] });
    let certificates: Vec<_> =
        page.get("certificates").and_then(Value::as_array).into_iter().flatten().map(name).collect();
    Ok(json!({ "certificates": certificates }))
}

/// What a request is made of.
#[derive(Args, Debug)]
pub struct RequestArguments {
    /// The request as JSON (see --example); `-` is standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    request: Option<PathBuf>,
    /// `sign` (signature certificate) or `auth` (user certificate), in the place of the request's field `ca`.
    #[arg(long)]
    ca: Option<Ca>,
    /// The card's PKCS #10 request (PEM), in the place of the request's field `csr`; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// For both certificates of a card at once: the PKCS #10 request (PEM) for the user certificate's key.
    #[arg(long, value_name = "FILE", requires = "csr_sign", conflicts_with_all = ["csr", "ca"])]
    csr_auth: Option<PathBuf>,
    /// For both certificates of a card at once: the PKCS #10 request (PEM) for the signature certificate's key.
    #[arg(long, value_name = "FILE", requires = "csr_auth")]
    csr_sign: Option<PathBuf>,
    /// Whether it is only tried.
    #[command(flatten)]
    trial: Trial,
    /// Print a request for an invented person, to be edited, and ask nobody. Its `csr` comes from --csr.
    #[arg(long, conflicts_with = "request")]
    example: bool,
    /// Where the certificate goes.
    #[command(flatten)]
    certificate: CertificateOut,
    /// How it is asked again.
    #[command(flatten)]
    retry: Retry,
}

impl RequestArguments {
    fn body(&self) -> Result<Value, CannotAsk> {
        let files = [&self.request, &self.csr, &self.csr_auth, &self.csr_sign];
        input::once_from_standard_input(&files.map(|file| file.as_deref()))?;
        let mut body = match &self.request {
            Some(path) => input::object("the request", path)?,
            None => serde_json::Map::new(),
        };
        if let Some(ca) = self.ca {
            body.insert("ca".to_owned(), json!(ca.word()));
        }
        if let Some(path) = &self.csr {
            body.insert("csr".to_owned(), json!(input::text("the certification request", path)?));
        }
        if let (Some(auth), Some(sign)) = (&self.csr_auth, &self.csr_sign) {
            let text = |path| input::text("the certification request", path);
            body.insert("csrs".to_owned(), json!({ "auth": text(auth)?, "sign": text(sign)? }));
            body.remove("ca");
        }
        Ok(Value::Object(body))
    }
}

impl DoorCommand for DeskCommand {
    fn deed(&self) -> Deed<'_> {
        let got = |path, certificate| Call {
            role: Role::Desk,
            path,
            ask: Ask::Read,
            telling: Telling { done: "certificate", fields: CERTIFICATE, rows: None },
            certificate: Some(certificate),
        };
        Deed::Call(match self {
            Self::Request(RequestArguments { example: true, .. }) => return Deed::Print(EXAMPLE),
            Self::Batch(batch) => return Deed::RequestBatch(batch),
            Self::Request(request) => Call {
                role: Role::Desk,
                path: request.trial.path("/desk/v1/certificates".to_owned()),
                ask: Ask::change(&request.retry, || request.body()),
                telling: Telling { done: request.trial.told("certificate issued"), fields: ISSUED, rows: TOGETHER },
                certificate: Some(&request.certificate).filter(|_| !request.trial.dry_run),
            },
            Self::Certificate { name: CertificateName { ca, serial }, certificate } => {
                got(format!("/desk/v1/certificates/{ca}/{serial}"), certificate)
            }
            Self::Revoke { name: CertificateName { ca, serial }, cause, trial, retry } => Call {
                role: Role::Desk,
                path: trial.path(format!("/desk/v1/certificates/{ca}/{serial}/revocation")),
                ask: Ask::change(retry, move || Ok(json!({ "cause": cause }))),
                telling: Telling {
                    done: trial.told("revocation recorded"),
                    fields: &["visible", "repeats"],
                    rows: WITHDRAWN,
                },
                certificate: None,
            },
            Self::Search { resident_code_file } => Call {
                role: Role::Desk,
                path: "/desk/v1/searches".to_owned(),
                ask: Ask::Question(Box::new(move || {
                    Ok(json!({ "resident_code": input::resident_code(resident_code_file)? }))
                })),
                telling: Telling { done: "certificates", fields: &[], rows: FOUND },
                certificate: None,
            },
            Self::Receipt { name: CertificateName { ca, serial } } => {
                let call = Call {
                    role: Role::Desk,
                    path: format!("/desk/v1/certificates/{ca}/{serial}/receipt"),
                    ask: Ask::Read,
                    telling: Telling { done: "receipt", fields: &[], rows: None },
                    certificate: None,
                };
                return Deed::Paper(call, receipt::text);
            }
            Self::Expiring(asked) => Call {
                role: Role::Desk,
                path: asked.path(),
                ask: Ask::Read,
                telling: Telling { done: "page of the list", fields: &["next"], rows: EXPIRING },
                certificate: None,
            },
            Self::MarkNotified { page, trial, retry } => Call {
                role: Role::Desk,
                path: trial.path("/desk/v1/expiring/notified".to_owned()),
                ask: Ask::change(retry, || of_the_page(page)),
                telling: Telling {
                    done: trial.told("notices recorded"),
                    fields: &["notified", "notified_at", "repeats"],
                    rows: None,
                },
                certificate: None,
            },
            Self::LookupRequest { key, certificate } => {
                got(format!("/desk/v1/requests/{}", utf8_percent_encode(key, NON_ALPHANUMERIC)), certificate)
            }
        })
    }
}
