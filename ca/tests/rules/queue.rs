//! What is taken is done: after hours, while the token is away, and wherever the process stops.
use ca::authority::Asked;
use ca::problem::ProblemKind;
use ca::recovery::Recovered;
use hsm_mock::{Fault, Operation};
use pki::identity::{Ca, Serial};
use registry::event::{Cause, Door, Event};
use registry::row::Open;
use registry::state::StateReads;
use serde_json::json;

use crate::support::{BOTH, Card, Doors, Party, Reply, World, jst, phone_application, phone_retired};

const PERSON: &str = "12345678901";

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

fn issued(world: &World) -> usize {
    let in_phones = |open: &Open| matches!(open.event, Event::Issued { ca: Ca::PhoneAuth | Ca::PhoneSign, .. });
    world.recorded_since(0).iter().filter(|open| in_phones(open)).count()
}

#[test]
fn an_application_after_half_past_seven_in_the_evening_is_done_at_the_next_opening_and_not_a_second_sooner() {
    let mut world = World::with_portal();
    let cards = ["12345678901", "12345678902", "12345678903"].map(|code| Card::whole(&world, code));
    world.clock.set(jst("2026-11-21", 19, 30, 0));
    assert_eq!(world.apply(&cards[0], "one", &BOTH, "at closing time").status, 201);
    world.clock.advance(1);
    let queued = world.apply(&cards[1], "two", &BOTH, "after it");
    assert_eq!((queued.status, &queued.body["state"]), (202, &json!("queued")), "{:?}", queued.body);
    assert_eq!(queued.body["certificates"], json!([]));
    world.clock.set(jst("2026-11-22", 8, 29, 59));
    let before = world.apply(&cards[2], "three", &BOTH, "before the opening");
    assert_eq!((before.status, &before.body["application"]), (202, &json!(3)));
    world.restart();
    assert_eq!(world.0.recover(), Ok(Recovered::default()));
    assert_eq!((world.0.work_queue(), issued(&world)), (Ok(()), 2), "it is not open yet");
    world.clock.advance(1);
    let position = world.position();
    assert_eq!((world.0.work_queue(), issued(&world)), (Ok(()), 6));
    let done: Vec<_> = world.recorded_since(position);
    let done = done.iter().filter_map(|open| match open.event {
        Event::Dequeued { number, .. } => Some(number.0),
        _ => None,
    });
    assert_eq!(done.collect::<Vec<_>>(), [2, 3], "in order");
    assert_eq!(world.application(2).body["state"], "issued");
    assert_eq!(world.application(2).body["certificates"].as_array().unwrap().len(), 2);
    let position = world.position();
    assert_eq!((world.0.work_queue(), world.position()), (Ok(()), position), "nothing is left");
    world.verify_log();
}

#[test]
fn a_fault_in_one_application_stops_none_of_the_others_and_it_is_done_when_the_fault_is_gone() {
    let world = World::with_portal();
    let cards = ["12345678901", "12345678902"].map(|code| Card::whole(&world, code));
    world.clock.set(jst("2026-11-21", 22, 0, 0));
    for (card, word) in cards.iter().zip(["one", "two"]) {
        assert_eq!(world.apply(card, word, &BOTH, word).status, 202);
    }
    world.clock.set(jst("2026-11-22", 8, 30, 0));
    world.steps.at("issue.2-intended", || std::panic::resume_unwind(Box::new("a fault")));
    assert_eq!(world.0.work_queue().unwrap_err().kind(), ProblemKind::Internal);
    assert_eq!((world.application(1).body["state"].clone(), issued(&world)), (json!("queued"), 2));
    assert_eq!(world.application(2).body["state"], "issued");
    assert_eq!((world.0.work_queue(), issued(&world)), (Ok(()), 4));
    assert_eq!(world.application(1).body["state"], "issued");
    world.verify_log();
}

