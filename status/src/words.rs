//! A growing array of words that never moves, so that readers need no lock to follow it.
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Up to `CHUNKS * LENGTH` words. A chunk is made when its first word is written, and stays.
///
/// Each word by itself is atomic; that several belong together is the business of [`crate::turn`].
pub(crate) struct Words<const CHUNKS: usize, const LENGTH: usize> {
    chunks: [OnceLock<Box<[AtomicU64; LENGTH]>>; CHUNKS],
}

impl<const CHUNKS: usize, const LENGTH: usize> Words<CHUNKS, LENGTH> {
    /// How many words there can be.
    pub(crate) const MAX: usize = CHUNKS * LENGTH;

    pub(crate) const fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// Zero where nothing was written: a reader may have been overtaken by the writer, and finds that out later.
    pub(crate) fn get(&self, at: usize) -> u64 {
        let chunk = self.chunks.get(at / LENGTH).and_then(OnceLock::get);
        chunk.map_or(0, |chunk| chunk[at % LENGTH].load(Relaxed))
    }

    pub(crate) fn set(&self, at: usize, word: u64) {
        self.chunk(at / LENGTH)[at % LENGTH].store(word, Relaxed);
    }

    /// Writes the first words.
    pub(crate) fn fill(&self, words: &[u64]) {
        for (number, words) in words.chunks(LENGTH).enumerate() {
            for (place, word) in self.chunk(number).iter().zip(words) {
                place.store(*word, Relaxed);
            }
        }
    }

    /// Puts a word at `at`; those from there to `length` move up by one.
    pub(crate) fn insert(&self, at: usize, length: usize, word: u64) {
        let mut carried = word;
        let mut from = at;
        while from <= length {
            let to = (from - from % LENGTH + LENGTH).min(length + 1);
            let chunk = &self.chunk(from / LENGTH)[from % LENGTH..][..to - from];
            for place in chunk {
                let next = place.load(Relaxed);
                place.store(carried, Relaxed);
                carried = next;
            }
            from = to;
        }
    }

    /// Takes the word at `at` away; those after it, up to `length`, move down by one.
    pub(crate) fn remove(&self, at: usize, length: usize) {
        let mut carried = 0;
        let mut to = length;
        while to > at {
            let from = ((to - 1) / LENGTH * LENGTH).max(at);
            let chunk = &self.chunk(from / LENGTH)[from % LENGTH..][..to - from];
            for place in chunk.iter().rev() {
                let next = place.load(Relaxed);
                place.store(carried, Relaxed);
                carried = next;
            }
            to = from;
        }
    }

    fn chunk(&self, number: usize) -> &[AtomicU64; LENGTH] {
        self.chunks[number].get_or_init(|| Box::new([const { AtomicU64::new(0) }; LENGTH]))
    }
}

#[cfg(test)]
mod tests {
    use super::Words;
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
