//! Certificates in phones (移動端末設備用電子証明書, facts 5): applied for with what the card's signature certificate signs,
//! for the card's holder, until the card's certificates end.
//!
//! Every application that is taken is first durable in the queue, with its number; what waits is done in order while the
//! hours are open. So an application at night, one that a crash interrupts, and one that the token was away for go the same way.
pub mod hours;
pub(crate) mod papers;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pki::identity::{Ca, Device, Serial};
use pki::municipality;
use registry::Transaction;
use registry::event::{Cause, CertificatePlace, Door, Event, PartyId, RequestId, StoredWithdrawal};
use registry::queue::{PhoneHash, PhoneNotice, QueueEnd, QueueNumber, QueuedWork};
use registry::state::{CertificateRecord, Counter, QueueRecord, RequestOutcome, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answer, json};
use crate::application::{Application, CardCertificate, PHONES_SIGN, Wanted};
use crate::authority::{Asked, Authority, Caller, Ruling, ended, idempotency_key_hash, other_kind};
use crate::cause::Occasion;
use crate::doors::forms::Time;
use crate::entitlement::not_after;
use crate::issue::IssuedCertificate;
use crate::problem::{Problem, ProblemKind, TYPE_PREFIX};
use crate::record::retention_year;
use crate::signed::{ApplicationRecord, GoodSigner, Signed, Signer, application_place};
use crate::withdraw::{Found, withdraw_all};
use papers::{PhoneApplication, read_notice};

/// An application for certificates in a phone, as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhoneApplicationAnswer {
    /// Its number.
    application: u64,
    state: ApplicationState,
    queued_at: Time,
    /// What was issued, with the status of now; the user certificate first.
    certificates: Vec<IssuedCertificate>,
    /// Of a refused one: the type of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ApplicationState {
    /// It is done after the next opening.
    Queued,
    Issued,
    Refused,
}

/// What must be true of the register's and the CA's records where a phone's certificates are reserved.
#[derive(Clone)]
struct Grounds {
    /// The card's signature certificate, which signed.
    signer: GoodSigner,
    /// The card's certificates that the new ones stand on.
    cards: Vec<CardCertificate>,
    /// In which phone.
    phone: PhoneHash,
    /// No user certificate is asked for, so the phone must have a good one.
    needs_user_certificate: bool,
    resident: [u8; 32],
}

impl Grounds {
    fn judge(&self, transaction: &Transaction<'_>) -> Result<(), Problem> {
        self.signer.require_good(transaction)?;
        for card in &self.cards {
            let record = transaction.certificate(card.place.ca, card.place.serial)?;
            if record.is_none_or(|record| record.withdrawal.is_some()) || card.not_after < transaction.now() {
                return Err(no_user_certificate("the card's user certificate is held, revoked or expired"));
            }
        }
        if self.needs_user_certificate {
            phones_user_certificate(transaction, &self.resident, self.phone)?;
        }
        Ok(())
    }
}

fn no_user_certificate(detail: &str) -> Problem {
    Problem::new(ProblemKind::NoUserCertificate, detail)
}

/// The good certificate of that CA with the latest serial.
fn good(certificates: Vec<Found>, of: Ca) -> Option<(CertificatePlace, CertificateRecord)> {
    let good = |(ca, _, record): &Found| *ca == of && record.issued_row.is_some() && record.withdrawal.is_none();
    let newest = certificates.into_iter().filter(good).max_by_key(|(_, serial, _)| *serial);
    newest.map(|(ca, serial, record)| (CertificatePlace { ca, serial }, record))
}

/// A signature certificate alone is issued beside the good user certificate in the same phone.
fn phones_user_certificate(reads: &impl StateReads, resident: &[u8; 32], phone: PhoneHash) -> Result<(), Problem> {
    let beside = good(reads.certificates_of(resident)?, Ca::PhoneAuth);
    if beside.is_some_and(|(_, record)| record.phone == Some(phone)) {
        Ok(())
    } else {
        Err(no_user_certificate("this phone has no good user certificate, and none is asked for"))
    }
}

/// The request that stands for the issue of what is in the queue. No party's idempotency key has a space.
fn request_of(number: QueueNumber, record: &QueueRecord) -> RequestId {
    let QueuedWork::PhoneApplication { application_hash } = record.work;
    let key_hash = idempotency_key_hash(&format!("queue {}", number.0));
    RequestId { party: record.party, key_hash, request_hash: application_hash }
}

