//! The real clock. Everything below the binary takes the time as an argument.
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crl_publisher::run::Clock as PublisherClock;
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

/// The machine's clock as the publisher's loop needs it.
pub struct LoopClock(Box<dyn Fn() -> Duration + Send + Sync>);

impl LoopClock {
    /// It measures from now on.
    #[expect(clippy::new_without_default, reason = "when it is made matters")]
    pub fn new() -> Self {
        Self(Box::new(monotonic()))
    }
}

impl PublisherClock for LoopClock {
    fn now(&self) -> UnixTime {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        (self.0)()
    }

    fn sleep_until(&self, until: UnixTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let target = Duration::from_secs(u64::try_from(until.as_seconds()).unwrap_or(0));
        Box::pin(async move {
            // The clock may be set while we wait, so it is looked at again and again, and closely near the end.
            while let Some(left) = target.checked_sub(since_1970()).filter(|left| !left.is_zero()) {
                tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            }
        })
    }
}
