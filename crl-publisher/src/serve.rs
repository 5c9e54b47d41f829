//! The public door to what is published. One request sees one generation.
//!
//! | path | answer | may be cached |
//! |---|---|---|
//! | `/crl/{ca}/{key}/{code}.crl`, `…/full.crl`, `…/delta.crl`, `…/ca.crl` | the latest CRL; these URLs stand in certificates and CRLs and answer for ever (I10) | until the next flip, at most an hour |
//! | `/crl/manifest.json` | the signed manifest of the latest cut | the same |
//! | `/crl/cuts/{number}/{ca}/{key}/{code}.crl` | that cut's CRL, while it is kept | for ever |
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use pki::time::UnixTime;

use crate::body::SegmentBody;
use crate::decide::freeze_at;
use crate::generation::Generation;
use crate::ledger::PublishedCut;
use crate::manifest::hex;
use crate::run::Clock;
use crate::schedule::Schedule;
use crate::slot::{CrlSlot, Shape};
use crate::store::PublishedCrls;

/// The longest that a cache may keep the latest CRL (distribution practice in RFC 5280's field: an hour).
const MAX_AGE_SECONDS_MAX: i64 = 3_600;
/// How long a cache may keep it while the flip is overdue: short, so that a late cut is seen soon.
const OVERDUE_MAX_AGE_SECONDS: i64 = 10;
/// After how long a client asks again before the first cut.
const FIRST_CUT_RETRY_SECONDS: &str = "10";

