//! The routes, asked as HTTP clients ask.
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use pki::crl::CrlReader;
use pki::identity::Ca;
use pki::time::UnixTime;
use tower::ServiceExt as _;

use super::fakes::*;
use crate::generation::{MANIFEST_FILE, SEGMENT_FILE};
use crate::manifest::Manifest;
use crate::publish::Publisher;
use crate::serve::{CrlService, router};
use crate::signing::ManifestSigner as _;

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) fn routes(world: &World, publisher: &Publisher) -> Router {
    router(CrlService {
        published: Arc::clone(publisher.published()),
        timetable: daily_at_seven(),
        clock: Arc::clone(&world.clock) as Arc<dyn crate::run::Clock>,
    })
}

async fn ask(routes: &Router, method: Method, path: &str, if_none_match: &str) -> Answer {
    let lines = [("if-none-match", if_none_match)];
    ask_with(routes, method, path, if if_none_match.is_empty() { &[] } else { &lines }).await
}

async fn ask_with(routes: &Router, method: Method, path: &str, lines: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
}

pub(super) async fn get(routes: &Router, path: &str) -> Answer {
    ask(routes, Method::GET, path, "").await
}

fn published(at: UnixTime) -> (World, Publisher, Router) {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2030-03-31");
    let publisher = world.open();
    world.publish(&publisher, at).unwrap();
    let routes = routes(&world, &publisher);
    (world, publisher, routes)
}

#[tokio::test]
async fn a_municipal_crl_comes_with_the_headers_of_its_octets() {
    let (world, publisher, routes) = published(jst("2026-11-22", 6, 55, 0));
    world.clock.set(jst("2026-11-22", 7, 0, 0));
    let answer = get(&routes, "/crl/sign/1/13221.crl").await;
    let stored =
        publisher.published().load().current.as_ref().unwrap().read(slot(Ca::Sign, 1, Some(KIYOSE))).unwrap().unwrap();
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &stored));
    assert_eq!(answer.header("content-type"), "application/pkix-crl");
    assert_eq!(answer.header("content-length"), stored.len().to_string());
    assert_eq!(answer.header("etag"), format!("\"{}\"", crate::manifest::hex(&pki::algorithm::sha256(&stored))));
    assert_eq!(answer.header("last-modified"), "Sat, 21 Nov 2026 21:55:00 GMT");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    // An empty municipality has a valid empty CRL, never 404.
    let empty = get(&routes, "/crl/sign/1/01361.crl").await;
    assert_eq!(CrlReader::new(&empty.body).unwrap().entries().count(), 0);
}

