//! Forgetting is destroying a year's token key.
use hsm_mock::{KeyLabel, Token};
use pki::identity::Ca;
use serde_json::json;

use crate::support::{Party, World, application, jst};

#[test]
fn a_destroyed_year_is_forgotten_for_ever_and_the_log_still_verifies() {
    let mut world = World::new();
    let forgotten = application(Ca::Sign, "12345678901");
    let serial = world.issued("forgotten", &forgotten);
    // Expires on 2028-12-31, so its retention ends with 2039-01-01.
    let mut kept = application(Ca::Sign, "12345678902");
    kept["card_expires_on"] = json!("2028-12-31");
    let kept_serial = world.issued("kept", &kept);
    let years = world.token.labels().unwrap();
    let years: Vec<_> = years.iter().map(KeyLabel::as_str).filter(|label| label.starts_with("year-")).collect();
    assert_eq!(years, ["year-2039", "year-2041"]);

    world.token.destroy(&KeyLabel::new("year-2041").unwrap()).unwrap();
    let replies = |world: &World| {
        [
            world.look_up((Ca::Sign, serial)),
            world.get(Party::Kiyose, "/desk/v1/requests/forgotten"),
            world.issue("forgotten", &forgotten),
        ]
    };
    for restart in [false, true] {
        if restart {
            world.restart();
            world.0.recover().unwrap();
        }
        for reply in replies(&world) {
            assert_eq!(reply.problem(), (404, "unknown-certificate"));
            assert!(reply.body["detail"].as_str().unwrap().contains("are forgotten"), "{:?}", reply.body);
        }
        assert_eq!(world.look_up((Ca::Sign, kept_serial)).status, 200);
        world.verify_log();
    }
    let withdrawn = world.report("a move", "12345678901", "moved");
    assert_eq!(withdrawn.status, 200, "what is forgotten can still be revoked");
}

#[test]
fn whose_old_certificate_is_forgotten_gets_a_new_one() {
    let world = World::new();
    let person = "12345678901";
    let mut old = application(Ca::Auth, person);
    old["card_expires_on"] = json!("2026-11-30");
    world.issued("old", &old);
    // A retention that would take a CA key's whole life: only that the record is gone matters here.
    world.clock.set(jst("2027-01-01", 0, 0, 0));
    world.token.destroy(&KeyLabel::new("year-2036").unwrap()).unwrap();
    let sign = application(Ca::Sign, person);
    assert_eq!(world.issue("sign", &sign).problem(), (422, "no-time-left"), "its user certificate has expired");
    assert_eq!(world.issue("auth", &application(Ca::Auth, person)).status, 201);
    assert_eq!(world.issue("sign", &sign).status, 201);
}

#[test]
fn what_is_forgotten_does_not_stand_in_the_way_of_a_new_certificate_after_a_move() {
    let world = World::new();
    let person = "12345678901";
    world.issued("old", &application(Ca::Sign, person));
    world.report("a move", person, "moved");
    world.token.destroy(&KeyLabel::new("year-2041").unwrap()).unwrap();
    assert_eq!(world.issue("new", &application(Ca::Sign, person)).status, 201);
}
