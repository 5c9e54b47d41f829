//! Holds and revocations: typed cause → effect by the table → event durable → visible.
use std::collections::BTreeSet;
use std::time::Duration;

use pki::identity::{Ca, Device, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use registry::Transaction;
use registry::batch::ToldCertificate;
use registry::event::{Cause, CertificatePlace, Event, RequestId, StoredWithdrawal};
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Answer, json};
use crate::authority::{Asked, Authority, Caller, Ruling, other_kind};
use crate::cause::{Effect, Occasion, effect};
use crate::doors::forms::{CaWord, HOLD_WORD, ReasonWord, SerialWord, Time};
use crate::lookup::{require_seen, seen_from};
use crate::phone::end_waiting;
use crate::problem::{Problem, ProblemKind};
use crate::rehearsal::{Mode, Rehearsed};

/// Longer than any OCSP node in service takes to follow; past it the caller is told that it is durable but not yet
/// visible everywhere.
pub(crate) const VISIBLE_AT_MOST: Duration = Duration::from_secs(2);

/// What a withdrawal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One certificate.
    Certificate {
        /// Of which CA.
        ca: Ca,
        /// Its serial.
        serial: Serial,
    },
    /// The same at a desk, for which a find concerns the whole card or phone, as far as that municipality's desks see it.
    AtDesk {
        /// Of which CA.
        ca: Ca,
        /// Its serial.
        serial: Serial,
        /// The desk's municipality.
        own: u32,
    },
    /// Every certificate in the device of the resident with that keyed hash.
    Resident([u8; 32]),
}

/// A certificate, where it is found and as it is recorded.
pub(crate) type Found = (Ca, Serial, CertificateRecord);

/// Applies an occasion to one certificate inside a transaction, and to the phone's that stands on it. What is revoked
/// already stays as it is; a hold that becomes a revocation keeps its date.
pub(crate) fn apply_occasion(
    transaction: &mut Transaction<'_>,
    (ca, serial, record): &Found,
    occasion: Occasion,
) -> Result<(), Problem> {
    let standing = standing_on(transaction, (*ca, *serial), record)?;
    apply_with(transaction, (*ca, *serial, record), &standing, occasion, &mut None)
}

/// The phone's certificates that stand on one of the card.
fn standing_on(
    transaction: &Transaction<'_>,
    (ca, serial): (Ca, Serial),
    record: &CertificateRecord,
) -> Result<Vec<Found>, Problem> {
    match (ca.device(), record.is_stood_on) {
        (Device::Phone, _) | (Device::Card, Some(false)) => Ok(vec![]),
        (Device::Card, Some(true) | None) => {
            let card = CertificatePlace { ca, serial };
            let in_phones = transaction.certificates_in(&record.resident, Some(Device::Phone))?.into_iter();
            Ok(in_phones.filter(|(_, _, record)| record.card == Some(card)).collect())
        }
    }
}

fn apply_with(
    transaction: &mut Transaction<'_>,
    (ca, serial, record): (Ca, Serial, &CertificateRecord),
    standing: &[Found],
    occasion: Occasion,
    request: &mut Option<RequestId>,
) -> Result<(), Problem> {
    apply_to_one(transaction, (ca, serial, record), occasion, None, request)?;
    let card = CertificatePlace { ca, serial };
    for (ca, serial, standing) in standing {
        apply_to_one(transaction, (*ca, *serial, standing), occasion, Some(card), &mut None)?;
    }
    Ok(())
}

/// Ends an issue under way by itself: what stands on the certificate, another CA's, stays as it is.
pub(crate) fn give_up(
    transaction: &mut Transaction<'_>,
    (ca, serial, record): &Found,
    occasion: Occasion,
) -> Result<(), Problem> {
    apply_to_one(transaction, (*ca, *serial, record), occasion, None, &mut None)
}

