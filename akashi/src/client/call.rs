//! What every call has.
use std::path::PathBuf;

use clap::Args;
use pki::identity::{Ca, Serial};
use registry::event::Role;
use serde_json::Value;

use super::batch::register::ReportBatch;
use super::batch::requests::RequestBatch;
use super::input::CannotAsk;
use super::tell::Telling;

/// As long as the doors take.
const IDEMPOTENCY_KEY_OCTETS_MAX: usize = 128;
/// Of a key made here: nobody makes the same one twice.
const FRESH_KEY_OCTETS: usize = 16;

/// A command of a door.
pub trait DoorCommand {
    /// What it does.
    fn deed(&self) -> Deed<'_>;
}

/// What a command does.
pub enum Deed<'a> {
    /// It prints this text and asks nobody.
    Print(&'static str),
    /// It calls.
    Call(Call<'a>),
    /// It calls, and prints what that makes of the answer instead of telling its fields.
    Paper(Call<'a>, fn(&Value) -> String),
    /// It reports the rows of a file.
    ReportBatch(&'a ReportBatch),
    /// It requests what the rows of a file say.
    RequestBatch(&'a RequestBatch),
}

impl Deed<'_> {
    /// Method and path of what is called, if anything is.
    pub fn called(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Print(_) => None,
            Self::Call(call) | Self::Paper(call, _) => Some((call.ask.method(), call.path.clone())),
            Self::ReportBatch(batch) => Some(batch.call()),
            Self::RequestBatch(batch) => Some(batch.call()),
        }
    }
}

/// One call of a door.
pub struct Call<'a> {
    /// Whose client certificate a sandbox is asked for.
    pub role: Role,
    /// Path of the call.
    pub path: String,
    /// Method and body.
    pub ask: Ask<'a>,
    /// How people are told the answer.
    pub telling: Telling,
    /// Where the answer's certificate goes, if what is asked for is one.
    pub certificate: Option<&'a CertificateOut>,
}

/// Method and body. Bodies are read when it is sure that somebody can be asked.
pub enum Ask<'a> {
    /// GET.
    Read,
    /// POST of what may not stand in a URL; it changes nothing.
    Question(Box<dyn FnOnce() -> Result<Value, CannotAsk> + 'a>),
    /// POST.
    Change {
        /// Its idempotency key.
        retry: &'a Retry,
        /// What is sent.
        body: Box<dyn FnOnce() -> Result<Value, CannotAsk> + 'a>,
    },
}

impl<'a> Ask<'a> {
    /// POST of what this gives.
    pub fn change(retry: &'a Retry, body: impl FnOnce() -> Result<Value, CannotAsk> + 'a) -> Self {
        Self::Change { retry, body: Box::new(body) }
    }

    /// The HTTP method.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Read => "GET",
            Self::Question(_) | Self::Change { .. } => "POST",
        }
    }
}

/// How a change is asked again without being made twice.
#[derive(Args, Debug)]
pub struct Retry {
    /// The request's idempotency key: 1 to 128 visible ASCII characters. Give the same one to ask again after a lost
    /// answer. Without it a new one is made at random and told on standard error.
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    idempotency_key: Option<String>,
}

impl Retry {
    /// The one given, or a new one; a new one is told before anybody is asked, so that no crash loses it.
    pub(super) fn key(&self, randomness: &hsm_mock::Randomness) -> Result<String, CannotAsk> {
        if let Some(key) = &self.idempotency_key {
            return Ok(key.clone());
        }
        let mut octets = [0; FRESH_KEY_OCTETS];
        randomness.fill(&mut octets).map_err(|_| CannotAsk::Randomness)?;
        let key = format!("{:032x}", u128::from_be_bytes(octets));
        eprintln!("idempotency key: {key}");
        Ok(key)
    }
}

/// What the doors take as an idempotency key.
pub(super) fn idempotency_key(text: &str) -> Result<String, &'static str> {
    let visible = text.bytes().all(|octet| octet.is_ascii_graphic());
    if visible && (1..=IDEMPOTENCY_KEY_OCTETS_MAX).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("give 1 to 128 visible ASCII characters")
    }
}

/// A certificate by its CA and serial.
#[derive(Args, Clone, Copy, Debug)]
pub struct CertificateName {
    /// `sign` (signature certificates) or `auth` (user certificates).
    #[arg(value_name = "CA")]
    pub ca: Ca,
    /// 発行番号, decimal.
    #[arg(value_name = "SERIAL")]
    pub serial: Serial,
}

/// Where a certificate goes.
#[derive(Args, Debug)]
pub struct CertificateOut {
    /// Write the certificate (PEM) into this file, readable by you alone, instead of after the lines on standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
