//! The loop: asks [`Timetable::decide`], does it, sleeps; and takes requests for a cut at once. Files and signatures are worked on
//! blocking threads, never on those that answer HTTP.
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pki::time::UnixTime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::decide::{Decision, Timetable, UnsafeTimetable};
use crate::ledger::{CutCause, PublishedCut};
use crate::metrics::PublisherMetrics;
use crate::publish::{PublishError, Publisher, ReadyCut};

/// After a failure the next attempt comes this much later: each attempt takes a number and some seconds of work.
const RETRY_SECONDS: i64 = 60;
/// The loop looks at the clock at least this often, so that a stepped clock is noticed.
const LOOK_SECONDS: i64 = 30;
/// Requests that may wait for their turn; more are made to wait at their door.
const REQUESTS_MAX: usize = 8;

/// The time, real or a test's.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;

    /// Time since some fixed start, for measuring; never steps.
    fn monotonic(&self) -> Duration;

    /// Resolves as soon as [`Clock::now`] has reached that instant, at best within milliseconds: the flip waits on it. And
    /// when the clock was set back meanwhile, which may be noticed a second later.
    fn sleep_until(&self, until: UnixTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

struct Request {
    because: String,
    answer: oneshot::Sender<Result<PublishedCut, PublishError>>,
}

/// Asks a running publisher for a cut.
#[derive(Clone)]
pub struct PublisherHandle {
    requests: mpsc::Sender<Request>,
}

impl PublisherHandle {
    /// Publishes a cut of the log's present end, and returns after its flip. `because` is recorded, so it must not hold
    /// personal data.
    pub async fn publish_now(&self, because: String) -> Result<PublishedCut, PublishError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { because, answer }).await.map_err(|_| PublishError::Stopped)?;
        answered.await.map_err(|_| PublishError::Stopped)?
    }
}

/// The publisher with its schedule. It stops when every [`PublisherHandle`] is gone.
pub struct PublisherLoop {
    publisher: Arc<Publisher>,
    timetable: Arc<Timetable>,
    clock: Arc<dyn Clock>,
    metrics: PublisherMetrics,
    requests: mpsc::Receiver<Request>,
    /// Built ahead, with the instant of its flip.
    waiting: Option<(ReadyCut, UnixTime)>,
    /// Not before then, after a failure.
    retry_at: Option<UnixTime>,
}

impl PublisherLoop {
    /// The loop, and the handle to ask it with; refused when readers would be left without a valid CRL (I24, I9).
    pub fn new(
        publisher: Arc<Publisher>,
        timetable: Arc<Timetable>,
        clock: Arc<dyn Clock>,
        metrics: PublisherMetrics,
    ) -> Result<(Self, PublisherHandle), UnsafeTimetable> {
        timetable.check(clock.now(), publisher.validity_seconds())?;
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let own = Self { publisher, timetable, clock, metrics, requests, waiting: None, retry_at: None };
        Ok((own, PublisherHandle { requests: sender }))
    }

    /// Runs until nobody can ask any more.
    pub async fn run(mut self) {
        let clock = Arc::clone(&self.clock);
        loop {
            let now = clock.now();
            let wake_at = self.act(now).await.min(now.plus_seconds(LOOK_SECONDS));
            tokio::select! {
                () = clock.sleep_until(wake_at) => {}
                request = self.requests.recv() => match request {
                    Some(Request { because, answer }) => {
                        let outcome = self.publish(CutCause::Requested { because }).await;
                        // Whoever asked may have gone; the cut is published and recorded all the same.
                        let _ = answer.send(outcome);
                    }
                    None => return,
                },
            }
        }
    }

    /// Does what is due, and says when to look again.
    async fn act(&mut self, now: UnixTime) -> UnixTime {
        if let Some(waiting) = self.waiting.take() {
            return self.act_on(waiting, now).await;
        }
        // A retry further away than one interval was set before the clock stepped back.
        if let Some(retry_at) =
            self.retry_at.filter(|&retry_at| now < retry_at && retry_at <= now.plus_seconds(RETRY_SECONDS))
        {
            return retry_at;
        }
        match self.timetable.decide(now, self.publisher.served().as_ref()) {
            Decision::PublishNow { cause } => {
                // The outcome is in the log and the metrics, and decides when the next attempt comes.
                let _ = self.publish(cause).await;
                self.clock.now()
            }
            Decision::BuildFor { flip_at } => {
                if let Ok(ready) = self.prepare(CutCause::Scheduled { due: flip_at }).await {
                    self.waiting = Some((ready, flip_at));
                }
                self.clock.now()
            }
            Decision::WaitUntil { until } => until,
            Decision::RefuseClock { last_this_update } => refuse_clock(now, last_this_update),
            Decision::ScheduleEnded => {
                tracing::error!("the schedule has no more instants; nothing is published");
                UnixTime::MAX
            }
        }
    }

