//! What an issue records, answers and gives again.
use pki::algorithm::Algorithm;
use pki::identity::Ca;
use registry::event::{Actor, Door, Event};
use serde_json::json;

use crate::support::{Party, World, application, rsa_certification_request};

#[test]
fn an_issue_is_reserved_intended_and_issued_in_this_order_and_nothing_else_is_recorded() {
    let world = World::with_algorithm(Algorithm::Rsa2048Sha256);
    for ca in Ca::CARD {
        let mut body = application(ca, "12345678901");
        body["csr"] = json!(rsa_certification_request());
        let (position, reserved_at) = (world.position(), world.now());
        let clock = world.clock.clone();
        world.steps.at("issue.2-intended", move || clock.advance(5));
        let reply = world.issue(ca.word(), &body);
        assert_eq!(reply.status, 201);
        let serial = reply.serial();

        let recorded = world.recorded_since(position);
        let [reserved, intended, issued] = &recorded[..] else { panic!("three events: {recorded:?}") };
        assert!(matches!(reserved.event, Event::Reserved { ca: of, serial: taken, municipality: 13_221, .. }
            if of == ca && taken == serial));
        assert_eq!(reserved.time, reserved_at);
        assert!(matches!(reserved.actor, Actor::Party(_)) && reserved.door == Door::Desk);
        assert!(matches!(intended.event, Event::Intended { serial: of, .. } if of == serial));
        assert_eq!(issued.event, Event::Issued { ca, serial });
        assert_eq!((issued.time, issued.actor), (reserved_at.plus_seconds(5), Actor::System));
        assert_eq!(reply.validity().0, reserved_at, "notBefore is when the serial was taken, not when it was signed");
    }
    world.verify_log();
}

#[test]
fn the_same_answer_is_given_by_a_retry_and_by_both_look_ups() {
    let world = World::new();
    let body = application(Ca::Sign, "12345678901");
    let first = world.issue("key-1", &body);
    assert_eq!((first.status, &first.body["status"]), (201, &json!("good")));
    let position = world.position();
    assert_eq!(world.issue("key-1", &body), first);
    assert_eq!(world.look_up((Ca::Sign, first.serial())).body, first.body);
    assert_eq!(world.get(Party::Kiyose, "/desk/v1/requests/key-1").body, first.body);
    assert_eq!(world.position(), position, "nothing more is recorded");
    assert_eq!(world.get(Party::Yokohama, "/desk/v1/requests/key-1").problem(), (404, "unknown-request"));
}

#[test]
fn an_idempotency_key_stands_for_one_request_of_one_party() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901");
    let first = world.issued("key-1", &body);
    let other = application(Ca::Auth, "12345678902");
    assert_eq!(world.issue("key-1", &other).problem(), (422, "idempotency-key-reused"));
    let mut elsewhere = application(Ca::Auth, "12345678903");
    elsewhere["municipality"] = json!("14100");
    let reply = world.post(Party::Yokohama, "/desk/v1/certificates", "key-1", &elsewhere);
    assert_eq!((reply.status, reply.serial()), (201, first.next().unwrap()), "another party's keys are its own");
}

#[test]
fn each_ca_counts_its_own_serials_after_its_own_certificate() {
    let world = World::new();
    let serial = |key: &str, ca| world.issued(key, &application(ca, "12345678901")).get();
    assert_eq!(
        [serial("a", Ca::Sign), serial("b", Ca::Auth), serial("c", Ca::Sign), serial("d", Ca::Auth)],
        [2, 2, 3, 3]
    );
}

#[test]
fn a_key_of_the_same_person_at_the_same_desk_leads_to_the_certificate_it_has() {
    let world = World::new();
    let body = application(Ca::Auth, "12345678901");
    let serial = world.issued("first", &body);
    let again = world.issue("second", &body);
    assert_eq!(again.problem(), (409, "key-seen-before"));
    assert_eq!(again.body["existing"], json!(format!("/desk/v1/certificates/auth/{serial}")));
    let mut of_another = application(Ca::Auth, "12345678902");
    of_another["csr"] = body["csr"].clone();
    let refused = world.issue("third", &of_another);
    assert_eq!(refused.problem(), (409, "key-seen-before"));
    assert_eq!(refused.body.get("existing"), None, "another person's certificate is not pointed out");
}

#[test]
fn a_fault_of_ours_in_the_middle_of_an_issue_is_one_requests_alone() {
    for step in ["issue.1-judged", "issue.2-intended"] {
        let world = World::new();
        let body = application(Ca::Sign, "12345678901");
        world.steps.at(step, || std::panic::resume_unwind(Box::new("a fault")));
        assert_eq!(world.issue("key-1", &body).problem(), (500, "internal"));
        assert_eq!(world.issue("key-1", &body).status, 201);
    }
}
