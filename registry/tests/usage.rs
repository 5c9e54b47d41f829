//! What the registry makes of batches of usage, and refuses of them.
use std::sync::Arc;

use pki::identity::Ca;
use pki::time::UnixTime;
use registry::event::{Actor, Door, Event, FixedSettings, PartyId, Role};
use registry::state::{Counter, StateReads};
use registry::usage::{Metered, Minute, QueryPurpose, UsageCount};
use registry::writer::{Durability, Surroundings};
use registry::{Clock, Registry, RegistryError};

const NOON: UnixTime = UnixTime::from_seconds(1_795_000_000);
const OPERATOR: PartyId = PartyId(1);
const DESK: PartyId = PartyId(2);
const OTHER: PartyId = PartyId(3);

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixTime {
        NOON
    }
}

#[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
fn open(folder: &tempfile::TempDir) -> Registry {
    let surroundings = Surroundings {
        clock: Arc::new(Noon),
        randomness: Arc::new(aws_lc_rs::rand::SystemRandom::new()),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    let registry = Registry::open(folder.path(), surroundings).unwrap().0;
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
    append(&registry, Event::Initialised(settings)).unwrap();
    for (party, role) in [(OPERATOR, Role::Operator), (DESK, Role::Desk), (OTHER, Role::Operator)] {
        let certificate_sha256 = [u8::try_from(party.0).unwrap(); 32];
        let (name, desk, certificate) = (String::new(), None, vec![]);
        append(&registry, Event::PartyRegistered { party, role, name, desk, certificate_sha256, certificate }).unwrap();
    }
    registry
}

fn append(registry: &Registry, event: Event) -> Result<u64, RegistryError> {
    registry.transact(Actor::System, Door::Inside, move |transaction| transaction.append(event, None))
}

fn count(party: PartyId, minute: u32, certificates: u64) -> UsageCount {
    let metered = Metered { party, minute: Minute(minute), ca: Ca::PhoneAuth, purpose: QueryPurpose::Monitoring };
    UsageCount { metered, certificates }
}

fn batch(batch: u64, counts: &[UsageCount]) -> Event {
    Event::UsageRecorded { batch, counts: counts.to_vec() }
}

#[test]
fn batches_add_up_by_party_kind_purpose_and_minute() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&folder);
    append(&registry, batch(1, &[count(OPERATOR, 7, 3), count(OTHER, 7, 1)])).unwrap();
    let mut other_purpose = count(OPERATOR, 7, 20);
    other_purpose.metered.purpose = QueryPurpose::Signature;
    let mut other_kind = count(OPERATOR, 7, 30);
    other_kind.metered.ca = Ca::Sign;
    append(&registry, batch(2, &[count(OPERATOR, 7, 4), other_purpose, other_kind, count(OPERATOR, 256, 9)])).unwrap();
    let usage = |party, from, to| registry.store().usage(party, Minute(from), Minute(to)).unwrap();
    assert_eq!(usage(OPERATOR, 7, 7), [other_kind, other_purpose, count(OPERATOR, 7, 7)]);
    assert_eq!(usage(OPERATOR, 8, 300), [count(OPERATOR, 256, 9)]);
    assert_eq!(usage(OPERATOR, 0, 6), []);
    assert_eq!(usage(OTHER, 0, u32::MAX), [count(OTHER, 7, 1)]);
    assert_eq!(registry.store().counter(Counter::UsageBatch).unwrap(), 2);
}

#[test]
fn a_batch_out_of_turn_or_of_somebody_who_is_not_metered_or_of_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&folder);
    append(&registry, batch(1, &[count(OPERATOR, 7, 1)])).unwrap();
    for refused in [
        batch(1, &[count(OPERATOR, 7, 1)]),
        batch(3, &[count(OPERATOR, 7, 1)]),
        batch(2, &[]),
        batch(2, &[count(OPERATOR, 7, 0)]),
        batch(2, &[count(DESK, 7, 1)]),
        batch(2, &[count(PartyId(9), 7, 1)]),
        batch(2, &[count(OPERATOR, 7, 1), count(OPERATOR, 7, u64::MAX)]),
    ] {
        let error = append(&registry, refused.clone()).expect_err("refused");
        assert!(matches!(error, RegistryError::Illegal(_)), "{refused:?}: {error}");
    }
    assert_eq!(registry.store().usage(OPERATOR, Minute(0), Minute(u32::MAX)).unwrap(), [count(OPERATOR, 7, 1)]);
    append(&registry, batch(2, &[count(OPERATOR, 7, 1)])).unwrap();
}

#[test]
fn a_minute_is_the_one_that_a_second_lies_in() {
    let minute = |seconds| Minute::of(UnixTime::from_seconds(seconds)).0;
    assert_eq!([0, 59, 60, 1_795_000_000].map(minute), [0, 0, 1, 29_916_666]);
    assert_eq!(minute(-1), 0);
}