    /// The same while a cut waits for its flip.
    async fn act_on(&mut self, (ready, flip_at): (ReadyCut, UnixTime), now: UnixTime) -> UnixTime {
        let PublishedCut { this_update, next_update, .. } = *ready.cut();
        if now < flip_at || next_update <= now {
            self.waiting = Some((ready, flip_at));
            if now < this_update {
                // It is kept: when the clock is right again, the cut is what it was.
                return refuse_clock(now, this_update);
            }
            if now < flip_at {
                return flip_at;
            }
            // The clock went over the flip and past nextUpdate: this cut would be of no use to anybody.
            let _ = self.publish(CutCause::Missed { due: flip_at }).await;
            return self.clock.now();
        }
        let outcome = self.flip(ready).await;
        self.note(&outcome);
        self.clock.now()
    }

    /// Builds and flips at once. A cut that waits for its flip is given up: the new one is newer.
    async fn publish(&mut self, cause: CutCause) -> Result<PublishedCut, PublishError> {
        if let Some((ready, _)) = self.waiting.take() {
            self.blocking(move |publisher| publisher.discard(ready, "superseded")).await?;
        }
        self.pass_the_second_of_the_last_cut().await;
        let ready = self.prepare(cause).await?;
        let outcome = self.flip(ready).await;
        self.note(&outcome);
        outcome
    }

    /// Flips, unless the clock was set back since the cut was made: to readers it would be a cut from the future.
    async fn flip(&self, ready: ReadyCut) -> Result<PublishedCut, PublishError> {
        let (now, this_update) = (self.clock.now(), ready.cut().this_update);
        if now < this_update {
            if let Err(error) = self.blocking(move |publisher| publisher.discard(ready, "clock")).await {
                // The ledger may go by the same clock. A number without an outcome reads as burned.
                tracing::warn!(%error, "that a cut was given up could not be recorded");
            }
            return Err(PublishError::ClockSetBack { now, this_update });
        }
        self.blocking(move |publisher| publisher.flip(ready)).await
    }

    /// Two cuts have two thisUpdates (C09), and those have seconds: a cut asked for in the second of the one before waits
    /// for the next, or it would burn its number. A clock further back is for [`Timetable::decide`] and the check to refuse.
    async fn pass_the_second_of_the_last_cut(&self) {
        let now = self.clock.now();
        if self.publisher.served().is_some_and(|cut| cut.this_update == now) {
            self.clock.sleep_until(now.plus_seconds(1)).await;
        }
    }

    async fn prepare(&mut self, cause: CutCause) -> Result<ReadyCut, PublishError> {
        let began = self.clock.monotonic();
        let outcome = self.blocking(move |publisher| publisher.prepare(&cause)).await;
        self.metrics.observe_build(self.clock.monotonic().saturating_sub(began));
        if let Ok(ready) = &outcome {
            self.metrics.note_made(ready.cut().this_update);
        }
        self.note(&outcome);
        outcome
    }

    fn note<T>(&mut self, outcome: &Result<T, PublishError>) {
        self.retry_at = outcome.as_ref().err().map(|error| {
            self.metrics.count_failure(error.word());
            tracing::error!(check = error.word(), %error, "no new cut; the one before it stays");
            self.clock.now().plus_seconds(RETRY_SECONDS)
        });
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Publisher) -> Result<T, PublishError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let publisher = Arc::clone(&self.publisher);
        // A panic in there is a bug of ours; it must not take the loop, and with it tomorrow's cut, away.
        spawn_blocking(move || work(&publisher)).await.unwrap_or(Err(PublishError::Panicked))
    }
}

/// The alarm, at each look; the metric is measured at the scrape.
fn refuse_clock(now: UnixTime, last_this_update: UnixTime) -> UnixTime {
    tracing::error!(%now, %last_this_update, "the clock is behind the last cut; nothing is published until it is right");
    UnixTime::MAX
}
