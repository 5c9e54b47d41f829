//! `/residents/v1`: the resident register.
use axum::extract::{Request, State};
use axum::response::Response;
use registry::event::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::{DoorState, Kind, call};
use crate::authority::Authority;
use crate::problem::ProblemKind;
use crate::residents::ChangeBody;
use crate::withdraw::Changed;

/// The register's calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(report_change), &[ProblemKind::NotInForm, ProblemKind::ImpossibleDate]))
}

/// Report a change of a resident (異動等の通知). Answers with every certificate of the person.
///
/// A person without certificates is no error: what was reported is remembered.
#[utoipa::path(
    post,
    path = "/residents/v1/changes",
    request_body = ChangeBody,
    responses(
        (status = 200, description = "Durable, and visible to relying parties", body = Changed),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn report_change(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Residents, Kind::Changes, request, Authority::report_change).await
}
