//! What the registry promises, over a real store.
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use pki::algorithm::Algorithm;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::RevocationReason;
use pki::time::{CivilDate, UnixTime};
use registry::audit::{Finding, verify};
use registry::event::{
    Actor, Cause, Door, Event, FixedSettings, PartyId, PublishedCut, RequestId, Role, StoredAlgorithm, StoredWithdrawal,
};
use registry::state::{RequestOutcome, StateReads};
use registry::store::Reads;
use registry::transaction::Committed;
use registry::writer::{Durability, Followers, Surroundings};
use registry::{Clock, Follower, Registry, RegistryError, Store};

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

const NOON: i64 = 1_795_000_000;

#[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
fn open_at(path: &Path, seconds: i64) -> (Registry, Arc<Followers>, Arc<TestClock>) {
    let clock = Arc::new(TestClock(AtomicI64::new(seconds)));
    let surroundings = Surroundings {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        randomness: Arc::new(aws_lc_rs::rand::SystemRandom::new()),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    let (registry, followers) = Registry::open(path, surroundings).unwrap();
    (registry, followers, clock)
}

fn append(registry: &Registry, actor: Actor, events: Vec<Event>) -> Result<u64, RegistryError> {
    registry.transact(actor, Door::Inside, move |transaction| {
        let mut last = 0;
        for event in events {
            last = transaction.append(event, None)?;
        }
        Ok(last)
    })
}

fn initialised() -> Event {
    Event::Initialised(FixedSettings {
        organization: "JPKI-TEST".to_owned(),
        layout: "default".to_owned(),
        cps_uri: "http://example.test/cps.html".to_owned(),
        sign_policy: "1.2.3.20".to_owned(),
        auth_policy: "1.2.3.30".to_owned(),
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        algorithm: "rsa-2048-sha256".to_owned(),
        phone_policies: None,
    })
}

const DESK: PartyId = PartyId(1);
const SERIAL: Serial = Serial::FIRST;

fn reserved(serial: Serial) -> Event {
    let octet = u8::try_from(serial.get()).unwrap();
    Event::Reserved {
        request: RequestId { party: DESK, key_hash: [octet; 32], request_hash: [2; 32] },
        ca: Ca::Sign,
        key: KeyNumber::FIRST,
        serial,
        public_key: [octet; 32],
        resident: [4; 32],
        municipality: 13_221,
        card: None,
        phone: None,
    }
}

fn intended(serial: Serial) -> Event {
    Event::Intended { ca: Ca::Sign, serial, leave_day: CivilDate::new(2030, 3, 31).unwrap() }
}

fn withdrawn(withdrawal: StoredWithdrawal) -> Event {
    Event::Withdrawn {
        ca: Ca::Sign,
        serial: SERIAL,
        cause: Cause::PersonRequest,
        withdrawal,
        through: None,
        request: None,
    }
}

fn begin(registry: &Registry) {
    let desk = Event::PartyRegistered {
        party: DESK,
        role: Role::Desk,
        name: "Kiyose".to_owned(),
        desk: Some("13221003A".to_owned()),
        certificate_sha256: [1; 32],
        certificate: vec![],
    };
    append(registry, Actor::System, vec![initialised(), desk]).unwrap();
}

#[test]
fn what_was_acknowledged_is_there_after_reopening_and_the_log_verifies() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (registry, _, _) = open_at(folder.path(), NOON);
        begin(&registry);
        append(&registry, Actor::Party(DESK), vec![reserved(SERIAL)]).unwrap();
        append(&registry, Actor::System, vec![intended(SERIAL)]).unwrap();
        append(&registry, Actor::System, vec![Event::Issued { ca: Ca::Sign, serial: SERIAL }]).unwrap();
    }
    let (registry, _, _) = open_at(folder.path(), NOON);
    let record = registry.store().certificate(Ca::Sign, SERIAL).unwrap().unwrap();
    assert_eq!((record.intended_row, record.issued_row), (Some(3), Some(4)));
    assert_eq!(registry.store().next_serial(Ca::Sign).unwrap(), Serial::new(2));
    assert_eq!(registry.store().key_of_serial(Ca::Sign, SERIAL).unwrap(), Some(KeyNumber::FIRST));
    assert!(registry.store().pending_issues().unwrap().is_empty());
    assert_eq!(registry.store().certificates_of(&[4; 32]).unwrap().len(), 1);
    let outcome = registry.store().request(DESK, &[1; 32]).unwrap().unwrap().outcome;
    assert_eq!(outcome, RequestOutcome::Certificate { ca: Ca::Sign, serial: SERIAL });
    let mut kinds = 0;
    let verified = verify(registry.store(), |_, _| kinds += 1).unwrap();
    assert_eq!((verified.rows, kinds), (5, 5));
}

