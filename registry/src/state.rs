//! The records that follow from the log. [`apply`] is the only place that changes them, and refuses what does not fit:
//! a serial out of turn, an issue without an intent, a status that goes back.
mod batch;
mod compromise;
mod consent;
mod expiring;
mod holders;
mod key;
mod queue;
mod read;
mod record;
mod usage;
mod withdrawn;

pub(crate) use expiring::index_once;
pub use expiring::{expiring_key, parse_expiring_key};
pub(crate) use holders::gather_once;
pub use key::Counter;
pub use key::{certificate_key, issuer_key};
pub use read::{StateReads, place_of};
pub use record::{
    CertificateRecord, CompromiseRecord, ConsentRecord, ConsentStanding, KeyClaim, LinkRecord, OcspKeyRecord,
    PartyRecord, PartyState, ProviderRecord, QueueRecord, RequestOutcome, RequestRecord, ResidentRecord, ServiceRecord,
    StoredDate, StoredTime, WithdrawnRecord,
};
pub use withdrawn::{WithdrawnRow, WithdrawnRows};

use pki::identity::{Ca, Device, IssuerKey, KeyNumber, Serial};

use crate::batch::ToldCertificate;
use crate::event::{
    Actor, Cause, CertificatePlace, Event, FixedSettings, PartyId, RequestId, ResidentChange, StoredWithdrawal,
};
use crate::store::{Family, Reads, RegistryError};
use crate::transaction::Transaction;
use key::{key_range_key, link_key, ocsp_key_key, party_key, request_key};

/// Settings fixed by event 0, in [`Family::Meta`].
const SETTINGS: &[u8] = b"settings";
/// The last published cut, in [`Family::Meta`].
const PUBLISHED_CUT: &[u8] = b"published-cut";

const fn illegal(what: &'static str) -> RegistryError {
    RegistryError::Illegal(what)
}

