//! The doors: HTTP on the outside, plain calls of the rules inside. Each call recognises the party, reads a body of
//! limited size, runs the rules where blocking is allowed, and records a refusal.
mod admin;
mod batches;
mod describe;
mod desk;
mod expiring;
pub mod forms;
mod gate;
mod hotline;
mod operators;
mod phone;
mod residents;
mod routes;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pki::algorithm::sha256;
use registry::event::{Actor, Door};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::problem::{Problem, ProblemKind};

pub use admin::administrators_call;
pub use describe::{described, described_question, document};
pub use gate::{Gate, IssueLimits};
pub(crate) use routes::certificate_of;
pub use routes::{Further, calls, routes};

/// An application to consent of 8 KiB with a CMS signature that brings certificates, in base64, takes about 20 KiB; a
/// desk's request with an RSA-3072 key, a long address and every field about 6 KiB.
pub const BODY_OCTETS_MAX: usize = 32 * 1_024;
/// A few KiB take no longer on any line that a municipality has.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// As `Idempotency-Key` values go; longer ones are a mistake.
const IDEMPOTENCY_KEY_OCTETS_MAX: usize = 128;

/// The client certificate (DER) of the connection, put into each request by the listener.
#[derive(Clone)]
pub struct PeerCertificate(pub Arc<[u8]>);

/// Counts what doors do: called with door, status and problem slug (empty when not refused).
pub type CallObserver = Arc<dyn Fn(Door, u16, &'static str) + Send + Sync>;

/// Calls that run their rules at once, over all doors; more wait. Far below the number of threads on which blocking is
/// allowed, so that OCSP always finds one, whatever a party does at its door.
const CALLS_AT_ONCE_MAX: usize = 256;

/// Of them, issues: half, so that whoever asks for something else finds a place in renewal season, too.
pub const ISSUES_AT_ONCE_MAX: usize = CALLS_AT_ONCE_MAX / 2;

/// A signature takes milliseconds, and those before it in the queue less than a second. A desk waits no longer for a token
/// that neither signs nor fails: what it asked for is recorded, and it is told so.
const SIGNED_WITHIN: Duration = Duration::from_secs(5);

/// What the routes work on.
#[derive(Clone)]
pub struct DoorState {
    authority: Arc<Authority>,
    observer: CallObserver,
    places: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    gate: Arc<Gate>,
    loss_line: Arc<str>,
    signed_within: Duration,
}

/// Where receipts say that a loss is reported, if the CA's staff says nothing else.
pub const LOSS_LINE: &str = "紛失・盗難の受付（24時間） / the loss line, day and night";

impl DoorState {
    /// Doors to these rules; the observer is told of each call.
    pub fn new(authority: Arc<Authority>, observer: CallObserver) -> Self {
        let gate = Arc::new(Gate::new(IssueLimits::default()));
        let places = Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX));
        let batches = Arc::new(Semaphore::new(batches::BATCHES_AT_ONCE_MAX));
        let (loss_line, signed_within) = (LOSS_LINE.into(), SIGNED_WITHIN);
        Self { authority, observer, places, batches, gate, loss_line, signed_within }
    }

    /// With other limits to issues.
    #[must_use]
    pub fn with_issue_limits(self, limits: IssueLimits) -> Self {
        Self { gate: Arc::new(Gate::new(limits)), ..self }
    }

    /// With another text where receipts say that a loss is reported.
    #[must_use]
    pub fn with_loss_line(self, loss_line: &str) -> Self {
        Self { loss_line: loss_line.into(), ..self }
    }

    /// With another patience for signatures.
    #[must_use]
    pub fn with_signatures_within(self, signed_within: Duration) -> Self {
        Self { signed_within, ..self }
    }

    /// The gate before issuing.
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The rules.
    pub const fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }
}

/// Whether a call must carry an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It only reads.
    Reads,
    /// It changes something.
    Changes,
    /// It issues, and waits for its turn.
    Issues,
    /// It would change something, and asks what would be. Nothing of it is recorded, not even a refusal.
    Rehearses,
}

