//! The OCSP responder: parse, look up, answer.
//!
//! ```text
//! bytes ─ pki::ocsp::OcspRequest ─ issuers ─ status index ─ [decision] ─ signer ─ [answer] ─ headers ─ bytes
//! ```
//! 1. [`Responder`] decides: whatever the bytes, a signed answer that is true or one of the five errors. It is plain
//!    functions over a request, the [`status::StatusIndex`] and `now`.
//! 2. [`Issuers`] finds an issuer by name hash **and** key hash (I18), and holds each issuer's delegated key as an
//!    [`OcspSigner`], replaced without a gap.
//! 3. [`OcspService`] bounds what signing may take, catches a panic for the one request that caused it, and counts.
//! 4. [`ocsp_routes`] is HTTP: `/ocsp/{ca}` by POST, GET and HEAD, and the headers of RFC 9919.
//!
//! No CA key, no personal data, and nothing is ever written.
mod answer;
mod decision;
mod http;
mod issuers;
mod metrics;
mod service;
mod settings;
mod signer;

pub use answer::{Answer, SignedAnswer, Tally};
pub use decision::{Decision, Responder};
pub use http::{ocsp_routes, ocsp_routes_within};
pub use issuers::{Issuers, UnknownIssuer};
pub use metrics::OcspMetrics;
pub use service::{Clocks, OcspService, SigningLimits};
pub use settings::{OcspSettings, SettingsError};
pub use signer::{OcspSigner, SignFailure, SignedResponseData};
