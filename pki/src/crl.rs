//! Certificate revocation lists (RFC 5280 §5), full and by municipality.
//!
//! | part | what it holds |
//! |---|---|
//! | [`DistributionPoint`] | the name that ties a certificate to its municipality's CRL |
//! | [`CrlEntry`] | one held or revoked certificate, in one small form |
//! | [`CrlHead::tbs_der`] | the writer; [`crate::lint::crl`] makes of it what a signer takes |
//! | [`SignedCrl`] | with the signature |
//! | [`CrlReader`] | the strict reader, which judges what was written before anybody else sees it |
mod distribution_point;
mod entry;
mod extensions;
mod read;
mod write;

pub use distribution_point::DistributionPoint;
pub use entry::{CrlEntry, ENTRY_OCTETS_MAX, EncodedEntry};
pub use extensions::CrlScope;
pub use read::{CrlEntries, CrlReadError, CrlReader};
pub use write::{CrlHead, CrlWriteError, SignedCrl, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;
