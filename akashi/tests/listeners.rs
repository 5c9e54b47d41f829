//! What clients cannot do to a listener: hold connections for ever, keep it from stopping, or starve what others ask.
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use akashi::listen::cores::Cores;
use akashi::listen::{Limits, Security, Served, serve, serve_one};
use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{get, post};
use ocsp_responder::{Clocks, Issuers, OcspDoor, OcspMetrics, OcspService, OcspSettings, Responder, SigningLimits};
use pki::time::UnixTime;
use prometheus::IntCounter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use status::StatusIndex;
use support::{Akashi, CardKey, Resident, eventually, openssl_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a client must not be able to outlast.
const SOON: Duration = Duration::from_millis(200);
/// What must play no part in a test.
const NEVER: Duration = Duration::from_hours(24);
const PATIENT: Limits = Limits { connections_max: 16, head_within: NEVER, taking_within: NEVER, drain_within: NEVER };
/// More than the sockets' buffers of both sides hold.
const LARGE_OCTETS: usize = 64 * 1_024 * 1_024;

/// A listener in this process.
struct Listener {
    runtime: Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Listener {
    fn start(security: Security, served: impl Into<Served>, limits: Limits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let cores = Some(Arc::new(Cores::start(2).unwrap()));
        let serving = runtime.spawn(serve(listener, security, served.into(), limits, cores, stopped));
        Self { runtime, address, stop, serving }
    }

    fn plain(limits: Limits) -> Self {
        let routes = Router::new()
            .route("/small", get(async || "small"))
            .route("/read", post(async |body: String| body))
            .route("/large", get(async || vec![b'a'; LARGE_OCTETS]));
        Self::start(Security::Plain, routes, limits)
    }

    /// A client that has sent that and says nothing more.
    fn client(&self, sent: &str) -> Client {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // Only so that a server that never answers fails the test.
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        Client(stream)
    }

    /// Returns when it has stopped, with requests under way finished.
    fn stop(self) {
        self.stop.send_replace(true);
        let Self { runtime, serving, .. } = self;
        // Only so that one that never stops fails the test.
        let stopped = runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), serving).await });
        stopped.expect("it stops").unwrap();
    }
}

struct Client(TcpStream);

impl Client {
    /// Everything that comes until the server closes the connection.
    #[track_caller]
    fn until_closed(mut self) -> String {
        let mut came = Vec::new();
        match self.0.read_to_end(&mut came) {
            Ok(_) => {}
            // Closed while something of ours was not read.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not close the connection: {error}"),
        }
        String::from_utf8(came).unwrap()
    }

    /// Reads up to the end of the small answer.
    #[track_caller]
    fn small_answer(&mut self) -> String {
        let mut came = Vec::new();
        let mut octet = [0];
        while !came.ends_with(b"\r\n\r\nsmall") {
            self.0.read_exact(&mut octet).expect("an answer comes");
            came.push(octet[0]);
        }
        String::from_utf8(came).unwrap()
    }
}

const ASK_SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
const ASK_LARGE: &str = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn an_answer_to_a_request_whose_body_nobody_read_says_that_the_connection_ends() {
    let listener = Listener::plain(PATIENT);
    // The body never comes, so the answer cannot wait for it, and nothing can follow it.
    let answer = listener.client("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").until_closed();
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("connection: close\r\n"), "{answer}");
    // Where there is no body, or it was read, the connection goes on.
    let read = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde";
    let mut client = listener.client(&["GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", read, ASK_SMALL].concat());
    let answers = client.small_answer();
    assert_eq!((answers.matches("HTTP/1.1 ").count(), answers.contains("connection: close")), (3, false), "{answers}");
    listener.stop();
}

#[test]
fn whoever_ends_after_the_last_request_is_answered_all_the_same() {
    // As a signature is made: on another thread, so that the end is seen before the answer is there.
    let later = get(async || tokio::task::spawn_blocking(|| "small").await.unwrap());
    let listener = Listener::start(Security::Plain, Router::new().route("/later", later), PATIENT);
    for _ in 0..20 {
        let mut client = listener.client(&ASK_SMALL.replace("small", "later"));
        client.0.shutdown(Shutdown::Write).unwrap();
        assert!(client.small_answer().starts_with("HTTP/1.1 200 "));
        assert_eq!(client.until_closed(), "");
    }
    listener.stop();
}

