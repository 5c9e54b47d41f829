//! Reading CRLs, strictly: exactly the form that [`crate::crl::CrlHead::tbs_der`] writes and nothing else. It borrows, allocates
//! nothing for the entries, and is what judges a cut before it is published (I4, I6, I11, I12).
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

/// A CRL's fields, borrowed from its octets.
#[derive(Clone, Copy, Debug)]
pub struct CrlReader<'a> {
    tbs_der: &'a [u8],
    signature_identifier: &'a [u8],
    signature: &'a [u8],
    issuer_name_der: &'a [u8],
    this_update: UnixTime,
    next_update: UnixTime,
    entries: DerReader<'a>,
    extensions: ReadExtensions<'a>,
}

fn at(field: &'static str) -> impl Fn(DerError) -> CrlReadError {
    move |source| CrlReadError::Malformed { field, source }
}

impl<'a> CrlReader<'a> {
    /// Reads everything but the entries; iterate over [`CrlReader::entries`] to judge those.
    pub fn new(der: &'a [u8]) -> Result<Self, CrlReadError> {
        let mut outer = DerReader::new(der);
        let mut list = outer.sequence().map_err(at("CertificateList"))?;
        outer.finish().map_err(at("CertificateList"))?;
        let tbs = list.expect(Tag::SEQUENCE).map_err(at("tbsCertList"))?;
        let signature_identifier = list.expect(Tag::SEQUENCE).map_err(at("signatureAlgorithm"))?.whole;
        let signature = list.bit_string().map_err(at("signatureValue"))?;
        list.finish().map_err(at("CertificateList"))?;

        let mut fields = tbs.reader();
        if fields.integer_octets().map_err(at("version"))? != [1] {
            return Err(CrlReadError::WrongVersion);
        }
        if fields.expect(Tag::SEQUENCE).map_err(at("signature"))?.whole != signature_identifier {
            return Err(CrlReadError::AlgorithmsDiffer);
        }
        let issuer_name_der = fields.expect(Tag::SEQUENCE).map_err(at("issuer"))?.whole;
        let (this_update, next_update) = read_validity(&mut fields)?;
        let list = fields.optional(Tag::SEQUENCE).map_err(at("revokedCertificates"))?;
        if list.is_some_and(|list| list.contents.is_empty()) {
            return Err(CrlReadError::EmptyList);
        }
        let mut wrapper = fields.expect(Tag::context_constructed(0)).map_err(at("crlExtensions"))?.reader();
        let extensions = read_extensions(wrapper.sequence().map_err(at("crlExtensions"))?)?;
        wrapper.finish().and(fields.finish()).map_err(at("crlExtensions"))?;
        let entries = DerReader::new(list.map_or(&[], |list| list.contents));
        Ok(Self {
            tbs_der: tbs.whole,
            signature_identifier,
            signature,
            issuer_name_der,
            this_update,
            next_update,
            entries,
            extensions,
        })
    }

    /// The signature is that key's, made with the algorithm the CRL names.
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        if !is_signature_identifier_of(issuer.algorithm(), self.signature_identifier) {
            return Err(BadSignature);
        }
        issuer.verify(self.tbs_der, self.signature)
    }

    /// The tbsCertList, octet for octet.
    pub const fn tbs_der(&self) -> &'a [u8] {
        self.tbs_der
    }

    /// The issuer's Name, octet for octet.
    pub const fn issuer_name_der(&self) -> &'a [u8] {
        self.issuer_name_der
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
        self.extensions.authority_key_identifier
    }

    /// cRLNumber.
    pub const fn crl_number(&self) -> u64 {
        self.extensions.crl_number
    }

    /// The value of issuingDistributionPoint, to be compared with [`crate::crl::CrlScope::to_issuing_distribution_point`].
    pub const fn issuing_distribution_point(&self) -> &'a [u8] {
        self.extensions.issuing_distribution_point
    }

    /// BaseCRLNumber; `None` in a complete CRL.
    pub const fn base_crl_number(&self) -> Option<u64> {
        self.extensions.base_crl_number
    }

    /// The value of freshestCRL, if there is one, to be compared with [`crate::crl::freshest_crl_value`].
    pub const fn freshest_crl(&self) -> Option<&'a [u8]> {
        self.extensions.freshest_crl
    }

    /// The entries of a complete CRL, judged one by one; after an error nothing more comes. A removal is an error, as
    /// [`CrlReadError::BadEntry`] (C14).
    pub const fn entries(&self) -> CrlEntries<'a> {
        CrlEntries(self.delta_entries())
    }

    /// The entries of a delta CRL, likewise.
    pub const fn delta_entries(&self) -> DeltaEntries<'a> {
        DeltaEntries { rest: self.entries, read: 0, last: None, failed: false }
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
                Some(Err(CrlReadError::BadEntry { entries_before: self.0.read - 1 }))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The entries of a delta CRL in ascending order of serials.
#[derive(Clone, Debug)]
pub struct DeltaEntries<'a> {
    rest: DerReader<'a>,
    read: u64,
    last: Option<Serial>,
    failed: bool,
}

impl DeltaEntries<'_> {
    fn read_next(&mut self) -> Result<DeltaEntry, CrlReadError> {
        let entry = next_entry(&mut self.rest).ok_or(CrlReadError::BadEntry { entries_before: self.read })?;
        if let Some(previous) = self.last
            && previous >= entry.serial()
        {
            return Err(CrlReadError::NotAscending { serial: entry.serial(), previous });
        }
        self.read += 1;
        self.last = Some(entry.serial());
        Ok(entry)
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
