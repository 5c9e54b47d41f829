//! What the events of providers, services, consents and disclosures change, and what they demand.
use minicbor::bytes::ByteVec;
use pki::identity::Ca;

use super::key::{consent_key, consent_number_key, consents_prefix, provider_key, service_key};
use super::{
    ConsentRecord, ConsentStanding, Counter, ProviderRecord, ServiceRecord, StateReads, StoredTime, count, illegal,
};
use crate::consent::{ConsentId, Items, ProviderId, ServiceId};
use crate::event::{CertificatePlace, Role};
use crate::store::{Family, RegistryError};
use crate::transaction::Transaction;

pub(super) fn register_provider(
    transaction: &mut Transaction<'_>,
    provider: ProviderId,
    record: &ProviderRecord,
) -> Result<(), RegistryError> {
    count(transaction, Counter::Provider, provider.0.into())?;
    if transaction.party(record.operator)?.is_none_or(|party| party.role != Role::Operator) {
        return Err(illegal("a provider belongs to an operator"));
    }
    transaction.put(Family::Providers, provider_key(provider), record);
    Ok(())
}

pub(super) fn register_service(
    transaction: &mut Transaction<'_>,
    service: ServiceId,
    record: &ServiceRecord,
) -> Result<(), RegistryError> {
    count(transaction, Counter::Service, service.0.into())?;
    if transaction.provider(record.provider)?.is_none() {
        return Err(illegal("a service belongs to a provider"));
    }
    transaction.put(Family::Services, service_key(service), record);
    Ok(())
}

/// An application works once, for ever: whoever sends it again, and whatever became of its consent.
pub(super) fn use_application(
    transaction: &mut Transaction<'_>,
    row: u64,
    application_hash: &[u8; 32],
) -> Result<(), RegistryError> {
    if transaction.application(application_hash)?.is_some() {
        return Err(illegal("an application works once"));
    }
    transaction.put(Family::Applications, application_hash.to_vec(), &row);
    Ok(())
}

pub(super) fn give(
    transaction: &mut Transaction<'_>,
    consent: ConsentId,
    (service, resident): (ServiceId, &[u8; 32]),
    record: &ConsentRecord,
) -> Result<(), RegistryError> {
    count(transaction, Counter::Consent, consent.0)?;
    if transaction.service(service)?.is_none() {
        return Err(illegal("a consent is for a service"));
    }
    if record.in_force_from <= transaction.now() || record.in_force_until < record.in_force_from {
        return Err(illegal("a consent is in force later, and ends after it begins"));
    }
    let key = consent_key(service, resident, consent);
    transaction.put(Family::ConsentNumbers, consent_number_key(consent), &ByteVec::from(key.clone()));
    transaction.put(Family::Consents, key, record);
    Ok(())
}

/// Every consent of that person for that service that is not withdrawn yet. That there is none is no mistake: whoever
/// wants no consent to stand is remembered, so that one that arrives late is known to be from before.
pub(super) fn withdraw(
    transaction: &mut Transaction<'_>,
    service: ServiceId,
    resident: &[u8; 32],
) -> Result<(), RegistryError> {
    if transaction.service(service)?.is_none() {
        return Err(illegal("a withdrawal is for a service"));
    }
    let now = StoredTime(transaction.now());
    for (consent, record) in transaction.consents_of(service, resident)? {
        if record.withdrawn_at.is_none() {
            let record = ConsentRecord { withdrawn_at: Some(now), ..record };
            transaction.put(Family::Consents, consent_key(service, resident, consent), &record);
        }
    }
    transaction.put(Family::ConsentWithdrawals, consents_prefix(service, resident), &now);
    Ok(())
}

/// Nothing is told but what a consent for that service in force covers. Gives whose consent it is.
pub(super) fn require_in_force(
    transaction: &Transaction<'_>,
    consent: ConsentId,
    service: ServiceId,
    told: Option<Items>,
) -> Result<[u8; 32], RegistryError> {
    let (of, resident, record) = transaction.consent(consent)?.ok_or(illegal("no such consent"))?;
    if of != service || record.standing(transaction.now()) != ConsentStanding::InForce {
        return Err(illegal("nothing is told without a consent for that service in force"));
    }
    if told.is_some_and(|told| !record.items.covers(told)) {
        return Err(illegal("only what was consented to is told"));
    }
    Ok(resident)
}

/// Both are signature certificates that were issued to that person, and the one told of is not the older one.
pub(super) fn require_persons(
    transaction: &Transaction<'_>,
    resident: &[u8; 32],
    asked: CertificatePlace,
    told: CertificatePlace,
) -> Result<(), RegistryError> {
    for place in [asked, told] {
        let record = transaction.certificate(place.ca, place.serial)?;
        let issued = record.filter(|record| place.ca == Ca::Sign && record.issued_row.is_some());
        if issued.is_none_or(|record| record.resident != *resident) {
            return Err(illegal("a disclosure is about signature certificates issued to who consented"));
        }
    }
    if told.serial < asked.serial {
        return Err(illegal("a disclosure is of the certificate asked about or a newer one"));
    }
    Ok(())
}
