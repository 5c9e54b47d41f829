//! The token or the clock fails: the caller is told to come again, and coming again helps.
use hsm_mock::{Fault, Operation};
use pki::certificate::tbs_of;
use pki::identity::{Ca, Serial};
use serde_json::json;

use crate::support::{World, application};

fn second() -> Serial {
    Serial::new(2).unwrap()
}

#[test]
fn when_the_token_does_not_sign_the_retry_finishes_the_same_serial_with_the_same_octets() {
    for fault in [Fault::NotDone, Fault::DoneButReportedFailed] {
        let world = World::new();
        let body = application(Ca::Sign, "12345678901");
        world.token.fail_next(Operation::Sign, fault);
        let kept = world.issue("key-1", &body);
        assert_eq!((kept.status, &kept.body["signed"]), (202, &json!(false)));
        assert_eq!(world.good(Ca::Sign), []);
        let intent = world.recorded_intent(Ca::Sign, second());
        world.clock.advance(30);
        let reply = world.issue("key-1", &body);
        assert_eq!((reply.status, reply.serial()), (201, second()));
        assert_eq!(tbs_of(&reply.certificate_der()), Some(&intent[..]));
        world.verify_log();
    }
}

#[test]
fn when_the_token_does_not_wrap_the_intents_key_nothing_is_recorded_and_the_retry_goes_through() {
    let world = World::new();
    let body = application(Ca::Sign, "12345678901");
    let position = world.position();
    world.token.fail_next(Operation::Wrap, Fault::NotDone);
    assert_eq!(world.issue("key-1", &body).problem(), (503, "token-unavailable"));
    assert_eq!(world.position(), position, "no serial was taken");
    assert_eq!(world.issued("key-1", &body), second());
    assert_eq!(world.good(Ca::Sign), [second()]);
}

#[test]
fn when_the_token_does_not_wrap_the_certificate_the_retry_finishes_the_same_serial() {
    let world = World::new();
    let body = application(Ca::Sign, "12345678901");
    // The year's key exists after this one, so that each seal is one call.
    world.issued("before", &application(Ca::Sign, "12345678902"));
    let serial = second().next().unwrap();
    world.token.fail(Operation::Wrap, world.token.calls(Operation::Wrap) + 2, Fault::NotDone);
    assert_eq!(world.issue("key-1", &body).status, 202);
    let intent = world.recorded_intent(Ca::Sign, serial);
    let reply = world.issue("key-1", &body);
    assert_eq!((reply.status, reply.serial()), (201, serial));
    assert_eq!(tbs_of(&reply.certificate_der()), Some(&intent[..]));
}

#[test]
fn when_the_token_does_not_hash_nothing_is_recorded() {
    let world = World::new();
    let serial = world.issued("before", &application(Ca::Auth, "12345678901"));
    let position = world.position();
    let body = application(Ca::Sign, "12345678901");
    // The request's hash, then the resident's.
    for call in 1..=2 {
        world.token.fail(Operation::Mac, world.token.calls(Operation::Mac) + call, Fault::NotDone);
        assert_eq!(world.issue("key-1", &body).problem(), (503, "token-unavailable"), "call {call}");
    }
    world.token.fail_next(Operation::Mac, Fault::NotDone);
    assert_eq!(world.report("a move", "12345678901", "moved").problem(), (503, "token-unavailable"));
    world.token.fail_next(Operation::Mac, Fault::NotDone);
    assert_eq!(world.hold("a loss", "12345678901").problem(), (503, "token-unavailable"));
    world.token.fail_next(Operation::Mac, Fault::NotDone);
    let revoked = world.revoke("a revocation", (Ca::Auth, serial), "card_lost");
    assert_eq!(revoked.problem(), (503, "token-unavailable"));
    assert_eq!(world.position(), position, "not even a refusal: the caller will come again");
    assert_eq!(world.issue("key-1", &body).status, 201);
}

#[test]
fn when_the_token_does_not_unwrap_the_answer_is_late_and_not_wrong() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901");
    let first = world.issue("key-1", &body);
    world.token.fail_next(Operation::Unwrap, Fault::NotDone);
    assert_eq!(world.look_up((Ca::Auth, first.serial())).problem(), (503, "token-unavailable"));
    assert_eq!(world.issue("key-1", &body), first);
}

#[test]
fn while_the_clock_is_behind_the_log_nothing_is_recorded() {
    let world = World::new();
    let serial = world.issued("before", &application(Ca::Auth, "12345678901"));
    let position = world.position();
    let body = application(Ca::Sign, "12345678901");
    world.clock.advance(-1);
    assert_eq!(world.issue("key-1", &body).problem(), (503, "registry-unavailable"));
    assert_eq!(world.report("a move", "12345678901", "moved").problem(), (503, "registry-unavailable"));
    assert_eq!(world.hold("a loss", "12345678901").problem(), (503, "registry-unavailable"));
    let revoked = world.revoke("a revocation", (Ca::Auth, serial), "card_lost");
    assert_eq!(revoked.problem(), (503, "registry-unavailable"));
    assert_eq!(world.position(), position);
    assert_eq!(world.look_up((Ca::Auth, serial)).status, 200, "reading goes on");
    world.clock.advance(1);
    assert_eq!(world.issue("key-1", &body).status, 201, "the very second of the last event is right again");
}

#[test]
fn a_clock_that_falls_behind_during_an_issue_lets_the_retry_finish_it() {
    let world = World::new();
    let body = application(Ca::Sign, "12345678901");
    let clock = world.clock.clone();
    world.steps.at("issue.3-signed", move || clock.advance(-10));
    assert_eq!(world.issue("key-1", &body).problem(), (503, "registry-unavailable"));
    world.clock.advance(10);
    assert_eq!(world.issued("key-1", &body), second());
}
