//! `akashi desk`: what a municipal issuance desk asks.
use std::path::PathBuf;

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pki::identity::Ca;
use registry::event::Role;
use serde_json::{Value, json};

use super::batch::requests::RequestBatch;
use super::call::{Ask, Call, CertificateName, CertificateOut, Deed, DoorCommand, Retry, idempotency_key};
use super::input::{self, CannotAsk};
use super::tell::Telling;

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
const CAUSES: [&str; 7] =
    ["person_request", "key_compromise", "card_lost", "phone_lost", "phone_found", "record_error", "no_longer_needed"];
/// Of a certificate, wherever it is shown.
const CERTIFICATE: &[&str] =
    &["ca", "key", "serial", "status", "reason", "since", "municipality", "not_before", "not_after"];
/// Of each certificate that a hold, a revocation or a change has met.
pub(super) const WITHDRAWN: Option<(&str, &[&str])> =
    Some(("certificates", &["ca", "key", "serial", "status", "reason", "since"]));

/// What a desk asks.
#[derive(Debug, Subcommand)]
pub enum DeskCommand {
    /// Request a certificate for the person at the counter.
    #[command(
        after_help = "The request's data is a person's, so it is read from a file or from standard input and never taken as arguments.

Examples:
  akashi desk request --example > request.json
  akashi desk request --sandbox sandbox --request request.json --csr card.csr --out card.pem
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
    #[command(after_help = "Example:\n  akashi desk revoke --sandbox sandbox auth 3 --cause card_lost")]
    Revoke {
        /// Which one.
        #[command(flatten)]
        name: CertificateName,
        /// Why; the reason in CRLs and OCSP answers follows from it.
        #[arg(long, value_parser = CAUSES)]
        cause: String,
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
        input::once_from_standard_input(&[self.request.as_deref(), self.csr.as_deref()])?;
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
                path: "/desk/v1/certificates".to_owned(),
                ask: Ask::change(&request.retry, || request.body()),
                telling: Telling { done: "certificate issued", fields: CERTIFICATE, rows: None },
                certificate: Some(&request.certificate),
            },
            Self::Certificate { name: CertificateName { ca, serial }, certificate } => {
                got(format!("/desk/v1/certificates/{ca}/{serial}"), certificate)
            }
            Self::Revoke { name: CertificateName { ca, serial }, cause, retry } => Call {
                role: Role::Desk,
                path: format!("/desk/v1/certificates/{ca}/{serial}/revocation"),
                ask: Ask::change(retry, move || Ok(json!({ "cause": cause }))),
                telling: Telling { done: "revocation recorded", fields: &["visible"], rows: WITHDRAWN },
                certificate: None,
            },
            Self::LookupRequest { key, certificate } => {
                got(format!("/desk/v1/requests/{}", utf8_percent_encode(key, NON_ALPHANUMERIC)), certificate)
            }
        })
    }
}
