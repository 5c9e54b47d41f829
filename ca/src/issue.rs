//! Issuing certificates, one or several for one request, in five durable steps:
//! 1 judge the request, have data keys wrapped · 2 reserve idempotency key, public keys and serials, build, lint, and record
//! the exact to-be-signed octets · 3 sign · 4 verify the signature and record `issued` · 5 answer.
mod intend;

use pki::identity::{Ca, Device, Serial};
use registry::Transaction;
use registry::event::{Cause, Event, RequestId};
use registry::seal::Sealed;
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::application::Application;
use crate::authority::{Asked, Authority, Caller, Ruling, ended, other_kind};
use crate::cause::Occasion;
use crate::doors::forms::{CertificatePem, MunicipalityWord, Time};
use crate::lookup::seen_from;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::record::{IssueRecord, SignedRecord, issue_place};
use crate::rehearsal::{Rehearsed, WouldBeIssued};
use crate::waiting::kept_answer;
use crate::withdraw::{CertificateStatus, Found, apply_occasion, end_issue, status_of};
pub(crate) use intend::Intended;

/// A certificate as who asked for it gets it.
#[derive(Serialize, ToSchema)]
pub struct IssuedCertificate {
    #[serde(flatten)]
    status: CertificateStatus,
    /// Where it was issued, and the CRL partition that it belongs to.
    municipality: MunicipalityWord,
    not_before: Time,
    /// By the birthday rule; cut by card, stay and the paired user certificate.
    not_after: Time,
    certificate: CertificatePem,
}

/// Certificates that were issued together, a user certificate before its signature certificate.
#[derive(Serialize, ToSchema)]
pub struct IssuedTogether {
    certificates: Vec<IssuedCertificate>,
}

impl Authority {
    /// `POST /desk/v1/certificates`
    pub fn issue(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        self.issue_telling(caller, asked, &|_| {})
    }

