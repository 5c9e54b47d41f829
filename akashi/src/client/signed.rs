//! What a person signed, as files.
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::call::Retry;
use super::input::{self, CannotAsk};

/// A signed application.
#[derive(Args, Debug)]
pub struct Signed {
    /// The application (XML), with the very octets that were signed; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
    /// The signature, as octets.
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// What the signature is: `raw`, the bare signature (openssl dgst -sha256 -sign), or `cms`, a detached CMS SignedData
    /// in DER (openssl cms -sign -binary -outform DER).
    #[arg(long, value_parser = ["raw", "cms"])]
    form: String,
    /// The person's signature certificate (PEM).
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// How it is asked again.
    #[command(flatten)]
    pub(super) retry: Retry,
}

impl Signed {
    /// What is sent.
    pub(super) fn body(&self) -> Result<Value, CannotAsk> {
        let Self { application, signature, form, certificate, retry: _ } = self;
        input::once_from_standard_input(&[Some(application), Some(signature), Some(certificate)])?;
        Ok(json!({
            "application": STANDARD.encode(input::octets("the application", application)?),
            "signature": STANDARD.encode(input::octets("the signature", signature)?),
            "signature_form": form,
            "certificate": input::text("the certificate", certificate)?,
        }))
    }
}
