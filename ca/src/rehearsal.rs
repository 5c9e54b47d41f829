//! Dry runs: a desk asks what a change would do. The same rules run in the same place, the registry's writer, and what they
//! append is dropped. Nothing is recorded: no serial is taken, no idempotency key, not even a refusal.
use pki::identity::Ca;
use registry::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::doors::forms::{CaWord, Time};
use crate::problem::Problem;
use crate::record::IssueRecord;
use crate::withdraw::CertificateStatus;

/// Whether a change is made or only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is made.
    Records,
    /// What would be is told.
    Rehearses,
}

/// What a change would do, had it been made at this moment (試行の結果). Nothing of it is recorded.
#[derive(Default, Serialize, ToSchema)]
pub struct Rehearsed {
    /// Always true.
    dry_run: bool,
    /// The request was carried out before: sent again, it gets its answer and changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    repeats: Option<bool>,
    /// Certificates that would be issued. Their serials are not known before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issued: Vec<WouldBeIssued>,
    /// Certificates that it is about, with the status that they would have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<CertificateStatus>,
    /// How many certificates would be marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notified: Option<usize>,
}

/// A certificate that would be issued.
#[derive(Serialize, ToSchema)]
pub(crate) struct WouldBeIssued {
    ca: CaWord,
    /// By the birthday rule; cut by card, stay and the paired user certificate.
    not_after: Time,
}

impl WouldBeIssued {
    pub(crate) fn new(ca: Ca, record: &IssueRecord) -> Self {
        Self { ca: CaWord(ca.word().to_owned()), not_after: Time(record.not_after().to_string()) }
    }
}

impl Rehearsed {
    /// It was carried out before.
    pub(crate) fn of_repetition() -> Self {
        Self { dry_run: true, repeats: Some(true), ..Self::default() }
    }

    /// These would be issued, and those have that status.
    pub(crate) fn of_issue(issued: Vec<WouldBeIssued>, certificates: Vec<CertificateStatus>) -> Self {
        Self { dry_run: true, issued, certificates, ..Self::default() }
    }

    /// These would have that status.
    pub(crate) fn of_change(certificates: Vec<CertificateStatus>) -> Self {
        Self { dry_run: true, certificates, ..Self::default() }
    }

    /// So many would be marked.
    pub(crate) fn of_notices(notified: usize) -> Self {
        Self { dry_run: true, notified: Some(notified), ..Self::default() }
    }
}

impl Authority {
    /// Rehearses rules, unless the request was carried out before.
    pub(crate) fn rehearse(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<Rehearsed, Problem> + Send + 'static,
    ) -> Ruling {
        // A key that stands for another request is refused.
        if self.earlier(&self.request_id(caller, asked)?)?.is_some() {
            return Ok(Answer::ok(Rehearsed::of_repetition()));
        }
        self.registry().rehearse(caller.actor(), caller.door, rules).map(Answer::ok)
    }
}
