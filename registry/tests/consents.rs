//! What the registry refuses of consents, and that a folder from before them opens.
use std::path::Path;
use std::sync::Arc;

use pki::identity::{Ca, KeyNumber, Serial};
use pki::time::{CivilDate, UnixTime};
use registry::consent::{ConsentId, DisclosureId, Item, Items, ProviderId, ServiceId};
use registry::event::{Actor, CertificatePlace, Door, Event, FixedSettings, PartyId, RequestId, Role, StoredItems};
use registry::state::{RequestOutcome, StateReads, StoredTime};
use registry::store::Family;
use registry::writer::{Durability, Surroundings};
use registry::{Clock, Registry, RegistryError, Store};

const NOON: UnixTime = UnixTime::from_seconds(1_795_000_000);
const TOMORROW: UnixTime = UnixTime::from_seconds(1_795_086_400);
const OPERATOR: PartyId = PartyId(1);
const DESK: PartyId = PartyId(2);
const PERSON: [u8; 32] = [4; 32];

struct Stands(std::sync::Mutex<UnixTime>);

impl Clock for Stands {
    fn now(&self) -> UnixTime {
        *self.0.lock().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
fn open(path: &Path, now: UnixTime) -> (Registry, Arc<Stands>) {
    let clock = Arc::new(Stands(now.into()));
    let surroundings = Surroundings {
        clock: clock.clone(),
        randomness: Arc::new(aws_lc_rs::rand::SystemRandom::new()),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    (Registry::open(path, surroundings).unwrap().0, clock)
}

fn append(registry: &Registry, event: Event) -> Result<u64, RegistryError> {
    registry.transact(Actor::Party(DESK), Door::Inside, move |transaction| transaction.append(event, None))
}

fn party(party: PartyId, role: Role) -> Event {
    let certificate_sha256 = [u8::try_from(party.0).unwrap(); 32];
    Event::PartyRegistered { party, role, name: String::new(), desk: None, certificate_sha256, certificate: vec![] }
}

fn request(octet: u8) -> RequestId {
    RequestId { party: DESK, key_hash: [octet; 32], request_hash: [0; 32] }
}

fn begin(registry: &Registry) {
    let settings = FixedSettings {
        organization: String::new(),
        layout: String::new(),
        cps_uri: String::new(),
        sign_policy: String::new(),
        auth_policy: String::new(),
        public_base_url: String::new(),
        algorithm: String::new(),
        phone_policies: None,
    };
    for event in [Event::Initialised(settings), party(OPERATOR, Role::Operator), party(DESK, Role::Desk)] {
        append(registry, event).unwrap();
    }
}

/// A certificate of that resident, issued.
fn issue(registry: &Registry, number: u8, resident: [u8; 32]) -> CertificatePlace {
    issue_by(registry, Ca::Sign, number, resident)
}

fn issue_by(registry: &Registry, ca: Ca, number: u8, resident: [u8; 32]) -> CertificatePlace {
    let (serial, key) = (Serial::new(number.into()).unwrap(), KeyNumber::FIRST);
    let leave_day = CivilDate::new(2030, 3, 31).unwrap();
    let unique = number + if ca == Ca::Sign { 0 } else { 100 };
    let (request, public_key) = (request(unique), [unique; 32]);
    for event in [
        Event::Reserved {
            request,
            ca,
            key,
            serial,
            public_key,
            resident,
            municipality: 13_221,
            card: None,
            phone: None,
        },
        Event::Intended { ca, serial, leave_day },
        Event::Issued { ca, serial },
    ] {
        append(registry, event).unwrap();
    }
    CertificatePlace { ca, serial }
}

fn provider(number: u32, operator: PartyId) -> Event {
    Event::ProviderRegistered { provider: ProviderId(number), operator, name: String::new() }
}

fn service(number: u32, provider: u32) -> Event {
    Event::ServiceRegistered { service: ServiceId(number), provider: ProviderId(provider), name: String::new() }
}

fn items(items: &[Item]) -> Items {
    Items::new(items.iter().copied()).unwrap()
}

fn consent(number: u64, service: u32, application: u8) -> Event {
    Event::ConsentGiven {
        consent: ConsentId(number),
        service: ServiceId(service),
        resident: PERSON,
        items: items(&[Item::Name]),
        in_force_from: TOMORROW,
        in_force_until: TOMORROW.plus_seconds(100),
        application_hash: [application; 32],
    }
}

fn withdrawal(service: u32, application: u8) -> Event {
    let (service, application_hash) = (ServiceId(service), [application; 32]);
    Event::ConsentWithdrawn { service, resident: PERSON, application_hash }
}

#[test]
fn numbers_out_of_turn_and_words_without_their_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = open(folder.path(), NOON);
    begin(&registry);
    let refused = |event: Event| refused_by(&registry, event);
    refused(service(1, 1));
    refused(provider(2, OPERATOR));
    refused(provider(1, DESK));
    refused(provider(1, PartyId(9)));
    append(&registry, provider(1, OPERATOR)).unwrap();
    refused(provider(1, OPERATOR));
    refused(service(2, 1));
    refused(service(1, 2));
    refused(consent(1, 1, 1));
    append(&registry, service(1, 1)).unwrap();
    refused(consent(2, 1, 1));
    refused(withdrawal(2, 1));
    let mut begun = consent(1, 1, 1);
    if let Event::ConsentGiven { in_force_from, .. } = &mut begun {
        *in_force_from = NOON;
    }
    refused(begun);
    append(&registry, consent(1, 1, 1)).unwrap();
    // The application's hash is used: by a consent, by a withdrawal, after it, for ever.
    refused(consent(2, 1, 1));
    refused(withdrawal(1, 1));
    append(&registry, withdrawal(1, 2)).unwrap();
    for application in [1, 2] {
        refused(consent(2, 1, application));
    }
    append(&registry, consent(2, 1, 4)).unwrap();
    let store = registry.store();
    let consents = store.consents_of(ServiceId(1), &PERSON).unwrap();
    assert_eq!(consents.iter().map(|(consent, _)| consent.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(consents[0].1.withdrawn_at, Some(StoredTime(NOON)));
    assert_eq!(consents[1].1.withdrawn_at, None);
    assert_eq!(store.consent(ConsentId(2)).unwrap(), Some((ServiceId(1), PERSON, consents[1].1)));
    assert!(store.consents_of(ServiceId(1), &[5; 32]).unwrap().is_empty());
    assert!(store.consents_of(ServiceId(2), &PERSON).unwrap().is_empty());
    registry::audit::verify(store, |_, _| {}).unwrap();
}

#[test]
fn a_withdrawal_of_nothing_is_remembered_for_that_person_and_service_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, clock) = open(folder.path(), NOON);
    begin(&registry);
    for event in [provider(1, OPERATOR), service(1, 1), service(2, 1)] {
        append(&registry, event).unwrap();
    }
    let last = |registry: &Registry, service, resident| {
        registry.store().last_consent_withdrawal(ServiceId(service), resident).unwrap()
    };
    assert_eq!(last(&registry, 1, &PERSON), None);
    append(&registry, withdrawal(1, 1)).unwrap();
    assert_eq!(last(&registry, 1, &PERSON), Some(NOON));
    *clock.0.lock().unwrap() = NOON.plus_seconds(7);
    append(&registry, consent(1, 1, 2)).unwrap();
    assert_eq!(registry.store().consent(ConsentId(1)).unwrap().unwrap().2.withdrawn_at, None, "given after it");
    append(&registry, withdrawal(1, 3)).unwrap();
    append(&registry, withdrawal(1, 4)).unwrap();
    drop(registry);
    let (registry, _) = open(folder.path(), NOON);
    assert_eq!(last(&registry, 1, &PERSON), Some(NOON.plus_seconds(7)));
    assert_eq!((last(&registry, 2, &PERSON), last(&registry, 1, &[5; 32])), (None, None));
    registry::audit::verify(registry.store(), |_, _| {}).unwrap();
}

#[test]
fn nothing_is_told_that_no_consent_in_force_covers_or_that_is_another_persons() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, clock) = open(folder.path(), NOON);
    begin(&registry);
    for event in [provider(1, OPERATOR), service(1, 1), service(2, 1), consent(1, 1, 1)] {
        append(&registry, event).unwrap();
    }
    let (first, second) = (issue(&registry, 1, PERSON), issue(&registry, 2, PERSON));
    let (other, others_next) = (issue(&registry, 3, [5; 32]), issue(&registry, 4, [5; 32]));
    let auth = [1, 2].map(|number| issue_by(&registry, Ca::Auth, number, PERSON));
    let told = |service: u32, asked, told, items: Option<Items>| Event::Disclosed {
        disclosure: DisclosureId(1),
        request: request(99),
        consent: ConsentId(1),
        service: ServiceId(service),
        asked,
        told,
        items: items.map(StoredItems),
    };
    let name = Some(items(&[Item::Name]));
    let good = || told(1, first, second, name);
    for (at, in_force) in [(-1, false), (0, true), (100, true), (101, false)] {
        let probe: Result<(), RegistryError> = {
            *clock.0.lock().unwrap() = TOMORROW.plus_seconds(at);
            let event = good();
            registry.transact(Actor::System, Door::Inside, move |transaction| {
                transaction.append(event, None)?;
                // Only tried.
                Err(RegistryError::Stopped)
            })
        };
        assert_eq!(probe == Err(RegistryError::Stopped), in_force, "{at}: {probe:?}");
    }
    drop(registry);
    let (registry, _) = open(folder.path(), TOMORROW);
    let refused = |event: Event| refused_by(&registry, event);
    refused(told(2, first, second, name));
    refused(told(1, first, second, Some(items(&[Item::Name, Item::Sex]))));
    refused(told(1, first, second, None));
    refused(told(1, second, second, name));
    refused(told(1, second, first, name));
    refused(told(1, first, other, name));
    refused(told(1, other, second, name));
    refused(told(1, other, others_next, name));
    refused(told(1, other, other, None));
    refused(told(1, second, first, None));
    refused(told(1, auth[0], auth[1], name));
    refused(told(1, auth[0], auth[0], None));
    refused(told(1, first, auth[1], name));
    refused(told(1, first, auth[1], None));
    refused(told(1, first, CertificatePlace { serial: Serial::new(9).unwrap(), ..first }, name));
    let row = append(&registry, good()).unwrap();
    let outcome = registry.store().request(DESK, &[99; 32]).unwrap().unwrap().outcome;
    assert_eq!(outcome, RequestOutcome::Disclosure { row });
    refused(good());
}

