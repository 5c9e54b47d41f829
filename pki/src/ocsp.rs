//! OCSP messages (RFC 6960; RFC 9919 for the lean profile; RFC 9654 for nonces).
//!
//! 1. [`OcspRequest`] reads a request where it lies: nothing is copied, nothing is allocated, every rule that makes a
//!    request malformed is settled before the first CertID is looked up.
//! 2. [`ResponseData`] is the only thing an OCSP key signs. Only its encoder makes one, and the encoder refuses times
//!    that no answer may carry.
//! 3. [`BasicResponse`] puts the signed parts together; [`ErrorStatus`] is every answer that is not signed.
//! 4. [`RequestWriter`] makes requests, for those who ask and for tests.
#[cfg(test)]
mod published;
mod request;
mod request_writer;
mod response;

pub use request::{CertId, OcspRequest, PreferredSignatureAlgorithm, RequestError};
pub use request_writer::{RequestWriter, write_cert_id};
pub use response::{
    BasicResponse, ErrorStatus, ResponseContents, ResponseData, ResponseTimeError, SingleResponse, VALIDITY_SECONDS_MAX,
};

/// Lean clients ask about one certificate (L01), gateways about the few that one login or signature involves, verifiers'
/// batches about some dozens. More than this is malformed.
pub const CERT_IDS_PER_REQUEST_MAX: usize = 100;

/// The largest request worth reading: [`CERT_IDS_PER_REQUEST_MAX`] CertIDs with SHA-512 and the longest serial come to
/// 17,500 octets; the rest is room for extensions and a requestor's name.
pub const REQUEST_OCTETS_MAX: usize = 32 * 1_024;

/// CertID (SHA-512, a serial of 20 octets) inside its Request.
const CERT_ID_OCTETS_MAX: usize = 15 + 2 * 66 + 22 + 3 + 3;
const _: () = assert!(CERT_IDS_PER_REQUEST_MAX * CERT_ID_OCTETS_MAX + 1_024 <= REQUEST_OCTETS_MAX);
