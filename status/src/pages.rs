//! The pages of one CA, made as serials are issued, and how many certificates have which status.
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pki::identity::Serial;
use pki::revocation::CertificateStatus;

use crate::page::{Entry, GOOD, HELD, PAGE_SERIALS, PAGE_WORDS, Page, REVOKED, WORD_SERIALS};

/// The highest serial that the index takes: 4 billion, thirty for every inhabitant of Japan. It bounds what a wrong
/// serial can cost to a directory and a page.
pub const SERIAL_MAX: u64 = u32::MAX as u64;

/// Pages are found in two steps, so that a small index is small.
const DIRECTORY: usize = 256;
/// Pages of one CA.
pub(crate) const PAGES_MAX: usize = DIRECTORY * DIRECTORY;
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

type Directory = Box<[OnceLock<Box<Page>>; DIRECTORY]>;

/// The statuses of one CA.
pub(crate) struct StatusPages {
    directories: [OnceLock<Directory>; DIRECTORY],
}

impl Default for StatusPages {
    fn default() -> Self {
        Self { directories: [const { OnceLock::new() }; DIRECTORY] }
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
    pub(crate) fn entry(&self, serial: Serial) -> Entry {
        let (page, in_page) = place_of(serial.get());
        self.page(page).map_or(Entry::NONE, |page| page.entry(in_page))
    }

    /// `None` while none of its serials was issued.
    pub(crate) fn page(&self, number: usize) -> Option<&Page> {
        let directory = self.directories.get(number / DIRECTORY)?.get()?;
        directory[number % DIRECTORY].get().map(|page| &**page)
    }

    /// The numbers of the pages that there are, rising.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        let directories =
            self.directories.iter().enumerate().filter_map(|(at, directory)| Some((at, directory.get()?)));
        directories.flat_map(|(at, directory)| {
            let there = |within: &usize| directory[*within].get().is_some();
            (0..DIRECTORY).filter(there).map(move |within| at * DIRECTORY + within)
        })
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

    fn page_or_new(&self, number: usize) -> &Page {
        self.slot(number).get_or_init(Page::new)
    }

    /// Puts a whole page where none is yet.
    pub(crate) fn put(&self, number: usize, page: Box<Page>) -> bool {
        self.slot(number).set(page).is_ok()
    }

    fn slot(&self, number: usize) -> &OnceLock<Box<Page>> {
        let new = || Box::new([const { OnceLock::new() }; DIRECTORY]);
        &self.directories[number / DIRECTORY].get_or_init(new)[number % DIRECTORY]
    }
}
