//! The status of every certificate, in memory. Many read it at once; one follower of the log writes it.
//!
//! 1. Serials are a counter's values, so status is an array: two bits a certificate, in [`pages`]; only held and revoked
//!    ones have a row besides, with the time and the reason. *Never issued is never good* needs no database (I22).
//! 2. A serial belongs to one key of its CA, by a table of ranges in [`ca_index`]. Asked about under another key, it
//!    counts as not issued (I18).
//! 3. [`StatusIndex::apply`] takes the [`Change`]s of the log in order, each batch whole or not at all. [`change`] says
//!    which status may follow which; what no right log can say is refused, because an index that went on would lie.
//!
//! No personal data, no keys, no I/O.
mod ca_index;
mod change;
mod pages;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock, RwLockReadGuard};

use pki::identity::{Ca, IssuerKey, Serial};
use pki::revocation::CertificateStatus;

use ca_index::CaIndex;
pub use change::{ApplyError, Change, Refusal};
pub use pages::{SERIAL_MAX, StatusCounts};

/// The index over all CAs.
///
/// A panic while changes are applied (our bug) poisons the CA's lock: from then on every look-up panics too, so a
/// half-applied batch is never answered from.
#[derive(Default)]
pub struct StatusIndex {
    cas: [RwLock<CaIndex>; Ca::ALL.len()],
    position: AtomicU64,
    /// Held while changes are applied, so that positions are compared and moved by one writer at a time.
    writer: Mutex<()>,
}

impl StatusIndex {
    /// An index of nothing, at log position 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log position up to which every change is visible. Whoever reads this first and a status afterwards gets a
    /// status at least that new.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// The status of that serial as a certificate issued by that very key. Does not allocate.
    pub fn status(&self, issuer: IssuerKey, serial: Serial) -> CertificateStatus {
        self.read(issuer.ca).status(issuer.key, serial)
    }

    /// How many certificates of that CA have each status, over all its keys.
    pub fn counts(&self, ca: Ca) -> StatusCounts {
        self.read(ca).counts()
    }

    /// Applies the changes that the log holds up to `position`, in their order. Readers of a CA see all of its changes
    /// or none. On an error nothing was applied and the position stands where it was.
    pub fn apply(&self, position: u64, changes: &[Change]) -> Result<(), ApplyError> {
        let _writer = self.writer.lock().expect("no writer has panicked");
        let current = self.position();
        if position <= current {
            return Err(ApplyError::PositionNotAhead { current, offered: position });
        }
        let mut cas = self.cas.each_ref().map(|ca| ca.write().expect("no writer has panicked"));
        let mut applied = Vec::with_capacity(changes.len());
        for &change in changes {
            let at = change.ca().index();
            match cas[at].apply(change) {
                Ok(undo) => applied.push((at, undo)),
                Err(refusal) => {
                    applied.into_iter().rev().for_each(|(at, undo)| cas[at].undo(undo));
                    return Err(ApplyError::Refused { position, change, refusal });
                }
            }
        }
        // Before the locks are let go: a reader that sees the changes may ask for the position next.
        self.position.store(position, Ordering::Release);
        Ok(())
    }

    fn read(&self, ca: Ca) -> RwLockReadGuard<'_, CaIndex> {
        self.cas[ca.index()].read().expect("no writer has panicked")
    }
}