fn refused_by(registry: &Registry, event: Event) {
    assert!(matches!(append(registry, event), Err(RegistryError::Illegal(_))));
}

#[test]
fn a_folder_from_before_consents_opens_for_reading_and_for_writing() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _) = open(folder.path(), NOON);
    begin(&registry);
    drop(registry);
    let options = rocksdb::Options::default();
    let names = rocksdb::DB::list_cf(&options, folder.path()).unwrap();
    let mut db = rocksdb::DB::open_cf(&options, folder.path(), names).unwrap();
    for name in ["providers", "services", "consents", "consent-numbers", "consent-withdrawals", "applications"] {
        db.drop_cf(name).unwrap();
    }
    drop(db);
    let store = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(registry::audit::verify(&store, |_, _| {}).unwrap().rows, 3);
    assert!(store.services().unwrap().is_empty());
    assert_eq!(store.application(&[1; 32]).unwrap(), None);
    assert_eq!(store.freeze().providers().unwrap(), []);
    assert_eq!(store.iterate(Family::Consents, &[]).count(), 0);
    drop(store);
    let (registry, _) = open(folder.path(), NOON);
    for event in [provider(1, OPERATOR), service(1, 1), consent(1, 1, 1)] {
        append(&registry, event).unwrap();
    }
    assert_eq!(registry.store().services().unwrap().len(), 1);
}
