//! Two callers at once.
use std::sync::Barrier;
use std::thread;

use pki::identity::Ca;
use registry::event::Event;
use serde_json::{Value, json};

use crate::support::{Reply, World, application, certification_request};

const ROUNDS: usize = 12;

/// Both requests at the same moment.
fn at_once(world: &World, requests: [(&str, &Value); 2]) -> [Reply; 2] {
    let start = Barrier::new(requests.len());
    thread::scope(|scope| {
        let threads = requests.map(|(key, body)| {
            let (doors, start) = (&**world, &start);
            scope.spawn(move || {
                start.wait();
                doors.issue(key, body)
            })
        });
        threads.map(|thread| thread.join().unwrap())
    })
}

fn issues_since(world: &World, position: u64) -> usize {
    let issued = |event: &Event| matches!(event, Event::Issued { .. });
    world.recorded_since(position).iter().filter(|open| issued(&open.event)).count()
}

#[test]
fn one_public_key_in_two_requests_at_once_is_in_one_certificate() {
    let world = World::new();
    for round in 0..ROUNDS {
        let position = world.position();
        let body = application(Ca::Auth, &format!("{round:011}"));
        let (left, right) = (format!("left-{round}"), format!("right-{round}"));
        let replies = at_once(&world, [(&left, &body), (&right, &body)]);
        let (made, refused) = if replies[0].status == 201 { (0, 1) } else { (1, 0) };
        assert_eq!(replies[made].status, 201);
        assert_eq!(replies[refused].problem(), (409, "key-seen-before"));
        let existing = format!("/desk/v1/certificates/auth/{}", replies[made].serial());
        assert_eq!(replies[refused].body["existing"], json!(existing));
        assert_eq!(issues_since(&world, position), 1);
    }
    world.verify_log();
}

#[test]
fn one_idempotency_key_in_two_requests_at_once_has_one_answer() {
    let world = World::new();
    for round in 0..ROUNDS {
        let position = world.position();
        let body = application(Ca::Sign, &format!("{round:011}"));
        let key = format!("key-{round}");
        let [left, right] = at_once(&world, [(&key, &body), (&key, &body)]);
        assert_eq!((left.status, &left), (201, &right));
        assert_eq!(issues_since(&world, position), 1);
    }
    world.verify_log();
}

#[test]
fn one_idempotency_key_with_two_bodies_at_once_has_one_effect() {
    let world = World::new();
    for round in 0..ROUNDS {
        let position = world.position();
        let body = application(Ca::Sign, &format!("{round:011}"));
        let mut other = body.clone();
        other["csr"] = json!(certification_request());
        let key = format!("key-{round}");
        let replies = at_once(&world, [(&key, &body), (&key, &other)]);
        let refused = usize::from(replies[0].status == 201);
        assert_eq!(replies[1 - refused].status, 201);
        assert_eq!(replies[refused].problem(), (422, "idempotency-key-reused"));
        assert_eq!(issues_since(&world, position), 1);
    }
}

#[test]
fn two_certificates_of_one_kind_at_once_leave_one_good() {
    let world = World::new();
    for round in 0..ROUNDS {
        let resident_code = format!("{round:011}");
        let (body, other) = (application(Ca::Auth, &resident_code), application(Ca::Auth, &resident_code));
        let good_before = world.good(Ca::Auth).len();
        let (left, right) = (format!("left-{round}"), format!("right-{round}"));
        let replies = at_once(&world, [(&left, &body), (&right, &other)]);
        assert!(replies.iter().any(|reply| reply.status == 201));
        for reply in replies.iter().filter(|reply| reply.status != 201) {
            assert_eq!(reply.problem(), (409, "destroyed-before-hand-over"));
        }
        assert_eq!(world.good(Ca::Auth).len(), good_before + 1);
    }
    world.verify_log();
}