/// Ends what a person applied for and waits: into a phone that is lost, or not wanted any more, nothing is issued. What was
/// begun has certificates, which end by themselves. Gives whether anything waited.
pub(crate) fn end_waiting(transaction: &mut Transaction<'_>, resident: &[u8; 32]) -> Result<bool, Problem> {
    let mut ended = false;
    for (number, of) in transaction.waiting()? {
        let Some(record) = transaction.queued(number)?.filter(|_| of == *resident) else { continue };
        let request = request_of(number, &record);
        if transaction.request(request.party, &request.key_hash)?.is_none() {
            let problem = ProblemKind::DestroyedBeforeHandOver.slug().to_owned();
            transaction.append(Event::Dequeued { number, end: QueueEnd::Refused { problem } }, None)?;
            ended = true;
        }
    }
    Ok(ended)
}

fn is_waiting(transaction: &Transaction<'_>, number: QueueNumber) -> Result<bool, Problem> {
    Ok(transaction.queued(number)?.is_some_and(|record| record.end.is_none()))
}

fn unknown_application() -> Problem {
    Problem::new(ProblemKind::UnknownApplication, "this party sent no application with this number")
}

impl Authority {
    /// `POST /phone/v1/applications`
    pub fn apply_for_phone(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        let number = match self.application_of(&request)? {
            Some(number) => number,
            None => self.queue_application(caller, request, asked.body)?,
        };
        if self.outside.phone_hours.are_open(self.outside.clock.now()) {
            match self.complete_in_order(number) {
                // It waits; nothing is lost.
                Err(problem) if problem.is_temporary() => {}
                other => other?,
            }
        }
        self.application_answer(caller, number, true)
    }

    /// `GET /phone/v1/applications/{number}`
    pub fn look_up_application(&self, caller: &Caller, number: QueueNumber) -> Ruling {
        self.application_answer(caller, number, false)
    }

    /// The application that an idempotency key stands for.
    fn application_of(&self, request: &RequestId) -> Result<Option<QueueNumber>, Problem> {
        match self.earlier(request)? {
            None => Ok(None),
            Some(RequestOutcome::Answer(number)) => match serde_json::from_slice(&number) {
                Ok(number) => Ok(Some(QueueNumber(number))),
                Err(_) => Err(other_kind()),
            },
            Some(
                RequestOutcome::Certificate { .. }
                | RequestOutcome::Certificates(_)
                | RequestOutcome::Ended
                | RequestOutcome::Disclosure { .. }
                | RequestOutcome::Withdrawn(_),
            ) => Err(other_kind()),
        }
    }

