//! The clock. Everything below the binary takes the time as an argument, and all of it comes from here.
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crl_publisher::run::Clock as PublisherClock;
use pki::time::UnixTime;
use registry::Clock;
use rustls::time_provider::TimeProvider;

/// The machine's clock; in a sandbox it may stand earlier or later, always by the same span.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock {
    /// What is added to the machine's time. Finer than a second, so that seconds begin when the shifted clock says.
    ahead_nanoseconds: i128,
}

impl SystemClock {
    /// The machine's time as it is.
    pub const REAL: Self = Self { ahead_nanoseconds: 0 };

    /// A clock that shows this instant now, and then runs as the machine's does.
    pub fn starting_at(instant: UnixTime) -> Self {
        let wanted = i128::from(instant.as_seconds()) * NANOSECONDS;
        Self { ahead_nanoseconds: wanted - i128::try_from(machine().as_nanos()).unwrap_or(i128::MAX) }
    }

    /// Time since 1970, finer than a second: for waiting until an instant. Zero before 1970, which the registry then
    /// refuses to work with.
    pub fn since_1970(self) -> Duration {
        let shown = i128::try_from(machine().as_nanos()).unwrap_or(i128::MAX).saturating_add(self.ahead_nanoseconds);
        Duration::from_nanos_u128(u128::try_from(shown).unwrap_or(0))
    }
}

const NANOSECONDS: i128 = 1_000_000_000;

#[expect(clippy::disallowed_methods, reason = "the binary owns the clock, here")]
fn machine() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(i64::try_from(self.since_1970().as_secs()).unwrap_or(i64::MAX))
    }
}

/// By this time rustls judges the certificates of the doors' clients.
impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        Some(rustls_pki_types::UnixTime::since_unix_epoch(self.since_1970()))
    }
}

/// A clock that only goes forward, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "the binary owns the clock, here")]
pub fn monotonic() -> impl Fn() -> Duration + Clone + Send + Sync + 'static {
    let start = Instant::now();
    move || start.elapsed()
}

/// The machine's randomness.
#[expect(clippy::disallowed_methods, reason = "the binary owns randomness, here")]
pub fn randomness() -> hsm_mock::Randomness {
    std::sync::Arc::new(aws_lc_rs::rand::SystemRandom::new())
}

/// The clock as the publisher's loop needs it.
pub struct LoopClock {
    clock: SystemClock,
    monotonic: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl LoopClock {
    /// It measures from now on.
    pub fn new(clock: SystemClock) -> Self {
        Self { clock, monotonic: Box::new(monotonic()) }
    }
}

impl PublisherClock for LoopClock {
    fn now(&self) -> UnixTime {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        (self.monotonic)()
    }

    fn sleep_until(&self, until: UnixTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let target = Duration::from_secs(u64::try_from(until.as_seconds()).unwrap_or(0));
        Box::pin(sleep_until(target, || self.clock.since_1970()))
    }
}

/// Until that clock shows the target, or was set back. It may be set while we wait, so it is looked at again and again, and
/// closely near the end.
async fn sleep_until(target: Duration, since_1970: impl Fn() -> Duration) {
    let mut left_before = Duration::MAX;
    while let Some(left) = target.checked_sub(since_1970()).filter(|left| !left.is_zero() && *left <= left_before) {
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        left_before = left;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_shifted_clock_shows_one_time_to_all_who_ask_and_goes_on() {
        let then = "2020-02-29T10:00:00+09:00".parse().unwrap();
        let clock = SystemClock::starting_at(then);
        // A machine that needs an hour between two lines has other troubles.
        let near = |now: UnixTime| (0..3_600).contains(&now.seconds_since(then));
        assert!(near(Clock::now(&clock)) && near(LoopClock::new(clock).now()));
        let tls = clock.current_time().unwrap().as_secs();
        assert!(near(UnixTime::from_seconds(i64::try_from(tls).unwrap())));
        let before = clock.since_1970();
        while clock.since_1970() == before {}
        assert!(clock.since_1970() > before);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_ends_the_wait_and_one_that_is_set_forward_too() {
        // What the clock shows at each look, in milliseconds; after the last look nobody may look again.
        for shown in [&[10_000, 10_001, 9_999][..], &[10_000, 10_001, 500_000], &[100_000], &[99_999, 100_000]] {
            let looks = Cell::new(0);
            let clock = || {
                let look = looks.replace(looks.get() + 1);
                // So that the wait between two looks is short, the target is near each of them but the first.
                Duration::from_millis(shown[look])
            };
            sleep_until(Duration::from_millis(if shown.len() > 2 { 10_002 } else { 100_000 }), clock).await;
            assert_eq!(looks.get(), shown.len(), "{shown:?}");
        }
    }

    #[tokio::test]
    async fn the_publisher_waits_by_the_shifted_clock() {
        let then = "2040-01-01T00:00:00+09:00".parse::<UnixTime>().unwrap();
        let clock = LoopClock::new(SystemClock::starting_at(then));
        // By the machine's clock this instant is years away.
        clock.sleep_until(then.plus_seconds(1)).await;
        assert!(clock.now() >= then.plus_seconds(1));
        clock.sleep_until(then).await;
    }
}