/// A hold or a revocation takes the request with it, if there is one: its answer is what the event says.
fn apply_to_one(
    transaction: &mut Transaction<'_>,
    (ca, serial, record): (Ca, Serial, &CertificateRecord),
    occasion: Occasion,
    through: Option<CertificatePlace>,
    request: &mut Option<RequestId>,
) -> Result<(), Problem> {
    let now = transaction.now();
    // A certificate that nobody was given yet is neither held nor revoked for what happened: its issue ends.
    match (effect(occasion, ca), record.issued_row) {
        (Effect::None, _) | (Effect::Release, None) => return Ok(()),
        (Effect::Hold | Effect::Revoke(_), None) => return end_issue(transaction, &record.request, through),
        (Effect::Hold | Effect::Release | Effect::Revoke(_), Some(_)) => {}
    }
    let cause = occasion.cause;
    let withdrawal = match (effect(occasion, ca), record.withdrawal()) {
        (Effect::None, _)
        | (_, Some(Withdrawal::Revoked { .. }))
        | (Effect::Hold, Some(Withdrawal::Held { .. }))
        | (Effect::Release, None) => return Ok(()),
        (Effect::Release, Some(Withdrawal::Held { .. })) => {
            transaction.append(Event::HoldReleased { ca, serial, cause }, None)?;
            return Ok(());
        }
        (Effect::Hold, None) => Withdrawal::Held { since: now },
        (Effect::Revoke(reason), None) => Withdrawal::Revoked { since: now, reason },
        (Effect::Revoke(reason), Some(Withdrawal::Held { since })) => Withdrawal::Revoked { since, reason },
    };
    let withdrawal = StoredWithdrawal::from(withdrawal);
    let request = request.take();
    transaction.append(Event::Withdrawn { ca, serial, cause, withdrawal, through, request }, None)?;
    Ok(())
}

/// Ends every certificate of an issue that is not finished: who asked for several gets all of them or none. Where nothing
/// was built that could be withdrawn, the request ends, or a retry would issue what the person was before.
pub(crate) fn end_issue(
    transaction: &mut Transaction<'_>,
    request: &RequestId,
    through: Option<CertificatePlace>,
) -> Result<(), Problem> {
    let mut released = false;
    for (ca, serial, record) in transaction.certificates_of_request(request)? {
        if record.issued_row.is_some() || record.withdrawal.is_some() {
            continue;
        }
        if record.intended_row.is_none() {
            transaction.append(Event::ReservationReleased { ca, serial }, None)?;
            released = true;
        } else {
            let withdrawal =
                StoredWithdrawal::Revoked { since: transaction.now(), reason: RevocationReason::Unspecified };
            let cause = Cause::DestroyedBeforeHandOver;
            transaction.append(Event::Withdrawn { ca, serial, cause, withdrawal, through, request: None }, None)?;
        }
    }
    if released {
        transaction.append(Event::RequestEnded(*request), None)?;
    }
    Ok(())
}

/// What relying parties are told of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is still being issued.
    Pending,
    /// 有効.
    Good,
    /// 一時停止.
    Held,
    /// 失効.
    Revoked,
}

/// A certificate and its status.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct CertificateStatus {
    ca: CaWord,
    /// The key generation that it is signed with.
    #[schema(minimum = 1)]
    key: u16,
    serial: SerialWord,
    status: Status,
    /// Of what is held or revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<ReasonWord>,
    /// Since when it is held or revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    since: Option<Time>,
}

/// What a hold, a revocation or a reported change is answered with.
#[derive(Serialize, ToSchema)]
pub struct Changed {
    /// Every certificate that it is about, with its status afterwards.
    certificates: Vec<CertificateStatus>,
    /// It is on record; always true.
    durable: bool,
    /// Every OCSP responder in service shows it. If not, ask again with the same idempotency key.
    visible: bool,
}

/// The status of a certificate as answers tell it.
pub(crate) fn status_of(ca: Ca, serial: Serial, record: &CertificateRecord) -> CertificateStatus {
    told_of(ca, serial, record).into()
}

/// What an answer tells of a certificate, as it is stored.
fn told_of(ca: Ca, serial: Serial, record: &CertificateRecord) -> ToldCertificate {
    let CertificateRecord { key, issued_row, withdrawal, .. } = record;
    ToldCertificate { ca, key: *key, serial, issued: issued_row.is_some(), withdrawal: *withdrawal }
}

/// The same of several.
fn statuses(told: &[ToldCertificate]) -> Vec<CertificateStatus> {
    told.iter().copied().map(CertificateStatus::from).collect()
}

