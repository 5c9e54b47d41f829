//! `/phone/v1`: the portal that people's phones talk to (マイナポータル).
use axum::extract::{Request, State};
use axum::response::Response;
use registry::event::Door;
use registry::queue::QueueNumber;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::routes::Segments;
use super::{DoorState, Kind, call};
use crate::authority::Authority;
use crate::phone::PhoneApplicationAnswer;
use crate::problem::{Problem, ProblemKind as K};
use crate::signed::SignedBody;
use crate::withdraw::Changed;

/// What a signed notice can be refused with.
const OF_NOTICES: [K; 8] = [
    K::NotInForm,
    K::ApplicationMalformed,
    K::ApplicationStale,
    K::ApplicationUsed,
    K::NotASignatureCertificate,
    K::CertificateNotGood,
    K::SignatureInvalid,
    K::UnknownCertificate,
];
/// What an application for certificates can be refused with besides.
const OF_APPLICATIONS: [K; 14] = [
    K::NotInForm,
    K::CsrMalformed,
    K::CsrSignature,
    K::KeyTooShort,
    K::KeyBadExponent,
    K::KeyAlgorithm,
    K::KeySeenBefore,
    K::NoTimeLeft,
    K::NoUserCertificate,
    K::ResidentChanged,
    K::ResidentGone,
    K::DestroyedBeforeHandOver,
    K::IssueUnderWay,
    K::UnknownApplication,
];

/// The portal's calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    let applications: Vec<K> = OF_NOTICES.into_iter().chain(OF_APPLICATIONS).collect();
    OpenApiRouter::default()
        .routes(described(routes!(apply), &applications))
        .routes(described(
            routes!(look_up_application),
            &[
                K::UnknownApplication,
                K::UnknownCertificate,
                K::DestroyedBeforeHandOver,
                K::IssueUnderWay,
                K::TokenUnavailable,
            ],
        ))
        .routes(described(routes!(find), &OF_NOTICES))
        .routes(described(routes!(retire), &OF_NOTICES))
}

/// Apply for certificates in a phone (移動端末設備用電子証明書の発行申請), signed with the card's signature certificate.
///
/// After hours, or while the token is away, the application is queued. A new phone's certificates revoke the old phone's.
#[utoipa::path(
    post,
    path = "/phone/v1/applications",
    request_body = SignedBody,
    responses(
        (
            status = 201,
            description = "The certificates; for a retry, with the status of now",
            body = PhoneApplicationAnswer,
            headers(("Location", description = "Path of the application"))
        ),
        (
            status = 202,
            description = "Taken; it is done after the next opening",
            body = PhoneApplicationAnswer,
            headers(("Location", description = "Path of the application"))
        ),
    )
)]
async fn apply(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Phone, Kind::Changes, request, Authority::apply_for_phone).await
}

/// Get an application (発行申請の照会): queued, issued with the certificates, or refused.
#[utoipa::path(
    get,
    path = "/phone/v1/applications/{application}",
    params(("application" = u64, Path, description = "The application's number")),
    responses((status = 200, description = "The application", body = PhoneApplicationAnswer))
)]
async fn look_up_application(
    State(state): State<DoorState>,
    Segments(number): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Phone, Kind::Reads, request, move |authority, caller, _| {
        let unknown = |_| Problem::new(K::UnknownApplication, "an application's number is decimal");
        authority.look_up_application(caller, number.parse().map(QueueNumber).map_err(unknown)?)
    })
    .await
}

/// Tell that a lost phone is found (移動端末設備の発見), signed with the card's signature certificate.
///
/// The phone's user certificate is released; its signature certificate is revoked, and applied for anew.
#[utoipa::path(
    post,
    path = "/phone/v1/finds",
    request_body = SignedBody,
    responses(
        (status = 200, description = "Durable, and visible to relying parties", body = Changed),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn find(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Phone, Kind::Changes, request, Authority::find_phone).await
}

/// Revoke the certificates in a phone (失効申請), signed with the card's or the phone's signature certificate.
#[utoipa::path(
    post,
    path = "/phone/v1/retirements",
    request_body = SignedBody,
    responses(
        (status = 200, description = "Durable, and visible to relying parties", body = Changed),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn retire(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Phone, Kind::Changes, request, Authority::retire_phone).await
}
