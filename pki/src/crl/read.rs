//! Reading CRLs, strictly: exactly the form that [`crate::crl::CrlHead`] writes and nothing else. What stands around the entries is
//! read here for both ways: [`CrlReader`] has the whole CRL in memory, for tests and fuzzing; [`super::stream`] reads a file, and is what
//! judges a cut before it is published (I4, I6, I11, I12).
use std::cmp::Ordering;
use std::ops::{Deref, Range};

use crate::algorithm::{BadSignature, PublicKey, is_signature_identifier_of};
use crate::crl::entry::next_entry;
use crate::crl::extensions::{ReadExtensions, read_extensions};
use crate::crl::{CrlEntry, DeltaEntry, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};
use crate::der::{DerError, DerReader, Tag};
use crate::identity::Serial;
use crate::oid::Oid;
use crate::time::UnixTime;

/// Why octets are not a CRL in our form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlReadError {
    /// Not DER, or not the fields of a CertificateList.
    #[error("{field}: {source}")]
    Malformed {
        /// Where reading stopped, by RFC 5280's name.
        field: &'static str,
        /// What was wrong there.
        source: DerError,
    },
    /// Not version 2 (C01).
    #[error("version is not v2")]
    WrongVersion,
    /// The inner and the outer algorithm differ (C02).
    #[error("signature and signatureAlgorithm differ")]
    AlgorithmsDiffer,
    /// A date through 2049 as GeneralizedTime (C04).
    #[error("{field} is not in the form RFC 5280 §5.1.2.4 asks for")]
    WrongTimeForm {
        /// thisUpdate or nextUpdate.
        field: &'static str,
    },
    /// nextUpdate is too near to thisUpdate, before it, or too far from it (I14).
    #[error(
        "nextUpdate lies {seconds} s after thisUpdate; {VALIDITY_SECONDS_MIN} s to {VALIDITY_SECONDS_MAX} s are allowed"
    )]
    ValidityOutOfBounds {
        /// From thisUpdate to nextUpdate.
        seconds: i64,
    },
    /// revokedCertificates is present and empty (C05).
    #[error("revokedCertificates is present but empty")]
    EmptyList,
    /// An entry is not in the one form our CRLs use.
    #[error("the entry after {entries_before} others is not in canonical form")]
    BadEntry {
        /// How many entries were read before it.
        entries_before: u64,
    },
    /// Serials do not ascend strictly: out of order, or twice (I12).
    #[error("serial {serial} follows serial {previous}")]
    NotAscending {
        /// The serial that stands out of order.
        serial: Serial,
        /// The one before it.
        previous: Serial,
    },
    /// An extension that every CRL of ours has is not there.
    #[error("extension {extension} is missing")]
    MissingExtension {
        /// Which.
        extension: Oid,
    },
    /// An extension that does not belong here.
    #[error("extension with OID octets {found} stands where {} belongs", expected.map_or_else(|| "nothing more".to_owned(), |oid| oid.to_string()))]
    UnknownExtension {
        /// The one that belongs here; none at the end.
        expected: Option<Oid>,
        /// Content octets of its OID in hexadecimal, as a list: it need not be an OID.
        found: String,
    },
    /// Critical where it must not be, or the other way round.
    #[error("extension {extension} must be {}critical", if *critical { "" } else { "non-" })]
    WrongCriticality {
        /// Which.
        extension: Oid,
        /// What it must be.
        critical: bool,
    },
    /// The value is not one of its type, or not in the form ours has.
    #[error("extension {extension} has a malformed value")]
    BadExtension {
        /// Which.
        extension: Oid,
    },
}

/// What stands in a CRL around its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlFields {
    pub(super) signature_identifier: Vec<u8>,
    pub(super) signature: Vec<u8>,
    issuer_name_der: Vec<u8>,
    this_update: UnixTime,
    next_update: UnixTime,
    authority_key_identifier: [u8; 20],
    crl_number: u64,
    base_crl_number: Option<u64>,
    issuing_distribution_point: Vec<u8>,
    freshest_crl: Option<Vec<u8>>,
}

/// A CRL that is in memory whole.
#[derive(Clone, Debug)]
pub struct CrlReader<'a> {
    fields: CrlFields,
    tbs_der: &'a [u8],
    entries: DerReader<'a>,
}

impl Deref for CrlReader<'_> {
    type Target = CrlFields;

    fn deref(&self) -> &CrlFields {
        &self.fields
    }
}

pub(super) fn at(field: &'static str) -> impl Fn(DerError) -> CrlReadError {
    move |source| CrlReadError::Malformed { field, source }
}

/// The fields before the entries, and where the entries lie.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    pub(super) tbs: Range<usize>,
    pub(super) entries: Range<usize>,
    pub(super) signature_identifier: &'a [u8],
    pub(super) issuer_name_der: &'a [u8],
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
}

