//! Who may ask for the latest 4 info: service providers (SP), each under one platform operator (PF), and their services.
use registry::Transaction;
use registry::consent::{ProviderId, ServiceId};
use registry::event::{Event, PartyId, Role};
use registry::state::{Counter, ProviderRecord, ServiceRecord, StateReads};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling, keep};
use crate::doors::forms::OfficeName;
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};

/// Longer names than an office or a service has.
const NAME_CHARACTERS_MAX: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderBody {
    /// The number of a party of the role `operator`.
    operator: u32,
    name: OfficeName,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceBody {
    /// The provider's number.
    provider: u32,
    name: OfficeName,
}

/// A service provider (SP).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderAnswer {
    provider: u32,
    operator: u32,
    name: OfficeName,
}

/// A service of a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAnswer {
    service: u32,
    provider: u32,
    operator: u32,
    name: OfficeName,
}

/// All providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    providers: Vec<ProviderAnswer>,
}

/// All services.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceList {
    services: Vec<ServiceAnswer>,
}

/// A name as it can be read, and stand in an application, character for character.
pub(crate) fn require_name(name: &str) -> Result<(), Problem> {
    let fits = (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count());
    if fits && name.trim() == name && name.chars().all(is_seen) {
        return Ok(());
    }
    let detail = format!(
        "a name has 1 to {NAME_CHARACTERS_MAX} characters, none of them a control or invisible, and no space at its ends"
    );
    Err(Problem::of_field(ProblemKind::NotInForm, "name", detail))
}

/// Neither a control, nor of zero width or turning the direction of what follows, nor outside XML's Char (XML 1.0 §2.2).
fn is_seen(character: char) -> bool {
    let hidden = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    !hidden && !character.is_control()
}

fn provider_answer(provider: ProviderId, record: &ProviderRecord) -> ProviderAnswer {
    ProviderAnswer { provider: provider.0, operator: record.operator.0, name: OfficeName(record.name.clone()) }
}

fn service_answer(service: ServiceId, record: &ServiceRecord, operator: PartyId) -> ServiceAnswer {
    let (provider, name) = (record.provider.0, OfficeName(record.name.clone()));
    ServiceAnswer { service: service.0, provider, operator: operator.0, name }
}

impl Authority {
    /// `POST /admin/v1/providers`
    pub fn register_provider(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: ProviderBody = read_body(asked.body)?;
        require_name(&body.name.0)?;
        let record = ProviderRecord { operator: PartyId(body.operator), name: body.name.0 };
        self.register_once(caller, asked, move |transaction| {
            let party = transaction.party(record.operator)?;
            let party = party.ok_or_else(|| Problem::new(ProblemKind::UnknownParty, "no party has this number"))?;
            if party.role != Role::Operator {
                let detail = "a provider belongs to a party of the role operator";
                return Err(Problem::of_field(ProblemKind::NotInForm, "operator", detail));
            }
            let provider = ProviderId(transaction.next_number(Counter::Provider)?);
            let body = provider_answer(provider, &record);
            let ProviderRecord { operator, name } = record;
            transaction.append(Event::ProviderRegistered { provider, operator, name }, None)?;
            Ok(Answer::registered(body))
        })
    }

    /// `GET /admin/v1/providers`
    pub fn list_providers(&self) -> Ruling {
        let providers = self.registry().store().providers()?;
        let providers = providers.iter().map(|(provider, record)| provider_answer(*provider, record)).collect();
        Ok(Answer::ok(ProviderList { providers }))
    }

    /// `POST /admin/v1/services`
    pub fn register_service(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: ServiceBody = read_body(asked.body)?;
        require_name(&body.name.0)?;
        let record = ServiceRecord { provider: ProviderId(body.provider), name: body.name.0 };
        self.register_once(caller, asked, move |transaction| {
            let unknown = || Problem::new(ProblemKind::UnknownProvider, "no provider has this number");
            let operator = transaction.provider(record.provider)?.ok_or_else(unknown)?.operator;
            let service = ServiceId(transaction.next_number(Counter::Service)?);
            let body = service_answer(service, &record, operator);
            let ServiceRecord { provider, name } = record;
            transaction.append(Event::ServiceRegistered { service, provider, name }, None)?;
            Ok(Answer::registered(body))
        })
    }

    /// `GET /admin/v1/services`
    pub fn list_services(&self) -> Ruling {
        let store = self.registry().store();
        let mut services = Vec::new();
        for (service, record) in store.services()? {
            let missing = || Problem::new(ProblemKind::Internal, "a service's provider has no record");
            let operator = store.provider(record.provider)?.ok_or_else(missing)?.operator;
            services.push(service_answer(service, &record, operator));
        }
        Ok(Answer::ok(ServiceList { services }))
    }

    /// Registers something once for each idempotency key: what is appended and the answer are one batch.
    pub(crate) fn register_once(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        register: impl FnOnce(&mut Transaction<'_>) -> Ruling + Send + 'static,
    ) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        self.registry().transact(caller.actor(), caller.door, move |transaction| {
            let answer = register(transaction)?;
            keep(transaction, request, &answer)?;
            Ok(answer)
        })
    }

    /// A service of the calling operator. One that does not exist is refused like another operator's.
    pub(crate) fn own_service(&self, caller: &Caller, service: ServiceId) -> Result<ServiceRecord, Problem> {
        let store = self.registry().store();
        let record = store.service(service)?;
        let provider = record.as_ref().map(|record| store.provider(record.provider)).transpose()?.flatten();
        let own = provider.is_some_and(|provider| provider.operator == caller.party);
        record
            .filter(|_| own)
            .ok_or_else(|| Problem::new(ProblemKind::NotYourService, "no service of this operator has this number"))
    }
}