/// Changes the state as the event says.
#[expect(clippy::too_many_lines, reason = "one short arm for each kind of event, none of them left to a wildcard")]
pub(crate) fn apply(transaction: &mut Transaction<'_>, number: u64, event: &Event) -> Result<(), RegistryError> {
    if (number == 0) != matches!(event, Event::Initialised(_)) {
        return Err(illegal("event 0 initialises the registry, and no other does"));
    }
    match event {
        Event::Initialised(settings) => transaction.put(Family::Meta, SETTINGS.to_vec(), settings),
        Event::OwnSerialReserved { ca, key, serial } => take_serial(transaction, *ca, *key, *serial)?,
        Event::CaKeyActivated { ca, key, certificate, serial: _ } => {
            let record = minicbor::bytes::ByteVec::from(certificate.clone());
            transaction.put(Family::Issuers, issuer_key(*ca, *key), &record);
        }
        Event::OcspKeyActivated { ca, key, serial, token_label, certificate, algorithm } => {
            let record =
                OcspKeyRecord { serial: *serial, token_label: token_label.clone(), certificate: certificate.clone() };
            transaction.put(Family::OcspKeys, ocsp_key_key(*ca, *key, *algorithm), &record);
        }
        Event::PartyRegistered { party, role, name, desk, certificate_sha256, certificate } => {
            count(transaction, Counter::Party, party.0.into())?;
            if transaction.party_of_certificate(certificate_sha256)?.is_some() {
                return Err(illegal("a client certificate is one party's"));
            }
            let record = PartyRecord {
                role: *role,
                name: name.clone(),
                desk: desk.clone(),
                certificate: certificate.clone(),
                state: PartyState::Active,
            };
            transaction.put(Family::PartyCertificates, certificate_sha256.to_vec(), party);
            transaction.put(Family::Parties, party_key(*party), &record);
        }
        Event::PartySuspended { party, because: _ } => set_party_state(transaction, *party, PartyState::Suspended)?,
        Event::PartyReinstated { party, because: _ } => set_party_state(transaction, *party, PartyState::Active)?,
        Event::Refused { .. } | Event::CutFailed { .. } => {}
        Event::ResidentChanged { resident, change, effective_on: _ } => {
            note_change(transaction, number, resident, *change)?;
        }
        Event::Reserved { .. } => reserve(transaction, event)?,
        Event::Intended { ca, serial, leave_day } => {
            let mut record = pending(transaction, *ca, *serial)?;
            if record.intended_row.replace(number).is_some() {
                return Err(illegal("an issue has one intent"));
            }
            record.leave_day = Some(StoredDate(*leave_day));
            transaction.put(Family::Certificates, certificate_key(*ca, *serial), &record);
        }
        Event::Issued { ca, serial } => {
            let mut record = pending(transaction, *ca, *serial)?;
            if record.intended_row.is_none() {
                return Err(illegal("an issue needs its intent first"));
            }
            record.issued_row = Some(number);
            let StoredDate(leave_day) =
                record.leave_day.ok_or(illegal("an intent says when its CRL entry may leave"))?;
            let expiring = expiring_key(record.municipality, leave_day, (*ca, *serial));
            transaction.put(Family::Expiring, expiring, &());
            transaction.delete(Family::Pending, certificate_key(*ca, *serial));
            transaction.put(Family::Certificates, certificate_key(*ca, *serial), &record);
        }
        Event::ReservationReleased { ca, serial } => release_reservation(transaction, *ca, *serial)?,
        Event::Withdrawn { ca, serial, cause, withdrawal, through: _, request } => {
            let told = withdraw(transaction, *ca, *serial, *cause, *withdrawal)?;
            if let Some(request) = request {
                put_request(transaction, request, RequestOutcome::Withdrawn(told))?;
            }
        }
        Event::HoldReleased { ca, serial, cause: _ } => release_hold(transaction, *ca, *serial)?,
        Event::CaKeyCompromised { ca, key, because: _ } => {
            compromise::compromise(transaction, IssuerKey { ca: *ca, key: *key })?;
        }
        Event::CompromiseFilled { ca, key, from, to } => compromise::fill(transaction, (*ca, *key), (*from, *to))?,
        Event::CaLinkIssued { ca, linked, with, serial: _, certificate } => {
            if linked == with {
                return Err(illegal("a link is between two keys"));
            }
            let record = minicbor::bytes::ByteVec::from(certificate.clone());
            transaction.put(Family::Links, link_key(*ca, *linked, *with), &record);
        }
        Event::UsageRecorded { batch, counts } => usage::add(transaction, *batch, counts)?,
        Event::ExpiryNotified { certificates } => note_notices(transaction, certificates)?,
        Event::PhonePoliciesFixed(policies) => {
            let settings = transaction.settings()?.ok_or(illegal("settings are fixed first"))?;
            if settings.phone_policies.is_some() {
                return Err(illegal("policies are fixed once"));
            }
            let settings = FixedSettings { phone_policies: Some(policies.clone()), ..settings };
            transaction.put(Family::Meta, SETTINGS.to_vec(), &settings);
        }
        Event::Answered { request, answer } => {
            put_request(transaction, request, RequestOutcome::Answer(answer.clone().into()))?;
        }
        Event::BatchRowsAnswered { batch, done, refused, unnumbered: _ } => {
            batch::answer_rows(transaction, batch, done, refused)?;
        }
        Event::RequestEnded(request) => put_request(transaction, request, RequestOutcome::Ended)?,
        Event::ProviderRegistered { provider, operator, name } => {
            let record = ProviderRecord { operator: *operator, name: name.clone() };
            consent::register_provider(transaction, *provider, &record)?;
        }
        Event::ServiceRegistered { service, provider, name } => {
            let record = ServiceRecord { provider: *provider, name: name.clone() };
            consent::register_service(transaction, *service, &record)?;
        }
        Event::ConsentGiven { consent, service, resident, items, in_force_from, in_force_until, application_hash } => {
            let (in_force_from, in_force_until) = (*in_force_from, *in_force_until);
            let record = ConsentRecord { items: *items, in_force_from, in_force_until, withdrawn_at: None };
            consent::use_application(transaction, number, application_hash)?;
            consent::give(transaction, *consent, (*service, resident), &record)?;
        }
        Event::ConsentWithdrawn { service, resident, application_hash } => {
            consent::use_application(transaction, number, application_hash)?;
            consent::withdraw(transaction, *service, resident)?;
        }
        Event::Disclosed { disclosure, request, consent, service, asked, told, items } => {
            count(transaction, Counter::Disclosure, disclosure.0)?;
            let resident = consent::require_in_force(transaction, *consent, *service, items.map(|items| items.0))?;
            consent::require_persons(transaction, &resident, *asked, *told)?;
            if items.is_some() != (asked.serial < told.serial) {
                return Err(illegal("something is told if and only if there is a newer certificate"));
            }
            put_request(transaction, request, RequestOutcome::Disclosure { row: number })?;
        }
        Event::Queued { number: queued, work, resident } => queue::put(transaction, number, *queued, *work, *resident)?,
        Event::Dequeued { number: queued, end } => queue::end(transaction, *queued, end)?,
        Event::PhoneNoticed { notice: _, resident: _, application_hash } => {
            consent::use_application(transaction, number, application_hash)?;
        }
        Event::CutReserved { cut_number, because: _ } => count(transaction, Counter::Cut, *cut_number)?,
        Event::CutPublished(cut) => {
            let last = transaction.published_cut()?.map_or(0, |last| last.cut_number);
            // I21: readers never see numbers go back, nor one that nobody reserved.
            if cut.cut_number <= last || cut.cut_number > transaction.counter(Counter::Cut)? {
                return Err(illegal("a published cut has a reserved number above the last published one"));
            }
            transaction.put(Family::Meta, PUBLISHED_CUT.to_vec(), cut);
        }
    }
    Ok(())
}