/// What the routes share.
#[derive(Clone)]
pub struct CrlService {
    /// What is published.
    pub published: Arc<PublishedCrls>,
    /// When the next cut is flipped.
    pub schedule: Arc<Schedule>,
    /// How long before a flip its cut is frozen.
    pub lead_seconds: u32,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes under `/crl`.
pub fn router(service: CrlService) -> Router {
    Router::new()
        .route("/crl/manifest.json", get(latest_manifest))
        .route("/crl/{ca}/{key}/{file}", get(latest_crl))
        .route("/crl/cuts/{number}/{ca}/{key}/{file}", get(crl_of_cut))
        .with_state(service)
}

async fn latest_manifest(State(service): State<CrlService>, headers: HeaderMap) -> Response<Body> {
    let generations = service.published.load();
    let Some(generation) = &generations.current else { return Problem::NothingPublished.into_response() };
    let manifest = generation.manifest().clone();
    let file = Representation {
        media_type: "application/jose+json",
        sha256: generation.cut().manifest_sha256,
        last_modified: generation.cut().this_update,
        cache_control: service.cache_control(generation.cut()),
        size: manifest.len() as u64,
    };
    file.answer(&headers, || Body::from(manifest))
}

async fn latest_crl(
    State(service): State<CrlService>,
    Path((ca, key, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let generations = service.published.load();
    let Some(generation) = &generations.current else { return Problem::NothingPublished.into_response() };
    let cache_control = service.cache_control(generation.cut());
    answer_crl(generation, &[&ca, &key, &file], cache_control, &headers)
}

async fn crl_of_cut(
    State(service): State<CrlService>,
    Path((number, ca, key, file)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let generations = service.published.load();
    if generations.current.is_none() {
        return Problem::NothingPublished.into_response();
    }
    let Some(generation) = number.parse().ok().and_then(|number: u64| generations.by_number.get(&number)) else {
        return Problem::CutNotKept.into_response();
    };
    // RFC 8246: these octets never change under this name.
    answer_crl(generation, &[&ca, &key, &file], "public, max-age=31536000, immutable".to_owned(), &headers)
}

fn answer_crl(
    generation: &Generation,
    [ca, key, file]: &[&str; 3],
    cache_control: String,
    headers: &HeaderMap,
) -> Response<Body> {
    let Some(slot) = file.strip_suffix(".crl").and_then(|shape| CrlSlot::from_words(ca, key, shape)) else {
        return Problem::NoSuchCrl.into_response();
    };
    let Some(stored) = generation.crls().get(&slot) else {
        let issuer_is_known = generation.crls().contains_key(&CrlSlot { shape: Shape::Full, issuer: slot.issuer });
        let problem = match slot.shape {
            Shape::Partition(_) if issuer_is_known => Problem::UnknownMunicipality,
            // A cut made before there were these, until the next one.
            Shape::Delta | Shape::CaCertificates if issuer_is_known => Problem::NotInThisCut,
            Shape::Partition(_) | Shape::CaCertificates | Shape::Full | Shape::Delta => Problem::UnknownIssuer,
        };
        return problem.into_response();
    };
    let file = Representation {
        media_type: "application/pkix-crl", // C17
        sha256: stored.sha256,
        last_modified: generation.cut().this_update,
        cache_control,
        size: stored.size,
    };
    file.answer(headers, || Body::new(SegmentBody::new(Arc::clone(generation.segment()), stored.offset, stored.size)))
}

impl CrlService {
    fn cache_control(&self, cut: &PublishedCut) -> String {
        format!("public, max-age={}", max_age_seconds(self.clock.now(), cut, &self.schedule, self.lead_seconds))
    }
}

/// How long a cache may keep the latest CRL: never past the next flip, so that every cache crosses over together, nor past
/// nextUpdate.
fn max_age_seconds(now: UnixTime, cut: &PublishedCut, schedule: &Schedule, lead_seconds: u32) -> i64 {
    let to_next_update = cut.next_update.seconds_since(now);
    let overdue = schedule.latest_due(now).is_some_and(|due| cut.this_update < freeze_at(schedule, due, lead_seconds));
    let to_flip = schedule.next_after(now).map_or(MAX_AGE_SECONDS_MAX, |due| due.seconds_since(now));
    let limit = if overdue { OVERDUE_MAX_AGE_SECONDS } else { MAX_AGE_SECONDS_MAX };
    limit.min(to_flip).min(to_next_update).max(0)
}

/// What an answer says of its octets.
struct Representation {
    media_type: &'static str,
    sha256: [u8; 32],
    last_modified: UnixTime,
    cache_control: String,
    size: u64,
}

impl Representation {
    /// 200 with the body, or 304 without. A HEAD request's body is dropped by the router, its headers stay.
    fn answer(self, headers: &HeaderMap, body: impl FnOnce() -> Body) -> Response<Body> {
        let Self { media_type, sha256, last_modified, cache_control, size } = self;
        let etag = format!("\"{}\"", hex(&sha256));
        let unchanged = holds(headers, &etag);
        let response = Response::builder()
            .header(header::ETAG, etag)
            .header(header::LAST_MODIFIED, last_modified.http_date())
            .header(header::CACHE_CONTROL, cache_control);
        let response = if unchanged {
            response.status(StatusCode::NOT_MODIFIED).body(Body::empty())
        } else {
            response.header(header::CONTENT_TYPE, media_type).header(header::CONTENT_LENGTH, size).body(body())
        };
        response.expect("every header value here is ASCII made by us")
    }
}

/// The client says that it holds these octets (RFC 9110 §13.1.2: the weak comparison).
fn holds(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Why there is no CRL to answer with.
enum Problem {
    NothingPublished,
    NoSuchCrl,
    UnknownIssuer,
    UnknownMunicipality,
    NotInThisCut,
    CutNotKept,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, word, title, remedy) = match self {
            Self::NothingPublished => (
                503,
                "nothing-published",
                "No CRL is published yet.",
                "Ask again shortly; the first cut is made when the service starts.",
            ),
            Self::NoSuchCrl => (
                404,
                "no-such-crl",
                "This is not the name of a CRL.",
                "Write /crl/{ca}/{key}/{code}.crl, or full, delta or ca for the code.",
            ),
            Self::UnknownIssuer => (
                404,
                "unknown-issuer",
                "No CA has this key.",
                "Take the URL from a certificate or from /crl/manifest.json.",
            ),
            Self::UnknownMunicipality => (
                404,
                "unknown-municipality",
                "No municipality has this code.",
                "Write the 5-digit code without its check digit.",
            ),
            Self::NotInThisCut => (
                404,
                "not-in-this-cut",
                "This cut has no CRL of this shape.",
                "Ask for it in the next cut; until then take the full CRL.",
            ),
            Self::CutNotKept => (
                404,
                "cut-not-kept",
                "This cut is not kept, or never was.",
                "Take the URLs from the latest /crl/manifest.json.",
            ),
        };
        let problem = serde_json::json!({
            "type": format!("urn:akashi:problem:{word}"), "title": title, "status": status, "remedy": remedy,
        });
        // I15: errors are never cached.
        let retry: &[(HeaderName, &str)] =
            if status == 503 { &[(header::RETRY_AFTER, FIRST_CUT_RETRY_SECONDS)] } else { &[] };
        let fixed = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let response = fixed
            .iter()
            .chain(retry)
            .fold(Response::builder().status(status), |response, (name, value)| response.header(name, *value));
        response.body(Body::from(problem.to_string())).expect("every header value here is a constant")
    }
}
