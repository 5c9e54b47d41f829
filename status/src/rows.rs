//! The rows of a page: a table in which a row stands at, or soon after, the place that its serial says by itself. So a look-up
//! goes there without having read the serial's bits first, and both loads from memory run at once.
//!
//! ```text
//! row      one word for each withdrawn serial:
//!          serial within its page (16 bits) | since, seconds from 1970 (40 bits) | CRLReason (8 bits)
//! slot     zero, or a row with the highest bit of its reason set, which no reason has
//! bucket   8 slots in 64 octets, which is what a processor fetches at once
//! table    the buckets of some chunks, at most seven eighths full
//! ```
//! A row is in the first bucket from its own on that had room when it came. The bits say whether a serial has a row, so nobody
//! looks for one that is not there: taking one away leaves a free slot and nothing else. A table that is full takes another
//! chunk, and its rows find new places.
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pki::revocation::{CERTIFICATE_HOLD, RevocationReason, Withdrawal};
use pki::time::UnixTime;

use crate::chunks::{CHUNK_WORDS, Chunks};
use crate::page::PAGE_SERIALS;

const BUCKET_SLOTS: usize = 8;
const CHUNK_BUCKETS: usize = CHUNK_WORDS / BUCKET_SLOTS;
/// With these a table has a slot for each serial of its page.
const CHUNKS_MAX: usize = PAGE_SERIALS / CHUNK_WORDS;
/// What says where a table is: how many rows it has, how many chunks, and which.
pub(crate) const TABLE_WORDS: usize = NUMBERS_AT + CHUNKS_MAX;
const ROWS_AT: usize = 0;
const CHUNKS_AT: usize = 1;
const NUMBERS_AT: usize = 2;
/// Of a slot that has a row.
const TAKEN: u64 = 0x80;
const _: () = assert!(UnixTime::MAX.as_seconds() < 1 << 40, "a row has 40 bits for the time");

/// One held or revoked certificate, packed as the module says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) u64);

impl Row {
    pub(crate) fn new(in_page: u16, withdrawal: Withdrawal) -> Self {
        let since = u64::try_from(withdrawal.since().as_seconds()).expect("UnixTime begins with 1970");
        Self(u64::from(in_page) << 48 | since << 8 | u64::from(withdrawal.reason_code()))
    }

    pub(crate) const fn in_page(self) -> u16 {
        (self.0 >> 48) as u16
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

/// The table of one page, where it lies.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) table: &'a [AtomicU64; TABLE_WORDS],
    pub(crate) chunks: &'a Chunks,
}

impl<'a> Rows<'a> {
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.table[ROWS_AT].load(Relaxed)).expect("at most as many as serials")
    }

    /// The row of a serial that has one. `None` for a reader whom the writer has overtaken.
    #[inline]
    pub(crate) fn find(self, in_page: u16) -> Option<Row> {
        let (_, word) = self.slot(in_page, |word| word & (SERIAL | TAKEN) == taken_by(in_page))?;
        Some(Row(word & !TAKEN))
    }

    /// Puts a row where its serial has none.
    pub(crate) fn insert(self, row: Row) {
        let count = self.count() + 1;
        if chunks_for(count) > self.chunk_count() {
            let rows: Vec<u64> = self.all().map(|row| row.0).chain([row.0]).collect();
            self.fill(&rows);
        } else {
            let (free, _) =
                self.slot(row.in_page(), |word| word == 0).expect("an eighth is free, or there is a slot for each");
            free.store(row.0 | TAKEN, Relaxed);
            self.table[ROWS_AT].store(count as u64, Relaxed);
        }
    }

    /// Puts another row in the place of the serial's.
    pub(crate) fn replace(self, row: Row) {
        self.own_slot(row.in_page()).store(row.0 | TAKEN, Relaxed);
    }

    /// Takes a serial's row away.
    pub(crate) fn remove(self, in_page: u16) {
        self.own_slot(in_page).store(0, Relaxed);
        self.table[ROWS_AT].store(self.count() as u64 - 1, Relaxed);
    }

    /// Puts these rows, and no others, into a table that is large enough, and not smaller than it was.
    pub(crate) fn fill(self, rows: &[u64]) {
        let before = self.chunk_count();
        let chunks = chunks_for(rows.len()).max(before);
        for number in &self.table[NUMBERS_AT + before..NUMBERS_AT + chunks] {
            number.store(self.chunks.make(), Relaxed);
        }
        self.table[CHUNKS_AT].store(chunks as u64, Relaxed);
        self.table[ROWS_AT].store(rows.len() as u64, Relaxed);
        // Laid out beside it first: by how many each bucket has, and with nothing to search, that is three times as fast.
        let buckets = chunks * CHUNK_BUCKETS;
        let (mut taken, mut slots) = (vec![0; buckets], vec![[0; BUCKET_SLOTS]; buckets]);
        for row in rows {
            let mut bucket = bucket_of(Row(*row).in_page(), buckets);
            while taken[bucket] == BUCKET_SLOTS {
                bucket = (bucket + 1) % buckets;
            }
            slots[bucket][taken[bucket]] = row | TAKEN;
            taken[bucket] += 1;
        }
        for (slot, word) in self.slots().zip(slots.as_flattened()) {
            slot.store(*word, Relaxed);
        }
    }

    /// All rows, in no order.
    pub(crate) fn all(self) -> impl Iterator<Item = Row> {
        self.slots().map(|slot| slot.load(Relaxed)).filter(|word| *word != 0).map(|word| Row(word & !TAKEN))
    }

    fn slots(self) -> impl Iterator<Item = &'a AtomicU64> {
        (0..self.chunk_count() * CHUNK_BUCKETS).filter_map(move |bucket| self.bucket(bucket)).flatten()
    }

    fn own_slot(self, in_page: u16) -> &'a AtomicU64 {
        self.slot(in_page, |word| word & (SERIAL | TAKEN) == taken_by(in_page))
            .expect("each withdrawn serial has its row")
            .0
    }

    /// The first such slot from the serial's bucket on, and what is in it.
    #[inline]
    fn slot(self, in_page: u16, is_such: impl Fn(u64) -> bool) -> Option<(&'a AtomicU64, u64)> {
        let buckets = self.chunk_count() * CHUNK_BUCKETS;
        let own = bucket_of(in_page, buckets);
        for bucket in (own..buckets).chain(0..own) {
            let slots = self.bucket(bucket)?;
            // All eight are seen before anything is decided: which of them it is cannot be foreseen, and a processor that guesses
            // wrong has begun none of what comes after.
            let such =
                (0..BUCKET_SLOTS).fold(0_u32, |such, at| such | u32::from(is_such(slots[at].load(Relaxed))) << at);
            if such != 0 {
                let slot = &slots[such.trailing_zeros() as usize];
                return Some((slot, slot.load(Relaxed)));
            }
        }
        None
    }

    #[inline]
    fn bucket(self, bucket: usize) -> Option<&'a [AtomicU64; BUCKET_SLOTS]> {
        let number = self.table.get(NUMBERS_AT + bucket / CHUNK_BUCKETS)?.load(Relaxed);
        self.chunks.get(number)?[bucket % CHUNK_BUCKETS * BUCKET_SLOTS..].first_chunk()
    }

    #[inline]
    fn chunk_count(self) -> usize {
        usize::try_from(self.table[CHUNKS_AT].load(Relaxed)).expect("a handful")
    }
}

