//! The client commands against a server: what they print, write and end with.
//!
//! | module | what it does |
//! |---|---|
//! | `scene` | a server with a folder as sandboxes have, and the binary run as a client of it |
//! | `batches` | many rows from one file |
//! | `consents` | a person's consent, from the provider's registration to the withdrawal |
//! | `endings` | the exit codes and what is said with them |
//! | `pages` | help texts and docs/commands.md against the commands; the commands against the doors |
//! | `bodies` | what the commands of operators, providers and services send |
//! | `kept` | the connection that a client keeps |
#![allow(unreachable_pub, reason = "parts of this test share what is public in them")]

#[path = "commands/batches.rs"]
mod batches;
#[path = "commands/bodies.rs"]
mod bodies;
#[path = "commands/consents.rs"]
mod consents;
#[path = "commands/endings.rs"]
mod endings;
#[path = "commands/kept.rs"]
mod kept;
#[path = "commands/pages.rs"]
mod pages;
#[path = "commands/scene.rs"]
mod scene;
mod support;

use std::os::unix::fs::PermissionsExt;

use scene::{Scene, akashi};
use serde_json::json;
use support::openssl_with;

#[test]
fn a_desk_gets_certificates_again_by_serial_and_by_idempotency_key_and_revokes_one() {
    let scene = Scene::new();
    let example = akashi(&["desk", "request", "--example"], "").ends_with(0).out;
    let card = scene.card("card.csr");
    let (certificate, sandbox) = (scene.path("card.pem"), scene.sandbox());
    let request = ["desk", "request", "--request", "-", "--csr", &card, "--out", &certificate, "--sandbox", &sandbox];

    let issued = akashi(&[&request[..], &["--json"]].concat(), &example).ends_with(0);
    let key = issued.fresh_key();
    let answer = issued.json();
    assert_eq!((answer["ca"].as_str(), answer["status"].as_str()), (Some("auth"), Some("good")));
    let serial = answer["serial"].as_str().expect("a serial").to_owned();
    let written = std::fs::read_to_string(&certificate).expect("the certificate is written");
    assert_eq!(Some(written.as_str()), answer["certificate"].as_str());
    let mode = std::fs::metadata(&certificate).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may hold a person's data");

    let again = akashi(&[&request[..], &["--json", "--idempotency-key", &key]].concat(), &example).ends_with(0);
    assert_eq!(again.json(), answer, "the same key gets the same certificate");
    assert!(!again.err.contains("idempotency key:"), "a key that was given is not told");

    let by_key = scene.run(&["desk", "lookup-request", &key]).ends_with(0);
    assert!(by_key.out.contains(&format!("serial: {serial}\n")), "{}", by_key.out);
    let read = openssl_with(&["x509", "-noout", "-subject"], by_key.out.as_bytes());
    assert!(read.status.success(), "openssl reads the certificate after the lines");

    let revoked = scene.run(&["desk", "revoke", "auth", &serial, "--cause", "card_lost"]).ends_with(0);
    assert!(revoked.out.contains(&format!("auth\t1\t{serial}\trevoked\tkeyCompromise\t")), "{}", revoked.out);
    assert_eq!(scene.server.ocsp("auth", &serial).status, "revoked");
    let by_serial = scene.run(&["desk", "certificate", "auth", &serial, "--json"]).ends_with(0).json();
    assert_eq!(by_serial["reason"], "keyCompromise");
}

#[test]
fn a_desk_gets_both_certificates_of_a_card_finds_them_prints_a_receipt_and_sends_notices() {
    let scene = Scene::new();
    let [auth, sign] = ["auth.csr", "sign.csr"].map(|name| scene.card(name));
    let example = akashi(&["desk", "request", "--example"], "").ends_with(0).out;
    let mut body: serde_json::Value = serde_json::from_str(&example).expect("JSON");
    // A card's last day within the next three months, by the server's own clock.
    let tried = scene.issue("auth");
    let first = scene.run(&["desk", "certificate", "auth", &tried, "--json"]).ends_with(0).json();
    let today: pki::time::UnixTime = first["not_before"].as_str().expect("a time").parse().expect("a time");
    let last_day = today.plus_seconds(40 * 86_400).jst_date().to_string();
    body["card_expires_on"] = json!(last_day);
    let request = scene.file("both.json", &body.to_string());
    let pems = scene.path("both.pem");
    let both = ["desk", "request", "--request", &request, "--csr-auth", &auth, "--csr-sign", &sign, "--out", &pems];

    let trial = scene.run(&[&both[..8], &["--dry-run"]].concat()).ends_with(0);
    assert!(trial.out.starts_with("dry run: nothing is recorded\nissued: "), "{}", trial.out);
    assert!(trial.out.contains(&format!("auth\t1\t{tried}\trevoked\tsuperseded\t")), "{}", trial.out);
    assert_eq!(scene.server.ocsp("auth", &tried).status, "good");

    let issued = scene.run(&both).ends_with(0);
    assert!(issued.out.starts_with("certificate issued\nca\tkey\tserial\tstatus\t"), "{}", issued.out);
    assert_eq!(issued.out.matches(&format!("{last_day}T23:59:59+09:00")).count(), 2, "{}", issued.out);
    let written = std::fs::read_to_string(&pems).expect("the certificates are in the file");
    assert_eq!(written.matches("-----BEGIN CERTIFICATE-----").count(), 2);
    let row = |ca: &str| issued.out.lines().find(|row| row.starts_with(&format!("{ca}\t"))).expect("a row").to_owned();
    let serial = row("auth").split('\t').nth(2).expect("its serial").to_owned();

    let code = scene.file("person.txt", "12345678901\n");
    let found = scene.run(&["desk", "search", "--resident-code-file", &code]).ends_with(0);
    assert_eq!(found.out.lines().count(), 4, "{}", found.out);
    let receipt = scene.run(&["desk", "receipt", "auth", &serial]).ends_with(0).out;
    assert!(receipt.contains("氏名 (Name): 黒桐　幹也\n") && receipt.contains("Kiyose city hall"), "{receipt}");
    let data = scene.run(&["desk", "receipt", "auth", &serial, "--json"]).ends_with(0).json();
    assert_eq!(data["serial"], json!(serial));

    let page = scene.run(&["desk", "expiring", "--notified", "false", "--json"]).ends_with(0);
    assert_eq!(page.json()["certificates"].as_array().map(Vec::len), Some(2), "{}", page.out);
    let page = scene.file("page.json", &page.out);
    let marked = scene.run(&["desk", "mark-notified", "--page", &page]).ends_with(0);
    assert!(marked.out.starts_with("notices recorded\nnotified: 2\n"), "{}", marked.out);
    let left = scene.run(&["desk", "expiring", "--notified", "false"]).ends_with(0).out;
    assert_eq!(left.lines().count(), 2, "{left}");
    assert_eq!(scene.server.metric("akashi_issues{state=\"waiting\"}"), 0);
}

