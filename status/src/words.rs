//! A growing array of words that never moves, so that readers need no lock to follow it.
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Words in chunks of equal length, which are made when their first word is written, and stay.
///
/// Each word by itself is atomic; that several belong together is the business of [`crate::turn`].
pub(crate) trait Chunked {
    /// Words of a chunk.
    const LENGTH: usize;

    /// A chunk, if it was made.
    fn there(&self, number: usize) -> Option<&[AtomicU64]>;

    /// A chunk, made now if need be.
    fn chunk(&self, number: usize) -> &[AtomicU64];

    /// Zero where nothing was written: a reader may have been overtaken by the writer, and finds that out later.
    fn get(&self, at: usize) -> u64 {
        self.there(at / Self::LENGTH).map_or(0, |chunk| chunk[at % Self::LENGTH].load(Relaxed))
    }

    fn set(&self, at: usize, word: u64) {
        self.chunk(at / Self::LENGTH)[at % Self::LENGTH].store(word, Relaxed);
    }

    /// Writes the first words.
    fn fill(&self, words: &[u64]) {
        for (number, words) in words.chunks(Self::LENGTH).enumerate() {
            for (place, word) in self.chunk(number).iter().zip(words) {
                place.store(*word, Relaxed);
            }
        }
    }

    /// Puts a word at `at`; those from there to `length` move up by one.
    fn insert(&self, at: usize, length: usize, word: u64) {
        let mut carried = word;
        let mut from = at;
        while from <= length {
            let to = (from - from % Self::LENGTH + Self::LENGTH).min(length + 1);
            let chunk = &self.chunk(from / Self::LENGTH)[from % Self::LENGTH..][..to - from];
            for place in chunk {
                let next = place.load(Relaxed);
                place.store(carried, Relaxed);
                carried = next;
            }
            from = to;
        }
    }

    /// Takes the word at `at` away; those after it, up to `length`, move down by one.
    fn remove(&self, at: usize, length: usize) {
        let mut carried = 0;
        let mut to = length;
        while to > at {
            let from = ((to - 1) / Self::LENGTH * Self::LENGTH).max(at);
            let chunk = &self.chunk(from / Self::LENGTH)[from % Self::LENGTH..][..to - from];
            for place in chunk.iter().rev() {
                let next = place.load(Relaxed);
                place.store(carried, Relaxed);
                carried = next;
            }
            to = from;
        }
    }
}

/// Up to `CHUNKS * LENGTH` words.
pub(crate) struct Words<const CHUNKS: usize, const LENGTH: usize> {
    chunks: [OnceLock<Box<[AtomicU64; LENGTH]>>; CHUNKS],
}

impl<const CHUNKS: usize, const LENGTH: usize> Words<CHUNKS, LENGTH> {
    /// How many words there can be.
    pub(crate) const MAX: usize = CHUNKS * LENGTH;

    pub(crate) const fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }
}

impl<const CHUNKS: usize, const LENGTH: usize> Chunked for Words<CHUNKS, LENGTH> {
    const LENGTH: usize = LENGTH;

    fn there(&self, number: usize) -> Option<&[AtomicU64]> {
        Some(&self.chunks.get(number)?.get()?[..])
    }

    fn chunk(&self, number: usize) -> &[AtomicU64] {
        &self.chunks[number].get_or_init(|| Box::new([const { AtomicU64::new(0) }; LENGTH]))[..]
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunked, Words};
    use proptest::prelude::*;

    type Small = Words<4, 4>;

    proptest! {
        #[test]
        fn words_are_where_a_vector_has_them(steps in prop::collection::vec((any::<bool>(), 0..16_usize), 0..60)) {
            let (words, mut vector) = (Small::new(), Vec::new());
            for (number, (insert, at)) in (1_u64..).zip(steps) {
                let at = at.min(vector.len());
                if insert && vector.len() < Small::MAX {
                    words.insert(at, vector.len(), number);
                    vector.insert(at, number);
                } else if at < vector.len() {
                    words.remove(at, vector.len());
                    vector.remove(at);
                }
                let told: Vec<_> = (0..vector.len()).map(|at| words.get(at)).collect();
                prop_assert_eq!(&told, &vector);
                prop_assert_eq!(words.get(Small::MAX), 0);
            }
        }
    }
}
