//! The public door to what is published. One request sees one generation.
//!
//! | path | answer | may be cached |
//! |---|---|---|
//! | `/crl/{ca}/{key}/{code}.crl`, `…/full.crl`, `…/delta.crl`, `…/ca.crl` | the latest CRL; these URLs stand in certificates and CRLs and answer for ever (I10) | until the next flip, at most an hour |
//! | `/crl/manifest.json` | the signed manifest of the latest cut | the same |
//! | `/crl/cuts/{number}/{ca}/{key}/{code}.crl` | that cut's CRL, while it is kept | for ever |
mod problem;

use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use pki::time::UnixTime;

use crate::body::SegmentBody;
use crate::conditional::{Selected, Validators, select};
use crate::decide::Timetable;
use crate::generation::Generation;
use crate::ledger::PublishedCut;
use crate::manifest::hex;
use crate::run::Clock;
use crate::slot::{CrlSlot, Shape};
use crate::store::PublishedCrls;
use problem::Problem;

/// The longest that a cache may keep the latest CRL (distribution practice in RFC 5280's field: an hour).
const MAX_AGE_SECONDS_MAX: i64 = 3_600;
/// How long a cache may keep it while the flip is overdue: short, so that a late cut is seen soon.
const OVERDUE_MAX_AGE_SECONDS: i64 = 10;

/// What the routes share.
#[derive(Clone)]
pub struct CrlService {
    /// What is published.
    pub published: Arc<PublishedCrls>,
    /// When the next cut is flipped.
    pub timetable: Arc<Timetable>,
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

async fn latest_manifest(State(service): State<CrlService>, asked: Parts) -> Response<Body> {
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
    file.answer(&asked, |octets| {
        // A range within the size, which is a number of octets in memory.
        let at = |position| usize::try_from(position).expect("the manifest is in memory");
        Body::from(manifest.slice(at(octets.start)..at(octets.end)))
    })
}

async fn latest_crl(
    State(service): State<CrlService>,
    Path((ca, key, file)): Path<(String, String, String)>,
    asked: Parts,
) -> Response<Body> {
    let generations = service.published.load();
    let Some(generation) = &generations.current else { return Problem::NothingPublished.into_response() };
    let cache_control = service.cache_control(generation.cut());
    answer_crl(generation, &[&ca, &key, &file], cache_control, &asked)
}

async fn crl_of_cut(
    State(service): State<CrlService>,
    Path((number, ca, key, file)): Path<(String, String, String, String)>,
    asked: Parts,
) -> Response<Body> {
    let generations = service.published.load();
    if generations.current.is_none() {
        return Problem::NothingPublished.into_response();
    }
    let Some(generation) = number.parse().ok().and_then(|number: u64| generations.by_number.get(&number)) else {
        return Problem::CutNotKept.into_response();
    };
    // RFC 8246: these octets never change under this name.
    answer_crl(generation, &[&ca, &key, &file], "public, max-age=31536000, immutable".to_owned(), &asked)
}

fn answer_crl(
    generation: &Generation,
    [ca, key, file]: &[&str; 3],
    cache_control: String,
    asked: &Parts,
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
    file.answer(asked, |octets| Body::new(SegmentBody::new(Arc::clone(generation.segment()), stored.offset, octets)))
}

impl CrlService {
    fn cache_control(&self, cut: &PublishedCut) -> String {
        format!("public, max-age={}", max_age_seconds(self.clock.now(), cut, &self.timetable))
    }
}

/// How long a cache may keep the latest CRL: never past the next flip, so that every cache crosses over together, nor past
/// nextUpdate.
fn max_age_seconds(now: UnixTime, cut: &PublishedCut, timetable: &Timetable) -> i64 {
    let to_next_update = cut.next_update.seconds_since(now);
    let overdue = timetable.due_after(cut.this_update).is_some_and(|due| due <= now);
    let to_flip = timetable.schedule.next_after(now).map_or(MAX_AGE_SECONDS_MAX, |due| due.seconds_since(now));
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
    /// All of it, a part, or what the conditions of the request say instead. A HEAD request's body is dropped by the router,
    /// its headers stay.
    fn answer(self, asked: &Parts, body: impl FnOnce(Range<u64>) -> Body) -> Response<Body> {
        let Self { media_type, sha256, last_modified, cache_control, size } = self;
        let etag = format!("\"{}\"", hex(&sha256));
        let validators = Validators { etag: &etag, last_modified };
        let selected = select(&asked.method, &asked.headers, &validators, size);
        let described = Response::builder()
            .header(header::ETAG, etag)
            .header(header::LAST_MODIFIED, last_modified.http_date())
            .header(header::CACHE_CONTROL, cache_control)
            .header(header::ACCEPT_RANGES, "bytes");
        let (described, octets) = match selected {
            Selected::Whole => (described, 0..size),
            Selected::Part(Range { start, end }) => {
                let content_range = format!("bytes {start}-{}/{size}", end - 1);
                let described = described.status(StatusCode::PARTIAL_CONTENT);
                (described.header(header::CONTENT_RANGE, content_range), start..end)
            }
            Selected::NotModified => {
                let answer = described.status(StatusCode::NOT_MODIFIED).body(Body::empty());
                return answer.expect(ASCII);
            }
            Selected::PreconditionFailed => return Problem::PreconditionFailed.into_response(),
            Selected::Unsatisfiable => return Problem::Unsatisfiable { size }.into_response(),
        };
        let described = described.header(header::CONTENT_TYPE, media_type);
        described.header(header::CONTENT_LENGTH, octets.end - octets.start).body(body(octets)).expect(ASCII)
    }
}

const ASCII: &str = "every header value here is ASCII made by us";
