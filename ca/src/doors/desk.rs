//! `/desk/v1`: municipal issuance desks.
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use pki::identity::{Ca, Device};
use registry::event::{Cause, Door};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::{described, described_question};
use super::forms::{CaWord, SerialWord};
use super::routes::{Parameters, Segments, certificate_of};
use super::{DoorState, Kind, call, expiring, observe, read_body, respond};
use crate::application::ApplicationBody;
use crate::issue::{IssuedCertificate, IssuedTogether};
use crate::lookup::{SearchAnswer, SearchBody};
use crate::problem::{Problem, ProblemKind as K};
use crate::receipt::Receipt;
use crate::rehearsal::{Mode, Rehearsed};
use crate::waiting::Kept;
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
                K::PinlessCard,
                K::AdultWard,
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
                K::DeskQuota,
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
        .routes(described_question(routes!(search), &[K::NotInForm, K::TokenUnavailable]))
        .routes(described(
            routes!(print_receipt),
            &[
                K::UnknownCertificate,
                K::NotYourMunicipality,
                K::DestroyedBeforeHandOver,
                K::IssueUnderWay,
                K::TokenUnavailable,
            ],
        ))
        .merge(expiring::calls())
}

/// Whether a call is made or only tried.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// 試行: judge the request whole, record nothing, and tell what would be. Send the same request without it to have it done.
    #[serde(default)]
    dry_run: bool,
}

impl Parameters<DryRun> {
    /// What the frame is told, and what the rules.
    pub(super) fn mode(self, kind: Kind) -> (Kind, Result<Mode, Problem>) {
        match self.0 {
            Ok(DryRun { dry_run: true }) => (Kind::Rehearses, Ok(Mode::Rehearses)),
            Ok(DryRun { dry_run: false }) => (kind, Ok(Mode::Records)),
            Err(problem) => (kind, Err(problem)),
        }
    }
}

/// What a request was answered with: one certificate, or both of a card.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which of two forms the answer has")]
enum Issued {
    One(Box<IssuedCertificate>),
    Both(IssuedTogether),
}

/// Request a certificate, or both of a card (電子証明書の発行申請).
///
/// A new certificate supersedes the person's earlier ones of its kind. Both are issued together or not at all.
#[utoipa::path(
    post,
    path = "/desk/v1/certificates",
    params(DryRun),
    request_body = ApplicationBody,
    responses(
        (
            status = 201,
            description = "The certificates; for a retry, with the status of now.",
            body = Issued,
            headers(("Location", description = "Path of the certificate, if it is one"))
        ),
        (
            status = 202,
            description = "Recorded, and signed as soon as the signer is back: nothing is lost. The same idempotency key gets the certificates then",
            body = Kept,
            headers(("Location", description = "Path of the certificate, if it is one"))
        ),
        (status = 200, description = "Of a dry run: what would be", body = Rehearsed),
    )
)]
async fn request_certificate(
    State(state): State<DoorState>,
    parameters: Parameters<DryRun>,
    request: Request,
) -> Response {
    let (kind, mode) = parameters.mode(Kind::Issues);
    let (authority, observer, patience) =
        (Arc::clone(&state.authority), Arc::clone(&state.observer), state.signed_within);
    let (tell, mut told) = tokio::sync::watch::channel(None);
    let ruled = call(state, Door::Desk, kind, request, move |authority, caller, asked| match mode? {
        Mode::Records => authority.issue_telling(caller, asked, &|request| {
            tell.send_replace(Some(request));
        }),
        Mode::Rehearses => authority.rehearse_issue(caller, asked),
    });
    // The work goes on in its own thread, whatever is answered.
    let signature_is_late = async {
        match told.wait_for(Option::is_some).await.ok().and_then(|recorded| *recorded) {
            Some(recorded) => {
                tokio::time::sleep(patience).await;
                recorded
            }
            // It was answered without a signature.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        response = ruled => response,
        recorded = signature_is_late => {
            let meanwhile = tokio::task::spawn_blocking(move || authority.answer_meanwhile(&recorded)).await;
            let ruling = meanwhile.unwrap_or_else(|_| Err(Problem::new(K::Internal, "the request was dropped")));
            observe(&observer, Door::Desk, &ruling);
            respond(ruling)
        }
    }
}

/// Get a certificate again (電子証明書の照会), with its status of now.
///
/// A desk sees certificates of its municipality, and of people who have since got one there.
#[utoipa::path(
    get,
    path = "/desk/v1/certificates/{ca}/{serial}",
    params(("ca" = CaWord, Path), ("serial" = SerialWord, Path)),
    responses(
        (status = 200, description = "The certificate", body = IssuedCertificate),
        (status = 202, description = "Recorded, and not signed yet", body = Kept),
    )
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
#[expect(dead_code, reason = "it only tells the document which forms the answer has")]
enum AnswerAgain {
    Certificate(Box<IssuedCertificate>),
    Certificates(IssuedTogether),
    Change(Changed),
    Notices(crate::expiring::Notified),
}

/// What is durable, and not done everywhere.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which of two forms the answer has")]
enum NotYet {
    Unsigned(Kept),
    Unseen(Changed),
}

/// Get a lost answer again (応答の再取得), by the idempotency key of the request.
#[utoipa::path(
    get,
    path = "/desk/v1/requests/{idempotency_key}",
    params(("idempotency_key" = String, Path, description = "冪等キー of this party's earlier request")),
    responses(
        (status = 200, description = "The answer, with the status of now", body = AnswerAgain),
        (status = 202, description = "Durable, but not yet signed, or not yet visible everywhere", body = NotYet),
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
    /// A card that was lost is found: both its certificates are revoked.
    CardFound,
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
            (Self::CardFound, Device::Card) | (Self::PhoneFound, Device::Phone) => Ok(Cause::Found),
            (Self::RecordError, _) => Ok(Cause::RecordError),
            (Self::NoLongerNeeded, _) => Ok(Cause::NoLongerNeeded),
            (Self::CardLost | Self::CardFound, Device::Phone) | (Self::PhoneLost | Self::PhoneFound, Device::Card) => {
                let detail = "card_lost and card_found are for the card's certificates, phone_lost and phone_found for the phone's";
                Err(Problem::of_field(K::NotInForm, "cause", detail))
            }
        }
    }
}

