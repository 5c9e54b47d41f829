//! Batches: many rows from one file, each with an answer of its own; what is refused goes into a file of the same form, to be
//! corrected and run again.
//!
//! | module | what it does |
//! |---|---|
//! | [`rows`] | the file: CSV or JSON Lines |
//! | [`register`] | `akashi residents batch` |
//! | [`requests`] | `akashi desk batch`; [`journal`] what it has done already |
pub mod journal;
pub mod register;
pub mod requests;
pub mod rows;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::call::idempotency_key;
use super::input::CannotAsk;
use super::tell::{Ending, Output, print};
use rows::Table;

/// Refused rows that are told on standard error where no file takes them.
const TOLD_MAX: usize = 20;

/// What every batch has.
#[derive(Args, Debug)]
pub struct BatchArguments {
    /// The rows: CSV with a header where the name ends with .csv, else JSON Lines. A row's number is its field `row`, or its place
    /// in the file, from 1.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The batch's name: 1 to 128 visible ASCII characters, no personal data. Row and name together are what a row is known by, so
    /// the same name continues a batch.
    #[arg(long = "batch", value_name = "NAME", value_parser = idempotency_key)]
    name: String,
    /// Write refused rows into this file, in the form of FILE, each with its problem beside it: correct and run it as it is.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// How many rows ended in what way.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    done: usize,
    not_now: usize,
}

/// A row that was refused: its index in the table, and the problem.
type Reject = (usize, Value);

/// Writes the rejects, tells the counts, and gives how the command ends.
fn conclude(
    output: Output,
    arguments: &BatchArguments,
    table: &Table,
    counts: Counts,
    mut rejects: Vec<Reject>,
    visible: Option<bool>,
) -> Result<Ending, CannotAsk> {
    rejects.sort_by_key(|(index, _)| *index);
    if let Some(path) = &arguments.rejects {
        table.write_rejects(path, &rejects)?;
    } else {
        for (index, problem) in rejects.iter().take(TOLD_MAX) {
            let text = |field: &str| problem[field].as_str().unwrap_or_default();
            eprintln!("akashi: row {}: {}: {}", table.rows[*index].number, text("title"), text("detail"));
        }
        if rejects.len() > TOLD_MAX {
            eprintln!("akashi: {} more were refused; --rejects FILE takes all", rejects.len() - TOLD_MAX);
        }
    }
    let Counts { done, not_now } = counts;
    let mut told = json!({ "rows": table.rows.len(), "done": done, "refused": rejects.len(), "not_now": not_now });
    if let Some(visible) = visible {
        told["visible"] = json!(visible);
    }
    if output.is_json() {
        print(&format!("{told}\n"))?;
    } else {
        let fields = ["rows", "done", "refused", "not_now", "visible"];
        let fields = fields.iter().filter_map(|field| Some(format!("{field}: {}\n", told.get(field)?)));
        print(&fields.collect::<String>())?;
    }
    if not_now > 0 || visible == Some(false) {
        eprintln!("akashi: run the same command again; what is done is not done twice");
        return Ok(Ending::AskAgain);
    }
    Ok(if rejects.is_empty() { Ending::Done } else { Ending::Refused })
}

/// A file that its owner alone can read: rows and answers are about persons.
fn private_file(path: &Path, append: bool) -> Result<File, CannotAsk> {
    let mut options = OpenOptions::new();
    options.create(true).append(append).write(true).truncate(!append).mode(0o600);
    options.open(path).map_err(|source| not_written(path, source))
}

fn not_written(path: &Path, source: std::io::Error) -> CannotAsk {
    CannotAsk::NotWritten { path: path.to_owned(), source }
}