    /// The same; `recorded` is told as soon as the request is durable and its signature is waited for. Who waits longer than a
    /// caller should can be answered by [`Self::answer_meanwhile`].
    pub(crate) fn issue_telling(&self, caller: &Caller, asked: &Asked<'_>, recorded: &dyn Fn(RequestId)) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = if let Some(turn) = self.try_turn(&request) {
            turn
        } else {
            // Its first attempt is under way, and may wait for a signature itself.
            if self.earlier(&request)?.is_some() {
                recorded(request);
            }
            self.turn(&request)
        };
        let fresh = match self.issue_in_turn(caller, request, asked.body, recorded) {
            // What is recorded is not lost: it is finished when token and registry are back.
            Err(problem) if problem.is_temporary() && self.keep_waiting(&request)? => {
                if problem.kind() != ProblemKind::TokenUnavailable {
                    return Err(problem);
                }
                None
            }
            other => other?,
        };
        // Step 5: answer. If it is lost, the same idempotency key gets it again.
        match fresh {
            Some(Fresh { issue, records }) => self.issue_answer(&issue, &records),
            None => self.issue_answer(&self.registry().store().certificates_of_request(&request)?, &[]),
        }
    }

    /// Gives what was issued just now; nothing if that was before.
    fn issue_in_turn(
        &self,
        caller: &Caller,
        request: RequestId,
        body: &[u8],
        recorded: &dyn Fn(RequestId),
    ) -> Result<Option<Fresh>, Problem> {
        if self.resume(&request, recorded)? {
            return Ok(None);
        }
        // Step 1: judge. A crash here leaves nothing. What the register reports from this row on was not judged.
        let judged_at = self.registry().store().tree_edge()?.size();
        let application = Application::judge(self, caller, body)?;
        self.refuse_outdated(&application)?;
        let intended = self.intend_together(caller, request, application, judged_at, |_| Ok(()))?;
        recorded(request);
        self.finish(intended).map(Some)
    }

    /// What issuing would do, at this moment.
    pub(crate) fn rehearse_issue(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        if self.earlier(&request)?.is_some() {
            return Ok(Answer::ok(Rehearsed::of_repetition()));
        }
        let judged_at = self.registry().store().tree_edge()?.size();
        let application = Application::judge(self, caller, asked.body)?;
        self.refuse_outdated(&application)?;
        let own = caller.municipality()?.get();
        let resident = application.resident;
        let plan = self.plan(caller, request, application, judged_at)?;
        let (intended, changed) = self.registry().rehearse(caller.actor(), caller.door, move |transaction| {
            // A trial leaves no trace, so it tells a desk of what it may see anyway, and of nothing else.
            let before = seen_from(own, transaction.certificates_of(&resident)?);
            let intended = plan.intend(transaction)?;
            let places = intended.iter().map(|intended| ((intended.issuer.ca, intended.serial), None));
            record_issued(transaction, places.collect())?;
            let mut changed = Vec::new();
            for (ca, serial, was) in before {
                let is = transaction.certificate(ca, serial)?.filter(|is| is.withdrawal != was.withdrawal);
                changed.extend(is.map(|is| status_of(ca, serial, &is)));
            }
            Ok::<_, Problem>((intended, changed))
        })?;
        let issued = intended.iter().map(|intended| WouldBeIssued::new(intended.issuer.ca, &intended.record)).collect();
        Ok(Answer::ok(Rehearsed::of_issue(issued, changed)))
    }

    /// Step 2 for every certificate of one request, as steps 3 and 4 are ([`Self::finish`]): each is one batch for all of them,
    /// so that a crash leaves them alike, and what ends one of them ends all. `judge` judges once more in the transaction.
    /// The caller has the request's turn, and nothing stands for the request ([`Self::resume`]).
    pub(crate) fn intend_together(
        &self,
        caller: &Caller,
        request: RequestId,
        application: Application,
        judged_at: u64,
        judge: impl FnOnce(&mut Transaction<'_>) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Vec<Intended>, Problem> {
        let plan = self.plan(caller, request, application, judged_at)?;
        (self.outside.step)("issue.1-judged");
        // Step 2. After it a signature may exist, so recovery signs these octets or revokes.
        let intended = self.registry().transact(caller.actor(), caller.door, move |transaction| {
            judge(transaction)?;
            plan.intend(transaction)
        })?;
        (self.outside.step)("issue.2-intended");
        Ok(intended)
    }

    /// Settles what an earlier attempt with this idempotency key left. `false`: there was none, or it left nothing behind.
    /// `recorded` is told before a signature may be waited for.
    pub(crate) fn resume(&self, request: &RequestId, recorded: &dyn Fn(RequestId)) -> Result<bool, Problem> {
        let Some(outcome) = self.earlier(request)? else { return Ok(false) };
        match outcome {
            RequestOutcome::Certificate { .. } | RequestOutcome::Certificates(_) => {}
            RequestOutcome::Ended => return Err(ended()),
            RequestOutcome::Answer(_) | RequestOutcome::Disclosure { .. } | RequestOutcome::Withdrawn(_) => {
                return Err(other_kind());
            }
        }
        // Nobody else works on it: this request has its turn, and recovery ended before the doors opened.
        recorded(*request);
        self.settle(request)?;
        // Free again, unless something ended it at this very moment.
        match self.earlier(request)? {
            None => Ok(false),
            Some(RequestOutcome::Ended) => Err(ended()),
            Some(_) => Ok(true),
        }
    }

    /// Steps 3 and 4, also where a retry or recovery takes up an issue again.
    pub(crate) fn finish(&self, intended: Vec<Intended>) -> Result<Fresh, Problem> {
        // Step 3: sign. A crash or a failure after it leaves the intents; the same octets are signed again.
        let mut signed = Vec::new();
        for Intended { issuer, serial, linted, record } in intended {
            let signer = self.signer_of(issuer)?;
            let certificate = signer.sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
            signed.push((issuer.ca, serial, certificate, record));
        }
        (self.outside.step)("issue.3-signed");
        // Step 4: the signatures were verified when the certificates were made; now they are good, and durably so (I5).
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for (ca, serial, certificate, mut issued) in signed {
            // The row of its intent has the rest.
            let sealed =
                self.seal(issued.retention_year(), &issue_place(ca, serial), &SignedRecord::of(&certificate))?;
            issued.octets = certificate.into_der();
            rows.push(((ca, serial), Some(sealed)));
            records.push(issued);
        }
        let issue = self.transact_inside(move |transaction| record_issued(transaction, rows))?;
        (self.outside.step)("issue.4-issued");
        Ok(Fresh { issue, records })
    }

    /// The answer about the certificates of a request: the same for a first answer, a retry and a look-up.
    /// 202 while they are recorded and not signed. `fresh` is what was issued just now, in the same order; what is not there is read.
    pub(crate) fn issue_answer(&self, issue: &[Found], fresh: &[IssueRecord]) -> Ruling {
        if let Some(kept) = kept_answer(issue) {
            return Ok(kept);
        }
        let mut certificates = Vec::new();
        for (at, (ca, serial, record)) in issue.iter().enumerate() {
            certificates.push(match fresh.get(at) {
                Some(issued) if record.issued_row.is_some() => issued_certificate(*ca, *serial, record, issued),
                Some(_) | None => self.issued_certificate(*ca, *serial, record)?,
            });
        }
        match (issue, certificates.pop()) {
            (_, None) => Err(ended()),
            ([(ca, serial, _)], Some(one)) => Ok(Answer::created(one, format!("/desk/v1/certificates/{ca}/{serial}"))),
            (_, Some(last)) => {
                certificates.push(last);
                Ok(Answer::registered(IssuedTogether { certificates }))
            }
        }
    }

    /// The answer about a certificate.
    pub(crate) fn certificate_answer(&self, ca: Ca, serial: Serial, record: &CertificateRecord) -> Ruling {
        self.issue_answer(&[(ca, serial, record.clone())], &[])
    }

    /// A certificate as answers hold it, with its status of now.
    pub(crate) fn issued_certificate(
        &self,
        ca: Ca,
        serial: Serial,
        record: &CertificateRecord,
    ) -> Result<IssuedCertificate, Problem> {
        require_issued(ca, serial, record)?;
        Ok(issued_certificate(ca, serial, record, &self.issue_record(ca, serial, record)?))
    }
}

