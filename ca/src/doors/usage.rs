//! The calls that tell who asked how often.
use axum::extract::{Request, State};
use axum::response::Response;
use registry::event::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::routes::Parameters;
use super::{DoorState, Kind, call};
use crate::problem::ProblemKind as K;
use crate::usage::{UsageAnswer, UsageParameters};

/// These calls have parameters.
pub(super) const PATHS: [&str; 2] = ["/operators/v1/usage", "/admin/v1/usage"];

pub(super) fn operators_call() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default().routes(described(routes!(own_usage), &[K::NotInForm, K::ImpossibleDate]))
}

pub(super) fn administrators_call() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default().routes(described(routes!(all_usage), &[K::NotInForm, K::ImpossibleDate]))
}

/// Look your own usage of OCSP up (失効情報の利用件数の照会), as far as it is recorded: the last minute may be missing.
#[utoipa::path(
    get,
    path = "/operators/v1/usage",
    params(UsageParameters),
    responses((status = 200, description = "How many certificates' statuses were told, by CA and purpose", body = UsageAnswer))
)]
async fn own_usage(
    State(state): State<DoorState>,
    Parameters(parameters): Parameters<UsageParameters>,
    request: Request,
) -> Response {
    call(state, Door::Operators, Kind::Reads, request, move |authority, caller, _| {
        authority.own_usage(caller, &parameters?)
    })
    .await
}

/// Look every operator's usage of OCSP up (失効情報の利用件数の照会), as far as it is recorded: the last minute may be missing.
#[utoipa::path(
    get,
    path = "/admin/v1/usage",
    params(UsageParameters),
    responses((status = 200, description = "How many certificates' statuses were told, by party, CA and purpose", body = UsageAnswer))
)]
async fn all_usage(
    State(state): State<DoorState>,
    Parameters(parameters): Parameters<UsageParameters>,
    request: Request,
) -> Response {
    call(state, Door::Admin, Kind::Reads, request, move |authority, _, _| authority.all_usage(&parameters?)).await
}
