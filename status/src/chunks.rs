//! Where rows are: chunks out of blocks, each of one page once it is made, and for ever.
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use crate::block::{BLOCK_WORDS, Block};

/// Slots are made this many at a time: 16 KiB, so that a page has few of them, and finds them quickly.
pub(crate) const CHUNK_WORDS: usize = 2_048;
const CHUNKS: usize = BLOCK_WORDS / CHUNK_WORDS;
/// Blocks are found in two steps, so that a small index is small.
const DIRECTORY: usize = 128;
const _: () = assert!(DIRECTORY * DIRECTORY * BLOCK_WORDS == 1 << 32, "every serial can have its row");

type Directory = Box<[OnceLock<Box<Block>>; DIRECTORY]>;

/// The chunks of one CA.
pub(crate) struct Chunks {
    blocks: [OnceLock<Directory>; DIRECTORY],
    made: AtomicUsize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { blocks: [const { OnceLock::new() }; DIRECTORY], made: AtomicUsize::new(0) }
    }
}

impl Chunks {
    /// The chunk with that number, from 1 on. `None` of 0, and of one that a reader heard of before it saw it made.
    pub(crate) fn get(&self, number: u64) -> Option<&[AtomicU64]> {
        let number = usize::try_from(number).ok()?.checked_sub(1)?;
        let (block, chunk) = (number / CHUNKS, number % CHUNKS);
        let block = self.blocks.get(block / DIRECTORY)?.get()?[block % DIRECTORY].get()?;
        Some(&block.0[chunk * CHUNK_WORDS..][..CHUNK_WORDS])
    }

    /// Makes one; its number. To be called by the only writer.
    pub(crate) fn make(&self) -> u64 {
        let number = self.made.load(Relaxed);
        let block = number / CHUNKS;
        let directory = self.blocks[block / DIRECTORY].get_or_init(|| Box::new([const { OnceLock::new() }; DIRECTORY]));
        directory[block % DIRECTORY].get_or_init(Block::zeros);
        self.made.store(number + 1, Relaxed);
        number as u64 + 1
    }
}
