//! The other side of the doors: HTTP over mutual TLS for those who call them. It knows no rule.
mod error;
pub mod http;
