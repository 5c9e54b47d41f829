//! Withdrawals of consent: what they end, and which consents count as given after them.
use serde_json::json;

use crate::support::{BANK, Card, Doors, Party, Reply, SHOP, World, consent_to, withdrawal_of};

const PERSON: &str = "12345678901";

fn name_to_bank(world: &World, number: &str) -> String {
    consent_to(BANK, &["氏名"], number, world.now())
}

/// The bank's operator sends an application to consent that is dated so many seconds from now.
fn consents_dated(world: &World, card: &Card, key: &str, seconds: i64) -> Reply {
    world.consent(key, &card.signs(&consent_to(BANK, &["氏名"], key, world.now().plus_seconds(seconds))))
}

/// The same of an application to withdraw.
fn withdraws_dated(world: &World, card: &Card, key: &str, seconds: i64) -> Reply {
    world.withdraw(key, &card.signs(&withdrawal_of(BANK, key, world.now().plus_seconds(seconds))))
}

const STALE: (u16, &str) = (422, "application-stale");

#[test]
fn a_consent_that_was_queued_before_a_withdrawal_of_nothing_is_void_when_it_arrives() {
    let mut world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let queued = card.signs(&name_to_bank(&world, "queued"));
    world.clock.advance(60);
    let withdrawn = withdraws_dated(&world, &card, "nothing yet", 0);
    assert_eq!((withdrawn.status, &withdrawn.body["withdrawn"]), (200, &json!([])));
    world.restart();
    let void = world.consent("queued", &queued);
    assert_eq!(void.problem(), STALE);
    assert!(void.body["detail"].as_str().unwrap().contains("more than 5 minutes after"), "{}", void.body);
    world.clock.advance(3_600);
    assert_eq!(world.consent("queued later", &queued).problem(), STALE);
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/1").problem(), (404, "unknown-consent"));
}

#[test]
fn a_second_withdrawal_counts_against_what_was_held_back_over_the_first() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    assert_eq!(consents_dated(&world, &card, "one", 0).status, 201);
    assert_eq!(withdraws_dated(&world, &card, "w one", 0).body["withdrawn"], json!([1]));
    world.clock.advance(1_000);
    let held_back = card.signs(&name_to_bank(&world, "two"));
    world.clock.advance(1_000);
    let again = withdraws_dated(&world, &card, "w two", 0);
    assert_eq!((again.status, &again.body["withdrawn"]), (200, &json!([])));
    assert_eq!(again.body["withdrawn_at"], json!(world.now().to_string()));
    assert_eq!(world.consent("two", &held_back).problem(), STALE);
    let first = world.get(Party::Operator, "/operators/v1/consents/1").body;
    assert_eq!(first["withdrawn_at"], json!("2026-11-21T12:00:00+09:00"), "it was withdrawn by the first one");
}

#[test]
fn our_time_of_the_withdrawal_counts_and_not_the_one_that_its_sender_wrote() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    assert_eq!(consents_dated(&world, &card, "one", 0).status, 201);
    let signed_before = card.signs(&name_to_bank(&world, "signed before"));
    let five_minutes_ahead = consent_to(BANK, &["氏名"], "ahead", world.now().plus_seconds(300));
    world.clock.advance(1);
    assert_eq!(withdraws_dated(&world, &card, "dated 23 hours back", -23 * 3_600).status, 200);
    for (key, held_back) in [("before", signed_before), ("ahead", card.signs(&five_minutes_ahead))] {
        assert_eq!(world.consent(key, &held_back).problem(), STALE, "{key}");
    }
    // As far as an application may be ahead, it may have been signed before: to the second.
    assert_eq!(consents_dated(&world, &card, "as far ahead", 300).problem(), STALE);
    world.clock.advance(300);
    assert_eq!(consents_dated(&world, &card, "300 after", 0).problem(), STALE);
    assert_eq!(consents_dated(&world, &card, "301 after", 1).status, 201);
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/2").body["state"], json!("not_yet_in_force"));
}

#[test]
fn a_withdrawal_between_judging_and_recording_a_consent_counts() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let withdrawal = card.signs(&withdrawal_of(BANK, "meanwhile", world.now()));
    let doors = world.0.clone();
    world.steps.at("consent.1-judged", move || {
        assert_eq!(Doors::new(doors).withdraw("meanwhile", &withdrawal).status, 200);
    });
    assert_eq!(consents_dated(&world, &card, "one", 0).problem(), STALE);
    let other = consent_to(SHOP, &["氏名"], "another service", world.now());
    let to_shop = world.post(Party::OtherOperator, "/operators/v1/consents", "shop", &card.signs(&other));
    assert_eq!(to_shop.status, 201, "a withdrawal is for one service");
    let another = Card::of(&world, "another", "12345678902");
    assert_eq!(consents_dated(&world, &another, "another person", 0).status, 201);
}

#[test]
fn everything_there_is_withdrawn_at_once_and_what_is_not_there_is_no_mistake() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    let other = Card::of(&world, "other", "12345678902");
    for (key, card) in [("one", &card), ("two", &other), ("three", &card)] {
        assert_eq!(world.consent(key, &card.signs(&name_to_bank(&world, key))).status, 201);
    }
    let withdrawal = card.signs(&withdrawal_of(BANK, "all", world.now()));
    let withdrawn = world.withdraw("all", &withdrawal);
    assert_eq!(withdrawn.body["withdrawn"], json!([1, 3]));
    let again = withdraws_dated(&world, &card, "again", 0);
    assert_eq!((again.status, &again.body["withdrawn"]), (200, &json!([])));
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/2").body["state"], json!("not_yet_in_force"));
    assert_eq!(world.withdraw("all", &withdrawal), withdrawn, "a retry has its answer");
    let another = card.signs(&withdrawal_of(BANK, "another", world.now()));
    assert_eq!(world.withdraw("all", &another).problem(), (422, "idempotency-key-reused"));
}
