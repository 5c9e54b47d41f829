//! The resident register's batches: a day's changes and deaths in one call, each row judged, done once and answered by
//! itself. Party, batch and row are what an idempotency key is elsewhere.
mod answer;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use pki::algorithm::sha256;
use registry::Transaction;
use registry::batch::{BatchHash, DoneRow, RefusedRow, RowRecord, ToldCertificate};
use registry::event::{Event, PartyId};
use registry::state::StateReads;
use serde::Deserialize;
use utoipa::ToSchema;

use answer::Name;
pub(crate) use answer::{BatchEnd, BatchStanding};
pub use answer::{RowAnswer, Tally};

use super::{Change, Report};
use crate::answer::Answer;
use crate::authority::{Authority, Caller, Ruling};
use crate::doors::forms::{Day, ResidentCode};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::seam::StepHook;
use crate::withdraw::VISIBLE_AT_MOST;

/// Enough that a commit's sync weighs little on each row; few enough that a call at another door waits for the writer
/// a few hundredths of a second.
pub const ROWS_PER_COMMIT: usize = 256;
/// As long as idempotency keys.
const NAME_OCTETS_MAX: usize = 128;

/// What the register calls a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchName(String);

impl BatchName {
    /// A name of 1 to 128 visible ASCII characters.
    pub fn new(name: String) -> Result<Self, Problem> {
        let visible = name.bytes().all(|octet| octet.is_ascii_graphic());
        if visible && (1..=NAME_OCTETS_MAX).contains(&name.len()) {
            return Ok(Self(name));
        }
        let detail = format!("a batch's name has 1 to {NAME_OCTETS_MAX} visible ASCII characters");
        Err(Problem::of_field(ProblemKind::NotInForm, "batch", detail))
    }

    fn hash(&self) -> BatchHash {
        sha256(self.0.as_bytes())
    }
}

/// A line of a batch, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1, in this call.
    pub number: u32,
    /// Without its end; `None` of a line that was too long to be kept.
    pub octets: Option<Vec<u8>>,
}

/// A row of a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRow {
    /// The row's number, of the register's choice; the same for what is sent again.
    #[schema(value_type = u32, minimum = 1)]
    row: NonZeroU32,
    resident_code: ResidentCode,
    change: Change,
    /// The day in law (異動日).
    effective_on: Day,
}

/// What a row that is no report may still say.
#[derive(Deserialize)]
struct Numbered {
    row: NonZeroU32,
}

/// A line, judged by itself.
#[derive(Clone)]
enum Judged {
    Report { row: u32, report: Report },
    Refused { name: Name, problem: Problem },
}

impl Judged {
    const fn name(&self) -> Name {
        match self {
            Self::Report { row, report: _ } => Name::Row(*row),
            Self::Refused { name, problem: _ } => *name,
        }
    }
}

/// What the writer is given.
#[derive(Clone)]
struct Rows {
    party: PartyId,
    batch: BatchHash,
    judged: Vec<Judged>,
    step: StepHook,
}

impl Authority {
    /// The rules of `POST /residents/v1/batches/{batch}`: answers for the lines, in their order. At most
    /// [`ROWS_PER_COMMIT`] of them share a commit, each whole or not at all; when this returns, what is answered is durable.
    pub fn report_batch_rows(&self, caller: &Caller, batch: &BatchName, lines: &[Line]) -> Vec<RowAnswer> {
        let mut answers = Vec::with_capacity(lines.len());
        for lines in lines.chunks(ROWS_PER_COMMIT) {
            let judged = lines.iter().map(|line| self.judge_line(line)).collect();
            let step = self.outside.step.clone();
            let rows = Rows { party: caller.party, batch: batch.hash(), judged, step };
            answers.extend(self.record(caller, &rows));
            (self.outside.step)("batch.2-recorded");
        }
        answers
    }

    /// The end of such a call, once OCSP shows what is done or takes too long.
    pub(crate) fn end_batch(&self, tally: Tally) -> Result<BatchEnd, Problem> {
        let last = self.registry().store().tree_edge()?.size().saturating_sub(1);
        let visible = self.outside.visibility.wait_until_visible(last, VISIBLE_AT_MOST);
        Ok(BatchEnd::new(tally, visible))
    }

