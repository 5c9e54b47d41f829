//! `akashi residents batch`: a day's changes and deaths in one call, or as many as it takes.
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::rows::{Row, Table};
use super::{BatchArguments, Counts, conclude, not_written, private_file};
use crate::client::http::{Client, ClientError, Streamed};
use crate::client::input::CannotAsk;
use crate::client::tell::{Ending, Output, Telling};
use crate::progress::Phase;

/// Rows in one call: the door takes four times as many.
const ROWS_PER_CALL: usize = 50_000;
/// What is told of a batch that is refused whole, which is its problem.
const REFUSED: Telling = Telling { done: "", fields: &[], rows: None };

/// A batch of reports.
#[derive(Args, Debug)]
pub struct ReportBatch {
    /// What every batch has.
    #[command(flatten)]
    batch: BatchArguments,
    /// Write every row's answer into this file, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The call's path.
pub fn path(batch: &str) -> String {
    format!("/residents/v1/batches/{}", utf8_percent_encode(batch, NON_ALPHANUMERIC))
}

impl ReportBatch {
    /// Method and path of its call.
    pub fn call(&self) -> (&'static str, String) {
        ("POST", path(&self.batch.name))
    }

    /// Sends all rows. Where the connection breaks off, what has no answer yet is sent again, as long as it gets on.
    pub(in crate::client) async fn run(&self, mut client: Client, output: Output) -> Result<Ending, CannotAsk> {
        let table = Table::read(&self.batch.file)?;
        let mut answers = Answers::new(&table, self.out.as_ref())?;
        let phase = Phase::batch("reports", table.rows.len());
        loop {
            let unanswered = answers.unanswered();
            if unanswered.is_empty() {
                break;
            }
            let lines = unanswered.iter().map(|index| line_of(&table.rows[*index])).collect::<String>();
            answers.begin(unanswered);
            let sent = client
                .post_lines(&path(&self.batch.name), lines.into(), &mut |line| {
                    if answers.take(&line) {
                        phase.step();
                    }
                })
                .await;
            answers.written()?;
            match sent {
                Ok(Streamed::Whole) => {}
                Ok(Streamed::Answered(reply)) => return output.reply(&REFUSED, &reply, None, None),
                Err(error) if answers.came == 0 => return Err(error.into()),
                Err(error) if error.is_of_the_connection() => {}
                Err(error) => return Err(error.into()),
            }
            if answers.came == 0 {
                let broken = "the server ended the answer without answering a row".to_owned();
                return Err(ClientError::Interrupted(broken).into());
            }
        }
        drop(phase);
        let Answers { counts, rejects, visible, .. } = answers;
        conclude(output, &self.batch, &table, counts, rejects, Some(visible))
    }
}

fn line_of(Row { number, fields, .. }: &Row) -> String {
    let mut row = fields.clone();
    row.insert("row".to_owned(), json!(number));
    format!("{}\n", Value::Object(row))
}

/// What came so far.
struct Answers<'a> {
    table: &'a Table,
    indices: HashMap<u32, usize>,
    answered: Vec<bool>,
    /// What this call asks for.
    asked: Vec<usize>,
    /// How many of those were answered.
    came: usize,
    counts: Counts,
    rejects: Vec<(usize, Value)>,
    visible: bool,
    out: Option<(&'a PathBuf, BufWriter<File>)>,
    failed: Option<CannotAsk>,
}

impl<'a> Answers<'a> {
    fn new(table: &'a Table, out: Option<&'a PathBuf>) -> Result<Self, CannotAsk> {
        let out = match out {
            Some(path) => Some((path, BufWriter::new(private_file(path, false)?))),
            None => None,
        };
        let numbered = table.rows.iter().enumerate().map(|(index, row)| (row.number, index));
        Ok(Self {
            table,
            indices: numbered.collect(),
            answered: vec![false; table.rows.len()],
            asked: Vec::new(),
            came: 0,
            counts: Counts::default(),
            rejects: Vec::new(),
            visible: true,
            out,
            failed: None,
        })
    }

    fn unanswered(&self) -> Vec<usize> {
        (0..self.table.rows.len()).filter(|index| !self.answered[*index]).take(ROWS_PER_CALL).collect()
    }

    fn begin(&mut self, asked: Vec<usize>) {
        self.asked = asked;
        self.came = 0;
    }

    /// Takes a line; whether it answers a row.
    fn take(&mut self, line: &Value) -> bool {
        if let Some(visible) = line["summary"]["visible"].as_bool() {
            self.visible &= visible;
        }
        let by_number = line["row"].as_u64().and_then(|row| u32::try_from(row).ok());
        // A row that could not be read as one is told by its line.
        let by_line = || self.asked.get(usize::try_from(line["line"].as_u64()?).ok()?.checked_sub(1)?).copied();
        let index = by_number.and_then(|row| self.indices.get(&row).copied()).or_else(by_line);
        let Some(index) = index.filter(|index| !self.answered[*index]) else { return false };
        self.answered[index] = true;
        self.came += 1;
        if let Some((path, out)) = &mut self.out
            && let Err(source) = writeln!(out, "{line}")
        {
            self.failed = Some(not_written(path, source));
        }
        match line["status"].as_u64() {
            Some(200..=299) => self.counts.done += 1,
            Some(500..) | None => self.counts.not_now += 1,
            Some(_) => self.rejects.push((index, line["problem"].clone())),
        }
        true
    }

    /// Nothing of the file of answers is held back any more.
    fn written(&mut self) -> Result<(), CannotAsk> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        match &mut self.out {
            Some((path, out)) => out.flush().map_err(|source| not_written(path, source)),
            None => Ok(()),
        }
    }
}
