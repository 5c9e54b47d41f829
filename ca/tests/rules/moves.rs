//! What happens to a person while an issue for that person is under way.
use ca::recovery::Recovered;
use pki::identity::{Ca, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use registry::state::StateReads;
use serde_json::json;

use crate::support::{Doors, Party, World, application, certification_request};

const PERSON: &str = "12345678901";

fn second() -> Serial {
    Serial::new(2).unwrap()
}

/// Lets another thread make a call while the issue stands at that step.
fn meanwhile(world: &World, step: &'static str, call: impl FnOnce(&Doors) + Send + 'static) {
    let doors = Doors::clone(world);
    world.steps.at(step, move || std::thread::spawn(move || call(&doors)).join().unwrap());
}

fn a_move_at(world: &World, step: &'static str) {
    meanwhile(world, step, |doors| assert_eq!(doors.report("a move", PERSON, "moved").status, 200));
}

#[test]
fn what_the_register_reports_before_the_intent_is_told_and_nothing_of_the_issue_is_recorded() {
    for what in ["moved", "died"] {
        for ca in Ca::CARD {
            let world = World::new();
            meanwhile(&world, "issue.1-judged", move |doors| assert_eq!(doors.report(what, PERSON, what).status, 200));
            assert_eq!(world.issue("key-1", &application(ca, PERSON)).problem(), (409, "resident-changed"), "{what}");
            assert_eq!(world.store().certificate(ca, second()), Ok(None), "no serial was taken");
            let reply = world.get(Party::Kiyose, "/desk/v1/requests/key-1");
            assert_eq!(reply.problem(), (404, "unknown-request"));
            world.verify_log();
        }
    }
}

#[test]
fn a_move_reported_after_the_intent_revokes_what_may_have_been_signed() {
    for step in ["issue.2-intended", "issue.3-signed"] {
        let mut world = World::new();
        let body = application(Ca::Sign, PERSON);
        a_move_at(&world, step);
        assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{step}");
        let revoked = Withdrawal::Revoked { since: world.now(), reason: RevocationReason::Unspecified };
        let record = world.record(Ca::Sign, second());
        assert_eq!((record.withdrawal(), record.issued_row), (Some(revoked), None));
        world.restart();
        assert_eq!(world.0.recover(), Ok(Recovered::default()), "recovery does not take it up again");
        assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"));
        assert_eq!(world.good(Ca::Sign), []);
        world.verify_log();
    }
}

#[test]
fn a_move_that_a_stop_follows_is_not_forgotten_by_recovery() {
    for step in ["issue.2-intended", "issue.3-signed"] {
        let mut world = World::new();
        let body = application(Ca::Sign, PERSON);
        world.issue_stopped_at(step, "key-1", &body);
        assert_eq!(world.report("a move", PERSON, "moved").status, 200);
        world.restart();
        assert_eq!(world.0.recover(), Ok(Recovered::default()), "{step}");
        assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{step}");
        assert_eq!(world.good(Ca::Sign), []);
    }
}

#[test]
fn the_new_address_is_issued_with_a_new_request() {
    let world = World::new();
    let mut body = application(Ca::Sign, PERSON);
    a_move_at(&world, "issue.1-judged");
    world.issue("key-1", &body);
    body["person"]["address"] = json!("東京都清瀬市上清戸二丁目１番地");
    body["csr"] = json!(certification_request());
    let serial = world.issued("key-2", &body);
    assert_eq!(world.good(Ca::Sign), [serial]);
}

#[test]
fn a_move_does_not_hinder_a_user_certificate() {
    for step in ["issue.2-intended", "issue.3-signed", "issue.4-issued"] {
        let world = World::new();
        a_move_at(&world, step);
        let serial = world.issued("key-1", &application(Ca::Auth, PERSON));
        assert_eq!(world.good(Ca::Auth), [serial], "{step}");
    }
}

#[test]
fn a_death_ends_either_issue_at_every_step() {
    for ca in Ca::CARD {
        for step in ["issue.2-intended", "issue.3-signed"] {
            let world = World::new();
            let body = application(ca, PERSON);
            meanwhile(&world, step, |doors| assert_eq!(doors.report("death", PERSON, "died").status, 200));
            assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{ca} {step}");
            assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{ca} {step}");
            assert_eq!(world.good(ca), []);
        }
    }
}

#[test]
fn a_loss_reported_while_an_issue_runs_lets_nothing_good_out() {
    for step in ["issue.2-intended", "issue.3-signed"] {
        let world = World::new();
        let body = application(Ca::Auth, PERSON);
        meanwhile(&world, step, |doors| assert_eq!(doors.hold("a loss", PERSON).status, 200));
        assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{step}");
        assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"), "{step}");
        assert_eq!(world.good(Ca::Auth), []);
    }
}
