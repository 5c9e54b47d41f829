//! Issuing a certificate, in seven durable steps:
//! 1 judge the request · 2 reserve idempotency key, public key and serial · 3 build and lint · 4 record the exact
//! to-be-signed octets · 5 sign · 6 verify the signature and record `issued` · 7 answer.
use pki::certificate::{AuthCommonName, AuthLeaf, SignCommonName, SignLeaf};
use pki::identity::{Ca, IssuerKey, Serial};
use pki::lint::{self, LintedCertificate};
use pki::time::UnixTime;
use pki::validity::{ValidityInputs, leaf_not_after};
use registry::event::{Cause, Event, RequestId};
use registry::seal::Sealed;
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde_json::json;

use crate::answer::Answer;
use crate::application::Application;
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::problem::{Problem, ProblemKind};
use crate::record::{IssueRecord, PersonRecord, intent_place, issue_place};
use crate::withdraw::{apply_cause, status_json, unknown_certificate};

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
        // Step 1: judge. A crash here leaves nothing.
        let application = Application::judge(self, caller, asked.body)?;
        // Step 2: reserve, in one batch. A crash after it wastes a serial and never reuses one; recovery frees the rest.
        let reservation = self.reserve(caller, request, &application)?;
        (self.outside.step)("issue.2-reserved");
        // Step 3: build and lint. Nothing new is durable.
        let built = self.build(&application, reservation);
        let (linted, record) = match built {
            Ok(built) => built,
            Err(problem) => {
                self.release(reservation)?;
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
        let RequestOutcome::Certificate { ca, serial } = outcome else {
            return Err(Problem::new(
                ProblemKind::IdempotencyKeyReused,
                "the key was used for another kind of request",
            ));
        };
        // Nobody else works on it: this request has its turn, and recovery ended before the doors opened.
        self.settle(ca, serial)?;
        let Some(record) = self.registry().store().certificate(ca, serial)? else { return Ok(None) };
        self.certificate_answer(ca, serial, &record).map(Some)
    }

    fn reserve(&self, caller: &Caller, request: RequestId, application: &Application) -> Result<Reservation, Problem> {
        let issuer = self.signer(application.ca)?.issuer().issuer;
        let (ca, municipality) = (issuer.ca, application.municipality.code.get());
        let (public_key, resident) = (application.public_key_sha256(), application.resident);
        let party = caller.party;
        self.registry().transact(caller.actor(), caller.door, move |transaction| {
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
            let event = Event::Reserved { request, ca, key, serial, public_key, resident, municipality };
            transaction.append(event, None)?;
            Ok(Reservation { issuer, serial, reserved_at: transaction.now() })
        })
    }

    fn build(
        &self,
        application: &Application,
        reservation: Reservation,
    ) -> Result<(LintedCertificate, IssueRecord), Problem> {
        let Reservation { issuer, serial, reserved_at } = reservation;
        let signer = self.signer_of(issuer)?;
        let not_after = self.not_after(application, reserved_at)?;
        let profile = &self.outside.profile;
        let (public_key, municipality) = (&application.public_key, application.municipality);
        let (not_before, desk) = (reserved_at, application.desk);
        let tbs_der = match issuer.ca {
            Ca::Sign => {
                let person = &application.person;
                let common_name = SignCommonName::new(reserved_at, serial.get(), desk);
                SignLeaf { serial, public_key, person, municipality, common_name, not_before, not_after }
                    .tbs_der(signer.issuer(), profile)
            }
            Ca::Auth => {
                let common_name = AuthCommonName::from_random(self.random_octets()?, desk);
                AuthLeaf { serial, public_key, municipality, common_name, not_before, not_after }
                    .tbs_der(signer.issuer(), profile)
            }
        };
        let person = PersonRecord::new(&application.person);
        let record = IssueRecord { octets: tbs_der.clone(), person, not_after_seconds: not_after.as_seconds() };
        let linted = lint::leaf(issuer.ca, tbs_der, signer.issuer(), profile).map_err(|refusal| {
            tracing::error!(%refusal, "a certificate we built does not pass its lint");
            Problem::new(ProblemKind::Internal, "the certificate did not pass its check before signing")
        })?;
        Ok((linted, record))
    }

    /// notAfter by the birthday rule, cut by card, stay and, for a signature certificate, the paired user certificate.
    fn not_after(&self, application: &Application, issued_at: UnixTime) -> Result<UnixTime, Problem> {
        let paired = match application.ca {
            Ca::Sign => self.user_certificate_not_after(&application.resident)?,
            Ca::Auth => None,
        };
        let inputs = ValidityInputs {
            issued_on: issued_at.jst_date(),
            birth_date: application.person.birth_date.earliest(),
            renewal: false,
            card_expires_on: application.card_expires_on,
            stay_ends_on: application.stay_ends_on,
            paired_user_certificate_not_after: paired,
        };
        leaf_not_after(&inputs).map_err(|error| Problem::new(ProblemKind::NoTimeLeft, error.to_string()))
    }

    /// notAfter of the resident's newest user certificate that is not revoked.
    fn user_certificate_not_after(&self, resident: &[u8; 32]) -> Result<Option<UnixTime>, Problem> {
        let certificates = self.registry().store().certificates_of(resident)?;
        let live = |(ca, _, record): &&(Ca, Serial, CertificateRecord)| {
            *ca == Ca::Auth && record.issued_row.is_some() && !record.is_revoked()
        };
        let newest = certificates.iter().filter(live).max_by_key(|(_, serial, _)| *serial);
        newest.map(|(ca, serial, record)| Ok(self.issue_record(*ca, *serial, record)?.not_after())).transpose()
    }

    /// Gives a reservation up before anything was built on it.
    fn release(&self, reservation: Reservation) -> Result<(), Problem> {
        let event = Event::ReservationReleased { ca: reservation.issuer.ca, serial: reservation.serial };
        self.transact_inside(move |transaction| Ok(transaction.append(event, None)?)).map(drop)
    }

    fn intend(&self, reservation: Reservation, record: &IssueRecord) -> Result<(), Problem> {
        let (ca, serial) = (reservation.issuer.ca, reservation.serial);
        let sealed = self.seal(&intent_place(ca, serial), record)?;
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
        let certificate = self
            .signer_of(issuer)?
            .sign(linted)
            .map_err(|(_, failure)| Problem::new(ProblemKind::TokenUnavailable, failure.to_string()))?;
        (self.outside.step)("issue.5-signed");
        // Step 6: the signature was verified when the certificate was made; now it is good, and durably so (I5).
        let IssueRecord { octets: _, person, not_after_seconds } = intent;
        let issued = IssueRecord {
            octets: certificate.der().to_vec(),
            person: person.clone(),
            not_after_seconds: *not_after_seconds,
        };
        let sealed = self.seal(&issue_place(issuer.ca, serial), &issued)?;
        let ca = issuer.ca;
        let record = self.transact_inside(move |transaction| {
            let record = still_pending(transaction.certificate(ca, serial)?.as_ref())?;
            transaction.append(Event::Issued { ca, serial }, Some(sealed))?;
            // A person has one certificate of a kind: the new one takes the place of those before it.
            for (other_ca, other, record) in transaction.certificates_of(&record.resident)? {
                if other_ca == ca && other != serial && record.issued_row.is_some() {
                    apply_cause(transaction, (ca, other), &record, Cause::Superseded)?;
                }
            }
            transaction.certificate(ca, serial)?.ok_or_else(unknown_certificate)
        })?;
        (self.outside.step)("issue.6-issued");
        // Step 7: answer. If it is lost, the same idempotency key gets it again.
        self.certificate_answer(ca, serial, &record)
    }

    /// The answer about a certificate: the same for a first answer, a retry and a look-up.
    pub(crate) fn certificate_answer(&self, ca: Ca, serial: Serial, record: &CertificateRecord) -> Ruling {
        if record.issued_row.is_none() {
            return Err(if record.withdrawal.is_some() { destroyed(ca, serial) } else { unknown_certificate() });
        }
        let issued = self.issue_record(ca, serial, record)?;
        let mut body = status_json(ca, serial, record);
        body["municipality"] = json!(format!("{:05}", record.municipality));
        body["not_before"] = json!(record.reserved_at.to_string());
        body["not_after"] = json!(issued.not_after().to_string());
        body["certificate"] = json!(pki::certificate::pem(&issued.octets));
        Ok(Answer::created(body, format!("/desk/v1/certificates/{ca}/{serial}")))
    }

    /// The sealed record of an issued certificate.
    pub(crate) fn issue_record(
        &self,
        ca: Ca,
        serial: Serial,
        record: &CertificateRecord,
    ) -> Result<IssueRecord, Problem> {
        self.open_row(record.issued_row, &issue_place(ca, serial))
    }

    /// The sealed record of an intent.
    pub(crate) fn intent_record(
        &self,
        ca: Ca,
        serial: Serial,
        record: &CertificateRecord,
    ) -> Result<IssueRecord, Problem> {
        self.open_row(record.intended_row, &intent_place(ca, serial))
    }

    fn open_row(&self, row: Option<u64>, place: &str) -> Result<IssueRecord, Problem> {
        let missing = || Problem::new(ProblemKind::Internal, "a record that the state names is not in the log");
        let row = self.registry().store().row(row.ok_or_else(missing)?)?.ok_or_else(missing)?;
        let octets = row.sealed.ok_or_else(missing)?.open(&*self.outside.vault, place)?;
        minicbor::decode(&octets).map_err(|_| missing())
    }

    fn seal(&self, place: &str, record: &IssueRecord) -> Result<Sealed, Problem> {
        let octets = zeroize::Zeroizing::new(minicbor::to_vec(record).expect("writing to memory does not fail"));
        let outside = &self.outside;
        Ok(Sealed::seal(&*outside.vault, &*outside.randomness, record.retention_year(), place, &octets)?)
    }

    fn random_octets(&self) -> Result<[u8; 16], Problem> {
        let mut octets = [0; 16];
        let failed = |_| Problem::new(ProblemKind::Internal, "no randomness");
        self.outside.randomness.fill(&mut octets).map_err(failed)?;
        Ok(octets)
    }
}

/// The issue goes on only while nothing ended it: a move reported in between ends it, for one.
fn still_pending(record: Option<&CertificateRecord>) -> Result<CertificateRecord, Problem> {
    let ended = "what happened meanwhile ended this issue";
    match record {
        Some(record) if record.withdrawal.is_none() && record.issued_row.is_none() => Ok(record.clone()),
        Some(_) | None => Err(Problem::new(ProblemKind::DestroyedBeforeHandOver, ended)),
    }
}

fn destroyed(ca: Ca, serial: Serial) -> Problem {
    let detail = format!("{ca}/{serial} was given up before hand-over and is revoked");
    Problem::new(ProblemKind::DestroyedBeforeHandOver, detail)
}
