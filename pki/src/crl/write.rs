//! Writing CRLs. What a CRL signer takes is made of these octets by `lint::crl`.
use crate::algorithm::{Algorithm, PublicKey};
use crate::crl::extensions::{CrlKind, CrlScope, write_extensions};
use crate::crl::{DeltaEntry, ENTRY_OCTETS_MAX};
use crate::der::{DerWriter, Tag, element_size};
use crate::identity::{IssuerKey, Serial};
use crate::name::DistinguishedName;
use crate::time::UnixTime;

/// The shortest distance from thisUpdate to nextUpdate that is ever signed: one hour.
pub const VALIDITY_SECONDS_MIN: i64 = 3_600;
/// The longest: ten days (B04).
pub const VALIDITY_SECONDS_MAX: i64 = 10 * 86_400;

/// What stands in a CRL besides its entries.
#[derive(Clone, Copy, Debug)]
pub struct CrlHead<'a> {
    /// Which key of which CA is to sign.
    pub issuer: IssuerKey,
    /// The CA's name, encoded as in its certificates (C03).
    pub issuer_name: &'a DistinguishedName,
    /// The CA's public key: the algorithm and the keyIdentifier come from it (C02, C07).
    pub public_key: &'a PublicKey,
    /// thisUpdate.
    pub this_update: UnixTime,
    /// nextUpdate.
    pub next_update: UnixTime,
    /// cRLNumber; that of the cut, so that all CRLs of a cut share it (C09).
    pub crl_number: u64,
    /// Which certificates it speaks for.
    pub scope: &'a CrlScope,
    /// Complete or delta.
    pub kind: CrlKind<'a>,
}

/// Why a CRL is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlWriteError {
    /// nextUpdate is too near to thisUpdate, before it, or too far from it (I14).
    #[error(
        "nextUpdate lies {seconds} s after thisUpdate; a CRL is signed only with {VALIDITY_SECONDS_MIN} s to {VALIDITY_SECONDS_MAX} s"
    )]
    ValidityOutOfBounds {
        /// From thisUpdate to nextUpdate.
        seconds: i64,
    },
    /// The entries were not in strictly ascending order of serials (I12).
    #[error("serial {serial} came after serial {previous}; entries come in ascending order, each serial once")]
    NotAscending {
        /// The serial that came out of order.
        serial: Serial,
        /// The one before it.
        previous: Serial,
    },
    /// A removal in a complete CRL, from which nothing is removed (C14).
    #[error("serial {serial} is removed by a complete CRL; only a delta CRL removes")]
    RemovedByComplete {
        /// The serial.
        serial: Serial,
    },
}

impl CrlHead<'_> {
    /// Writes the tbsCertList of a version 2 CRL (C01), which `lint::crl` judges. The same head and entries give the same
    /// octets. A complete CRL takes [`crate::crl::CrlEntry`] as they are.
    pub fn tbs_der<E: Into<DeltaEntry>>(&self, entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, CrlWriteError> {
        let CrlHead { issuer: _, issuer_name, public_key, this_update, next_update, crl_number, scope, kind } = *self;
        // I14: such a CRL is not even written.
        let seconds = next_update.seconds_since(this_update);
        if !(VALIDITY_SECONDS_MIN..=VALIDITY_SECONDS_MAX).contains(&seconds) {
            return Err(CrlWriteError::ValidityOutOfBounds { seconds });
        }
        let mut before = DerWriter::new();
        before.integer(1); // version v2
        public_key.algorithm().write_signature_identifier(&mut before); // C02: SignedCrl::assemble writes the same one again.
        issuer_name.write_der(&mut before);
        this_update.write_der(&mut before);
        next_update.write_der(&mut before);
        let mut after = DerWriter::new();
        write_extensions(&mut after, public_key.key_identifier(), crl_number, kind, scope);
        Ok(join(before.as_slice(), &write_entries(kind, entries)?, after.as_slice()))
    }
}

/// A CRL with a signature on it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCrl {
    issuer: IssuerKey,
    der: Vec<u8>,
}

impl std::fmt::Debug for SignedCrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedCrl({}, {} octets)", self.issuer, self.der.len())
    }
}

impl SignedCrl {
    /// Puts signature and octets together; reached through `LintedCrl::assemble` alone.
    pub(crate) fn assemble(issuer: IssuerKey, algorithm: Algorithm, tbs_der: &[u8], signature: &[u8]) -> Self {
        let identifier = algorithm.signature_identifier();
        let contents = tbs_der.len() + identifier.len() + element_size(signature.len() + 1);
        let mut writer = DerWriter::with_capacity(element_size(contents));
        writer.header(Tag::SEQUENCE, contents);
        writer.raw(tbs_der);
        writer.raw(&identifier);
        writer.bit_string(signature);
        Self { issuer, der: writer.finish() }
    }

    /// Which key was to sign it.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// The CertificateList as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// The contents of revokedCertificates.
fn write_entries<E: Into<DeltaEntry>>(
    kind: CrlKind<'_>,
    entries: impl IntoIterator<Item = E>,
) -> Result<Vec<u8>, CrlWriteError> {
    let entries = entries.into_iter();
    let mut octets = Vec::with_capacity(entries.size_hint().0 * ENTRY_OCTETS_MAX);
    let mut last: Option<Serial> = None;
    for entry in entries {
        let entry = entry.into();
        let serial = entry.serial();
        if let Some(previous) = last
            && previous >= serial
        {
            return Err(CrlWriteError::NotAscending { serial, previous });
        }
        if let (CrlKind::Complete { .. }, DeltaEntry::Removed { .. }) = (kind, entry) {
            return Err(CrlWriteError::RemovedByComplete { serial });
        }
        last = Some(serial);
        octets.extend_from_slice(entry.encode().as_slice());
    }
    Ok(octets)
}

/// The TBSCertList around its three parts; the large middle one is copied once.
fn join(before: &[u8], entries: &[u8], after: &[u8]) -> Vec<u8> {
    // C05: with no entry the field is absent, not empty.
    let list = if entries.is_empty() { 0 } else { element_size(entries.len()) };
    let contents = before.len() + list + after.len();
    let mut writer = DerWriter::with_capacity(element_size(contents));
    writer.header(Tag::SEQUENCE, contents);
    writer.raw(before);
    if !entries.is_empty() {
        writer.primitive(Tag::SEQUENCE, entries);
    }
    writer.raw(after);
    writer.finish()
}