impl<'a> Start<'a> {
    /// Reads the fields before the entries of a CRL of `size` octets, of which these are the first.
    pub(super) fn read(octets: &'a [u8], size: usize) -> Result<Self, CrlReadError> {
        let mut fields = DerReader::new(octets);
        let read = |fields: &DerReader<'_>| octets.len() - fields.rest().len();
        let ends_at = |field, end: usize, limit: usize| match end.cmp(&limit) {
            Ordering::Equal => Ok(end),
            Ordering::Less => Err(at(field)(DerError::TrailingOctets)),
            Ordering::Greater => Err(at(field)(DerError::Truncated)),
        };
        let contents = fields.header(Tag::SEQUENCE).map_err(at("CertificateList"))?;
        let tbs_start = read(&fields);
        ends_at("CertificateList", tbs_start + contents, size)?;
        let contents = fields.header(Tag::SEQUENCE).map_err(at("tbsCertList"))?;
        let tbs_end = read(&fields) + contents;
        if fields.integer_octets().map_err(at("version"))? != [1] {
            return Err(CrlReadError::WrongVersion);
        }
        let signature_identifier = fields.expect(Tag::SEQUENCE).map_err(at("signature"))?.whole;
        let issuer_name_der = fields.expect(Tag::SEQUENCE).map_err(at("issuer"))?.whole;
        let (this_update, next_update) = read_validity(&mut fields)?;
        let (mut entries_start, mut entries_octets) = (read(&fields), 0);
        if fields.peek() == Some(Tag::SEQUENCE) {
            entries_octets = fields.header(Tag::SEQUENCE).map_err(at("revokedCertificates"))?;
            entries_start = read(&fields);
            if entries_octets == 0 {
                return Err(CrlReadError::EmptyList);
            }
        }
        let entries_end = entries_start + entries_octets;
        if entries_end > tbs_end || tbs_end > size {
            return Err(at("revokedCertificates")(DerError::Truncated));
        }
        Ok(Self {
            tbs: tbs_start..tbs_end,
            entries: entries_start..entries_end,
            signature_identifier,
            issuer_name_der,
            this_update,
            next_update,
        })
    }
}

/// The fields after the entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) extensions: ReadExtensions<'a>,
    pub(super) signature: &'a [u8],
}

impl<'a> End<'a> {
    /// Reads what follows the entries, to the last octet; the first `of_tbs` of these belong to the tbsCertList.
    pub(super) fn read(octets: &'a [u8], of_tbs: usize, signature_identifier: &[u8]) -> Result<Self, CrlReadError> {
        let (tbs, list) = octets.split_at(of_tbs);
        let mut fields = DerReader::new(tbs);
        let mut wrapper = fields.expect(Tag::context_constructed(0)).map_err(at("crlExtensions"))?.reader();
        let extensions = read_extensions(wrapper.sequence().map_err(at("crlExtensions"))?)?;
        wrapper.finish().and(fields.finish()).map_err(at("crlExtensions"))?;
        let mut list = DerReader::new(list);
        if list.expect(Tag::SEQUENCE).map_err(at("signatureAlgorithm"))?.whole != signature_identifier {
            return Err(CrlReadError::AlgorithmsDiffer);
        }
        let signature = list.bit_string().map_err(at("signatureValue"))?;
        list.finish().map_err(at("CertificateList"))?;
        Ok(Self { extensions, signature })
    }
}

impl<'a> CrlReader<'a> {
    /// Reads everything but the entries; iterate over [`CrlReader::entries`] to judge those.
    pub fn new(der: &'a [u8]) -> Result<Self, CrlReadError> {
        let start = Start::read(der, der.len())?;
        let of_tbs = start.tbs.end - start.entries.end;
        let end = End::read(&der[start.entries.end..], of_tbs, start.signature_identifier)?;
        Ok(Self {
            fields: CrlFields::new(&start, &end),
            tbs_der: &der[start.tbs],
            entries: DerReader::new(&der[start.entries]),
        })
    }

    /// The signature is that key's, made with the algorithm the CRL names.
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        if !is_signature_identifier_of(issuer.algorithm(), &self.fields.signature_identifier) {
            return Err(BadSignature);
        }
        issuer.verify(self.tbs_der, &self.fields.signature)
    }

    /// The tbsCertList, octet for octet.
    pub const fn tbs_der(&self) -> &'a [u8] {
        self.tbs_der
    }

    /// The entries of a complete CRL, judged one by one; after an error nothing more comes. A removal is an error, as
    /// [`CrlReadError::BadEntry`] (C14).
    pub fn entries(&self) -> CrlEntries<'a> {
        CrlEntries(self.delta_entries())
    }

    /// The entries of a delta CRL, likewise.
    pub fn delta_entries(&self) -> DeltaEntries<'a> {
        DeltaEntries { rest: self.entries, order: EntryOrder::default(), failed: false }
    }
}

