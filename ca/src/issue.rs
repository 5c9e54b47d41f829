//! Issuing a certificate, in seven durable steps:
//! 1 judge the request · 2 reserve idempotency key, public key and serial · 3 build and lint · 4 record the exact
//! to-be-signed octets · 5 sign · 6 verify the signature and record `issued` · 7 answer.
use pki::certificate::{AuthCommonName, AuthLeaf, SignCommonName, SignLeaf};
use pki::identity::{Ca, IssuerKey, Purpose, Serial};
use pki::lint::{self, LintedCertificate};
use pki::time::UnixTime;
use registry::event::{Cause, Event, RequestId};
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::application::Application;
use crate::authority::{Asked, Authority, Caller, Ruling, ended, other_kind};
use crate::cause::Occasion;
use crate::compromise::require_uncompromised;
use crate::doors::forms::{CertificatePem, MunicipalityWord, Time};
use crate::entitlement::Standing;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::record::{IssueRecord, PersonRecord, intent_place, issue_place};
use crate::withdraw::{CertificateStatus, apply_occasion, status_of};

/// A certificate as a desk gets it.
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

/// What step 2 took.
#[derive(Clone, Copy, Debug)]
struct Reservation {
    issuer: IssuerKey,
    serial: Serial,
    reserved_at: UnixTime,
}

impl Authority {
    /// `POST /desk/v1/certificates`
    pub fn issue(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.resume(&request)? {
            return Ok(answer);
        }
        // Step 1: judge. A crash here leaves nothing. What the register reports from this row on was not judged.
        let judged_at = self.registry().store().tree_edge()?.size();
        let application = Application::judge(self, caller, asked.body)?;
        self.refuse_outdated(&application)?;
        let now = self.outside.clock.now();
        let standing = self.standing(&application, now.jst_date())?;
        self.not_after(&application, standing, now)?;
        // Step 2: reserve, in one batch. A crash after it wastes a serial and never reuses one; recovery frees the rest.
        let reservation = self.reserve(caller, request, &application, judged_at)?;
        (self.outside.step)("issue.2-reserved");
        // Step 3: build and lint. Nothing new is durable.
        let built = self.build(&application, standing, reservation);
        let (linted, record) = match built {
            Ok(built) => built,
            Err(problem) => {
                self.release(reservation.issuer.ca, reservation.serial)?;
                return Err(problem);
            }
        };
        (self.outside.step)("issue.3-built");
        // Step 4: record what will be signed. After it a signature may exist, so recovery signs these octets or revokes.
        self.intend(reservation, &record)?;
        (self.outside.step)("issue.4-intended");
        // Steps 5 to 7.
        self.finish(reservation.issuer, reservation.serial, linted, &record)
    }

    /// What an earlier attempt with this idempotency key came to; `None` when there was none, or it left nothing behind.
    fn resume(&self, request: &RequestId) -> Result<Option<Answer>, Problem> {
        let Some(outcome) = self.earlier(request)? else { return Ok(None) };
        let (ca, serial) = match outcome {
            RequestOutcome::Certificate { ca, serial } => (ca, serial),
            RequestOutcome::Ended => return Err(ended()),
            RequestOutcome::Answer(_) | RequestOutcome::Disclosure { .. } => {
                return Err(other_kind());
            }
        };
        // Nobody else works on it: this request has its turn, and recovery ended before the doors opened.
        self.settle(ca, serial)?;
        let Some(record) = self.registry().store().certificate(ca, serial)? else {
            // Free again, unless something ended it at this very moment.
            return self.earlier(request).map(|_| None);
        };
        self.certificate_answer(ca, serial, &record).map(Some)
    }

    fn reserve(
        &self,
        caller: &Caller,
        request: RequestId,
        application: &Application,
        judged_at: u64,
    ) -> Result<Reservation, Problem> {
        let issuer = self.signer(application.ca)?.issuer().issuer;
        let (ca, municipality) = (issuer.ca, application.municipality.code.get());
        let (public_key, resident) = (application.public_key_sha256(), application.resident);
        let party = caller.party;
        self.registry().transact(caller.actor(), caller.door, move |transaction| {
            require_uncompromised(transaction, issuer)?;
            if transaction.resident(&resident)?.is_some_and(|record| record.last_row >= judged_at) {
                return Err(Problem::new(ProblemKind::ResidentChanged, "the register reported a change just now"));
            }
            if let Some(claim) = transaction.key_claim(&public_key)? {
                let problem =
                    Problem::of_field(ProblemKind::KeySeenBefore, "csr", "this public key was requested before");
                let own = claim.party == party && claim.resident == resident;
                let path = || format!("/desk/v1/certificates/{}/{}", claim.ca, claim.serial);
                return Err(if own { problem.with_existing(path()) } else { problem });
            }
            let serial = transaction
                .next_serial(ca)?
                .ok_or_else(|| Problem::new(ProblemKind::Internal, "the CA's serials are used up"))?;
            let key = issuer.key;
            let event = Event::Reserved { request, ca, key, serial, public_key, resident, municipality, card: None };
            transaction.append(event, None)?;
            Ok(Reservation { issuer, serial, reserved_at: transaction.now() })
        })
    }

    fn build(
        &self,
        application: &Application,
        standing: Standing,
        reservation: Reservation,
    ) -> Result<(LintedCertificate, IssueRecord), Problem> {
        let Reservation { issuer, serial, reserved_at } = reservation;
        let signer = self.signer_of(issuer)?;
        let not_after = self.not_after(application, standing, reserved_at)?;
        let profile = &self.outside.profile;
        let (public_key, municipality) = (&application.public_key, application.municipality);
        let (not_before, desk) = (reserved_at, application.desk);
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
        Ok((linted, record))
    }