impl From<ToldCertificate> for CertificateStatus {
    fn from(ToldCertificate { ca, key, serial, issued, withdrawal }: ToldCertificate) -> Self {
        let (status, told) = match (withdrawal.map(Withdrawal::from), issued) {
            (None, false) => (Status::Pending, None),
            (None, true) => (Status::Good, None),
            (Some(Withdrawal::Held { since }), _) => (Status::Held, Some((HOLD_WORD, since))),
            (Some(Withdrawal::Revoked { since, reason }), _) => (Status::Revoked, Some((reason.word(), since))),
        };
        Self {
            ca: CaWord(ca.word().to_owned()),
            key: key.get(),
            serial: SerialWord(serial.to_string()),
            status,
            reason: told.map(|(word, _)| ReasonWord(word.to_owned())),
            since: told.map(|(_, since)| Time(since.to_string())),
        }
    }
}

impl Authority {
    /// `POST /desk/v1/certificates/{ca}/{serial}/revocation`. A retry gets its answer even where the person has since
    /// moved on, and the desk may no longer act.
    pub fn revoke_at_desk(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        (ca, serial): (Ca, Serial),
        cause: Cause,
        mode: Mode,
    ) -> Ruling {
        let own = caller.municipality()?.get();
        let (target, occasion) = (Target::AtDesk { ca, serial, own }, Occasion { cause, at: ca.device() });
        match mode {
            Mode::Records => self.withdraw(caller, asked, target, occasion),
            Mode::Rehearses => self.rehearse(caller, asked, move |transaction| {
                Ok(Rehearsed::of_change(statuses(&withdraw_target(transaction, target, occasion, &mut None)?)))
            }),
        }
    }

    /// Applies an occasion to the target.
    pub(crate) fn withdraw(&self, caller: &Caller, asked: &Asked<'_>, target: Target, occasion: Occasion) -> Ruling {
        self.change_once(caller, asked, move |transaction, request| {
            withdraw_target(transaction, target, occasion, request)
        })
    }

    /// Changes certificates once for each idempotency key: what `change` does and the certificates that it answers with
    /// are one batch. It may record the request with the only event that answers it, and takes it then; or else the answer
    /// is kept beside. Then waits until OCSP shows it.
    pub(crate) fn change_once(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        change: impl FnOnce(&mut Transaction<'_>, &mut Option<RequestId>) -> Result<Vec<ToldCertificate>, Problem>
        + Send
        + 'static,
    ) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(outcome) = self.earlier(&request)? {
            return self.repeat(outcome);
        }
        let (actor, door) = (caller.actor(), caller.door);
        let (told, position) = self.registry().transact::<_, Problem>(actor, door, move |transaction| {
            let mut unanswered = Some(request);
            let told = change(transaction, &mut unanswered)?;
            if let Some(request) = unanswered {
                let answer = serde_json::to_vec(&statuses(&told)).expect("statuses are writable");
                transaction.append(Event::Answered { request, answer }, None)?;
            }
            Ok((told, transaction.position()))
        })?;
        // Durable and not answered yet: the same idempotency key gets this answer after a crash, too.
        (self.outside.step)("revoke.2-recorded");
        Ok(self.answer_when_visible(statuses(&told), position - 1))
    }

    /// The answer of an earlier attempt of the same request. It is durable; whether it is visible is asked anew.
    pub(crate) fn repeat(&self, outcome: RequestOutcome) -> Ruling {
        match outcome {
            RequestOutcome::Answer(answer) => {
                let certificates = serde_json::from_slice(&answer)
                    .map_err(|_| Problem::new(ProblemKind::Internal, "a stored answer does not read"))?;
                self.answer_again(certificates)
            }
            RequestOutcome::Withdrawn(told) => self.answer_again(statuses(&[told])),
            RequestOutcome::Certificate { .. }
            | RequestOutcome::Certificates(_)
            | RequestOutcome::Ended
            | RequestOutcome::Disclosure { .. } => Err(other_kind()),
        }
    }

