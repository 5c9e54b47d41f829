//! A server at which requests are refused, and what is demanded of every refusal.
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::support::{Akashi, Answer, Party};

/// What a refusal must be: HTTP status, the end of its type, the field.
pub type Expected = (u16, &'static str, Option<&'static str>);

/// An idempotency key that was not used yet.
pub fn fresh_key() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("refusals-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The answer is that refusal in the form of RFC 9457.
#[track_caller]
fn assert_refused(answer: &Answer, (status, slug, field): Expected) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let problem = answer.expect(status);
    assert_eq!(problem["type"], format!("urn:akashi:problem:{slug}"), "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem.get("field").and_then(Value::as_str), field, "{problem}");
    for text in ["title", "detail", "remedy"] {
        assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {problem}");
    }
}

/// A running server with a desk in Kiyose; no cut is under way.
pub struct Scene {
    /// The server.
    pub akashi: Akashi,
    /// The desk.
    pub desk: Party,
}

impl Scene {
    /// With one desk, 13221003A.
    pub fn new() -> Self {
        let akashi = Akashi::started();
        let desk = akashi.desk("13221", "003A");
        akashi.settle();
        Self { akashi, desk }
    }

    /// The call is refused so, and the log has grown by the refusal alone.
    #[track_caller]
    pub fn refuses(&self, expected: Expected, call: impl FnOnce() -> Answer) -> Value {
        let before = self.akashi.log_position();
        let answer = call();
        assert_refused(&answer, expected);
        assert_eq!(self.akashi.log_position(), before + 1, "{expected:?} recorded something else, too");
        answer.json()
    }

    /// The desk's request is refused so.
    #[track_caller]
    pub fn refuses_request(&self, expected: Expected, application: &Value) -> Value {
        self.refuses(expected, || self.desk.request_certificate(&fresh_key(), application))
    }

    /// The serial that a good request gets.
    #[track_caller]
    pub fn serial_of(&self, application: &Value) -> u64 {
        let issued = self.desk.request_certificate(&fresh_key(), application).expect(201);
        issued["serial"].as_str().unwrap().parse().unwrap()
    }

    /// The good request still gets its certificate, with the serial right after `serial`; and the log verifies.
    #[track_caller]
    pub fn goes_on_after(&self, serial: u64, application: &Value) {
        assert_eq!(self.serial_of(application), serial + 1);
        self.akashi.audit();
    }
}

/// The application with one field replaced, or taken out when the value is null.
pub fn with(application: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = application.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = changed.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    match value {
        Value::Null => drop(parent.remove(field)),
        value => drop(parent.insert(field.to_owned(), value)),
    }
    changed
}
