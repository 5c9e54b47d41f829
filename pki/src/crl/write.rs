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

/// A tbsCertList around its entries: `before`, the entries' octets, `after`. The middle part need never be whole in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct CrlFrame {
    pub(crate) before: Vec<u8>,
    pub(crate) entries_octets: usize,
    pub(crate) after: Vec<u8>,
}

impl CrlFrame {
    /// Octets of the whole tbsCertList.
    pub const fn size(&self) -> usize {
        self.before.len() + self.entries_octets + self.after.len()
    }
}

/// Entries are handed on in pieces of about this size.
const PIECE_OCTETS: usize = 64 * 1_024;

impl CrlKind<'_> {
    /// Writes the entries of a CRL of this kind, in pieces of whole ones. A complete one takes [`crate::crl::CrlEntry`] as they are.
    pub fn write_entries<T: Into<DeltaEntry>, E: From<CrlWriteError>>(
        self,
        entries: impl IntoIterator<Item = T>,
        mut piece: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut octets = Vec::with_capacity(PIECE_OCTETS + ENTRY_OCTETS_MAX);
        let mut last: Option<Serial> = None;
        for entry in entries {
            let entry = entry.into();
            let serial = entry.serial();
            if let Some(previous) = last
                && previous >= serial
            {
                return Err(CrlWriteError::NotAscending { serial, previous }.into());
            }
            if let (CrlKind::Complete { .. }, DeltaEntry::Removed { .. }) = (self, entry) {
                return Err(CrlWriteError::RemovedByComplete { serial }.into());
            }
            last = Some(serial);
            octets.extend_from_slice(entry.encode().as_slice());
            if octets.len() >= PIECE_OCTETS {
                piece(&octets)?;
                octets.clear();
            }
        }
        if octets.is_empty() { Ok(()) } else { piece(&octets) }
    }
}

impl CrlHead<'_> {
    /// What stands around entries of that many octets in the tbsCertList of a version 2 CRL (C01).
    pub fn frame(&self, entries_octets: usize) -> Result<CrlFrame, CrlWriteError> {
        let CrlHead { issuer: _, issuer_name, public_key, this_update, next_update, crl_number, scope, kind } = *self;
        // I14: such a CRL is not even written.
        let seconds = next_update.seconds_since(this_update);
        if !(VALIDITY_SECONDS_MIN..=VALIDITY_SECONDS_MAX).contains(&seconds) {
            return Err(CrlWriteError::ValidityOutOfBounds { seconds });
        }
        let mut fields = DerWriter::new();
        fields.integer(1); // version v2
        public_key.algorithm().write_signature_identifier(&mut fields); // C02: SignedCrl writes the same one again.
        issuer_name.write_der(&mut fields);
        this_update.write_der(&mut fields);
        next_update.write_der(&mut fields);
        let mut after = DerWriter::new();
        write_extensions(&mut after, public_key.key_identifier(), crl_number, kind, scope);
        let after = after.finish();
        // C05: with no entry the field is absent, not empty.
        let list = if entries_octets == 0 { 0 } else { element_size(entries_octets) };
        let mut before = DerWriter::with_capacity(fields.as_slice().len() + 16);
        before.header(Tag::SEQUENCE, fields.as_slice().len() + list + after.len());
        before.raw(fields.as_slice());
        if entries_octets > 0 {
            before.header(Tag::SEQUENCE, entries_octets);
        }
        Ok(CrlFrame { before: before.finish(), entries_octets, after })
    }

    /// The whole tbsCertList in memory, for a CRL that is known to be small. The same head and entries give the same octets.
    pub fn tbs_der<E: Into<DeltaEntry>>(&self, entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, CrlWriteError> {
        let mut octets = Vec::new();
        self.kind.write_entries(entries, |piece| {
            octets.extend_from_slice(piece);
            Ok::<_, CrlWriteError>(())
        })?;
        let CrlFrame { before, entries_octets: _, after } = self.frame(octets.len())?;
        Ok([before, octets, after].concat())
    }
}

/// A CRL with a signature on it, but for its entries: they are written between its two parts as often as they are needed.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCrl {
    issuer: IssuerKey,
    before: Vec<u8>,
    entries_octets: usize,
    after: Vec<u8>,
}

impl std::fmt::Debug for SignedCrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedCrl({}, {} octets)", self.issuer, self.size())
    }
}

impl SignedCrl {
    /// Puts signature and octets together; reached through `LintedCrl::assemble` alone.
    pub(crate) fn assemble(issuer: IssuerKey, algorithm: Algorithm, frame: &CrlFrame, signature: &[u8]) -> Self {
        let identifier = algorithm.signature_identifier();
        let contents = frame.size() + identifier.len() + element_size(signature.len() + 1);
        let mut before = DerWriter::with_capacity(frame.before.len() + 8);
        before.header(Tag::SEQUENCE, contents);
        before.raw(&frame.before);
        let mut after = DerWriter::with_capacity(frame.after.len() + identifier.len() + signature.len() + 8);
        after.raw(&frame.after);
        after.raw(&identifier);
        after.bit_string(signature);
        Self { issuer, before: before.finish(), entries_octets: frame.entries_octets, after: after.finish() }
    }

    /// Which key was to sign it.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// Octets of the whole CertificateList.
    pub const fn size(&self) -> usize {
        self.before.len() + self.entries_octets + self.after.len()
    }

    /// The whole CertificateList in memory, with these octets of its entries.
    pub fn whole(&self, entries: &[u8]) -> Vec<u8> {
        [&self.before, entries, &self.after].concat()
    }

    /// What stands before the octets of the entries.
    pub fn before(&self) -> &[u8] {
        &self.before
    }

    /// What stands after them.
    pub fn after(&self) -> &[u8] {
        &self.after
    }
}
