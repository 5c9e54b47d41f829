//! The calls of platform operators, and the staff's calls that register for whom they act.
use axum::extract::{Request, State};
use axum::response::Response;
use registry::consent::ConsentId;
use registry::event::Door;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::routes::Segments;
use super::{DoorState, Kind, call};
use crate::authority::Authority;
use crate::consent::{ConsentAnswer, WithdrawalAnswer};
use crate::disclosure::{LatestInfo, LatestInfoBody};
use crate::problem::{Problem, ProblemKind as K};
use crate::services::{ProviderAnswer, ProviderBody, ProviderList, ServiceAnswer, ServiceBody, ServiceList};
use crate::signed::SignedBody;

/// What a signed application can be refused with.
const OF_APPLICATIONS: [K; 8] = [
    K::NotInForm,
    K::NotYourService,
    K::ApplicationMalformed,
    K::ApplicationStale,
    K::ApplicationUsed,
    K::NotASignatureCertificate,
    K::CertificateNotGood,
    K::SignatureInvalid,
];

/// The operators' calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(give_consent), &OF_APPLICATIONS))
        .routes(described(routes!(look_up_consent), &[K::UnknownConsent]))
        .routes(described(routes!(withdraw_consent), &OF_APPLICATIONS))
        .routes(described(
            routes!(latest_info),
            &[
                K::NotInForm,
                K::NotYourService,
                K::UnknownCertificate,
                K::ConsentMissing,
                K::ConsentNotInForce,
                K::ConsentWithdrawn,
                K::ConsentExpired,
                K::ConsentNarrowed,
                K::NoLatestInfo,
            ],
        ))
}

/// The administrators' calls that register for whom operators act.
pub(super) fn registrations() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(register_provider), &[K::NotInForm, K::UnknownParty]))
        .routes(described(routes!(list_providers), &[]))
        .routes(described(routes!(register_service), &[K::NotInForm, K::UnknownProvider]))
        .routes(described(routes!(list_services), &[]))
}

/// Register a service provider (サービス提供者, SP) under an operator.
#[utoipa::path(
    post,
    path = "/admin/v1/providers",
    request_body = ProviderBody,
    responses((
        status = 201,
        description = "The provider",
        body = ProviderAnswer
    ))
)]
async fn register_provider(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_provider).await
}

/// List all service providers (サービス提供者の一覧).
#[utoipa::path(
    get,
    path = "/admin/v1/providers",
    responses((status = 200, description = "Every provider", body = ProviderList))
)]
async fn list_providers(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_providers()).await
}

/// Register a service (サービス) of a provider.
#[utoipa::path(
    post,
    path = "/admin/v1/services",
    request_body = ServiceBody,
    responses((
        status = 201,
        description = "The service",
        body = ServiceAnswer
    ))
)]
async fn register_service(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_service).await
}

/// List all services (サービスの一覧).
#[utoipa::path(
    get,
    path = "/admin/v1/services",
    responses((status = 200, description = "Every service", body = ServiceList))
)]
async fn list_services(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_services()).await
}

/// Send a person's consent (利用者同意). An application works once, and within 24 hours of its 申請日時.
#[utoipa::path(
    post,
    path = "/operators/v1/consents",
    request_body = SignedBody,
    responses((
        status = 201,
        description = "The consent",
        body = ConsentAnswer,
        headers(("Location", description = "Path of the consent"))
    ))
)]
async fn give_consent(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::give_consent).await
}

/// Look a consent up (利用者同意の照会). An operator sees the consents for its own services.
#[utoipa::path(
    get,
    path = "/operators/v1/consents/{consent}",
    params(("consent" = u64, Path, description = "The consent's number")),
    responses((status = 200, description = "The consent, with its state of now", body = ConsentAnswer))
)]
async fn look_up_consent(
    State(state): State<DoorState>,
    Segments(consent): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Operators, Kind::Reads, request, move |authority, caller, _| {
        let unknown = |_| Problem::new(K::UnknownConsent, "a consent's number is decimal");
        let consent = consent.parse().map(ConsentId).map_err(unknown)?;
        authority.look_up_consent(caller, consent)
    })
    .await
}

/// Send a person's withdrawal (利用者同意の取消) of every consent for a service. It counts even if none stands.
#[utoipa::path(
    post,
    path = "/operators/v1/consent-withdrawals",
    request_body = SignedBody,
    responses((status = 200, description = "What was withdrawn", body = WithdrawalAnswer))
)]
async fn withdraw_consent(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::withdraw_consent).await
}

/// Ask for a person's latest 4 info (最新の利用者情報の照会), by a signature certificate of theirs.
#[utoipa::path(
    post,
    path = "/operators/v1/latest-info",
    request_body = LatestInfoBody,
    responses((status = 200, description = "What the person consented to; no `info` if nothing is newer", body = LatestInfo))
)]
async fn latest_info(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Operators, Kind::Changes, request, Authority::latest_info).await
}
