//! What a stop between the durable steps of an issue leaves, and how the next start makes it whole.
use ca::recovery::Recovered;
use hsm_mock::{Fault, Operation};
use pki::certificate::tbs_of;
use pki::identity::{Ca, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use registry::event::{Cause, Event};
use registry::state::StateReads;
use serde_json::json;

use crate::support::{Party, World, application, certification_request};

const DAY_SECONDS: i64 = 86_400;

fn second() -> Serial {
    Serial::new(2).unwrap()
}

#[test]
fn a_stop_before_the_intent_leaves_nothing() {
    let mut world = World::new();
    let body = application(Ca::Sign, "12345678901");
    let position = world.position();
    world.issue_stopped_at("issue.1-judged", "key-1", &body);
    world.restart();
    assert_eq!(world.0.recover(), Ok(Recovered::default()));
    assert_eq!(world.position(), position);
    assert_eq!(world.issued("key-1", &body), second());
}

#[test]
fn a_reservation_that_an_older_akashi_left_without_an_intent_wastes_the_serial_and_frees_request_and_key() {
    for restarts in [true, false] {
        let mut world = World::new();
        let body = application(Ca::Sign, "12345678901");
        let position = world.position();
        world.left_reserved("key-1", &body);
        assert_eq!(world.record(Ca::Sign, second()).intended_row, None);
        if restarts {
            world.restart();
            assert_eq!(world.0.recover(), Ok(Recovered { released: 1, ..Recovered::default() }));
            assert_eq!(world.0.recover(), Ok(Recovered::default()), "nothing is left to recover");
            assert_eq!(world.look_up((Ca::Sign, second())).problem(), (404, "unknown-certificate"));
        }
        assert_eq!(world.issued("key-1", &body), second().next().unwrap(), "same key, same body, next serial");
        let recorded = world.recorded_since(position);
        assert!(
            matches!(&recorded[..2], [reserved, released]
                if matches!(reserved.event, Event::Reserved { serial, .. } if serial == second())
                    && released.event == Event::ReservationReleased { ca: Ca::Sign, serial: second() }),
            "{recorded:?}"
        );
        world.verify_log();
    }
}

#[test]
fn a_certificate_that_an_older_akashi_kept_whole_beside_its_intent_is_given_as_it_was_kept() {
    let mut world = World::new();
    let body = application(Ca::Sign, "12345678901");
    world.issue_stopped_at("issue.2-intended", "key-1", &body);
    let kept = b"the certificate as it was handed over";
    world.left_whole(Ca::Sign, second(), kept);
    world.restart();
    assert_eq!(world.0.recover(), Ok(Recovered::default()));
    for reply in [world.look_up((Ca::Sign, second())), world.issue("key-1", &body)] {
        assert_eq!(reply.certificate_der(), kept);
    }
}

#[test]
fn a_stop_after_the_intent_ends_with_the_very_octets_that_were_recorded() {
    for (step, ca) in [("issue.2-intended", Ca::Sign), ("issue.3-signed", Ca::Auth)] {
        let mut world = World::new();
        let body = application(ca, "12345678901");
        world.issue_stopped_at(step, "key-1", &body);
        let intent = world.recorded_intent(ca, second());

        world.restart();
        world.clock.advance(600);
        assert_eq!(world.0.recover(), Ok(Recovered { finished: 1, ..Recovered::default() }), "{step}");
        let reply = world.get(Party::Kiyose, "/desk/v1/requests/key-1");
        assert_eq!(reply.serial(), second());
        assert_eq!(tbs_of(&reply.certificate_der()), Some(&intent[..]), "{step}");
        assert_eq!(world.issue("key-1", &body).body, reply.body);
        assert_eq!(world.good(ca), [second()]);
        world.verify_log();
    }
}

#[test]
fn a_stop_after_the_issue_loses_nothing_but_the_answer() {
    let mut world = World::new();
    let body = application(Ca::Sign, "12345678901");
    world.issue_stopped_at("issue.4-issued", "key-1", &body);
    world.restart();
    let position = world.position();
    assert_eq!(world.0.recover(), Ok(Recovered::default()));
    let reply = world.issue("key-1", &body);
    assert_eq!((reply.status, reply.serial(), world.position()), (201, second(), position));
}

#[test]
fn an_intent_is_finished_at_exactly_24_hours_and_given_up_a_second_later() {
    for step in ["issue.2-intended", "issue.3-signed"] {
        let mut world = World::new();
        let body = application(Ca::Sign, "12345678901");
        world.issue_stopped_at(step, "key-1", &body);
        world.restart();
        world.clock.advance(DAY_SECONDS);
        assert_eq!(world.0.recover(), Ok(Recovered { finished: 1, ..Recovered::default() }));

        let body = application(Ca::Sign, "12345678902");
        world.issue_stopped_at(step, "key-2", &body);
        let serial = second().next().unwrap();
        world.restart();
        world.clock.advance(DAY_SECONDS + 1);
        assert_eq!(world.0.recover(), Ok(Recovered { destroyed: 1, ..Recovered::default() }));
        let record = world.record(Ca::Sign, serial);
        let withdrawal = Withdrawal::Revoked { since: world.now(), reason: RevocationReason::Unspecified };
        assert_eq!((record.withdrawal(), record.cause), (Some(withdrawal), Some(Cause::DestroyedBeforeHandOver)));
        assert!(world.store().withdrawn(Ca::Sign, serial).unwrap().is_some(), "CRLs list it");

        for reply in [
            world.issue("key-2", &body),
            world.get(Party::Kiyose, "/desk/v1/requests/key-2"),
            world.look_up((Ca::Sign, serial)),
        ] {
            assert_eq!(reply.problem(), (409, "destroyed-before-hand-over"));
            assert!(reply.body["detail"].as_str().unwrap().starts_with("sign/3 "), "{:?}", reply.body);
        }
        world.verify_log();
    }
}

#[test]
fn after_an_issue_was_given_up_a_new_request_with_a_new_key_goes_through() {
    let mut world = World::new();
    let mut body = application(Ca::Sign, "12345678901");
    world.issue_stopped_at("issue.2-intended", "key-1", &body);
    world.restart();
    world.clock.advance(DAY_SECONDS + 1);
    world.0.recover().unwrap();
    assert_eq!(world.issue("key-2", &body).problem(), (409, "key-seen-before"), "the old key may be in a certificate");
    body["csr"] = json!(certification_request());
    assert_eq!(world.issue("key-2", &body).status, 201);
}

#[test]
fn a_retry_settles_what_an_earlier_attempt_left_without_a_restart() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901");
    world.issue_stopped_at("issue.2-intended", "key-1", &body);
    let intent = world.recorded_intent(Ca::Auth, second());
    let reply = world.issue("key-1", &body);
    assert_eq!(tbs_of(&reply.certificate_der()), Some(&intent[..]));
}

