//! The compromise of a CA key, over the network: OCSP at once, CRLs with the next cut, and what a kill in between leaves.
mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use akashi::clock::{SystemClock, randomness};
use akashi::ledger::RegistryLedger;
use crl_publisher::ledger::CutLedger;
use pki::identity::{Ca, IssuerKey, KeyNumber};
use registry::Registry;
use registry::state::StateReads;
use registry::writer::{Durability, Surroundings};
use serde_json::{Value, json};
use support::{Akashi, BINARY, CardKey, Party, Resident, eventually, get, openssl_with};

const CODES: [&str; 3] = ["10000000001", "10000000002", "10000000003"];

/// A certificate of each person.
fn issued(desk: &Party, ca: &str) -> Vec<String> {
    let application = |code| Resident::MIKIYA.with_code(code).application(ca, &CardKey::generate());
    let issue = |code| desk.request_certificate(&format!("{ca}-{code}"), &application(code)).expect(201);
    let serial = |answer: Value| answer["serial"].as_str().expect("a serial").to_owned();
    CODES.map(|code| serial(issue(code))).to_vec()
}

fn compromise(akashi: &Akashi, issuer: &str) -> support::Answer {
    let body = json!({ "because": "its backup was found in an attic", "confirm": issuer });
    akashi.admin().post(&format!("/admin/v1/ca-keys/{issuer}/compromise"), "compromise", &body)
}

fn ceremony(akashi: &Akashi, ca: &str) {
    let output = Command::new(BINARY).args(["ca-key", "new", ca, "--config"]).arg(akashi.config()).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a stopped server's registry says: whether the records of `sign/1` are filled in, and what a cut would list.
fn at_rest(akashi: &Akashi) -> (bool, BTreeMap<u64, String>) {
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock::REAL),
        randomness: randomness(),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    let (registry, _) = Registry::open(&akashi.path("data/registry"), surroundings).unwrap();
    let registry = Arc::new(registry);
    let issuer = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
    let is_filled = registry.store().compromise(issuer).unwrap().expect("it is compromised").next_range(1).is_none();
    let ledger = RegistryLedger(registry);
    let frozen = ledger.freeze().unwrap();
    let listed = frozen.withdrawn(Ca::Sign).map(|certificate| {
        let certificate = certificate.unwrap();
        (certificate.serial.get(), format!("{:?}", certificate.withdrawal))
    });
    let listed: Vec<_> = listed.collect();
    assert!(listed.is_sorted_by(|one, next| one.0 < next.0), "{listed:?}");
    (is_filled, listed.into_iter().collect())
}

#[test]
fn a_compromise_is_seen_at_once_survives_a_kill_at_each_step_and_is_in_the_next_cut() {
    for (step, filled) in [("compromise.1-recorded", false), ("compromise.2-filled", true)] {
        let mut akashi = Akashi::init();
        ceremony(&akashi, "auth");
        akashi.start_with(&[("AKASHI_KILL_AFTER", step)]);
        let desk = akashi.desk("13221", "003A");
        let (serials, others) = (issued(&desk, "sign"), issued(&desk, "auth"));
        let hotline = akashi.register("hotline");
        hotline.post("/hotline/v1/holds", "hold", &json!({ "resident_code": CODES[1] })).expect(200);
        let held_since = akashi.ocsp("sign", &serials[1]).since;
        // The answer may be lost with the process; the request is the same when it is sent again.
        let body = json!({ "because": "its backup was found in an attic", "confirm": "sign/1" });
        let _ = akashi.admin().try_post("/admin/v1/ca-keys/sign/1/compromise", "compromise", &body);
        akashi.wait_until_dead();
        akashi.audit();
        let (is_filled, listed) = at_rest(&akashi);
        assert_eq!((is_filled, listed.len()), (filled, 3), "{step}");

        akashi.start();
        let told = compromise(&akashi, "sign/1").expect(200);
        assert_eq!((&told["ca"], &told["key"], told.get("issuing_key")), (&json!("sign"), &json!(1), None));
        for serial in &serials {
            let status = akashi.ocsp("sign", serial);
            assert_eq!(
                (status.status.as_str(), status.reason.as_deref()),
                ("revoked", Some("cACompromise")),
                "{serial}"
            );
        }
        assert_eq!(akashi.ocsp("sign", &serials[1]).since, held_since, "a hold keeps its date");
        assert_eq!(akashi.ocsp("sign", &serials[0]).since, akashi.ocsp("sign", &serials[2]).since);
        assert_eq!(akashi.metric("akashi_certificates{ca=\"sign\",status=\"revoked\"}"), 3);
        assert_eq!(never_issued(&akashi), "unauthorized");
        let number: u64 = akashi.metric("akashi_certificates{ca=\"auth\",status=\"good\"}");
        assert_eq!((others.len(), number), (3, 2), "one of the other CA's is held, the others are good");

        let cut = akashi.cut("after-the-compromise")["cut_number"].as_u64();
        assert!(cut.is_some());
        let crl = akashi.path_text("full.crl");
        std::fs::write(&crl, get(&format!("{}/crl/sign/1/full.crl", akashi.public_url()), &[]).body).unwrap();
        let root = akashi.path_text("data/ca/sign-1.pem");
        let output = openssl_with(&["crl", "-inform", "DER", "-in", &crl, "-noout", "-text", "-CAfile", &root], b"");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!((text.matches("Serial Number:").count(), text.matches("CA Compromise").count()), (3, 3), "{text}");
        if !filled {
            eventually("every record shows it", || akashi.log().contains("shows the compromise of its key"));
        }
        akashi.stop();
        akashi.audit();
        assert_eq!(at_rest(&akashi), (true, listed), "what CRLs list does not change by filling in");
    }
}

