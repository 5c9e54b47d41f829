//! A person's consent to having their latest 4 info told to a service, and its withdrawal (facts 4.2).
pub mod application;

use pki::identity::Ca;
use pki::time::{CivilDate, UnixTime};
use registry::Transaction;
use registry::consent::{ConsentId, ServiceId};
use registry::event::Event;
use registry::seal::RetentionYear;
use registry::state::{ConsentRecord, ConsentStanding, Counter, StateReads, StoredTime};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling, keep};
use crate::doors::forms::{ItemWord, Time};
use crate::problem::{Problem, ProblemKind};
use crate::record::retention_year;
use crate::signed::{CLOCK_AHEAD_SECONDS_MAX, Signed, Standing, application_place};
use application::{Application, Purpose};

/// Consents are signed with the card's key or the phone's (facts 4.2).
const SIGNERS: [Ca; 2] = [Ca::Sign, Ca::PhoneSign];

/// How long a consent is in force, from the day after its receipt (facts 4.2).
const CONSENT_YEARS: u32 = 10;

/// The first and the last second of a consent that was received on that day in Japan: 2023-05-18 gives 2023-05-19
/// 00:00:00 and 2033-05-18 23:59:59 (facts 4.2).
fn in_force(received_on: CivilDate) -> (UnixTime, UnixTime) {
    (received_on.next().jst_start(), received_on.plus_years(CONSENT_YEARS).jst_end())
}

/// A consent and its withdrawal are kept for ten years from the day after the last day on which a consent received then
/// is in force, so that a withdrawal outlives what it withdrew. The term is taken, not known (facts 4.2).
fn kept_until(received_on: CivilDate) -> RetentionYear {
    retention_year(received_on.plus_years(CONSENT_YEARS))
}

/// Sealed for another year than the one in which it is recorded: the year changed in between.
pub(crate) fn year_changed() -> Problem {
    Problem::new(ProblemKind::RegistryUnavailable, "the year changed during the request")
}

/// A consent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentAnswer {
    consent: u64,
    service: u32,
    /// What may be told.
    items: Vec<ItemWord>,
    /// The day after receipt, at its first second.
    in_force_from: Time,
    /// The tenth anniversary of receipt, at its last second.
    in_force_until: Time,
    state: ConsentState,
    /// Of a withdrawn one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    withdrawn_at: Option<Time>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConsentState {
    NotYetInForce,
    InForce,
    Withdrawn,
    Expired,
}

impl From<ConsentStanding> for ConsentState {
    fn from(standing: ConsentStanding) -> Self {
        match standing {
            ConsentStanding::NotYetInForce => Self::NotYetInForce,
            ConsentStanding::InForce => Self::InForce,
            ConsentStanding::Withdrawn => Self::Withdrawn,
            ConsentStanding::Expired => Self::Expired,
        }
    }
}

/// What a withdrawal ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithdrawalAnswer {
    service: u32,
    /// The consents' numbers; none, if none stood.
    withdrawn: Vec<u64>,
    withdrawn_at: Time,
}

fn consent_answer(consent: ConsentId, service: ServiceId, record: &ConsentRecord, now: UnixTime) -> ConsentAnswer {
    ConsentAnswer {
        consent: consent.0,
        service: service.0,
        items: record.items.iter().map(|item| ItemWord(item.word().to_owned())).collect(),
        in_force_from: Time(record.in_force_from.to_string()),
        in_force_until: Time(record.in_force_until.to_string()),
        state: record.standing(now).into(),
        withdrawn_at: record.withdrawn_at.map(|StoredTime(at)| Time(at.to_string())),
    }
}

/// The consent under which a service may be told at that second: the newest one that is in force and not withdrawn.
pub(crate) fn effective_consent(
    reads: &impl StateReads,
    service: ServiceId,
    resident: &[u8; 32],
    at: UnixTime,
) -> Result<(ConsentId, ConsentRecord), Problem> {
    let consents = reads.consents_of(service, resident)?;
    let in_force = |(_, record): &&(_, ConsentRecord)| record.standing(at) == ConsentStanding::InForce;
    if let Some(effective) = consents.iter().rev().find(in_force) {
        return Ok(*effective);
    }
    match consents.last() {
        None => Err(Problem::new(ProblemKind::ConsentMissing, "the person gave no consent for this service")),
        Some((consent, record)) => require_in_force(record, at).map(|()| (*consent, *record)),
    }
}

/// That consent lets something be told at that second.
pub(crate) fn require_in_force(record: &ConsentRecord, at: UnixTime) -> Result<(), Problem> {
    let (kind, detail) = match record.standing(at) {
        ConsentStanding::InForce => return Ok(()),
        ConsentStanding::NotYetInForce => {
            (ProblemKind::ConsentNotInForce, "a consent is in force from the day after its receipt")
        }
        ConsentStanding::Withdrawn => (ProblemKind::ConsentWithdrawn, "the person withdrew the consent"),
        ConsentStanding::Expired => (ProblemKind::ConsentExpired, "a consent is in force for ten years"),
    };
    Err(Problem::new(kind, detail))
}