fn together(request: &Event, ca: Ca) -> Event {
    let Event::Reserved { request, key, serial, resident, municipality, card, phone, .. } = *request else {
        unreachable!()
    };
    Event::Reserved { request, ca, key, serial, public_key: [ca.code(); 32], resident, municipality, card, phone }
}

#[test]
fn one_request_takes_serials_of_several_cas_and_only_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let desk = Actor::Party(DESK);
    append(&registry, desk, vec![reserved(SERIAL), together(&reserved(SERIAL), Ca::Auth)]).unwrap();
    let request = registry.store().certificate(Ca::Sign, SERIAL).unwrap().unwrap().request;
    let places = |registry: &Registry| {
        let taken = registry.store().certificates_of_request(&request).unwrap();
        taken.iter().map(|(ca, serial, _)| (*ca, *serial)).collect::<Vec<_>>()
    };
    assert_eq!(places(&registry), [(Ca::Sign, SERIAL), (Ca::Auth, SERIAL)]);
    let second = SERIAL.next().unwrap();
    let again = |octet: u8| {
        let Event::Reserved { ca, key, serial, resident, municipality, card, phone, .. } = reserved(second) else {
            unreachable!()
        };
        Event::Reserved { request, ca, key, serial, public_key: [octet; 32], resident, municipality, card, phone }
    };
    append(&registry, desk, vec![again(7)]).expect_err("a second one of the same CA");
    append(&registry, Actor::System, vec![intended(SERIAL)]).unwrap();
    append(&registry, desk, vec![together(&again(8), Ca::PhoneAuth)]).expect_err("a phone's without a card's");
    let late = Event::OwnSerialReserved { ca: Ca::Auth, key: KeyNumber::FIRST, serial: second };
    append(&registry, Actor::System, vec![late]).unwrap();
    let Event::Reserved { request, key, public_key, resident, municipality, card, phone, .. } = again(9) else {
        unreachable!()
    };
    let serial = second.next().unwrap();
    let third = Event::Reserved { request, ca: Ca::Auth, key, serial, public_key, resident, municipality, card, phone };
    append(&registry, desk, vec![third]).expect_err("something is built already");
    assert_eq!(places(&registry).len(), 2);
}

#[test]
fn what_its_rules_refuse_leaves_nothing_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let refused: Result<(), RegistryError> = registry.transact(Actor::Party(DESK), Door::Desk, |transaction| {
        transaction.append(reserved(SERIAL), None)?;
        assert!(transaction.certificate(Ca::Sign, SERIAL)?.is_some());
        Err(RegistryError::Illegal("the test says so"))
    });
    assert_eq!(refused, Err(RegistryError::Illegal("the test says so")));
    let panicked: Result<(), RegistryError> =
        registry.transact(Actor::System, Door::Inside, |_| panic!("a bug of ours, on purpose"));
    assert_eq!(panicked, Err(RegistryError::Stopped));
    assert_eq!(registry.store().tree_edge().unwrap().size(), 2);
    append(&registry, Actor::Party(DESK), vec![reserved(SERIAL)]).unwrap();
}

