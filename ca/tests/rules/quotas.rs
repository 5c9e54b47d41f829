//! Renewal season: desks that send more than can be issued at once.
use std::sync::mpsc::channel;
use std::thread;

use ca::doors::IssueLimits;
use pki::identity::Ca;
use serde_json::json;

use crate::support::{Party, World, application};

#[test]
fn a_desk_with_too_many_waiting_is_told_to_come_again_and_keeps_nobody_else_waiting() {
    let world = World::new();
    let held = world.issued("before", &application(Ca::Auth, "00000000009"));
    let (doors, gate) = world.with_issue_limits(IssueLimits { at_work_max: 1, waiting_per_desk_max: 1 });
    let (reached, is_reached) = channel();
    let (go_on, may_go_on) = channel();
    world.steps.at("issue.1-judged", move || {
        reached.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    let in_yokohama = {
        let mut body = application(Ca::Auth, "00000000004");
        body["municipality"] = json!("14100");
        body["person"]["address"] = json!("神奈川県横浜市中区本町６丁目５０番地の１０");
        body
    };
    let waiting = |count| {
        while gate.waiting() != count {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        let issue = |key: &'static str, person: &'static str| {
            let doors = doors.clone();
            scope.spawn(move || doors.issue(key, &application(Ca::Auth, person)).status)
        };
        let first = issue("first", "00000000001");
        is_reached.recv().unwrap();
        let second = issue("second", "00000000002");
        waiting(1);
        let position = world.position();
        let refused = doors.issue("third", &application(Ca::Auth, "00000000003"));
        assert_eq!(refused.problem(), (503, "desk-quota"));
        assert_eq!(world.position(), position, "it is not recorded");
        let theirs = {
            let doors = doors.clone();
            scope.spawn(move || doors.post(Party::Yokohama, "/desk/v1/certificates", "theirs", &in_yokohama).status)
        };
        waiting(2);
        let hold = json!({ "ca": "auth", "serial": held.to_string() });
        assert_eq!(
            doors.post(Party::Hotline, "/hotline/v1/holds", "lost", &hold).status,
            200,
            "a hold waits for no issue"
        );
        go_on.send(()).unwrap();
        assert_eq!([first, second, theirs].map(|call| call.join().unwrap()), [201; 3]);
    });
    assert_eq!((gate.at_work(), gate.waiting()), (0, 0));
    assert_eq!(doors.issue("third", &application(Ca::Auth, "00000000003")).status, 201);
}
