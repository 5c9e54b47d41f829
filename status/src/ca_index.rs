//! One CA: which key a serial belongs to, and its status.
use pki::identity::{KeyNumber, Serial};
use pki::revocation::CertificateStatus;
use pki::time::UnixTime;

use crate::change::{self, Change, Refusal};
use crate::image::PageImage;
use crate::keys::{KeyState, Keys};
use crate::page::{Entry, GOOD, HELD, NOT_ISSUED, PAGE_SERIALS, REVOKED, WORD_SERIALS, with_bits};
use crate::pages::{SERIAL_MAX, StatusCounts, StatusPages};
use crate::snapshot::CaKeys;

/// The index of one CA. Every part is atomic words, read while they may be changed: see [`crate::turn`].
#[derive(Default)]
pub(crate) struct CaIndex {
    pub(crate) keys: Keys,
    pub(crate) pages: StatusPages,
}

/// What was seen of a serial. To be understood when it is sure that nothing was changed meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    entry: Entry,
    compromised_since: Option<UnixTime>,
}

impl Seen {
    const NOTHING: Self = Self { entry: Entry::NONE, compromised_since: None };

    /// Whatever the pages say of a certificate, its key's compromise says more.
    #[inline]
    pub(crate) fn status(self) -> CertificateStatus {
        match self.compromised_since {
            None => self.entry.status(),
            Some(since) => change::under_compromise(self.entry.status(), since),
        }
    }
}

/// What takes a change back.
#[derive(Clone, Copy)]
pub(crate) enum Undo {
    Status { serial: Serial, before: CertificateStatus },
    KeyRange,
    Compromise { key: KeyNumber },
}

impl CaIndex {
    #[inline]
    pub(crate) fn look(&self, key: KeyNumber, serial: Serial) -> Seen {
        if self.keys.key_of(serial) == Some(key) { self.look_under(key, serial) } else { Seen::NOTHING }
    }

    #[inline]
    fn look_under(&self, key: KeyNumber, serial: Serial) -> Seen {
        let compromised_since = self.keys.state(key).and_then(KeyState::compromised_since);
        Seen { entry: self.pages.entry(serial), compromised_since }
    }

    pub(crate) fn counts(&self) -> StatusCounts {
        self.keys.states().fold(StatusCounts::default(), |sum, state| {
            let StatusCounts { good, held, revoked } = state.counting.counts();
            match state.compromised_since() {
                None => StatusCounts { good: sum.good + good, held: sum.held + held, revoked: sum.revoked + revoked },
                Some(_) => StatusCounts { revoked: sum.revoked + good + held + revoked, ..sum },
            }
        })
    }

    pub(crate) fn apply(&self, change: Change) -> Result<Undo, Refusal> {
        match change {
            Change::KeyRange { ca: _, first_serial, key } => {
                let are_free = || self.pages.is_empty_from(first_serial);
                self.keys.add_range(first_serial, key, are_free).map(|()| Undo::KeyRange)
            }
            Change::Issued { ca: _, serial } => self.change_status(serial, change::after_issue),
            Change::Withdrawn { ca: _, serial, withdrawal } => {
                self.change_status(serial, |before| change::after_withdrawal(before, withdrawal))
            }
            Change::Released { ca: _, serial } => self.change_status(serial, change::after_release),
            Change::KeyCompromised { ca: _, key, since } => {
                self.keys.compromise(key, since).map(|()| Undo::Compromise { key })
            }
        }
    }

    pub(crate) fn undo(&self, undo: Undo) {
        match undo {
            Undo::Status { serial, before } => self.set(serial, before),
            Undo::KeyRange => self.keys.take_last_range(),
            Undo::Compromise { key } => self.keys.take_compromise(key),
        }
    }

    /// Takes keys into an empty index; `false` if they cannot be true.
    pub(crate) fn set_keys(&self, keys: &CaKeys) -> bool {
        let mut ranges = keys.ranges.iter();
        let mut compromises = keys.compromises.iter();
        ranges.all(|(first_serial, key)| self.keys.add_range(*first_serial, *key, || true).is_ok())
            && compromises.all(|(key, since)| self.keys.compromise(*key, *since).is_ok())
    }

    /// Takes a consistent page into an index that has its keys; `false` if a status belongs to no key.
    pub(crate) fn set_page(&self, number: usize, image: &PageImage) -> bool {
        let words = (0..).map(|word| (number * PAGE_SERIALS + word * WORD_SERIALS) as u64).zip(image.bits.iter());
        let mut issued = words.filter(|(_, word)| **word != 0);
        issued.all(|(first, word)| self.count(first, *word)) && self.pages.put(number, image)
    }

    /// Counts the statuses of the 32 serials from `first` on.
    fn count(&self, first: u64, word: u64) -> bool {
        let key_at = |serial: u64| Serial::new(serial).and_then(|serial| self.keys.key_of(serial));
        let state_at = |serial: u64| key_at(serial).and_then(|key| self.keys.state(key));
        if key_at(first) == key_at(first + WORD_SERIALS as u64 - 1) {
            let Some(state) = state_at(first) else { return false };
            for bits in [GOOD, HELD, REVOKED] {
                state.counting.add(bits, with_bits(word, bits));
            }
            return true;
        }
        (first..).zip((0..WORD_SERIALS).map(|at| word >> (at * 2) & 0b11)).all(|(serial, bits)| {
            let state = state_at(serial);
            if let Some(state) = state {
                state.counting.add(bits, 1);
            }
            bits == NOT_ISSUED || state.is_some()
        })
    }

    fn change_status(
        &self,
        serial: Serial,
        after: impl FnOnce(CertificateStatus) -> Result<CertificateStatus, Refusal>,
    ) -> Result<Undo, Refusal> {
        if serial.get() > SERIAL_MAX {
            return Err(Refusal::SerialTooLarge);
        }
        let key = self.keys.key_of(serial).ok_or(Refusal::NoKey)?;
        let before = self.pages.entry(serial).status();
        let after = after(self.look_under(key, serial).status())?;
        self.set(serial, after);
        Ok(Undo::Status { serial, before })
    }

    fn set(&self, serial: Serial, status: CertificateStatus) {
        let state = self.keys.key_of(serial).and_then(|key| self.keys.state(key));
        let state = state.expect("a serial whose status changes belongs to a key");
        self.pages.set(serial, status, &state.counting);
    }
}