    /// Judges an application, and makes it durable.
    fn queue_application(&self, caller: &Caller, request: RequestId, body: &[u8]) -> Result<QueueNumber, Problem> {
        let Signed { application, standing, record, signer } = self.judge_signed(body, &[Ca::Sign], |octets| {
            let application = PhoneApplication::read(self, octets)?;
            let applied_at = application.applied_at;
            Ok((application, applied_at))
        })?;
        let (order, grounds) = self.order(application, &signer)?;
        let now = self.outside.clock.now();
        not_after(&order, &self.standing(&order, now.jst_date())?, &self.signers_for(&order)?, now)?;
        let keys: Vec<_> = order.certificates.iter().map(Wanted::public_key_sha256).collect();
        let year = retention_year(signer.issued.not_after().jst_date());
        let application_hash = standing.application_hash;
        let sealed = self.seal(year, &application_place(&application_hash), &record)?;
        (self.outside.step)("phone.1-judged");
        let resident = standing.resident;
        let number = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            standing.require_still(transaction)?;
            grounds.judge(transaction)?;
            for key in keys {
                if transaction.key_claim(&key)?.is_some() {
                    return Err(Problem::of_field(ProblemKind::KeySeenBefore, "application", "a key was used before"));
                }
            }
            let number = QueueNumber(transaction.counter(Counter::Queue)? + 1);
            let work = QueuedWork::PhoneApplication { application_hash };
            transaction.append(Event::Queued { number, work, resident }, Some(sealed))?;
            let answer = serde_json::to_vec(&number.0).expect("a number is writable");
            transaction.append(Event::Answered { request, answer }, None)?;
            Ok(number)
        })?;
        (self.outside.step)("phone.2-queued");
        Ok(number)
    }

    /// What an application asks for, on what it stands now.
    fn order(&self, application: PhoneApplication, signer: &Signer) -> Result<(Application, Grounds), Problem> {
        let resident = signer.record.resident;
        let phone = PhoneHash(self.keyed_hash("phone", application.phone.as_bytes())?);
        let needs_user_certificate = application.auth.is_none();
        let mut certificates = Vec::new();
        if let Some(public_key) = application.auth {
            let found = good(self.registry().store().certificates_of(&resident)?, Ca::Auth);
            let (place, record) =
                found.ok_or_else(|| no_user_certificate("the card has no user certificate that is good"))?;
            let not_after = self.intent_record(place.ca, place.serial, &record)?.not_after();
            let card = Some(CardCertificate { place, not_after });
            certificates.push(Wanted { ca: Ca::PhoneAuth, public_key, card });
        } else {
            phones_user_certificate(&**self.registry().store(), &resident, phone)?;
        }
        let not_after = signer.issued.not_after();
        if let Some(public_key) = application.sign {
            let card = Some(CardCertificate { place: signer.place, not_after });
            certificates.push(Wanted { ca: Ca::PhoneSign, public_key, card });
        }
        let cards = certificates.iter().filter_map(|certificate| certificate.card).collect();
        let damaged = || Problem::new(ProblemKind::Internal, "a stored place does not read");
        let desk = format!("{:05}{PHONES_SIGN}", signer.record.municipality).parse().map_err(|_| damaged())?;
        let code = format!("{:05}", signer.record.municipality).parse().ok();
        let municipality = code.and_then(municipality::find).ok_or_else(damaged)?;
        let (person, beside_name) = signer.issued.person.read().ok_or_else(damaged)?;
        let (card_expires_on, stay_ends_on) = (None, None);
        let order = Application {
            certificates,
            municipality,
            desk,
            resident,
            person,
            beside_name,
            card_expires_on,
            stay_ends_on,
            phone: Some(phone),
        };
        let signer = GoodSigner { place: signer.place, not_after };
        Ok((order, Grounds { signer, cards, phone, needs_user_certificate, resident }))
    }

    /// Does what waits, in order, while the hours are open. What cannot be done now waits on, and all of the same person
    /// after it; without the token, everything does.
    pub fn work_queue(&self) -> Result<(), Problem> {
        let (mut stuck, mut worked) = (BTreeSet::new(), Ok(()));
        for (number, resident) in self.registry().store().waiting()? {
            if !self.outside.phone_hours.are_open(self.outside.clock.now()) {
                break;
            }
            if stuck.contains(&resident) {
                continue;
            }
            // A panic is our bug and this application's alone.
            let done = catch_unwind(AssertUnwindSafe(|| self.complete(number))).unwrap_or_else(|_| {
                Err(Problem::new(ProblemKind::Internal, "what waits in the queue met a fault of ours"))
            });
            if let Err(problem) = done {
                if problem.kind() == ProblemKind::TokenUnavailable {
                    return Err(problem);
                }
                stuck.insert(resident);
                worked = worked.and(Err(problem));
            }
        }
        worked
    }

    /// Does one, after what waits before it for the same person: the last phone applied for is the one that stays.
    fn complete_in_order(&self, number: QueueNumber) -> Result<(), Problem> {
        let store = self.registry().store();
        let resident = store.queued(number)?.ok_or_else(unknown_application)?.resident;
        for (waiting, of) in store.waiting()? {
            if of == resident && waiting <= number {
                self.complete(waiting)?;
            }
        }
        Ok(())
    }

    /// Brings one to its end: issued, or refused. A crash leaves it waiting; what it began is then finished, not repeated.
    fn complete(&self, number: QueueNumber) -> Result<(), Problem> {
        let queued = || self.registry().store().queued(number)?.ok_or_else(unknown_application);
        let request = request_of(number, &queued()?);
        let _turn = self.turn(&request);
        let record = queued()?;
        if record.end.is_some() {
            return Ok(());
        }
        let end = match self.issue_queued(number, request, &record) {
            Ok(()) => QueueEnd::Issued,
            Err(problem) if problem.is_temporary() => return Err(problem),
            Err(problem) => QueueEnd::Refused { problem: problem.kind().slug().to_owned() },
        };
        self.transact_inside(move |transaction| {
            if is_waiting(transaction, number)? {
                transaction.append(Event::Dequeued { number, end }, None)?;
            }
            Ok(())
        })?;
        (self.outside.step)("phone.3-dequeued");
        Ok(())
    }

    /// Issues, judging again who signed and what the certificates stand on.
    fn issue_queued(&self, number: QueueNumber, request: RequestId, record: &QueueRecord) -> Result<(), Problem> {
        if !self.resume(&request, &|_| {})? {
            let judged_at = self.registry().store().tree_edge()?.size();
            let QueuedWork::PhoneApplication { application_hash } = record.work;
            let signed: ApplicationRecord = self.open_row(Some(record.row), &application_place(&application_hash))?;
            let application = PhoneApplication::read(self, &signed.application)?;
            let CertificatePlace { ca, serial } = signed.signer;
            let signer = self.signer_of_record(ca, serial)?;
            let (order, grounds) = self.order(application, &signer)?;
            self.refuse_outdated(&order)?;
            let caller = portal(record.party);
            let judge = move |transaction: &mut Transaction<'_>| {
                if is_waiting(transaction, number)? { grounds.judge(transaction) } else { Err(ended()) }
            };
            let intended = self.intend_together(&caller, request, order, judged_at, judge)?;
            self.finish(intended)?;
        }
        let certificates = self.registry().store().certificates_of_request(&request)?;
        let issued = certificates.iter().all(|(_, _, record)| record.issued_row.is_some());
        if issued { Ok(()) } else { Err(ended()) }
    }

    fn signer_of_record(&self, ca: Ca, serial: Serial) -> Result<Signer, Problem> {
        let missing = || Problem::new(ProblemKind::Internal, "a signer's certificate has a record");
        let record = self.registry().store().certificate(ca, serial)?.ok_or_else(missing)?;
        let issued = self.issue_record(ca, serial, &record)?;
        Ok(Signer { place: CertificatePlace { ca, serial }, record, issued })
    }

    fn application_answer(&self, caller: &Caller, number: QueueNumber, posted: bool) -> Ruling {
        let store = self.registry().store();
        let record = store.queued(number)?.filter(|record| record.party == caller.party);
        let record = record.ok_or_else(unknown_application)?;
        let location = format!("/phone/v1/applications/{}", number.0);
        let mut certificates = Vec::new();
        let (state, problem) = match &record.end {
            None => (ApplicationState::Queued, None),
            Some(QueueEnd::Issued) => {
                for (ca, serial, certificate) in store.certificates_of_request(&request_of(number, &record))? {
                    certificates.push(self.issued_certificate(ca, serial, &certificate)?);
                }
                (ApplicationState::Issued, None)
            }
            Some(QueueEnd::Refused { problem }) if posted => {
                let kind = ProblemKind::ALL.iter().find(|kind| kind.slug() == problem);
                let detail = "the application was taken, and refused when its turn came";
                return Err(Problem::new(*kind.unwrap_or(&ProblemKind::Internal), detail));
            }
            Some(QueueEnd::Refused { problem }) => (ApplicationState::Refused, Some(format!("{TYPE_PREFIX}{problem}"))),
        };
        let status = match (posted, &state) {
            (false, _) => 200,
            (true, ApplicationState::Queued) => 202,
            (true, ApplicationState::Issued | ApplicationState::Refused) => 201,
        };
        let queued_at = Time(record.queued_at.to_string());
        let body = json(PhoneApplicationAnswer { application: number.0, state, queued_at, certificates, problem });
        Ok(Answer { status, body, location: posted.then_some(location) })
    }

    /// `POST /phone/v1/finds`: the person has the lost phone again.
    pub fn find_phone(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        self.notice_phone(caller, asked, PhoneNotice::Found, &[Ca::Sign], Cause::Found)
    }

    /// `POST /phone/v1/retirements`: the person wants no certificates in the phone any more.
    pub fn retire_phone(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        self.notice_phone(caller, asked, PhoneNotice::Retired, &[Ca::Sign, Ca::PhoneSign], Cause::PersonRequest)
    }

    fn notice_phone(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        notice: PhoneNotice,
        signers: &[Ca],
        cause: Cause,
    ) -> Ruling {
        let request = self.request_id(caller, asked)?;
        if let Some(outcome) = self.earlier(&request)? {
            return self.repeat(outcome);
        }
        let Signed { standing, record, signer, .. } =
            match self.judge_signed(asked.body, signers, |octets| Ok(((), read_notice(octets, notice)?))) {
                Ok(signed) => signed,
                // What it was signed with may have been revoked by its own first attempt, just now.
                Err(problem) => return self.earlier(&request)?.map_or(Err(problem), |outcome| self.repeat(outcome)),
            };
        let year = retention_year(signer.issued.not_after().jst_date());
        let application_hash = standing.application_hash;
        let sealed = self.seal(year, &application_place(&application_hash), &record)?;
        (self.outside.step)("phone.1-judged");
        self.change_once(caller, asked, move |transaction, request| {
            standing.require_still(transaction)?;
            let resident = standing.resident;
            transaction.append(Event::PhoneNoticed { notice, resident, application_hash }, Some(sealed))?;
            let concerned = |(ca, _, record): &Found| {
                let held = matches!(record.withdrawal, Some(StoredWithdrawal::Held { .. }));
                ca.device() == Device::Phone && !record.is_revoked() && (held || notice != PhoneNotice::Found)
            };
            let found: Vec<_> = transaction.certificates_of(&resident)?.into_iter().filter(concerned).collect();
            let ended = notice == PhoneNotice::Retired && end_waiting(transaction, &resident)?;
            if found.is_empty() && !ended {
                let detail = "no certificate in a phone of this person is concerned";
                return Err(Problem::new(ProblemKind::UnknownCertificate, detail));
            }
            withdraw_all(transaction, found, Occasion { cause, at: Device::Phone }, request)
        })
    }
}

fn portal(party: PartyId) -> Caller {
    Caller { party, door: Door::Phone, desk: None }
}
