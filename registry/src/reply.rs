//! One answer from the writer to the caller that sleeps until it is there. Every transaction has one, so it is lighter than a
//! channel: one allocation, and one thread that waits.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// No answer will come: the writer dropped its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered;

struct Shared<T> {
    outcome: Mutex<Option<Result<T, Unanswered>>>,
    caller: Thread,
}

impl<T> Shared<T> {
    // Nothing can panic while it is held.
    fn hold(&self) -> MutexGuard<'_, Option<Result<T, Unanswered>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's end. Dropped without an answer, it tells the caller that there is none.
pub(crate) struct Answerer<T>(Arc<Shared<T>>);

/// The caller's end.
pub(crate) struct Awaited<T>(Arc<Shared<T>>);

/// Both ends. The thread that calls this is the one that may wait.
pub(crate) fn reply<T>() -> (Answerer<T>, Awaited<T>) {
    let shared = Arc::new(Shared { outcome: Mutex::new(None), caller: std::thread::current() });
    (Answerer(Arc::clone(&shared)), Awaited(shared))
}

impl<T> Answerer<T> {
    pub(crate) fn answer(self, answer: T) {
        *self.0.hold() = Some(Ok(answer));
    }
}

impl<T> Drop for Answerer<T> {
    fn drop(&mut self) {
        self.0.hold().get_or_insert(Err(Unanswered));
        self.0.caller.unpark();
    }
}

impl<T> Awaited<T> {
    /// The answer, when it is there.
    pub(crate) fn wait(self) -> Result<T, Unanswered> {
        loop {
            if let Some(outcome) = self.0.hold().take() {
                return outcome;
            }
            // Whatever else wakes it, it looks again.
            std::thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_gets_its_answer_or_learns_that_none_will_come_whatever_else_wakes_it() {
        let caller = std::thread::current();
        for round in 0..1_000 {
            let (answerer, awaited) = reply();
            let caller = caller.clone();
            let writer = std::thread::spawn(move || {
                caller.unpark();
                if round % 3 == 0 { drop(answerer) } else { answerer.answer(round) }
            });
            assert_eq!(awaited.wait(), if round % 3 == 0 { Err(Unanswered) } else { Ok(round) });
            writer.join().unwrap();
        }
    }
}
