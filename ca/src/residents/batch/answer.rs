//! What the lines of a batch are answered with.
use registry::batch::{BatchRecord, ToldCertificate};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::withdraw::CertificateStatus;

/// A line's answer. Durable when it is written.
#[derive(Serialize, ToSchema)]
pub struct RowAnswer {
    /// The row's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    row: Option<u32>,
    /// The line's number in this call, of a line in which no row's number could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    line: Option<u32>,
    /// 200, or the problem's.
    #[schema(minimum = 200, maximum = 599)]
    status: u16,
    /// Every certificate of the person, as the report left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    certificates: Option<Vec<CertificateStatus>>,
    /// Of a row that is done: it is on record; always true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    durable: Option<bool>,
    /// RFC 9457.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    problem: Option<Value>,
}

impl RowAnswer {
    /// The row is on record; not so if it was refused.
    pub fn is_done(&self) -> bool {
        self.durable == Some(true)
    }

    /// A line that was not answered for a fault of ours.
    pub(crate) fn of_line(line: u32, problem: Problem) -> Self {
        Self::new(Name::Line(line), Err(problem))
    }

    pub(super) fn new(name: Name, ruling: Result<Vec<ToldCertificate>, Problem>) -> Self {
        let (row, line) = match name {
            Name::Row(row) => (Some(row), None),
            Name::Line(line) => (None, Some(line)),
        };
        match ruling {
            Ok(told) => {
                let certificates = Some(told.into_iter().map(CertificateStatus::from).collect());
                Self { row, line, status: 200, certificates, durable: Some(true), problem: None }
            }
            Err(problem) => {
                let status = problem.kind().status();
                Self { row, line, status, certificates: None, durable: None, problem: Some(problem.to_json()) }
            }
        }
    }
}

/// How many lines were answered in what way, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that are done.
    pub done: u32,
    /// Lines that were refused.
    pub refused: u32,
    /// Lines that met a fault of ours.
    pub not_now: u32,
}

impl Tally {
    /// Counts an answer.
    pub fn count(&mut self, answer: &RowAnswer) {
        match answer.status {
            200 => self.done += 1,
            500.. => self.not_now += 1,
            _ => self.refused += 1,
        }
    }
}

/// The last line of an answer: all that was sent is answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchEnd {
    summary: BatchSummary,
}

impl BatchEnd {
    pub(super) const fn new(Tally { done, refused, not_now }: Tally, visible: bool) -> Self {
        Self { summary: BatchSummary { done, refused, not_now, durable: true, visible } }
    }
}

/// A call's answers together.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchSummary {
    /// Rows of this call that are done, now or before.
    done: u32,
    /// Lines that were refused.
    refused: u32,
    /// Lines that met a fault of ours (5xx): send them again.
    not_now: u32,
    /// What is done is on record; always true.
    durable: bool,
    /// Every OCSP responder in service shows what is done.
    visible: bool,
}

/// How far a batch is.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchStanding {
    /// Rows that are done.
    done: u32,
    /// Rows that were refused and are not done since.
    refused: u32,
    /// Every row from 1 to this one is done or refused. After an interruption go on with the next.
    answered_up_to: u32,
}

impl From<BatchRecord> for BatchStanding {
    fn from(BatchRecord { done, refused, answered_up_to }: BatchRecord) -> Self {
        Self { done, refused, answered_up_to }
    }
}

/// How an answer names what it answers.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Row(u32),
    Line(u32),
}
