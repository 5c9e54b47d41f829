//! `akashi audit verify`: reads the whole log and recomputes every leaf hash and the tree, without any key.
use pki::time::UnixTime;

use crate::event::Event;
use crate::merkle::{Hash, TreeEdge};
use crate::row::Open;
use crate::store::{RegistryError, Store};

/// What a verified log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of rows.
    pub rows: u64,
    /// Root of the tree over all of them.
    pub tree_head: Hash,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The store cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A number is skipped.
    #[error("row {expected} is missing; the next row is {found}")]
    Missing {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A row does not have the leaf hash that is stored with it.
    #[error("row {0} was altered: its leaf hash does not match")]
    Altered(u64),
    /// A row is not an event of a version we know.
    #[error("row {0} does not decode; if a newer akashi wrote it, verify with that one")]
    Unreadable(u64),
    /// Time goes back.
    #[error("row {0} is older than the row before it")]
    TimeGoesBack(u64),
    /// The log does not begin with its first event.
    #[error("the log does not begin with its first event")]
    NoBeginning,
    /// The recomputed tree is not the stored one: rows were cut off or added behind the registry's back.
    #[error("the tree over the {rows} rows is not the stored tree over {stored_rows} rows")]
    WrongTree {
        /// Rows found.
        rows: u64,
        /// Rows that the stored edge counts.
        stored_rows: u64,
    },
    /// A published cut names another tree head than the log had at its position.
    #[error("cut {cut_number} names a tree head that the log did not have at position {log_position}")]
    WrongCut {
        /// The cut.
        cut_number: u64,
        /// Its position.
        log_position: u64,
    },
}

/// Verifies the log. `each` sees every row's open part in order, for checks of what the events say.
pub fn verify(store: &Store, mut each: impl FnMut(u64, &Open)) -> Result<Verified, Finding> {
    let stored = store.tree_edge()?;
    let mut edge = TreeEdge::default();
    let mut heads = Heads::default();
    let mut last_time = UnixTime::EPOCH;
    for row in store.rows(0) {
        let (number, row) = row?;
        if number != edge.size() {
            return Err(Finding::Missing { expected: edge.size(), found: number });
        }
        if !row.is_consistent(number) {
            return Err(Finding::Altered(number));
        }
        let open = row.decode().map_err(|_| Finding::Unreadable(number))?;
        if open.time < last_time {
            return Err(Finding::TimeGoesBack(number));
        }
        if number == 0 && !matches!(open.event, Event::Initialised(_)) {
            return Err(Finding::NoBeginning);
        }
        heads.check(&open.event)?;
        last_time = open.time;
        edge.append(row.leaf_hash);
        heads.note(&open.event, &edge);
        each(number, &open);
    }
    if edge != stored {
        return Err(Finding::WrongTree { rows: edge.size(), stored_rows: stored.size() });
    }
    Ok(Verified { rows: edge.size(), tree_head: edge.root() })
}

/// Tree heads since the last reserved cut: a cut freezes its position after it reserved its number.
#[derive(Default)]
struct Heads {
    since_reservation: Vec<(u64, Hash)>,
    watching: bool,
}

impl Heads {
    fn note(&mut self, event: &Event, edge: &TreeEdge) {
        if matches!(event, Event::CutReserved { .. }) {
            *self = Self { watching: true, since_reservation: Vec::new() };
        }
        if self.watching {
            self.since_reservation.push((edge.size(), edge.root()));
        }
    }

    fn check(&mut self, event: &Event) -> Result<(), Finding> {
        match event {
            Event::CutPublished(cut) => {
                let named = (cut.log_position, cut.tree_head);
                if !self.since_reservation.contains(&named) {
                    return Err(Finding::WrongCut { cut_number: cut.cut_number, log_position: cut.log_position });
                }
                *self = Self::default();
            }
            Event::CutFailed { .. } => *self = Self::default(),
            Event::Initialised(_)
            | Event::PhonePoliciesFixed(_)
            | Event::HoldReleased { .. }
            | Event::CaKeyCompromised { .. }
            | Event::CompromiseFilled { .. }
            | Event::CaLinkIssued { .. }
            | Event::ExpiryNotified { .. }
            | Event::UsageRecorded { .. }
            | Event::OwnSerialReserved { .. }
            | Event::CaKeyActivated { .. }
            | Event::OcspKeyActivated { .. }
            | Event::PartyRegistered { .. }
            | Event::PartySuspended { .. }
            | Event::PartyReinstated { .. }
            | Event::Refused { .. }
            | Event::Reserved { .. }
            | Event::Intended { .. }
            | Event::Issued { .. }
            | Event::ReservationReleased { .. }
            | Event::Withdrawn { .. }
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
            | Event::CutReserved { .. } => {}
        }
        Ok(())
    }
}
