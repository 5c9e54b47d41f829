//! Issuing certificates, one or several for one request, in seven durable steps:
//! 1 judge the request · 2 reserve idempotency key, public keys and serials · 3 build and lint · 4 record the exact
//! to-be-signed octets · 5 sign · 6 verify the signature and record `issued` · 7 answer.
use pki::algorithm::PublicKey;
use pki::certificate::{AuthCommonName, AuthLeaf, SignCommonName, SignLeaf};
use pki::identity::{Ca, Device, IssuerKey, Purpose, Serial};
use pki::lint::{self, LintedCertificate};
use pki::time::{CivilDate, UnixTime};
use pki::validity::leave_day;
use registry::Transaction;
use registry::event::{Cause, Door, Event, RequestId};
use registry::queue::PhoneHash;
use registry::seal::Sealed;
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::application::{Application, CardCertificate};
use crate::authority::{Asked, Authority, Caller, Ruling, ended, other_kind};
use crate::cause::Occasion;
use crate::compromise::require_uncompromised;
use crate::doors::forms::{CertificatePem, MunicipalityWord, Time};
use crate::entitlement::Standing;
use crate::lookup::seen_from;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::record::{IssueRecord, PersonRecord, intent_place, issue_place};
use crate::rehearsal::{Rehearsed, WouldBeIssued};
use crate::withdraw::{CertificateStatus, Found, apply_occasion, end_issue, status_of};

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

/// What step 2 took for one certificate.
#[derive(Clone, Copy, Debug)]
struct Reservation {
    issuer: IssuerKey,
    serial: Serial,
    reserved_at: UnixTime,
}

/// A certificate after step 4: what will be signed, and its record.
pub(crate) struct Intended {
    pub(crate) issuer: IssuerKey,
    pub(crate) serial: Serial,
    pub(crate) linted: LintedCertificate,
    pub(crate) record: IssueRecord,
}

impl Authority {
    /// `POST /desk/v1/certificates`
    pub fn issue(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        let mut fresh = Vec::new();
        if !self.resume(&request)? {
            // Step 1: judge. A crash here leaves nothing. What the register reports from this row on was not judged.
            let judged_at = self.registry().store().tree_edge()?.size();
            let application = Application::judge(self, caller, asked.body)?;
            self.refuse_outdated(&application)?;
            fresh = self.issue_together(caller, request, &application, judged_at, |_| Ok(()))?;
        }
        // Step 7: answer. If it is lost, the same idempotency key gets it again.
        self.issue_answer(&self.registry().store().certificates_of_request(&request)?, &fresh)
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
        let now = self.outside.clock.now();
        let standing = self.standing(&application, now.jst_date())?;
        let not_afters = self.not_after(&application, &standing, now)?;
        let leave_days: Vec<_> = not_afters.into_iter().map(leave_day).collect();
        let own = caller.municipality()?.get();
        let to_reserve = self.to_reserve(caller, request, &application, judged_at)?;
        let (reservations, changed) = self.registry().rehearse(caller.actor(), caller.door, move |transaction| {
            // A trial leaves no trace, so it tells a desk of what it may see anyway, and of nothing else.
            let before = seen_from(own, transaction.certificates_of(&to_reserve.resident)?);
            let reservations = to_reserve.reserve(transaction)?;
            let places = || reservations.iter().map(|reservation| (reservation.issuer.ca, reservation.serial));
            record_intents(transaction, places().zip(leave_days).map(|(place, leave_day)| (place, leave_day, None)))?;
            record_issued(transaction, places().map(|place| (place, None)).collect())?;
            let mut changed = Vec::new();
            for (ca, serial, was) in before {
                let is = transaction.certificate(ca, serial)?.filter(|is| is.withdrawal != was.withdrawal);
                changed.extend(is.map(|is| status_of(ca, serial, &is)));
            }
            Ok::<_, Problem>((reservations, changed))
        })?;
        let built = self.build(&application, &standing, &reservations)?;
        let issued = built.iter().map(|intended| WouldBeIssued::new(intended.issuer.ca, &intended.record)).collect();
        Ok(Answer::ok(Rehearsed::of_issue(issued, changed)))
    }

