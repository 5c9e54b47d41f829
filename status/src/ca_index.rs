//! One CA: which key a serial belongs to, and its status.
use pki::identity::{KeyNumber, Serial};
use pki::revocation::CertificateStatus;
use pki::time::UnixTime;

use crate::change::{self, Change, Refusal};
use crate::pages::{SERIAL_MAX, StatusCounts, StatusPages};

/// The index of one CA.
#[derive(Default)]
pub(crate) struct CaIndex {
    /// Each key with its first serial, both rising. A handful over a CA's life.
    key_ranges: Vec<(Serial, KeyNumber)>,
    keys: Vec<KeyState>,
    pages: StatusPages,
}

/// What concerns every certificate under a key at once.
struct KeyState {
    key: KeyNumber,
    /// As the pages have them.
    counts: StatusCounts,
    compromised_since: Option<UnixTime>,
}

/// What takes a change back.
#[derive(Clone, Copy)]
pub(crate) enum Undo {
    Status { serial: Serial, before: CertificateStatus },
    KeyRange,
    Compromise { key: KeyNumber },
}

impl CaIndex {
    pub(crate) fn status(&self, key: KeyNumber, serial: Serial) -> CertificateStatus {
        if self.key_of(serial) == Some(key) { self.told(key, serial) } else { CertificateStatus::NotIssued }
    }

    /// Whatever the pages say of a certificate, its key's compromise says more.
    fn told(&self, key: KeyNumber, serial: Serial) -> CertificateStatus {
        let status = self.pages.status(serial);
        match self.keys.iter().find(|state| state.key == key).and_then(|state| state.compromised_since) {
            None => status,
            Some(since) => change::under_compromise(status, since),
        }
    }

    pub(crate) fn counts(&self) -> StatusCounts {
        self.keys.iter().fold(StatusCounts::default(), |sum, KeyState { counts, compromised_since, .. }| {
            let StatusCounts { good, held, revoked } = *counts;
            match compromised_since {
                None => StatusCounts { good: sum.good + good, held: sum.held + held, revoked: sum.revoked + revoked },
                Some(_) => StatusCounts { revoked: sum.revoked + good + held + revoked, ..sum },
            }
        })
    }

    fn key_of(&self, serial: Serial) -> Option<KeyNumber> {
        self.key_ranges.iter().rev().find(|(first_serial, _)| *first_serial <= serial).map(|&(_, key)| key)
    }

    pub(crate) fn apply(&mut self, change: Change) -> Result<Undo, Refusal> {
        match change {
            Change::KeyRange { ca: _, first_serial, key } => self.add_key_range(first_serial, key),
            Change::Issued { ca: _, serial } => self.change_status(serial, change::after_issue),
            Change::Withdrawn { ca: _, serial, withdrawal } => {
                self.change_status(serial, |before| change::after_withdrawal(before, withdrawal))
            }
            Change::Released { ca: _, serial } => self.change_status(serial, change::after_release),
            Change::KeyCompromised { ca: _, key, since } => {
                let state = self.keys.iter_mut().find(|state| state.key == key && state.compromised_since.is_none());
                state.ok_or(Refusal::CompromisedAlready)?.compromised_since = Some(since);
                Ok(Undo::Compromise { key })
            }
        }
    }

    pub(crate) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Status { serial, before } => self.set(serial, before),
            Undo::KeyRange => drop(self.key_ranges.pop()),
            Undo::Compromise { key } => {
                if let Some(state) = self.keys.iter_mut().find(|state| state.key == key) {
                    state.compromised_since = None;
                }
            }
        }
    }

    fn add_key_range(&mut self, first_serial: Serial, key: KeyNumber) -> Result<Undo, Refusal> {
        if self.key_ranges.last().is_some_and(|last| first_serial <= last.0) {
            return Err(Refusal::RangeOutOfOrder);
        }
        if !self.pages.is_empty_from(first_serial) {
            return Err(Refusal::RangeTaken);
        }
        self.key_ranges.push((first_serial, key));
        if self.keys.iter().all(|state| state.key != key) {
            self.keys.push(KeyState { key, counts: StatusCounts::default(), compromised_since: None });
        }
        Ok(Undo::KeyRange)
    }

    fn change_status(
        &mut self,
        serial: Serial,
        after: impl FnOnce(CertificateStatus) -> Result<CertificateStatus, Refusal>,
    ) -> Result<Undo, Refusal> {
        if serial.get() > SERIAL_MAX {
            return Err(Refusal::SerialTooLarge);
        }
        let key = self.key_of(serial).ok_or(Refusal::NoKey)?;
        let before = self.pages.status(serial);
        let after = after(self.told(key, serial))?;
        self.set(serial, after);
        Ok(Undo::Status { serial, before })
    }

    fn set(&mut self, serial: Serial, status: CertificateStatus) {
        let key = self.key_of(serial);
        let state = self.keys.iter_mut().find(|state| Some(state.key) == key);
        let state = state.expect("a serial whose status changes belongs to a key");
        self.pages.set(serial, status, &mut state.counts);
    }
}
