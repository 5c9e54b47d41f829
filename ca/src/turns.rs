//! Requests with one idempotency key, one after the other.
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use registry::event::{PartyId, RequestId};

/// A request's key: the same party's same idempotency key, whatever was asked with it.
type Key = (PartyId, [u8; 32]);

/// Who has the turn. No request ever waits for another one's, so that a hold is not late because a cut is being made.
#[derive(Default)]
pub(crate) struct Turns {
    taken: Mutex<HashSet<Key>>,
    freed: Condvar,
}

/// A request's turn, until dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
}

impl Turns {
    /// The turn of a request, when its first attempt's is over.
    pub(crate) fn take(&self, request: &RequestId) -> Turn<'_> {
        let key = (request.party, request.key_hash);
        // Nothing can panic while the set is held, and a panic in a turn left nothing half done that the registry does
        // not know of.
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_taken = |taken: &mut HashSet<Key>| taken.contains(&key);
        self.freed.wait_while(taken, is_taken).unwrap_or_else(PoisonError::into_inner).insert(key);
        Turn { turns: self, key }
    }

    /// The turn of a request if nobody has it.
    pub(crate) fn try_take(&self, request: &RequestId) -> Option<Turn<'_>> {
        let key = (request.party, request.key_hash);
        let free = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        // Not made where it is not taken: dropped, it would free another one's.
        free.then(|| Turn { turns: self, key })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.turns.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn request(party: u32, key: u8) -> RequestId {
        RequestId { party: PartyId(party), key_hash: [key; 32], request_hash: [0; 32] }
    }

    #[test]
    fn a_request_waits_for_its_first_attempt_and_for_no_other_request() {
        let (turns, over) = (Turns::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let first = turns.take(&request(1, 1));
            let again = scope.spawn(|| {
                let _turn = turns.take(&RequestId { request_hash: [9; 32], ..request(1, 1) });
                over.load(Ordering::SeqCst)
            });
            // Every other request has its turn at once, however many there are; else this thread would stand here.
            let others: Vec<_> = (0..=u8::MAX).map(|key| turns.take(&request(2, key))).collect();
            over.store(true, Ordering::SeqCst);
            drop(first);
            assert!(again.join().unwrap(), "the second attempt came after the first");
            assert_eq!(others.len(), 256);
            for _ in 0..2 {
                assert!(turns.try_take(&request(2, 7)).is_none(), "somebody has it, and keeps it");
            }
            assert!(turns.try_take(&request(3, 7)).is_some());
        });
        assert!(turns.taken.lock().unwrap().is_empty());
    }
}
