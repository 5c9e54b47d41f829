//! The loop through mornings, failures and stepped clocks. The clock moves only when a test sets it.
mod alerts;
mod clocks;

use std::sync::Arc;

use pki::crl::CrlReader;
use pki::identity::Ca;
use pki::time::UnixTime;
use prometheus::Registry;
use tokio::task::JoinHandle;

use super::fakes::*;
use crate::decide::UnsafeTimetable;
use crate::ledger::CutCause;
use crate::metrics::PublisherMetrics;
use crate::publish::{PublishError, Publisher, StepHook};
use crate::run::{Clock, PublisherHandle, PublisherLoop};

struct Running {
    world: World,
    publisher: Arc<Publisher>,
    registry: Registry,
    handle: PublisherHandle,
    task: JoinHandle<()>,
}

impl Running {
    /// The loop, as it is when everything due at the world's time is done.
    async fn start(world: World) -> Self {
        Self::start_with(world, Arc::new(|_| ())).await
    }

    async fn start_with(world: World, step: StepHook) -> Self {
        let publisher = Arc::new(world.open_with(step).unwrap());
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let registry = Registry::new();
        let (published, timetable) = (Arc::clone(publisher.published()), daily_at_seven());
        let metrics =
            PublisherMetrics::register(&registry, published, Arc::clone(&timetable), Arc::clone(&clock)).unwrap();
        let (own, handle) = PublisherLoop::new(Arc::clone(&publisher), timetable, clock, metrics).unwrap();
        let running = Self { world, publisher, registry, handle, task: tokio::spawn(own.run()) };
        running.settle().await;
        running
    }

    /// Waits until the loop sleeps towards an instant that has not come.
    async fn settle(&self) {
        let mut asleep = self.world.clock.asleep_until.subscribe();
        asleep.wait_for(|until| until.is_some_and(|until| until > self.world.clock.now())).await.unwrap();
    }