#[test]
fn whoever_does_not_finish_a_request_head_is_cut_off() {
    let listener = Listener::plain(Limits { head_within: SOON, ..PATIENT });
    for begun in ["", "G", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r", "GET /small HTTP/1.1\r\nHost:"] {
        let came = listener.client(begun).until_closed();
        assert!(!came.contains(" 200 "), "{begun:?}: {came}");
    }
    listener.stop();
}

#[test]
fn whoever_idles_after_an_answer_is_cut_off() {
    let listener = Listener::plain(Limits { head_within: SOON, ..PATIENT });
    let came = listener.client(ASK_SMALL).until_closed();
    assert!(came.starts_with("HTTP/1.1 200 OK\r\n") && came.ends_with("small"), "{came}");
    listener.stop();
}

#[test]
fn whoever_does_not_begin_a_handshake_is_cut_off_and_counted() {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let failures = IntCounter::new("failures", "of handshakes").unwrap();
    let security = Security::MutualTls { config: Arc::new(ArcSwap::from_pointee(config)), failures: failures.clone() };
    let listener = Listener::start(security, Router::new(), Limits { head_within: SOON, ..PATIENT });
    assert_eq!(listener.client("").until_closed(), "");
    listener.stop();
    assert_eq!(failures.get(), 1);
}

#[test]
fn whoever_does_not_take_an_answer_loses_the_place_to_the_next() {
    let listener = Listener::plain(Limits { connections_max: 1, taking_within: SOON, ..PATIENT });
    let stalled = listener.client(ASK_LARGE);
    // The only place is taken until the first client is cut off.
    let mut next = listener.client(ASK_SMALL);
    assert!(next.small_answer().starts_with("HTTP/1.1 200 OK\r\n"));
    drop(stalled);
    listener.stop();
}

#[test]
fn a_large_answer_that_is_taken_comes_whole() {
    let listener = Listener::plain(Limits { head_within: SOON, taking_within: Duration::from_mins(1), ..PATIENT });
    let came = listener.client(ASK_LARGE).until_closed();
    assert_eq!(came.len() - came.find("\r\n\r\n").unwrap() - 4, LARGE_OCTETS);
    listener.stop();
}

#[test]
fn an_ocsp_request_whose_body_stalls_is_refused_and_its_connection_closed() {
    let responder =
        Responder::new(Arc::new(Issuers::new()), Arc::new(StatusIndex::new()), OcspSettings::new(300, 28_800).unwrap());
    let clocks = Clocks { now: Arc::new(|| UnixTime::from_seconds(1_800_000_000)), elapsed: Arc::new(|| SOON) };
    let signing = SigningLimits { concurrent: 1, waiting: 1, patience: NEVER };
    let metrics = OcspMetrics::register(&prometheus::Registry::new(), &responder).unwrap();
    let service = Arc::new(OcspService::new(responder, clocks, signing, metrics));
    let ocsp = Some(Arc::new(OcspDoor::with_body_within(service, SOON)));
    let listener = Listener::start(Security::Plain, Served { ocsp, routes: Router::new() }, PATIENT);
    let head = "POST /ocsp/sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n";
    for body in
        ["Content-Length: 100\r\n\r\n", "Content-Length: 100\r\n\r\n0", "Transfer-Encoding: chunked\r\n\r\n5\r\n0"]
    {
        let came = listener.client(&format!("{head}{body}")).until_closed();
        assert!(came.starts_with("HTTP/1.1 408 ") && came.contains("urn:akashi:problem:body-too-slow"), "{came}");
        assert!(came.contains("connection: close\r\n"), "{came}");
    }
    listener.stop();
}

#[test]
fn a_stop_is_seen_while_all_places_are_taken() {
    let listener = Listener::plain(Limits { connections_max: 1, ..PATIENT });
    let mut holder = listener.client(ASK_SMALL);
    holder.small_answer();
    let waiting = listener.client(ASK_SMALL);
    listener.stop();
    assert_eq!(holder.until_closed(), "");
    assert_eq!(waiting.until_closed(), "");
}

#[test]
fn a_stop_waits_for_nobody_who_has_asked_nothing() {
    let listener = Listener::plain(PATIENT);
    let silent = listener.client("");
    // Connections are accepted in their order: the silent one is inside when this one is answered.
    listener.client(ASK_SMALL).small_answer();
    listener.stop();
    assert_eq!(silent.until_closed(), "");
}

