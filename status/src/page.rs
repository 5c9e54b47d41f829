//! The statuses of 65,536 serials in a row.
//!
//! ```text
//! line     224 serials in 64 octets, which is what a processor fetches at once: 8 words
//!          its head: how many serials of the page before it are withdrawn (the lowest 16 bits), and how many of the line
//!          before its second, third … seventh word of bits (8 bits each)
//!          then 32 serials in a word, the lowest serial in the lowest bits: 00 not issued  01 good  10 held  11 revoked
//! row      one word for each withdrawn serial, in their order:
//!          serial within its page (16 bits) | since, seconds from 1970 (40 bits) | CRLReason (8 bits)
//! about    of each page: whether there is anything on it, how many rows, and which chunks of words they are in
//! ```
//! The place of a serial's row is what the line's head says of its word, and the withdrawn ones before it in the word. So a
//! look-up touches a line, of a withdrawn one the table of chunks, which is small, and a row.
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pki::revocation::{CERTIFICATE_HOLD, CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;

use crate::chunks::{CHUNK_WORDS, Chunks};
use crate::image::{PageImage, bits_and_row};
use crate::words::Chunked;

/// Serials on a page; its rows name them with 16 bits.
pub(crate) const PAGE_SERIALS: usize = 1 << 16;
/// Serials in a word of bits.
pub(crate) const WORD_SERIALS: usize = 32;
/// Words of bits on a page.
pub(crate) const PAGE_WORDS: usize = PAGE_SERIALS / WORD_SERIALS;
const LINE_WORDS: usize = 8;
/// Words of bits in a line, after its head.
const LINE_BITS: usize = LINE_WORDS - 1;
const LINES: usize = PAGE_WORDS.div_ceil(LINE_BITS);
/// Words of a page's lines.
pub(crate) const LINES_WORDS: usize = LINES * LINE_WORDS;
/// Words about a page: whether there is anything on it, its rows' number, and their chunks.
pub(crate) const ABOUT_WORDS: usize = CHUNKS_AT + PAGE_SERIALS / CHUNK_WORDS;
const IS_THERE_AT: usize = 0;
const ROWS_AT: usize = 1;
const CHUNKS_AT: usize = 2;
const _: () = assert!(UnixTime::MAX.as_seconds() < 1 << 40, "a row has 40 bits for the time");

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
    pub(crate) lines: &'a [AtomicU64; LINES_WORDS],
    pub(crate) about: &'a [AtomicU64; ABOUT_WORDS],
    pub(crate) chunks: &'a Chunks,
}

/// Its rows.
struct Rows<'a> {
    numbers: &'a [AtomicU64],
    chunks: &'a Chunks,
}

impl Chunked for Rows<'_> {
    const LENGTH: usize = CHUNK_WORDS;

    fn there(&self, number: usize) -> Option<&[AtomicU64]> {
        self.chunks.get(self.numbers.get(number)?.load(Relaxed))
    }

    fn chunk(&self, number: usize) -> &[AtomicU64] {
        if self.numbers[number].load(Relaxed) == 0 {
            self.numbers[number].store(self.chunks.make(), Relaxed);
        }
        self.there(number).expect("it was made")
    }
}

/// What stands at a serial: its bits, and its row or zero. To be understood when it is sure that both belong together.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    bits: u64,
    row: Row,
}

impl Entry {
    pub(crate) const NONE: Self = Self { bits: NOT_ISSUED, row: Row(0) };