/// Decodes a body. The message never repeats what was sent: it may be a person's data.
pub fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let detail = match text.split_once(" at line ") {
            Some((missing, _)) if missing.starts_with("missing field") => missing.to_owned(),
            _ => format!("the JSON is not as the call takes it at line {}, column {}", error.line(), error.column()),
        };
        Problem::new(ProblemKind::MalformedBody, detail)
    })
}

/// One call from the outside to the rules and back.
async fn call(
    state: DoorState,
    door: Door,
    kind: Kind,
    request: axum::extract::Request,
    rules: impl FnOnce(&Authority, &Caller, &Asked<'_>) -> Ruling + Send + 'static,
) -> Response {
    respond(ruled(state, door, kind, request, rules).await)
}

/// One call from the outside to the rules, for an answer that is not to be JSON.
async fn ruled(
    state: DoorState,
    door: Door,
    kind: Kind,
    request: axum::extract::Request,
    rules: impl FnOnce(&Authority, &Caller, &Asked<'_>) -> Ruling + Send + 'static,
) -> Ruling {
    let observer = Arc::clone(&state.observer);
    let ruling = rule_in_turn(state, door, kind, request, rules).await;
    observe(&observer, door, &ruling);
    ruling
}

/// Lets a party through a door to a call that is no JSON, if it may; who it is, or what it is answered. Nothing of the
/// request's body is read.
pub async fn enter(
    state: DoorState,
    door: Door,
    head: &Parts,
    may: impl FnOnce(&Caller) -> Result<(), Problem> + Send + 'static,
) -> Result<Caller, Response> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = head.uri.clone();
    if let Some(peer) = head.extensions.get::<PeerCertificate>() {
        request.extensions_mut().insert(peer.clone());
    }
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let rules = move |_: &Authority, caller: &Caller, _: &Asked<'_>| {
        may(caller)?;
        let _ = tell.send(caller.clone());
        Ok(Answer::ok(()))
    };
    match ruled(state, door, Kind::Reads, request, rules).await {
        Ok(_) => Ok(told.recv().expect("who may enter was told")),
        Err(problem) => Err(respond(Err(problem))),
    }
}

fn observe(observer: &CallObserver, door: Door, ruling: &Ruling) {
    match ruling {
        Ok(answer) => observer(door, answer.status, ""),
        Err(problem) => observer(door, problem.kind().status(), problem.kind().slug()),
    }
}

async fn rule_in_turn(
    state: DoorState,
    door: Door,
    kind: Kind,
    request: axum::extract::Request,
    rules: impl FnOnce(&Authority, &Caller, &Asked<'_>) -> Ruling + Send + 'static,
) -> Ruling {
    let DoorState { authority, observer: _, places, batches: _, gate, loss_line: _, signed_within: _ } = state;
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<PeerCertificate>().cloned();
    let body = read_limited(body).await;
    // Before a place is taken: who waits for a turn to issue keeps no hold waiting.
    let pass = match (kind, &peer) {
        (Kind::Issues, Some(desk)) => Some(gate.enter(sha256(&desk.0)).await.map_err(|gate::Full| {
            Problem::new(ProblemKind::DeskQuota, "as many of this desk's requests wait as one desk may have waiting")
        })?),
        (Kind::Issues, None) | (Kind::Reads | Kind::Changes | Kind::Rehearses, _) => None,
    };
    let place = places.acquire_owned().await.expect("the semaphore is never closed");
    let ruling = tokio::task::spawn_blocking(move || {
        let _kept = (place, pass);
        let work = || {
            // Who comes to the wrong door is recorded, whatever they would have asked there.
            let entry = recognise(&authority, peer.as_ref(), door);
            let caller = entry.map_err(|(actor, problem)| (actor, problem, Kind::Reads))?;
            let run = || {
                authority.refuse_the_refused(caller.actor())?;
                require_no_parameters(door, &parts.uri)?;
                let idempotency_key = idempotency_key(&parts.headers, kind)?;
                let asked = Asked { path: parts.uri.path(), idempotency_key, body: &body? };
                rules(&authority, &caller, &asked)
            };
            run().map_err(|problem| (caller.actor(), problem, kind))
        };
        // A panic is our bug and this request's alone.
        let ruling = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            Err((Actor::System, Problem::new(ProblemKind::Internal, "the request met a fault of ours"), kind))
        });
        ruling.map_err(|(actor, problem, kind)| {
            match kind {
                Kind::Rehearses => authority.count_mistake(actor, door, &problem),
                Kind::Reads | Kind::Changes | Kind::Issues if problem.is_temporary() => {}
                Kind::Reads | Kind::Changes | Kind::Issues => authority.record_refusal(actor, door, &problem),
            }
            problem
        })
    })
    .await;
    ruling.unwrap_or_else(|_| Err(Problem::new(ProblemKind::Internal, "the request was dropped")))
}

