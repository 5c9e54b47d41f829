//! The signer is away: what a desk asked for is kept, over a death too, and signed when the signer is back.
use std::fs;
use std::path::Path;

use pki::identity::Ca;
use serde_json::{Value, json};

use super::events::events_of;
use super::support::{Akashi, CardKey, Party, Resident, eventually};

const UNSIGNED: &str = "akashi_issues{state=\"unsigned\"}";

fn start(akashi: &mut Akashi, away: &Path) {
    akashi.start_with(&[("AKASHI_SIGNER_AWAY_WHILE", away.to_str().expect("a path in UTF-8"))]);
}

/// The desk is told that its request is kept, again and again the same. The certificate's serial.
fn is_kept(desk: &Party, key: &str, application: &Value) -> u64 {
    let answer = desk.request_certificate(key, application).expect(202);
    assert_eq!((&answer["durable"], &answer["signed"]), (&json!(true), &json!(false)), "{key}");
    assert_eq!(answer["certificates"][0]["status"], "pending", "{key}");
    assert_eq!(desk.request_certificate(key, application).expect(202), answer, "{key}");
    assert_eq!(desk.get(&format!("/desk/v1/requests/{key}")).expect(202), answer, "{key}");
    let serial = answer["certificates"][0]["serial"].as_str().expect("a serial");
    assert_eq!(desk.get(&format!("/desk/v1/certificates/sign/{serial}")).expect(202), answer, "{key}");
    serial.parse().expect("decimal")
}

/// Without anybody asking for it again.
fn comes(akashi: &Akashi, desk: &Party, key: &str, serial: u64) {
    eventually("the signature", || akashi.metric(UNSIGNED) == 0);
    let answer = desk.get(&format!("/desk/v1/requests/{key}")).expect(200);
    assert_eq!((&answer["serial"], &answer["status"]), (&json!(serial.to_string()), &json!("good")), "{key}");
    assert_eq!(events_of(akashi, Ca::Sign, serial), ["reserved", "intended", "issued"], "{key}");
}

#[test]
fn what_is_asked_for_while_the_signer_is_away_is_signed_when_it_is_back_also_after_a_kill() {
    let mut akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    let folder = tempfile::tempdir().expect("a folder");
    let away = folder.path().join("away");
    akashi.stop();
    start(&mut akashi, &away);

    fs::write(&away, "").expect("a file");
    let of_mikiya = Resident::MIKIYA.application("sign", &CardKey::generate());
    let first = is_kept(&desk, "first", &of_mikiya);
    assert_eq!(akashi.metric(UNSIGNED), 1);
    fs::remove_file(&away).expect("it was there");
    comes(&akashi, &desk, "first", first);

    fs::write(&away, "").expect("a file");
    let of_hanako = Resident::HANAKO.application("sign", &CardKey::generate());
    let second = is_kept(&desk, "second", &of_hanako);
    akashi.kill();
    start(&mut akashi, &away);
    assert_eq!((is_kept(&desk, "second", &of_hanako), akashi.metric(UNSIGNED)), (second, 1), "over the death, too");
    fs::remove_file(&away).expect("it was there");
    comes(&akashi, &desk, "second", second);
    akashi.audit();
}