    fn answer_again(&self, certificates: Vec<CertificateStatus>) -> Ruling {
        let end = self.registry().store().tree_edge()?.size();
        Ok(self.answer_when_visible(certificates, end.saturating_sub(1)))
    }

    /// 200 when every OCSP node in service has it, 202 when one is more than 2 s behind (I16).
    pub(crate) fn answer_when_visible(&self, certificates: Vec<CertificateStatus>, row: u64) -> Answer {
        let visible = self.outside.visibility.wait_until_visible(row, VISIBLE_AT_MOST);
        let body = json(Changed { certificates, durable: true, visible });
        Answer { status: if visible { 200 } else { 202 }, body, location: None }
    }
}

/// Applies the occasion to what it is about.
fn withdraw_target(
    transaction: &mut Transaction<'_>,
    target: Target,
    occasion: Occasion,
    request: &mut Option<RequestId>,
) -> Result<Vec<ToldCertificate>, Problem> {
    let phone_is_lost =
        occasion.at == Device::Phone && matches!(occasion.cause, Cause::LossReported | Cause::DeviceLost);
    let (resident, found): (_, Vec<Found>) = match target {
        Target::Certificate { ca, serial } => {
            let record = transaction.certificate(ca, serial)?.ok_or_else(unknown_certificate)?;
            (record.resident, vec![(ca, serial, record)])
        }
        Target::AtDesk { ca, serial, own } => {
            let record = require_seen(transaction, own, (ca, serial))?;
            let resident = record.resident;
            let found = if occasion.cause == Cause::Found && !record.is_revoked() {
                // What was found is the card or phone, with every certificate in it (facts 5); of a phone, which is used
                // again, those that are held. One that is revoked was in another before, and says nothing of those of now.
                let living = |(other, _, record): &Found| {
                    let ends = match ca.device() {
                        Device::Card => !record.is_revoked(),
                        Device::Phone => matches!(record.withdrawal(), Some(Withdrawal::Held { .. })),
                    };
                    other.device() == ca.device() && record.issued_row.is_some() && ends
                };
                seen_from(own, transaction.certificates_of(&record.resident)?).into_iter().filter(living).collect()
            } else {
                vec![(ca, serial, record)]
            };
            (resident, found)
        }
        Target::Resident(resident) => (resident, transaction.certificates_in(&resident, Some(occasion.at))?),
    };
    let ended = phone_is_lost && end_waiting(transaction, &resident)?;
    if found.is_empty() && !ended {
        // Whoever reports a loss must not believe that a card is held when the code was mistyped.
        let detail = "this resident has no such certificates in that device";
        return Err(Problem::new(ProblemKind::UnknownCertificate, detail));
    }
    withdraw_all(transaction, found, occasion, request)
}

/// Applies the occasion to each certificate, and gives their status afterwards, with that of those that followed. Of a
/// single certificate that nothing follows, the event takes the request.
pub(crate) fn withdraw_all(
    transaction: &mut Transaction<'_>,
    found: Vec<Found>,
    occasion: Occasion,
    request: &mut Option<RequestId>,
) -> Result<Vec<ToldCertificate>, Problem> {
    let is_one = found.len() == 1;
    let mut concerned = BTreeSet::new();
    for (at, (ca, serial, record)) in found.into_iter().enumerate() {
        // Read again: what went before may have reached it already.
        let record = if at == 0 { Some(record) } else { transaction.certificate(ca, serial)? };
        let Some(record) = record else { continue };
        let standing = standing_on(transaction, (ca, serial), &record)?;
        concerned.insert((ca, serial));
        concerned.extend(standing.iter().map(|(ca, serial, _)| (*ca, *serial)));
        let alone = if is_one && standing.is_empty() { &mut *request } else { &mut None };
        apply_with(transaction, (ca, serial, &record), &standing, occasion, alone)?;
    }
    let mut certificates = Vec::new();
    for (ca, serial) in concerned {
        // A reservation that was released is no certificate.
        if let Some(record) = transaction.certificate(ca, serial)? {
            certificates.push(told_of(ca, serial, &record));
        }
    }
    Ok(certificates)
}

pub(crate) fn unknown_certificate() -> Problem {
    Problem::new(ProblemKind::UnknownCertificate, "no certificate with this CA and serial was requested")
}
