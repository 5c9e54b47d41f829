//! The statuses of 65,536 serials in a row.
//!
//! ```text
//! bits     32 serials in a word, the lowest serial in the lowest bits: 00 not issued  01 good  10 held  11 revoked
//! about    whether there is anything on the page, and where its rows are
//! ```
//! A look-up touches a word of bits; of a withdrawn serial also what is about the page, which is small, and the [`rows`](crate::rows).
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pki::revocation::CertificateStatus;

use crate::chunks::Chunks;
use crate::image::{PageImage, bits_and_row};
use crate::rows::{Row, Rows, TABLE_WORDS};

/// Serials on a page; its rows name them with 16 bits.
pub(crate) const PAGE_SERIALS: usize = 1 << 16;
/// Serials in a word of bits.
pub(crate) const WORD_SERIALS: usize = 32;
/// Words of bits on a page.
pub(crate) const PAGE_WORDS: usize = PAGE_SERIALS / WORD_SERIALS;
/// Words about a page: whether there is anything on it, and its rows' table. A multiple of what a processor fetches at once, so that
/// a table of up to five chunks is found by one load.
pub(crate) const ABOUT_WORDS: usize = (1 + TABLE_WORDS).next_multiple_of(8);
const IS_THERE_AT: usize = 0;

/// The higher bit of each serial: held or revoked.
pub(crate) const WITHDRAWN: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Two bits.
pub(crate) const NOT_ISSUED: u64 = 0b00;
pub(crate) const GOOD: u64 = 0b01;
pub(crate) const HELD: u64 = 0b10;
pub(crate) const REVOKED: u64 = 0b11;

/// One page, where it lies.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) bits: &'a [AtomicU64; PAGE_WORDS],
    pub(crate) about: &'a [AtomicU64; ABOUT_WORDS],
    pub(crate) chunks: &'a Chunks,
}

/// What stands at a serial: its bits, and its row if it has one. To be understood when it is sure that both belong together.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    bits: u64,
    row: Option<Row>,
}

impl Entry {
    pub(crate) const NONE: Self = Self { bits: NOT_ISSUED, row: None };

    #[inline]
    pub(crate) fn status(self) -> CertificateStatus {
        match self.bits {
            NOT_ISSUED => CertificateStatus::NotIssued,
            GOOD => CertificateStatus::Good,
            _ => {
                let withdrawal = self.row.and_then(Row::withdrawal);
                CertificateStatus::Withdrawn(withdrawal.expect("each withdrawn serial has its row"))
            }
        }
    }
}

impl<'a> Page<'a> {
    /// Something was written on it.
    pub(crate) fn is_there(self) -> bool {
        self.about[IS_THERE_AT].load(Relaxed) != 0
    }

    /// The word of bits with that number, below [`PAGE_WORDS`].
    pub(crate) fn word(self, number: usize) -> u64 {
        self.bits[number].load(Relaxed)
    }

    #[inline]
    pub(crate) fn entry(self, in_page: u16) -> Entry {
        let bits = self.word(usize::from(in_page) / WORD_SERIALS) >> shift(in_page) & 0b11;
        let row = if bits & 0b10 == 0 { None } else { self.rows().find(in_page) };
        Entry { bits, row }
    }

    /// Sets what stands at a serial; the bits before and after.
    pub(crate) fn set(self, in_page: u16, status: CertificateStatus) -> (u64, u64) {
        let (number, shift) = (usize::from(in_page) / WORD_SERIALS, shift(in_page));
        let word = self.word(number);
        let before = word >> shift & 0b11;
        let (after, row) = bits_and_row(in_page, status);
        match (before & 0b10 != 0, row) {
            (false, None) => {}
            (true, Some(row)) => self.rows().replace(row),
            (false, Some(row)) => self.rows().insert(row),
            (true, None) => self.rows().remove(in_page),
        }
        self.bits[number].store(word & !(0b11 << shift) | after << shift, Relaxed);
        self.about[IS_THERE_AT].store(1, Relaxed);
        (before, after)
    }

    pub(crate) fn image(self) -> PageImage {
        let mut image = PageImage::default();
        for (number, to) in image.bits.iter_mut().enumerate() {
            *to = self.word(number);
        }
        let ranks = ranks(&image.bits);
        image.rows.resize(self.rows().count(), 0);
        for row in self.rows().all() {
            let (number, below) = (usize::from(row.in_page()) / WORD_SERIALS, (1 << shift(row.in_page())) - 1);
            image.rows[ranks[number] + withdrawn_in(image.bits[number] & below)] = row.0;
        }
        image
    }

