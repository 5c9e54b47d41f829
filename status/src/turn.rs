//! Many readers beside one writer, without a word that both write: a sequence lock over atomic words.
//!
//! The writer makes a number odd, changes what it changes, and makes it even again. A reader looks at the number, reads,
//! and looks again: the same even number says that nothing was changed meanwhile, else what it read is thrown away. So
//! readers write nothing at all and do not slow each other down, and the writer never waits for them. Everything between
//! is atomic words, so what a reader throws away was wrong but never undefined.
//!
//! The fences are those of H.-J. Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012), §4.
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::sync::{RwLock, RwLockWriteGuard};

/// Attempts before a reader waits for the writer in the ordinary way: it is at a long batch, or was interrupted in one.
const ATTEMPTS: usize = 64;

/// Whose turn it is.
#[derive(Default)]
pub(crate) struct Turn {
    number: AtomicU64,
    /// Held for writing while anything changes. A writer that panicked (our bug) leaves it poisoned and the number odd:
    /// from then on every reader panics too, so nothing half-changed is ever told.
    writer: RwLock<()>,
}

/// While it lives, readers wait or read again.
pub(crate) struct Writing<'a> {
    number: &'a AtomicU64,
    _writer: RwLockWriteGuard<'a, ()>,
}

impl Turn {
    /// What `look` sees between two changes. It is called again and again if need be, and what it gives must make no
    /// decision by itself: it may see words that do not belong together.
    #[inline]
    pub(crate) fn read<T>(&self, look: impl Fn() -> T) -> T {
        self.read_once(&look).unwrap_or_else(|| self.read_again(look))
    }

    /// `None` if something changed meanwhile.
    #[inline]
    fn read_once<T>(&self, look: impl Fn() -> T) -> Option<T> {
        let before = self.number.load(Acquire);
        if !before.is_multiple_of(2) {
            return None;
        }
        let seen = look();
        fence(Acquire);
        (self.number.load(Relaxed) == before).then_some(seen)
    }

    #[cold]
    #[inline(never)]
    fn read_again<T>(&self, look: impl Fn() -> T) -> T {
        for _ in 0..ATTEMPTS {
            if let Some(seen) = self.read_once(&look) {
                return seen;
            }
            std::hint::spin_loop();
        }
        let _no_writer = self.writer.read().expect("no writer has panicked");
        look()
    }

    /// Waits for other writers. Nothing changes yet.
    pub(crate) fn writer(&self) -> Waiting<'_> {
        Waiting { number: &self.number, writer: self.writer.write().expect("no writer has panicked") }
    }
}

/// The only writer, which has changed nothing yet.
pub(crate) struct Waiting<'a> {
    number: &'a AtomicU64,
    writer: RwLockWriteGuard<'a, ()>,
}

impl<'a> Waiting<'a> {
    /// From now on things change.
    pub(crate) fn begin(self) -> Writing<'a> {
        self.number.store(self.number.load(Relaxed) + 1, Relaxed);
        fence(Release);
        Writing { number: self.number, _writer: self.writer }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.number.store(self.number.load(Relaxed) + 1, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_was_read_while_something_changed_is_thrown_away() {
        let (turn, words, looks) = (Turn::default(), [const { AtomicU64::new(0) }; 2], Cell::new(0));
        let seen = turn.read(|| {
            let first = words[0].load(Relaxed);
            looks.set(looks.get() + 1);
            if looks.get() == 1 {
                let _writing = turn.writer().begin();
                for word in &words {
                    word.store(7, Relaxed);
                }
            }
            [first, words[1].load(Relaxed)]
        });
        assert_eq!((seen, looks.get()), ([7, 7], 2));
    }

    #[test]
    fn who_reads_while_the_writer_is_at_work_waits_for_it() {
        let (turn, words, waits) = (Turn::default(), [const { AtomicU64::new(0) }; 2], AtomicU64::new(0));
        std::thread::scope(|scope| {
            let writing = turn.writer().begin();
            words[0].store(7, Relaxed);
            let reader = scope.spawn(|| {
                waits.store(1, Release);
                turn.read(|| words.each_ref().map(|word| word.load(Relaxed)))
            });
            while waits.load(Acquire) == 0 {
                std::thread::yield_now();
            }
            // It reads now, or soon; whatever it sees, it is never the first word without the second.
            (0..1_000).for_each(|_| std::thread::yield_now());
            words[1].store(7, Relaxed);
            drop(writing);
            assert_eq!(reader.join().unwrap(), [7, 7]);
        });
    }

    #[test]
    fn after_a_panic_in_the_middle_nothing_is_told_any_more() {
        let turn = Turn::default();
        std::thread::scope(|scope| {
            let broken = scope.spawn(|| {
                let _writing = turn.writer().begin();
                panic!("as a test wants");
            });
            assert!(broken.join().is_err());
        });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turn.read(|| ()))).is_err());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(turn.writer()))).is_err());
    }
}
