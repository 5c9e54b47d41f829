//! The door: spellings of GET, headers, refusals, and what one request can do to another.
mod support;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use ocsp_responder::{
    Clocks, OcspDoor, OcspMetrics, OcspService, OcspSigner, Responder, SignFailure, SignedResponseData, SigningLimits,
};
use pki::algorithm::{Algorithm, Digest, sha256};
use pki::identity::{Ca, IssuerKey};
use pki::ocsp::{ErrorStatus, REQUEST_OCTETS_MAX, RequestWriter, ResponseData};
use pki::time::UnixTime;
use prometheus::Registry;
use support::*;

const LIMITS: SigningLimits = SigningLimits { concurrent: 2, waiting: 8, patience: Duration::from_mins(1) };

struct Door {
    door: OcspDoor,
    registry: Registry,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Door {
    fn new(responder: Responder, limits: SigningLimits) -> Self {
        Self::at(responder, limits, Arc::new(|| NOW))
    }

    fn at(responder: Responder, limits: SigningLimits, now: Arc<dyn Fn() -> UnixTime + Send + Sync>) -> Self {
        Self::with(responder, limits, now, |service| service)
    }

    fn with(
        responder: Responder,
        limits: SigningLimits,
        now: Arc<dyn Fn() -> UnixTime + Send + Sync>,
        adjust: impl FnOnce(OcspService) -> OcspService,
    ) -> Self {
        Self::with_clocks(responder, limits, Clocks { now, elapsed: Arc::new(|| Duration::ZERO) }, adjust)
    }

    fn with_clocks(
        responder: Responder,
        limits: SigningLimits,
        clocks: Clocks,
        adjust: impl FnOnce(OcspService) -> OcspService,
    ) -> Self {
        let registry = Registry::new();
        let metrics = OcspMetrics::register(&registry, &responder).unwrap();
        let service = adjust(OcspService::new(responder, clocks, limits, metrics));
        Self { door: OcspDoor::new(Arc::new(service)), registry }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.door.serve(request).await.into_parts();
        Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/ocsp-request");
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A gauge without labels.
    fn gauge(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }

    /// The sum of a counter over the series whose labels include these.
    fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let series = family.map_or(&[][..], |family| family.get_metric());
        let matches = |metric: &&prometheus::proto::Metric| {
            let has = |(name, value): &(&str, &str)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            };
            labels.iter().all(has)
        };
        series.iter().filter(matches).map(|metric| metric.get_counter().get_value()).sum()
    }
}

impl Reply {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn is_signed(&self) -> bool {
        self.status == StatusCode::OK && self.body.len() > 5
    }

    fn is_error(&self, status: ErrorStatus) {
        assert_eq!((self.status, &self.body[..]), (StatusCode::OK, &status.der()[..]));
        assert_eq!(self.header(header::CONTENT_TYPE), "application/ocsp-response");
        assert_eq!(self.header(header::CACHE_CONTROL), "no-store");
        for name in [header::ETAG, header::EXPIRES, header::LAST_MODIFIED] {
            assert!(!self.headers.contains_key(name));
        }
    }
}

