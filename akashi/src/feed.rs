//! From the log to the status index: at the start from the state, then event by event.
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

/// Applies events to an index, in order. Knows the key ranges, so that it can tell what the index has.
#[derive(Default)]
pub struct Applier {
    key_ranges: [Vec<(Serial, KeyNumber)>; Ca::ALL.len()],
}

impl Applier {
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
            Event::Withdrawn { ca, serial, cause: _, withdrawal, through: _ } => {
                self.withdrawal(index, *ca, *serial, Withdrawal::from(*withdrawal))
            }
            Event::HoldReleased { ca, serial, cause: _ } => vec![Change::Released { ca: *ca, serial: *serial }],
            Event::CaKeyCompromised { ca, key, because: _ } => {
                vec![Change::KeyCompromised { ca: *ca, key: *key, since: time }]
            }
            Event::Initialised(_)
            | Event::PhonePoliciesFixed(_)
            | Event::ExpiryNotified { .. }
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
    /// A follower whose index holds the state of the store as it is. To be made while nothing can be committed.
    pub fn catch_up(
        store: &Store,
        index: Arc<StatusIndex>,
        on_fatal: Box<dyn Fn(&ApplyError) + Send>,
    ) -> Result<Self, CatchUpError> {
        let applier = load(store, &index)?;
        Ok(Self { applier, index, on_fatal })
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
    /// The state is one that no right log gives.
    #[error("the stored state cannot be true: {0}")]
    Index(#[from] ApplyError),
}

/// Fills an empty index with the store's state.
pub fn load(store: &Store, index: &StatusIndex) -> Result<Applier, CatchUpError> {
    let mut applier = Applier::default();
    let mut changes = Vec::new();
    for ca in Ca::ALL {
        let ranges = store.key_ranges(ca)?;
        changes.extend(ranges.iter().map(|(first_serial, key)| Change::KeyRange {
            ca,
            first_serial: *first_serial,
            key: *key,
        }));
        applier.key_ranges[ca.index()] = ranges;
    }
    for pair in store.iterate(Family::Certificates, &[]) {
        let (key, value) = pair?;
        let record: CertificateRecord = decode(Family::Certificates, &key, &value)?;
        let Some((ca, serial)) = place_of(&key) else { continue };
        if record.issued_row.is_some() || record.withdrawal.is_some() {
            changes.push(Change::Issued { ca, serial });
        }
        if let Some(withdrawal) = record.withdrawal() {
            changes.push(Change::Withdrawn { ca, serial, withdrawal });
        }
    }
    for (IssuerKey { ca, key }, compromise) in store.compromises()? {
        changes.push(Change::KeyCompromised { ca, key, since: compromise.since });
    }
    let position = store.tree_edge()?.size();
    if position > 0 {
        index.apply(position, &changes)?;
    }
    Ok(applier)
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