    /// `GET /residents/v1/batches/{batch}`. A batch of which nothing came stands at 0.
    pub fn batch(&self, caller: &Caller, batch: &BatchName) -> Ruling {
        Ok(Answer::ok(BatchStanding::from(self.registry().store().batch(caller.party, &batch.hash())?)))
    }

    fn judge_line(&self, line: &Line) -> Judged {
        let Some(octets) = &line.octets else {
            let problem = Problem::new(ProblemKind::BodyTooLarge, "the line is longer than any row");
            return Judged::Refused { name: Name::Line(line.number), problem };
        };
        match read_body::<BatchRow>(octets) {
            Ok(BatchRow { row, resident_code, change, effective_on }) => {
                let row = row.get();
                match Report::judge(self, &resident_code, change, &effective_on) {
                    Ok(report) => Judged::Report { row, report },
                    Err(problem) => Judged::Refused { name: Name::Row(row), problem },
                }
            }
            Err(problem) => {
                let numbered = serde_json::from_slice(octets).map(|Numbered { row }| Name::Row(row.get()));
                Judged::Refused { name: numbered.unwrap_or(Name::Line(line.number)), problem }
            }
        }
    }

    /// Records rows in one transaction. One that cannot be recorded must not stop the others: then each is tried alone.
    fn record(&self, caller: &Caller, rows: &Rows) -> Vec<RowAnswer> {
        let together = rows.clone();
        let recorded =
            self.registry().transact(caller.actor(), caller.door, move |transaction| together.apply(transaction));
        match recorded {
            Ok(answers) => answers,
            Err(problem) => match &rows.judged[..] {
                [alone] => vec![RowAnswer::new(alone.name(), Err(problem))],
                several => {
                    let alone = |judged: &Judged| Rows { judged: vec![judged.clone()], ..rows.clone() };
                    several.iter().flat_map(|judged| self.record(caller, &alone(judged))).collect()
                }
            },
        }
    }
}

impl Rows {
    fn apply(self, transaction: &mut Transaction<'_>) -> Result<Vec<RowAnswer>, Problem> {
        let mut answers = Vec::with_capacity(self.judged.len());
        let mut done = BTreeMap::new();
        let (mut refused, mut unnumbered) = (Vec::new(), 0);
        for judged in &self.judged {
            let ruling = match judged {
                Judged::Report { row, report } => self.once(transaction, &mut done, *row, *report)?,
                Judged::Refused { name: _, problem } => Err(problem.clone()),
            };
            match (&ruling, judged.name()) {
                (Ok(_), _) => {}
                // The row is as it was: free, or done.
                (Err(problem), _) if problem.is_temporary() => {}
                (Err(problem), Name::Row(row)) => {
                    refused.push(RefusedRow { row, problem: problem.kind().slug().to_owned() });
                }
                (Err(_), Name::Line(_)) => unnumbered += 1,
            }
            answers.push(RowAnswer::new(judged.name(), ruling));
            (self.step)("batch.1-staged");
        }
        if !(done.is_empty() && refused.is_empty() && unnumbered == 0) {
            let done = done.into_values().collect();
            transaction.append(Event::BatchRowsAnswered { batch: self.batch, done, refused, unnumbered }, None)?;
        }
        Ok(answers)
    }

    /// Does a row, or answers what it was answered before. Rows of this transaction are in `done` until its end.
    fn once(
        &self,
        transaction: &mut Transaction<'_>,
        done: &mut BTreeMap<u32, DoneRow>,
        row: u32,
        report: Report,
    ) -> Result<Result<Vec<ToldCertificate>, Problem>, Problem> {
        let content = report.content();
        let earlier = match done.get(&row) {
            Some(DoneRow { content, certificates, .. }) => Some((*content, certificates.clone())),
            None => match transaction.batch_row(self.party, &self.batch, row)? {
                Some(RowRecord::Done { content, certificates }) => Some((content, certificates)),
                Some(RowRecord::Refused { .. }) | None => None,
            },
        };
        Ok(match earlier {
            Some((earlier, certificates)) if earlier == content => Ok(certificates),
            Some(_) => {
                let detail = "another report was done under this row of this batch";
                Err(Problem::of_field(ProblemKind::IdempotencyKeyReused, "row", detail))
            }
            None => {
                let certificates = report.apply(transaction)?;
                done.insert(row, DoneRow { row, content, certificates: certificates.clone() });
                Ok(certificates)
            }
        })
    }
}
