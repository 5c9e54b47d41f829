//! What is refused, by its stable name, with the field; nothing is recorded but the refusal.
use std::path::Path;
use std::process::Command;

use pki::identity::Ca;
use registry::event::{Actor, Event};
use serde_json::{Value, json};

use crate::support::{Party, World, application, certification_request, rsa_certification_request};

const CERTIFICATES: &str = "/desk/v1/certificates";

/// A request for a signature certificate in which one place is another.
fn but(pointer: &str, value: Value) -> Value {
    let mut body = application(Ca::Sign, "12345678901");
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

/// A request that OpenSSL makes with a key of its own.
fn openssl_request(key_options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let run = |folder: &Path, arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(folder.path(), &[&["genpkey", "-out", "key.pem"], key_options].concat());
    run(folder.path(), &["req", "-new", "-key", "key.pem", "-subj", "/CN=x", "-out", "request.pem"]);
    std::fs::read_to_string(folder.path().join("request.pem")).unwrap()
}

/// A request whose signature has one bit changed.
fn spoilt_request() -> String {
    let (label, mut request) = der::pem::decode_vec(certification_request().as_bytes())
        .map(|(label, request)| (label.to_owned(), request))
        .unwrap();
    *request.last_mut().unwrap() ^= 1;
    der::pem::encode_string(&label, der::pem::LineEnding::LF, &request).unwrap()
}

#[test]
fn a_request_is_refused_for_the_first_thing_wrong_in_it_and_only_the_refusal_is_recorded() {
    let world = World::new();
    let exponent_3 = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"];
    let rsa_1024 = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    let table = [
        (but("/ca", json!("phone")), "not-in-form", "ca"),
        (but("/municipality", json!("13999")), "unknown-municipality", "municipality"),
        (but("/municipality", json!("清瀬")), "unknown-municipality", "municipality"),
        (but("/municipality", json!("14100")), "not-your-municipality", "municipality"),
        (but("/resident_code", json!("1234567890")), "not-in-form", "resident_code"),
        (but("/resident_code", json!("1234567890a")), "not-in-form", "resident_code"),
        (but("/person/name", json!("黒桐　幹也😀")), "character-not-allowed", "person.name"),
        (but("/person/name", json!("")), "not-in-form", "person.name"),
        (but("/person/address", json!("東京都清瀬市𠮟")), "character-not-allowed", "person.address"),
        (but("/person/sex", json!("x")), "not-in-form", "person.sex"),
        (but("/person/birth_date", json!("1980-02-30")), "impossible-date", "person.birth_date"),
        (but("/person/birth_date", json!("2026-11-22")), "impossible-date", "person.birth_date"),
        (but("/csr", json!("no request")), "csr-malformed", "csr"),
        (but("/csr", json!(spoilt_request())), "csr-signature", "csr"),
        (but("/csr", json!(openssl_request(&rsa_1024))), "key-too-short", "csr"),
        (but("/csr", json!(openssl_request(&exponent_3))), "key-bad-exponent", "csr"),
        (but("/csr", json!(openssl_request(&["-algorithm", "ED25519"]))), "key-algorithm", "csr"),
        (but("/csr", json!(rsa_certification_request())), "key-algorithm", "csr"),
    ];
    for (body, slug, field) in table {
        let position = world.position();
        let reply = world.issue("key-1", &body);
        assert_eq!(reply.body["type"], json!(format!("urn:akashi:problem:{slug}")), "{field}: {:?}", reply.body);
        assert_eq!((&reply.body["field"], &reply.body["status"]), (&json!(field), &json!(reply.status)), "{slug}");
        assert!(reply.body["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
        let recorded = world.recorded_since(position);
        let [refused] = &recorded[..] else { panic!("one event: {recorded:?}") };
        assert_eq!(refused.event, Event::Refused { problem: slug.to_owned() });
        assert!(matches!(refused.actor, Actor::Party(_)));
    }
    assert_eq!(world.issue("key-1", &application(Ca::Sign, "12345678901")).status, 201, "none of them took the key");
}

#[test]
fn a_date_of_card_or_stay_that_does_not_exist_is_refused() {
    let world = World::new();
    for field in ["card_expires_on", "stay_ends_on"] {
        let mut body = application(Ca::Auth, "12345678901");
        body[field] = json!("2030-02-29");
        let reply = world.issue("key-1", &body);
        assert_eq!((reply.problem(), &reply.body["field"]), ((422, "impossible-date"), &json!(field)));
    }
}

#[test]
fn a_body_that_is_not_the_calls_is_refused_without_being_repeated() {
    let world = World::new();
    let mut unknown = application(Ca::Auth, "12345678901");
    unknown["nickname"] = json!("みきや");
    let mut missing = application(Ca::Auth, "12345678901");
    missing["person"].as_object_mut().unwrap().remove("sex");
    for body in [unknown.to_string(), missing.to_string(), "{".to_owned(), "[]".to_owned(), String::new()] {
        let reply = world.call(Party::Kiyose, "POST", CERTIFICATES, Some("key-1"), body.into_bytes());
        assert_eq!(reply.problem(), (400, "malformed-body"));
        assert!(!reply.body.to_string().contains("みきや"), "{:?}", reply.body);
    }
}

#[test]
fn a_body_is_taken_up_to_its_limit() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901").to_string().into_bytes();
    let padded = |octets: usize| [body.clone(), vec![b' '; octets - body.len()]].concat();
    let post = |body| world.call(Party::Kiyose, "POST", CERTIFICATES, Some("key-1"), body);
    assert_eq!(post(padded(ca::doors::BODY_OCTETS_MAX + 1)).problem(), (413, "body-too-large"));
    assert_eq!(post(padded(ca::doors::BODY_OCTETS_MAX)).status, 201);
}

#[test]
fn a_call_that_changes_something_needs_an_idempotency_key() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901").to_string().into_bytes();
    let post = |key| world.call(Party::Kiyose, "POST", CERTIFICATES, key, body.clone());
    let (long, too_long) = ("k".repeat(128), "k".repeat(129));
    for key in [None, Some(""), Some("two words"), Some(&*too_long)] {
        assert_eq!(post(key).problem(), (400, "idempotency-key-missing"), "{key:?}");
    }
    assert_eq!(post(Some(&long)).status, 201);
}

#[test]
fn a_door_opens_to_its_own_role_alone() {
    let world = World::new();
    let doors = [
        (Party::Kiyose, CERTIFICATES, application(Ca::Auth, "12345678901")),
        (Party::Hotline, "/hotline/v1/holds", json!({ "resident_code": "12345678901" })),
        (Party::Register, "/residents/v1/changes", crate::support::change("12345678901", "moved")),
        (Party::Admin, "/admin/v1/parties", json!({ "role": "auditor", "name": "audit", "csr": "" })),
    ];
    for (owner, path, body) in &doors {
        for (party, _, _) in doors.iter().filter(|(party, _, _)| party != owner) {
            assert_eq!(world.post(*party, path, "key-1", body).problem(), (403, "wrong-role"), "{party:?} at {path}");
        }
        assert_eq!(world.post(Party::Stranger, path, "key-1", body).problem(), (403, "party-unregistered"));
        assert!(world.post(*owner, path, "key-1", body).status < 300, "{owner:?} at {path}");
    }
}

#[test]
fn a_suspended_party_may_do_nothing_until_it_is_reinstated() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901");
    let parties = world.get(Party::Admin, "/admin/v1/parties").body;
    let kiyose = parties["parties"].as_array().unwrap().iter().find(|party| party["municipality"] == json!("13221"));
    let path = format!("/admin/v1/parties/{}", kiyose.unwrap()["party"]);
    let because = json!({ "because": "a lost key" });
    let suspended = world.post(Party::Admin, &format!("{path}/suspension"), "suspend", &because);
    assert_eq!((suspended.status, &suspended.body["state"]), (200, &json!("suspended")));
    let position = world.position();
    assert_eq!(world.issue("key-1", &body).problem(), (403, "party-suspended"));
    assert!(matches!(&world.recorded_since(position)[..], [open] if matches!(open.event, Event::Refused { .. })));
    let reinstated = world.post(Party::Admin, &format!("{path}/reinstatement"), "reinstate", &because);
    assert_eq!((reinstated.status, &reinstated.body["state"]), (200, &json!("active")));
    assert_eq!(world.issue("key-1", &body).status, 201);
}