#[test]
fn an_intent_that_the_token_does_not_sign_at_the_start_waits_for_the_retry() {
    let mut world = World::new();
    let body = application(Ca::Auth, "12345678901");
    world.issue_stopped_at("issue.2-intended", "key-1", &body);
    world.restart();
    world.token.fail_next(Operation::Sign, Fault::NotDone);
    assert_eq!(world.0.recover(), Ok(Recovered { left: 1, ..Recovered::default() }));
    let reply = world.issue("key-1", &body);
    assert_eq!((reply.status, reply.serial()), (201, second()));
}

#[test]
fn an_abandoned_issue_does_not_take_the_place_of_the_certificate_that_was_handed_over() {
    let mut world = World::new();
    world.issue_stopped_at("issue.2-intended", "abandoned", &application(Ca::Sign, "12345678901"));
    let handed_over = world.issued("handed over", &application(Ca::Sign, "12345678901"));
    let record = world.record(Ca::Sign, second());
    assert_eq!(record.cause, Some(Cause::DestroyedBeforeHandOver));
    world.restart();
    assert_eq!(world.0.recover(), Ok(Recovered::default()));
    assert_eq!(world.good(Ca::Sign), [handed_over]);
}

#[test]
fn an_issue_left_over_while_the_doors_are_open_is_settled_after_more_than_five_minutes() {
    let world = World::new();
    world.issue_stopped_at("issue.2-intended", "intended", &application(Ca::Sign, "12345678901"));
    world.left_reserved("reserved", &application(Ca::Auth, "12345678901"));
    world.clock.advance(300);
    let position = world.position();
    world.0.settle_overdue();
    assert_eq!(world.position(), position, "somebody may still be working on it");
    world.clock.advance(1);
    world.0.settle_overdue();
    assert_eq!(world.good(Ca::Sign), [second()]);
    assert_eq!(world.store().pending_issues(), Ok(vec![]));
}