/// What was issued just now.
pub(crate) struct Fresh {
    /// The certificates of the request, as the transaction left them: a later request may have ended them.
    issue: Vec<Found>,
    /// What is kept of each, in the same order.
    records: Vec<IssueRecord>,
}

/// Step 4 in its transaction. Gives the certificates as they are after it.
fn record_issued(
    transaction: &mut Transaction<'_>,
    rows: Vec<((Ca, Serial), Option<Sealed>)>,
) -> Result<Vec<Found>, Problem> {
    let places: Vec<(Ca, Serial)> = rows.iter().map(|(place, _)| *place).collect();
    issue_in(transaction, rows)?;
    let mut issue = Vec::new();
    for (ca, serial) in places {
        issue.extend(transaction.certificate(ca, serial)?.map(|record| (ca, serial, record)));
    }
    Ok(issue)
}

fn issue_in(transaction: &mut Transaction<'_>, rows: Vec<((Ca, Serial), Option<Sealed>)>) -> Result<(), Problem> {
    let mut own = Vec::new();
    for ((ca, serial), sealed) in rows {
        own.push(((ca, serial, still_pending(transaction.certificate(ca, serial)?)?), sealed));
    }
    let Some(((_, _, first), _)) = own.first() else { return Ok(()) };
    let of_person = transaction.certificates_of(&first.resident)?;
    if own.iter().any(|((ca, serial, _), _)| has_newer(&of_person, *ca, *serial)) {
        // A later request of the same person was finished first. What was handed over stays; this one ends.
        return end_issue(transaction, &first.request, None);
    }
    for ((ca, serial, record), sealed) in own {
        transaction.append(Event::Issued { ca, serial }, sealed)?;
        take_the_place_of_earlier(transaction, &(ca, serial, record), &of_person)?;
    }
    Ok(())
}

/// A person has one certificate of a kind, and one phone: the new one takes the place of those before it (facts 5).
fn take_the_place_of_earlier(
    transaction: &mut Transaction<'_>,
    (ca, serial, own): &Found,
    of_person: &[Found],
) -> Result<(), Problem> {
    for (other_ca, other, record) in of_person {
        let same_kind = other_ca == ca && other != serial;
        let other_phone =
            other_ca.device() == Device::Phone && ca.device() == Device::Phone && record.phone != own.phone;
        if !same_kind && !other_phone {
            continue;
        }
        // Read again: what went before may have reached it already.
        let Some(record) = transaction.certificate(*other_ca, *other)? else { continue };
        let occasion = match (record.issued_row, record.intended_row) {
            (Some(_), _) if other_phone => Occasion { cause: Cause::PhoneReplaced, at: Device::Phone },
            (Some(_), _) if same_kind => Occasion { cause: Cause::Superseded, at: ca.device() },
            // Nobody waits for an older issue any more: finished later, it would supersede what was handed over.
            (None, Some(_)) if same_kind && other < serial => Occasion::at_hand_over(*ca),
            _ => continue,
        };
        apply_occasion(transaction, &(*other_ca, *other, record), occasion)?;
    }
    Ok(())
}

/// The person already has a certificate of this kind with a later serial.
fn has_newer(of_person: &[Found], ca: Ca, serial: Serial) -> bool {
    of_person.iter().any(|(of, other, record)| *of == ca && *other > serial && record.issued_row.is_some())
}

/// The issue goes on only while nothing ended it: a move reported in between ends it, for one.
fn still_pending(record: Option<CertificateRecord>) -> Result<CertificateRecord, Problem> {
    match record {
        Some(record) if record.withdrawal.is_none() && record.issued_row.is_none() => Ok(record),
        Some(_) | None => Err(ended()),
    }
}

/// There is a certificate.
pub(crate) fn require_issued(ca: Ca, serial: Serial, record: &CertificateRecord) -> Result<(), Problem> {
    match (record.issued_row, record.withdrawal) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => Err(destroyed(ca, serial)),
        (None, None) => Err(under_way(ca, serial)),
    }
}

fn under_way(ca: Ca, serial: Serial) -> Problem {
    Problem::new(ProblemKind::IssueUnderWay, format!("{ca}/{serial} is not signed yet"))
}

fn destroyed(ca: Ca, serial: Serial) -> Problem {
    let detail = format!("{ca}/{serial} was given up before hand-over and is revoked");
    Problem::new(ProblemKind::DestroyedBeforeHandOver, detail)
}

fn issued_certificate(ca: Ca, serial: Serial, record: &CertificateRecord, issued: &IssueRecord) -> IssuedCertificate {
    IssuedCertificate {
        status: status_of(ca, serial, record),
        municipality: MunicipalityWord(format!("{:05}", record.municipality)),
        not_before: Time(record.reserved_at.to_string()),
        not_after: Time(issued.not_after().to_string()),
        certificate: CertificatePem(pki::certificate::pem(&issued.octets)),
    }
}
