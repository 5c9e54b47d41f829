//! Nobody is told that a withdrawal is visible before it is (I16).
use pki::identity::Ca;
use serde_json::json;

use crate::support::{Reply, World, application};

fn told(reply: &Reply) -> (u16, bool, bool) {
    (reply.status, reply.body["durable"] == json!(true), reply.body["visible"] == json!(true))
}

#[test]
fn a_withdrawal_that_nodes_have_not_passed_is_202_and_asked_again_200_when_they_have() {
    let world = World::new();
    let person = "12345678901";
    let auth = (Ca::Auth, world.issued("auth", &application(Ca::Auth, person)));
    world.issued("sign", &application(Ca::Sign, person));
    let calls: [(&str, &dyn Fn() -> Reply); 3] = [
        ("hold", &|| world.hold("hold", person)),
        ("revocation", &|| world.revoke("revocation", auth, "card_lost")),
        ("change", &|| world.report("change", person, "died")),
    ];
    for (what, call) in calls {
        world.nodes.set_lag(true);
        let late = call();
        assert_eq!(told(&late), (202, true, false), "{what}");
        let position = world.position();
        assert_eq!(call(), late, "{what}: still not");
        world.nodes.set_lag(false);
        let visible = call();
        assert_eq!(told(&visible), (200, true, true), "{what}");
        assert_eq!(visible.body["certificates"], late.body["certificates"], "{what}");
        assert_eq!(world.position(), position, "{what}: it was durable the first time");
    }
}

#[test]
fn a_certificate_does_not_wait_for_the_nodes() {
    let world = World::new();
    world.nodes.set_lag(true);
    assert_eq!(world.issue("key-1", &application(Ca::Auth, "12345678901")).status, 201);
}
