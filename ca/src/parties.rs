//! Who may knock: registering, suspending and recognising parties.
use pki::algorithm::sha256;
use pki::certificate::DeskId;
use pki::municipality;
use registry::Registry;
use registry::event::{Actor, Door, Event, PartyId, Role};
use registry::state::{PartyRecord, PartyState, RequestOutcome, StateReads};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Answer, Body, json};
use crate::application::{PHONES_SIGN, csr_problem};
use crate::authority::{Asked, Authority, Caller, Ruling, other_kind};
use crate::doors::forms::{Because, CertificatePem, DeskSign, MunicipalityWord, RequestPem, RoleWord};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::seam::PartyCaError;
use crate::services::require_name;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartyBody {
    role: RoleWord,
    /// An office's name.
    #[schema(min_length = 1, max_length = 100, example = "Kiyose city hall")]
    name: String,
    /// A desk's alone.
    municipality: Option<MunicipalityWord>,
    /// A desk's alone.
    desk: Option<DeskSign>,
    csr: RequestPem,
}

/// A party.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartyAnswer {
    party: u32,
    role: RoleWord,
    #[schema(example = "Kiyose city hall")]
    name: String,
    state: PartyStateWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    municipality: Option<MunicipalityWord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    desk: Option<DeskSign>,
    certificate: CertificatePem,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PartyStateWord {
    Active,
    Suspended,
}

/// All parties.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartyList {
    parties: Vec<PartyAnswer>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BecauseBody {
    because: Because,
}

const fn role_of(door: Door) -> Option<Role> {
    match door {
        Door::Inside => None,
        Door::Desk => Some(Role::Desk),
        Door::Hotline => Some(Role::Hotline),
        Door::Residents => Some(Role::Residents),
        Door::Admin => Some(Role::Admin),
        Door::Operators => Some(Role::Operator),
        Door::Phone => Some(Role::Portal),
    }
}

impl Authority {
    /// Recognises the party with that client certificate at that door. On refusal also says as whom it is recorded.
    pub fn recognise(&self, certificate_der: &[u8], door: Door) -> Result<Caller, (Actor, Problem)> {
        let refuse = |actor, kind, detail: &str| Err((actor, Problem::new(kind, detail)));
        let nobody = |error| (Actor::Unregistered, Problem::from(error));
        let store = self.registry().store();
        let Some(party) = store.party_of_certificate(&sha256(certificate_der)).map_err(nobody)? else {
            return refuse(Actor::Unregistered, ProblemKind::PartyUnregistered, "no party has this client certificate");
        };
        let actor = Actor::Party(party);
        let Some(record) = store.party(party).map_err(nobody)? else {
            return refuse(actor, ProblemKind::PartyUnregistered, "the party has no record");
        };
        match record.state {
            PartyState::Active => {}
            PartyState::Suspended => return refuse(actor, ProblemKind::PartySuspended, "the party is suspended"),
        }
        if role_of(door) != Some(record.role) {
            let detail = format!("this door is not for the role {}", record.role.word());
            return refuse(actor, ProblemKind::WrongRole, &detail);
        }
        let desk = record.desk.as_deref().and_then(|desk| desk.parse().ok());
        Ok(Caller { party, door, desk })
    }

    /// `POST /admin/v1/parties`
    pub fn register_party(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: PartyBody = read_body(asked.body)?;
        let role = Role::ALL.into_iter().find(|role| role.word() == body.role.0).ok_or_else(|| {
            let words: Vec<_> = Role::ALL.iter().map(|role| role.word()).collect();
            Problem::of_field(ProblemKind::NotInForm, "role", format!("a role is one of: {}", words.join(", ")))
        })?;
        let desk = desk_of(role, &body)?;
        require_name(&body.name)?;
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(outcome) = self.earlier(&request)? {
            return repeat_party(outcome);
        }
        let common_name = desk.as_ref().map_or_else(|| role.word().to_owned(), |desk| format!("desk {desk}"));
        let certificate = self.outside.party_ca.issue(&body.csr.0, &common_name).map_err(|error| match &error {
            PartyCaError::Request(error) => csr_problem(error),
            PartyCaError::Token(failure) => token_unavailable(failure),
        })?;
        let record = PartyRecord {
            role,
            name: body.name,
            desk: desk.map(|desk| desk.to_string()),
            certificate,
            state: PartyState::Active,
        };
        let (actor, door) = (caller.actor(), caller.door);
        let answer = self.registry().transact::<_, Problem>(actor, door, move |transaction| {
            let party = transaction.next_party()?;
            let answer = json(party_answer(party, &record));
            transaction.append(registration(party, record), None)?;
            let stored = serde_json::to_vec(&answer).expect("JSON values are writable");
            transaction.append(Event::Answered { request, answer: stored }, None)?;
            Ok(answer)
        })?;
        Ok(created_party(answer))
    }

    /// `GET /admin/v1/parties`
    pub fn list_parties(&self) -> Ruling {
        let parties = self.registry().store().parties()?;
        let parties = parties.iter().map(|(party, record)| party_answer(*party, record)).collect();
        Ok(Answer::ok(PartyList { parties }))
    }

