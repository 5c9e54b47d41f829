//! Which call is where.
use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use pki::identity::{Ca, Serial};
use registry::event::{Cause, Door, PartyId};
use registry::state::PartyState;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{DoorState, Kind, call, operators, read_body, respond};
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::Target;

/// What stands in a path. One that does not decode is no call of ours, and is told so as a problem.
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(no_such_call().await),
        }
    }
}

/// Every door's calls.
pub fn routes(state: DoorState) -> Router {
    Router::new()
        .route("/desk/v1/certificates", post(request_certificate))
        .route("/desk/v1/certificates/{ca}/{serial}", get(look_up_certificate))
        .route("/desk/v1/certificates/{ca}/{serial}/revocation", post(revoke_certificate))
        .route("/desk/v1/requests/{idempotency_key}", get(look_up_request))
        .route("/hotline/v1/holds", post(hold))
        .route("/residents/v1/changes", post(report_change))
        .route("/admin/v1/parties", post(register_party).get(list_parties))
        .route("/admin/v1/parties/{party}/suspension", post(suspend))
        .route("/admin/v1/parties/{party}/reinstatement", post(reinstate))
        .route("/admin/v1/providers", post(operators::register_provider).get(operators::list_providers))
        .route("/admin/v1/services", post(operators::register_service).get(operators::list_services))
        .route("/operators/v1/consents", post(operators::give_consent))
        .route("/operators/v1/consents/{consent}", get(operators::look_up_consent))
        .route("/operators/v1/consent-withdrawals", post(operators::withdraw_consent))
        .route("/operators/v1/latest-info", post(operators::latest_info))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_call)
        .with_state(state)
}

async fn no_such_call() -> Response {
    respond(Err(Problem::new(ProblemKind::NoSuchCall, "no call has this path and method")))
}

async fn request_certificate(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Desk, Kind::Changes, request, Authority::issue).await
}

fn certificate_of((ca, serial): (String, String)) -> Result<(Ca, Serial), Problem> {
    let unknown =
        |error: pki::identity::IdentityError| Problem::new(ProblemKind::UnknownCertificate, error.to_string());
    Ok((ca.parse().map_err(unknown)?, serial.parse().map_err(unknown)?))
}

async fn look_up_certificate(
    State(state): State<DoorState>,
    Segments(place): Segments<(String, String)>,
    request: Request,
) -> Response {
    call(state, Door::Desk, Kind::Reads, request, |authority, caller, _| {
        let (ca, serial) = certificate_of(place)?;
        authority.look_up_certificate(caller, ca, serial)
    })
    .await
}

async fn look_up_request(
    State(state): State<DoorState>,
    Segments(key): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Desk, Kind::Reads, request, move |authority, caller, _| authority.look_up_request(caller, &key))
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    cause: DeskCause,
}

/// What a desk may give as the cause; the reason follows from it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeskCause {
    PersonRequest,
    KeyCompromise,
    CardLost,
    RecordError,
    NoLongerNeeded,
}

impl From<DeskCause> for Cause {
    fn from(cause: DeskCause) -> Self {
        match cause {
            DeskCause::PersonRequest => Self::PersonRequest,
            DeskCause::KeyCompromise => Self::KeyCompromise,
            DeskCause::CardLost => Self::CardLost,
            DeskCause::RecordError => Self::RecordError,
            DeskCause::NoLongerNeeded => Self::NoLongerNeeded,
        }
    }
}

async fn revoke_certificate(
    State(state): State<DoorState>,
    Segments(place): Segments<(String, String)>,
    request: Request,
) -> Response {
    call(state, Door::Desk, Kind::Changes, request, |authority, caller, asked| {
        let (ca, serial) = certificate_of(place)?;
        let body: RevocationBody = read_body(asked.body)?;
        authority.revoke_at_desk(caller, asked, (ca, serial), body.cause.into())
    })
    .await
}

/// The loss line knows the person, or reads CA and serial off a notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    resident_code: Option<String>,
    ca: Option<String>,
    serial: Option<String>,
}

fn hold_target(authority: &Authority, body: HoldBody) -> Result<Target, Problem> {
    match (body.resident_code, body.ca, body.serial) {
        (Some(code), None, None) => authority.resident(&code).map(Target::Resident),
        (None, Some(ca), Some(serial)) => {
            certificate_of((ca, serial)).map(|(ca, serial)| Target::Certificate { ca, serial })
        }
        (Some(_) | None, _, _) => {
            Err(Problem::new(ProblemKind::MalformedBody, "send either resident_code, or ca and serial"))
        }
    }
}

async fn hold(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Hotline, Kind::Changes, request, |authority, caller, asked| {
        let target = hold_target(authority, read_body(asked.body)?)?;
        authority.withdraw(caller, asked, target, Cause::LossReported)
    })
    .await
}

async fn report_change(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Residents, Kind::Changes, request, Authority::report_change).await
}

async fn register_party(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_party).await
}

async fn list_parties(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_parties()).await
}

async fn suspend(state: State<DoorState>, party: Segments<String>, request: Request) -> Response {
    set_party_state(state, party, request, PartyState::Suspended).await
}

async fn reinstate(state: State<DoorState>, party: Segments<String>, request: Request) -> Response {
    set_party_state(state, party, request, PartyState::Active).await
}

async fn set_party_state(
    State(state): State<DoorState>,
    Segments(party): Segments<String>,
    request: Request,
    party_state: PartyState,
) -> Response {
    call(state, Door::Admin, Kind::Changes, request, move |authority, caller, asked| {
        let unknown = |_| Problem::new(ProblemKind::UnknownParty, "a party's number is decimal");
        let party = party.parse().map(PartyId).map_err(unknown)?;
        authority.set_party_state(caller, asked, party, party_state)
    })
    .await
}

/// A call of another folder's behind the administrators' door, under the same rules of entry.
pub async fn administrators_call(
    state: DoorState,
    request: Request,
    rules: impl FnOnce(&Authority, &Caller, &Asked<'_>) -> Ruling + Send + 'static,
) -> Response {
    call(state, Door::Admin, Kind::Changes, request, rules).await
}