#[test]
fn events_that_do_not_fit_the_state_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    append(&registry, Actor::Party(DESK), vec![reserved(SERIAL)]).unwrap();
    let since = UnixTime::from_seconds(NOON);
    let held = StoredWithdrawal::Held { since };
    let revoked = |since| StoredWithdrawal::Revoked { since, reason: RevocationReason::CessationOfOperation };
    let refused =
        |events| assert!(matches!(append(&registry, Actor::Party(DESK), events), Err(RegistryError::Illegal(_))));
    refused(vec![initialised()]);
    refused(vec![reserved(SERIAL)]);
    // Another request for another key, and a serial that is taken.
    let mut again = reserved(Serial::new(2).unwrap());
    let Event::Reserved { serial, .. } = &mut again else { unreachable!("it is a reservation") };
    *serial = SERIAL;
    refused(vec![again]);
    refused(vec![reserved(Serial::new(3).unwrap())]);
    refused(vec![Event::Issued { ca: Ca::Sign, serial: SERIAL }]);
    refused(vec![withdrawn(held)]);
    refused(vec![Event::CutReserved { cut_number: 2, because: String::new() }]);
    append(&registry, Actor::System, vec![intended(SERIAL)]).unwrap();
    refused(vec![intended(SERIAL)]);
    refused(vec![Event::ReservationReleased { ca: Ca::Sign, serial: SERIAL }]);
    append(&registry, Actor::System, vec![withdrawn(held)]).unwrap();
    refused(vec![withdrawn(revoked(since.plus_seconds(1)))]);
    append(&registry, Actor::System, vec![withdrawn(revoked(since))]).unwrap();
    refused(vec![withdrawn(held)]);
    refused(vec![withdrawn(revoked(since))]);
}

#[test]
fn a_published_cut_has_a_reserved_number_above_the_last_published_one() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let publish = |cut_number| {
        let this_update = UnixTime::from_seconds(NOON);
        let cut = PublishedCut {
            cut_number,
            log_position: 2,
            tree_head: [0; 32],
            this_update,
            next_update: this_update.plus_seconds(86_400),
            manifest_sha256: [0; 32],
        };
        append(&registry, Actor::System, vec![Event::CutPublished(cut)]).map(drop)
    };
    let reserve = |cut_number| {
        append(&registry, Actor::System, vec![Event::CutReserved { cut_number, because: String::new() }]).unwrap();
    };
    let refused = Err(RegistryError::Illegal("a published cut has a reserved number above the last published one"));
    assert_eq!(publish(1), refused, "nobody reserved it");
    (1..=3).for_each(reserve);
    assert_eq!(publish(2), Ok(()));
    assert_eq!((publish(1), publish(2), publish(4)), (refused.clone(), refused.clone(), refused));
    assert_eq!(publish(3), Ok(()));
}

#[test]
fn a_released_reservation_frees_request_and_key_but_not_the_serial() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    append(&registry, Actor::Party(DESK), vec![reserved(SERIAL)]).unwrap();
    append(&registry, Actor::System, vec![Event::ReservationReleased { ca: Ca::Sign, serial: SERIAL }]).unwrap();
    let store = registry.store();
    assert_eq!(store.request(DESK, &[1; 32]).unwrap(), None);
    assert_eq!(store.key_claim(&[1; 32]).unwrap(), None);
    assert!(store.certificates_of(&[4; 32]).unwrap().is_empty());
    assert_eq!(store.next_serial(Ca::Sign).unwrap(), Serial::new(2));
}

#[test]
fn a_clock_that_is_behind_records_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, clock) = open_at(folder.path(), NOON);
    begin(&registry);
    clock.0.store(NOON - 5, Ordering::SeqCst);
    let refused = append(&registry, Actor::System, vec![Event::Refused { problem: "x".to_owned() }]);
    assert_eq!(refused, Err(RegistryError::ClockBehind { seconds: 5 }));
    drop(registry);
    let (registry, _, clock) = open_at(folder.path(), NOON - 1);
    let refused = append(&registry, Actor::System, vec![Event::Refused { problem: "x".to_owned() }]);
    assert_eq!(refused, Err(RegistryError::ClockBehind { seconds: 1 }));
    clock.0.store(NOON, Ordering::SeqCst);
    append(&registry, Actor::System, vec![Event::Refused { problem: "x".to_owned() }]).unwrap();
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u64>>>);

impl Follower for Seen {
    fn follow(&mut self, committed: &[Committed]) {
        self.0.lock().unwrap().extend(committed.iter().map(|event| event.number));
    }
}

#[test]
fn followers_have_every_event_in_order_before_its_caller_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, followers, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let seen = Seen::default();
    followers.add(|| Ok::<_, RegistryError>(seen.clone())).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let event = Event::Refused { problem: "x".to_owned() };
                    let number = append(&registry, Actor::System, vec![event]).unwrap();
                    assert!(seen.0.lock().unwrap().contains(&number));
                }
            });
        }
    });
    assert_eq!(*seen.0.lock().unwrap(), (2..402).collect::<Vec<_>>());
}

