//! What the resident register reports.
use pki::identity::Ca;
use registry::event::{Event, ResidentChange};
use serde_json::json;

use crate::support::{World, application};

#[test]
fn each_change_does_to_each_kind_what_the_law_says() {
    let table = [
        ("moved", "revoked affiliationChanged", "good"),
        ("name_changed", "revoked affiliationChanged", "good"),
        ("sex_corrected", "revoked affiliationChanged", "good"),
        ("birth_date_corrected", "revoked affiliationChanged", "good"),
        ("died", "revoked cessationOfOperation", "revoked cessationOfOperation"),
        ("left_japan", "revoked cessationOfOperation", "revoked cessationOfOperation"),
        ("minor_address_correction", "good", "good"),
    ];
    let world = World::new();
    for (number, (change, sign_status, auth_status)) in table.into_iter().enumerate() {
        let person = format!("{number:011}");
        let sign = world.issued(&format!("sign-{change}"), &application(Ca::Sign, &person));
        let auth = world.issued(&format!("auth-{change}"), &application(Ca::Auth, &person));
        let reply = world.report(change, &person, change);
        let expected =
            [(format!("sign/{sign}"), sign_status.to_owned()), (format!("auth/{auth}"), auth_status.to_owned())];
        assert_eq!((reply.status, reply.statuses()), (200, expected.into()), "{change}");
        assert_eq!((&reply.body["durable"], &reply.body["visible"]), (&json!(true), &json!(true)));
    }
}

#[test]
fn a_change_and_all_that_it_does_are_recorded_together() {
    let world = World::new();
    world.issued("sign", &application(Ca::Sign, "12345678901"));
    world.issued("auth", &application(Ca::Auth, "12345678901"));
    world.clock.advance(60);
    let position = world.position();
    world.report("death", "12345678901", "died");
    let recorded = world.recorded_since(position);
    let [changed, first, second, answered] = &recorded[..] else { panic!("four events: {recorded:?}") };
    assert!(matches!(changed.event, Event::ResidentChanged { change: ResidentChange::Died, .. }));
    assert!(matches!(first.event, Event::Withdrawn { ca: Ca::Sign, .. }));
    assert!(matches!(second.event, Event::Withdrawn { ca: Ca::Auth, .. }));
    assert!(matches!(answered.event, Event::Answered { .. }));
    assert!(recorded.iter().all(|open| open.time == world.now()));
}

#[test]
fn a_change_of_a_person_without_certificates_is_no_error() {
    let world = World::new();
    let reply = world.report("a move", "99999999999", "moved");
    assert_eq!((reply.status, &reply.body["certificates"]), (200, &json!([])));
}

#[test]
fn a_change_reported_again_with_the_same_key_acts_once_and_with_a_new_key_changes_nothing_more() {
    let world = World::new();
    world.issued("sign", &application(Ca::Sign, "12345678901"));
    let first = world.report("key-1", "12345678901", "moved");
    let position = world.position();
    world.clock.advance(60);
    assert_eq!(world.report("key-1", "12345678901", "moved"), first);
    assert_eq!(world.position(), position);
    assert_eq!(world.report("key-1", "12345678901", "died").problem(), (422, "idempotency-key-reused"));
    assert_eq!(world.report("key-2", "12345678901", "moved"), first, "revoked since the first report");
}

#[test]
fn the_4_info_that_a_change_ended_are_not_issued_again() {
    let world = World::new();
    let before = application(Ca::Sign, "12345678901");
    world.issued("before", &before);
    world.report("a move", "12345678901", "moved");
    let again = application(Ca::Sign, "12345678901");
    assert_eq!(world.issue("again", &again).problem(), (409, "resident-changed"));
    world.issued("user", &application(Ca::Auth, "12345678901"));
    assert_eq!(world.good(Ca::Sign), []);
    // Moved away and back without a certificate in between: the same 4 info are right again.
    world.report("back", "12345678901", "moved");
    let serial = world.issued("at home again", &again);
    assert_eq!(world.good(Ca::Sign), [serial]);
}

#[test]
fn who_died_or_left_gets_no_certificate_until_the_register_reports_an_address() {
    for change in ["died", "left_japan"] {
        let world = World::new();
        world.report("gone", "12345678901", change);
        world.report("a correction", "12345678901", "minor_address_correction");
        for ca in Ca::CARD {
            let refused = world.issue(&format!("{ca}"), &application(ca, "12345678901"));
            assert_eq!(refused.problem(), (409, "resident-gone"), "{change}");
        }
        world.report("here again", "12345678901", "moved");
        world.issued("back", &application(Ca::Auth, "12345678901"));
    }
}

#[test]
fn a_retry_of_an_old_report_does_not_touch_what_was_issued_since() {
    let world = World::new();
    world.issued("old address", &application(Ca::Sign, "12345678901"));
    let first = world.report("key-1", "12345678901", "moved");
    let mut body = application(Ca::Sign, "12345678901");
    body["person"]["address"] = json!("東京都清瀬市上清戸二丁目１番地");
    let renewed = world.issued("new address", &body);
    assert_eq!(world.report("key-1", "12345678901", "moved"), first);
    assert_eq!(world.good(Ca::Sign), [renewed]);
}