#[test]
fn a_path_that_is_no_call_or_does_not_decode_is_a_problem_like_any_other() {
    let world = World::new();
    for path in ["/desk/v1/certificates/%ff/1", "/desk/v1/requests/%ff", "/desk/v2/certificates", "/"] {
        assert_eq!(world.get(Party::Kiyose, path).problem(), (404, "no-such-call"), "{path}");
    }
    assert_eq!(world.get(Party::Kiyose, CERTIFICATES).problem(), (404, "no-such-call"), "another method");
}

#[test]
fn a_party_that_is_refused_without_end_fills_no_log_and_hinders_nobody_else() {
    let world = World::new();
    let before = world.position();
    let path = "/desk/v1/certificates/sign/999";
    let refusals: Vec<_> = (0..125).map(|_| world.get(Party::Kiyose, path).problem().1.to_owned()).collect();
    assert!(refusals[..120].iter().all(|slug| slug == "unknown-certificate"));
    assert!(refusals[120..].iter().all(|slug| slug == "too-many-refusals"));
    assert_eq!(world.position(), before + 120);
    assert_eq!(world.report("a move", "12345678901", "moved").status, 200);
    world.clock.advance(60);
    world.issued("the next minute", &application(Ca::Auth, "12345678901"));
}

#[test]
fn an_issue_that_waits_for_the_token_is_told_as_pending() {
    let world = World::new();
    world.issue_stopped_at("issue.2-intended", "key-1", &application(Ca::Auth, "12345678901"));
    let reply = world.get(Party::Kiyose, "/desk/v1/requests/key-1");
    assert_eq!((reply.status, reply.statuses()["auth/2"].as_str()), (202, "pending"));
}
