//! Certificate revocation lists (RFC 5280 §5), full and by municipality, and the deltas of full ones.
//!
//! | part | what it holds |
//! |---|---|
//! | [`DistributionPoint`] | the name that ties a certificate to its municipality's CRL |
//! | [`CrlEntry`], [`DeltaEntry`] | one held or revoked certificate, in one small form; what became of one since the base |
//! | [`CrlScope`], [`CrlKind`] | which certificates a CRL speaks for; complete or delta |
//! | [`CrlHead`] | the writer: the frame, and the entries in pieces; [`crate::lint::CrlLinter`] makes of them what a signer takes |
//! | [`SignedCrl`] | with the signature |
//! | [`CrlStream`], [`CrlReader`] | the strict reader, which judges what was written before anybody else sees it: from a file, and in memory |
//!
//! A full CRL of a nation has hundreds of megabytes. It is never whole in memory: its entries are encoded as often as their
//! octets are needed, to be judged and hashed for the signature, and to be written.
mod distribution_point;
mod entry;
mod extensions;
mod read;
mod stream;
mod write;

pub use distribution_point::DistributionPoint;
pub(crate) use entry::REMOVE_FROM_CRL;
pub use entry::{CrlEntry, DeltaEntry, ENTRY_OCTETS_MAX, EncodedEntry};
pub use extensions::{CrlKind, CrlScope, freshest_crl_value};
pub use read::{CrlEntries, CrlFields, CrlReadError, CrlReader, DeltaEntries};
pub use stream::{CrlRead, CrlStream, CrlStreamError};
pub use write::{CrlFrame, CrlHead, CrlWriteError, SignedCrl, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};

#[cfg(test)]
pub(crate) mod strategies;
#[cfg(test)]
mod tests;
