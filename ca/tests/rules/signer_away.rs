//! The signer is away, or does not answer: what a desk asked for is kept, told as such, and signed when it is back.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ca::recovery::Recovered;
use hsm_mock::{Fault, Operation};
use pki::certificate::tbs_of;
use pki::identity::{Ca, Serial};
use registry::event::{Cause, Event};
use registry::state::StateReads;
use serde_json::json;

use crate::support::{BOTH, Card, Party, Reply, World, application, application_for_both};

const PERSON: &str = "12345678901";
const DAY_SECONDS: i64 = 86_400;

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

/// Away until it is back.
struct Absence(Arc<AtomicBool>);

impl Absence {
    fn begins(world: &World, of: Operation) -> Self {
        let away = Arc::new(AtomicBool::new(true));
        let is_away = Arc::clone(&away);
        world.token.fail_while(move |operation| operation == of && is_away.load(Ordering::SeqCst));
        Self(away)
    }

    fn ends(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

fn assert_kept(reply: &Reply, places: &[&str]) {
    assert_eq!((reply.status, &reply.body["durable"], &reply.body["signed"]), (202, &json!(true), &json!(false)));
    let statuses = reply.statuses();
    assert!(statuses.keys().map(String::as_str).eq(places.iter().copied()), "{statuses:?}");
    assert!(statuses.values().all(|status| status == "pending"), "{statuses:?}");
}

#[test]
fn while_the_signer_is_away_a_request_is_kept_and_told_as_pending_and_it_is_signed_when_it_is_back() {
    let world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    let body = application(Ca::Auth, PERSON);
    let first = world.issue("key-1", &body);
    assert_kept(&first, &["auth/2"]);
    let intent = world.recorded_intent(Ca::Auth, serial(2));
    assert_eq!(world.0.issues_unsigned(), 1);
    let position = world.position();
    world.0.sign_waiting();
    assert_eq!(world.issue("key-1", &body), first, "the same key, the same answer");
    assert_kept(&world.look_up((Ca::Auth, serial(2))), &["auth/2"]);
    assert_kept(&world.get(Party::Kiyose, "/desk/v1/requests/key-1"), &["auth/2"]);
    assert_eq!((world.position(), world.0.issues_unsigned()), (position, 1), "nothing more is recorded");

    away.ends();
    world.0.sign_waiting();
    assert_eq!((world.good(Ca::Auth), world.0.issues_unsigned()), (vec![serial(2)], 0));
    let reply = world.issue("key-1", &body);
    assert_eq!((reply.status, reply.serial()), (201, serial(2)));
    assert_eq!(tbs_of(&reply.certificate_der()), Some(&intent[..]), "the very octets that were recorded");
    assert_eq!(world.look_up((Ca::Auth, serial(2))).body, reply.body);
    world.verify_log();
}

#[test]
fn the_retry_itself_signs_when_the_signer_is_back() {
    let world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    let body = application(Ca::Sign, PERSON);
    assert_kept(&world.issue("key-1", &body), &["sign/2"]);
    away.ends();
    assert_eq!(world.issue("key-1", &body).status, 201);
    world.0.sign_waiting();
    assert_eq!((world.good(Ca::Sign), world.0.issues_unsigned()), (vec![serial(2)], 0));
}

#[test]
fn what_waits_is_signed_in_the_order_of_its_serials_and_both_of_a_card_together() {
    let world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    let people = ["00000000001", "00000000002", "00000000003"];
    for person in people {
        assert_eq!(world.issue(person, &application(Ca::Sign, person)).status, 202);
    }
    assert_kept(&world.issue("both", &application_for_both("00000000004")), &["auth/2", "sign/5"]);
    let position = world.position();
    away.ends();
    world.0.sign_waiting();
    let issued = |event: Event| match event {
        Event::Issued { ca, serial } => Some((ca, serial.get())),
        _ => None,
    };
    let order: Vec<_> = world.recorded_since(position).into_iter().filter_map(|open| issued(open.event)).collect();
    assert_eq!(order, [(Ca::Sign, 2), (Ca::Sign, 3), (Ca::Sign, 4), (Ca::Auth, 2), (Ca::Sign, 5)]);
    world.verify_log();
}

#[test]
fn at_whichever_call_the_token_goes_away_the_request_is_kept_or_refused_as_temporary_and_never_lost_or_doubled() {
    let calls = |world: &World| {
        [Operation::Mac, Operation::Wrap, Operation::Unwrap, Operation::Sign].map(|of| (of, world.token.calls(of)))
    };
    let count = {
        let world = World::new();
        world.issued("before", &application(Ca::Auth, PERSON));
        let before = calls(&world);
        assert_eq!(world.issue("key-1", &application_for_both(PERSON)).status, 201);
        let after = calls(&world);
        std::array::from_fn::<_, 4, _>(|at| (after[at].0, after[at].1 - before[at].1))
    };
    assert!(count.iter().all(|(_, calls)| *calls > 0), "an issue for somebody with a certificate uses all: {count:?}");
    for (operation, calls) in count {
        for call in 1..=calls {
            let world = World::new();
            world.issued("before", &application(Ca::Auth, PERSON));
            let body = application_for_both(PERSON);
            world.token.fail(operation, world.token.calls(operation) + call, Fault::NotDone);
            let first = world.issue("key-1", &body);
            let place = format!("{operation:?} {call}: {:?}", first.body);
            match first.status {
                202 => assert_kept(&first, &["auth/3", "sign/2"]),
                _ => assert_eq!(first.problem(), (503, "token-unavailable"), "{place}"),
            }
            assert_eq!(first.status == 202, world.0.issues_unsigned() == 1, "{place}");
            world.0.sign_waiting();
            assert_eq!(world.issue("key-1", &body).status, 201, "{place}");
            assert_eq!((world.good(Ca::Auth), world.good(Ca::Sign)), (vec![serial(3)], vec![serial(2)]), "{place}");
            world.verify_log();
        }
    }
}

#[test]
fn what_waits_at_a_stop_is_signed_after_the_start_when_the_signer_is_back() {
    let mut world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    let body = application(Ca::Auth, PERSON);
    assert_eq!(world.issue("key-1", &body).status, 202);
    world.restart();
    assert_eq!(world.0.recover(), Ok(Recovered { left: 1, ..Recovered::default() }));
    assert_eq!(world.0.issues_unsigned(), 1);
    assert_kept(&world.look_up((Ca::Auth, serial(2))), &["auth/2"]);
    away.ends();
    world.0.sign_waiting();
    assert_eq!((world.good(Ca::Auth), world.0.issues_unsigned()), (vec![serial(2)], 0));
}

#[test]
fn what_waited_longer_than_24_hours_is_destroyed_though_the_signer_is_still_away() {
    let world = World::new();
    let _away = Absence::begins(&world, Operation::Sign);
    let body = application(Ca::Auth, PERSON);
    assert_eq!(world.issue("key-1", &body).status, 202);
    world.clock.advance(DAY_SECONDS);
    world.0.sign_waiting();
    assert_eq!(world.0.issues_unsigned(), 1, "at exactly 24 hours it waits");
    world.clock.advance(1);
    world.0.sign_waiting();
    assert_eq!(world.0.issues_unsigned(), 0);
    assert_eq!(world.record(Ca::Auth, serial(2)).cause, Some(Cause::DestroyedBeforeHandOver));
    assert_eq!(world.issue("key-1", &body).problem(), (409, "destroyed-before-hand-over"));
}

#[test]
fn what_the_register_reports_meanwhile_ends_what_waits() {
    let world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    assert_eq!(world.issue("key-1", &application(Ca::Sign, PERSON)).status, 202);
    assert_eq!(world.report("a move", PERSON, "moved").status, 200);
    away.ends();
    world.0.sign_waiting();
    assert_eq!((world.good(Ca::Sign), world.0.issues_unsigned()), (vec![], 0));
    assert_eq!(world.store().pending_issues(), Ok(vec![]));
}

#[test]
fn a_request_that_somebody_works_on_is_left_to_them() {
    let world = World::new();
    let away = Absence::begins(&world, Operation::Sign);
    let body = application(Ca::Auth, PERSON);
    assert_eq!(world.issue("key-1", &body).status, 202);
    away.ends();
    let (authority, position) = (world.0.clone(), world.position());
    world.steps.at("issue.3-signed", move || {
        authority.sign_waiting();
        assert_eq!(authority.registry().store().tree_edge().unwrap().size(), position, "the retry has its turn");
    });
    assert_eq!(world.issue("key-1", &body).status, 201);
    assert_eq!(world.good(Ca::Auth), [serial(2)]);
    world.verify_log();
}

#[test]
fn a_signature_that_never_comes_holds_neither_the_desk_nor_its_retry() {
    let world = World::new();
    let doors = world.with_signatures_within(Duration::ZERO);
    let (hangs, hanging) = channel::<()>();
    let hanging = Mutex::new(hanging);
    // It neither signs nor fails for as long as the other end is there.
    world.token.fail_while(move |operation| {
        if operation == Operation::Sign {
            hanging.lock().unwrap().recv().unwrap_err();
        }
        false
    });
    let body = application(Ca::Auth, PERSON);
    assert_kept(&doors.issue("key-1", &body), &["auth/2"]);
    assert_kept(&doors.issue("key-1", &body), &["auth/2"]);
    assert_kept(&doors.look_up((Ca::Auth, serial(2))), &["auth/2"]);
    assert_eq!(doors.hold("a loss", "00000000009").problem(), (404, "unknown-certificate"), "others are answered");
    drop(hangs);
    let reply = world.issue("key-1", &body);
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    assert_eq!(reply.serial(), serial(2), "after its first attempt came to its end");
    assert_eq!(world.good(Ca::Auth), [serial(2)]);
    world.verify_log();
}

#[test]
fn an_application_of_a_phone_waits_in_its_queue_and_is_no_desks_request() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    let away = Absence::begins(&world, Operation::Sign);
    let reply = world.apply(&card, "one", &BOTH, "key");
    assert_eq!((reply.status, &reply.body["state"]), (202, &json!("queued")));
    assert_eq!(world.0.issues_unsigned(), 0);
    away.ends();
    world.0.work_queue().unwrap();
    assert_eq!(world.application(1).body["state"], "issued");
}
