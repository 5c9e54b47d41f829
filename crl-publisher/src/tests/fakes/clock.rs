//! A clock that is set by hand.
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pki::time::UnixTime;
use tokio::sync::watch;

use crate::run::Clock;

/// A clock that moves only when it is told to. Sleepers wake when it has moved far enough, or back.
pub(crate) struct FakeClock {
    now: watch::Sender<UnixTime>,
    pub(crate) asleep_until: watch::Sender<Option<UnixTime>>,
}

impl FakeClock {
    pub(crate) fn at(now: UnixTime) -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(now), asleep_until: watch::Sender::new(None) })
    }

    pub(crate) fn set(&self, now: UnixTime) {
        let is_set_back = now < self.now();
        // Whoever sleeps on stays known as asleep.
        self.asleep_until.send_if_modified(|until| until.take_if(|until| is_set_back || now >= *until).is_some());
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
            let mut before = UnixTime::EPOCH;
            // Set back, too.
            now.wait_for(|now| *now >= until || *now < std::mem::replace(&mut before, *now))
                .await
                .expect("the clock outlives its sleepers");
        })
    }
}
