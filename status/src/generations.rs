//! Which serials have changed, so that whoever keeps what was said of one knows when it has become old.
//!
//! A table of counters, far fewer than there are serials: neighbours share none, and serials that do share one lose what
//! was kept of them a little more often than they must. So it takes the same memory for any nation.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pki::identity::{Ca, Serial};

use crate::change::Change;

/// Four MiB in all. With 100,000 kept answers, one revocation in ten also costs a second one its kept answer.
const PLACES: usize = 1 << 20;
/// Counters made at once, so that an index of a few certificates is made at once, too.
const CHUNK: usize = 1 << 10;

/// How often what is said of a serial may have changed. Equal to one that was read **before** the status was looked up:
/// that status still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    changes: u32,
    compromises: u32,
}

/// The counters.
pub(crate) struct Generations {
    changes: Box<[OnceLock<Box<[AtomicU32]>>]>,
    /// A compromise concerns all serials of a key, so it makes all of its CA new.
    compromises: [AtomicU32; Ca::ALL.len()],
}

impl Default for Generations {
    fn default() -> Self {
        let changes = (0..PLACES / CHUNK).map(|_| OnceLock::new()).collect();
        Self { changes, compromises: Default::default() }
    }
}

impl Generations {
    pub(crate) fn of(&self, ca: Ca, serial: Serial) -> Generation {
        let place = place(ca, serial);
        let counters = self.changes[place / CHUNK].get();
        Generation {
            changes: counters.map_or(0, |counters| counters[place % CHUNK].load(Ordering::Acquire)),
            compromises: self.compromises[ca.index()].load(Ordering::Acquire),
        }
    }

    /// To be called when the change is made, before anybody can see it.
    pub(crate) fn count(&self, change: Change) {
        let counter = match change {
            Change::Issued { ca, serial } | Change::Withdrawn { ca, serial, .. } | Change::Released { ca, serial } => {
                let place = place(ca, serial);
                let zeros = || (0..CHUNK).map(|_| AtomicU32::new(0)).collect();
                &self.changes[place / CHUNK].get_or_init(zeros)[place % CHUNK]
            }
            Change::KeyCompromised { ca, .. } => &self.compromises[ca.index()],
            // Nothing is issued yet from there on.
            Change::KeyRange { .. } => return,
        };
        // Wrapping takes four billion changes of one place within the few minutes that an answer is kept.
        counter.fetch_add(1, Ordering::Release);
    }
}

/// Serials are consecutive; each CA's begin a quarter of the table further on, so that its newest are not another's.
fn place(ca: Ca, serial: Serial) -> usize {
    let serial = usize::try_from(serial.get()).expect("usize has 64 bits here");
    serial.wrapping_add(ca.index() * (PLACES / Ca::ALL.len())) % PLACES
}
