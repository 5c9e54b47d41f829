//! The OCSP responder: parse, look up, answer.
//!
//! ```text
//! bytes ─ pki::ocsp::OcspRequest ─ issuers ─ status index ─ [decision] ─ signer ─ [answer] ─ headers ─ bytes
//! ```
//! 1. [`Responder`] decides: whatever the bytes, a signed answer that is true or one of the five errors. It is plain
//!    functions over a request, the [`status::StatusIndex`] and `now`.
//!    What was signed for one certificate without a nonce is kept, until its status changes or it grows old ([`kept`]).
//! 2. [`Issuers`] finds an issuer by name hash **and** key hash (I18), and holds each issuer's delegated key as an
//!    [`OcspSigner`], replaced without a gap.
//! 3. [`OcspService`] bounds what signing may take, catches a panic for the one request that caused it, and counts.
//! 4. [`OcspDoor`] is HTTP: `/ocsp/{ca}` by POST, GET and HEAD, and the headers of RFC 9919.
//!
//! No CA key, no personal data, and nothing is ever written.
mod answer;
mod decision;
mod http;
mod issuers;
mod kept;
mod line;
mod metrics;
mod service;
mod settings;
mod signer;
mod under_way;

pub use answer::{Answer, SignedAnswer, Tally};
pub use decision::{Decided, Decision, Responder};
pub use http::{OcspDoor, closed_ocsp_routes};
pub use issuers::{Issuers, UnknownIssuer};
pub use metrics::{Method, OcspMetrics};
pub use service::{Clocks, OcspService, SigningLimits};
pub use settings::{OcspSettings, SettingsError};
pub use signer::{OcspSigner, SignFailure, SignedResponseData};
