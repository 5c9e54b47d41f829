//! Consent: given, in force, withdrawn; and what is told under it.
use pki::identity::Ca;
use serde_json::json;

use crate::support::{BANK, Card, Party, World, application, consent_to, jst, withdrawal_of};

const PERSON: &str = "12345678901";

/// The person moves, and has a new signature certificate from Kiyose's desk.
fn moved(world: &World, name: &str) -> Card {
    world.report(&format!("move before {name}"), PERSON, "moved");
    let mut body = application(Ca::Sign, PERSON);
    body["person"]["address"] = json!("東京都清瀬市松山一丁目１番１号");
    Card::issued(world, name, body)
}

#[test]
fn a_consent_is_given_comes_in_force_tells_the_latest_4_info_and_is_withdrawn() {
    let mut world = World::with_services();
    let first = Card::of(&world, "first", PERSON);
    let given = world.consent("consent", &first.signs(&consent_to(BANK, &["氏名", "住所"], "one", world.now())));
    let mut consent = json!({
        "consent": 1,
        "service": 1,
        "items": ["name", "address"],
        "in_force_from": "2026-11-22T00:00:00+09:00",
        "in_force_until": "2036-11-21T23:59:59+09:00",
        "state": "not_yet_in_force",
    });
    assert_eq!((given.status, &given.body), (201, &consent));
    assert_eq!(world.latest("too early", first.serial).problem(), (403, "consent-not-in-force"));

    world.clock.set(jst("2026-11-22", 0, 0, 0));
    consent["state"] = json!("in_force");
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/1").body, consent);
    let same = world.latest("nothing newer", first.serial);
    let place = json!({ "ca": "sign", "serial": first.serial.to_string() });
    let certificate = json!({ "ca": "sign", "key": 1, "serial": first.serial.to_string() });
    let expected = json!({
        "disclosure": 1, "consent": 1, "service": 1, "asked": place, "newer": false, "certificate": certificate,
    });
    assert_eq!((same.status, &same.body), (200, &expected));

    world.report("move", PERSON, "moved");
    assert_eq!(world.latest("no new one yet", first.serial).problem(), (409, "no-latest-info"));
    let second = moved(&world, "second");
    let told = world.latest("moved", first.serial);
    let expected = json!({
        "disclosure": 2, "consent": 1, "service": 1, "asked": place, "newer": true,
        "certificate": { "ca": "sign", "key": 1, "serial": second.serial.to_string() },
        "info": {
            "name": "黒桐　幹也",
            "name_substitutions": "00000",
            "address": "東京都清瀬市松山一丁目１番１号",
            "address_substitutions": "000000000000000",
        },
    });
    assert_eq!((told.status, &told.body), (200, &expected));
    world.restart();
    assert_eq!(world.latest("moved", first.serial), told, "the same request has the same answer");

    world.clock.advance(60);
    let withdrawn = world.withdraw("withdrawal", &second.signs(&withdrawal_of(BANK, "two", world.now())));
    let expected = json!({ "service": 1, "withdrawn": [1], "withdrawn_at": "2026-11-22T00:01:00+09:00" });
    assert_eq!((withdrawn.status, &withdrawn.body), (200, &expected));
    for key in ["moved", "after"] {
        assert_eq!(world.latest(key, first.serial).problem(), (403, "consent-withdrawn"), "{key}");
    }
    consent["state"] = json!("withdrawn");
    consent["withdrawn_at"] = json!("2026-11-22T00:01:00+09:00");
    assert_eq!(world.get(Party::Operator, "/operators/v1/consents/1").body, consent);
    world.verify_log();
}
