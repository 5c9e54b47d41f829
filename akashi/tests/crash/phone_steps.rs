//! Certificates in phones: a death right after each numbered step. What was taken is done once, both certificates or none.
use std::os::unix::process::ExitStatusExt;

use registry::event::Event;

use super::events::events;
use super::support::{Akashi, BOTH, SigningCard, always_open, eventually};

const STEPS: [&str; 7] = [
    "phone.1-judged",
    "phone.2-queued",
    "issue.1-judged",
    "issue.2-intended",
    "issue.3-signed",
    "issue.4-issued",
    "phone.3-dequeued",
];

fn issued_in_phones(akashi: &Akashi) -> usize {
    let in_phones = |event: &Event| matches!(event, Event::Issued { ca, .. } if ca.word().starts_with("phone"));
    events(akashi).iter().filter(|event| in_phones(event)).count()
}

#[test]
fn a_death_after_each_step_of_a_phones_application_leaves_it_untaken_or_done_once() {
    let mut akashi = always_open();
    let (desk, portal) = (akashi.desk("13221", "003A"), akashi.register("portal"));
    let card = SigningCard::issued(&akashi, &desk);
    for (at, step) in STEPS.into_iter().enumerate() {
        let body = card.applies(&akashi, &format!("phone-{at}"), &BOTH);
        akashi.stop();
        akashi.start_with(&[("AKASHI_KILL_AFTER", step)]);
        let answer = portal.try_post("/phone/v1/applications", step, &body);
        assert!(answer.is_err(), "{step}: answered before the death: {answer:?}");
        assert_eq!(akashi.wait_until_dead().signal(), Some(9), "{step}");
        akashi.start();
        let answer = portal.post("/phone/v1/applications", step, &body).expect(201);
        assert_eq!(answer["application"].as_u64(), u64::try_from(at + 1).ok(), "{step}: taken once");
        let certificates = answer["certificates"].as_array().expect("a list");
        assert_eq!(certificates.len(), 2, "{step}");
        for certificate in certificates {
            let [ca, serial] = ["ca", "serial"].map(|field| certificate[field].as_str().expect("text"));
            assert_eq!(akashi.ocsp(ca, serial).status, "good", "{step}: {ca}");
        }
        assert_eq!(issued_in_phones(&akashi), 2 * (at + 1), "{step}: issued once");
        akashi.audit();
    }
}

#[test]
fn what_a_death_left_in_the_queue_is_done_after_the_start_without_anybody_asking() {
    let mut akashi = always_open();
    let (desk, portal) = (akashi.desk("13221", "003A"), akashi.register("portal"));
    let card = SigningCard::issued(&akashi, &desk);
    let body = card.applies(&akashi, "one", &BOTH);
    akashi.stop();
    akashi.start_with(&[("AKASHI_KILL_AFTER", "phone.2-queued")]);
    portal.try_post("/phone/v1/applications", "apply", &body).expect_err("it dies");
    akashi.wait_until_dead();
    akashi.start();
    let told = || portal.get("/phone/v1/applications/1").expect(200);
    eventually("the application is done", || told()["state"] == "issued");
    assert_eq!(
        akashi.ocsp("phone-sign", told()["certificates"][1]["serial"].as_str().expect("a serial")).status,
        "good"
    );
    akashi.audit();
}
