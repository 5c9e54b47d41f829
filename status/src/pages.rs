//! The pages of one CA, made as serials are issued, and how many certificates have which status.
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pki::identity::Serial;
use pki::revocation::CertificateStatus;

use crate::block::{BLOCK_WORDS, Block};
use crate::chunks::Chunks;
use crate::image::PageImage;
use crate::page::{ABOUT_WORDS, Entry, GOOD, HELD, PAGE_SERIALS, PAGE_WORDS, Page, REVOKED, WORD_SERIALS};

/// The highest serial that the index takes: 4 billion, thirty for every inhabitant of Japan. It bounds what a wrong
/// serial can cost to a directory and a page.
pub const SERIAL_MAX: u64 = u32::MAX as u64;

/// Pages of one CA.
pub(crate) const PAGES_MAX: usize = 1 << 16;
/// Pages in a block: first the bits of each, then what is about each.
const PAGES: usize = BLOCK_WORDS / (PAGE_WORDS + ABOUT_WORDS);
const ABOUT_AT: usize = PAGES * PAGE_WORDS;
const BLOCKS: usize = PAGES_MAX.div_ceil(PAGES);
const _: () = assert!((PAGES_MAX * PAGE_SERIALS) as u64 == SERIAL_MAX + 1, "every serial has its place");

/// How many certificates have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Issued, neither held nor revoked.
    pub good: u64,
    /// Held.
    pub held: u64,
    /// Revoked.
    pub revoked: u64,
}

/// The same, while they are counted.
#[derive(Default)]
pub(crate) struct Counting {
    good: AtomicU64,
    held: AtomicU64,
    revoked: AtomicU64,
}

impl Counting {
    pub(crate) fn counts(&self) -> StatusCounts {
        let [good, held, revoked] = [&self.good, &self.held, &self.revoked].map(|count| count.load(Relaxed));
        StatusCounts { good, held, revoked }
    }

    /// So many more with these two bits.
    pub(crate) fn add(&self, bits: u64, more: u64) {
        if let Some(count) = self.of(bits) {
            count.store(count.load(Relaxed) + more, Relaxed);
        }
    }

    fn take_one(&self, bits: u64) {
        if let Some(count) = self.of(bits) {
            count.store(count.load(Relaxed) - 1, Relaxed);
        }
    }

    const fn of(&self, bits: u64) -> Option<&AtomicU64> {
        match bits {
            GOOD => Some(&self.good),
            HELD => Some(&self.held),
            REVOKED => Some(&self.revoked),
            _ => None,
        }
    }
}

/// The statuses of one CA.
pub(crate) struct StatusPages {
    blocks: [OnceLock<Box<Block>>; BLOCKS],
    chunks: Chunks,
}

impl Default for StatusPages {
    fn default() -> Self {
        Self { blocks: [const { OnceLock::new() }; BLOCKS], chunks: Chunks::default() }
    }
}

/// The page of a serial at or below [`SERIAL_MAX`], and the serial within it.
pub(crate) const fn place_of(serial: u64) -> (usize, u16) {
    #[expect(clippy::cast_possible_truncation, reason = "the lower 16 bits are meant, and usize has 64")]
    {
        (serial as usize / PAGE_SERIALS, serial as u16)
    }
}

impl StatusPages {
    #[inline]
    pub(crate) fn entry(&self, serial: Serial) -> Entry {
        let (number, in_page) = place_of(serial.get());
        // Zeros say that nothing is issued.
        self.in_block(number).map_or(Entry::NONE, |page| page.entry(in_page))
    }

    /// `None` while none of its serials was issued.
    pub(crate) fn page(&self, number: usize) -> Option<Page<'_>> {
        self.in_block(number).filter(|page| page.is_there())
    }

    /// The numbers of the pages that there are, rising.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        let blocks = self.blocks.iter().enumerate().filter(|(_, block)| block.get().is_some());
        blocks.flat_map(|(at, _)| at * PAGES..(at + 1) * PAGES).filter(|number| self.page(*number).is_some())
    }

    /// No serial from this one on is issued.
    pub(crate) fn is_empty_from(&self, serial: Serial) -> bool {
        let (first, in_page) = place_of(serial.get());
        let (first_word, shift) = (usize::from(in_page) / WORD_SERIALS, usize::from(in_page) % WORD_SERIALS * 2);
        self.numbers().filter(|number| *number >= first).filter_map(|number| Some((number, self.page(number)?))).all(
            |(number, page)| {
                let from = if number == first { first_word } else { 0 };
                let in_first_word = if number == first { page.word(from) >> shift } else { page.word(from) };
                in_first_word == 0 && (from + 1..PAGE_WORDS).all(|word| page.word(word) == 0)
            },
        )
    }

    /// Sets a status, whatever it was, and moves it from one count to another. The caller keeps the serial at or below
    /// [`SERIAL_MAX`].
    pub(crate) fn set(&self, serial: Serial, status: CertificateStatus, counting: &Counting) {
        let (number, in_page) = place_of(serial.get());
        let (before, after) = self.page_or_new(number).set(in_page, status);
        counting.take_one(before);
        counting.add(after, 1);
    }

    /// Puts a whole page where none is yet.
    pub(crate) fn put(&self, number: usize, image: &PageImage) -> bool {
        let page = self.page_or_new(number);
        let is_new = !page.is_there();
        if is_new {
            page.put(image);
        }
        is_new
    }

    pub(crate) fn page_or_new(&self, number: usize) -> Page<'_> {
        self.page_in(self.blocks[number / PAGES].get_or_init(Block::zeros), number)
    }

    fn in_block(&self, number: usize) -> Option<Page<'_>> {
        Some(self.page_in(self.blocks.get(number / PAGES)?.get()?, number))
    }

    fn page_in<'a>(&'a self, block: &'a Block, number: usize) -> Page<'a> {
        let within = number % PAGES;
        let bits = block.0[within * PAGE_WORDS..].first_chunk().expect("a block has room for its pages");
        let about = block.0[ABOUT_AT + within * ABOUT_WORDS..].first_chunk().expect("a block has room for its pages");
        Page { bits, about, chunks: &self.chunks }
    }
}
