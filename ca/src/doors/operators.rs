//! The calls of platform operators, and the staff's calls that register for whom they act.
use axum::extract::{Request, State};
use axum::response::Response;
use registry::consent::ConsentId;
use registry::event::Door;

use super::routes::Segments;
use super::{DoorState, Kind, call};
use crate::authority::Authority;
use crate::problem::{Problem, ProblemKind};

pub(super) async fn register_provider(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_provider).await
}

pub(super) async fn list_providers(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_providers()).await
}

pub(super) async fn register_service(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_service).await
}

pub(super) async fn list_services(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_services()).await
}

pub(super) async fn give_consent(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::give_consent).await
}

pub(super) async fn look_up_consent(
    State(state): State<DoorState>,
    Segments(consent): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Operators, Kind::Reads, request, move |authority, caller, _| {
        let unknown = |_| Problem::new(ProblemKind::UnknownConsent, "a consent's number is decimal");
        let consent = consent.parse().map(ConsentId).map_err(unknown)?;
        authority.look_up_consent(caller, consent)
    })
    .await
}

pub(super) async fn withdraw_consent(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::withdraw_consent).await
}

pub(super) async fn latest_info(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::latest_info).await
}