/// Remembers that the person is not who, or not where, the CA's records say.
fn note_change(
    transaction: &mut Transaction<'_>,
    number: u64,
    resident: &[u8; 32],
    change: ResidentChange,
) -> Result<(), RegistryError> {
    let gone = match change {
        ResidentChange::Moved
        | ResidentChange::NameChanged
        | ResidentChange::SexCorrected
        | ResidentChange::BirthDateCorrected
        // Who keeps the card may come for another certificate.
        | ResidentChange::LeftJapanKeepingCard => false,
        ResidentChange::Died | ResidentChange::LeftJapan => true,
        ResidentChange::MinorAddressCorrection => return Ok(()),
    };
    let row_before = transaction.resident(resident)?.map(|record| record.last_row);
    let record = ResidentRecord { last_row: number, row_before, gone };
    transaction.put(Family::ResidentChanges, resident.to_vec(), &record);
    Ok(())
}

/// Counters only go forward, one at a time.
fn count(transaction: &mut Transaction<'_>, counter: Counter, value: u64) -> Result<(), RegistryError> {
    if transaction.counter(counter)? + 1 != value {
        return Err(illegal("a counter moves forward by one"));
    }
    transaction.put(Family::Meta, counter.key(), &value);
    Ok(())
}

fn take_serial(transaction: &mut Transaction<'_>, ca: Ca, key: KeyNumber, serial: Serial) -> Result<(), RegistryError> {
    count(transaction, Counter::Serial(ca), serial.get())?;
    if transaction.key_of_serial(ca, serial)? != Some(key) {
        transaction.put(Family::KeyRanges, key_range_key(ca, serial), &key.get());
    }
    Ok(())
}

fn put_request(
    transaction: &mut Transaction<'_>,
    request: &RequestId,
    outcome: RequestOutcome,
) -> Result<(), RegistryError> {
    if transaction.request(request.party, &request.key_hash)?.is_some() {
        return Err(illegal("an idempotency key stands for one request"));
    }
    let record = RequestRecord { request_hash: request.request_hash, outcome };
    transaction.put(Family::Requests, request_key(request.party, &request.key_hash), &record);
    Ok(())
}