impl CrlFields {
    pub(super) fn new(start: &Start<'_>, end: &End<'_>) -> Self {
        let ReadExtensions {
            authority_key_identifier,
            crl_number,
            base_crl_number,
            issuing_distribution_point,
            freshest_crl,
        } = end.extensions;
        Self {
            signature_identifier: start.signature_identifier.to_vec(),
            signature: end.signature.to_vec(),
            issuer_name_der: start.issuer_name_der.to_vec(),
            this_update: start.this_update,
            next_update: start.next_update,
            authority_key_identifier,
            crl_number,
            base_crl_number,
            issuing_distribution_point: issuing_distribution_point.to_vec(),
            freshest_crl: freshest_crl.map(<[u8]>::to_vec),
        }
    }

    /// The issuer's Name, octet for octet.
    pub fn issuer_name_der(&self) -> &[u8] {
        &self.issuer_name_der
    }

    /// thisUpdate.
    pub const fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// nextUpdate.
    pub const fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// The keyIdentifier of authorityKeyIdentifier.
    pub const fn authority_key_identifier(&self) -> [u8; 20] {
        self.authority_key_identifier
    }

    /// cRLNumber.
    pub const fn crl_number(&self) -> u64 {
        self.crl_number
    }

    /// BaseCRLNumber; `None` in a complete CRL.
    pub const fn base_crl_number(&self) -> Option<u64> {
        self.base_crl_number
    }

    /// The value of issuingDistributionPoint, to be compared with [`crate::crl::CrlScope::to_issuing_distribution_point`].
    pub fn issuing_distribution_point(&self) -> &[u8] {
        &self.issuing_distribution_point
    }

    /// The value of freshestCRL, if there is one, to be compared with [`crate::crl::freshest_crl_value`].
    pub fn freshest_crl(&self) -> Option<&[u8]> {
        self.freshest_crl.as_deref()
    }
}

fn read_validity(fields: &mut DerReader<'_>) -> Result<(UnixTime, UnixTime), CrlReadError> {
    let mut read_time = |field| {
        let form = fields.peek();
        let time = fields.time().map_err(at(field))?;
        let expected = if time.utc().0.year() < 2050 { Tag::UTC_TIME } else { Tag::GENERALIZED_TIME };
        if form == Some(expected) { Ok(time) } else { Err(CrlReadError::WrongTimeForm { field }) }
    };
    let (this_update, next_update) = (read_time("thisUpdate")?, read_time("nextUpdate")?);
    let seconds = next_update.seconds_since(this_update);
    if !(VALIDITY_SECONDS_MIN..=VALIDITY_SECONDS_MAX).contains(&seconds) {
        return Err(CrlReadError::ValidityOutOfBounds { seconds });
    }
    Ok((this_update, next_update))
}

/// The entries of a complete CRL in ascending order of serials.
#[derive(Clone, Debug)]
pub struct CrlEntries<'a>(DeltaEntries<'a>);

impl Iterator for CrlEntries<'_> {
    type Item = Result<CrlEntry, CrlReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next()? {
            Ok(DeltaEntry::Listed(entry)) => Some(Ok(entry)),
            Ok(DeltaEntry::Removed { .. }) => {
                self.0.failed = true;
                Some(Err(CrlReadError::BadEntry { entries_before: self.0.order.read - 1 }))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The entries of a delta CRL in ascending order of serials.
#[derive(Clone, Debug)]
pub struct DeltaEntries<'a> {
    rest: DerReader<'a>,
    order: EntryOrder,
    failed: bool,
}

/// Counts entries and sees that they ascend.
#[derive(Clone, Debug, Default)]
pub(super) struct EntryOrder {
    pub(super) read: u64,
    last: Option<Serial>,
}

impl EntryOrder {
    /// The next entry, `None` if it could not be read.
    #[inline]
    pub(super) fn next(&mut self, entry: Option<DeltaEntry>) -> Result<DeltaEntry, CrlReadError> {
        let entry = entry.ok_or(CrlReadError::BadEntry { entries_before: self.read })?;
        let serial = entry.serial();
        if let Some(previous) = self.last
            && previous >= serial
        {
            return Err(CrlReadError::NotAscending { serial, previous });
        }
        self.read += 1;
        self.last = Some(serial);
        Ok(entry)
    }
}

impl DeltaEntries<'_> {
    fn read_next(&mut self) -> Result<DeltaEntry, CrlReadError> {
        self.order.next(next_entry(&mut self.rest))
    }
}

impl Iterator for DeltaEntries<'_> {
    type Item = Result<DeltaEntry, CrlReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let entry = self.read_next();
        self.failed = entry.is_err();
        Some(entry)
    }
}