#[tokio::test]
async fn a_delta_comes_with_the_headers_of_its_octets_from_where_the_full_crl_says() {
    let (world, publisher, routes) = published(jst("2026-11-22", 6, 55, 0));
    world.ledger.revoke(Ca::Sign, 6, KIYOSE, "2030-03-31");
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    world.clock.set(jst("2026-11-23", 7, 0, 0));
    let full = get(&routes, "/crl/cuts/1/sign/1/full.crl").await;
    let freshest = pki::crl::freshest_crl_value("http://127.0.0.1:8080/crl/sign/1/delta.crl");
    assert_eq!(CrlReader::new(&full.body).unwrap().freshest_crl(), Some(&*freshest));
    let answer = get(&routes, "/crl/sign/1/delta.crl").await;
    let delta = CrlReader::new(&answer.body).unwrap();
    assert_eq!((delta.crl_number(), delta.base_crl_number()), (2, Some(1)));
    assert_eq!(delta.delta_entries().count(), 1);
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/pkix-crl"));
    assert_eq!(answer.header("etag"), format!("\"{}\"", crate::manifest::hex(&pki::algorithm::sha256(&answer.body))));
    assert_eq!(answer.header("last-modified"), "Sun, 22 Nov 2026 21:55:00 GMT");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    let again = ask(&routes, Method::GET, "/crl/sign/1/delta.crl", answer.header("etag")).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let immutable = get(&routes, "/crl/cuts/2/sign/1/delta.crl").await;
    assert_eq!(immutable.body, answer.body);
    assert_eq!(immutable.header("cache-control"), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_cut_from_before_there_were_deltas_is_served_on_and_is_the_base_of_the_next() {
    let (world, publisher, _) = published(jst("2026-11-22", 6, 55, 0));
    drop(publisher);
    as_before_deltas(&world, 1);
    let publisher = world.open();
    let routes = routes(&world, &publisher);
    assert_eq!(get(&routes, "/crl/sign/1/full.crl").await.status, StatusCode::OK);
    let answer = get(&routes, "/crl/sign/1/delta.crl").await;
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (answer.status, &problem["type"]),
        (StatusCode::NOT_FOUND, &"urn:akashi:problem:not-in-this-cut".into())
    );
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    let delta = get(&routes, "/crl/sign/1/delta.crl").await;
    assert_eq!(CrlReader::new(&delta.body).unwrap().base_crl_number(), Some(1));
}

/// Takes the deltas, which are last in the segment, out of a cut's files.
fn as_before_deltas(world: &World, cut_number: u64) {
    let folder = world.folder.path().join(format!("cuts/{cut_number}"));
    let path = folder.join(MANIFEST_FILE);
    let mut manifest = Manifest::read(&std::fs::read(&path).unwrap()).unwrap();
    manifest.files.retain(|file| file.partition != "delta");
    let size = manifest.files.iter().map(|file| file.size).sum();
    std::fs::OpenOptions::new().write(true).open(folder.join(SEGMENT_FILE)).unwrap().set_len(size).unwrap();
    let signer = world.manifest_signer.as_ref();
    let signed = signer.sign(manifest.to_be_signed(signer.public_key())).unwrap();
    std::fs::write(&path, signed.jws()).unwrap();
}

#[tokio::test]
async fn the_manifests_urls_answer_with_what_it_says() {
    let (world, _, routes) = published(jst("2026-11-22", 6, 55, 0));
    let manifest = get(&routes, "/crl/manifest.json").await;
    assert_eq!((manifest.status, manifest.header("content-type")), (StatusCode::OK, "application/jose+json"));
    let key = crate::signing::ManifestSigner::public_key(world.manifest_signer.as_ref());
    for file in Manifest::verify(&manifest.body, key).unwrap().files {
        assert_eq!(file.base_crl_number, (file.partition == "delta").then_some(1));
        let answer = get(&routes, &file.url).await;
        assert_eq!((answer.status, answer.body.len() as u64), (StatusCode::OK, file.size));
        assert_eq!(crate::manifest::hex(&pki::algorithm::sha256(&answer.body)), file.sha256);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    }
}

#[tokio::test]
async fn a_client_that_holds_the_octets_gets_304_and_head_gets_no_body() {
    let (_, _, routes) = published(jst("2026-11-22", 6, 55, 0));
    for path in ["/crl/sign/1/full.crl", "/crl/manifest.json", "/crl/cuts/1/sign/1/full.crl"] {
        let whole = get(&routes, path).await;
        let etag = whole.header("etag").to_owned();
        for held in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let answer = ask(&routes, Method::GET, path, &held).await;
            assert_eq!(
                (answer.status, answer.body.len(), answer.header("etag")),
                (StatusCode::NOT_MODIFIED, 0, etag.as_str()),
                "{held}"
            );
        }
        assert_eq!(ask(&routes, Method::GET, path, "\"other\"").await.status, StatusCode::OK);
        let head = ask(&routes, Method::HEAD, path, "").await;
        assert_eq!(
            (head.status, head.body.len(), head.header("content-length")),
            (StatusCode::OK, 0, whole.body.len().to_string().as_str())
        );
    }
}