/// A request may take several serials before anything is built on one of them.
fn add_to_request(
    transaction: &mut Transaction<'_>,
    request: &RequestId,
    place: CertificatePlace,
    resident: &[u8; 32],
) -> Result<(), RegistryError> {
    let Some(earlier) = transaction.request(request.party, &request.key_hash)? else {
        return put_request(transaction, request, RequestOutcome::Certificate { ca: place.ca, serial: place.serial });
    };
    let taken = earlier.outcome.places().filter(|_| earlier.request_hash == request.request_hash);
    let mut places = taken.ok_or(illegal("an idempotency key stands for one request"))?;
    for taken in &places {
        let record = pending(transaction, taken.ca, taken.serial)?;
        if taken.ca == place.ca || record.intended_row.is_some() || record.resident != *resident {
            return Err(illegal("a request takes one serial of a CA, for one person, before anything is built"));
        }
    }
    places.push(place);
    let record = RequestRecord { request_hash: request.request_hash, outcome: RequestOutcome::Certificates(places) };
    transaction.put(Family::Requests, request_key(request.party, &request.key_hash), &record);
    Ok(())
}

fn set_party_state(transaction: &mut Transaction<'_>, party: PartyId, state: PartyState) -> Result<(), RegistryError> {
    let record = transaction.party(party)?.ok_or(illegal("no such party"))?;
    transaction.put(Family::Parties, party_key(party), &PartyRecord { state, ..record });
    Ok(())
}

fn reserve(transaction: &mut Transaction<'_>, event: &Event) -> Result<(), RegistryError> {
    let Event::Reserved { request, ca, key, serial, public_key, resident, municipality, card, phone } = *event else {
        return Err(illegal("only a reservation reserves"));
    };
    let Actor::Party(party) = transaction.actor() else { return Err(illegal("a reservation is a party's")) };
    if [card.is_some(), phone.is_some()] != [ca.device() == Device::Phone; 2] {
        return Err(illegal("a phone's certificate, and no other, is in a phone and stands on one of the card"));
    }
    if transaction.compromise(IssuerKey { ca, key })?.is_some() {
        return Err(illegal("a compromised key issues nothing more"));
    }
    take_serial(transaction, ca, key, serial)?;
    add_to_request(transaction, &request, CertificatePlace { ca, serial }, &resident)?;
    if transaction.key_claim(&public_key)?.is_some() {
        return Err(illegal("a public key is claimed once"));
    }
    transaction.put(Family::PublicKeys, public_key.to_vec(), &KeyClaim { party, resident, ca, serial });
    let place = certificate_key(ca, serial);
    let mut places = transaction.places_of(&resident)?;
    places.push(CertificatePlace { ca, serial });
    places.sort_unstable_by_key(|place| (place.ca, place.serial));
    transaction.put(Family::Residents, resident.to_vec(), &places);
    transaction.put(Family::Pending, place.clone(), &());
    let record = CertificateRecord {
        key,
        request,
        public_key,
        resident,
        municipality,
        reserved_at: transaction.now(),
        intended_row: None,
        issued_row: None,
        leave_day: None,
        withdrawal: None,
        cause: None,
        card,
        phone,
        is_stood_on: Some(false),
        notified_at: None,
    };
    transaction.put(Family::Certificates, place, &record);
    card.map_or(Ok(()), |card| note_that_one_stands_on(transaction, card))
}

fn note_that_one_stands_on(transaction: &mut Transaction<'_>, card: CertificatePlace) -> Result<(), RegistryError> {
    let place = certificate_key(card.ca, card.serial);
    // As it is stored: what a compromised key makes of it is written by its own event.
    let record: Option<CertificateRecord> = transaction.record(Family::Certificates, &place)?;
    let record = record.ok_or(illegal("a phone's certificate stands on one of the card that is there"))?;
    transaction.put(Family::Certificates, place, &CertificateRecord { is_stood_on: Some(true), ..record });
    Ok(())
}

fn pending(transaction: &Transaction<'_>, ca: Ca, serial: Serial) -> Result<CertificateRecord, RegistryError> {
    let record = transaction.certificate(ca, serial)?;
    let pending = record.filter(|record| record.issued_row.is_none() && record.withdrawal.is_none());
    pending.ok_or(illegal("the issue is not pending"))
}