/// Only desks' calls and usage have parameters. Elsewhere `dry_run=true` must not be passed over in silence and the change
/// be made.
fn require_no_parameters(door: Door, uri: &Uri) -> Result<(), Problem> {
    match (door, uri.query()) {
        (Door::Desk, _) | (_, None) => Ok(()),
        (Door::Operators | Door::Admin, Some(_)) if usage::PATHS.contains(&uri.path()) => Ok(()),
        (_, Some(_)) => Err(Problem::new(ProblemKind::NoSuchCall, "this call takes no parameters; nothing was done")),
    }
}

/// Who calls, if this door opens to them.
fn recognise(authority: &Authority, peer: Option<&PeerCertificate>, door: Door) -> Result<Caller, (Actor, Problem)> {
    let certificate = peer.ok_or_else(|| {
        let problem = Problem::new(ProblemKind::PartyUnregistered, "no client certificate");
        (Actor::Unregistered, problem)
    })?;
    authority.recognise(&certificate.0, door).map_err(|(actor, problem)| {
        let problem = authority.refuse_the_refused(actor).err().unwrap_or(problem);
        (actor, problem)
    })
}

async fn read_limited(body: Body) -> Result<Vec<u8>, Problem> {
    let read = tokio::time::timeout(BODY_WITHIN, Limited::new(body, BODY_OCTETS_MAX).collect());
    match read.await.unwrap_or_else(|_| Err("the body took too long".into())) {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("at most {BODY_OCTETS_MAX} octets are taken");
            Err(Problem::new(ProblemKind::BodyTooLarge, detail))
        }
        Err(_) => Err(Problem::new(ProblemKind::MalformedBody, "the body did not arrive whole in time")),
    }
}

fn idempotency_key(headers: &HeaderMap, kind: Kind) -> Result<&str, Problem> {
    if kind == Kind::Reads {
        return Ok("");
    }
    let mut values = headers.get_all("idempotency-key").iter();
    let key = match (values.next(), values.next()) {
        (Some(key), None) => key.as_bytes(),
        (None, _) | (Some(_), Some(_)) => &[],
    };
    let visible = (1..=IDEMPOTENCY_KEY_OCTETS_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(key) {
        Ok(key) if visible => Ok(key),
        Ok(_) | Err(_) => {
            let detail = "this call needs one Idempotency-Key of visible ASCII characters";
            Err(Problem::new(ProblemKind::IdempotencyKeyMissing, detail))
        }
    }
}

/// The HTTP form of a ruling. Nothing of a door is ever cached.
pub fn respond(ruling: Ruling) -> Response {
    let (status, media_type, body, location, retry) = match ruling {
        Ok(Answer { status, body, location }) => {
            (status, "application/json", format!("{}\n", body.text()), location, false)
        }
        Err(problem) => {
            let status = problem.kind().status();
            (status, "application/problem+json", format!("{}\n", problem.to_json()), None, problem.is_temporary())
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    if retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}