#[test]
fn what_waited_is_judged_again_and_refused_if_the_card_is_no_longer_good() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.clock.set(jst("2026-11-21", 22, 0, 0));
    let signed = card.signs(&phone_application("one", &BOTH, "one", world.now()));
    assert_eq!(world.send_application("key", &signed).status, 202);
    world.revoke("lost", (Ca::Sign, card.serial), "card_lost");
    world.clock.set(jst("2026-11-22", 8, 30, 0));
    world.0.work_queue().unwrap();
    let told = world.application(1).body;
    assert_eq!(
        (&told["state"], &told["problem"]),
        (&json!("refused"), &json!("urn:akashi:problem:certificate-not-good"))
    );
    assert_eq!(world.send_application("key", &signed).problem(), (409, "certificate-not-good"));
    assert_eq!((issued(&world), world.store().waiting()), (0, Ok(vec![])));
}

#[test]
fn of_two_phones_applied_for_at_night_the_last_one_stays() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.clock.set(jst("2026-11-21", 22, 0, 0));
    for phone in ["one", "two"] {
        assert_eq!(world.apply(&card, phone, &BOTH, phone).status, 202);
    }
    world.clock.set(jst("2026-11-22", 8, 30, 0));
    assert_eq!(world.apply(&card, "three", &BOTH, "three").status, 201, "those of the night come first");
    assert_eq!(world.good(Ca::PhoneAuth), [serial(4)]);
    assert_eq!(world.application(3).body["state"], "issued");
    let record = world.record(Ca::PhoneAuth, serial(3));
    assert_eq!(record.cause, Some(Cause::PhoneReplaced));
}

#[test]
fn a_phone_lost_or_retired_at_night_ends_what_waits_for_it() {
    type Ending = fn(&World, &Card) -> Reply;
    let destroyed = json!("urn:akashi:problem:destroyed-before-hand-over");
    let endings: [Ending; 2] = [
        |world, _| world.hold_phone("lost", PERSON),
        |world, card| world.send_retired("retired", &card.signs(&phone_retired("retired", world.now()))),
    ];
    for end in endings {
        let world = World::with_portal();
        let (card, other) = (Card::whole(&world, PERSON), Card::whole(&world, "12345678902"));
        world.clock.set(jst("2026-11-21", 22, 0, 0));
        let signed = card.signs(&phone_application("one", &BOTH, "one", world.now()));
        assert_eq!(world.send_application("key", &signed).status, 202);
        assert_eq!(world.apply(&other, "two", &BOTH, "other").status, 202);
        let ended = end(&world, &card);
        assert_eq!((ended.status, &ended.body["certificates"]), (200, &json!([])), "{:?}", ended.body);
        assert_eq!(world.application(1).body["problem"], destroyed);
        assert_eq!(world.send_application("key", &signed).problem(), (409, "destroyed-before-hand-over"));
        world.clock.set(jst("2026-11-22", 8, 30, 0));
        world.0.work_queue().unwrap();
        assert_eq!((issued(&world), world.store().waiting()), (2, Ok(vec![])), "the other person's alone");
        world.verify_log();
    }
}

#[test]
fn a_phone_lost_at_the_desk_or_by_its_serial_ends_what_waits_for_it() {
    type Ending = fn(&World, Serial) -> Reply;
    let endings: [Ending; 2] = [
        |world, serial| world.revoke("lost", (Ca::PhoneAuth, serial), "phone_lost"),
        |world, serial| {
            let body = json!({ "ca": "phone-auth", "serial": serial.to_string() });
            world.post(Party::Hotline, "/hotline/v1/holds", "lost", &body)
        },
    ];
    for end in endings {
        let world = World::with_portal();
        let card = Card::whole(&world, PERSON);
        assert_eq!(world.apply(&card, "one", &BOTH, "by day").status, 201);
        let serial = world.good(Ca::PhoneAuth)[0];
        world.clock.set(jst("2026-11-21", 22, 0, 0));
        assert_eq!(world.apply(&card, "one", &BOTH, "at night").status, 202);
        let ended = end(&world, serial);
        assert_eq!((ended.status, ended.statuses().len()), (200, 1), "{:?}", ended.body);
        assert_eq!(world.application(2).body["state"], "refused");
        world.clock.set(jst("2026-11-22", 8, 30, 0));
        assert_eq!((world.0.work_queue(), issued(&world)), (Ok(()), 2));
    }
}

