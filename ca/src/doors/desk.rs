//! `/desk/v1`: municipal issuance desks.
use axum::extract::{Request, State};
use axum::response::Response;
use pki::identity::{Ca, Device};
use registry::event::{Cause, Door};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::forms::{CaWord, SerialWord};
use super::routes::{Segments, certificate_of};
use super::{DoorState, Kind, call, read_body};
use crate::application::ApplicationBody;
use crate::authority::Authority;
use crate::issue::IssuedCertificate;
use crate::problem::{Problem, ProblemKind as K};
use crate::withdraw::Changed;

/// The desks' calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(
            routes!(request_certificate),
            &[
                K::NotInForm,
                K::UnknownMunicipality,
                K::NotYourMunicipality,
                K::ImpossibleDate,
                K::CharacterNotAllowed,
                K::UnderFifteen,
                K::CsrMalformed,
                K::CsrSignature,
                K::KeyTooShort,
                K::KeyBadExponent,
                K::KeyAlgorithm,
                K::KeySeenBefore,
                K::NoTimeLeft,
                K::NoIssuingKey,
                K::ResidentChanged,
                K::ResidentGone,
                K::UnknownCertificate,
                K::DestroyedBeforeHandOver,
                K::IssueUnderWay,
            ],
        ))
        .routes(described(
            routes!(look_up_certificate),
            &[
                K::UnknownCertificate,
                K::NotYourMunicipality,
                K::DestroyedBeforeHandOver,
                K::IssueUnderWay,
                K::TokenUnavailable,
            ],
        ))
        .routes(described(routes!(revoke_certificate), &[K::NotInForm, K::UnknownCertificate, K::NotYourMunicipality]))
        .routes(described(
            routes!(look_up_request),
            &[
                K::UnknownRequest,
                K::UnknownCertificate,
                K::DestroyedBeforeHandOver,
                K::IssueUnderWay,
                K::TokenUnavailable,
            ],
        ))
}

/// Request a certificate (電子証明書の発行申請).
///
/// A new certificate supersedes the person's earlier ones of its kind.
#[utoipa::path(
    post,
    path = "/desk/v1/certificates",
    request_body = ApplicationBody,
    responses((
        status = 201,
        description = "The certificate; for a retry, with the status of now.",
        body = IssuedCertificate,
        headers(("Location", description = "Path of the certificate"))
    ))
)]
async fn request_certificate(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Desk, Kind::Changes, request, Authority::issue).await
}

/// Get a certificate again (電子証明書の照会), with its status of now.
///
/// A desk sees certificates of its municipality, and of people who have since got one there.
#[utoipa::path(
    get,
    path = "/desk/v1/certificates/{ca}/{serial}",
    params(("ca" = CaWord, Path), ("serial" = SerialWord, Path)),
    responses((status = 200, description = "The certificate", body = IssuedCertificate))
)]
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

/// What an idempotency key came to.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which of two forms the answer has")]
enum AnswerAgain {
    Certificate(Box<IssuedCertificate>),
    Change(Changed),
}

/// Get a lost answer again (応答の再取得), by the idempotency key of the request.
#[utoipa::path(
    get,
    path = "/desk/v1/requests/{idempotency_key}",
    params(("idempotency_key" = String, Path, description = "冪等キー of this party's earlier request")),
    responses(
        (status = 200, description = "The answer, with the status of now", body = AnswerAgain),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn look_up_request(
    State(state): State<DoorState>,
    Segments(key): Segments<String>,
    request: Request,
) -> Response {
    call(state, Door::Desk, Kind::Reads, request, move |authority, caller, _| authority.look_up_request(caller, &key))
        .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    cause: DeskCause,
}

/// What a desk may give as the cause (失効申請の事由); the reason follows from it.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeskCause {
    PersonRequest,
    KeyCompromise,
    CardLost,
    PhoneLost,
    PhoneFound,
    RecordError,
    NoLongerNeeded,
}

impl DeskCause {
    /// The cause for a certificate of that CA.
    fn at(self, ca: Ca) -> Result<Cause, Problem> {
        match (self, ca.device()) {
            (Self::PersonRequest, _) => Ok(Cause::PersonRequest),
            (Self::KeyCompromise, _) => Ok(Cause::KeyCompromise),
            (Self::CardLost, Device::Card) | (Self::PhoneLost, Device::Phone) => Ok(Cause::DeviceLost),
            (Self::RecordError, _) => Ok(Cause::RecordError),
            (Self::NoLongerNeeded, _) => Ok(Cause::NoLongerNeeded),
            (Self::PhoneFound, Device::Phone) => Ok(Cause::Found),
            (Self::CardLost, Device::Phone) | (Self::PhoneLost | Self::PhoneFound, Device::Card) => {
                let detail = "card_lost is for the card's certificates, phone_lost and phone_found for the phone's";
                Err(Problem::of_field(K::NotInForm, "cause", detail))
            }
        }
    }
}

/// Revoke a certificate (電子証明書の失効). What is revoked already stays as it is.
#[utoipa::path(
    post,
    path = "/desk/v1/certificates/{ca}/{serial}/revocation",
    params(("ca" = CaWord, Path), ("serial" = SerialWord, Path)),
    request_body = RevocationBody,
    responses(
        (status = 200, description = "Durable, and visible to relying parties", body = Changed),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn revoke_certificate(
    State(state): State<DoorState>,
    Segments(place): Segments<(String, String)>,
    request: Request,
) -> Response {
    call(state, Door::Desk, Kind::Changes, request, |authority, caller, asked| {
        let (ca, serial) = certificate_of(place)?;
        let body: RevocationBody = read_body(asked.body)?;
        authority.revoke_at_desk(caller, asked, (ca, serial), body.cause.at(ca)?)
    })
    .await
}
