//! The compromise of a CA key: at once, for ever, and filled in behind.
use std::collections::BTreeMap;

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use registry::event::Cause;
use registry::state::StateReads;
use registry::store::{Family, Reads};
use serde_json::{Value, json};

use crate::support::{Party, Reply, World, application};

const PERSON: &str = "12345678901";
const SIGN_1: IssuerKey = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };

fn compromise(world: &World, key: &str, issuer: &str, confirm: &str) -> Reply {
    let body = json!({ "because": "found in an attic", "confirm": confirm });
    world.post(Party::Admin, &format!("/admin/v1/ca-keys/{issuer}/compromise"), key, &body)
}

fn told(world: &World, place: (Ca, Serial)) -> [Value; 4] {
    let body = world.look_up(place).body;
    ["key", "status", "reason", "since"].map(|field| body[field].clone())
}

#[test]
fn everything_issued_under_the_key_is_told_as_revoked_at_once_and_the_next_key_issues() {
    let mut world = World::new();
    let good = world.issued("good", &application(Ca::Sign, "00000000001"));
    let held = world.issued("held", &application(Ca::Sign, "00000000002"));
    let revoked = world.issued("revoked", &application(Ca::Sign, "00000000003"));
    let user = world.issued("user", &application(Ca::Auth, "00000000001"));
    world.clock.advance(60);
    let held_since = world.now();
    world.hold("hold", "00000000002");
    world.revoke("revoke", (Ca::Sign, revoked), "card_lost");
    world.next_key(Ca::Sign);
    let newer = world.issued("newer", &application(Ca::Sign, "00000000004"));
    world.clock.advance(3_600);

    let reply = compromise(&world, "compromise", "sign/1", "sign/1");
    let since = world.now();
    let expected =
        json!({ "ca": "sign", "key": 1, "compromised_at": since.to_string(), "issuing_key": 2, "durable": true });
    assert_eq!((reply.status, &reply.body), (200, &expected));
    let compromised = |since: String| [json!(1), json!("revoked"), json!("cACompromise"), json!(since)];
    assert_eq!(told(&world, (Ca::Sign, good)), compromised(since.to_string()));
    assert_eq!(told(&world, (Ca::Sign, held)), compromised(held_since.to_string()));
    assert_eq!(told(&world, (Ca::Sign, revoked))[2], json!("keyCompromise"));
    assert_eq!(told(&world, (Ca::Sign, newer))[..2], [json!(2), json!("good")]);
    assert_eq!(told(&world, (Ca::Auth, user))[..2], [json!(1), json!("good")]);
    assert_eq!(world.record(Ca::Sign, good).cause, Some(Cause::CaKeyCompromise));
    let next = world.issued("after", &application(Ca::Sign, "00000000005"));
    assert_eq!(told(&world, (Ca::Sign, next))[0], json!(2));
    // What is revoked stays as it is, also where its own record does not say so yet.
    world.clock.advance(60);
    world.revoke("too late", (Ca::Sign, good), "record_error");
    world.revoke("too late for the held", (Ca::Sign, held), "record_error");
    assert_eq!(told(&world, (Ca::Sign, good)), compromised(since.to_string()));
    assert_eq!(told(&world, (Ca::Sign, held)), compromised(held_since.to_string()));
    assert_eq!(compromise(&world, "compromise", "sign/1", "sign/1"), reply, "the same request, the same answer");
    world.verify_log();
}

#[test]
fn an_issue_under_way_is_given_up_and_its_request_ends() {
    let mut world = World::new();
    let (built, unbuilt) = (application(Ca::Sign, PERSON), application(Ca::Sign, "00000000002"));
    world.issue_stopped_at("issue.3-signed", "built", &built);
    world.left_reserved("unbuilt", &unbuilt);
    world.next_key(Ca::Sign);
    assert_eq!(world.store().pending_issues().unwrap().len(), 2);
    assert_eq!(compromise(&world, "compromise", "sign/1", "sign/1").status, 200);
    assert!(world.store().pending_issues().unwrap().is_empty());
    for (key, body) in [("built", &built), ("unbuilt", &unbuilt)] {
        assert_eq!(world.issue(key, body).problem(), (409, "destroyed-before-hand-over"), "{key}");
    }
    // Its signature may exist; nobody was given it.
    let unspecified = Withdrawal::Revoked { since: world.now(), reason: RevocationReason::Unspecified };
    assert_eq!(world.record(Ca::Sign, Serial::new(2).unwrap()).withdrawal(), Some(unspecified));
    assert_eq!(world.store().certificate(Ca::Sign, Serial::new(3).unwrap()).unwrap(), None);
}

