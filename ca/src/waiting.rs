//! Issues that are recorded and not signed yet, because the signer did not answer: kept, and signed when it is back.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use registry::event::RequestId;
use registry::state::{CertificateRecord, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answer, json};
use crate::authority::{Authority, Ruling};
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::{CertificateStatus, Found, status_of};

/// So many failures in one look are the signer's and no single record's: the rest is left until the next look.
const FAILURES_MAX: usize = 8;

/// Requests by the row of their first intent, and so in the order of their serials.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<BTreeMap<u64, RequestId>>);

impl Waiting {
    // Nothing can panic while it is held.
    fn hold(&self) -> MutexGuard<'_, BTreeMap<u64, RequestId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request is answered with whose certificates are recorded and not signed yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct Kept {
    /// Each with the status `pending`.
    certificates: Vec<CertificateStatus>,
    /// The request is on record, with the exact octets to be signed; always true.
    durable: bool,
    /// Always false: they are signed as soon as the signer is back. Ask again with the same idempotency key, or look the
    /// request up.
    signed: bool,
}

/// Recorded, and neither signed nor given up.
const fn is_unsigned(record: &CertificateRecord) -> bool {
    record.intended_row.is_some() && record.issued_row.is_none() && record.withdrawal.is_none()
}

/// 202, if that is how an issue stands. A single certificate's path is its location.
pub(crate) fn kept_answer(issue: &[Found]) -> Option<Answer> {
    if !issue.iter().any(|(_, _, record)| is_unsigned(record)) {
        return None;
    }
    let certificates = issue.iter().map(|(ca, serial, record)| status_of(*ca, *serial, record)).collect();
    let location = match issue {
        [(ca, serial, _)] => Some(format!("/desk/v1/certificates/{ca}/{serial}")),
        _ => None,
    };
    Some(Answer { status: 202, body: json(Kept { certificates, durable: true, signed: false }), location })
}

impl Authority {
    /// How many requests wait for the signer.
    pub fn issues_unsigned(&self) -> usize {
        self.waiting.hold().len()
    }

    /// Has a request wait for the signer; `false` if nothing is recorded of it that could be signed.
    pub(crate) fn keep_waiting(&self, request: &RequestId) -> Result<bool, Problem> {
        let issue = self.registry().store().certificates_of_request(request)?;
        let unsigned = issue.iter().filter(|(_, _, record)| is_unsigned(record));
        let Some(row) = unsigned.filter_map(|(_, _, record)| record.intended_row).min() else { return Ok(false) };
        self.waiting.hold().insert(row, *request);
        Ok(true)
    }

    /// What is told of a request while its signature is being made: 202 if it is recorded.
    pub(crate) fn answer_meanwhile(&self, request: &RequestId) -> Ruling {
        let issue = self.registry().store().certificates_of_request(request)?;
        let late = || Problem::new(ProblemKind::TokenUnavailable, "the token takes longer than a caller should wait");
        kept_answer(&issue).ok_or_else(late)
    }

    /// Signs what waits, the lowest serial first; to be called again and again. A request that somebody works on is left to
    /// them, and what cannot be done now until the next look.
    pub fn sign_waiting(&self) {
        let waiting: Vec<_> = self.waiting.hold().iter().map(|(row, request)| (*row, *request)).collect();
        let mut failures = 0;
        for (row, request) in waiting {
            let Some(_turn) = self.try_turn(&request) else { continue };
            match self.settle_or_give_up(&request) {
                Ok(_) => drop(self.waiting.hold().remove(&row)),
                Err(_) => failures += 1,
            }
            if failures == FAILURES_MAX {
                return;
            }
        }
    }
}
