//! OCSP for registered operators, over mutual TLS: who may ask, how fast, and what is counted.
#![cfg(feature = "kill-points")]
mod support;

use std::process::Command;

use registry::Store;
use registry::event::Event;
use serde_json::{Value, json};
use support::{Akashi, Answer, CardKey, Party, Resident, eventually, openssl, openssl_with};

/// A server, an operator of it, and the serial of a good user certificate.
struct Scene {
    akashi: Akashi,
    operator: Party,
    serial: String,
}

impl Scene {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(edit: impl FnOnce(String) -> String) -> Self {
        let mut akashi = Akashi::init_with(edit);
        akashi.start();
        let application = Resident::MIKIYA.application("auth", &CardKey::generate());
        let issued = akashi.desk("13221", "003A").request_certificate("auth", &application).expect(201);
        let operator = akashi.register("operator");
        Self { operator, serial: issued["serial"].as_str().unwrap().to_owned(), akashi }
    }

    /// An OCSP request for these serials of the user CA, made by openssl.
    fn request(&self, serials: &[&str]) -> Vec<u8> {
        let (issuer, file) = (self.akashi.path_text("data/ca/auth-1.pem"), self.akashi.path_text("request.der"));
        let mut arguments = vec!["ocsp", "-issuer", &issuer, "-reqout", &file, "-no_nonce"];
        arguments.extend(serials.iter().flat_map(|serial| ["-serial", *serial]));
        openssl(&arguments);
        std::fs::read(file).unwrap()
    }

    /// The operator asks once about its certificate; what openssl says of the answer.
    fn asks_well(&self, purpose: &str) {
        let answer = ask(&self.operator, &format!("/operators/v1/ocsp/auth/{purpose}"), &self.request(&[&self.serial]));
        assert_eq!(answer.header("content-type"), Some("application/ocsp-response"), "{}", answer.status);
        assert_eq!(self.status(&answer), "good");
    }

    fn status(&self, answer: &Answer) -> String {
        let file = self.akashi.path_text("answer.der");
        std::fs::write(&file, &answer.body).unwrap();
        let issuer = self.akashi.path_text("data/ca/auth-1.pem");
        let read = ["ocsp", "-respin", &file, "-issuer", &issuer, "-CAfile", &issuer, "-serial", &self.serial];
        let said = String::from_utf8(openssl_with(&read, b"").stdout).unwrap();
        let status = said.lines().find_map(|line| line.strip_prefix(&format!("{}: ", self.serial)));
        status.map_or_else(|| said.trim().to_owned(), str::to_owned)
    }

    /// What is recorded of these days, as the operator is told.
    fn usage(&self) -> Value {
        let path = format!("usage?from={}&to={}", day_in_japan("yesterday"), day_in_japan("tomorrow"));
        let own = self.operator.get(&format!("/operators/v1/{path}")).expect(200)["usage"].clone();
        let all = self.akashi.admin().get(&format!("/admin/v1/{path}")).expect(200)["usage"].clone();
        assert_eq!(own, all, "there is one operator that asked");
        own
    }

    fn row(&self, purpose: &str, certificates: u64) -> Value {
        json!({ "party": self.operator.number, "ca": "auth", "purpose": purpose, "certificates": certificates })
    }

    /// The numbers of the recorded batches, of a stopped server.
    fn batches(&self) -> Vec<u64> {
        let store = Store::open_read_only(&self.akashi.path("data/registry")).unwrap();
        let events = store.rows(0).map(|row| row.unwrap().1.decode().unwrap().event);
        events
            .filter_map(|event| if let Event::UsageRecorded { batch, .. } = event { Some(batch) } else { None })
            .collect()
    }

    fn terminate(&self) {
        let process = self.akashi.process_id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    }
}

/// POST as RFC 6960 has it.
fn ask(party: &Party, path: &str, request: &[u8]) -> Answer {
    party.try_call("POST", path, &["Content-Type: application/ocsp-request"], Some(request)).unwrap()
}

/// That day in Japan.
fn day_in_japan(day: &str) -> String {
    let output = Command::new("date").env("TZ", "Asia/Tokyo").args(["+%F", "-d", day]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn signed_answers_count_by_certificate_and_purpose_and_a_stop_records_them_for_ever() {
    let mut scene = Scene::new();
    scene.asks_well("login");
    scene.asks_well("login");
    scene.asks_well("monitoring");
    let path = "/operators/v1/ocsp/auth/login";
    // Good, and one that was never issued: the second tells nothing.
    let mixed = ask(&scene.operator, path, &scene.request(&[&scene.serial, "99999"]));
    assert_eq!(scene.status(&mixed), "good");
    let unauthorized = ask(&scene.operator, path, &scene.request(&["99999"]));
    assert_eq!(unauthorized.header("cache-control"), Some("no-store"));
    assert!(scene.status(&unauthorized).contains("unauthorized (6)"), "{}", scene.status(&unauthorized));
    assert!(scene.status(&ask(&scene.operator, path, b"no DER")).contains("malformedrequest (1)"));
    // By GET, with headers as on the public path.
    let base64 = String::from_utf8(openssl_with(&["base64", "-A"], &scene.request(&[&scene.serial])).stdout).unwrap();
    let got = scene.operator.get(&format!("{path}/{base64}"));
    assert_eq!(scene.status(&got), "good");
    assert!(got.header("cache-control").unwrap().starts_with("max-age=") && got.header("etag").is_some());
    // Five certificates are told; the answers are not on record until half a minute is over, or the server stops.
    for second in ["first", "second"] {
        scene.akashi.stop();
        scene.akashi.start();
        assert_eq!(scene.usage(), json!([scene.row("login", 4), scene.row("monitoring", 1)]), "{second}");
    }
    scene.akashi.stop();
    let batches = scene.batches();
    assert!(!batches.is_empty() && batches.iter().zip(1..).all(|(batch, next)| *batch == next), "{batches:?}");
    scene.akashi.audit();
}

#[test]
fn a_restart_within_a_minute_goes_on_in_a_further_batch() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        scene.asks_well("login");
        scene.akashi.stop();
        scene.akashi.start();
    }
    assert_eq!(scene.usage(), json!([scene.row("login", 3)]));
    scene.akashi.stop();
    assert_eq!(scene.batches(), [1, 2, 3]);
}