/// What a revocation came to, or would.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only tells the document which of two forms the answer has")]
enum ChangedOrRehearsed {
    Changed(Changed),
    Rehearsed(Rehearsed),
}

/// Revoke a certificate (電子証明書の失効). What is revoked already stays as it is.
#[utoipa::path(
    post,
    path = "/desk/v1/certificates/{ca}/{serial}/revocation",
    params(("ca" = CaWord, Path), ("serial" = SerialWord, Path), DryRun),
    request_body = RevocationBody,
    responses(
        (
            status = 200,
            description = "Durable, and visible to relying parties; of a dry run, what would be",
            body = ChangedOrRehearsed
        ),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn revoke_certificate(
    State(state): State<DoorState>,
    Segments(place): Segments<(String, String)>,
    parameters: Parameters<DryRun>,
    request: Request,
) -> Response {
    let (kind, mode) = parameters.mode(Kind::Changes);
    call(state, Door::Desk, kind, request, |authority, caller, asked| {
        let (ca, serial) = certificate_of(place)?;
        let body: RevocationBody = read_body(asked.body)?;
        authority.revoke_at_desk(caller, asked, (ca, serial), body.cause.at(ca)?, mode?)
    })
    .await
}

/// Find a person's certificates (本人の電子証明書の検索), with their status of now.
///
/// A resident code stands in no URL, so this is a POST; it changes nothing and takes no idempotency key.
#[utoipa::path(
    post,
    path = "/desk/v1/searches",
    request_body = SearchBody,
    responses((status = 200, description = "The certificates that this desk may see", body = SearchAnswer))
)]
async fn search(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Desk, Kind::Reads, request, |authority, caller, asked| authority.search(caller, asked.body)).await
}

/// Get the record of an issue to be printed (発行控え).
#[utoipa::path(
    get,
    path = "/desk/v1/certificates/{ca}/{serial}/receipt",
    params(("ca" = CaWord, Path), ("serial" = SerialWord, Path)),
    responses((status = 200, description = "What was issued to whom, where and when", body = Receipt))
)]
async fn print_receipt(
    State(state): State<DoorState>,
    Segments(place): Segments<(String, String)>,
    request: Request,
) -> Response {
    let loss_line = Arc::clone(&state.loss_line);
    call(state, Door::Desk, Kind::Reads, request, move |authority, caller, _| {
        let (ca, serial) = certificate_of(place)?;
        authority.receipt(caller, ca, serial, &loss_line)
    })
    .await
}
