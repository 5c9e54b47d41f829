//! What a call is answered with when it is not refused.
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// An answer in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// Path of what was made.
    pub location: Option<String>,
}

/// By hand: a body may hold a certificate, and with it the 4 info.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("location", &self.location).finish_non_exhaustive()
    }
}

impl Answer {
    /// 200.
    pub fn ok(body: impl Serialize) -> Self {
        Self { status: 200, body: json(body), location: None }
    }

    /// 201 for what is only ever listed.
    pub fn registered(body: impl Serialize) -> Self {
        Self { status: 201, body: json(body), location: None }
    }

    /// 201, with the path of what was made.
    pub fn created(body: impl Serialize, location: String) -> Self {
        Self { status: 201, body: json(body), location: Some(location) }
    }
}

/// A body in JSON: written once, and sent and kept as it is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(Box<RawValue>);

impl Body {
    /// As it is sent.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// To look into.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.text()).expect("what was written as JSON is JSON")
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Eq for Body {}

/// A body in JSON. Bodies are our own types: with text as keys, and numbers that JSON has.
pub(crate) fn json(body: impl Serialize) -> Body {
    Body(to_raw_value(&body).expect("an answer's body is JSON"))
}