/// What openssl reads in the CRL at that path, its signature verified with that key's certificate.
fn crl_text(akashi: &Akashi, ca: &str, key: u16, path: &str) -> String {
    let (crl, root) = (akashi.path_text("read.crl"), akashi.path_text(&format!("data/ca/{ca}-{key}.pem")));
    std::fs::write(&crl, akashi.get(path).body).unwrap();
    let output = openssl_with(&["crl", "-inform", "DER", "-in", &crl, "-noout", "-text", "-CAfile", &root], b"");
    let [text, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(errors.contains("verify OK"), "{path}: {errors}");
    text
}

/// What openssl says of the link from the first key to the second, with the CRL at that path.
fn link_checked(akashi: &Akashi, path: &str) -> String {
    let crl = akashi.path_text("checked.crl");
    std::fs::write(&crl, akashi.get(path).body).unwrap();
    let (root, link) = (akashi.path_text("data/ca/auth-1.pem"), akashi.path_text("data/ca/auth-2-with-1.pem"));
    let arguments = ["verify", "-x509_strict", "-crl_check", "-CAfile", &root, "-CRLfile", &crl, &link];
    let output = openssl_with(&arguments, b"");
    if output.status.success() {
        return "OK".to_owned();
    }
    let errors = String::from_utf8(output.stderr).unwrap();
    let reason = errors.lines().find_map(|line| line.split_once("depth lookup: ")).expect("a reason");
    reason.1.to_owned()
}

/// What `openssl ocsp` says about a serial that nobody was issued.
fn never_issued(akashi: &Akashi) -> String {
    let (issuer, url) = (akashi.path_text("data/ca/sign-1.pem"), format!("{}/ocsp/sign", akashi.public_url()));
    let output = openssl_with(&["ocsp", "-issuer", &issuer, "-serial", "4000", "-url", &url, "-CAfile", &issuer], b"");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if text.contains("unauthorized") { "unauthorized".to_owned() } else { text }
}

#[test]
fn after_a_compromise_the_next_key_issues_without_a_restart_and_links_with_the_key_are_gone() {
    let mut akashi = Akashi::init();
    ceremony(&akashi, "auth");
    akashi.start();
    let desk = akashi.desk("13221", "003A");
    let application = |code| Resident::MIKIYA.with_code(code).application("auth", &CardKey::generate());
    let key = |answer: Value| answer["key"].as_u64().unwrap();
    assert_eq!(key(desk.request_certificate("before", &application(CODES[0])).expect(201)), 2);
    assert_eq!(akashi.get("/certs/auth/1-with-2.cer").status, 200);
    akashi.settle();
    let link_checked = |crl: &str| link_checked(&akashi, crl);
    assert_eq!(link_checked("/crl/auth/1/ca.crl"), "OK");
    assert_eq!(compromise(&akashi, "auth/2").expect(200)["issuing_key"], json!(1));
    assert_eq!(key(desk.request_certificate("after", &application(CODES[1])).expect(201)), 1);
    for link in ["1-with-2", "2-with-1"] {
        assert_eq!(akashi.get(&format!("/certs/auth/{link}.cer")).status, 410);
    }
    assert_eq!(akashi.get("/certs/auth/2.cer").status, 200, "what stands in certificates is answered for ever");
    // Who has kept the link learns it from the CRL of CA certificates, by the key that signed the link.
    akashi.wait_for_next_second();
    akashi.cut("after-the-compromise");
    assert_eq!(link_checked("/crl/auth/1/ca.crl"), "certificate revoked");
    assert_eq!(link_checked("/crl/auth/1/full.crl"), "different CRL scope", "that one is of persons' certificates");
    for (key, listed) in [(1, 1), (2, 2)] {
        let text = crl_text(&akashi, "auth", key, &format!("/crl/auth/{key}/ca.crl"));
        assert_eq!(
            text.matches("CA Compromise").count(),
            listed,
            "the link to it, and all that the key signed: {text}"
        );
    }
    for ca in ["sign", "phone-auth"] {
        assert!(crl_text(&akashi, ca, 1, &format!("/crl/{ca}/1/ca.crl")).contains("No Revoked Certificates"));
    }
    akashi.stop();
    ceremony(&akashi, "auth");
    assert!(akashi.path("data/ca/auth-1-with-3.cer").exists() && akashi.path("data/ca/auth-3-with-1.cer").exists());
    assert!(!akashi.path("data/ca/auth-2-with-3.cer").exists() && !akashi.path("data/ca/auth-3-with-2.cer").exists());
    akashi.start();
    assert_eq!(key(desk.request_certificate("third", &application(CODES[2])).expect(201)), 3);
    akashi.stop();
    akashi.audit();
}
