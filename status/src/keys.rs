//! Which key of a CA a serial belongs to, and what concerns all certificates of a key at once.
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use pki::identity::{KeyNumber, Serial};
use pki::time::UnixTime;

use crate::change::Refusal;
use crate::pages::{Counting, SERIAL_MAX};
use crate::snapshot::CaKeys;
use crate::words::Words;

/// Keys of one CA: it has a new one every four years.
pub(crate) const KEYS_MAX: usize = 64;
/// Ranges of serials of one CA: each OCSP delegate of an older key makes two, a handful a year.
pub(crate) const RANGES_MAX: usize = Ranges::MAX;
/// Since when a key is compromised that is not.
const NEVER: u64 = u64::MAX;

type Ranges = Words<256, 256>;

/// The keys of one CA.
pub(crate) struct Keys {
    /// Each range's first serial (48 bits) and key (16 bits), rising.
    ranges: Ranges,
    range_count: AtomicUsize,
    states: [OnceLock<Box<KeyState>>; KEYS_MAX],
}

/// What concerns every certificate under a key at once.
pub(crate) struct KeyState {
    key: KeyNumber,
    /// As the pages have them.
    pub(crate) counting: Counting,
    /// Seconds from 1970, or [`NEVER`].
    compromised_since: AtomicU64,
}

impl KeyState {
    #[inline]
    pub(crate) fn compromised_since(&self) -> Option<UnixTime> {
        match self.compromised_since.load(Relaxed) {
            NEVER => None,
            since => Some(UnixTime::from_seconds(i64::try_from(since).expect("it was an instant"))),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        let states = [const { OnceLock::new() }; KEYS_MAX];
        Self { ranges: Ranges::new(), range_count: AtomicUsize::new(0), states }
    }
}

impl Keys {
    /// The key to which a serial belongs.
    #[inline]
    pub(crate) fn key_of(&self, serial: Serial) -> Option<KeyNumber> {
        // The last range that begins at or before it.
        let (mut low, mut high) = (0, self.range_count.load(Relaxed));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ranges.get(middle) >> 16 <= serial.get() { low = middle + 1 } else { high = middle }
        }
        if low == 0 { None } else { key_in(self.ranges.get(low - 1)) }
    }

    #[inline]
    pub(crate) fn state(&self, key: KeyNumber) -> Option<&KeyState> {
        self.states().find(|state| state.key == key)
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = &KeyState> {
        self.states.iter().map_while(OnceLock::get).map(|state| &**state)
    }

    /// Each range's first serial and key, rising.
    fn ranges(&self) -> impl Iterator<Item = (Serial, KeyNumber)> {
        let words = (0..self.range_count.load(Relaxed)).map(|at| self.ranges.get(at));
        words.filter_map(|word| Some((Serial::new(word >> 16)?, key_in(word)?)))
    }

    /// All of it, as a snapshot has it.
    pub(crate) fn all(&self) -> CaKeys {
        let compromises = self.states().filter_map(|state| Some((state.key, state.compromised_since()?)));
        CaKeys { ranges: self.ranges().collect(), compromises: compromises.collect() }
    }

    /// Adds a range, if its serials are free.
    pub(crate) fn add_range(
        &self,
        first_serial: Serial,
        key: KeyNumber,
        are_free: impl FnOnce() -> bool,
    ) -> Result<(), Refusal> {
        let count = self.range_count.load(Relaxed);
        if first_serial.get() > SERIAL_MAX {
            return Err(Refusal::SerialTooLarge);
        }
        if self.ranges().last().is_some_and(|(last, _)| first_serial <= last) {
            return Err(Refusal::RangeOutOfOrder);
        }
        if !are_free() {
            return Err(Refusal::RangeTaken);
        }
        if count == RANGES_MAX || !self.knows(key) {
            return Err(Refusal::TooManyRanges);
        }
        self.ranges.set(count, first_serial.get() << 16 | u64::from(key.get()));
        self.range_count.store(count + 1, Relaxed);
        Ok(())
    }

    pub(crate) fn take_last_range(&self) {
        self.range_count.store(self.range_count.load(Relaxed) - 1, Relaxed);
    }

    pub(crate) fn compromise(&self, key: KeyNumber, since: UnixTime) -> Result<(), Refusal> {
        // A key is known for ever, even if the batch that named it was refused.
        let state = self.state(key).filter(|_| self.ranges().any(|(_, of)| of == key));
        let state = state.filter(|state| state.compromised_since().is_none()).ok_or(Refusal::CompromisedAlready)?;
        let since = u64::try_from(since.as_seconds()).expect("UnixTime begins with 1970");
        state.compromised_since.store(since, Relaxed);
        Ok(())
    }

    pub(crate) fn take_compromise(&self, key: KeyNumber) {
        if let Some(state) = self.state(key) {
            state.compromised_since.store(NEVER, Relaxed);
        }
    }

    /// Makes the key known; `false` if there are too many.
    fn knows(&self, key: KeyNumber) -> bool {
        let new =
            || Box::new(KeyState { key, counting: Counting::default(), compromised_since: AtomicU64::new(NEVER) });
        self.states.iter().any(|state| state.get_or_init(new).key == key)
    }
}

fn key_in(range: u64) -> Option<KeyNumber> {
    let [.., high, low] = range.to_be_bytes();
    KeyNumber::new(u16::from_be_bytes([high, low]))
}
