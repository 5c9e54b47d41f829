//! `akashi residents`: what the resident register reports.
use std::path::PathBuf;

use clap::Subcommand;
use registry::event::Role;
use serde_json::Value;

use super::batch::register::{ReportBatch, path};
use super::call::{Ask, Call, Deed, DoorCommand, Retry, idempotency_key};
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
    /// Report many changes from a file.
    #[command(
        after_help = "A row has the fields of `akashi residents report --example`; in CSV, a column for each. Rows that were done under the same
number of the same batch are not done again, so after an interruption run the same command.

Examples:
  akashi residents batch --sandbox sandbox changes.csv --batch 2026-11-21 --rejects rejects.csv
  akashi residents batch --sandbox sandbox rejects.csv --batch 2026-11-21
  akashi residents batch --sandbox sandbox changes.jsonl --batch 2026-11-22 --out answers.jsonl --json"
    )]
    Batch(ReportBatch),
    /// Look up how far a batch is.
    #[command(after_help = "Example:\n  akashi residents batch-status --sandbox sandbox 2026-11-21")]
    BatchStatus {
        /// The batch's name.
        #[arg(value_name = "NAME", value_parser = idempotency_key)]
        batch: String,
    },
}

impl DoorCommand for ResidentsCommand {
    fn deed(&self) -> Deed<'_> {
        match self {
            Self::Report { report: None, .. } => Deed::Print(EXAMPLE),
            Self::Report { report: Some(report), example: _, retry } => Deed::Call(Call {
                role: Role::Residents,
                path: "/residents/v1/changes".to_owned(),
                ask: Ask::change(retry, || input::object("the report", report).map(Value::Object)),
                telling: Telling { done: "change recorded", fields: &["visible"], rows: WITHDRAWN },
                certificate: None,
            }),
            Self::Batch(batch) => Deed::ReportBatch(batch),
            Self::BatchStatus { batch } => Deed::Call(Call {
                role: Role::Residents,
                path: path(batch),
                ask: Ask::Read,
                telling: Telling { done: "batch", fields: &["done", "refused", "answered_up_to"], rows: None },
                certificate: None,
            }),
        }
    }
}