#[test]
fn a_server_raises_its_limit_of_open_files_and_speaks_http_1_1_alone() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let low = maximum.map_or(512, |maximum| maximum.min(512));
    setrlimit(Resource::Nofile, Rlimit { current: Some(low), maximum }).unwrap();
    let akashi = Akashi::started();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", akashi.process_id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let values: Vec<_> = line.split_whitespace().take(2).collect();
    assert_eq!(values[0], values[1], "{line}");
    let address = akashi.api_url().replace("https://", "");
    let offered = ["s_client", "-connect", &address, "-alpn", "h2,http/1.1"];
    let output = openssl_with(&offered, b"");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
}

#[test]
fn one_cut_at_a_time_is_made_on_request_and_ocsp_answers_meanwhile() {
    let akashi = Akashi::started();
    akashi.settle();
    let application = Resident::MIKIYA.application("auth", &CardKey::generate());
    let issued = akashi.desk("13221", "003A").request_certificate("auth", &application).expect(201);
    let ask = |key: &str| akashi.admin().post("/admin/v1/cuts", key, &json!({ "because": format!("asked by {key}") }));
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| ask("first"));
        let begun = |line: &str| line.contains("cut begun") && line.contains("\"cut_number\":2");
        eventually("the cut is begun", || akashi.get("/healthz").status == 200 && akashi.log().lines().any(begun));
        assert_eq!(ask("second").expect(409)["type"], "urn:akashi:problem:cut-under-way");
        assert_eq!(akashi.ocsp("auth", issued["serial"].as_str().unwrap()).status, "good");
        // A retry of the one under way waits for its answer.
        let retry = ask("first");
        let first = first.join().unwrap();
        assert_eq!((retry.status, &retry.body), (201, &first.body));
        first
    });
    assert_eq!(first.expect(201)["cut_number"], 2);
    assert_eq!(ask("first").body, first.body);
    // The refusal was of that moment, not of the key.
    assert_eq!(ask("second").expect(201)["cut_number"], 3);
    let because = |characters: usize| json!({ "because": "証".repeat(characters) });
    let refused = akashi.admin().post("/admin/v1/cuts", "too-long", &because(201)).expect(422);
    assert_eq!((&refused["type"], &refused["field"]), (&json!("urn:akashi:problem:not-in-form"), &json!("because")));
    akashi.admin().post("/admin/v1/cuts", "just-right", &because(200)).expect(201);
    akashi.audit();
}

/// A door that knows no CA key, so that it refuses all alike: what HTTP says about that is what is looked at.
fn ocsp_listener(limits: Limits) -> Listener {
    Listener::start(Security::Plain, ocsp_and_small(), limits)
}

fn ocsp_and_small() -> Served {
    let responder =
        Responder::new(Arc::new(Issuers::new()), Arc::new(StatusIndex::new()), OcspSettings::new(300, 28_800).unwrap());
    let clocks = Clocks { now: Arc::new(|| UnixTime::from_seconds(1_800_000_000)), elapsed: Arc::new(|| SOON) };
    let signing = SigningLimits { concurrent: 1, waiting: 1, patience: NEVER };
    let metrics = OcspMetrics::register(&prometheus::Registry::new(), &responder).unwrap();
    let ocsp = Some(Arc::new(OcspDoor::new(Arc::new(OcspService::new(responder, clocks, signing, metrics)))));
    Served { ocsp, routes: Router::new().route("/small", get(async || "small")) }
}

/// The head and the body of each answer, heads in small letters and sorted.
fn answers(came: &[u8]) -> Vec<(Vec<String>, Vec<u8>)> {
    let mut answers = Vec::new();
    let mut left = came;
    while let Some(end) = left.windows(4).position(|octets| octets == b"\r\n\r\n") {
        let mut head: Vec<_> =
            String::from_utf8(left[..end].to_vec()).unwrap().lines().map(str::to_ascii_lowercase).collect();
        head.sort();
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let (body, next) = left[end + 4..].split_at(length);
        answers.push((head, body.to_vec()));
        left = next;
    }
    assert!(left.is_empty());
    answers
}

