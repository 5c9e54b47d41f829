//! So many requests a second for each party, however many connections it has.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use registry::event::PartyId;

/// What one party may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second in the long run, at least 1.
    pub per_second: u32,
    /// Requests at once after a rest, at least 1.
    pub burst: u32,
}

/// Token buckets, each as the moment at which it is full again (the generic cell rate algorithm of ITU-T I.371). There is one
/// for each registered party at most, and registering is the staff's.
pub struct Rates {
    limit: RateLimit,
    full_at: Mutex<BTreeMap<PartyId, Duration>>,
}

impl Rates {
    /// The same limit for each party.
    pub const fn new(limit: RateLimit) -> Self {
        Self { limit, full_at: Mutex::new(BTreeMap::new()) }
    }

    /// Takes leave for one request at that moment (since some fixed one); `false` if the party asks too fast.
    pub fn admit(&self, party: PartyId, now: Duration) -> bool {
        let RateLimit { per_second, burst } = self.limit;
        let each = Duration::from_secs(1) / per_second.max(1);
        // Nothing panics while it is held.
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = full_at.entry(party).or_default();
        let full_then = (*full_at).max(now) + each;
        let admitted = full_then.saturating_sub(now) <= each * burst.max(1);
        if admitted {
            *full_at = full_then;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { per_second: 10, burst: 3 };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_then_the_rate_and_a_rest_fills_no_more_than_the_burst() {
        let rates = Rates::new(LIMIT);
        let admitted = |now, times: u32| (0..times).filter(|_| rates.admit(PartyId(1), at(now))).count();
        assert_eq!(admitted(0, 9), 3);
        assert_eq!((admitted(99, 1), admitted(100, 5), admitted(1_000, 9)), (0, 1, 3));
        assert_eq!((1_100..=3_000).filter(|now| rates.admit(PartyId(1), at(*now))).count(), 20);
        assert_eq!(admitted(3_600_000, 9), 3);
    }

    #[test]
    fn who_is_refused_is_not_set_back_and_others_are_not_concerned() {
        let rates = Rates::new(LIMIT);
        assert_eq!((0..1_000).filter(|_| rates.admit(PartyId(1), at(0))).count(), 3);
        assert!(rates.admit(PartyId(2), at(0)));
        assert!(rates.admit(PartyId(1), at(100)));
    }
}
