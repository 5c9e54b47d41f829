//! The desks' calls in renewal season: whose certificates expire soon, and who was told.
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use registry::event::Door;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::desk::DryRun;
use super::routes::Parameters;
use super::{DoorState, Kind, call, respond, ruled};
use crate::expiring::{ExpiringPage, ExpiringParameters, Notified, NotifiedBody};
use crate::problem::ProblemKind as K;
use crate::rehearsal::Rehearsed;

pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(list_expiring), &[K::NotInForm, K::TokenUnavailable]))
        .routes(described(routes!(mark_notified), &[K::NotInForm, K::UnknownCertificate, K::NotYourMunicipality]))
}

/// List the municipality's certificates that expire soon (有効期限が近い電子証明書の一覧), in the order of their quarters.
///
/// Good and held ones; what was renewed is not among them. As CSV (RFC 4180) for `Accept: text/csv`, with the next page's
/// path in the header `Link`.
#[utoipa::path(
    get,
    path = "/desk/v1/expiring",
    params(ExpiringParameters),
    responses((
        status = 200,
        description = "A page of the list",
        content((ExpiringPage = "application/json"), (String = "text/csv"))
    ))
)]
async fn list_expiring(
    State(state): State<DoorState>,
    Parameters(parameters): Parameters<ExpiringParameters>,
    request: Request,
) -> Response {
    let as_csv = wants_csv(request.headers());
    let asked = request.uri().query().unwrap_or_default().to_owned();
    let ruling = ruled(state, Door::Desk, Kind::Reads, request, move |authority, caller, _| {
        authority.list_expiring(caller, &parameters?)
    })
    .await;
    match ruling {
        Ok(answer) if as_csv => csv_response(&answer.body.value(), &asked),
        ruling => respond(ruling),
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|range| range.split(';').next().is_some_and(|range| range.trim() == "text/csv"))
}

const COLUMNS: [&str; 9] =
    ["ca", "serial", "status", "name", "address", "last_day", "changed_since", "notified_at", "not_after"];

fn csv_response(page: &Value, asked: &str) -> Response {
    let mut response = csv(page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let link = page["next"].as_str().and_then(|next| {
        let kept = asked.split('&').filter(|part| !part.is_empty() && !part.starts_with("after="));
        let query = kept.chain([&*format!("after={next}")]).collect::<Vec<_>>().join("&");
        HeaderValue::try_from(format!("</desk/v1/expiring?{query}>; rel=\"next\"")).ok()
    });
    if let Some(link) = link {
        headers.insert(header::LINK, link);
    }
    response
}

/// RFC 4180. Every field is quoted, so that no name is a formula or a column.
fn csv(page: &Value) -> String {
    let line = |fields: Vec<String>| {
        let quoted: Vec<_> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
        quoted.join(",") + "\r\n"
    };
    let cell = |certificate: &Value, column: &str| match (column, &certificate[column]) {
        ("last_day", _) => certificate["not_after"].as_str().unwrap_or_default().chars().take(10).collect(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Null) => String::new(),
        (_, other) => other.to_string(),
    };
    let certificates = page["certificates"].as_array().into_iter().flatten();
    let rows = certificates.map(|one| line(COLUMNS.iter().map(|column| cell(one, column)).collect()));
    std::iter::once(line(COLUMNS.map(str::to_owned).to_vec())).chain(rows).collect()
}

/// What was marked, or would be.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which of two forms the answer has")]
enum NotifiedOrRehearsed {
    Notified(Notified),
    Rehearsed(Rehearsed),
}

/// Mark certificates whose holders were sent a notice (通知済みの記録), at most 500 at once.
#[utoipa::path(
    post,
    path = "/desk/v1/expiring/notified",
    params(DryRun),
    request_body = NotifiedBody,
    responses((status = 200, description = "Durable; of a dry run, what would be", body = NotifiedOrRehearsed))
)]
async fn mark_notified(State(state): State<DoorState>, parameters: Parameters<DryRun>, request: Request) -> Response {
    let (kind, mode) = parameters.mode(Kind::Changes);
    call(state, Door::Desk, kind, request, |authority, caller, asked| authority.mark_notified(caller, asked, mode?))
        .await
}