fn alter(path: &Path, family: &str, key: &[u8], value: Option<&[u8]>) {
    let options = rocksdb::Options::default();
    let names = rocksdb::DB::list_cf(&options, path).unwrap();
    let db = rocksdb::DB::open_cf(&options, path, names).unwrap();
    let family = db.cf_handle(family).unwrap();
    match value {
        Some(value) => db.put_cf(family, key, value).unwrap(),
        None => db.delete_cf(family, key).unwrap(),
    }
}

#[test]
fn whoever_alters_the_log_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open_at(folder.path(), NOON).0;
    begin(&registry);
    for problem in ["a", "b", "c"] {
        append(&registry, Actor::System, vec![Event::Refused { problem: problem.to_owned() }]).unwrap();
    }
    let row = |number: u64| registry.store().get(registry::store::Family::Log, &number.to_be_bytes()).unwrap().unwrap();
    let (second, third) = (row(2), row(3));
    drop(registry);
    let check = || verify(&Store::open_read_only(folder.path()).unwrap(), |_, _| ());
    let place = |number: u64| number.to_be_bytes();
    assert_eq!(check().unwrap().rows, 5);
    alter(folder.path(), "log", &place(3), Some(&second));
    assert_eq!(check(), Err(Finding::Altered(3)));
    alter(folder.path(), "log", &place(3), None);
    assert_eq!(check(), Err(Finding::Missing { expected: 3, found: 4 }));
    alter(folder.path(), "log", &place(3), Some(&third));
    alter(folder.path(), "log", &place(4), None);
    assert_eq!(check(), Err(Finding::WrongTree { rows: 4, stored_rows: 5 }));
}

#[test]
fn a_second_process_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open_at(folder.path(), NOON);
    let refusal = Store::open(folder.path()).err().unwrap().to_string();
    assert!(refusal.contains("stop that one first"), "{refusal}");
}

fn expiring(store: &Store) -> Vec<Vec<u8>> {
    store.iterate(registry::store::Family::Expiring, &[]).map(|pair| pair.unwrap().0).collect()
}

#[test]
fn what_is_issued_is_listed_by_municipality_and_leave_day_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let issue = |events| append(&registry, Actor::Party(DESK), events).unwrap();
    issue(vec![reserved(SERIAL), intended(SERIAL)]);
    assert_eq!(expiring(registry.store()).len(), 0, "nothing is issued yet");
    issue(vec![Event::Issued { ca: Ca::Sign, serial: SERIAL }]);
    let key = registry::state::expiring_key(13_221, CivilDate::new(2030, 3, 31).unwrap(), (Ca::Sign, SERIAL));
    assert_eq!(expiring(registry.store()), std::slice::from_ref(&key));
    let parsed = registry::state::parse_expiring_key(&key);
    assert_eq!(parsed, Some((13_221, CivilDate::new(2030, 3, 31).unwrap(), (Ca::Sign, SERIAL))));

    let since = UnixTime::from_seconds(NOON);
    issue(vec![withdrawn(StoredWithdrawal::Held { since })]);
    assert_eq!(expiring(registry.store()), [key], "what is held may be renewed");
    issue(vec![withdrawn(StoredWithdrawal::Revoked { since, reason: RevocationReason::Superseded })]);
    assert_eq!(expiring(registry.store()).len(), 0);
}

#[test]
fn a_registry_from_before_the_list_gets_it_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open_at(folder.path(), NOON).0;
    begin(&registry);
    let issued = vec![reserved(SERIAL), intended(SERIAL), Event::Issued { ca: Ca::Sign, serial: SERIAL }];
    append(&registry, Actor::Party(DESK), issued).unwrap();
    let second = SERIAL.next().unwrap();
    append(&registry, Actor::Party(DESK), vec![reserved(second), intended(second)]).unwrap();
    let listed = expiring(registry.store());
    drop(registry);
    alter(folder.path(), "expiring", &listed[0], None);
    alter(folder.path(), "meta", b"expiring-indexed", None);
    let registry = open_at(folder.path(), NOON).0;
    assert_eq!(expiring(registry.store()), listed);
    drop(registry);
    alter(folder.path(), "expiring", &listed[0], None);
    assert_eq!(expiring(open_at(folder.path(), NOON).0.store()).len(), 0, "it is filled once");
}

