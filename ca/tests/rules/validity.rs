//! From when to when a certificate is valid, a second either side of midnight in Japan.
use pki::identity::Ca;
use pki::time::UnixTime;
use registry::event::Event;
use serde_json::{Value, json};

use crate::support::{Reply, World, application, jst};

fn not_after(reply: &Reply) -> UnixTime {
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    let (_, not_after) = reply.validity();
    assert_eq!(reply.body["not_after"], json!(not_after.to_string()), "the answer says what the certificate says");
    not_after
}

fn with(ca: Ca, resident_code: &str, field: &str, value: &str) -> Value {
    let mut body = application(ca, resident_code);
    body[field] = json!(value);
    body
}

fn born(ca: Ca, resident_code: &str, birth_date: &str) -> Value {
    let mut body = application(ca, resident_code);
    body["person"]["birth_date"] = json!(birth_date);
    body
}

#[test]
fn a_certificate_ends_with_the_fifth_birthday_after_the_day_of_issue_in_japan() {
    let world = World::new();
    let issue = |key: &str| not_after(&world.issue(key, &application(Ca::Auth, "12345678901")));
    world.clock.set(jst("2027-02-16", 23, 59, 59));
    assert_eq!(issue("on the eve"), jst("2031-02-17", 23, 59, 59));
    world.clock.advance(1);
    assert_eq!(issue("on the birthday, which is not counted"), jst("2032-02-17", 23, 59, 59));
}

#[test]
fn a_renewal_in_the_last_three_months_ends_with_the_sixth_birthday() {
    let world = World::new();
    for person in ["12345678901", "12345678902"] {
        let first = world.issue(&format!("first {person}"), &application(Ca::Auth, person));
        assert_eq!(not_after(&first), jst("2031-02-17", 23, 59, 59));
    }
    world.clock.set(jst("2030-11-16", 23, 59, 59));
    let early = world.issue("a second early", &application(Ca::Auth, "12345678901"));
    assert_eq!(not_after(&early), jst("2035-02-17", 23, 59, 59));
    world.clock.advance(1);
    let renewed = world.issue("in time", &application(Ca::Auth, "12345678902"));
    assert_eq!(not_after(&renewed), jst("2036-02-17", 23, 59, 59));
}

#[test]
fn of_a_partly_known_date_of_birth_the_earliest_day_counts() {
    let world = World::new();
    let issue = |key: &str, date: &str| not_after(&world.issue(key, &born(Ca::Auth, "12345678901", date)));
    assert_eq!(issue("month", "1980-03-00"), jst("2031-03-01", 23, 59, 59));
    assert_eq!(issue("year", "1980-00-00"), jst("2031-01-01", 23, 59, 59));
    assert_eq!(issue("leap day", "1984-02-29"), jst("2031-02-28", 23, 59, 59));
}

#[test]
fn a_card_lasts_through_its_last_second_in_japan() {
    let world = World::new();
    world.clock.set(jst("2026-11-21", 23, 59, 59));
    let last_second = world.issue("a", &with(Ca::Auth, "12345678901", "card_expires_on", "2026-11-21"));
    assert_eq!(not_after(&last_second), jst("2026-11-21", 23, 59, 59));
    let tomorrow = world.issue("b", &with(Ca::Auth, "12345678902", "card_expires_on", "2026-11-22"));
    assert_eq!(not_after(&tomorrow), jst("2026-11-22", 23, 59, 59));

    world.clock.advance(1);
    let expired = with(Ca::Auth, "12345678903", "card_expires_on", "2026-11-21");
    assert_eq!(world.issue("c", &expired).problem(), (422, "no-time-left"));
    let today = world.issue("d", &with(Ca::Auth, "12345678904", "card_expires_on", "2026-11-22"));
    assert_eq!(not_after(&today), jst("2026-11-22", 23, 59, 59));
}

#[test]
fn a_stay_that_ends_first_ends_the_certificate() {
    let world = World::new();
    let mut body = with(Ca::Auth, "12345678901", "stay_ends_on", "2027-03-31");
    body["card_expires_on"] = json!("2028-12-31");
    assert_eq!(not_after(&world.issue("a", &body)), jst("2027-03-31", 23, 59, 59));
    let ended = with(Ca::Auth, "12345678902", "stay_ends_on", "2026-11-20");
    assert_eq!(world.issue("b", &ended).problem(), (422, "no-time-left"));
}

#[test]
fn what_is_refused_for_want_of_time_leaves_request_and_key_free() {
    let world = World::new();
    let expired = with(Ca::Auth, "12345678901", "card_expires_on", "2026-11-20");
    let position = world.position();
    assert_eq!(world.issue("key-1", &expired).problem(), (422, "no-time-left"));
    assert!(matches!(&world.recorded_since(position)[..], [open] if matches!(open.event, Event::Refused { .. })));
    let mut renewed = expired;
    renewed["card_expires_on"] = json!("2036-02-17");
    assert_eq!(world.issue("key-1", &renewed).status, 201);
}

#[test]
fn a_signature_certificate_never_outlives_the_user_certificate_beside_it() {
    let world = World::new();
    let person = "12345678901";
    let short = world.issue("auth", &with(Ca::Auth, person, "card_expires_on", "2028-03-31"));
    assert_eq!(not_after(&short), jst("2028-03-31", 23, 59, 59));
    let sign = |key: &str| not_after(&world.issue(key, &application(Ca::Sign, person)));
    assert_eq!(sign("beside it"), not_after(&short));
    let other = world.issue("somebody else's", &application(Ca::Sign, "12345678902"));
    assert_eq!(not_after(&other), jst("2031-02-17", 23, 59, 59));

    let long = world.issue("renewed", &with(Ca::Auth, person, "card_expires_on", "2030-03-31"));
    assert_eq!(sign("beside the new one"), not_after(&long));
    assert_eq!(world.revoke("given up", (Ca::Auth, long.serial()), "no_longer_needed").status, 200);
    assert_eq!(sign("with none beside it"), jst("2031-02-17", 23, 59, 59));
}

#[test]
fn a_signature_certificate_needs_a_user_certificate_with_time_left() {
    let world = World::new();
    world.issued("auth", &with(Ca::Auth, "12345678901", "card_expires_on", "2026-11-22"));
    world.clock.set(jst("2026-11-22", 23, 59, 59));
    let last = world.issue("in its last second", &application(Ca::Sign, "12345678901"));
    assert_eq!(not_after(&last), world.now());
    world.clock.advance(1);
    let late = world.issue("a second later", &application(Ca::Sign, "12345678901"));
    assert_eq!(late.problem(), (422, "no-time-left"));
}

#[test]
fn nobody_under_fifteen_gets_a_signature_certificate() {
    let world = World::new();
    world.clock.set(jst("2026-11-21", 23, 59, 59));
    let body = born(Ca::Sign, "12345678901", "2011-11-22");
    let refused = world.issue("a", &body);
    assert_eq!((refused.problem(), &refused.body["field"]), ((422, "under-fifteen"), &json!("person.birth_date")));
    assert_eq!(world.issue("b", &born(Ca::Auth, "12345678901", "2011-11-22")).status, 201);
    world.clock.advance(1);
    assert_eq!(world.issue("a", &body).status, 201);

    let unknown_day = born(Ca::Sign, "12345678902", "2011-11-00");
    assert_eq!(world.issue("c", &unknown_day).problem(), (422, "under-fifteen"), "it may be the 30th");
    world.clock.set(jst("2026-11-30", 0, 0, 0));
    assert_eq!(world.issue("c", &unknown_day).status, 201);
}
