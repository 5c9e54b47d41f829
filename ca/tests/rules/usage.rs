//! How often operators were told the status of certificates.
use ca::answer::Answer;
use pki::identity::Ca;
use pki::time::UnixTime;
use registry::event::PartyId;
use registry::usage::{Metered, Minute, QueryPurpose};
use serde_json::{Value, json};

use crate::support::{Party, World, jst};

const DAY: &str = "from=2026-11-21&to=2026-11-21";

/// The operator's and the other one's numbers.
fn operators(world: &World) -> [PartyId; 2] {
    let parties = world.get(Party::Admin, "/admin/v1/parties").body;
    let operators = parties["parties"].as_array().unwrap().iter().filter(|party| party["role"] == "operator");
    let numbers: Vec<_> =
        operators.map(|party| PartyId(u32::try_from(party["party"].as_u64().unwrap()).unwrap())).collect();
    numbers.try_into().unwrap()
}

fn told(world: &World, party: PartyId, at: UnixTime, purpose: QueryPurpose, certificates: u64) {
    world.0.meter().count(Metered { party, minute: Minute::of(at), ca: Ca::Auth, purpose }, certificates);
}

fn row(party: PartyId, purpose: &str, certificates: u64) -> Value {
    json!({ "party": party.0, "ca": "auth", "purpose": purpose, "certificates": certificates })
}

fn usage(world: &World, party: Party, days: &str) -> Value {
    let door = if party == Party::Admin { "admin" } else { "operators" };
    let reply = world.get(party, &format!("/{door}/v1/usage?{days}"));
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply.body["usage"].clone()
}

#[test]
fn an_operator_sees_its_own_usage_once_it_is_recorded_and_the_staff_everybodys() {
    let world = World::with_services();
    let [bank, shop] = operators(&world);
    let noon = jst("2026-11-21", 12, 0, 0);
    told(&world, bank, noon, QueryPurpose::Login, 2);
    told(&world, bank, noon.plus_seconds(60), QueryPurpose::Login, 3);
    told(&world, bank, noon, QueryPurpose::Monitoring, 1);
    told(&world, shop, noon, QueryPurpose::Signature, 7);
    assert_eq!(usage(&world, Party::Operator, DAY), json!([]));
    let before = world.position();
    world.0.record_usage().unwrap();
    world.0.record_usage().unwrap();
    assert_eq!(world.position(), before + 1, "nothing more was counted");
    let of_bank = [row(bank, "login", 5), row(bank, "monitoring", 1)];
    assert_eq!(usage(&world, Party::Operator, DAY), json!(of_bank));
    assert_eq!(usage(&world, Party::OtherOperator, DAY), json!([row(shop, "signature", 7)]));
    assert_eq!(usage(&world, Party::Admin, DAY), json!([&of_bank[0], &of_bank[1], row(shop, "signature", 7)]));
    assert_eq!(world.get(Party::Kiyose, &format!("/operators/v1/usage?{DAY}")).problem(), (403, "wrong-role"));
    assert_eq!(world.get(Party::Operator, &format!("/admin/v1/usage?{DAY}")).problem(), (403, "wrong-role"));
}

#[test]
fn days_are_japans_from_their_first_second_to_their_last() {
    let world = World::with_services();
    let [bank, _] = operators(&world);
    let midnight = jst("2026-11-22", 0, 0, 0);
    for (at, certificates) in [(midnight.plus_seconds(-1), 1), (midnight, 10), (midnight.plus_seconds(86_399), 100)] {
        told(&world, bank, at, QueryPurpose::Login, certificates);
    }
    world.0.record_usage().unwrap();
    for (days, certificates) in [
        ("from=2026-11-21&to=2026-11-21", 1),
        ("from=2026-11-22&to=2026-11-22", 110),
        ("from=2026-11-21&to=2026-12-21", 111),
    ] {
        assert_eq!(usage(&world, Party::Operator, days), json!([row(bank, "login", certificates)]), "{days}");
    }
    for (days, kind) in [
        ("from=2026-11-21&to=2026-12-22", "not-in-form"),
        ("from=2026-11-22&to=2026-11-21", "not-in-form"),
        ("from=2026-11-21", "not-in-form"),
        ("from=2026-11-21&to=2026-11-22&party=1", "not-in-form"),
        ("from=2026-11-31&to=2026-11-31", "impossible-date"),
    ] {
        assert_eq!(world.get(Party::Operator, &format!("/operators/v1/usage?{days}")).problem(), (422, kind), "{days}");
    }
}

#[test]
fn a_clock_that_steps_back_neither_loses_nor_doubles_what_was_told() {
    let world = World::with_services();
    let [bank, _] = operators(&world);
    told(&world, bank, world.0.now(), QueryPurpose::Login, 1);
    world.0.record_usage().unwrap();
    let then = world.0.now();
    world.clock.advance(-120);
    told(&world, bank, world.0.now(), QueryPurpose::Login, 10);
    world.0.record_usage().expect_err("nothing is recorded while the clock is behind the log");
    told(&world, bank, world.0.now(), QueryPurpose::Login, 100);
    assert_eq!(world.0.meter().unwritten(), 110);
    world.clock.set(then);
    world.0.record_usage().unwrap();
    world.0.record_usage().unwrap();
    assert_eq!(world.0.meter().unwritten(), 0);
    assert_eq!(usage(&world, Party::Operator, DAY), json!([row(bank, "login", 111)]));
}

#[test]
fn a_crash_before_the_record_loses_what_was_counted_and_one_after_it_counts_nothing_twice() {
    for (step, recorded) in [("usage.1-taken", vec![]), ("usage.2-recorded", vec![5])] {
        let mut world = World::with_services();
        let [bank, _] = operators(&world);
        told(&world, bank, world.0.now(), QueryPurpose::Login, 5);
        world.stopped_at(step, || Ok(world.0.record_usage().map(Answer::ok)?));
        world.restart();
        world.0.record_usage().unwrap();
        let rows =
            |certificates: &[u64]| json!(certificates.iter().map(|sum| row(bank, "login", *sum)).collect::<Vec<_>>());
        assert_eq!(usage(&world, Party::Operator, DAY), rows(&recorded), "{step}");
        // The same minute goes on in a further batch.
        told(&world, bank, world.0.now(), QueryPurpose::Login, 1);
        world.0.record_usage().unwrap();
        let sum = recorded.iter().sum::<u64>() + 1;
        assert_eq!(usage(&world, Party::Operator, DAY), rows(&[sum]), "{step}");
    }
}

#[test]
fn a_panic_after_the_record_leaves_a_meter_that_does_not_record_it_again() {
    let world = World::with_services();
    let [bank, _] = operators(&world);
    told(&world, bank, world.0.now(), QueryPurpose::Login, 5);
    world.stopped_at("usage.2-recorded", || Ok(world.0.record_usage().map(Answer::ok)?));
    told(&world, bank, world.0.now(), QueryPurpose::Login, 1);
    world.0.record_usage().unwrap();
    assert_eq!(usage(&world, Party::Operator, DAY), json!([row(bank, "login", 6)]));
    assert_eq!(world.0.meter().unwritten(), 0);
}