#[test]
fn an_idempotency_key_of_odd_characters_is_found_again() {
    let scene = Scene::new();
    let (card, key) = (scene.card("card.csr"), "counter/3?no=%31#..;");
    let example = akashi(&["desk", "request", "--example"], "").ends_with(0).out;
    let request = scene.file("request.json", &example);
    let issued = scene.run(&["desk", "request", "--request", &request, "--csr", &card, "--idempotency-key", key]);
    issued.ends_with(0);
    scene.run(&["desk", "lookup-request", key]).ends_with(0);
}

#[test]
fn the_loss_line_holds_one_certificate_and_then_the_persons_and_the_register_ends_them() {
    let scene = Scene::new();
    let sign = scene.issue("sign");
    let auth = scene.issue("auth");
    let one = scene.run(&["hotline", "hold", "--certificate", "sign", &sign, "--json"]).ends_with(0).json();
    assert_eq!(
        one["certificates"],
        json!([{ "ca": "sign", "key": 1, "serial": sign, "status": "held",
        "reason": "certificateHold", "since": one["certificates"][0]["since"] }])
    );
    assert_eq!(scene.server.ocsp("auth", &auth).status, "good");

    let code = scene.file("caller.txt", "12345678901\n");
    let all = scene.run(&["hotline", "hold", "--resident-code-file", &code]).ends_with(0);
    assert!(
        all.out.starts_with("hold recorded\nvisible: true\nca\tkey\tserial\tstatus\treason\tsince\n"),
        "{}",
        all.out
    );
    assert_eq!(all.out.matches("\theld\tcertificateHold\t").count(), 2, "{}", all.out);
    assert_eq!(scene.server.ocsp("auth", &auth).reason.as_deref(), Some("certificateHold"));

    let example = akashi(&["residents", "report", "--example"], "").ends_with(0).out;
    let sandbox = scene.sandbox();
    let report = ["residents", "report", "--report", "-", "--sandbox", &sandbox, "--json"];
    let reported = akashi(&report, &example).ends_with(0).json();
    let states: Vec<_> =
        reported["certificates"].as_array().expect("a list").iter().map(|one| &one["status"]).collect();
    assert_eq!(states, ["revoked", "held"], "a move ends the signature certificate alone");
}

#[test]
fn the_staff_registers_suspends_and_reinstates_parties_and_publishes_a_cut() {
    let scene = Scene::new();
    let listed = scene.run(&["admin", "parties"]).ends_with(0).out;
    assert!(listed.starts_with("party\trole\tstate\tmunicipality\tdesk\tname\n"), "{listed}");
    let row = listed.lines().find(|row| row.contains("Kiyose city hall")).expect("the desk is listed");
    let number = row.split('\t').next().expect("its number");
    assert_eq!(row.split('\t').collect::<Vec<_>>()[1..5], ["desk", "active", "13221", "003A"]);

    let suspended = scene.run(&["admin", "suspend", number, "--because", "a test"]).ends_with(0).out;
    assert!(suspended.starts_with("party suspended\n") && suspended.contains("state: suspended\n"), "{suspended}");
    assert!(!suspended.contains("CERTIFICATE"), "nobody asked for a certificate");
    let refused = scene.run(&["desk", "certificate", "auth", "1"]).ends_with(3);
    assert!(refused.err.contains("403 party-suspended"), "{}", refused.err);
    scene.run(&["admin", "reinstate", number, "--because", "the test goes on"]).ends_with(0);
    scene.issue("auth");

    let cut = scene.run(&["crl", "publish", "--now", "--because", "a test", "--json"]).ends_with(0).json();
    assert!(cut["cut_number"].is_u64() && cut["manifest_url"].is_string(), "{cut}");
    let parties = scene.run(&["admin", "parties", "--json"]).ends_with(0).json();
    assert_eq!(parties["parties"].as_array().map(Vec::len), Some(listed.lines().count() - 1));
}