    #[inline]
    pub(crate) fn status(self) -> CertificateStatus {
        match self.bits {
            NOT_ISSUED => CertificateStatus::NotIssued,
            GOOD => CertificateStatus::Good,
            _ => CertificateStatus::Withdrawn(self.row.withdrawal().expect("each withdrawn serial has its row")),
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
        self.bits(number).load(Relaxed)
    }

    pub(crate) fn row_count(self) -> usize {
        usize::try_from(self.about[ROWS_AT].load(Relaxed)).expect("at most as many as serials")
    }

    #[inline]
    pub(crate) fn entry(self, in_page: u16) -> Entry {
        let bits = self.word(usize::from(in_page) / WORD_SERIALS) >> shift(in_page) & 0b11;
        let row = if bits & 0b10 == 0 { Row(0) } else { Row(self.rows().get(self.place(in_page))) };
        Entry { bits, row }
    }

    /// Sets what stands at a serial; the bits before and after.
    pub(crate) fn set(self, in_page: u16, status: CertificateStatus) -> (u64, u64) {
        let (number, shift) = (usize::from(in_page) / WORD_SERIALS, shift(in_page));
        let word = self.word(number);
        let before = word >> shift & 0b11;
        let (after, row) = bits_and_row(in_page, status);
        let (place, count) = (self.place(in_page), self.row_count());
        match (before & 0b10 != 0, row) {
            (false, None) => {}
            (true, Some(row)) => self.rows().set(place, row.0),
            (false, Some(row)) => {
                self.rows().insert(place, count, row.0);
                self.count(number, count + 1, |head, one| head + one);
            }
            (true, None) => {
                self.rows().remove(place, count);
                self.count(number, count - 1, |head, one| head - one);
            }
        }
        self.bits(number).store(word & !(0b11 << shift) | after << shift, Relaxed);
        self.about[IS_THERE_AT].store(1, Relaxed);
        (before, after)
    }

    pub(crate) fn image(self) -> PageImage {
        let mut image = PageImage::default();
        for (number, to) in image.bits.iter_mut().enumerate() {
            *to = self.word(number);
        }
        let rows = self.rows();
        image.rows.extend((0..self.row_count()).map(|at| rows.get(at)));
        image
    }

    /// Writes a consistent image on a page that is not there yet.
    pub(crate) fn put(self, image: &PageImage) {
        let mut rank = 0_u64;
        for (line, words) in self.lines.chunks_exact(LINE_WORDS).zip(image.bits.chunks(LINE_BITS)) {
            let (mut head, mut within) = (rank, 0_u64);
            for (at, word) in words.iter().enumerate() {
                head += within * one_before(at);
                within += withdrawn_in(*word) as u64;
                line[1 + at].store(*word, Relaxed);
            }
            line[0].store(head, Relaxed);
            rank += within;
        }
        self.rows().fill(&image.rows);
        self.about[ROWS_AT].store(image.rows.len() as u64, Relaxed);
        self.about[IS_THERE_AT].store(1, Relaxed);
    }

    fn rows(self) -> Rows<'a> {
        Rows { numbers: &self.about[CHUNKS_AT..], chunks: self.chunks }
    }

    fn bits(self, number: usize) -> &'a AtomicU64 {
        &self.lines[number / LINE_BITS * LINE_WORDS + 1 + number % LINE_BITS]
    }

    /// Which row is a serial's, or would be.
    #[inline]
    fn place(self, in_page: u16) -> usize {
        let number = usize::from(in_page) / WORD_SERIALS;
        let head = self.lines[number / LINE_BITS * LINE_WORDS].load(Relaxed);
        // Nothing of its line comes before the first word: the rank's higher octet is where its count would be.
        let in_line = (head & !RANK) >> count_at(number % LINE_BITS) & 0xff;
        let below = (1 << shift(in_page)) - 1;
        usize::try_from((head & RANK) + in_line).expect("16 bits") + withdrawn_in(self.word(number) & below)
    }

    /// Counts one more or less in that word of bits, of so many in all.
    fn count(self, number: usize, rows: usize, by_one: impl Fn(u64, u64) -> u64) {
        let change = |head: &AtomicU64, one| head.store(by_one(head.load(Relaxed), one), Relaxed);
        let line = number / LINE_BITS;
        change(&self.lines[line * LINE_WORDS], (number % LINE_BITS + 1..LINE_BITS).map(one_before).sum());
        for line in line + 1..LINES {
            change(&self.lines[line * LINE_WORDS], 1);
        }
        self.about[ROWS_AT].store(rows as u64, Relaxed);
    }
}

/// The part of a line's head that counts what is before the line.
const RANK: u64 = 0xffff;

/// Where a line's head counts what is before a word of bits in the line. Of the first word that is none, and no place.
const fn count_at(word: usize) -> usize {
    8 + 8 * word
}

/// One before that word.
const fn one_before(word: usize) -> u64 {
    if word == 0 { 0 } else { 1 << count_at(word) }
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
    #[inline]
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
        assert_eq!(page.row_count(), expected.values().filter(withdrawn).count());
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