    async fn at(&self, now: UnixTime) -> Option<u64> {
        self.world.clock.set(now);
        self.settle().await;
        self.publisher.served().map(|cut| cut.cut_number)
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

#[tokio::test]
async fn a_cut_is_built_ahead_and_flipped_at_seven_to_the_second() {
    let running = Running::start(World::new()).await;
    // The first start at 06:55:00 has published at once, which is fresh enough for seven.
    assert_eq!(running.publisher.served().unwrap().cut_number, 1);
    assert_eq!(running.at(jst("2026-11-22", 7, 0, 0)).await, Some(1));
    assert_eq!(running.at(jst("2026-11-23", 6, 54, 59)).await, Some(1));
    assert_eq!(running.at(jst("2026-11-23", 6, 55, 0)).await, Some(1));
    assert!(running.world.folder.path().join("cuts/2/manifest.json").exists(), "built and waiting");
    running.world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2030-03-31");
    assert_eq!(running.at(jst("2026-11-23", 6, 59, 59)).await, Some(1));
    assert_eq!(running.at(jst("2026-11-23", 7, 0, 0)).await, Some(2));
    assert_eq!(running.publisher.served().unwrap().this_update, jst("2026-11-23", 6, 55, 0));
    assert_eq!(
        running.world.ledger.state().causes,
        [CutCause::NothingServed, CutCause::Scheduled { due: jst("2026-11-23", 7, 0, 0) }]
    );
    assert_eq!(running.metric("akashi_crl_cut_number"), Some(2.0));
    assert_eq!(running.metric("akashi_crl_next_update_remaining_seconds"), Some(f64::from(48 * 3_600 - 300)));
}

#[tokio::test]
async fn a_morning_that_was_missed_is_made_up_for_at_once() {
    let running = Running::start(World::new()).await;
    assert_eq!(running.at(jst("2026-11-24", 11, 30, 0)).await, Some(2));
    assert_eq!(running.world.ledger.state().causes[1], CutCause::Missed { due: jst("2026-11-24", 7, 0, 0) });
}

#[tokio::test]
async fn a_cut_by_hand_takes_the_place_of_the_one_that_waits() {
    let running = Running::start(World::new()).await;
    running.at(jst("2026-11-23", 6, 55, 0)).await;
    running.at(jst("2026-11-23", 6, 57, 0)).await;
    let cut = running.handle.publish_now("a key was stolen".to_owned()).await.unwrap();
    assert_eq!((cut.cut_number, cut.this_update), (3, jst("2026-11-23", 6, 57, 0)));
    assert_eq!(running.world.ledger.state().failed, [(2, "superseded".to_owned())]);
    running.settle().await;
    // It is fresh enough for seven, so readers never go back to the one built before it.
    assert_eq!(running.at(jst("2026-11-23", 7, 0, 0)).await, Some(3));
    assert_eq!(running.at(jst("2026-11-24", 6, 55, 0)).await, Some(3));
    assert_eq!(running.at(jst("2026-11-24", 7, 0, 0)).await, Some(4));
}

#[tokio::test]
async fn a_cut_asked_for_in_the_second_of_the_one_before_waits_for_the_next() {
    let running = Running::start(World::new()).await;
    let now = running.world.clock.now();
    assert_eq!(running.publisher.served().unwrap().this_update, now);
    let handle = running.handle.clone();
    let asked = tokio::spawn(async move { handle.publish_now("at once".to_owned()).await });
    let next = now.plus_seconds(1);
    running.world.clock.asleep_until.subscribe().wait_for(|until| *until == Some(next)).await.unwrap();
    running.world.clock.set(next);
    let cut = asked.await.unwrap().unwrap();
    assert_eq!((cut.cut_number, cut.this_update), (2, next), "no number was burned");
}

#[tokio::test]
async fn a_failure_is_counted_by_its_check_and_tried_again_a_minute_later() {
    let running = Running::start(World::new()).await;
    running.world.signers[1].misbehave(Mischief::OtherKey);
    assert_eq!(running.at(jst("2026-11-23", 6, 55, 0)).await, Some(1));
    assert_eq!(running.at(jst("2026-11-23", 6, 55, 59)).await, Some(1));
    assert_eq!(running.metric("akashi_crl_failures_total"), Some(1.0));
    running.world.signers[1].behave();
    assert_eq!(running.at(jst("2026-11-23", 6, 56, 0)).await, Some(1));
    assert_eq!(running.at(jst("2026-11-23", 7, 0, 0)).await, Some(3));
    assert_eq!(running.world.ledger.state().failed, [(2, "signature".to_owned())]);
}

#[tokio::test]
async fn a_clock_that_steps_back_raises_the_alarm_and_publishes_nothing() {
    let running = Running::start(World::new()).await;
    assert_eq!(running.metric("akashi_crl_clock_behind"), Some(0.0));
    assert_eq!(running.at(jst("2026-11-21", 7, 0, 0)).await, Some(1));
    assert_eq!(running.metric("akashi_crl_clock_behind"), Some(1.0));
    let refused = running.handle.publish_now("a test".to_owned()).await.unwrap_err();
    assert_eq!(refused.word(), "times");
    running.settle().await;
    assert_eq!(running.at(jst("2026-11-22", 6, 54, 59)).await, Some(1));
    assert_eq!(running.metric("akashi_crl_clock_behind"), Some(1.0));
    assert_eq!(running.at(jst("2026-11-22", 6, 55, 0)).await, Some(1));
    assert_eq!(running.metric("akashi_crl_clock_behind"), Some(0.0));
}

#[test]
fn a_loop_that_would_leave_readers_without_a_valid_crl_is_not_made() {
    let world = World { validity_seconds: 24 * 3_600, ..World::new() };
    let (publisher, registry, clock) = (Arc::new(world.open()), Registry::new(), Arc::clone(&world.clock));
    let clock = clock as Arc<dyn Clock>;
    let (published, timetable) = (Arc::clone(publisher.published()), daily_at_seven());
    let metrics = PublisherMetrics::register(&registry, published, Arc::clone(&timetable), Arc::clone(&clock)).unwrap();
    let refused = PublisherLoop::new(publisher, timetable, clock, metrics).err().expect("refused");
    let (next_update, promised) = (jst("2026-11-23", 6, 55, 0), jst("2026-11-23", 7, 0, 0));
    let UnsafeTimetable::ShortLived { next_update: found, promised: flip, .. } = refused else { panic!("{refused}") };
    assert_eq!((found, flip), (next_update, promised));
}

#[tokio::test]
async fn it_stops_when_nobody_can_ask_any_more() {
    let Running { handle, task, world: _world, .. } = Running::start(World::new()).await;
    let other = handle.clone();
    drop((handle, other));
    task.await.unwrap();
}

#[tokio::test]
async fn asking_a_publisher_that_has_stopped_says_so() {
    let running = Running::start(World::new()).await;
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    assert!(matches!(running.handle.publish_now("a test".to_owned()).await, Err(PublishError::Stopped)));
}
