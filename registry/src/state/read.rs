//! The state's records by their own names, from anything they can be read from.
use minicbor::bytes::{ByteArray, ByteVec};
use pki::identity::{Ca, Device, IssuerKey, KeyNumber, Serial};
use pki::time::UnixTime;

use super::key::{
    Counter, batch_key, batch_row_key, certificate_key, consent_number_key, consents_prefix, issuer_key,
    parse_certificate_key, parse_consent_key, parse_usage_key, party_key, provider_key, queue_key, request_key,
    service_key, usage_minute_key,
};
use super::record::{
    CertificateRecord, CompromiseRecord, ConsentRecord, KeyClaim, LinkRecord, OcspKeyRecord, PartyRecord,
    ProviderRecord, QueueRecord, RequestRecord, ResidentRecord, ServiceRecord, StoredTime, WithdrawnRecord,
};
use super::{PUBLISHED_CUT, SETTINGS};
use crate::batch::{BatchHash, BatchRecord, RowRecord};
use crate::consent::{ConsentId, ProviderId, ServiceId};
use crate::event::{CertificatePlace, FixedSettings, PartyId, PublishedCut, RequestId};
use crate::queue::QueueNumber;
use crate::store::{Family, Reads, RegistryError, decode};
use crate::usage::{Minute, UsageCount};

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

    /// The next number of a counter whose numbers have four octets.
    fn next_number(&self, counter: Counter) -> Result<u32, RegistryError> {
        u32::try_from(self.counter(counter)? + 1).map_err(|_| RegistryError::Illegal("a counter's numbers are used up"))
    }

    /// The next party number.
    fn next_party(&self) -> Result<PartyId, RegistryError> {
        self.next_number(Counter::Party).map(PartyId)
    }

    /// The next cut number.
    fn next_cut(&self) -> Result<u64, RegistryError> {
        Ok(self.counter(Counter::Cut)? + 1)
    }

    /// A certificate's record, from its reservation on. What was issued under a compromised key is told as revoked, whether
    /// or not that is filled in yet: so this is not to be written back before.
    fn certificate(&self, ca: Ca, serial: Serial) -> Result<Option<CertificateRecord>, RegistryError> {
        let record: Option<CertificateRecord> = self.record(Family::Certificates, &certificate_key(ca, serial))?;
        let Some(record) = record else { return Ok(None) };
        let compromise = self.compromise(IssuerKey { ca, key: record.key })?;
        Ok(Some(match compromise {
            None => record,
            Some(compromise) => compromise.told_of(record),
        }))
    }

    /// The compromise of a CA key; `None` while it is not.
    fn compromise(&self, issuer: IssuerKey) -> Result<Option<CompromiseRecord>, RegistryError> {
        self.record(Family::Compromises, &issuer_key(issuer.ca, issuer.key))
    }

    /// Every compromised CA key.
    fn compromises(&self) -> Result<Vec<(IssuerKey, CompromiseRecord)>, RegistryError> {
        let mut compromises = Vec::new();
        for (key, value) in self.scan(Family::Compromises, &[])? {
            let record = decode(Family::Compromises, &key, &value)?;
            compromises.extend(parse_issuer_key(&key).map(|issuer| (issuer, record)));
        }
        Ok(compromises)
    }

    /// Every link certificate.
    fn links(&self) -> Result<Vec<LinkRecord>, RegistryError> {
        let mut links = Vec::new();
        for (key, value) in self.scan(Family::Links, &[])? {
            let certificate: ByteVec = decode(Family::Links, &key, &value)?;
            if let Some((ca, linked, with)) = parse_link_key(&key) {
                links.push(LinkRecord { ca, linked, with, certificate: certificate.into() });
            }
        }
        Ok(links)
    }

    /// Where every certificate of a resident is found, ascending.
    fn places_of(&self, resident: &[u8; 32]) -> Result<Vec<CertificatePlace>, RegistryError> {
        Ok(self.record(Family::Residents, resident)?.unwrap_or_default())
    }

    /// Every certificate of a resident.
    fn certificates_of(&self, resident: &[u8; 32]) -> Result<Vec<(Ca, Serial, CertificateRecord)>, RegistryError> {
        self.certificates_in(resident, None)
    }

    /// A resident's certificates in a card or a phone; in both, if none is named.
    fn certificates_in(
        &self,
        resident: &[u8; 32],
        device: Option<Device>,
    ) -> Result<Vec<(Ca, Serial, CertificateRecord)>, RegistryError> {
        let places = self.places_of(resident)?.into_iter();
        places
            .filter(|place| device.is_none_or(|device| place.ca.device() == device))
            .filter_map(|CertificatePlace { ca, serial }| match self.certificate(ca, serial) {
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

    /// How far a party's batch is; nowhere, if nothing of it came.
    fn batch(&self, party: PartyId, batch: &BatchHash) -> Result<BatchRecord, RegistryError> {
        Ok(self.record(Family::Batches, &batch_key(party, batch))?.unwrap_or_default())
    }

    /// What became of a row of a batch; `None` before it was answered.
    fn batch_row(&self, party: PartyId, batch: &BatchHash, row: u32) -> Result<Option<RowRecord>, RegistryError> {
        self.record(Family::BatchRows, &batch_row_key(party, batch, row))
    }

    /// The certificates that a request took serials for, in their order: all are issued, or none is.
    fn certificates_of_request(
        &self,
        request: &RequestId,
    ) -> Result<Vec<(Ca, Serial, CertificateRecord)>, RegistryError> {
        let record = self.request(request.party, &request.key_hash)?;
        let places = record.and_then(|record| record.outcome.places()).unwrap_or_default();
        let mut certificates = Vec::new();
        for CertificatePlace { ca, serial } in places {
            certificates.extend(self.certificate(ca, serial)?.map(|record| (ca, serial, record)));
        }
        Ok(certificates)
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
        numbered(self, Family::Parties, PartyId)
    }

    /// The party with that client certificate.
    fn party_of_certificate(&self, sha256: &[u8; 32]) -> Result<Option<PartyId>, RegistryError> {
        self.record(Family::PartyCertificates, sha256)
    }

    /// A service provider.
    fn provider(&self, provider: ProviderId) -> Result<Option<ProviderRecord>, RegistryError> {
        self.record(Family::Providers, &provider_key(provider))
    }

    /// Every service provider.
    fn providers(&self) -> Result<Vec<(ProviderId, ProviderRecord)>, RegistryError> {
        numbered(self, Family::Providers, ProviderId)
    }

    /// A service.
    fn service(&self, service: ServiceId) -> Result<Option<ServiceRecord>, RegistryError> {
        self.record(Family::Services, &service_key(service))
    }

    /// Every service.
    fn services(&self) -> Result<Vec<(ServiceId, ServiceRecord)>, RegistryError> {
        numbered(self, Family::Services, ServiceId)
    }

    /// Every consent of a person for a service, oldest first.
    fn consents_of(
        &self,
        service: ServiceId,
        resident: &[u8; 32],
    ) -> Result<Vec<(ConsentId, ConsentRecord)>, RegistryError> {
        let pairs = self.scan(Family::Consents, &consents_prefix(service, resident))?;
        let numbered = pairs.iter().filter_map(|(key, value)| Some((parse_consent_key(key)?.2, key, value)));
        numbered.map(|(consent, key, value)| Ok((consent, decode(Family::Consents, key, value)?))).collect()
    }

    /// When a person's last withdrawal of consents for a service was recorded; `None` if they never withdrew.
    fn last_consent_withdrawal(
        &self,
        service: ServiceId,
        resident: &[u8; 32],
    ) -> Result<Option<UnixTime>, RegistryError> {
        let last: Option<StoredTime> = self.record(Family::ConsentWithdrawals, &consents_prefix(service, resident))?;
        Ok(last.map(|StoredTime(at)| at))
    }

    /// A consent by its number, for which service it is, and whose.
    fn consent(&self, consent: ConsentId) -> Result<Option<(ServiceId, [u8; 32], ConsentRecord)>, RegistryError> {
        let key: Option<ByteVec> = self.record(Family::ConsentNumbers, &consent_number_key(consent))?;
        let Some(key) = key else { return Ok(None) };
        let Some(record) = self.record(Family::Consents, &key)? else { return Ok(None) };
        Ok(parse_consent_key(&key).map(|(service, resident, _)| (service, resident, record)))
    }

    /// The row that an application for a consent or its withdrawal became.
    fn application(&self, application_hash: &[u8; 32]) -> Result<Option<u64>, RegistryError> {
        self.record(Family::Applications, application_hash)
    }

    /// Something that was put into the queue.
    fn queued(&self, number: QueueNumber) -> Result<Option<QueueRecord>, RegistryError> {
        self.record(Family::Queue, &queue_key(number))
    }

    /// What waits in the queue, and for whom, in its order.
    fn waiting(&self) -> Result<Vec<(QueueNumber, [u8; 32])>, RegistryError> {
        let mut waiting = Vec::new();
        for (key, value) in self.scan(Family::Waiting, &[])? {
            let resident: ByteArray<32> = decode(Family::Waiting, &key, &value)?;
            let number = <[u8; 8]>::try_from(&key[..]).map(u64::from_be_bytes);
            waiting.extend(number.map(|number| (QueueNumber(number), resident.into())));
        }
        Ok(waiting)
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

    /// The last OCSP key of each algorithm for a CA key, in the order of their serials. Of the algorithm of one from an older
    /// log there may be a newer one.
    fn ocsp_keys(&self, issuer: IssuerKey) -> Result<Vec<OcspKeyRecord>, RegistryError> {
        let records = self.scan(Family::OcspKeys, &issuer_key(issuer.ca, issuer.key))?;
        let records = records.iter().map(|(key, value)| decode(Family::OcspKeys, key, value));
        let mut records = records.collect::<Result<Vec<OcspKeyRecord>, _>>()?;
        records.sort_by_key(|record| record.serial);
        Ok(records)
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

    /// What was recorded of a party's usage in the minutes from the first to the last one, ascending.
    fn usage(&self, party: PartyId, from: Minute, to: Minute) -> Result<Vec<UsageCount>, RegistryError> {
        // Nothing in a key is above these octets.
        let to = [usage_minute_key(party, to), vec![u8::MAX; 2]].concat();
        let pairs = self.range(Family::Usage, &usage_minute_key(party, from), &to)?;
        let counts = pairs.iter().filter_map(|(key, value)| Some((parse_usage_key(key)?, key, value)));
        counts
            .map(|(metered, key, value)| Ok(UsageCount { metered, certificates: decode(Family::Usage, key, value)? }))
            .collect()
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

/// Every record of a family whose keys are numbers of four octets.
fn numbered<Id, T: for<'b> minicbor::Decode<'b, ()>>(
    reads: &impl Reads,
    family: Family,
    id: fn(u32) -> Id,
) -> Result<Vec<(Id, T)>, RegistryError> {
    let pairs = reads.scan(family, &[])?;
    let number = |key: &[u8]| key.try_into().map(u32::from_be_bytes).map(id);
    pairs
        .iter()
        .filter_map(|(key, value)| Some((number(key).ok()?, value, key)))
        .map(|(id, value, key)| Ok((id, decode(family, key, value)?)))
        .collect()
}

fn parse_link_key(key: &[u8]) -> Option<(Ca, KeyNumber, KeyNumber)> {
    let (issuer, with) = key.split_last_chunk::<2>()?;
    let IssuerKey { ca, key } = parse_issuer_key(issuer)?;
    Some((ca, key, KeyNumber::new(u16::from_be_bytes(*with))?))
}

fn parse_issuer_key(key: &[u8]) -> Option<IssuerKey> {
    let (ca, number) = key.split_first()?;
    let key = KeyNumber::new(u16::from_be_bytes(number.try_into().ok()?))?;
    Some(IssuerKey { ca: Ca::from_code(*ca)?, key })
}

/// CA and serial of a key in [`Family::Certificates`] or [`Family::Withdrawn`].
pub fn place_of(key: &[u8]) -> Option<(Ca, Serial)> {
    parse_certificate_key(key)
}
