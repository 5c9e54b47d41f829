//! The status of every certificate, in memory. Many read it at once; one follower of the log writes it.
//!
//! 1. Serials are a counter's values, so status is an array: two bits a certificate, in [`page`]s; only held and revoked
//!    ones have one of the [`rows`] besides, with the time and the reason. *Never issued is never good* needs no database (I22).
//! 2. A serial belongs to one key of its CA, by a table of ranges in [`keys`]. Asked about under another key, it
//!    counts as not issued (I18).
//! 3. [`StatusIndex::apply`] takes the [`Change`]s of the log in order, each batch whole or not at all. [`change`] says
//!    which status may follow which; what no right log can say is refused, because an index that went on would lie.
//! 4. Readers take no lock: [`turn`] tells them whether a change came in between. No memory that is read is ever given back
//!    ([`words`], [`chunks`]).
//! 5. [`StatusIndex::freeze`] and [`snapshot`]: the index as a file, written while it changes, so that a start need not read
//!    the whole state.
//! 6. [`StatusIndex::generation`] tells whether a serial's status may have changed since it was looked up, so that an
//!    answer kept from then dies with the change ([`generations`]).
//!
//! 250 M certificates take 63 MB of bits, 30 M withdrawn ones 310 MB with the slots that are free; some 375 MB in all, in huge
//! pages of memory ([`block`]). No personal data, no keys, no I/O.
mod block;
mod ca_index;
mod change;
mod chunks;
mod frozen;
mod generations;
mod image;
mod keys;
mod page;
mod pages;
mod rows;
pub mod snapshot;
mod turn;
mod words;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pki::identity::{Ca, IssuerKey, Serial};
use pki::revocation::CertificateStatus;

use ca_index::CaIndex;
pub use change::{ApplyError, Change, Refusal};
pub use frozen::Frozen;
use frozen::Saving;
pub use generations::Generation;
use generations::Generations;
pub use image::PageImage;
pub use pages::{SERIAL_MAX, StatusCounts};
use snapshot::CaKeys;
use turn::Turn;

/// The index over all CAs.
///
/// After a panic while changes are applied (our bug) every look-up panics too, so a half-applied batch is never answered
/// from.
#[derive(Default)]
pub struct StatusIndex {
    turn: Turn,
    position: AtomicU64,
    cas: [CaIndex; Ca::ALL.len()],
    generations: Generations,
    /// Of the one that is being written out, while one is. Held by who is at work on pages, for a moment each time.
    saving: Mutex<Option<Saving>>,
    /// Held while one is written out.
    freezing: Mutex<()>,
}

impl StatusIndex {
    /// An index of nothing, at log position 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// An index of these changes, at that position. Unlike [`StatusIndex::apply`] it need
    /// not have them all in memory: on an error there is no index.
    pub fn filled(position: u64, changes: impl Iterator<Item = Change>) -> Result<Self, ApplyError> {
        let index = Self::new();
        for change in changes {
            let applied = index.cas[change.ca().index()].apply(change);
            applied.map_err(|refusal| ApplyError::Refused { position, change, refusal })?;
        }
        index.position.store(position, Ordering::Release);
        Ok(index)
    }

    /// The log position up to which every change is visible. Whoever reads this first and a status afterwards gets a
    /// status at least that new.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// The status of that serial as a certificate issued by that very key. Neither allocates nor writes.
    pub fn status(&self, issuer: IssuerKey, serial: Serial) -> CertificateStatus {
        let ca = &self.cas[issuer.ca.index()];
        self.turn.read(|| ca.look(issuer.key, serial)).status()
    }

    /// To be read before [`Self::status`]: as long as it reads the same again, that status still holds. When
    /// [`Self::apply`] returns, the generations of what it changed are new.
    pub fn generation(&self, ca: Ca, serial: Serial) -> Generation {
        self.generations.of(ca, serial)
    }

    /// How many certificates of that CA have each status, over all its keys.
    pub fn counts(&self, ca: Ca) -> StatusCounts {
        self.turn.read(|| self.cas[ca.index()].counts())
    }

    /// Applies the changes that the log holds up to `position`, in their order. Readers see all of them or none. On an
    /// error nothing was applied and the position stands where it was.
    pub fn apply(&self, position: u64, changes: &[Change]) -> Result<(), ApplyError> {
        let writer = self.turn.writer();
        let current = self.position();
        if position <= current {
            return Err(ApplyError::PositionNotAhead { current, offered: position });
        }
        self.keep(changes);
        let _writing = writer.begin();
        let mut applied = Vec::with_capacity(changes.len());
        for &change in changes {
            let ca = &self.cas[change.ca().index()];
            match ca.apply(change) {
                Ok(undo) => applied.push((ca, undo)),
                Err(refusal) => {
                    applied.into_iter().rev().for_each(|(ca, undo)| ca.undo(undo));
                    return Err(ApplyError::Refused { position, change, refusal });
                }
            }
        }
        // Before readers are let in: one that reads a new generation waits here for what it looks up next.
        for &change in changes {
            self.generations.count(change);
        }
        // Before readers are let in: one that sees the changes may ask for the position next.
        self.position.store(position, Ordering::Release);
        Ok(())
    }

    /// The keys of a CA, with the serials that belong to each.
    pub fn keys(&self, ca: Ca) -> CaKeys {
        self.turn.read(|| self.cas[ca.index()].keys.all())
    }

    /// The index as it is now, to be written out while it changes. Waits while another one is.
    pub fn freeze(&self) -> Frozen<'_> {
        Frozen::new(self)
    }

    /// Keeps the pages that are about to change, if the index is being written out. The caller is the writer.
    fn keep(&self, changes: &[Change]) {
        if let Some(saving) = &mut *self.saving() {
            for change in changes {
                if let Some(serial) = change.serial() {
                    saving.keep(change.ca(), serial, &self.cas[change.ca().index()].pages);
                }
            }
        }
    }

    /// What is kept for the one that is written out. A panic while it was held (our bug) is reported elsewhere, and by the
    /// turn where it matters.
    fn saving(&self) -> MutexGuard<'_, Option<Saving>> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
