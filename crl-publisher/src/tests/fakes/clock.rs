//! A clock that is set by hand.
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pki::time::UnixTime;
use tokio::sync::watch;

use crate::run::Clock;

/// A clock that moves only when it is told to. Sleepers wake when it has moved far enough.
pub(crate) struct FakeClock {
    now: watch::Sender<UnixTime>,
    pub(crate) asleep_until: watch::Sender<Option<UnixTime>>,
}

impl FakeClock {
    pub(crate) fn at(now: UnixTime) -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(now), asleep_until: watch::Sender::new(None) })
    }

    pub(crate) fn set(&self, now: UnixTime) {
        self.asleep_until.send_replace(None);
        self.now.send_replace(now);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        *self.now.borrow()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.now().as_seconds().unsigned_abs())
    }

    fn sleep_until(&self, until: UnixTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.asleep_until.send_replace(Some(until));
            let mut now = self.now.subscribe();
            now.wait_for(|now| *now >= until).await.expect("the clock outlives its sleepers");
        })
    }
}
