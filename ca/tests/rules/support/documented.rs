//! Every answer of every story is one that the door's OpenAPI document tells: its status, its type, its fields.
use std::sync::LazyLock;

use ca::doors::{calls, document};
use registry::event::Door;
use serde_json::Value;

use super::Reply;

static DOCUMENTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let text = |door| document(door, calls(door).into_openapi());
    let doors = [Door::Desk, Door::Hotline, Door::Residents, Door::Operators, Door::Phone, Door::Admin];
    doors.map(|door| serde_json::from_str(&text(door)).unwrap()).into()
});

/// Fails if the document of the door does not tell such an answer to that call.
pub(crate) fn assert_documented(method: &str, path: &str, reply: &Reply) {
    let called = DOCUMENTS.iter().find_map(|document| {
        let paths = document["paths"].as_object().unwrap();
        let (_, item) = paths.iter().find(|(template, _)| is_at(template, path))?;
        item.get(method.to_lowercase()).map(|operation| (document, operation))
    });
    let Some((document, operation)) = called else {
        assert_eq!(reply.problem(), (404, "no-such-call"), "{method} {path} is in no document");
        return;
    };
    let place = format!("{method} {path} -> {} {}", reply.status, reply.problem().1);
    let answer = &operation["responses"][reply.status.to_string()];
    let media_type = match reply.status {
        400.. => "application/problem+json",
        // Of a batch's answer, one line.
        _ if answer["content"].get("application/x-ndjson").is_some() => "application/x-ndjson",
        _ => "application/json",
    };
    let schema = &answer["content"][media_type]["schema"];
    assert!(schema.is_object(), "{place}: the document tells no such status");
    assert!(fits(document, schema, &reply.body), "{place}: not as the document tells");
}

fn is_at(template: &str, path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(told, given)| told.starts_with('{') || *told == given)
}

/// The part of JSON Schema that the documents are made of, formats and patterns left out.
fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
    let any = |key: &str| schema.get(key).and_then(Value::as_array);
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let referred = document.pointer(name.trim_start_matches('#')).expect("what is referred to is there");
        return fits(document, referred, value);
    }
    let all_of = any("allOf").is_none_or(|parts| parts.iter().all(|part| fits(document, part, value)));
    let one_of = any("oneOf").is_none_or(|parts| parts.iter().filter(|part| fits(document, part, value)).count() == 1);
    let words = any("enum").is_none_or(|words| words.contains(value));
    let required =
        any("required").is_none_or(|names| names.iter().all(|name| value.get(name.as_str().unwrap()).is_some()));
    let properties = schema.get("properties").and_then(Value::as_object).is_none_or(|told| {
        told.iter().all(|(name, schema)| value.get(name).is_none_or(|value| fits(document, schema, value)))
    });
    let items = schema.get("items").is_none_or(|schema| {
        value.as_array().is_some_and(|values| values.iter().all(|value| fits(document, schema, value)))
    });
    all_of && one_of && words && required && properties && items && is_of_type(schema.get("type"), value)
}

fn is_of_type(told: Option<&Value>, value: &Value) -> bool {
    match told.and_then(Value::as_str) {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("{other} is a type that this check does not know"),
    }
}

#[test]
fn an_answer_that_the_document_does_not_tell_is_noticed() {
    let reply = |status, body: &str| Reply { status, body: serde_json::from_str(body).unwrap() };
    let refuses = |method: &'static str, path: &'static str, reply: Reply| {
        std::panic::catch_unwind(move || assert_documented(method, path, &reply)).is_err()
    };
    let parties = r#"{"parties":[{"party":1,"role":"admin","name":"n","state":"active","certificate":"c"}]}"#;
    assert_documented("GET", "/admin/v1/parties", &reply(200, parties));
    assert!(refuses("GET", "/admin/v1/parties", reply(202, parties)));
    assert!(refuses("GET", "/admin/v1/parties", reply(200, &parties.replace("active", "asleep"))));
    assert!(refuses("GET", "/admin/v1/parties", reply(200, &parties.replace("role", "part"))));
    assert!(refuses("GET", "/admin/v1/party", reply(200, parties)));
    let problem = r#"{"type":"urn:akashi:problem:key-too-short","title":"t","status":422,"detail":"d","remedy":"r"}"#;
    assert_documented("POST", "/admin/v1/parties", &reply(422, problem));
    assert!(refuses("POST", "/admin/v1/parties/1/suspension", reply(422, problem)));
}
