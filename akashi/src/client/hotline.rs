//! `akashi hotline`: what the loss line asks.
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pki::identity::{Ca, IdentityError, Serial};
use registry::event::Role;
use serde_json::{Value, json};

use super::call::{Ask, Call, Deed, DoorCommand, Retry};
use super::desk::WITHDRAWN;
use super::input::{self, CannotAsk};
use super::tell::Telling;

/// What the loss line asks.
#[derive(Debug, Subcommand)]
pub enum HotlineCommand {
    /// Hold all certificates of a person's card or phone, or one.
    #[command(after_help = "Examples:
  akashi hotline hold --sandbox sandbox --resident-code-file caller.txt
  akashi hotline hold --sandbox sandbox --resident-code-file - --json
  akashi hotline hold --sandbox sandbox --resident-code-file caller.txt --device phone
  akashi hotline hold --sandbox sandbox --certificate sign 3")]
    Hold {
        /// Of whom, or which.
        #[command(flatten)]
        held: Held,
        /// What the person lost: the card, or the phone.
        #[arg(long, value_parser = ["card", "phone"], default_value = "card", conflicts_with = "certificate")]
        device: String,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
}

/// A person, or one certificate.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Held {
    /// A file that holds the person's resident code (11 digits) and nothing else; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    resident_code_file: Option<PathBuf>,
    /// One certificate, by CA and serial.
    #[arg(long, num_args = 2, value_names = ["CA", "SERIAL"])]
    certificate: Option<Vec<String>>,
}

impl Held {
    fn body(&self, device: &str) -> Result<Value, CannotAsk> {
        if let Some([ca, serial]) = self.certificate.as_deref() {
            let usage = |error: IdentityError| CannotAsk::Usage(error.to_string());
            let (ca, serial): (Ca, Serial) = (ca.parse().map_err(usage)?, serial.parse().map_err(usage)?);
            return Ok(json!({ "ca": ca.word(), "serial": serial.to_string() }));
        }
        let code = self.resident_code_file.as_deref().map(input::resident_code).transpose()?;
        Ok(json!({ "resident_code": code, "device": device }))
    }
}

impl DoorCommand for HotlineCommand {
    fn deed(&self) -> Deed<'_> {
        let Self::Hold { held, device, retry } = self;
        Deed::Call(Call {
            role: Role::Hotline,
            path: "/hotline/v1/holds".to_owned(),
            ask: Ask::change(retry, || held.body(device)),
            telling: Telling { done: "hold recorded", fields: &["visible"], rows: WITHDRAWN },
            certificate: None,
        })
    }
}
