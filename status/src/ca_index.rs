//! One CA: which key a serial belongs to, and its status.
use pki::identity::{KeyNumber, Serial};
use pki::revocation::CertificateStatus;

use crate::change::{self, Change, Refusal};
use crate::pages::{SERIAL_MAX, StatusCounts, StatusPages};

/// The index of one CA.
#[derive(Default)]
pub(crate) struct CaIndex {
    /// Each key with its first serial, both rising. A handful over a CA's life.
    key_ranges: Vec<(Serial, KeyNumber)>,
    pages: StatusPages,
}

/// What takes a change back.
#[derive(Clone, Copy)]
pub(crate) enum Undo {
    Status { serial: Serial, before: CertificateStatus },
    KeyRange,
}

impl CaIndex {
    pub(crate) fn status(&self, key: KeyNumber, serial: Serial) -> CertificateStatus {
        if self.key_of(serial) == Some(key) { self.pages.status(serial) } else { CertificateStatus::NotIssued }
    }

    pub(crate) const fn counts(&self) -> StatusCounts {
        self.pages.counts()
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
        }
    }

    pub(crate) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Status { serial, before } => self.pages.set(serial, before),
            Undo::KeyRange => drop(self.key_ranges.pop()),
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
        self.key_of(serial).ok_or(Refusal::NoKey)?;
        let before = self.pages.status(serial);
        self.pages.set(serial, after(before)?);
        Ok(Undo::Status { serial, before })
    }
}
