//! What a call is answered with when it is not refused.
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// An answer in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
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

/// A body in JSON. Bodies are our own types: with text as keys, and numbers that JSON has.
pub(crate) fn json(body: impl Serialize) -> Value {
    serde_json::to_value(body).expect("an answer's body is JSON")
}
