//! Holds and revocations: which cause does what, what stays, and who may.
use pki::identity::{Ca, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use registry::event::{Cause, Event, StoredWithdrawal};
use serde_json::json;

use crate::support::{Party, World, application};

const PERSON: &str = "12345678901";

#[test]
fn a_new_certificate_of_the_same_kind_supersedes_the_one_before_in_the_same_transaction() {
    for ca in Ca::CARD {
        let world = World::new();
        let other_ca = Ca::CARD[1 - ca.index()];
        let other = world.issued("other kind", &application(other_ca, PERSON));
        let first = world.issued("first", &application(ca, PERSON));
        let position = world.position();
        let clock = world.clock.clone();
        world.steps.at("issue.3-signed", move || clock.advance(7));
        let second = world.issued("second", &application(ca, PERSON));

        let recorded = world.recorded_since(position);
        let [_, _, issued, withdrawn] = &recorded[..] else { panic!("four events: {recorded:?}") };
        assert_eq!(issued.event, Event::Issued { ca, serial: second });
        let since = world.now();
        let withdrawal = StoredWithdrawal::Revoked { since, reason: RevocationReason::Superseded };
        let expected =
            Event::Withdrawn { ca, serial: first, cause: Cause::Superseded, withdrawal, through: None, request: None };
        assert_eq!((&withdrawn.event, withdrawn.time, issued.time), (&expected, since, since));
        assert_eq!((world.good(ca), world.good(other_ca)), (vec![second], vec![other]));
    }
}

#[test]
fn a_held_certificate_is_superseded_too_and_keeps_the_date_of_its_hold() {
    let world = World::new();
    let first = world.issued("first", &application(Ca::Auth, PERSON));
    let since = world.now();
    world.hold("hold", PERSON);
    world.clock.advance(3_600);
    world.issued("second", &application(Ca::Auth, PERSON));
    let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::Superseded };
    assert_eq!(world.record(Ca::Auth, first).withdrawal(), Some(withdrawal));
}

#[test]
fn a_hold_that_becomes_a_revocation_keeps_its_date() {
    let world = World::new();
    let place = (Ca::Sign, world.issued("issue", &application(Ca::Sign, PERSON)));
    world.clock.advance(60);
    let since = world.now();
    let held = world.hold("hold", PERSON);
    assert_eq!(held.body["certificates"][0]["reason"], json!("certificateHold"));
    assert_eq!(world.record(Ca::Sign, place.1).withdrawal(), Some(Withdrawal::Held { since }));
    world.clock.advance(3_600);
    let again = world.hold("another hold", PERSON);
    assert_eq!(again.body["certificates"], held.body["certificates"], "a second hold does not move the date");
    let revoked = world.revoke("revoke", place, "card_lost");
    assert_eq!(revoked.body["certificates"][0]["since"], json!(since.to_string()));
    let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::KeyCompromise };
    assert_eq!(world.record(Ca::Sign, place.1).withdrawal(), Some(withdrawal));
}

#[test]
fn the_reason_follows_from_the_cause_that_the_desk_tells() {
    let world = World::new();
    let table = [
        ("person_request", "revoked cessationOfOperation"),
        ("no_longer_needed", "revoked cessationOfOperation"),
        ("key_compromise", "revoked keyCompromise"),
        ("card_lost", "revoked keyCompromise"),
        ("record_error", "revoked affiliationChanged"),
    ];
    for ca in Ca::CARD {
        for (number, (cause, status)) in table.into_iter().enumerate() {
            let key = format!("{ca} {cause}");
            let serial = world.issued(&key, &application(ca, &format!("{number:011}")));
            let reply = world.revoke(&format!("revoke {key}"), (ca, serial), cause);
            let expected = [(format!("{ca}/{serial}"), status.to_owned())].into();
            assert_eq!((reply.status, reply.statuses()), (200, expected), "{key}");
        }
    }
    let (place, position) = ((Ca::Sign, Serial::new(2).unwrap()), world.position());
    for cause in ["superseded", "loss_reported", "destroyed_before_hand_over", ""] {
        assert_eq!(world.revoke("no such cause", place, cause).problem(), (400, "malformed-body"), "{cause}");
    }
    let refusals = world.recorded_since(position);
    assert!(refusals.iter().all(|open| matches!(open.event, Event::Refused { .. })), "{refusals:?}");
}

