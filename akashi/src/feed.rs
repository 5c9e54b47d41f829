//! From the log to the status index: at the start from its snapshot and the rows since then, or else from the state; then
//! event by event.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ca::seam::Visibility;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, Withdrawal};
use pki::time::UnixTime;
use registry::event::Event;
use registry::row::Open;
use registry::state::{CertificateRecord, StateReads, place_of};
use registry::store::{Family, decode};
use registry::transaction::Committed;
use registry::{Follower, RegistryError, Store};
use status::{ApplyError, Change, StatusIndex};

use crate::snapshot::{self, SnapshotFailure};

/// Applies events to an index, in order. Knows the key ranges, so that it can tell what the index has.
#[derive(Default)]
pub struct Applier {
    key_ranges: [Vec<(Serial, KeyNumber)>; Ca::ALL.len()],
}

impl Applier {
    /// One for an index that is at some position already.
    pub fn of(index: &StatusIndex) -> Self {
        let mut key_ranges: [Vec<_>; Ca::ALL.len()] = Default::default();
        for ca in Ca::ALL {
            key_ranges[ca.index()] = index.keys(ca).ranges;
        }
        Self { key_ranges }
    }

    /// Applies one event.
    pub fn apply(&mut self, index: &StatusIndex, number: u64, open: &Open) -> Result<(), ApplyError> {
        let changes = self.changes(index, open.time, &open.event);
        index.apply(number + 1, &changes)
    }

    fn changes(&mut self, index: &StatusIndex, time: UnixTime, event: &Event) -> Vec<Change> {
        match event {
            Event::OwnSerialReserved { ca, key, serial } | Event::Reserved { ca, key, serial, .. } => {
                let ranges = &mut self.key_ranges[ca.index()];
                if ranges.last().is_some_and(|(_, newest)| newest == key) {
                    return vec![];
                }
                ranges.push((*serial, *key));
                vec![Change::KeyRange { ca: *ca, first_serial: *serial, key: *key }]
            }
            Event::Issued { ca, serial } => vec![Change::Issued { ca: *ca, serial: *serial }],
            Event::Withdrawn { ca, serial, cause: _, withdrawal, through: _, request: _ } => {
                self.withdrawal(index, *ca, *serial, Withdrawal::from(*withdrawal))
            }
            Event::HoldReleased { ca, serial, cause: _ } => vec![Change::Released { ca: *ca, serial: *serial }],
            Event::CaKeyCompromised { ca, key, because: _ } => {
                vec![Change::KeyCompromised { ca: *ca, key: *key, since: time }]
            }
            Event::Initialised(_)
            | Event::PhonePoliciesFixed(_)
            | Event::ExpiryNotified { .. }
            | Event::UsageRecorded { .. }
            | Event::CaKeyActivated { .. }
            | Event::CaLinkIssued { .. }
            // The index has its rule about the key, which says the same of each serial.
            | Event::CompromiseFilled { .. }
            | Event::OcspKeyActivated { .. }
            | Event::PartyRegistered { .. }
            | Event::PartySuspended { .. }
            | Event::PartyReinstated { .. }
            | Event::Refused { .. }
            | Event::Intended { .. }
            | Event::ReservationReleased { .. }
            | Event::ResidentChanged { .. }
            | Event::Answered { .. }
            | Event::BatchRowsAnswered { .. }
            | Event::RequestEnded(_)
            | Event::ProviderRegistered { .. }
            | Event::ServiceRegistered { .. }
            | Event::ConsentGiven { .. }
            | Event::ConsentWithdrawn { .. }
            | Event::Disclosed { .. }
            | Event::Queued { .. }
            | Event::Dequeued { .. }
            | Event::PhoneNoticed { .. }
            | Event::CutReserved { .. }
            | Event::CutPublished(_)
            | Event::CutFailed { .. } => vec![],
        }
    }

    /// A certificate given up before hand-over was never recorded as issued. Its signature may exist all the same, so
    /// for the index it was issued and revoked in one step.
    fn withdrawal(&self, index: &StatusIndex, ca: Ca, serial: Serial, withdrawal: Withdrawal) -> Vec<Change> {
        let withdrawn = Change::Withdrawn { ca, serial, withdrawal };
        let key = self.key_ranges[ca.index()].iter().rev().find(|(first, _)| *first <= serial).map(|(_, key)| *key);
        let status = key.map_or(CertificateStatus::NotIssued, |key| index.status(IssuerKey { ca, key }, serial));
        match status {
            CertificateStatus::NotIssued => vec![Change::Issued { ca, serial }, withdrawn],
            CertificateStatus::Good | CertificateStatus::Withdrawn(_) => vec![withdrawn],
        }
    }
}

/// Keeps an index at the log's end. An event that does not fit the index is a bug of ours, and an index that went on
/// without it would lie: the process ends.
pub struct IndexFollower {
    applier: Applier,
    index: Arc<StatusIndex>,
    on_fatal: Box<dyn Fn(&ApplyError) + Send>,
}

