//! Stored keys: fixed widths, big-endian, so that their order is the order of the numbers.
use pki::identity::{Ca, KeyNumber, Serial};

use crate::batch::BatchHash;
use crate::consent::{ConsentId, ProviderId, ServiceId};
use crate::event::{PartyId, StoredAlgorithm};
use crate::queue::QueueNumber;
use crate::usage::{Metered, Minute, QueryPurpose};

/// CA, serial.
pub fn certificate_key(ca: Ca, serial: Serial) -> Vec<u8> {
    [&[ca.code()][..], &serial.get().to_be_bytes()].concat()
}

/// CA, key generation.
pub fn issuer_key(ca: Ca, key: KeyNumber) -> Vec<u8> {
    [&[ca.code()][..], &key.get().to_be_bytes()].concat()
}

/// CA, key generation, and the word of the delegate's algorithm where one is recorded.
pub(super) fn ocsp_key_key(ca: Ca, key: KeyNumber, algorithm: Option<StoredAlgorithm>) -> Vec<u8> {
    let word = algorithm.map_or("", |StoredAlgorithm(algorithm)| algorithm.word());
    [&issuer_key(ca, key)[..], word.as_bytes()].concat()
}

/// CA, certified key, signing key.
pub(super) fn link_key(ca: Ca, linked: KeyNumber, with: KeyNumber) -> Vec<u8> {
    [&issuer_key(ca, linked)[..], &with.get().to_be_bytes()].concat()
}

pub(super) fn key_range_key(ca: Ca, first: Serial) -> Vec<u8> {
    certificate_key(ca, first)
}

pub(super) fn party_key(party: PartyId) -> Vec<u8> {
    party.0.to_be_bytes().to_vec()
}

pub(super) fn request_key(party: PartyId, key_hash: &[u8; 32]) -> Vec<u8> {
    [&party.0.to_be_bytes()[..], key_hash].concat()
}

/// What the keys of a batch's rows begin with.
pub(super) fn batch_key(party: PartyId, batch: &BatchHash) -> Vec<u8> {
    [&party.0.to_be_bytes()[..], batch].concat()
}

pub(super) fn batch_row_key(party: PartyId, batch: &BatchHash, row: u32) -> Vec<u8> {
    [&batch_key(party, batch)[..], &row.to_be_bytes()].concat()
}

pub(super) fn provider_key(provider: ProviderId) -> Vec<u8> {
    provider.0.to_be_bytes().to_vec()
}

pub(super) fn service_key(service: ServiceId) -> Vec<u8> {
    service.0.to_be_bytes().to_vec()
}

/// What the keys of one person's consents for one service begin with.
pub(super) fn consents_prefix(service: ServiceId, resident: &[u8; 32]) -> Vec<u8> {
    [&service.0.to_be_bytes()[..], resident].concat()
}

pub(super) fn consent_key(service: ServiceId, resident: &[u8; 32], consent: ConsentId) -> Vec<u8> {
    [consents_prefix(service, resident), consent_number_key(consent)].concat()
}

pub(super) fn consent_number_key(consent: ConsentId) -> Vec<u8> {
    consent.0.to_be_bytes().to_vec()
}

pub(super) fn queue_key(number: QueueNumber) -> Vec<u8> {
    number.0.to_be_bytes().to_vec()
}

/// Party, minute, CA, purpose.
pub(super) fn usage_key(Metered { party, minute, ca, purpose }: Metered) -> Vec<u8> {
    [&usage_minute_key(party, minute)[..], &[ca.code(), purpose.code()]].concat()
}

/// What the keys of a party's usage in one minute begin with.
pub(super) fn usage_minute_key(party: PartyId, minute: Minute) -> Vec<u8> {
    [party.0.to_be_bytes(), minute.0.to_be_bytes()].concat()
}

/// What stands in a key made by [`usage_key`].
pub(super) fn parse_usage_key(key: &[u8]) -> Option<Metered> {
    let (party, rest) = key.split_first_chunk::<4>()?;
    let (minute, rest) = rest.split_first_chunk::<4>()?;
    let [ca, purpose] = rest.try_into().ok()?;
    let (party, minute) = (PartyId(u32::from_be_bytes(*party)), Minute(u32::from_be_bytes(*minute)));
    Some(Metered { party, minute, ca: Ca::from_code(ca)?, purpose: QueryPurpose::from_code(purpose)? })
}

/// Service, resident and consent from a key made by [`consent_key`].
pub(super) fn parse_consent_key(key: &[u8]) -> Option<(ServiceId, [u8; 32], ConsentId)> {
    let (service, rest) = key.split_first_chunk::<4>()?;
    let (resident, consent) = rest.split_first_chunk::<32>()?;
    let consent = u64::from_be_bytes(consent.try_into().ok()?);
    Some((ServiceId(u32::from_be_bytes(*service)), *resident, ConsentId(consent)))
}

/// CA and serial from a key made by [`certificate_key`], or from the end of one that ends with it.
pub(super) fn parse_certificate_key(key: &[u8]) -> Option<(Ca, Serial)> {
    let (ca, serial) = key.last_chunk::<9>()?.split_first()?;
    Some((Ca::from_code(*ca)?, Serial::new(u64::from_be_bytes(serial.try_into().ok()?))?))
}

/// A number that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The last serial taken.
    Serial(Ca),
    /// The last party number.
    Party,
    /// The last cut number.
    Cut,
    /// The last provider number.
    Provider,
    /// The last service number.
    Service,
    /// The last consent number.
    Consent,
    /// The last disclosure number.
    Disclosure,
    /// The last number in the queue.
    Queue,
    /// The last batch of usage.
    UsageBatch,
}

impl Counter {
    pub(super) fn key(self) -> Vec<u8> {
        match self {
            Self::Serial(ca) => format!("counter/serial/{ca}").into_bytes(),
            Self::Party => b"counter/party".to_vec(),
            Self::Cut => b"counter/cut".to_vec(),
            Self::Provider => b"counter/provider".to_vec(),
            Self::Service => b"counter/service".to_vec(),
            Self::Consent => b"counter/consent".to_vec(),
            Self::Disclosure => b"counter/disclosure".to_vec(),
            Self::Queue => b"counter/queue".to_vec(),
            Self::UsageBatch => b"counter/usage-batch".to_vec(),
        }
    }
}