fn base64(der: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(der)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_signed_answer_has_the_headers_of_rfc_9919_and_no_others() {
    let door = Door::new(responder(), LIMITS);
    for reply in [
        door.post("/ocsp/sign", request(&[GOOD])).await,
        door.get(&format!("/ocsp/sign/{}", base64(&request(&[GOOD])))).await,
    ] {
        assert!(reply.is_signed());
        assert_eq!(reply.headers.len(), 7);
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/ocsp-response");
        assert_eq!(reply.header(header::CONTENT_LENGTH), reply.body.len().to_string());
        assert_eq!(reply.header(header::DATE), NOW.http_date());
        assert_eq!(reply.header(header::LAST_MODIFIED), NOW.http_date());
        assert_eq!(reply.header(header::ETAG), format!("\"{}\"", hex(&sha256(&reply.body))));
        let in_range = |low, high, of: &dyn Fn(i64) -> String, text: &str| (low..=high).any(|value| of(value) == text);
        let expires = |seconds| NOW.plus_seconds(seconds).http_date();
        assert!(in_range(28_800, 30_600, &expires, reply.header(header::EXPIRES)));
        let keep = |seconds| format!("max-age={seconds}, public, no-transform, must-revalidate");
        assert!(in_range(270, 300, &keep, reply.header(header::CACHE_CONTROL)));
    }
}

#[tokio::test]
async fn get_is_read_in_every_spelling() {
    let door = Door::new(responder(), LIMITS);
    // Nonces are tried until the base64 holds what needs care: `+`, `/`, `//` and padding.
    let cert_id = cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD);
    let hard = |text: &String| text.contains('+') && text.contains("//") && text.ends_with('=');
    let text = (0..=u8::MAX)
        .flat_map(|octet| (16..=32).map(move |octets| (octet, octets)))
        .map(|(octet, octets)| {
            let nonce: Vec<u8> = (0..octets).map(|at| if at < 6 { 0xff } else { octet ^ at }).collect();
            base64(&RequestWriter::new().cert_id(&cert_id).nonce(&nonce).finish())
        })
        .find(hard)
        .unwrap();
    let percent = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for path in [
        format!("/ocsp/sign/{text}"),
        format!("/ocsp/sign//{text}"),
        format!("/ocsp/sign/{}", text.trim_end_matches('=')),
        format!("/ocsp/sign/{percent}"),
        format!("/ocsp/sign//{percent}"),
        format!("/ocsp/sign/{}", text.replace('+', "%2b").replace('/', "%2f")),
        format!("/ocsp/sign/{text}?from=a-cache"),
    ] {
        assert!(door.get(&path).await.is_signed(), "{path}");
    }
    for path in ["/ocsp/sign", "/ocsp/sign/", "/ocsp/sign/M*A", "/ocsp/sign/%ff%fe", "/ocsp/sign/MAA="] {
        door.get(path).await.is_error(ErrorStatus::MalformedRequest);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let door = Door::new(responder(), LIMITS);
    let path = format!("/ocsp/sign/{}", base64(&request(&[GOOD])));
    let head = door.send(Request::head(&path).body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert!(head.header(header::CONTENT_LENGTH).parse::<usize>().unwrap() > 200);
    assert!(!head.header(header::ETAG).is_empty());
}

#[tokio::test]
async fn an_answer_that_the_asker_has_is_not_sent_again() {
    let responder = responder();
    responder.issuers().replace_signer(Box::new(FixedSigner(TestSigner::new(issuer(Ca::Sign, 1))))).unwrap();
    let door = Door::new(responder, LIMITS);
    let path = format!("/ocsp/sign/{}", base64(&request(&[GOOD])));
    let first = door.get(&path).await;
    let tag = first.header(header::ETAG);
    for (given, status) in [
        (tag.to_owned(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
    ] {
        let asked = Request::get(&path).header(header::IF_NONE_MATCH, &given).body(Body::empty()).unwrap();
        let reply = door.send(asked).await;
        assert_eq!(reply.status, status, "{given}");
        assert_eq!(reply.body.is_empty(), status == 304);
        for name in [header::ETAG, header::CACHE_CONTROL, header::EXPIRES, header::DATE] {
            assert_eq!(reply.headers.get(&name), first.headers.get(&name));
        }
    }
    let post = Request::post("/ocsp/sign")
        .header(header::CONTENT_TYPE, "application/ocsp-request")
        .header(header::IF_NONE_MATCH, tag);
    assert!(door.send(post.body(request(&[GOOD]).into()).unwrap()).await.is_signed());
    let unissued =
        Request::get(format!("/ocsp/sign/{}", base64(&request(&[UNISSUED])))).header(header::IF_NONE_MATCH, "*");
    door.send(unissued.body(Body::empty()).unwrap()).await.is_error(ErrorStatus::Unauthorized);
}

#[tokio::test]
async fn an_answer_that_echoes_a_nonce_has_no_tag_and_is_always_sent() {
    let door = Door::new(responder(), LIMITS);
    let cert_id = cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD);
    let nonced = RequestWriter::new().cert_id(&cert_id).nonce(&[7; 32]).finish();
    let get = Request::get(format!("/ocsp/sign/{}", base64(&nonced))).header(header::IF_NONE_MATCH, "*");
    for reply in [door.post("/ocsp/sign", nonced).await, door.send(get.body(Body::empty()).unwrap()).await] {
        assert!(reply.is_signed());
        assert!(reply.headers.len() == 6 && !reply.headers.contains_key(header::ETAG));
        // L14: it is authoritative all the same.
        assert!(reply.header(header::CACHE_CONTROL).starts_with("max-age="));
    }
}

#[tokio::test]
async fn errors_are_http_200_and_never_kept() {
    let door = Door::new(responder(), LIMITS);
    door.post("/ocsp/sign", request(&[UNISSUED])).await.is_error(ErrorStatus::Unauthorized);
    door.post("/ocsp/auth", request(&[GOOD])).await.is_error(ErrorStatus::Unauthorized);
    door.post("/ocsp/sign", "not DER").await.is_error(ErrorStatus::MalformedRequest);
    door.post("/ocsp/sign/", request(&[UNISSUED])).await.is_error(ErrorStatus::Unauthorized);
    door.get(&format!("/ocsp/sign/{}", base64(&request(&[UNISSUED])))).await.is_error(ErrorStatus::Unauthorized);
}

#[tokio::test]
async fn what_http_refuses_is_a_problem_with_a_stable_type() {
    let door = Door::new(responder(), LIMITS);
    let good = || Body::from(request(&[GOOD]));
    let typed = |kind: &str, body| Request::post("/ocsp/sign").header(header::CONTENT_TYPE, kind).body(body).unwrap();
    let too_large = vec![0x30; REQUEST_OCTETS_MAX + 1];
    for (request, status, kind) in [
        (Request::get("/ocsp/other/MA").body(Body::empty()).unwrap(), 404, "unknown-ca"),
        (Request::put("/ocsp/sign").body(good()).unwrap(), 405, "method-not-allowed"),
        (Request::post("/ocsp/sign").body(good()).unwrap(), 415, "unsupported-media-type"),
        (typed("application/json", good()), 415, "unsupported-media-type"),
        (typed("application/ocsp-request", too_large.into()), 413, "body-too-large"),
    ] {
        let reply = door.send(request).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json");
        assert_eq!(reply.header(header::CACHE_CONTROL), "no-store");
        let text = String::from_utf8(reply.body).unwrap();
        assert!(text.starts_with(&format!(r#"{{"type":"urn:akashi:problem:{kind}","#)), "{text}");
        assert_eq!(reply.headers.contains_key(header::ALLOW), status == 405);
    }
    assert!(door.send(typed("Application/OCSP-Request; charset=binary", good())).await.is_signed());
    let exactly = vec![0x30; REQUEST_OCTETS_MAX];
    door.post("/ocsp/sign", exactly).await.is_error(ErrorStatus::MalformedRequest);
    assert!((door.count("ocsp_http_refusals_total", &[("code", "415")]) - 2.0).abs() < 0.5);
}

#[tokio::test]
async fn answers_are_counted_by_kind_and_certificates_by_digest() {
    let door = Door::new(responder(), LIMITS);
    door.post("/ocsp/sign", request_by(Digest::Sha1, &[GOOD, HELD, UNISSUED])).await;
    door.get(&format!("/ocsp/sign/{}", base64(&request(&[REVOKED])))).await;
    door.get("/ocsp/sign/MA").await;
    let is = |name, labels: &[(&str, &str)], expected: f64| {
        let counted = door.count(name, labels);
        assert!((counted - expected).abs() < 0.5, "{name} {labels:?}: {counted}");
    };
    is("ocsp_answers_total", &[("ca", "sign"), ("method", "post"), ("answer", "signed")], 1.0);
    is("ocsp_answers_total", &[("method", "get"), ("answer", "signed")], 1.0);
    is("ocsp_answers_total", &[("method", "get"), ("answer", "malformed_request")], 1.0);
    for (digest, status) in [("sha1", "good"), ("sha1", "held"), ("sha1", "unknown"), ("sha256", "revoked")] {
        is("ocsp_certificates_total", &[("digest", digest), ("status", status)], 1.0);
    }
    is("ocsp_certificates_total", &[("digest", "sha256")], 1.0);
}

/// A token that signs when it is let, and says when it has begun.
struct SlowSigner {
    fixed: FixedSigner,
    begun: mpsc::Sender<()>,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl OcspSigner for SlowSigner {
    fn issuer(&self) -> IssuerKey {
        self.fixed.issuer()
    }
    fn algorithm(&self) -> Algorithm {
        self.fixed.algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        self.fixed.certificate_der()
    }
    fn key_hash(&self) -> [u8; 20] {
        self.fixed.key_hash()
    }
    fn not_after(&self) -> UnixTime {
        self.fixed.not_after()
    }
    fn signs_in_memory(&self) -> bool {
        false
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        // Nobody may listen any more.
        let _ = self.begun.send(());
        // Ends without a word when the test is over.
        let _ = self.let_go.lock().expect("no signer panics").recv();
        self.fixed.sign(data)
    }
}

/// A door with a slow token; what tells that signing began, and what lets it go on.
fn slow_door(limits: SigningLimits) -> (Door, mpsc::Receiver<()>, mpsc::Sender<()>) {
    slow_door_with(limits, |service| service)
}

fn slow_door_with(
    limits: SigningLimits,
    adjust: impl FnOnce(OcspService) -> OcspService,
) -> (Door, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((begun, has_begun), (go, let_go)) = (mpsc::channel(), mpsc::channel());
    let fixed = FixedSigner(TestSigner::new(issuer(Ca::Sign, 1)));
    let responder = responder();
    responder.issuers().replace_signer(Box::new(SlowSigner { fixed, begun, let_go: Mutex::new(let_go) })).unwrap();
    (Door::with(responder, limits, Arc::new(|| NOW), adjust), has_begun, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_queue_requests_are_told_to_try_later_at_once() {
    let (door, has_begun, go) = slow_door(SigningLimits { concurrent: 1, waiting: 0, ..LIMITS });
    let door = Arc::new(door);
    let first = tokio::spawn({
        let door = Arc::clone(&door);
        async move { door.post("/ocsp/sign", request(&[GOOD])).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    door.post("/ocsp/sign", request(&[GOOD])).await.is_error(ErrorStatus::TryLater);
    assert!((door.count("ocsp_shed_total", &[]) - 1.0).abs() < 0.5);
    // What needs no signature is answered all the same, and so is the other CA.
    door.post("/ocsp/sign", request(&[UNISSUED])).await.is_error(ErrorStatus::Unauthorized);
    go.send(()).unwrap();
    assert!(first.await.unwrap().is_signed());
}

#[tokio::test]
async fn while_keys_in_memory_sign_others_are_answered_and_the_queue_is_as_long_as_for_a_token() {
    // A clock of which each look takes a second: every signature lets all others go first.
    let seconds = AtomicI64::new(0);
    let elapsed = move || Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed).unsigned_abs());
    let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(elapsed) };
    let limits = SigningLimits { concurrent: 1, waiting: 1, ..LIMITS };
    let door = Door::with_clocks(responder(), limits, clocks, |service| service);
    let ended = Mutex::new(vec![]);
    let ask = async |name, numbers: &[u64]| {
        let reply = door.post("/ocsp/sign", request(numbers)).await;
        ended.lock().unwrap().push(name);
        reply
    };
    let asked = (ask("first", &[GOOD]), ask("second", &[HELD]), ask("third", &[REVOKED]), ask("no", &[UNISSUED]));
    let (first, second, third, unissued) = tokio::join!(asked.0, asked.1, asked.2, asked.3);
    assert!(first.is_signed() && second.is_signed());
    third.is_error(ErrorStatus::TryLater);
    assert!((door.count("ocsp_shed_total", &[]) - 1.0).abs() < 0.5);
    unissued.is_error(ErrorStatus::Unauthorized);
    assert_eq!(*ended.lock().unwrap(), ["third", "no", "first", "second"]);
    assert!(door.post("/ocsp/sign", request(&[REVOKED])).await.is_signed(), "there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_hangs_ends_in_try_later() {
    let (door, _has_begun, go) = slow_door(SigningLimits { patience: Duration::ZERO, ..LIMITS });
    door.post("/ocsp/sign", request(&[GOOD])).await.is_error(ErrorStatus::TryLater);
    assert!((door.count("ocsp_overdue_total", &[]) - 1.0).abs() < 0.5);
    drop(go);
}

#[tokio::test]
async fn whoever_waited_too_long_for_a_key_in_memory_is_told_to_try_later() {
    // A clock of which each look takes a second: whoever signs lets others go first, and these wait in line meanwhile.
    let seconds = AtomicI64::new(0);
    let elapsed = move || Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed).unsigned_abs());
    let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(elapsed) };
    // The first looks when it comes, when its turn comes and when the others have gone; the second between these.
    let limits = SigningLimits { patience: Duration::from_secs(3), ..LIMITS };
    let door = Door::with_clocks(responder(), limits, clocks, |service| service);
    let (first, second) =
        tokio::join!(door.post("/ocsp/sign", request(&[GOOD])), door.post("/ocsp/sign", request(&[HELD])));
    assert!(first.is_signed());
    second.is_error(ErrorStatus::TryLater);
    assert!((door.count("ocsp_overdue_total", &[]) - 1.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_serials_never_issued_uses_up_a_budget_of_their_own_alone() {
    let (door, has_begun, go) = slow_door_with(LIMITS, |service| service.with_unknown_places(1));
    let door = Arc::new(door);
    let asked = |numbers: &'static [u64]| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.post("/ocsp/sign", request(numbers)).await })
    };
    let (begun_sender, mut begun) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || has_begun.iter().try_for_each(|()| begun_sender.send(())));
    let first = asked(&[GOOD, UNISSUED]);
    begun.recv().await.unwrap();
    door.post("/ocsp/sign", request(&[HELD, UNISSUED])).await.is_error(ErrorStatus::TryLater);
    assert!((door.count("ocsp_shed_unknown_total", &[]) - 1.0).abs() < 0.5);
    // Others are signed meanwhile.
    let second = asked(&[GOOD]);
    begun.recv().await.unwrap();
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert!(first.await.unwrap().is_signed() && second.await.unwrap().is_signed());
    go.send(()).unwrap();
    assert!(door.post("/ocsp/sign", request(&[HELD, UNISSUED])).await.is_signed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_token_owes_all_signatures_nobody_waits_and_when_it_is_back_all_is_as_before() {
    let limits = SigningLimits { concurrent: 1, patience: Duration::from_millis(50), ..LIMITS };
    let (door, has_begun, go) = slow_door(limits);
    // The token hangs: this one is given up after its patience.
    door.post("/ocsp/sign", request(&[GOOD])).await.is_error(ErrorStatus::TryLater);
    let counts = |door: &Door| (door.count("ocsp_overdue_total", &[]), door.count("ocsp_shed_total", &[]));
    has_begun.recv().unwrap();
    assert_eq!((counts(&door), door.gauge("ocsp_signatures_stuck")), ((1.0, 0.0), 1.0));
    // The others are told at once, whatever they ask, and what needs no signature is answered.
    for number in [GOOD, HELD, REVOKED] {
        door.post("/ocsp/sign", request(&[number])).await.is_error(ErrorStatus::TryLater);
    }
    door.post("/ocsp/sign", request(&[UNISSUED])).await.is_error(ErrorStatus::Unauthorized);
    assert_eq!(counts(&door), (1.0, 3.0));
    // The token is back: the answer that it owed comes too late for anybody, and the next ones come in time.
    drop(go);
    while door.gauge("ocsp_signatures_stuck") > 0.5 {
        tokio::task::yield_now().await;
    }
    while !door.post("/ocsp/sign", request(&[HELD])).await.is_signed() {}
}

/// Panics while it decides or while it signs, until told to stop.
struct PanickingSigner {
    fixed: FixedSigner,
    while_deciding: bool,
    in_memory: bool,
    broken: Arc<AtomicBool>,
}

impl PanickingSigner {
    fn panic_if(&self, here: bool) {
        assert!(!(here && self.broken.load(Ordering::Relaxed)), "a bug that the test put here");
    }
}

impl OcspSigner for PanickingSigner {
    fn issuer(&self) -> IssuerKey {
        self.fixed.issuer()
    }
    fn algorithm(&self) -> Algorithm {
        self.fixed.algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        self.fixed.certificate_der()
    }
    fn key_hash(&self) -> [u8; 20] {
        self.panic_if(self.while_deciding);
        self.fixed.key_hash()
    }
    fn not_after(&self) -> UnixTime {
        self.fixed.not_after()
    }
    fn signs_in_memory(&self) -> bool {
        self.in_memory
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        self.panic_if(!self.while_deciding);
        self.fixed.sign(data)
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_for_one_request_only() {
    for (while_deciding, in_memory) in [(true, true), (false, true), (false, false)] {
        let responder = responder();
        let broken = Arc::new(AtomicBool::new(true));
        let fixed = FixedSigner(TestSigner::new(issuer(Ca::Sign, 1)));
        let signer = PanickingSigner { fixed, while_deciding, in_memory, broken: Arc::clone(&broken) };
        responder.issuers().replace_signer(Box::new(signer)).unwrap();
        let door = Door::new(responder, SigningLimits { concurrent: 1, waiting: 0, ..LIMITS });
        for _ in 0..3 {
            door.post("/ocsp/sign", request(&[GOOD])).await.is_error(ErrorStatus::InternalError);
        }
        assert!((door.count("ocsp_panics_total", &[]) - 3.0).abs() < 0.5);
        broken.store(false, Ordering::Relaxed);
        assert!(door.post("/ocsp/sign", request(&[GOOD])).await.is_signed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ask_the_same_at_once_one_has_it_signed_and_all_get_it() {
    let (door, has_begun, go) = slow_door(LIMITS);
    let door = Arc::new(door);
    let asked = |_| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.post("/ocsp/sign", request(&[GOOD])).await })
    };
    let first = asked(0);
    let has_begun = tokio::task::spawn_blocking(move || has_begun.recv().map(|()| has_begun).unwrap()).await.unwrap();
    let others: Vec<_> = (1..5).map(asked).collect();
    // A question about another certificate waits for none of them.
    let other = door.post("/ocsp/sign", request(&[HELD]));
    let let_go = async {
        tokio::task::spawn_blocking(move || has_begun.recv().map(|()| has_begun).unwrap()).await.map(|begun| {
            go.send(()).unwrap();
            go.send(()).unwrap();
            (begun, go)
        })
    };
    let (other, kept) = tokio::join!(other, let_go);
    assert!(other.is_signed());
    let first = first.await.unwrap();
    for other in others {
        assert_eq!(other.await.unwrap().body, first.body);
    }
    let (has_begun, _go) = kept.unwrap();
    assert!(first.is_signed() && has_begun.try_recv().is_err(), "nothing more was signed");
}

#[tokio::test]
async fn what_is_told_of_a_kept_answer_is_what_was_told_at_first_with_the_date_of_now() {
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let later: Arc<dyn Fn() -> UnixTime + Send + Sync> =
        Arc::new(move || NOW.plus_seconds(clock.load(Ordering::Relaxed)));
    let door = Door::at(responder(), LIMITS, later);
    let path = format!("/ocsp/sign/{}", base64(&request(&[GOOD])));
    let first = door.get(&path).await;
    now.store(200, Ordering::Relaxed);
    let again = door.get(&path).await;
    assert_eq!(again.header(header::DATE), NOW.plus_seconds(200).http_date());
    assert_eq!(again.body, first.body);
    let others = |reply: &Reply| {
        let mut headers = reply.headers.clone();
        headers.remove(header::DATE);
        headers
    };
    assert_eq!(others(&again), others(&first));
    assert!((door.count("ocsp_kept_answers_total", &[("outcome", "hit")]) - 1.0).abs() < 0.5);
    assert!((door.count("ocsp_certificates_total", &[("status", "good")]) - 2.0).abs() < 0.5);
}
