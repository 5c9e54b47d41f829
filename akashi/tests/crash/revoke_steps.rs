//! Revoke: a death after the event is durable and before anyone was answered, at each door that withdraws.
use std::os::unix::process::ExitStatusExt;

use pki::identity::Ca;
use serde_json::{Value, json};

use super::client::serial_of;
use super::events::events_of;
use super::support::{Akashi, CardKey, Party, Resident};

const STEP: &str = "revoke.2-recorded";

/// A withdrawal, and what relying parties are told of the certificate afterwards.
struct Withdrawal<'a> {
    party: &'a Party,
    path: String,
    body: Value,
    status: &'static str,
    reason: &'static str,
}

#[test]
fn a_withdrawal_that_was_recorded_is_there_after_a_death_although_nobody_was_answered() {
    let mut akashi = Akashi::started();
    let (desk, hotline, residents) =
        (akashi.desk("13221", "003A"), akashi.register("hotline"), akashi.register("residents"));
    let people = [Resident::MIKIYA, Resident::HANAKO, Resident::MIKIYA.with_code("45678901234")];
    let serials = people.map(|person| {
        let key = format!("request-{}", person.resident_code);
        serial_of(&desk.request_certificate(&key, &person.application("sign", &CardKey::generate())).expect(201))
    });
    let change = json!({ "resident_code": people[2].resident_code, "change": "moved", "effective_on": "2026-04-01" });
    let withdrawals = [
        Withdrawal {
            party: &desk,
            path: format!("/desk/v1/certificates/sign/{}/revocation", serials[0]),
            body: json!({ "cause": "key_compromise" }),
            status: "revoked",
            reason: "keyCompromise",
        },
        Withdrawal {
            party: &hotline,
            path: "/hotline/v1/holds".to_owned(),
            body: json!({ "resident_code": people[1].resident_code }),
            status: "held",
            reason: "certificateHold",
        },
        Withdrawal {
            party: &residents,
            path: "/residents/v1/changes".to_owned(),
            body: change,
            status: "revoked",
            reason: "affiliationChanged",
        },
    ];
    for (withdrawal, serial) in withdrawals.iter().zip(serials) {
        die_after_recording(&mut akashi, withdrawal, serial);
    }
}

fn die_after_recording(akashi: &mut Akashi, withdrawal: &Withdrawal<'_>, serial: u64) {
    let Withdrawal { party, path, body, status, reason } = withdrawal;
    akashi.stop();
    akashi.start_with(&[("AKASHI_KILL_AFTER", STEP)]);
    assert_eq!(akashi.ocsp("sign", &serial.to_string()).status, "good", "{path}");
    let key = format!("withdraw-{serial}");
    let answer = party.try_post(path, &key, body);
    assert!(answer.is_err(), "{path} was answered before the death: {answer:?}");
    assert_eq!(akashi.wait_until_dead().signal(), Some(9), "{path}");

    akashi.start();
    let told = akashi.ocsp("sign", &serial.to_string());
    assert_eq!((told.status.as_str(), told.reason.as_deref()), ("revoked", Some(*reason)), "{path}");
    let answer = party.post(path, &key, body).expect(200);
    assert_eq!(party.post(path, &key, body).expect(200), answer, "{path}");
    let [certificate] = &answer["certificates"].as_array().expect("certificates")[..] else {
        panic!("{path} is about one certificate: {answer}");
    };
    assert_eq!((serial_of(certificate), &certificate["status"]), (serial, &json!(status)), "{path}");
    assert_eq!(certificate["reason"], *reason, "{path}");
    let events = events_of(akashi, Ca::Sign, serial);
    assert_eq!(events, ["reserved", "intended", "issued", "withdrawn"], "{path}: withdrawn once");
    akashi.audit();
}