#[test]
fn a_token_that_is_away_delays_an_application_and_loses_nothing() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    for operation in [Operation::Sign, Operation::Wrap] {
        let name = format!("{operation:?}");
        let token = world.token.clone();
        world.steps.at("phone.2-queued", move || token.fail_next(operation, Fault::NotDone));
        let signed = card.signs(&phone_application(&name, &BOTH, &name, world.now()));
        let queued = world.send_application(&name, &signed);
        assert_eq!((queued.status, &queued.body["state"]), (202, &json!("queued")), "{name}");
        world.0.work_queue().unwrap();
        assert_eq!(world.send_application(&name, &signed).status, 201, "{name}");
        assert_eq!(world.good(Ca::PhoneSign).len(), 1);
    }
}

#[test]
fn wherever_the_process_stops_an_application_is_done_once_with_both_certificates_or_was_never_taken() {
    let steps = [
        ("phone.1-judged", false),
        ("phone.2-queued", true),
        ("issue.1-judged", true),
        ("issue.2-intended", true),
        ("issue.3-signed", true),
        ("issue.4-issued", true),
        ("phone.3-dequeued", true),
    ];
    for (step, taken) in steps {
        let mut world = World::with_portal();
        let card = Card::whole(&world, PERSON);
        let body = card.signs(&phone_application("one", &BOTH, "one", world.now())).to_string();
        let asked = Asked { path: "/phone/v1/applications", idempotency_key: "key", body: body.as_bytes() };
        let caller = world.caller(Party::Portal, Door::Phone);
        world.stopped_at(step, || world.0.apply_for_phone(&caller, &asked));
        for ca in [Ca::PhoneAuth, Ca::PhoneSign] {
            let reached = ["issue.4-issued", "phone.3-dequeued"].contains(&step);
            assert_eq!(world.good(ca).len(), usize::from(reached), "both or none of {ca} after {step}");
        }
        world.restart();
        world.0.recover().unwrap();
        world.0.work_queue().unwrap();
        assert_eq!(issued(&world), if taken { 2 } else { 0 }, "{step}");
        let reply = world.send_application("key", &serde_json::from_str(&body).unwrap());
        assert_eq!((reply.status, &reply.body["application"]), (201, &json!(1)), "{step}: {:?}", reply.body);
        assert_eq!((issued(&world), reply.statuses().len()), (2, 2), "once, {step}");
        assert_eq!((world.store().waiting(), world.store().pending_issues()), (Ok(vec![]), Ok(vec![])));
        world.verify_log();
    }
}

#[test]
fn a_crash_for_more_than_24_hours_ends_both_certificates_and_the_application() {
    let mut world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    let body = card.signs(&phone_application("one", &BOTH, "one", world.now())).to_string();
    let asked = Asked { path: "/phone/v1/applications", idempotency_key: "key", body: body.as_bytes() };
    let caller = world.caller(Party::Portal, Door::Phone);
    world.stopped_at("issue.3-signed", || world.0.apply_for_phone(&caller, &asked));
    world.restart();
    world.clock.advance(86_401);
    assert_eq!(world.0.recover(), Ok(Recovered { destroyed: 1, ..Recovered::default() }));
    world.0.work_queue().unwrap();
    for ca in [Ca::PhoneAuth, Ca::PhoneSign] {
        assert_eq!(world.record(ca, serial(2)).cause, Some(Cause::DestroyedBeforeHandOver));
    }
    assert_eq!(world.application(1).body["problem"], "urn:akashi:problem:destroyed-before-hand-over");
}

#[test]
fn what_ends_one_of_two_certificates_on_their_way_ends_both() {
    for step in ["issue.2-intended", "issue.3-signed"] {
        let world = World::with_portal();
        let card = Card::whole(&world, PERSON);
        let doors = world.0.clone();
        // A move ends the signature certificate alone.
        world.steps.at(step, move || drop(Doors::new(doors).report("moved", PERSON, "moved")));
        let reply = world.apply(&card, "one", &BOTH, "key");
        assert_eq!(reply.problem(), (409, "destroyed-before-hand-over"), "{step}");
        assert_eq!((world.good(Ca::PhoneAuth), world.good(Ca::PhoneSign)), (vec![], vec![]));
        assert_eq!(world.store().pending_issues(), Ok(vec![]), "{step}");
        assert_eq!(world.application(1).body["state"], "refused");
        world.verify_log();
    }
}
