//! Providers and services, which the CA's staff registers.
use serde_json::{Value, json};

use crate::support::{Party, World};

fn register(world: &World, what: &str, key: &str, body: &Value) -> crate::support::Reply {
    world.post(Party::Admin, &format!("/admin/v1/{what}"), key, body)
}

#[test]
fn providers_and_services_are_registered_once_and_listed() {
    let mut world = World::with_services();
    let parties = world.get(Party::Admin, "/admin/v1/parties").body["parties"].clone();
    let operator = parties.as_array().unwrap().iter().find(|party| party["role"] == "operator").unwrap();
    let operator = operator["party"].clone();
    let body = json!({ "operator": operator, "name": "望月商店　１号店" });
    let provider = register(&world, "providers", "p", &body);
    let expected = json!({ "provider": 3, "operator": operator, "name": "望月商店　１号店" });
    assert_eq!((provider.status, &provider.body), (201, &expected));
    let body = json!({ "provider": 3, "name": "会員" });
    let service = register(&world, "services", "s", &body);
    let expected = json!({ "service": 3, "provider": 3, "operator": operator, "name": "会員" });
    assert_eq!((service.status, &service.body), (201, &expected));
    world.restart();
    assert_eq!(register(&world, "services", "s", &body), service);
    let reused = register(&world, "services", "s", &json!({ "provider": 2, "name": "会員" }));
    assert_eq!(reused.problem(), (422, "idempotency-key-reused"));
    let services = world.get(Party::Admin, "/admin/v1/services").body["services"].clone();
    assert_eq!((services.as_array().unwrap().len(), &services[2]), (3, &service.body));
    let providers = world.get(Party::Admin, "/admin/v1/providers").body["providers"].clone();
    assert_eq!((providers.as_array().unwrap().len(), &providers[2]), (3, &provider.body));
    assert_eq!(world.post(Party::Operator, "/admin/v1/services", "k", &body).problem(), (403, "wrong-role"));
}

#[test]
fn a_provider_needs_an_operator_a_service_a_provider_and_each_a_name_that_can_be_seen() {
    let world = World::with_services();
    let not_in_form = (422, "not-in-form");
    assert_eq!(
        register(&world, "providers", "k", &json!({ "operator": 99, "name": "x" })).problem(),
        (404, "unknown-party")
    );
    assert_eq!(register(&world, "providers", "k", &json!({ "operator": 1, "name": "x" })).problem(), not_in_form);
    assert_eq!(
        register(&world, "services", "k", &json!({ "provider": 9, "name": "x" })).problem(),
        (404, "unknown-provider")
    );
    for name in [
        "",
        " x",
        "x　",
        "a\nb",
        "a\u{7f}b",
        "a\u{200b}b",
        "\u{feff}a",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{ffff}",
        &"字".repeat(101),
    ] {
        assert_eq!(
            register(&world, "services", "k", &json!({ "provider": 1, "name": name })).problem(),
            not_in_form,
            "{name:?}"
        );
        let party = json!({ "role": "hotline", "name": name, "csr": "" });
        assert_eq!(register(&world, "parties", "k", &party).problem(), not_in_form, "{name:?}");
    }
    let longest = json!({ "provider": 1, "name": "字".repeat(100) });
    assert_eq!(register(&world, "services", "k", &longest).status, 201);
}
