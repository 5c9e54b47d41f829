//! The state's records by their own names, from anything they can be read from.
use minicbor::bytes::ByteVec;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};

use super::key::{
    Counter, certificate_key, issuer_key, parse_certificate_key, party_key, request_key, resident_prefix,
};
use super::record::{
    CertificateRecord, KeyClaim, OcspKeyRecord, PartyRecord, RequestRecord, ResidentRecord, WithdrawnRecord,
};
use super::{PUBLISHED_CUT, SETTINGS};
use crate::event::{FixedSettings, PartyId, PublishedCut};
use crate::store::{Family, Reads, RegistryError, decode};

/// The state's records by their own names.
pub trait StateReads: Reads + Sized {
    /// The settings of event 0; `None` before it.
    fn settings(&self) -> Result<Option<FixedSettings>, RegistryError> {
        self.record(Family::Meta, SETTINGS)
    }

    /// Where a counter stands; 0 before its first value.
    fn counter(&self, counter: Counter) -> Result<u64, RegistryError> {
        Ok(self.record(Family::Meta, &counter.key())?.unwrap_or(0))
    }

    /// The next serial of a CA; `None` at the end of its counter.
    fn next_serial(&self, ca: Ca) -> Result<Option<Serial>, RegistryError> {
        Ok(Serial::new(self.counter(Counter::Serial(ca))? + 1))
    }

    /// The next party number.
    fn next_party(&self) -> Result<PartyId, RegistryError> {
        let number = u32::try_from(self.counter(Counter::Party)? + 1);
        number.map(PartyId).map_err(|_| RegistryError::Illegal("party numbers are used up"))
    }

    /// The next cut number.
    fn next_cut(&self) -> Result<u64, RegistryError> {
        Ok(self.counter(Counter::Cut)? + 1)
    }

    /// A certificate's record, from its reservation on.
    fn certificate(&self, ca: Ca, serial: Serial) -> Result<Option<CertificateRecord>, RegistryError> {
        self.record(Family::Certificates, &certificate_key(ca, serial))
    }

    /// Every certificate of a resident.
    fn certificates_of(&self, resident: &[u8; 32]) -> Result<Vec<(Ca, Serial, CertificateRecord)>, RegistryError> {
        let keys = self.scan(Family::Residents, &resident_prefix(resident))?;
        let places = keys.keys().filter_map(|key| parse_certificate_key(key));
        places
            .filter_map(|(ca, serial)| match self.certificate(ca, serial) {
                Ok(Some(record)) => Some(Ok((ca, serial, record))),
                Ok(None) => None,
                Err(error) => Some(Err(error)),
            })
            .collect()
    }

    /// What the resident register reported last of a resident; `None` if nothing yet.
    fn resident(&self, resident: &[u8; 32]) -> Result<Option<ResidentRecord>, RegistryError> {
        self.record(Family::ResidentChanges, resident)
    }

    /// Every issue that is neither finished nor given up.
    fn pending_issues(&self) -> Result<Vec<(Ca, Serial)>, RegistryError> {
        Ok(self.scan(Family::Pending, &[])?.keys().filter_map(|key| parse_certificate_key(key)).collect())
    }

    /// What an idempotency key of a party stands for.
    fn request(&self, party: PartyId, key_hash: &[u8; 32]) -> Result<Option<RequestRecord>, RegistryError> {
        self.record(Family::Requests, &request_key(party, key_hash))
    }

    /// Who claimed a public key.
    fn key_claim(&self, public_key: &[u8; 32]) -> Result<Option<KeyClaim>, RegistryError> {
        self.record(Family::PublicKeys, public_key)
    }

    /// A party.
    fn party(&self, party: PartyId) -> Result<Option<PartyRecord>, RegistryError> {
        self.record(Family::Parties, &party_key(party))
    }

    /// Every party.
    fn parties(&self) -> Result<Vec<(PartyId, PartyRecord)>, RegistryError> {
        let pairs = self.scan(Family::Parties, &[])?;
        let number = |key: &[u8]| key.try_into().map(u32::from_be_bytes).map(PartyId);
        pairs
            .iter()
            .filter_map(|(key, value)| Some((number(key).ok()?, value, key)))
            .map(|(party, value, key)| Ok((party, decode(Family::Parties, key, value)?)))
            .collect()
    }

    /// The party with that client certificate.
    fn party_of_certificate(&self, sha256: &[u8; 32]) -> Result<Option<PartyId>, RegistryError> {
        self.record(Family::PartyCertificates, sha256)
    }

    /// Every CA key that was ever activated, with its certificate in DER.
    fn issuers(&self) -> Result<Vec<(IssuerKey, Vec<u8>)>, RegistryError> {
        let mut issuers = Vec::new();
        for (key, value) in self.scan(Family::Issuers, &[])? {
            let certificate: ByteVec = decode(Family::Issuers, &key, &value)?;
            if let Some(issuer) = parse_issuer_key(&key) {
                issuers.push((issuer, certificate.into()));
            }
        }
        Ok(issuers)
    }

    /// The OCSP key in service for a CA key.
    fn ocsp_key(&self, issuer: IssuerKey) -> Result<Option<OcspKeyRecord>, RegistryError> {
        self.record(Family::OcspKeys, &issuer_key(issuer.ca, issuer.key))
    }

    /// The serial ranges of a CA: each key holds from its serial to the next one's.
    fn key_ranges(&self, ca: Ca) -> Result<Vec<(Serial, KeyNumber)>, RegistryError> {
        let mut ranges = Vec::new();
        for (key, value) in self.scan(Family::KeyRanges, &[ca.code()])? {
            let number: u16 = decode(Family::KeyRanges, &key, &value)?;
            if let (Some((_, first)), Some(number)) = (parse_certificate_key(&key), KeyNumber::new(number)) {
                ranges.push((first, number));
            }
        }
        Ok(ranges)
    }

    /// The key that a serial is reserved for.
    fn key_of_serial(&self, ca: Ca, serial: Serial) -> Result<Option<KeyNumber>, RegistryError> {
        let ranges = self.key_ranges(ca)?;
        Ok(ranges.iter().rev().find(|(first, _)| *first <= serial).map(|(_, key)| *key))
    }

    /// The last published cut.
    fn published_cut(&self) -> Result<Option<PublishedCut>, RegistryError> {
        self.record(Family::Meta, PUBLISHED_CUT)
    }

    /// A held or revoked certificate as CRLs need it.
    fn withdrawn(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnRecord>, RegistryError> {
        self.record(Family::Withdrawn, &certificate_key(ca, serial))
    }
}

impl<R: Reads> StateReads for R {}

/// CA and serial of a key in [`Family::Certificates`] or [`Family::Withdrawn`].
pub fn place_of(key: &[u8]) -> Option<(Ca, Serial)> {
    parse_certificate_key(key)
}

fn parse_issuer_key(key: &[u8]) -> Option<IssuerKey> {
    let (ca, number) = key.split_first()?;
    let key = KeyNumber::new(u16::from_be_bytes(number.try_into().ok()?))?;
    Some(IssuerKey { ca: Ca::from_code(*ca)?, key })
}
