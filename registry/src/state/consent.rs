//! What the events of providers, services, consents and disclosures change, and what they demand.
use minicbor::bytes::ByteVec;
use pki::time::UnixTime;

use super::key::{consent_key, consent_number_key, provider_key, service_key};
use super::{ConsentRecord, ConsentWithdrawal, Counter, ProviderRecord, ServiceRecord, StateReads, count, illegal};
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

/// Every consent of that person for that service that is not withdrawn yet.
pub(super) fn withdraw(
    transaction: &mut Transaction<'_>,
    (service, resident): (ServiceId, &[u8; 32]),
    applied_at: UnixTime,
) -> Result<(), RegistryError> {
    let mut given = transaction.consents_of(service, resident)?;
    given.retain(|(_, record)| record.withdrawal.is_none());
    if given.is_empty() {
        return Err(illegal("a withdrawal withdraws something"));
    }
    let withdrawal = Some(ConsentWithdrawal { at: transaction.now(), applied_at });
    for (consent, record) in given {
        let record = ConsentRecord { withdrawal, ..record };
        transaction.put(Family::Consents, consent_key(service, resident, consent), &record);
    }
    Ok(())
}

/// Nothing is told but what a consent for that service in force covers.
pub(super) fn require_effective(
    transaction: &Transaction<'_>,
    consent: ConsentId,
    service: ServiceId,
    told: Option<Items>,
) -> Result<(), RegistryError> {
    let (of, record) = transaction.consent(consent)?.ok_or(illegal("no such consent"))?;
    if of != service || !record.is_effective(transaction.now()) {
        return Err(illegal("nothing is told without a consent for that service in force"));
    }
    if told.is_some_and(|told| !record.items.covers(told)) {
        return Err(illegal("only what was consented to is told"));
    }
    Ok(())
}

/// Something is told if and only if there is a newer certificate of the same person.
pub(super) fn require_issued(
    transaction: &Transaction<'_>,
    asked: CertificatePlace,
    told: CertificatePlace,
    newer: bool,
) -> Result<(), RegistryError> {
    let resident_of = |place: CertificatePlace| {
        let record = transaction.certificate(place.ca, place.serial)?;
        let issued = record.filter(|record| record.issued_row.is_some());
        issued.map(|record| record.resident).ok_or(illegal("a disclosure is about issued certificates"))
    };
    if resident_of(asked)? != resident_of(told)? {
        return Err(illegal("a disclosure is about one person"));
    }
    if newer != (asked.ca == told.ca && asked.serial < told.serial) {
        return Err(illegal("something is told if and only if there is a newer certificate"));
    }
    Ok(())
}
