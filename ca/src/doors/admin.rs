//! `/admin/v1`: the CA's staff.
use axum::extract::{Request, State};
use axum::response::Response;
use pki::identity::{IdentityError, IssuerKey};
use registry::event::{Door, PartyId};
use registry::state::PartyState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::forms::CaWord;
use super::routes::Segments;
use super::{DoorState, Kind, call};
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::compromise::{CompromiseAnswer, CompromiseBody};
use crate::parties::{BecauseBody, PartyAnswer, PartyBody, PartyList};
use crate::problem::{Problem, ProblemKind as K};

/// The administrators' calls that are this folder's.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(
            routes!(register_party),
            &[
                K::NotInForm,
                K::UnknownMunicipality,
                K::CsrMalformed,
                K::CsrSignature,
                K::KeyTooShort,
                K::KeyBadExponent,
                K::KeyAlgorithm,
            ],
        ))
        .routes(described(routes!(list_parties), &[]))
        .routes(described(routes!(suspend), &[K::NotInForm, K::UnknownParty]))
        .routes(described(routes!(reinstate), &[K::NotInForm, K::UnknownParty]))
        .routes(described(routes!(compromise_ca_key), &[K::NotInForm, K::UnknownCaKey, K::CaKeyCompromised]))
}

/// Register a party (利用機関の登録). Its client certificate is in the answer and lasts 396 days.
///
/// A desk needs its municipality and its sign; nobody else has them.
#[utoipa::path(
    post,
    path = "/admin/v1/parties",
    request_body = PartyBody,
    responses((
        status = 201,
        description = "The party",
        body = PartyAnswer,
        headers(("Location", description = "Path of the party"))
    ))
)]
async fn register_party(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Changes, request, Authority::register_party).await
}

/// List all parties (利用機関の一覧).
#[utoipa::path(
    get,
    path = "/admin/v1/parties",
    responses((status = 200, description = "Every party, also suspended ones", body = PartyList))
)]
async fn list_parties(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Admin, Kind::Reads, request, |authority, _, _| authority.list_parties()).await
}

/// Suspend a party (利用停止). It takes effect with its next call; nobody suspends themselves.
#[utoipa::path(
    post,
    path = "/admin/v1/parties/{party}/suspension",
    params(("party" = u32, Path, description = "The party's number")),
    request_body = BecauseBody,
    responses((status = 200, description = "The party", body = PartyAnswer))
)]
async fn suspend(state: State<DoorState>, party: Segments<String>, request: Request) -> Response {
    set_party_state(state, party, request, PartyState::Suspended).await
}

/// Reinstate a party (利用再開).
#[utoipa::path(
    post,
    path = "/admin/v1/parties/{party}/reinstatement",
    params(("party" = u32, Path, description = "The party's number")),
    request_body = BecauseBody,
    responses((status = 200, description = "The party", body = PartyAnswer))
)]
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
        let unknown = |_| Problem::new(K::UnknownParty, "a party's number is decimal");
        let party = party.parse().map(PartyId).map_err(unknown)?;
        authority.set_party_state(caller, asked, party, party_state)
    })
    .await
}

/// Record the compromise of a CA key (認証局の署名鍵の危殆化). For ever: nothing takes it back.
///
/// From then on every certificate that was issued under the key counts as revoked, cACompromise, in OCSP at once and in the
/// next cut; what was held keeps its date. Nothing more is issued under it: the newest other key issues, if there is one.
#[utoipa::path(
    post,
    path = "/admin/v1/ca-keys/{ca}/{key}/compromise",
    params(
        ("ca" = CaWord, Path, description = "Which CA"),
        ("key" = u16, Path, minimum = 1, description = "The key generation")
    ),
    request_body = CompromiseBody,
    responses(
        (status = 200, description = "On record, and every OCSP responder in service shows it", body = CompromiseAnswer),
        (status = 202, description = "On record; an OCSP responder is more than 2 s behind", body = CompromiseAnswer)
    )
)]
async fn compromise_ca_key(
    State(state): State<DoorState>,
    Segments((ca, key)): Segments<(String, String)>,
    request: Request,
) -> Response {
    call(state, Door::Admin, Kind::Changes, request, move |authority, caller, asked| {
        let unknown = |error: IdentityError| Problem::new(K::UnknownCaKey, error.to_string());
        let issuer = IssuerKey { ca: ca.parse().map_err(unknown)?, key: key.parse().map_err(unknown)? };
        authority.compromise_ca_key(caller, asked, issuer)
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