impl Client {
    /// Everything that comes until the server closes the connection, whatever octets.
    fn octets_until_closed(mut self) -> Vec<u8> {
        let mut came = Vec::new();
        self.0.read_to_end(&mut came).unwrap();
        came
    }
}

const PLAIN_GET: &str = "GET /ocsp/sign/MAA= HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST_SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn what_is_plain_and_what_is_not_are_answered_alike_and_in_their_order() {
    let listener = ocsp_listener(PATIENT);
    let post = "POST /ocsp/sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n";
    let plain = [
        PLAIN_GET.to_owned(),
        format!("{post}Content-Length: 2\r\n\r\n0\0"),
        "GET /ocsp/sign/*** HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".to_owned(),
    ];
    // The same, but for a header that hyper alone reads.
    let unusual = plain.clone().map(|request| request.replace("Host: a", "Host: a\r\nRange: bytes=0-1"));
    let by = |requests: &[String]| {
        let octets = listener.client(&format!("{}{LAST_SMALL}", requests.concat())).octets_until_closed();
        answers(&octets)
    };
    let by_plain = by(&plain);
    assert_eq!(by_plain, by(&unusual));
    assert_eq!(by_plain.len(), 4);
    assert!(by_plain[..3].iter().all(|(head, body)| {
        body == &[0x30, 3, 0x0a, 1, 1]
            && head.contains(&"http/1.1 200 ok".to_owned())
            && head.contains(&"cache-control: no-store".to_owned())
    }));
    assert_eq!(by_plain[3].1, b"small");
    // One that goes over to hyper stays in its place among those that do not.
    let mixed = by(&[plain[0].clone(), "GET /small HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), plain[1].clone()]);
    let small = |(_, body): &(Vec<String>, Vec<u8>)| body == b"small";
    assert_eq!(mixed.iter().map(small).collect::<Vec<_>>(), [false, true, false, true]);
    listener.stop();
}

#[test]
fn octets_that_come_one_by_one_are_a_request_all_the_same() {
    let listener = ocsp_listener(PATIENT);
    let mut client = listener.client("");
    for octet in format!("{PLAIN_GET}{LAST_SMALL}").bytes() {
        client.0.write_all(&[octet]).unwrap();
    }
    assert_eq!(answers(&client.octets_until_closed()).len(), 2);
}

#[test]
fn what_http_must_not_read_in_two_ways_is_left_to_hyper() {
    let listener = ocsp_listener(PATIENT);
    let post = "POST /ocsp/sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n";
    for (headers, status) in [
        ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n0\0\0", "HTTP/1.1 400 "),
        ("Content-Length: +2\r\n\r\n0\0", "HTTP/1.1 400 "),
        (
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n0\0\r\n0\r\n\r\n",
            "HTTP/1.1 ",
        ),
        ("Content-Length: 40000\r\nConnection: close\r\n\r\n", "HTTP/1.1 413 "),
    ] {
        let came =
            listener.client(&format!("{post}{headers}{}", "0".repeat(if status.contains("413") { 40_000 } else { 0 })));
        let came = came.until_closed();
        assert!(came.starts_with(status), "{headers}: {came}");
    }
}

#[test]
fn an_ocsp_client_that_idles_or_does_not_finish_is_cut_off_and_a_stop_waits_for_none() {
    let impatient = ocsp_listener(Limits { head_within: SOON, ..PATIENT });
    for sent in ["", "GET /ocsp/si", PLAIN_GET] {
        impatient.client(sent).octets_until_closed();
    }
    let patient = ocsp_listener(PATIENT);
    let _silent = patient.client("");
    let _half = patient.client("GET /ocsp/si");
    patient.stop();
}

#[tokio::test]
async fn after_a_stop_a_client_that_asks_without_a_pause_is_answered_once_and_told_that_it_is_the_last() {
    let (mut client, server) = tokio::io::duplex(4_096);
    client.write_all(PLAIN_GET.repeat(3).as_bytes()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    stop.send_replace(true);
    serve_one(server, ocsp_and_small(), PATIENT, stopped).await;
    let mut came = Vec::new();
    client.read_to_end(&mut came).await.unwrap();
    let [(head, _)] = &answers(&came)[..] else { panic!("one answer: {}", String::from_utf8_lossy(&came)) };
    assert!(head.contains(&"connection: close".to_owned()), "{head:?}");
}
