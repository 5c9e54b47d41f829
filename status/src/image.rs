//! A page by itself, as a snapshot has it.
use pki::revocation::{CertificateStatus, Withdrawal};

use crate::page::{GOOD, HELD, NOT_ISSUED, PAGE_SERIALS, PAGE_WORDS, REVOKED, WORD_SERIALS, withdrawn};
use crate::rows::Row;

/// The statuses of 65,536 serials in a row, at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageImage {
    pub(crate) bits: Box<[u64; PAGE_WORDS]>,
    pub(crate) rows: Vec<u64>,
}

impl Default for PageImage {
    fn default() -> Self {
        Self { bits: Box::new([0; PAGE_WORDS]), rows: Vec::new() }
    }
}

impl PageImage {
    /// Serials on a page. Serial n stands at place n mod this of page n div this.
    pub const SERIALS: usize = PAGE_SERIALS;

    /// Says what stands at a place. Places are told in rising order, each once; those that are not told are not issued.
    pub fn tell(&mut self, place: u16, status: CertificateStatus) {
        let (bits, row) = bits_and_row(place, status);
        self.bits[usize::from(place) / WORD_SERIALS] |= bits << (usize::from(place) % WORD_SERIALS * 2);
        self.rows.extend(row.map(|row| row.0));
    }

    /// How many are held or revoked.
    pub const fn withdrawn(&self) -> usize {
        self.rows.len()
    }

    /// Each withdrawn serial has its row and nothing else has one: what the page says can be told.
    pub(crate) fn is_consistent(&self) -> bool {
        let mut rows = self.rows.iter().map(|row| Row(*row));
        let fit = withdrawn(&self.bits).all(|in_page| {
            let word = self.bits[usize::from(in_page) / WORD_SERIALS];
            let held = word >> (usize::from(in_page) % WORD_SERIALS * 2) & 0b11 == HELD;
            let is_its = |row: Row| {
                row.in_page() == in_page
                    && row.withdrawal().is_some_and(|told| held == matches!(told, Withdrawal::Held { .. }))
            };
            rows.next().is_some_and(is_its)
        });
        fit && rows.next().is_none()
    }
}

/// How a status stands on a page.
pub(crate) fn bits_and_row(in_page: u16, status: CertificateStatus) -> (u64, Option<Row>) {
    match status {
        CertificateStatus::NotIssued => (NOT_ISSUED, None),
        CertificateStatus::Good => (GOOD, None),
        CertificateStatus::Withdrawn(withdrawal) => {
            let bits = if matches!(withdrawal, Withdrawal::Held { .. }) { HELD } else { REVOKED };
            (bits, Some(Row::new(in_page, withdrawal)))
        }
    }
}
