//! `/residents/v1`: the resident register.
use axum::extract::{Request, State};
use axum::response::Response;
use registry::event::Door;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::batches::call_batch;
use super::describe::{described, described_batch};
use super::routes::Segments;
use super::{DoorState, Kind, call};
use crate::authority::Authority;
use crate::problem::ProblemKind;
use crate::residents::ChangeBody;
use crate::residents::batch::{BatchEnd, BatchName, BatchRow, BatchStanding, RowAnswer};
use crate::withdraw::Changed;

/// The register's calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(report_change), &[ProblemKind::NotInForm, ProblemKind::ImpossibleDate]))
        .routes(described_batch(routes!(report_batch), &[ProblemKind::NotInForm]))
        .routes(described(routes!(look_up_batch), &[ProblemKind::NotInForm]))
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

/// A line of a batch's answer.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which forms a line has")]
enum BatchLine {
    Row(RowAnswer),
    End(BatchEnd),
}

/// Report many changes (異動等の一括通知), as JSON Lines: a row each, each answered by a line, in their order.
///
/// Party, batch and row are the idempotency key: a row sent again gets the same answer, and nothing happens twice; with another
/// report it is `idempotency-key-reused`. A refused row leaves its number free. After an interruption send the batch again,
/// whole or from any row. At most 200000 lines, 64 MiB, and 4 KiB a line. The last line is the summary; without it the answer
/// is not whole.
#[utoipa::path(
    post,
    path = "/residents/v1/batches/{batch}",
    params(("batch" = String, Path, description = "The register's name for the batch: 1 to 128 visible ASCII characters")),
    request_body(content = BatchRow, content_type = "application/x-ndjson", description = "One such object a line"),
    responses((
        status = 200,
        description = "One such object a line. Each is durable when it comes.",
        content_type = "application/x-ndjson",
        body = BatchLine
    ))
)]
async fn report_batch(State(state): State<DoorState>, Segments(batch): Segments<String>, request: Request) -> Response {
    call_batch(state, batch, request).await
}

/// How far a batch is (一括通知の進み具合). One of which nothing came stands at 0.
#[utoipa::path(
    get,
    path = "/residents/v1/batches/{batch}",
    params(("batch" = String, Path, description = "The register's name for the batch")),
    responses((status = 200, description = "How far it is", body = BatchStanding))
)]
async fn look_up_batch(
    State(state): State<DoorState>,
    Segments(batch): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Residents, Kind::Reads, request, |authority, caller, _| {
        authority.batch(caller, &BatchName::new(batch)?)
    })
    .await
}
