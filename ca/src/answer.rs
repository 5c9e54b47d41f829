//! What a call is answered with when it is not refused.
use serde_json::Value;

/// An answer in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// Path of what was made.
    pub location: Option<String>,
}

impl Answer {
    /// 200.
    pub const fn ok(body: Value) -> Self {
        Self { status: 200, body, location: None }
    }

    /// 201, with the path of what was made.
    pub const fn created(body: Value, location: String) -> Self {
        Self { status: 201, body, location: Some(location) }
    }
}
