//! A growing array of words that never moves, so that readers need no lock to follow it.
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Up to `CHUNKS * LENGTH` words, in chunks of equal length, which are made when their first word is written, and stay.
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
        let chunk = self.chunks[at / LENGTH].get_or_init(|| Box::new([const { AtomicU64::new(0) }; LENGTH]));
        chunk[at % LENGTH].store(word, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_are_where_they_were_written_and_zero_elsewhere() {
        type Small = Words<4, 4>;
        let words = Small::new();
        for at in (0..Small::MAX).step_by(3) {
            words.set(at, at as u64 + 1);
        }
        for at in 0..Small::MAX + 9 {
            let written = at < Small::MAX && at.is_multiple_of(3);
            assert_eq!(words.get(at), if written { at as u64 + 1 } else { 0 }, "{at}");
        }
    }
}