const fn taken_by(in_page: u16) -> u64 {
    (in_page as u64) << 48 | TAKEN
}

/// The part of a row that names its serial.
const SERIAL: u64 = 0xffff << 48;

/// How many chunks a table of so many rows has.
fn chunks_for(rows: usize) -> usize {
    rows.div_ceil(CHUNK_WORDS / 8 * 7).min(CHUNKS_MAX)
}

/// A serial's bucket among so many.
#[inline]
fn bucket_of(in_page: u16, buckets: usize) -> usize {
    // A multiplication by 2^16 / the golden ratio spreads neighbours furthest apart (Knuth, TAOCP 3, §6.4), and takes no two
    // serials to one number, so that a table of all has each in its own bucket.
    (usize::from(in_page.wrapping_mul(40_503)) * buckets) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;

    fn row(in_page: u16) -> Row {
        let since = UnixTime::from_seconds(i64::from(in_page));
        Row::new(in_page, Withdrawal::Revoked { since, reason: RevocationReason::Superseded })
    }

    #[test]
    fn a_full_bucket_hands_on_to_the_next_and_the_last_one_to_the_first() {
        let (block, chunks) = (Block::zeros(), Chunks::default());
        let rows = Rows { table: block.0.first_chunk().unwrap(), chunks: &chunks };
        // All of the last bucket of a table of one chunk: three buckets' worth.
        let last = |in_page: &u16| bucket_of(*in_page, CHUNK_BUCKETS) == CHUNK_BUCKETS - 1;
        let serials: Vec<u16> = (0..=u16::MAX).filter(last).take(3 * BUCKET_SLOTS).collect();
        for in_page in &serials {
            rows.insert(row(*in_page));
        }
        // Those that stand before others go, and make room for one that comes.
        let (gone, left) = serials.split_at(BUCKET_SLOTS + 3);
        for in_page in gone {
            rows.remove(*in_page);
        }
        rows.insert(row(gone[1]));
        assert_eq!((rows.count(), rows.chunk_count()), (left.len() + 1, 1));
        assert!(left.iter().chain([&gone[1]]).all(|in_page| rows.find(*in_page) == Some(row(*in_page))));
        assert!(rows.find(gone[0]).is_none());
        // A larger table is laid out anew.
        (0..2_000).filter(|in_page| rows.find(*in_page).is_none()).for_each(|in_page| rows.insert(row(in_page)));
        assert!(rows.chunk_count() == 2 && left.iter().all(|in_page| rows.find(*in_page) == Some(row(*in_page))));
        let mut told: Vec<u16> = rows.all().map(Row::in_page).collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), rows.count());
    }
}