    fn intend(&self, reservation: Reservation, record: &IssueRecord) -> Result<(), Problem> {
        let (ca, serial) = (reservation.issuer.ca, reservation.serial);
        let sealed = self.seal(record.retention_year(), &intent_place(ca, serial), record)?;
        let leave_day = pki::validity::leave_day(record.not_after());
        self.transact_inside(move |transaction| {
            still_pending(transaction.certificate(ca, serial)?.as_ref())?;
            Ok(transaction.append(Event::Intended { ca, serial, leave_day }, Some(sealed))?)
        })
        .map(drop)
    }

    /// Steps 5 to 7, also where a retry or recovery takes up an issue again.
    pub(crate) fn finish(
        &self,
        issuer: IssuerKey,
        serial: Serial,
        linted: LintedCertificate,
        intent: &IssueRecord,
    ) -> Ruling {
        // Step 5: sign. A crash or a failure after it leaves the intent; the same octets are signed again.
        let certificate = self.signer_of(issuer)?.sign(linted).map_err(|(_, failure)| token_unavailable(&failure))?;
        (self.outside.step)("issue.5-signed");
        // Step 6: the signature was verified when the certificate was made; now it is good, and durably so (I5).
        let IssueRecord { octets: _, person, not_after_seconds } = intent;
        let issued = IssueRecord {
            octets: certificate.der().to_vec(),
            person: person.clone(),
            not_after_seconds: *not_after_seconds,
        };
        let sealed = self.seal(issued.retention_year(), &issue_place(issuer.ca, serial), &issued)?;
        let ca = issuer.ca;
        let record = self.transact_inside(move |transaction| {
            let record = still_pending(transaction.certificate(ca, serial)?.as_ref())?;
            let certificates = transaction.certificates_of(&record.resident)?;
            let is_newer = |(of, other, record): &(Ca, Serial, CertificateRecord)| {
                *of == ca && *other > serial && record.issued_row.is_some()
            };
            if certificates.iter().any(is_newer) {
                // A later request of the same person was finished first. What was handed over stays; this one ends.
                apply_occasion(transaction, &(ca, serial, record), Occasion::at_hand_over(ca))?;
                return Ok(None);
            }
            transaction.append(Event::Issued { ca, serial }, Some(sealed))?;
            // A person has one certificate of a kind: the new one takes the place of those before it.
            for (other_ca, other, record) in certificates {
                let occasion = match (record.issued_row, record.intended_row) {
                    (Some(_), _) => Occasion { cause: Cause::Superseded, at: ca.device() },
                    // Nobody waits for an older issue any more: finished later, it would supersede what was handed over.
                    (None, Some(_)) if other < serial => Occasion::at_hand_over(ca),
                    (None, _) => continue,
                };
                if other_ca == ca && other != serial {
                    apply_occasion(transaction, &(ca, other, record), occasion)?;
                }
            }
            Ok(transaction.certificate(ca, serial)?)
        })?;
        let record = record.ok_or_else(|| destroyed(ca, serial))?;
        (self.outside.step)("issue.6-issued");
        // Step 7: answer. If it is lost, the same idempotency key gets it again.
        Ok(answer(ca, serial, &record, &issued))
    }

    /// The answer about a certificate: the same for a first answer, a retry and a look-up.
    pub(crate) fn certificate_answer(&self, ca: Ca, serial: Serial, record: &CertificateRecord) -> Ruling {
        if record.issued_row.is_none() {
            return Err(if record.withdrawal.is_some() { destroyed(ca, serial) } else { under_way(ca, serial) });
        }
        Ok(answer(ca, serial, record, &self.issue_record(ca, serial, record)?))
    }

    fn random_octets(&self) -> Result<[u8; 16], Problem> {
        let mut octets = [0; 16];
        let failed = |_| Problem::new(ProblemKind::Internal, "no randomness");
        self.outside.randomness.fill(&mut octets).map_err(failed)?;
        Ok(octets)
    }
}

fn answer(ca: Ca, serial: Serial, record: &CertificateRecord, issued: &IssueRecord) -> Answer {
    let body = IssuedCertificate {
        status: status_of(ca, serial, record),
        municipality: MunicipalityWord(format!("{:05}", record.municipality)),
        not_before: Time(record.reserved_at.to_string()),
        not_after: Time(issued.not_after().to_string()),
        certificate: CertificatePem(pki::certificate::pem(&issued.octets)),
    };
    Answer::created(body, format!("/desk/v1/certificates/{ca}/{serial}"))
}

/// The issue goes on only while nothing ended it: a move reported in between ends it, for one.
fn still_pending(record: Option<&CertificateRecord>) -> Result<CertificateRecord, Problem> {
    match record {
        Some(record) if record.withdrawal.is_none() && record.issued_row.is_none() => Ok(record.clone()),
        Some(_) | None => Err(ended()),
    }
}

fn under_way(ca: Ca, serial: Serial) -> Problem {
    Problem::new(ProblemKind::IssueUnderWay, format!("{ca}/{serial} is not signed yet"))
}

fn destroyed(ca: Ca, serial: Serial) -> Problem {
    let detail = format!("{ca}/{serial} was given up before hand-over and is revoked");
    Problem::new(ProblemKind::DestroyedBeforeHandOver, detail)
}
