//! `/operators/v1/ocsp/{ca}/{purpose}`: OCSP for registered operators, counted.
//!
//! What is counted is each certificate of which a signed answer tells that it is good, held or revoked, also when 304 says
//! that the operator has that answer. Errors, *tryLater*, *unauthorized* and *unknown* tell nothing of a certificate, and
//! cost nothing.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::any;
use ca::doors::forms::{CaWord, PurposeWord};
use ca::doors::{DoorState, described_question, enter};
use ca::problem::{Problem, ProblemKind};
use ca::usage::rate::{RateLimit, Rates};
use ocsp_responder::{OcspDoor, Tally};
use pki::identity::Ca;
use registry::event::Door;
use registry::usage::{Metered, Minute, QueryPurpose};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the paths of these calls begin with.
const PREFIX: &str = "/operators/v1/ocsp/";

/// What a call meets.
#[derive(Clone)]
struct MeteredOcsp {
    doors: DoorState,
    ocsp: Arc<OcspDoor>,
    rates: Arc<Rates>,
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// The calls' description.
pub fn description() -> utoipa::openapi::OpenApi {
    let refusals = [ProblemKind::TooManyRequests];
    OpenApiRouter::<MeteredOcsp>::default()
        .routes(described_question(routes!(ask_by_get), &refusals))
        .routes(described_question(routes!(ask_by_post), &refusals))
        .into_openapi()
}

/// The calls. `ocsp` answers at `/ocsp/{ca}`; `elapsed` is the time since some fixed moment.
pub fn routes(
    doors: DoorState,
    ocsp: Arc<OcspDoor>,
    limit: RateLimit,
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
) -> OpenApiRouter<DoorState> {
    let metered = MeteredOcsp { doors, ocsp, rates: Arc::new(Rates::new(limit)), elapsed };
    // By hand: a GET's base64 may have slashes, for which OpenAPI has no path.
    OpenApiRouter::with_openapi(description())
        .route("/operators/v1/ocsp/{ca}/{purpose}", any(serve))
        .route("/operators/v1/ocsp/{ca}/{purpose}/", any(serve))
        .route("/operators/v1/ocsp/{ca}/{purpose}/{*request}", any(serve))
        .with_state(metered)
}

/// Ask for the status of certificates by OCSP (失効情報の照会). RFC 6960, RFC 9919; counted by CA, purpose and minute.
///
/// What HTTP refuses is a problem as at `/ocsp/{ca}`.
#[utoipa::path(
    post,
    path = "/operators/v1/ocsp/{ca}/{purpose}",
    operation_id = "ask_ocsp",
    params(("ca" = CaWord, Path, description = "Which CA"), ("purpose" = PurposeWord, Path, description = "What for")),
    request_body(content = String, content_type = "application/ocsp-request", description = "An OCSPRequest in DER"),
    responses((status = 200, description = "An OCSPResponse in DER", body = String, content_type = "application/ocsp-response"))
)]
async fn ask_by_post(metered: State<MeteredOcsp>, request: Request) -> Response {
    serve(metered, request).await
}

/// The same by GET. HEAD is answered, too.
#[utoipa::path(
    get,
    path = "/operators/v1/ocsp/{ca}/{purpose}/{request}",
    operation_id = "ask_ocsp_by_get",
    params(
        ("ca" = CaWord, Path, description = "Which CA"),
        ("purpose" = PurposeWord, Path, description = "What for"),
        ("request" = String, Path, description = "Base64 of an OCSPRequest in DER, percent-encoded or not")
    ),
    responses((status = 200, description = "An OCSPResponse in DER", body = String, content_type = "application/ocsp-response"))
)]
async fn ask_by_get(metered: State<MeteredOcsp>, request: Request) -> Response {
    serve(metered, request).await
}

async fn serve(State(metered): State<MeteredOcsp>, request: Request) -> Response {
    let MeteredOcsp { doors, ocsp, rates, elapsed } = metered;
    let (mut head, body) = request.into_parts();
    let asked = Asked::read(head.uri.path());
    let (now, purpose) = (elapsed(), asked.as_ref().map(|asked| asked.purpose));
    let entered = enter(doors.clone(), Door::Operators, &head, move |caller| {
        if !rates.admit(caller.party, now) {
            return Err(Problem::new(ProblemKind::TooManyRequests, "the seconds' requests of this party are used up"));
        }
        purpose.map(drop).ok_or_else(no_such_purpose)
    });
    let (caller, Asked { ca, purpose, public }) = match (entered.await, asked) {
        (Ok(caller), Some(asked)) => (caller, asked),
        (Ok(_), None) => unreachable!("who names no purpose does not enter"),
        (Err(refused), _) => return refused,
    };
    head.uri = public;
    let response = ocsp.serve(Request::from_parts(head, body)).await;
    if let (Some(ca), Some(tally)) = (ca, response.extensions().get::<Tally>()) {
        let authority = doors.authority();
        let metered = Metered { party: caller.party, minute: Minute::of(authority.now()), ca, purpose };
        authority.meter().count(metered, tally.definitive());
    }
    response
}

fn no_such_purpose() -> Problem {
    let words = QueryPurpose::ALL.map(QueryPurpose::word).join(", ");
    Problem::new(ProblemKind::NoSuchCall, format!("a purpose is one of: {words}"))
}

/// What a path of these calls says.
struct Asked {
    /// `None` if there is no such CA, which the responder says.
    ca: Option<Ca>,
    purpose: QueryPurpose,
    /// The same at the public listener.
    public: Uri,
}

impl Asked {
    fn read(path: &str) -> Option<Self> {
        let below = path.strip_prefix(PREFIX)?;
        let (ca, below) = below.split_once('/')?;
        let (purpose, request) = below.split_once('/').map_or((below, None), |(purpose, rest)| (purpose, Some(rest)));
        let public = request.map_or_else(|| format!("/ocsp/{ca}"), |request| format!("/ocsp/{ca}/{request}"));
        let purpose = QueryPurpose::from_word(purpose)?;
        Some(Self { ca: ca.parse().ok(), purpose, public: public.parse().ok()? })
    }
}
