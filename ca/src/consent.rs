//! A person's consent to having their latest 4 info told to a service, and its withdrawal (facts 4.2).
mod application;
mod signed;

use pki::time::{CivilDate, UnixTime};
use registry::consent::{ConsentId, ServiceId};
use registry::event::Event;
use registry::seal::RetentionYear;
use registry::state::{ConsentRecord, Counter, StateReads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling, keep};
use crate::doors::forms::{ItemWord, Time};
use crate::problem::{Problem, ProblemKind};
use crate::record::retention_year;
pub use application::APPLICATION_OCTETS_MAX;
use application::Purpose;
pub use signed::ApplicationRecord;
pub(crate) use signed::SignedBody;
use signed::{Signed, application_place};

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

/// What a withdrawal ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithdrawalAnswer {
    service: u32,
    /// The consents' numbers.
    withdrawn: Vec<u64>,
    withdrawn_at: Time,
}

fn consent_answer(consent: ConsentId, service: ServiceId, record: &ConsentRecord, now: UnixTime) -> ConsentAnswer {
    let state = match record.withdrawal {
        Some(_) => ConsentState::Withdrawn,
        None if now < record.in_force_from => ConsentState::NotYetInForce,
        None if now > record.in_force_until => ConsentState::Expired,
        None => ConsentState::InForce,
    };
    ConsentAnswer {
        consent: consent.0,
        service: service.0,
        items: record.items.iter().map(|item| ItemWord(item.word().to_owned())).collect(),
        in_force_from: Time(record.in_force_from.to_string()),
        in_force_until: Time(record.in_force_until.to_string()),
        state,
        withdrawn_at: record.withdrawal.map(|withdrawal| Time(withdrawal.at.to_string())),
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
    if let Some(effective) = consents.iter().rev().find(|(_, record)| record.is_effective(at)) {
        return Ok(*effective);
    }
    let newest = consents.last().map(|(_, record)| record);
    let (kind, detail) = match newest {
        None => (ProblemKind::ConsentMissing, "the person gave no consent for this service"),
        Some(ConsentRecord { withdrawal: Some(_), .. }) => {
            (ProblemKind::ConsentWithdrawn, "the person withdrew every consent for this service")
        }
        Some(record) if at < record.in_force_from => {
            (ProblemKind::ConsentNotInForce, "a consent is in force from the day after its receipt")
        }
        Some(_) => (ProblemKind::ConsentExpired, "a consent is in force for ten years"),
    };
    Err(Problem::new(kind, detail))
}

impl Authority {
    /// `POST /operators/v1/consents`
    pub fn give_consent(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        let Signed { application, standing, record } = self.judge_application(caller, asked.body, Purpose::Consent)?;
        let missing = || Problem::new(ProblemKind::Internal, "an application to consent names items");
        let (service, items) = (application.service, application.items.ok_or_else(missing)?);
        let year = kept_until(self.outside.clock.now().jst_date());
        let sealed = self.seal(year, &application_place(&standing.application_hash), &record)?;
        (self.outside.step)("consent.1-judged");
        let answer = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            standing.require_still(transaction)?;
            let resident = standing.resident;
            let withdrawals = transaction.consents_of(service, &resident)?;
            let mut withdrawals = withdrawals.iter().filter_map(|(_, record)| record.withdrawal);
            if withdrawals.any(|withdrawal| standing.applied_at < withdrawal.applied_at) {
                let detail = "the person has withdrawn since they signed this application";
                return Err(Problem::of_field(ProblemKind::ApplicationStale, "application", detail));
            }
            let now = transaction.now();
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
            let record = ConsentRecord { items, in_force_from, in_force_until, withdrawal: None };
            let body = consent_answer(consent, service, &record, now);
            let answer = Answer::created(body, format!("/operators/v1/consents/{}", consent.0));
            keep(transaction, request, &answer)?;
            Ok(answer)
        })?;
        (self.outside.step)("consent.2-recorded");
        Ok(answer)
    }

    /// `GET /operators/v1/consents/{consent}`
    pub fn look_up_consent(&self, caller: &Caller, consent: ConsentId) -> Ruling {
        let unknown =
            || Problem::new(ProblemKind::UnknownConsent, "no consent for this operator's services has this number");
        let (service, record) = self.registry().store().consent(consent)?.ok_or_else(unknown)?;
        self.own_service(caller, service)
            .map_err(|problem| if problem.kind() == ProblemKind::NotYourService { unknown() } else { problem })?;
        Ok(Answer::ok(consent_answer(consent, service, &record, self.outside.clock.now())))
    }

    /// `POST /operators/v1/consent-withdrawals`
    pub fn withdraw_consent(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        let Signed { application, standing, record } =
            self.judge_application(caller, asked.body, Purpose::Withdrawal)?;
        let service = application.service;
        let year = kept_until(self.outside.clock.now().jst_date());
        let sealed = self.seal(year, &application_place(&standing.application_hash), &record)?;
        (self.outside.step)("consent.1-judged");
        let answer = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            standing.require_still(transaction)?;
            let (resident, now) = (standing.resident, transaction.now());
            let given = transaction.consents_of(service, &resident)?;
            if given.is_empty() {
                let detail = "the person gave no consent for this service";
                return Err(Problem::new(ProblemKind::ConsentMissing, detail));
            }
            let given: Vec<_> = given.iter().filter(|(_, record)| record.withdrawal.is_none()).collect();
            if given.is_empty() {
                let detail = "the person withdrew every consent for this service before";
                return Err(Problem::new(ProblemKind::ConsentWithdrawn, detail));
            }
            if kept_until(now.jst_date()) != year {
                return Err(year_changed());
            }
            let withdrawn: Vec<_> = given.iter().map(|(consent, _)| consent.0).collect();
            let (application_hash, applied_at) = (standing.application_hash, standing.applied_at);
            let event = Event::ConsentWithdrawn { service, resident, application_hash, applied_at };
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