    /// Writes a consistent image on a page that is not there yet.
    pub(crate) fn put(self, image: &PageImage) {
        for (place, word) in self.bits.iter().zip(image.bits.iter()) {
            place.store(*word, Relaxed);
        }
        self.rows().fill(&image.rows);
        self.about[IS_THERE_AT].store(1, Relaxed);
    }

    fn rows(self) -> Rows<'a> {
        let table = self.about[IS_THERE_AT + 1..].first_chunk().expect("the words about a page");
        Rows { table, chunks: self.chunks }
    }
}

const fn shift(in_page: u16) -> usize {
    in_page as usize % WORD_SERIALS * 2
}

/// How many withdrawn serials come before each word.
fn ranks(bits: &[u64; PAGE_WORDS]) -> [usize; PAGE_WORDS] {
    let mut before = 0;
    bits.map(|word| {
        let rank = before;
        before += withdrawn_in(word);
        rank
    })
}

const fn withdrawn_in(word: u64) -> usize {
    (word & WITHDRAWN).count_ones() as usize
}

/// The withdrawn serials of a page, rising.
pub(crate) fn withdrawn(bits: &[u64; PAGE_WORDS]) -> impl Iterator<Item = u16> {
    (0..=u16::MAX).step_by(WORD_SERIALS).zip(bits).flat_map(|(first, word)| {
        let mut left = word & WITHDRAWN;
        std::iter::from_fn(move || {
            let at = u16::try_from(left.trailing_zeros() / 2).expect("below 32");
            (left != 0).then(|| {
                left &= left - 1;
                first + at
            })
        })
    })
}

/// How many of a word's serials have these two bits.
pub(crate) const fn with_bits(word: u64, bits: u64) -> u64 {
    const LOWER: u64 = !WITHDRAWN;
    // Zero where a serial's two bits are these.
    let differ = word ^ (LOWER * bits);
    (!(differ | differ >> 1) & LOWER).count_ones() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pki::revocation::{RevocationReason, Withdrawal};
    use pki::time::UnixTime;

    use super::*;
    use crate::pages::StatusPages;
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

    fn compare(page: Page<'_>, expected: &BTreeMap<u16, CertificateStatus>) {
        for in_page in 0..=u16::MAX {
            let status = expected.get(&in_page).copied().unwrap_or(CertificateStatus::NotIssued);
            assert_eq!(page.entry(in_page).status(), status, "{in_page}");
        }
        let withdrawn = |status: &&CertificateStatus| matches!(status, CertificateStatus::Withdrawn(_));
        assert_eq!(page.rows().count(), expected.values().filter(withdrawn).count());
    }

    #[test]
    fn a_page_on_which_everything_is_revoked_in_any_order_has_each_row_at_its_place() {
        let pages = StatusPages::default();
        let (page, mut expected) = (pages.page_or_new(1), BTreeMap::new());
        // Scattered ones first: an odd factor, so that none comes twice. Then all, which leaves those as they are.
        let scattered = (0..6_000).map(|step: u16| step.wrapping_mul(40_503));
        for (step, in_page) in scattered.chain(0..=u16::MAX).enumerate() {
            let since = UnixTime::from_seconds(i64::from(in_page));
            let revoked = Withdrawal::Revoked { since, reason: RevocationReason::Superseded };
            page.set(in_page, CertificateStatus::Withdrawn(revoked));
            expected.insert(in_page, CertificateStatus::Withdrawn(revoked));
            if step.is_multiple_of(20_000) {
                compare(page, &expected);
            }
        }
        compare(page, &expected);
        // A copy of it, made at once.
        let copy = pages.page_or_new(2);
        copy.put(&page.image());
        compare(copy, &expected);
        assert!(!pages.page_or_new(0).is_there() && !pages.page_or_new(3).is_there());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_page_says_what_was_said_last_of_each_serial(
            said in prop::collection::vec((any::<u16>(), any_status()), 0..6_000),
            again in prop::collection::vec((any::<prop::sample::Index>(), any_status()), 0..3_000),
        ) {
            let pages = StatusPages::default();
        let (page, mut expected) = (pages.page_or_new(1), BTreeMap::new());
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
            compare(page, &expected);
        }
    }
}