#[tokio::test]
async fn every_cache_crosses_over_at_seven_together() {
    let (world, _, routes) = published(jst("2026-11-22", 6, 55, 0));
    for (now, max_age) in [
        (jst("2026-11-23", 5, 59, 59), 3_600),
        (jst("2026-11-23", 6, 0, 1), 3_599),
        (jst("2026-11-23", 6, 59, 59), 1),
        // The flip is late: caches look again soon, until it has happened.
        (jst("2026-11-23", 7, 0, 0), 10),
        (jst("2026-11-23", 9, 0, 0), 10),
        // The CRL itself runs out at 06:55 on the 24th.
        (jst("2026-11-24", 6, 54, 55), 5),
        (jst("2026-11-24", 6, 55, 1), 0),
    ] {
        world.clock.set(now);
        assert_eq!(
            get(&routes, "/crl/sign/1/full.crl").await.header("cache-control"),
            format!("public, max-age={max_age}"),
            "{now}"
        );
    }
}

#[tokio::test]
async fn before_the_first_cut_everything_says_when_to_ask_again() {
    let world = World::new();
    let routes = routes(&world, &world.open());
    for path in ["/crl/sign/1/full.crl", "/crl/sign/1/13221.crl", "/crl/manifest.json", "/crl/cuts/1/sign/1/full.crl"] {
        let answer = get(&routes, path).await;
        assert_eq!(
            (answer.status, answer.header("retry-after"), answer.header("cache-control")),
            (StatusCode::SERVICE_UNAVAILABLE, "10", "no-store")
        );
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_that_no_cache_keeps() {
    let (_, _, routes) = published(jst("2026-11-22", 6, 55, 0));
    for (path, word) in [
        ("/crl/sign/1/13999.crl", "unknown-municipality"),
        ("/crl/sign/2/13221.crl", "unknown-issuer"),
        ("/crl/sign/1/132217.crl", "no-such-crl"),
        ("/crl/sign/01/full.crl", "no-such-crl"),
        ("/crl/sign/1/full", "no-such-crl"),
        ("/crl/sign/2/delta.crl", "unknown-issuer"),
        ("/crl/none/1/full.crl", "no-such-crl"),
        ("/crl/cuts/2/sign/1/full.crl", "cut-not-kept"),
        ("/crl/cuts/x/sign/1/full.crl", "cut-not-kept"),
    ] {
        let answer = get(&routes, path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::NOT_FOUND, "no-store"), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["type"], format!("urn:akashi:problem:{word}"), "{path}");
        assert_eq!(problem["status"], 404);
    }
}

#[tokio::test]
async fn a_crl_of_many_pieces_arrives_whole() {
    let (_world, _publisher, routes) = published_in_pieces();
    let answer = get(&routes, "/crl/sign/1/full.crl").await;
    assert!(answer.body.len() > 3 * 64 * 1_024, "it takes several pieces");
    assert_eq!(CrlReader::new(&answer.body).unwrap().entries().filter_map(Result::ok).count(), 5_999);
}

/// A CRL of several pieces, the manifest, and both under names that never change.
const RANGED: [&str; 3] = ["/crl/sign/1/full.crl", "/crl/manifest.json", "/crl/cuts/1/sign/1/full.crl"];

fn published_in_pieces() -> (World, Publisher, Router) {
    let world = World::new();
    for number in 1..6_000 {
        world.ledger.revoke(Ca::Sign, number, KIYOSE, "2030-03-31");
    }
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    let routes = routes(&world, &publisher);
    (world, publisher, routes)
}

#[tokio::test]
async fn a_range_is_exactly_those_octets_with_the_headers_of_the_whole() {
    let (_world, _publisher, routes) = published_in_pieces();
    for path in RANGED {
        let whole = get(&routes, path).await;
        let size = whole.body.len();
        assert_eq!(whole.header("accept-ranges"), "bytes");
        for (first, end) in [(0, 1), (1, size), (size / 2 - 1, size / 2 + 1), (size - 1, size), (0, size)] {
            let range = format!("bytes={first}-{}", end - 1);
            let part = ask_with(&routes, Method::GET, path, &[("range", &range)]).await;
            assert_eq!((part.status, &*part.body), (StatusCode::PARTIAL_CONTENT, &whole.body[first..end]), "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {first}-{}/{size}", end - 1));
            assert_eq!(part.header("content-length"), (end - first).to_string());
            for name in ["etag", "last-modified", "cache-control", "content-type", "accept-ranges"] {
                assert_eq!(part.header(name), whole.header(name), "{name}");
            }
        }
        let last = ask_with(&routes, Method::GET, path, &[("range", "bytes=-7")]).await;
        assert_eq!(last.body, whole.body[size - 7..]);
        let several = ask_with(&routes, Method::GET, path, &[("range", "bytes=0-1,5-6")]).await;
        assert_eq!((several.status, several.body == whole.body), (StatusCode::OK, true));
        let head = ask_with(&routes, Method::HEAD, path, &[("range", "bytes=0-1")]).await;
        assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, size.to_string().as_str()));
        assert_eq!(head.header("accept-ranges"), "bytes");
    }
}

