//! Each door serves the OpenAPI document that is committed for integrators, octet for octet.
mod support;

use std::path::Path;

use support::Akashi;

const DOORS: [&str; 6] = ["desk", "hotline", "residents", "operators", "phone", "admin"];

fn committed(door: &str) -> String {
    let path = format!("{}/../docs/openapi/{door}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(Path::new(&path)).unwrap_or_else(|error| panic!("{path}: {error}; {}", remedy(door)))
}

fn remedy(door: &str) -> String {
    format!(
        "make it anew and look at what changed: cargo run --bin akashi -- openapi {door} > docs/openapi/{door}.json"
    )
}

#[test]
fn each_door_serves_its_document_as_committed_to_those_whom_it_opens_to_and_to_nobody_else() {
    let akashi = Akashi::started();
    for door in DOORS {
        let party = match door {
            "admin" => akashi.admin(),
            "desk" => akashi.desk("13221", "003A"),
            "operators" => akashi.register("operator"),
            "phone" => akashi.register("portal"),
            role => akashi.register(role),
        };
        let path = format!("/{door}/v1/openapi.json");
        let served = party.get(&path);
        assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
        assert!(served.text() == committed(door), "docs/openapi/{door}.json is not what is served; {}", remedy(door));
        assert_eq!(party.post(&path, "key", &serde_json::json!({})).status, 404);
        let other = if door == "desk" { "hotline" } else { "desk" };
        assert_eq!(party.get(&format!("/{other}/v1/openapi.json")).status, 403);
    }
}