    /// `POST /admin/v1/parties/{party}/suspension` and `…/reinstatement`
    pub fn set_party_state(&self, caller: &Caller, asked: &Asked<'_>, party: PartyId, state: PartyState) -> Ruling {
        let because = read_body::<BecauseBody>(asked.body)?.because.recorded()?;
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(outcome) = self.earlier(&request)? {
            return repeat_party(outcome).map(|answer| Answer::ok(answer.body));
        }
        if state == PartyState::Suspended && party == caller.party {
            return Err(Problem::new(
                ProblemKind::NotInForm,
                "nobody suspends themselves; let another administrator do it",
            ));
        }
        let answer = self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            if transaction.party(party)?.is_none() {
                return Err(Problem::new(ProblemKind::UnknownParty, "no party has this number"));
            }
            let event = match state {
                PartyState::Active => Event::PartyReinstated { party, because },
                PartyState::Suspended => Event::PartySuspended { party, because },
            };
            transaction.append(event, None)?;
            let record = transaction.party(party)?.expect("the party was there just before");
            let answer = json(party_answer(party, &record));
            let stored = serde_json::to_vec(&answer).expect("JSON values are writable");
            transaction.append(Event::Answered { request, answer: stored }, None)?;
            Ok(answer)
        })?;
        Ok(Answer::ok(answer))
    }
}

/// Registers the first administrator, who registers everybody else.
pub fn register_first_administrator(registry: &Registry, certificate: Vec<u8>) -> Result<PartyId, Problem> {
    registry.transact(Actor::System, Door::Inside, move |transaction| {
        let party = transaction.next_party()?;
        let name = "first administrator".to_owned();
        let record = PartyRecord { role: Role::Admin, name, desk: None, certificate, state: PartyState::Active };
        transaction.append(registration(party, record), None)?;
        Ok(party)
    })
}

fn registration(party: PartyId, record: PartyRecord) -> Event {
    let PartyRecord { role, name, desk, certificate, state: _ } = record;
    Event::PartyRegistered { party, role, name, desk, certificate_sha256: sha256(&certificate), certificate }
}

/// A desk has a municipality and a sign of its own; nobody else has.
fn desk_of(role: Role, body: &PartyBody) -> Result<Option<DeskId>, Problem> {
    match (role, &body.municipality, &body.desk) {
        (Role::Desk, Some(MunicipalityWord(code)), Some(DeskSign(sign))) => {
            let known = code.parse().ok().filter(|code| municipality::find(*code).is_some());
            if known.is_none() {
                let detail = "a desk belongs to a municipality in the table";
                return Err(Problem::of_field(ProblemKind::UnknownMunicipality, "municipality", detail));
            }
            if sign == PHONES_SIGN {
                let detail = format!("the sign {PHONES_SIGN} stands for certificates in phones");
                return Err(Problem::of_field(ProblemKind::NotInForm, "desk", detail));
            }
            let desk = format!("{code}{sign}").parse();
            desk.map(Some).map_err(|_| {
                let detail = "a desk's sign is four characters of 0-9 and A-Z";
                Problem::of_field(ProblemKind::NotInForm, "desk", detail)
            })
        }
        (Role::Desk, None, _) => {
            Err(Problem::of_field(ProblemKind::UnknownMunicipality, "municipality", "a desk needs its municipality"))
        }
        (Role::Desk, _, None) => Err(Problem::of_field(ProblemKind::NotInForm, "desk", "a desk needs its sign")),
        (Role::Hotline | Role::Residents | Role::Operator | Role::Portal | Role::Auditor | Role::Admin, None, None) => {
            Ok(None)
        }
        (Role::Hotline | Role::Residents | Role::Operator | Role::Portal | Role::Auditor | Role::Admin, _, _) => {
            Err(Problem::of_field(ProblemKind::NotInForm, "desk", "only desks have a municipality and a sign"))
        }
    }
}

fn party_answer(party: PartyId, record: &PartyRecord) -> PartyAnswer {
    PartyAnswer {
        party: party.0,
        role: RoleWord(record.role.word().to_owned()),
        name: record.name.clone(),
        state: match record.state {
            PartyState::Active => PartyStateWord::Active,
            PartyState::Suspended => PartyStateWord::Suspended,
        },
        municipality: record.desk.as_ref().map(|desk| MunicipalityWord(desk[..5].to_owned())),
        desk: record.desk.as_ref().map(|desk| DeskSign(desk[5..].to_owned())),
        certificate: CertificatePem(pki::certificate::pem(&record.certificate)),
    }
}

fn created_party(answer: Body) -> Answer {
    let location = format!("/admin/v1/parties/{}", answer.value()["party"]);
    Answer::created(answer, location)
}

fn repeat_party(outcome: RequestOutcome) -> Ruling {
    match outcome {
        RequestOutcome::Answer(answer) => match serde_json::from_slice(&answer) {
            Ok(answer) => Ok(created_party(answer)),
            Err(_) => Err(Problem::new(ProblemKind::Internal, "a stored answer does not read")),
        },
        RequestOutcome::Certificate { .. }
        | RequestOutcome::Certificates(_)
        | RequestOutcome::Ended
        | RequestOutcome::Disclosure { .. }
        | RequestOutcome::Withdrawn(_) => Err(other_kind()),
    }
}