#[test]
fn a_rehearsal_sees_what_a_transaction_would_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let position = registry.store().tree_edge().unwrap().size();
    let rehearse = |event: Event| -> Result<bool, RegistryError> {
        registry.rehearse(Actor::Party(DESK), Door::Desk, move |transaction| {
            transaction.append(event, None)?;
            Ok(transaction.certificate(Ca::Sign, SERIAL)?.is_some())
        })
    };
    assert_eq!(rehearse(reserved(SERIAL)), Ok(true));
    assert_eq!(rehearse(reserved(SERIAL)), Ok(true), "the serial is free as before");
    let out_of_turn = SERIAL.next().unwrap();
    assert!(matches!(rehearse(reserved(out_of_turn)), Err(RegistryError::Illegal(_))));
    assert_eq!(registry.store().certificate(Ca::Sign, SERIAL).unwrap(), None);
    assert_eq!(registry.store().tree_edge().unwrap().size(), position);
    append(&registry, Actor::Party(DESK), vec![reserved(SERIAL)]).unwrap();
}

#[test]
fn a_notice_is_remembered_of_issued_certificates_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, clock) = open_at(folder.path(), NOON);
    begin(&registry);
    let certificates = vec![registry::event::CertificatePlace { ca: Ca::Sign, serial: SERIAL }];
    let notified = Event::ExpiryNotified { certificates };
    append(&registry, Actor::Party(DESK), vec![reserved(SERIAL), intended(SERIAL)]).unwrap();
    assert!(append(&registry, Actor::Party(DESK), vec![notified.clone()]).is_err());
    append(&registry, Actor::Party(DESK), vec![Event::Issued { ca: Ca::Sign, serial: SERIAL }]).unwrap();
    let notified_at = || registry.store().certificate(Ca::Sign, SERIAL).unwrap().unwrap().notified_at;
    assert_eq!(notified_at(), None);
    clock.0.store(NOON + 1, Ordering::SeqCst);
    append(&registry, Actor::Party(DESK), vec![notified]).unwrap();
    assert_eq!(notified_at().map(|time| time.0), Some(UnixTime::from_seconds(NOON + 1)));
}

/// The event as it was before there was a delegate of each algorithm.
#[derive(minicbor::Encode)]
enum EarlierEvent {
    #[n(3)]
    OcspKeyActivated {
        #[n(0)]
        ca: u8,
        #[n(1)]
        key: u16,
        #[n(2)]
        serial: u64,
        #[n(3)]
        token_label: String,
        #[cbor(n(4), with = "minicbor::bytes")]
        certificate: Vec<u8>,
    },
}

#[test]
fn a_ca_key_has_an_ocsp_key_of_each_algorithm_beside_the_one_of_an_older_log() {
    let activated = |serial: u64, algorithm: Option<Algorithm>| Event::OcspKeyActivated {
        ca: Ca::Sign,
        key: KeyNumber::FIRST,
        serial: Serial::new(serial).unwrap(),
        token_label: format!("ocsp-{serial}"),
        certificate: vec![7],
        algorithm: algorithm.map(StoredAlgorithm),
    };
    let earlier = EarlierEvent::OcspKeyActivated {
        ca: Ca::Sign.code(),
        key: 1,
        serial: 2,
        token_label: "ocsp-2".to_owned(),
        certificate: vec![7],
    };
    let octets = minicbor::to_vec(&earlier).unwrap();
    assert_eq!(minicbor::decode::<Event>(&octets).unwrap(), activated(2, None));
    assert_eq!(minicbor::to_vec(activated(2, None)).unwrap(), octets);

    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = open_at(folder.path(), NOON);
    begin(&registry);
    let (rsa, p256) = (Some(Algorithm::Rsa2048Sha256), Some(Algorithm::EcdsaP256Sha256));
    let issuer = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
    let serials = |registry: &Registry| {
        let records = registry.store().ocsp_keys(issuer).unwrap();
        records.iter().map(|record| record.serial.get()).collect::<Vec<_>>()
    };
    append(&registry, Actor::System, vec![activated(2, None), activated(4, p256), activated(3, rsa)]).unwrap();
    assert_eq!(serials(&registry), [2, 3, 4]);
    append(&registry, Actor::System, vec![activated(5, rsa), activated(6, p256)]).unwrap();
    assert_eq!(serials(&registry), [2, 5, 6]);
    let second = IssuerKey { key: KeyNumber::new(2).unwrap(), ..issuer };
    assert_eq!(registry.store().ocsp_keys(second).unwrap(), []);
}