#[test]
fn a_kill_loses_what_was_not_recorded_and_counts_nothing_twice() {
    let mut scene = Scene::new();
    scene.akashi.stop();
    for (step, recorded) in [("usage.1-taken", json!([])), ("usage.2-recorded", json!([scene.row("login", 1)]))] {
        scene.akashi.start_with(&[("AKASHI_KILL_AFTER", step)]);
        scene.asks_well("login");
        scene.terminate();
        assert!(!scene.akashi.wait_until_dead().success(), "{step}");
        scene.akashi.start();
        assert_eq!(scene.usage(), recorded, "{step}");
        scene.akashi.stop();
        assert_eq!(scene.batches().len(), recorded.as_array().unwrap().len(), "{step}");
    }
    scene.akashi.start();
    scene.asks_well("login");
    scene.akashi.kill();
    scene.akashi.start();
    let certificates = scene.usage()[0]["certificates"].as_u64().unwrap();
    assert!((1..=2).contains(&certificates), "{certificates}");
}

#[test]
fn the_door_opens_to_operators_alone_and_to_known_purposes_of_known_cas() {
    let scene = Scene::new();
    let request = scene.request(&[&scene.serial]);
    let problem = |party: &Party, path: &str| {
        let refused = ask(party, path, &request);
        let slug = refused.json()["type"].as_str().unwrap().replace("urn:akashi:problem:", "");
        (refused.status, slug)
    };
    let is = |status: u16, slug: &str| (status, slug.to_owned());
    let path = "/operators/v1/ocsp/auth/login";
    assert_eq!(problem(&scene.akashi.register("hotline"), path), is(403, "wrong-role"));
    assert_eq!(problem(&scene.operator, "/operators/v1/ocsp/auth/leisure"), is(404, "no-such-call"));
    assert_eq!(problem(&scene.operator, "/operators/v1/ocsp/sigh/login"), is(404, "unknown-ca"));
    let wrong_type = scene.operator.try_call("POST", path, &["Content-Type: text/plain"], Some(&request)).unwrap();
    assert_eq!(wrong_type.status, 415);
    assert!(scene.akashi.stranger().try_call("POST", path, &[], Some(&request)).is_err());
    let suspend = format!("/admin/v1/parties/{}/suspension", scene.operator.number);
    scene.akashi.admin().post(&suspend, "s", &json!({ "because": "a test" })).expect(200);
    assert_eq!(problem(&scene.operator, path), is(403, "party-suspended"));
    assert_eq!(scene.akashi.metric("akashi_usage{state=\"unwritten\"}"), 0);
}

#[test]
fn an_operator_that_asks_too_fast_is_told_when_to_come_again_and_others_are_not_concerned() {
    let slow = |config: String| {
        config.replace("per_second_max = 500", "per_second_max = 1").replace("burst_max = 1000", "burst_max = 1")
    };
    let scene = Scene::with(slow);
    let (path, request) = ("/operators/v1/ocsp/auth/login", scene.request(&[&scene.serial]));
    let mut refused = None;
    eventually("the operator is too fast", || {
        let answer = ask(&scene.operator, path, &request);
        refused = Some(answer).filter(|answer| answer.status == 429);
        refused.is_some()
    });
    let refused = refused.unwrap();
    assert_eq!(refused.json()["type"], "urn:akashi:problem:too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(scene.akashi.metric("akashi_door_refusals_total{door=\"operators\",problem=\"too-many-requests\"}") > 0);
    // Who asks for something else at that door is not concerned, nor is who is on the public path.
    scene.operator.get("/operators/v1/openapi.json").expect(200);
    assert_eq!(scene.akashi.ocsp("auth", &scene.serial).status, "good");
}

#[test]
fn the_public_path_may_be_switched_off_and_operators_go_on() {
    let scene = Scene::with(|config| config.replace("\npublic = true\n", "\npublic = false\n"));
    let (issuer, url) =
        (scene.akashi.path_text("data/ca/auth-1.pem"), format!("{}/ocsp/auth", scene.akashi.public_url()));
    let asked = ["ocsp", "-issuer", &issuer, "-serial", &scene.serial, "-url", &url, "-CAfile", &issuer];
    let output = openssl_with(&asked, b"");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(said.contains("Responder Error: unauthorized (6)"), "{said}");
    let got = scene.akashi.get("/ocsp/auth/MEUw");
    assert_eq!((got.status, got.header("cache-control"), got.body.len()), (200, Some("no-store"), 5));
    scene.asks_well("signature");
}
