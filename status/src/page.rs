//! The statuses of 65,536 serials in a row.
//!
//! ```text
//! bits     32 serials in a word, the lowest serial in the lowest bits: 00 not issued  01 good  10 held  11 revoked
//! line     256 serials: 64 octets of bits, which is what a processor fetches at once
//! rank     of each line: how many serials of the page before it are withdrawn
//! row      one word for each withdrawn serial, in their order:
//!          serial within its page (16 bits) | since, seconds from 1970 (40 bits) | CRLReason (8 bits)
//! ```
//! The place of a serial's row is its line's rank and the withdrawn ones before it in the line, so a look-up touches at most
//! a line, a rank and a row.
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU64};

use pki::revocation::{CERTIFICATE_HOLD, CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;

use crate::image::{PageImage, bits_and_row};
use crate::words::Words;

/// Serials on a page; its rows name them with 16 bits.
pub(crate) const PAGE_SERIALS: usize = 1 << 16;
/// Serials in a word of bits.
pub(crate) const WORD_SERIALS: usize = 32;
/// Words of bits on a page.
pub(crate) const PAGE_WORDS: usize = PAGE_SERIALS / WORD_SERIALS;
const LINE_WORDS: usize = 8;
const LINES: usize = PAGE_WORDS / LINE_WORDS;
/// Rows are made this many at a time: 16 KiB, half of which is idle on average, and few enough to find them quickly.
const ROWS_AT_ONCE: usize = 2_048;
const _: () = assert!(UnixTime::MAX.as_seconds() < 1 << 40, "a row has 40 bits for the time");

/// The higher bit of each serial: held or revoked.
pub(crate) const WITHDRAWN: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Two bits.
pub(crate) const NOT_ISSUED: u64 = 0b00;
pub(crate) const GOOD: u64 = 0b01;
pub(crate) const HELD: u64 = 0b10;
pub(crate) const REVOKED: u64 = 0b11;

/// One page. Begins where a processor's line begins.
#[repr(align(64))]
pub(crate) struct Page {
    bits: [AtomicU64; PAGE_WORDS],
    ranks: [AtomicU16; LINES],
    rows: Words<{ PAGE_SERIALS / ROWS_AT_ONCE }, ROWS_AT_ONCE>,
}

/// What stands at a serial: its bits, and its row or zero. To be understood when it is sure that both belong together.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    bits: u64,
    row: Row,
}

impl Entry {
    pub(crate) const NONE: Self = Self { bits: NOT_ISSUED, row: Row(0) };

    pub(crate) fn status(self) -> CertificateStatus {
        match self.bits {
            NOT_ISSUED => CertificateStatus::NotIssued,
            GOOD => CertificateStatus::Good,
            _ => CertificateStatus::Withdrawn(self.row.withdrawal().expect("each withdrawn serial has its row")),
        }
    }
}

impl Page {
    pub(crate) fn new() -> Box<Self> {
        let bits = [const { AtomicU64::new(0) }; PAGE_WORDS];
        Box::new(Self { bits, ranks: [const { AtomicU16::new(0) }; LINES], rows: Words::new() })
    }

    pub(crate) fn word(&self, number: usize) -> u64 {
        self.bits[number].load(Relaxed)
    }

    pub(crate) fn entry(&self, in_page: u16) -> Entry {
        let bits = self.word(usize::from(in_page) / WORD_SERIALS) >> shift(in_page) & 0b11;
        let row = if bits & 0b10 == 0 { Row(0) } else { Row(self.rows.get(self.place(in_page))) };
        Entry { bits, row }
    }

    /// Sets what stands at a serial; the bits before and after.
    pub(crate) fn set(&self, in_page: u16, status: CertificateStatus) -> (u64, u64) {
        let (number, shift) = (usize::from(in_page) / WORD_SERIALS, shift(in_page));
        let word = self.word(number);
        let before = word >> shift & 0b11;
        let (after, row) = bits_and_row(in_page, status);
        let place = self.place(in_page);
        match (before & 0b10 != 0, row) {
            (false, None) => {}
            (true, Some(row)) => self.rows.set(place, row.0),
            (false, Some(row)) => {
                self.rows.insert(place, self.row_count(), row.0);
                self.move_ranks(in_page, |rank| rank + 1);
            }
            (true, None) => {
                self.rows.remove(place, self.row_count());
                self.move_ranks(in_page, |rank| rank - 1);
            }
        }
        self.bits[number].store(word & !(0b11 << shift) | after << shift, Relaxed);
        (before, after)
    }

    pub(crate) fn image(&self) -> PageImage {
        let mut image = PageImage::default();
        for (to, from) in image.bits.iter_mut().zip(&self.bits) {
            *to = from.load(Relaxed);
        }
        image.rows.extend((0..self.row_count()).map(|at| self.rows.get(at)));
        image
    }

    /// A page as in the image, which is consistent.
    pub(crate) fn from_image(image: &PageImage) -> Box<Self> {
        let page = Self::new();
        let mut rank = 0_usize;
        for (line, words) in image.bits.chunks_exact(LINE_WORDS).enumerate() {
            page.ranks[line]
                .store(u16::try_from(rank).expect("fewer rows come before a line than a page has"), Relaxed);
            for (at, word) in words.iter().enumerate() {
                page.bits[line * LINE_WORDS + at].store(*word, Relaxed);
                rank += withdrawn_in(*word);
            }
        }
        page.rows.fill(&image.rows);
        page
    }

