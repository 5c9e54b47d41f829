//! The real clock. Everything below the binary takes the time as an argument.
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pki::time::UnixTime;
use registry::Clock;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX))
    }
}

/// Time since 1970, finer than a second: for waiting until an instant. Zero if the clock stands before 1970, which the
/// registry then refuses to work with.
#[expect(clippy::disallowed_methods, reason = "the binary owns the clock, here")]
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
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
