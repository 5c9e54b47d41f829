//! Warnings that come at most so often, however often there is something to warn of.
use std::time::Duration;

/// Says when a warning is due again.
pub(super) struct Rare {
    interval: Duration,
    said_at: Option<Duration>,
    unsaid: u64,
}

impl Rare {
    /// At most one in that time.
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, said_at: None, unsaid: 0 }
    }

    /// Something to warn of, at that time of a clock that only goes forward. If it is to be said: how many before it were
    /// not.
    pub(super) fn say(&mut self, now: Duration) -> Option<u64> {
        if self.said_at.is_some_and(|said_at| now.saturating_sub(said_at) < self.interval) {
            self.unsaid += 1;
            return None;
        }
        self.said_at = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_and_then_one_for_each_interval_with_the_number_of_those_left_out() {
        let mut warnings = Rare::new(Duration::from_secs(10));
        let said: Vec<_> = (100..=125).map(|second| warnings.say(Duration::from_secs(second))).collect();
        let due: Vec<_> = said.iter().enumerate().filter_map(|(at, said)| Some((at, (*said)?))).collect();
        assert_eq!(due, [(0, 0), (10, 9), (20, 9)]);
    }
}
