//! Signed answers that are kept in memory, so that a question asked again costs no signature.
//!
//! What is kept is never what makes an answer right. It is served only while all of this holds, and is signed anew otherwise:
//! 1. The serial's [`Generation`] is the one from before the look-up: not one change since (I16). Changes are counted before
//!    they are acknowledged, so nobody who knows of a change gets what was said before it.
//! 2. The delegate that signed it is the one that would sign now: it is part of the key.
//! 3. It is younger than its own max-age, and a cache that takes it now lets go of it before nextUpdate (L13). max-age is
//!    told in full each time, since the answer is known to be right at that second; so no cache holds anything that was
//!    signed longer ago than twice max-age.
//!
//! Nothing is on disk: a restart begins with none (I20, I25).
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pki::algorithm::Digest;
use pki::identity::{IssuerKey, Serial};
use pki::time::UnixTime;
use prometheus::{IntCounter, IntCounterVec, Opts};
use status::Generation;

use crate::answer::SignedAnswer;

/// Enough that two cores rarely want the same one. A lock is held for a look-up in a map, never over signing.
const SHARDS: usize = 64;

/// What an answer about one certificate depends on, besides its status and the time.
///
/// The first four determine the CertID octet by octet, which the answer repeats: in DER nothing is left open but whether the
/// digest's parameters are NULL or absent, which its length tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeptKey {
    pub(crate) issuer: IssuerKey,
    pub(crate) serial: Serial,
    pub(crate) digest: Digest,
    pub(crate) cert_id_octets: usize,
    /// SHA-1 of the delegate's key.
    pub(crate) delegate: [u8; 20],
}

/// The answers, in shards by serial. In each the one that nobody has asked for since the hand came by last makes room.
pub(crate) struct KeptAnswers {
    shards: Box<[Mutex<Shard>]>,
    answers_per_shard_max: usize,
    pub(crate) counts: Counts,
}

/// What became of questions that a kept answer can answer, and of kept answers.
pub(crate) struct Counts {
    pub(crate) all: IntCounterVec,
    hit: IntCounter,
    miss: IntCounter,
    dead: IntCounter,
    old: IntCounter,
    evicted: IntCounter,
}

#[derive(Default)]
struct Shard {
    places: HashMap<KeptKey, usize>,
    slots: Vec<Slot>,
    hand: usize,
}

struct Slot {
    key: KeptKey,
    answer: Arc<SignedAnswer>,
    generation: Generation,
    asked_again: bool,
}

impl KeptAnswers {
    /// For at most about that many; none with 0.
    pub(crate) fn new(answers_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            answers_per_shard_max: answers_max.div_ceil(SHARDS),
            counts: Counts::new(),
        }
    }

    /// The kept answer, if it may be given at `now`, when the serial has that generation.
    pub(crate) fn find(&self, key: &KeptKey, generation: Generation, now: UnixTime) -> Option<Arc<SignedAnswer>> {
        let mut shard = self.shard(key.serial);
        let place = shard.places.get(key).copied();
        let (found, outcome) = match place.map(|place| &mut shard.slots[place]) {
            None => (None, &self.counts.miss),
            Some(slot) if slot.generation != generation => (None, &self.counts.dead),
            Some(slot) if !slot.answer.may_be_given_again(now) => (None, &self.counts.old),
            Some(slot) => {
                slot.asked_again = true;
                (Some(Arc::clone(&slot.answer)), &self.counts.hit)
            }
        };
        outcome.inc();
        found
    }

    /// Keeps an answer. `generation` must have been read before the status was looked up.
    pub(crate) fn keep(&self, key: KeptKey, generation: Generation, answer: Arc<SignedAnswer>) {
        let slot = Slot { key, answer, generation, asked_again: false };
        if self.shard(key.serial).put(slot, self.answers_per_shard_max) {
            self.counts.evicted.inc();
        }
    }

    fn shard(&self, serial: Serial) -> MutexGuard<'_, Shard> {
        let place = serial.get() % SHARDS as u64;
        let place = usize::try_from(place).expect("below the number of shards");
        self.shards[place].lock().expect("nothing panics while it is held")
    }
}

impl Counts {
    fn new() -> Self {
        let help = "Questions that a kept answer can answer, by what was found; and kept answers that made room.";
        let all = IntCounterVec::new(Opts::new("ocsp_kept_answers_total", help), &["outcome"]);
        let all = all.expect("name and label are well-formed");
        let [hit, miss, dead, old, evicted] =
            ["hit", "miss", "dead", "old", "evicted"].map(|outcome| all.with_label_values(&[outcome]));
        Self { all, hit, miss, dead, old, evicted }
    }
}

impl Shard {
    /// `true` if another one had to go.
    fn put(&mut self, slot: Slot, slots_max: usize) -> bool {
        if let Some(&place) = self.places.get(&slot.key) {
            self.slots[place] = slot;
            return false;
        }
        if self.slots.len() < slots_max {
            self.places.insert(slot.key, self.slots.len());
            self.slots.push(slot);
            return false;
        }
        if slots_max == 0 {
            return false;
        }
        while std::mem::take(&mut self.slots[self.hand].asked_again) {
            self.hand = (self.hand + 1) % slots_max;
        }
        let place = self.hand;
        self.hand = (self.hand + 1) % slots_max;
        self.places.remove(&self.slots[place].key);
        self.places.insert(slot.key, place);
        self.slots[place] = slot;
        true
    }
}
