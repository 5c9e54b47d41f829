//! Issue: a death right after each of its numbered steps, and what is there when the server runs again.
use std::os::unix::process::ExitStatusExt;

use pki::identity::Ca;
use serde_json::Value;

use super::events::{events_of, last_serial};
use super::support::{Akashi, CardKey, Party, Resident};

/// Nothing was recorded.
const NOTHING: &[&str] = &[];
/// The recorded octets are signed, by recovery if need be.
const FINISHED: &[&str] = &["reserved", "intended", "issued"];

/// Step, the certificate's events when the process died there, and after the next start.
const STEPS: [(&str, &[&str], &[&str]); 4] = [
    ("issue.1-judged", NOTHING, NOTHING),
    ("issue.2-intended", &["reserved", "intended"], FINISHED),
    ("issue.3-signed", &["reserved", "intended"], FINISHED),
    ("issue.4-issued", FINISHED, FINISHED),
];

/// A server of the default profile, and a desk in Kiyose.
struct Counter {
    akashi: Akashi,
    desk: Party,
}

impl Counter {
    fn open() -> Self {
        let akashi = Akashi::started();
        let desk = akashi.desk("13221", "003A");
        Self { akashi, desk }
    }

    /// Starts the server again, to die after that step.
    fn start_doomed(&mut self, step: &str) {
        self.akashi.stop();
        self.akashi.start_with(&[("AKASHI_KILL_AFTER", step)]);
    }

    /// Sends a request that kills the server.
    fn request_fatally(&mut self, key: &str, application: &Value) {
        let answer = self.desk.try_post("/desk/v1/certificates", key, application);
        assert!(answer.is_err(), "{key} was answered before the death: {answer:?}");
        assert_eq!(self.akashi.wait_until_dead().signal(), Some(9), "{key}");
    }

    fn events_of(&self, serial: u64) -> Vec<&'static str> {
        events_of(&self.akashi, Ca::Sign, serial)
    }

    /// After the next start: the retry gets a certificate, again and again the same one. Its serial.
    fn retry(&self, key: &str, application: &Value) -> u64 {
        let answer = self.desk.request_certificate(key, application).expect(201);
        assert_eq!(self.desk.request_certificate(key, application).expect(201), answer, "{key}");
        assert_eq!(self.desk.get(&format!("/desk/v1/requests/{key}")).expect(200), answer, "{key}");
        let serial = answer["serial"].as_str().expect("a serial");
        assert_eq!(self.akashi.ocsp("sign", serial).status, "good", "{key}");
        serial.parse().expect("decimal")
    }

    fn is_answered_as_never_issued(&self, serial: u64) -> bool {
        let told = super::status::ask_ocsp(&self.akashi, Ca::Sign, &[serial]);
        told[&serial].status == super::status::NONE_ISSUED
    }
}

#[test]
fn a_death_after_each_step_of_an_issue_leaves_nothing_or_finishes_the_certificate() {
    let mut counter = Counter::open();
    for (step, at_death, after_start) in STEPS {
        let (key, application) = (format!("issue-{step}"), Resident::MIKIYA.application("sign", &CardKey::generate()));
        counter.start_doomed(step);
        let serial = last_serial(&counter.akashi, Ca::Sign) + 1;
        counter.request_fatally(&key, &application);
        assert_eq!(counter.events_of(serial), at_death, "{step}: at the death");
        counter.akashi.audit();

        counter.akashi.start();
        assert_eq!(counter.events_of(serial), after_start, "{step}: after the start");
        let found = counter.desk.get(&format!("/desk/v1/requests/{key}"));
        if after_start == NOTHING {
            assert_eq!(found.status, 404, "{step}: {}", found.text());
            assert!(counter.is_answered_as_never_issued(serial), "{step}");
        } else {
            assert_eq!(found.expect(200)["serial"], serial.to_string(), "{step}");
        }
        assert_eq!(counter.retry(&key, &application), serial, "{step}: the serial was not used");
        assert_eq!(counter.events_of(serial)[..after_start.len()], *after_start, "{step}: nothing was done twice");
        counter.akashi.audit();
    }
}

#[test]
fn a_death_in_the_recovery_is_recovered_from_as_well() {
    let mut counter = Counter::open();
    let application = Resident::HANAKO.application("sign", &CardKey::generate());
    counter.start_doomed("issue.2-intended");
    let serial = last_serial(&counter.akashi, Ca::Sign) + 1;
    counter.request_fatally("recovery", &application);
    for (step, at_death) in [("issue.3-signed", &FINISHED[..2]), ("issue.4-issued", FINISHED)] {
        let ended = counter.akashi.try_start_with(&[("AKASHI_KILL_AFTER", step)]).expect_err("the doors stay closed");
        assert_eq!(ended.signal(), Some(9), "{step}");
        assert_eq!(counter.events_of(serial), at_death, "{step}");
    }
    counter.akashi.start();
    assert_eq!(counter.retry("recovery", &application), serial);
    assert_eq!(counter.events_of(serial), FINISHED);
    counter.akashi.audit();
}