#[tokio::test]
async fn a_range_behind_the_end_is_refused_with_the_size_and_no_cache_keeps_that() {
    let (_world, _publisher, routes) = published(jst("2026-11-22", 6, 55, 0));
    for path in RANGED {
        let size = get(&routes, path).await.body.len();
        let refused = ask_with(&routes, Method::GET, path, &[("range", &format!("bytes={size}-"))]).await;
        assert_eq!(refused.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(refused.header("content-range"), format!("bytes */{size}"));
        assert_eq!(refused.header("cache-control"), "no-store");
        let problem: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(problem["type"], "urn:akashi:problem:range-not-satisfiable");
    }
}

#[tokio::test]
async fn conditions_on_version_and_date_are_answered_on_lists_and_manifest() {
    let (_world, _publisher, routes) = published(jst("2026-11-22", 6, 55, 0));
    let (date, before) = ("Sat, 21 Nov 2026 21:55:00 GMT", "Sat, 21 Nov 2026 21:54:59 GMT");
    for path in RANGED {
        let etag = get(&routes, path).await.header("etag").to_owned();
        for (lines, status) in [
            (&[("if-modified-since", date)][..], 304),
            (&[("if-modified-since", before)], 200),
            (&[("if-modified-since", date), ("if-none-match", "\"other\"")], 200),
            (&[("if-unmodified-since", before)], 412),
            (&[("if-match", "\"other\"")], 412),
            (&[("if-match", &*etag)], 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let answer = ask_with(&routes, method, path, lines).await;
                assert_eq!(answer.status, status, "{lines:?}");
                let caching = answer.header("cache-control");
                assert_eq!(caching == "no-store", status == 412, "{caching}");
                assert_eq!(answer.header("etag") == etag, status != 412);
            }
        }
    }
}

#[tokio::test]
async fn who_resumes_across_a_flip_gets_all_of_the_new_one_and_never_a_mixture() {
    let (world, publisher, routes) = published_in_pieces();
    let path = "/crl/sign/1/full.crl";
    let old = get(&routes, path).await;
    let half = old.body.len() / 2;
    let range = format!("bytes={half}-");
    world.ledger.revoke(Ca::Sign, 6_000, KIYOSE, "2030-03-31");
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    let new = get(&routes, path).await;
    for held in [old.header("etag"), old.header("last-modified"), &format!("W/{}", new.header("etag"))] {
        let resumed = ask_with(&routes, Method::GET, path, &[("range", &range), ("if-range", held)]).await;
        assert_eq!((resumed.status, resumed.body == new.body), (StatusCode::OK, true), "{held}");
        assert_eq!(resumed.header("etag"), new.header("etag"));
    }
    for held in [new.header("etag"), new.header("last-modified")] {
        let resumed = ask_with(&routes, Method::GET, path, &[("range", &range), ("if-range", held)]).await;
        assert_eq!((resumed.status, &*resumed.body), (StatusCode::PARTIAL_CONTENT, &new.body[half..]), "{held}");
    }
    // Under the name of its cut the old one is still there to be resumed.
    let resumed = ask_with(&routes, Method::GET, "/crl/cuts/1/sign/1/full.crl", &[("range", &range)]).await;
    assert_eq!([&old.body[..half], &resumed.body].concat(), old.body);
}