    /// Steps 2 to 6 for every certificate of one request: each step is one batch for all of them, so that a crash leaves
    /// them alike, and what ends one of them ends all. `judge` judges once more in the transaction that reserves.
    /// The caller has the request's turn, and nothing stands for the request ([`Self::resume`]).
    pub(crate) fn issue_together(
        &self,
        caller: &Caller,
        request: RequestId,
        application: &Application,
        judged_at: u64,
        judge: impl FnOnce(&mut Transaction<'_>) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Vec<IssueRecord>, Problem> {
        let now = self.outside.clock.now();
        let standing = self.standing(application, now.jst_date())?;
        self.not_after(application, &standing, now)?;
        // Step 2: reserve, in one batch. A crash after it wastes serials and never reuses one; recovery frees the rest.
        let to_reserve = self.to_reserve(caller, request, application, judged_at)?;
        let reservations = self.registry().transact(caller.actor(), caller.door, move |transaction| {
            judge(transaction)?;
            to_reserve.reserve(transaction)
        })?;
        (self.outside.step)("issue.2-reserved");
        // Step 3: build and lint. Nothing new is durable.
        let built = self.build(application, &standing, &reservations);
        let intended = match built {
            Ok(intended) => intended,
            Err(problem) => {
                self.release(&request)?;
                return Err(problem);
            }
        };
        (self.outside.step)("issue.3-built");
        // Step 4: record what will be signed. After it a signature may exist, so recovery signs these octets or revokes.
        self.intend(&intended)?;
        (self.outside.step)("issue.4-intended");
        self.finish(intended)
    }

    /// Settles what an earlier attempt with this idempotency key left. `false`: there was none, or it left nothing behind.
    pub(crate) fn resume(&self, request: &RequestId) -> Result<bool, Problem> {
        let Some(outcome) = self.earlier(request)? else { return Ok(false) };
        match outcome {
            RequestOutcome::Certificate { .. } | RequestOutcome::Certificates(_) => {}
            RequestOutcome::Ended => return Err(ended()),
            RequestOutcome::Answer(_) | RequestOutcome::Disclosure { .. } => return Err(other_kind()),
        }
        // Nobody else works on it: this request has its turn, and recovery ended before the doors opened.
        self.settle(request)?;
        // Free again, unless something ended it at this very moment.
        match self.earlier(request)? {
            None => Ok(false),
            Some(RequestOutcome::Ended) => Err(ended()),
            Some(_) => Ok(true),
        }
    }

    fn to_reserve(
        &self,
        caller: &Caller,
        request: RequestId,
        application: &Application,
        judged_at: u64,
    ) -> Result<ToReserve, Problem> {
        let mut wanted = Vec::new();
        for certificate in &application.certificates {
            let issuer = self.signer(certificate.ca)?.issuer().issuer;
            wanted.push((issuer, certificate.public_key_sha256(), certificate.card));
        }
        let (municipality, resident, phone) =
            (application.municipality.code.get(), application.resident, application.phone);
        Ok(ToReserve { caller: caller.clone(), request, wanted, municipality, resident, phone, judged_at })
    }

    fn build(
        &self,
        application: &Application,
        standing: &[Standing],
        reservations: &[Reservation],
    ) -> Result<Vec<Intended>, Problem> {
        let reserved_at = reservations.first().map_or(UnixTime::EPOCH, |reservation| reservation.reserved_at);
        let not_after = self.not_after(application, standing, reserved_at)?;
        let wanted = application.certificates.iter().zip(not_after);
        let built = wanted.zip(reservations).map(|((certificate, not_after), reservation)| {
            self.build_one(application, &certificate.public_key, *reservation, not_after)
        });
        built.collect()
    }

    fn build_one(
        &self,
        application: &Application,
        public_key: &PublicKey,
        Reservation { issuer, serial, reserved_at }: Reservation,
        not_after: UnixTime,
    ) -> Result<Intended, Problem> {
        let signer = self.signer_of(issuer)?;
        let profile = &self.outside.profile;
        let (municipality, not_before, desk) = (application.municipality, reserved_at, application.desk);
        let tbs_der = match issuer.ca.purpose() {
            Purpose::Signature => {
                let person = &application.person;
                let common_name = SignCommonName::new(reserved_at, serial.get(), desk);
                SignLeaf { serial, public_key, person, municipality, common_name, not_before, not_after }
                    .tbs_der(signer.issuer(), profile)
            }
            Purpose::Authentication => {
                let common_name = AuthCommonName::from_random(self.random_octets()?, desk);
                AuthLeaf { serial, public_key, municipality, common_name, not_before, not_after }
                    .tbs_der(signer.issuer(), profile)
            }
        };
        let person = PersonRecord::new(&application.person, &application.beside_name);
        let record = IssueRecord { octets: tbs_der.clone(), person, not_after_seconds: not_after.as_seconds() };
        let linted = lint::leaf(issuer.ca, tbs_der, signer.issuer(), profile).map_err(|refusal| {
            tracing::error!(%refusal, "a certificate we built does not pass its lint");
            Problem::new(ProblemKind::Internal, "the certificate did not pass its check before signing")
        })?;
        Ok(Intended { issuer, serial, linted, record })
    }

    fn intend(&self, intended: &[Intended]) -> Result<(), Problem> {
        let mut rows = Vec::new();
        for Intended { issuer: IssuerKey { ca, .. }, serial, record, .. } in intended {
            let sealed = self.seal(record.retention_year(), &intent_place(*ca, *serial), record)?;
            rows.push(((*ca, *serial), leave_day(record.not_after()), Some(sealed)));
        }
        self.transact_inside(move |transaction| record_intents(transaction, rows.into_iter()))
    }

    /// Steps 5 and 6, also where a retry or recovery takes up an issue again.
    /// Gives what was issued.
    pub(crate) fn finish(&self, intended: Vec<Intended>) -> Result<Vec<IssueRecord>, Problem> {
        // Step 5: sign. A crash or a failure after it leaves the intents; the same octets are signed again.
        let mut signed = Vec::new();
        for Intended { issuer, serial, linted, record } in intended {
            let signer = self.signer_of(issuer)?;
            let certificate = signer.sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
            signed.push((issuer.ca, serial, certificate, record));
        }
        (self.outside.step)("issue.5-signed");
        // Step 6: the signatures were verified when the certificates were made; now they are good, and durably so (I5).
        let (mut rows, mut records) = (Vec::new(), Vec::new());
        for (ca, serial, certificate, intent) in signed {
            let octets = certificate.der().to_vec();
            let issued =
                IssueRecord { octets, person: intent.person.clone(), not_after_seconds: intent.not_after_seconds };
            let sealed = self.seal(issued.retention_year(), &issue_place(ca, serial), &issued)?;
            rows.push(((ca, serial), Some(sealed)));
            records.push(issued);
        }
        self.transact_inside(move |transaction| record_issued(transaction, rows))?;
        (self.outside.step)("issue.6-issued");
        Ok(records)
    }

    /// The answer about the certificates of a request: the same for a first answer, a retry and a look-up.
    /// `fresh` is what was issued just now, in the same order; what is not there is read.
    pub(crate) fn issue_answer(&self, issue: &[Found], fresh: &[IssueRecord]) -> Ruling {
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

    fn random_octets(&self) -> Result<[u8; 16], Problem> {
        let mut octets = [0; 16];
        let failed = |_| Problem::new(ProblemKind::Internal, "no randomness");
        self.outside.randomness.fill(&mut octets).map_err(failed)?;
        Ok(octets)
    }
}

/// What step 2 takes.
struct ToReserve {
    caller: Caller,
    request: RequestId,
    wanted: Vec<(IssuerKey, [u8; 32], Option<CardCertificate>)>,
    municipality: u32,
    resident: [u8; 32],
    phone: Option<PhoneHash>,
    judged_at: u64,
}

impl ToReserve {
    fn reserve(self, transaction: &mut Transaction<'_>) -> Result<Vec<Reservation>, Problem> {
        let Self { caller, request, wanted, municipality, resident, phone, judged_at } = self;
        if transaction.resident(&resident)?.is_some_and(|record| record.last_row >= judged_at) {
            return Err(Problem::new(ProblemKind::ResidentChanged, "the register reported a change just now"));
        }
        for (issuer, public_key, _) in &wanted {
            require_uncompromised(transaction, *issuer)?;
            require_new_key(transaction, public_key, &caller, &resident)?;
        }
        let mut reservations = Vec::new();
        for (issuer, public_key, card) in wanted {
            let IssuerKey { ca, key } = issuer;
            if transaction.key_claim(&public_key)?.is_some() {
                return Err(Problem::of_field(ProblemKind::KeySeenBefore, "csr", "two requests hold the same key"));
            }
            let used_up = || Problem::new(ProblemKind::Internal, "the CA's serials are used up");
            let serial = transaction.next_serial(ca)?.ok_or_else(used_up)?;
            let card = card.map(|card| card.place);
            let event = Event::Reserved { request, ca, key, serial, public_key, resident, municipality, card, phone };
            transaction.append(event, None)?;
            reservations.push(Reservation { issuer, serial, reserved_at: transaction.now() });
        }
        Ok(reservations)
    }
}

/// Step 4 in its transaction.
fn record_intents(
    transaction: &mut Transaction<'_>,
    rows: impl Iterator<Item = ((Ca, Serial), CivilDate, Option<Sealed>)>,
) -> Result<(), Problem> {
    for ((ca, serial), leave_day, sealed) in rows {
        still_pending(transaction.certificate(ca, serial)?.as_ref())?;
        transaction.append(Event::Intended { ca, serial, leave_day }, sealed)?;
    }
    Ok(())
}

/// Step 6 in its transaction.
fn record_issued(transaction: &mut Transaction<'_>, rows: Vec<((Ca, Serial), Option<Sealed>)>) -> Result<(), Problem> {
    for ((ca, serial), _) in &rows {
        let record = still_pending(transaction.certificate(*ca, *serial)?.as_ref())?;
        if has_newer(transaction, *ca, *serial, &record)? {
            // A later request of the same person was finished first. What was handed over stays; this one ends.
            end_issue(transaction, &record.request, None)?;
            return Ok(());
        }
    }
    for ((ca, serial), sealed) in rows {
        transaction.append(Event::Issued { ca, serial }, sealed)?;
        take_the_place_of_earlier(transaction, ca, serial)?;
    }
    Ok(())
}

/// A person has one certificate of a kind, and one phone: the new one takes the place of those before it (facts 5).
fn take_the_place_of_earlier(transaction: &mut Transaction<'_>, ca: Ca, serial: Serial) -> Result<(), Problem> {
    let own = transaction.certificate(ca, serial)?.ok_or_else(ended)?;
    for (other_ca, other, _) in transaction.certificates_of(&own.resident)? {
        // Read again: what went before may have reached it already.
        let Some(record) = transaction.certificate(other_ca, other)? else { continue };
        let occasion = match (record.issued_row, record.intended_row) {
            (Some(_), _)
                if other_ca.device() == Device::Phone && ca.device() == Device::Phone && record.phone != own.phone =>
            {
                Occasion { cause: Cause::PhoneReplaced, at: Device::Phone }
            }
            (Some(_), _) if other_ca == ca && other != serial => Occasion { cause: Cause::Superseded, at: ca.device() },
            // Nobody waits for an older issue any more: finished later, it would supersede what was handed over.
            (None, Some(_)) if other_ca == ca && other < serial => Occasion::at_hand_over(ca),
            _ => continue,
        };
        apply_occasion(transaction, &(other_ca, other, record), occasion)?;
    }
    Ok(())
}

/// A key makes one certificate. A desk that repeats itself is told which.
fn require_new_key(
    transaction: &Transaction<'_>,
    public_key: &[u8; 32],
    caller: &Caller,
    resident: &[u8; 32],
) -> Result<(), Problem> {
    let Some(claim) = transaction.key_claim(public_key)? else { return Ok(()) };
    let problem = Problem::of_field(ProblemKind::KeySeenBefore, "csr", "this public key was requested before");
    let own = claim.party == caller.party && claim.resident == *resident && caller.door == Door::Desk;
    let path = || format!("/desk/v1/certificates/{}/{}", claim.ca, claim.serial);
    Err(if own { problem.with_existing(path()) } else { problem })
}

/// The person already has a certificate of this kind with a later serial.
fn has_newer(
    transaction: &Transaction<'_>,
    ca: Ca,
    serial: Serial,
    record: &CertificateRecord,
) -> Result<bool, Problem> {
    let certificates = transaction.certificates_of(&record.resident)?;
    Ok(certificates.iter().any(|(of, other, record)| *of == ca && *other > serial && record.issued_row.is_some()))
}

/// The issue goes on only while nothing ended it: a move reported in between ends it, for one.
fn still_pending(record: Option<&CertificateRecord>) -> Result<CertificateRecord, Problem> {
    match record {
        Some(record) if record.withdrawal.is_none() && record.issued_row.is_none() => Ok(record.clone()),
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