    pub(crate) fn row_count(&self) -> usize {
        let (last, words) = (LINES - 1, PAGE_WORDS - LINE_WORDS..PAGE_WORDS);
        usize::from(self.ranks[last].load(Relaxed)) + words.map(|word| withdrawn_in(self.word(word))).sum::<usize>()
    }

    /// Which row is a serial's, or would be.
    fn place(&self, in_page: u16) -> usize {
        let word = usize::from(in_page) / WORD_SERIALS;
        let line = word / LINE_WORDS;
        let before: usize = (line * LINE_WORDS..word).map(|word| withdrawn_in(self.word(word))).sum();
        let below = (1 << shift(in_page)) - 1;
        usize::from(self.ranks[line].load(Relaxed)) + before + withdrawn_in(self.word(word) & below)
    }

    fn move_ranks(&self, in_page: u16, by_one: impl Fn(u16) -> u16) {
        for rank in &self.ranks[usize::from(in_page) / (LINE_WORDS * WORD_SERIALS) + 1..] {
            rank.store(by_one(rank.load(Relaxed)), Relaxed);
        }
    }
}

const fn shift(in_page: u16) -> usize {
    in_page as usize % WORD_SERIALS * 2
}

const fn withdrawn_in(word: u64) -> usize {
    (word & WITHDRAWN).count_ones() as usize
}

/// How many of a word's serials have these two bits.
pub(crate) const fn with_bits(word: u64, bits: u64) -> u64 {
    const LOWER: u64 = !WITHDRAWN;
    // Zero where a serial's two bits are these.
    let differ = word ^ (LOWER * bits);
    (!(differ | differ >> 1) & LOWER).count_ones() as u64
}

/// One held or revoked certificate, packed as the module says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) u64);

impl Row {
    pub(crate) fn new(in_page: u16, withdrawal: Withdrawal) -> Self {
        let since = u64::try_from(withdrawal.since().as_seconds()).expect("UnixTime begins with 1970");
        Self(u64::from(in_page) << 48 | since << 8 | u64::from(withdrawal.reason_code()))
    }

    pub(crate) const fn in_page(self) -> u32 {
        (self.0 >> 48) as u32
    }

    /// `None` of a word that is none of ours.
    pub(crate) fn withdrawal(self) -> Option<Withdrawal> {
        let seconds = i64::try_from(self.0 >> 8 & 0xff_ffff_ffff).expect("40 bits");
        let since = UnixTime::from_seconds(seconds);
        let [.., code] = self.0.to_be_bytes();
        if since.as_seconds() != seconds {
            None
        } else if code == CERTIFICATE_HOLD {
            Some(Withdrawal::Held { since })
        } else {
            RevocationReason::from_code(code).map(|reason| Withdrawal::Revoked { since, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = CertificateStatus> {
        let since = (0..=UnixTime::MAX.as_seconds()).prop_map(UnixTime::from_seconds);
        (since, 0..9_usize).prop_map(|(since, kind)| match kind {
            0 => CertificateStatus::NotIssued,
            1 => CertificateStatus::Good,
            2 => CertificateStatus::Withdrawn(Withdrawal::Held { since }),
            _ => {
                let reason = RevocationReason::ALL[kind % RevocationReason::ALL.len()];
                CertificateStatus::Withdrawn(Withdrawal::Revoked { since, reason })
            }
        })
    }

    fn compare(page: &Page, expected: &BTreeMap<u16, CertificateStatus>) {
        for in_page in 0..=u16::MAX {
            let status = expected.get(&in_page).copied().unwrap_or(CertificateStatus::NotIssued);
            assert_eq!(page.entry(in_page).status(), status, "{in_page}");
        }
        let withdrawn = |status: &&CertificateStatus| matches!(status, CertificateStatus::Withdrawn(_));
        assert_eq!(page.row_count(), expected.values().filter(withdrawn).count());
    }

    #[test]
    fn a_page_on_which_everything_is_revoked_in_any_order_has_each_row_at_its_place() {
        let (page, mut expected) = (Page::new(), BTreeMap::new());
        // Scattered ones first: an odd factor, so that none comes twice. Then all, which leaves those as they are.
        let scattered = (0..6_000).map(|step: u16| step.wrapping_mul(40_503));
        for (step, in_page) in scattered.chain(0..=u16::MAX).enumerate() {
            let since = UnixTime::from_seconds(i64::from(in_page));
            let revoked = Withdrawal::Revoked { since, reason: RevocationReason::Superseded };
            page.set(in_page, CertificateStatus::Withdrawn(revoked));
            expected.insert(in_page, CertificateStatus::Withdrawn(revoked));
            if step.is_multiple_of(20_000) {
                compare(&page, &expected);
            }
        }
        compare(&page, &expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_page_says_what_was_said_last_of_each_serial(
            said in prop::collection::vec((any::<u16>(), any_status()), 0..6_000),
            again in prop::collection::vec((any::<prop::sample::Index>(), any_status()), 0..3_000),
        ) {
            let (page, mut expected) = (Page::new(), BTreeMap::new());
            let mut say = |in_page, status| {
                page.set(in_page, status);
                expected.insert(in_page, status);
            };
            for &(in_page, status) in &said {
                say(in_page, status);
            }
            for (which, status) in again {
                if !said.is_empty() {
                    say(which.get(&said).0, status);
                }
            }
            compare(&page, &expected);
        }
    }
}
