//! Certificate revocation lists (RFC 5280 §5), full and by municipality, and the deltas of full ones.
//!
//! | part | what it holds |
//! |---|---|
//! | [`DistributionPoint`] | the name that ties a certificate to its municipality's CRL |
//! | [`CrlEntry`], [`DeltaEntry`] | one held or revoked certificate, in one small form; what became of one since the base |
//! | [`CrlScope`], [`CrlKind`] | which certificates a CRL speaks for; complete or delta |
//! | [`CrlHead::tbs_der`] | the writer; [`crate::lint::crl`] makes of it what a signer takes |
//! | [`SignedCrl`] | with the signature |
//! | [`CrlReader`] | the strict reader, which judges what was written before anybody else sees it |
mod distribution_point;
mod entry;
mod extensions;
mod read;
mod write;

pub use distribution_point::DistributionPoint;
pub(crate) use entry::REMOVE_FROM_CRL;
pub use entry::{CrlEntry, DeltaEntry, ENTRY_OCTETS_MAX, EncodedEntry};
pub use extensions::{CrlKind, CrlScope, freshest_crl_value};
pub use read::{CrlEntries, CrlReadError, CrlReader, DeltaEntries};
pub use write::{CrlHead, CrlWriteError, SignedCrl, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;