impl IndexFollower {
    /// A follower of an index that is at the log's end. To be made while nothing can be committed.
    pub fn of(index: Arc<StatusIndex>, on_fatal: Box<dyn Fn(&ApplyError) + Send>) -> Self {
        Self { applier: Applier::of(&index), index, on_fatal }
    }
}

impl Follower for IndexFollower {
    fn follow(&mut self, committed: &[Committed]) {
        for Committed { number, open } in committed {
            if let Err(error) = self.applier.apply(&self.index, *number, open) {
                (self.on_fatal)(&error);
            }
        }
    }
}

/// Why an index could not be made from the state.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The store could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The index's snapshot shows that the log is not what it was.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFailure),
    /// The state is one that no right log gives.
    #[error("the stored state cannot be true: {0}")]
    Index(#[from] ApplyError),
}

/// The index at the log's end: from its snapshot and the rows since then or, if there is none that can be used, from the
/// state. With the position of the snapshot that was used. To be made while nothing can be committed.
pub fn at_start(store: &Store, snapshot: &Path) -> Result<(StatusIndex, Option<u64>), CatchUpError> {
    if let Some(index) = snapshot::read(snapshot, store)? {
        let shown = index.position();
        match follow_up(store, &index) {
            Ok(()) => return Ok((index, Some(shown))),
            Err(CatchUpError::Index(error)) => {
                let path = snapshot.display();
                tracing::warn!(%path, %error, "the rows since the snapshot do not fit it; the index is made from the state");
            }
            Err(error) => return Err(error),
        }
    }
    Ok((load(store)?, None))
}

/// Brings an index to the log's end.
fn follow_up(store: &Store, index: &StatusIndex) -> Result<(), CatchUpError> {
    let (from, mut applier) = (index.position(), Applier::of(index));
    for row in store.rows(from) {
        let (number, row) = row?;
        let open = row
            .decode()
            .map_err(|error| RegistryError::Damaged { place: format!("log/{number}"), reason: error.to_string() })?;
        applier.apply(index, number, &open)?;
    }
    tracing::info!(from, to = index.position(), "the status index was read from its snapshot, and the rows since then");
    Ok(())
}

/// An index of the store's state.
pub fn load(store: &Store) -> Result<StatusIndex, CatchUpError> {
    let mut wrong = None;
    let index = StatusIndex::filled(
        store.tree_edge()?.size(),
        changes(store)?.map_while(|change| change.map_err(|error| wrong = Some(error)).ok()),
    )?;
    match wrong {
        None => Ok(index),
        Some(error) => Err(error.into()),
    }
}

/// The state as changes that bring an index to it.
fn changes(store: &Store) -> Result<impl Iterator<Item = Result<Change, RegistryError>>, RegistryError> {
    let mut ranges = Vec::new();
    for ca in Ca::ALL {
        let of_ca = store.key_ranges(ca)?.into_iter();
        ranges.extend(of_ca.map(|(first_serial, key)| Change::KeyRange { ca, first_serial, key }));
    }
    let compromise = |(IssuerKey { ca, key }, since)| Change::KeyCompromised { ca, key, since };
    let compromises: Vec<_> =
        store.compromises()?.into_iter().map(|(issuer, told)| compromise((issuer, told.since))).collect();
    let certificates =
        store.iterate(Family::Certificates, &[]).flat_map(|pair| match pair.and_then(|pair| of_record(&pair)) {
            Ok(changes) => changes.map(|change| change.map(Ok)),
            Err(error) => [Some(Err(error)), None],
        });
    let certificates = certificates.flatten();
    Ok(ranges.into_iter().map(Ok).chain(certificates).chain(compromises.into_iter().map(Ok)))
}

/// What a certificate's record means for the index.
fn of_record((key, value): &(Vec<u8>, Vec<u8>)) -> Result<[Option<Change>; 2], RegistryError> {
    let record: CertificateRecord = decode(Family::Certificates, key, value)?;
    let Some((ca, serial)) = place_of(key) else { return Ok([None, None]) };
    let withdrawal = record.withdrawal();
    let issued = record.issued_row.is_some() || withdrawal.is_some();
    Ok([
        issued.then_some(Change::Issued { ca, serial }),
        withdrawal.map(|withdrawal| Change::Withdrawn { ca, serial, withdrawal }),
    ])
}

/// The OCSP nodes in service: here the one in this process.
pub struct InProcessVisibility(pub Arc<StatusIndex>);

impl Visibility for InProcessVisibility {
    fn wait_until_visible(&self, row: u64, at_most: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(2);
        let steps = at_most.as_millis() / STEP.as_millis();
        for _ in 0..steps {
            if self.0.position() > row {
                return true;
            }
            // The follower runs before a caller is answered, so this waits only for nodes elsewhere.
            std::thread::sleep(STEP);
        }
        self.0.position() > row
    }
}
