//! Dry runs: the same judgement, and nothing of it recorded.
use pki::identity::Ca;
use serde_json::{Value, json};

use crate::support::{Party, Reply, World, application, application_for_both, jst};

const PERSON: &str = "12345678901";
const ISSUE: &str = "/desk/v1/certificates?dry_run=true";

fn tried(world: &World, key: &str, body: &Value) -> Reply {
    let position = world.position();
    let reply = world.post(Party::Kiyose, ISSUE, key, body);
    assert_eq!(world.position(), position, "a dry run records nothing, whatever its answer is");
    reply
}

#[test]
fn a_dry_run_of_an_issue_tells_what_the_issue_does() {
    let world = World::new();
    world.issue("an old card", &application_for_both(PERSON));
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    let mut body = application_for_both(PERSON);
    body["card_expires_on"] = json!("2034-05-05");
    let told = tried(&world, "a new card", &body);
    assert_eq!((told.status, &told.body["dry_run"]), (200, &json!(true)));
    let end = "2034-05-05T23:59:59+09:00";
    assert_eq!(told.body["issued"], json!([{ "ca": "auth", "not_after": end }, { "ca": "sign", "not_after": end }]));
    let superseded = "revoked superseded".to_owned();
    assert_eq!(told.statuses(), [("auth/2".to_owned(), superseded.clone()), ("sign/2".to_owned(), superseded)].into());

    let done = world.issue("a new card", &body);
    assert_eq!(done.status, 201, "serials, keys and idempotency key were free");
    for one in done.body["certificates"].as_array().unwrap() {
        assert_eq!((&one["serial"], &one["not_after"]), (&json!("3"), &json!(end)));
    }
    let again = tried(&world, "a new card", &body);
    assert_eq!((again.status, again.body), (200, json!({ "dry_run": true, "repeats": true })));
}

#[test]
fn a_dry_run_is_refused_as_the_call_would_be_and_the_refusal_is_not_recorded() {
    let world = World::new();
    let body = application(Ca::Sign, PERSON);
    world.issued("before", &body);
    assert_eq!(tried(&world, "its key again", &body).problem(), (409, "key-seen-before"));
    let mut other = application(Ca::Sign, PERSON);
    assert_eq!(tried(&world, "before", &other).problem(), (422, "idempotency-key-reused"));
    other["card_expires_on"] = json!("2026-11-20");
    assert_eq!(tried(&world, "too late", &other).problem(), (422, "no-time-left"));
    other["municipality"] = json!("14100");
    assert_eq!(tried(&world, "elsewhere", &other).problem(), (403, "not-your-municipality"));
    world.report("gone", PERSON, "died");
    assert_eq!(tried(&world, "gone", &application(Ca::Auth, PERSON)).problem(), (409, "resident-gone"));
}

#[test]
fn dry_runs_that_are_mistaken_count_as_mistakes() {
    let world = World::new();
    for turn in 0..120 {
        assert_eq!(tried(&world, &format!("{turn}"), &json!({})).problem(), (400, "malformed-body"));
    }
    assert_eq!(tried(&world, "one more", &json!({})).problem(), (429, "too-many-refusals"));
}

#[test]
fn a_slip_in_the_parameter_does_nothing() {
    let world = World::new();
    let body = application(Ca::Auth, PERSON);
    for query in ["dryrun=true", "dry_run=yes", "dry_run", "dry_run=true&x=1"] {
        let reply = world.post(Party::Kiyose, &format!("/desk/v1/certificates?{query}"), "slip", &body);
        assert_eq!(reply.problem(), (422, "not-in-form"), "{query}");
    }
    assert_eq!(world.good(Ca::Auth), []);
    assert_eq!(world.post(Party::Kiyose, "/desk/v1/certificates?dry_run=false", "slip", &body).status, 201);
}

#[test]
fn a_dry_run_of_a_revocation_tells_what_the_table_does_and_does_it_not() {
    let world = World::new();
    world.issue("both", &application_for_both(PERSON));
    world.hold("lost", PERSON);
    let path = "/desk/v1/certificates/auth/2/revocation?dry_run=true";
    let position = world.position();
    let told = world.post(Party::Kiyose, path, "rev", &json!({ "cause": "card_found" }));
    assert_eq!((told.status, &told.body["dry_run"]), (200, &json!(true)));
    let revoked = "revoked cessationOfOperation".to_owned();
    assert_eq!(told.statuses(), [("auth/2".to_owned(), revoked.clone()), ("sign/2".to_owned(), revoked)].into());
    let leaked = world.post(Party::Kiyose, path, "rev", &json!({ "cause": "key_compromise" }));
    assert_eq!(leaked.statuses(), [("auth/2".to_owned(), "revoked keyCompromise".to_owned())].into());
    let elsewhere = world.post(Party::Yokohama, path, "rev", &json!({ "cause": "card_found" }));
    assert_eq!(elsewhere.problem(), (403, "not-your-municipality"));
    assert_eq!(world.position(), position);
    assert_eq!(world.look_up((Ca::Auth, "2".parse().unwrap())).body["status"], json!("held"));

    let done = world.revoke("rev", ("auth".parse().unwrap(), "2".parse().unwrap()), "card_found");
    assert_eq!(done.statuses(), told.statuses());
    let again = world.post(Party::Kiyose, path, "rev", &json!({ "cause": "card_found" }));
    assert_eq!(again.body, json!({ "dry_run": true, "repeats": true }));
}

#[test]
fn a_dry_run_tells_a_desk_of_no_certificate_that_it_may_not_see() {
    let world = World::new();
    world.issue("both", &application_for_both(PERSON));
    let mut body = application_for_both(PERSON);
    body["municipality"] = json!("14100");
    let told = world.post(Party::Yokohama, ISSUE, "curious", &body);
    assert_eq!((told.status, told.body.get("certificates")), (200, None), "{:?}", told.body);
    assert_eq!(tried(&world, "own", &application_for_both(PERSON)).statuses().len(), 2);
}

#[test]
fn where_there_are_no_dry_runs_a_call_with_one_is_refused_and_not_made() {
    let world = World::new();
    world.issued("a card", &application(Ca::Auth, PERSON));
    let hold = json!({ "resident_code": PERSON });
    let reply = world.post(Party::Hotline, "/hotline/v1/holds?dry_run=true", "lost", &hold);
    assert_eq!(reply.problem(), (404, "no-such-call"));
    assert_eq!(world.good(Ca::Auth).len(), 1);
}

#[test]
fn a_find_reaches_nothing_that_the_desk_may_not_see() {
    let world = World::new();
    let auth = world.issued("a card", &application(Ca::Auth, PERSON));
    let mut moved = application(Ca::Sign, PERSON);
    moved["municipality"] = json!("14100");
    assert_eq!(world.post(Party::Yokohama, "/desk/v1/certificates", "moved", &moved).status, 201);
    let found = world.revoke("found", (Ca::Auth, auth), "card_found");
    assert_eq!(found.statuses(), [(format!("auth/{auth}"), "revoked cessationOfOperation".to_owned())].into());
    assert_eq!(world.good(Ca::Sign).len(), 1);
}