#[test]
fn without_another_key_nothing_is_issued_and_the_answer_says_what_to_do() {
    let mut world = World::new();
    let reply = compromise(&world, "compromise", "sign/1", "sign/1");
    assert_eq!((reply.status, reply.body.get("issuing_key")), (200, None));
    let body = application(Ca::Sign, PERSON);
    let refused = world.issue("issue", &body);
    assert_eq!(refused.problem(), (503, "no-issuing-key"));
    assert!(refused.body["remedy"].as_str().unwrap().contains("akashi ca-key new"));
    world.issued("user", &application(Ca::Auth, PERSON));
    world.next_key(Ca::Sign);
    assert_eq!(told(&world, (Ca::Sign, world.issued("issue", &body)))[0], json!(2));
    assert!(world.store().links().unwrap().is_empty(), "nothing vouches for a compromised key, nor it for another");
}

#[test]
fn a_compromise_is_said_once_of_a_key_that_is_there_by_someone_who_means_it() {
    let world = World::new();
    let before = world.position();
    for (issuer, confirm, problem) in [
        ("sign/1", "auth/1", (422, "not-in-form")),
        ("sign/2", "sign/2", (404, "unknown-ca-key")),
        ("sign/0", "sign/0", (404, "unknown-ca-key")),
        ("mail/1", "mail/1", (404, "unknown-ca-key")),
    ] {
        assert_eq!(compromise(&world, &format!("{issuer} {confirm}"), issuer, confirm).problem(), problem, "{issuer}");
    }
    assert_eq!(world.position(), before + 4, "refusals, and nothing else");
    assert_eq!(compromise(&world, "first", "sign/1", "sign/1").status, 200);
    assert_eq!(compromise(&world, "second", "sign/1", "sign/1").problem(), (409, "ca-key-compromised"));
    world.nodes.set_lag(true);
    assert_eq!(compromise(&world, "other", "auth/1", "auth/1").status, 202);
}

type Listed = BTreeMap<(Ca, Serial), Withdrawal>;

/// What the API tells of each serial, and what CRLs are to be made from.
fn everything(world: &World) -> (Vec<Option<Withdrawal>>, Listed) {
    let store = world.store();
    let serials = (1..=12).filter_map(Serial::new);
    let told =
        serials.map(|serial| store.certificate(Ca::Sign, serial).unwrap().and_then(|record| record.withdrawal()));
    let frozen = store.freeze();
    let mut listed = Listed::default();
    for ca in Ca::ALL {
        for row in frozen.withdrawn_of(ca).unwrap() {
            let (serial, row) = row.unwrap();
            assert_eq!(frozen.withdrawn_as_counted(ca, serial).unwrap(), Some(row));
            assert!(listed.insert((ca, serial), row.withdrawal.into()).is_none(), "{ca}/{serial} twice");
            assert_eq!(listed.keys().next_back(), Some(&(ca, serial)), "in order");
        }
    }
    let good = (1..=12).filter_map(Serial::new).filter(|serial| !listed.contains_key(&(Ca::Sign, *serial)));
    for serial in good {
        assert_eq!(frozen.withdrawn_as_counted(Ca::Sign, serial).unwrap(), None);
    }
    (told.collect(), listed)
}

#[test]
fn records_are_filled_in_behind_in_any_steps_across_restarts_and_tell_the_same_at_each() {
    for serials in [1, 3, 1_000] {
        let mut world = World::new();
        for person in 1..=6 {
            world.issued(&format!("first {person}"), &application(Ca::Sign, &format!("{person:011}")));
        }
        world.clock.advance(60);
        world.hold("hold", "00000000002");
        world.report("move", "00000000003", "moved");
        world.next_key(Ca::Sign);
        world.issued("newer", &application(Ca::Sign, "00000000007"));
        world.clock.advance(60);
        compromise(&world, "compromise", "sign/1", "sign/1");
        let expected = everything(&world);
        assert_eq!(expected.0.iter().flatten().count(), 6);
        assert_eq!(expected.1.len(), 6);
        let mut steps = 0;
        while world.0.fill_compromise(serials).unwrap() {
            steps += 1;
            world.restart();
            assert_eq!(everything(&world), expected, "{serials} at a time, after {steps}");
        }
        let last = world.store().compromise(SIGN_1).unwrap().unwrap().last;
        assert_eq!(steps, last.div_ceil(serials));
        assert_eq!(world.store().scan(Family::Withdrawn, &[]).unwrap().len(), 6);
        world.verify_log();
    }
}