#[test]
fn what_is_revoked_stays_as_it_is_whatever_else_is_reported() {
    let world = World::new();
    let place = (Ca::Sign, world.issued("issue", &application(Ca::Sign, PERSON)));
    let since = world.now();
    let revoked = world.revoke("revoke", place, "person_request").body["certificates"].clone();
    world.clock.advance(60);
    let position = world.position();
    for cause in ["key_compromise", "card_lost", "record_error", "no_longer_needed", "person_request"] {
        let reply = world.revoke(&format!("again-{cause}"), place, cause);
        assert_eq!((reply.status, &reply.body["certificates"]), (200, &revoked), "{cause}");
    }
    assert_eq!(world.hold("hold", PERSON).body["certificates"], revoked);
    for change in ["moved", "name_changed", "sex_corrected", "birth_date_corrected", "left_japan", "died"] {
        assert_eq!(world.report(change, PERSON, change).body["certificates"], revoked, "{change}");
    }
    let withdrawn = |event: &Event| matches!(event, Event::Withdrawn { .. });
    assert!(!world.recorded_since(position).iter().any(|open| withdrawn(&open.event)));
    let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::CessationOfOperation };
    assert_eq!(world.record(place.0, place.1).withdrawal(), Some(withdrawal));
}

#[test]
fn a_withdrawal_asked_again_with_the_same_key_is_done_once_and_answered_the_same() {
    let world = World::new();
    let place = (Ca::Auth, world.issued("issue", &application(Ca::Auth, PERSON)));
    let first = world.revoke("key-1", place, "card_lost");
    let position = world.position();
    world.clock.advance(60);
    assert_eq!(world.revoke("key-1", place, "card_lost"), first);
    assert_eq!(world.get(Party::Kiyose, "/desk/v1/requests/key-1"), first);
    assert_eq!(world.position(), position);
    assert_eq!(world.revoke("key-1", place, "record_error").problem(), (422, "idempotency-key-reused"));
    let as_issue = world.issue("key-1", &application(Ca::Auth, PERSON));
    assert_eq!(as_issue.problem(), (422, "idempotency-key-reused"));
}

#[test]
fn what_happens_to_one_certificate_alone_is_one_event_and_the_answer_of_its_request_whatever_comes_later() {
    let mut world = World::new();
    let place = (Ca::Auth, world.issued("issue", &application(Ca::Auth, PERSON)));
    let position = world.position();
    let held = world.hold("hold", PERSON);
    world.clock.advance(60);
    let revoked = world.revoke("revoke", place, "card_lost");
    assert_ne!(held.body, revoked.body);
    let recorded = world.recorded_since(position);
    let is_answer = |event: &Event| matches!(event, Event::Withdrawn { request: Some(_), .. });
    assert!(recorded.len() == 2 && recorded.iter().all(|open| is_answer(&open.event)), "{recorded:?}");

    let again = world.revoke("revoke again", place, "card_lost");
    let [open] = &world.recorded_since(position + 2)[..] else { panic!("one event") };
    assert!(matches!(open.event, Event::Answered { .. }), "nothing happened that could answer");
    world.clock.advance(60);
    world.restart();
    let position = world.position();
    assert_eq!(world.hold("hold", PERSON), held);
    assert_eq!(world.revoke("revoke", place, "card_lost"), revoked);
    assert_eq!(world.revoke("revoke again", place, "card_lost"), again);
    assert_eq!(world.position(), position);
    world.verify_log();
}

#[test]
fn the_loss_line_holds_by_person_or_by_serial() {
    let world = World::new();
    let sign = world.issued("sign", &application(Ca::Sign, PERSON));
    let auth = world.issued("auth", &application(Ca::Auth, PERSON));
    let one = json!({ "ca": "auth", "serial": auth.to_string() });
    let reply = world.post(Party::Hotline, "/hotline/v1/holds", "one", &one);
    assert_eq!(reply.statuses(), [(format!("auth/{auth}"), "held certificateHold".to_owned())].into());
    assert_eq!(world.good(Ca::Sign), [sign]);
    assert_eq!(world.hold("all", PERSON).statuses().len(), 2);
    assert_eq!(world.good(Ca::Sign), []);
    let unknown = json!({ "ca": "auth", "serial": "99" });
    let reply = world.post(Party::Hotline, "/hotline/v1/holds", "unknown", &unknown);
    assert_eq!(reply.problem(), (404, "unknown-certificate"));
}

#[test]
fn a_desk_acts_on_its_own_municipalitys_certificates_and_on_those_of_who_lives_there_now() {
    let world = World::new();
    let auth = world.issued("auth", &application(Ca::Auth, PERSON));
    let path = format!("/desk/v1/certificates/auth/{auth}");
    let revocation = format!("{path}/revocation");
    let cause = json!({ "cause": "card_lost" });
    assert_eq!(world.get(Party::Yokohama, &path).problem(), (403, "not-your-municipality"));
    assert_eq!(world.post(Party::Yokohama, &revocation, "k", &cause).problem(), (403, "not-your-municipality"));
    assert_eq!(world.good(Ca::Auth), [auth]);

    world.report("a move", PERSON, "moved");
    world.clock.advance(60);
    let mut body = application(Ca::Sign, PERSON);
    body["municipality"] = json!("14100");
    assert_eq!(world.post(Party::Yokohama, "/desk/v1/certificates", "sign", &body).status, 201);
    assert_eq!(world.get(Party::Yokohama, &path).status, 200);
    assert_eq!(world.post(Party::Yokohama, &revocation, "k", &cause).status, 200);
}
