//! `akashi residents`: what the resident register reports.
use std::path::PathBuf;

use clap::Subcommand;
use registry::event::Role;
use serde_json::Value;

use super::call::{Ask, Call, Deed, DoorCommand, Retry};
use super::desk::WITHDRAWN;
use super::input;
use super::tell::Telling;

/// A report about an invented person.
const EXAMPLE: &str = r#"{
  "resident_code": "12345678901",
  "change": "moved",
  "effective_on": "2026-11-21"
}
"#;

/// What the register reports.
#[derive(Debug, Subcommand)]
pub enum ResidentsCommand {
    /// Report a change of a person's record.
    #[command(
        after_help = "The report's data is a person's, so it is read from a file or from standard input and never taken as arguments.
`change` is one of moved, name_changed, sex_corrected, birth_date_corrected, died, left_japan, left_japan_keeping_card,
minor_address_correction.

Examples:
  akashi residents report --example > change.json
  akashi residents report --sandbox sandbox --report change.json
  akashi residents report --sandbox sandbox --report - --idempotency-key change-0001 --json"
    )]
    Report {
        /// The report as JSON (see --example); `-` is standard input.
        #[arg(long, value_name = "FILE", required_unless_present = "example")]
        report: Option<PathBuf>,
        /// Print a report about an invented person, to be edited, and ask nobody.
        #[arg(long, conflicts_with = "report")]
        example: bool,
        /// How it is asked again.
        #[command(flatten)]
        retry: Retry,
    },
}

impl DoorCommand for ResidentsCommand {
    fn deed(&self) -> Deed<'_> {
        let Self::Report { report, example: _, retry } = self;
        let Some(report) = report else { return Deed::Print(EXAMPLE) };
        Deed::Call(Call {
            role: Role::Residents,
            path: "/residents/v1/changes".to_owned(),
            ask: Ask::change(retry, || input::object("the report", report).map(Value::Object)),
            telling: Telling { done: "change recorded", fields: &["visible"], rows: WITHDRAWN },
            certificate: None,
        })
    }
}