fn release_reservation(transaction: &mut Transaction<'_>, ca: Ca, serial: Serial) -> Result<(), RegistryError> {
    let record = pending(transaction, ca, serial)?;
    if record.intended_row.is_some() {
        return Err(illegal("after its intent a certificate may exist, so its reservation cannot be released"));
    }
    let place = certificate_key(ca, serial);
    let mut places = transaction.places_of(&record.resident)?;
    places.retain(|place| (place.ca, place.serial) != (ca, serial));
    transaction.put(Family::Residents, record.resident.to_vec(), &places);
    transaction.delete(Family::PublicKeys, record.public_key.to_vec());
    transaction.delete(Family::Requests, request_key(record.request.party, &record.request.key_hash));
    transaction.delete(Family::Pending, place.clone());
    transaction.delete(Family::Certificates, place);
    Ok(())
}

fn withdraw(
    transaction: &mut Transaction<'_>,
    ca: Ca,
    serial: Serial,
    cause: Cause,
    withdrawal: StoredWithdrawal,
) -> Result<ToldCertificate, RegistryError> {
    let mut record = transaction.certificate(ca, serial)?.ok_or(illegal("no such certificate"))?;
    let StoredDate(leave_day) = record.leave_day.ok_or(illegal("nothing was ever built under this serial"))?;
    match (record.withdrawal, withdrawal) {
        (None, _) => {}
        // A hold that becomes a revocation keeps the hold's date, or relying parties would see it go forward.
        (Some(StoredWithdrawal::Held { since: held }), StoredWithdrawal::Revoked { since, .. }) if held == since => {}
        (Some(_), _) => return Err(illegal("a withdrawal only goes from hold to revocation, keeping its date")),
    }
    record.withdrawal = Some(withdrawal);
    record.cause = Some(cause);
    let place = certificate_key(ca, serial);
    if record.is_revoked() {
        transaction.delete(Family::Expiring, expiring_key(record.municipality, leave_day, (ca, serial)));
    }
    let withdrawn = WithdrawnRecord { withdrawal, municipality: record.municipality, leave_day };
    transaction.put(Family::Withdrawn, place.clone(), &withdrawn);
    if is_releasable(ca) {
        transaction.delete(Family::Released, place.clone());
    }
    let issued = record.issued_row.is_some();
    if !issued {
        transaction.delete(Family::Pending, place.clone());
    }
    transaction.put(Family::Certificates, place, &record);
    Ok(ToldCertificate { ca, key: record.key, serial, issued, withdrawal: record.withdrawal })
}

fn note_notices(transaction: &mut Transaction<'_>, certificates: &[CertificatePlace]) -> Result<(), RegistryError> {
    let notified_at = Some(StoredTime(transaction.now()));
    for CertificatePlace { ca, serial } in certificates {
        let place = certificate_key(*ca, *serial);
        // As it is stored: what a compromised key makes of it is written by its own event.
        let record: Option<CertificateRecord> = transaction.record(Family::Certificates, &place)?;
        let record = record.filter(|record| record.issued_row.is_some());
        let record = record.ok_or(illegal("only of an issued certificate its holder is notified"))?;
        transaction.put(Family::Certificates, place, &CertificateRecord { notified_at, ..record });
    }
    Ok(())
}

/// Only a phone's user certificate is ever released: a card's hold ends in revocation (facts 2.1, 5).
fn is_releasable(ca: Ca) -> bool {
    ca == Ca::PhoneAuth
}

/// Only what is held can be released.
fn release_hold(transaction: &mut Transaction<'_>, ca: Ca, serial: Serial) -> Result<(), RegistryError> {
    let record = transaction.certificate(ca, serial)?.ok_or(illegal("no such certificate"))?;
    if !is_releasable(ca) || !matches!(record.withdrawal, Some(StoredWithdrawal::Held { .. })) {
        return Err(illegal("only a phone's held user certificate is ever released"));
    }
    let place = certificate_key(ca, serial);
    transaction.delete(Family::Withdrawn, place.clone());
    transaction.put(Family::Released, place.clone(), &());
    transaction.put(Family::Certificates, place, &CertificateRecord { withdrawal: None, cause: None, ..record });
    Ok(())
}