/// A consent counts as given after a withdrawal only if it cannot have been signed before it. Both are dated by whoever
/// sends them, so the second at which we recorded the withdrawal counts, and as much as an application may be ahead.
fn require_after_withdrawal(
    transaction: &Transaction<'_>,
    service: ServiceId,
    standing: &Standing,
) -> Result<(), Problem> {
    let withdrawn_at = transaction.last_consent_withdrawal(service, &standing.resident)?;
    if withdrawn_at.is_none_or(|at| standing.applied_at.seconds_since(at) > CLOCK_AHEAD_SECONDS_MAX) {
        return Ok(());
    }
    let detail = "it may have been signed before the person's last withdrawal: whoever consents anew signs a new \
                  application more than 5 minutes after the withdrawal";
    Err(Problem::of_field(ProblemKind::ApplicationStale, "application", detail))
}

impl Authority {
    /// `POST /operators/v1/consents`
    pub fn give_consent(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        let Signed { application, standing, record, .. } =
            self.judge_application(caller, asked.body, Purpose::Consent)?;
        let missing = || Problem::new(ProblemKind::Internal, "an application to consent names items");
        let (service, items) = (application.service, application.items.ok_or_else(missing)?);
        let year = kept_until(self.outside.clock.now().jst_date());
        let sealed = self.seal(year, &application_place(&standing.application_hash), &record)?;
        (self.outside.step)("consent.1-judged");
        let answer = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            standing.require_still(transaction)?;
            require_after_withdrawal(transaction, service, &standing)?;
            let (resident, now) = (standing.resident, transaction.now());
            if kept_until(now.jst_date()) != year {
                return Err(year_changed());
            }
            let (in_force_from, in_force_until) = in_force(now.jst_date());
            let consent = ConsentId(transaction.counter(Counter::Consent)? + 1);
            let application_hash = standing.application_hash;
            let event = Event::ConsentGiven {
                consent,
                service,
                resident,
                items,
                in_force_from,
                in_force_until,
                application_hash,
            };
            transaction.append(event, Some(sealed))?;
            let record = ConsentRecord { items, in_force_from, in_force_until, withdrawn_at: None };
            let body = consent_answer(consent, service, &record, now);
            let answer = Answer::created(body, format!("/operators/v1/consents/{}", consent.0));
            keep(transaction, request, &answer)?;
            Ok(answer)
        })?;
        (self.outside.step)("consent.2-recorded");
        Ok(answer)
    }

    /// Judges an application of an operator: its form, the operator's right, and what is judged of all that is signed.
    fn judge_application(
        &self,
        caller: &Caller,
        body: &[u8],
        purpose: Purpose,
    ) -> Result<Signed<Application>, Problem> {
        self.judge_signed(body, &SIGNERS, |octets| {
            let application = Application::read(octets, purpose)?;
            application.require_name(&self.own_service(caller, application.service)?)?;
            let applied_at = application.applied_at;
            Ok((application, applied_at))
        })
    }

    /// `GET /operators/v1/consents/{consent}`
    pub fn look_up_consent(&self, caller: &Caller, consent: ConsentId) -> Ruling {
        let unknown =
            || Problem::new(ProblemKind::UnknownConsent, "no consent for this operator's services has this number");
        let (service, _, record) = self.registry().store().consent(consent)?.ok_or_else(unknown)?;
        self.own_service(caller, service)
            .map_err(|problem| if problem.kind() == ProblemKind::NotYourService { unknown() } else { problem })?;
        Ok(Answer::ok(consent_answer(consent, service, &record, self.outside.clock.now())))
    }

    /// `POST /operators/v1/consent-withdrawals`. One that finds nothing to withdraw is recorded all the same: a consent that
    /// was signed before it may still arrive.
    pub fn withdraw_consent(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        let Signed { application, standing, record, .. } =
            self.judge_application(caller, asked.body, Purpose::Withdrawal)?;
        let service = application.service;
        let year = kept_until(self.outside.clock.now().jst_date());
        let sealed = self.seal(year, &application_place(&standing.application_hash), &record)?;
        (self.outside.step)("consent.1-judged");
        let answer = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            standing.require_still(transaction)?;
            let (resident, now) = (standing.resident, transaction.now());
            let given = transaction.consents_of(service, &resident)?;
            let standing_ones = given.iter().filter(|(_, record)| record.withdrawn_at.is_none());
            let withdrawn = standing_ones.map(|(consent, _)| consent.0).collect();
            if kept_until(now.jst_date()) != year {
                return Err(year_changed());
            }
            let event = Event::ConsentWithdrawn { service, resident, application_hash: standing.application_hash };
            transaction.append(event, Some(sealed))?;
            let withdrawn_at = Time(now.to_string());
            let body = WithdrawalAnswer { service: service.0, withdrawn, withdrawn_at };
            let answer = Answer::ok(body);
            keep(transaction, request, &answer)?;
            Ok(answer)
        })?;
        (self.outside.step)("consent.2-recorded");
        Ok(answer)
    }
}
