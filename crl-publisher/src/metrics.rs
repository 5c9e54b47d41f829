//! What is watched of the publisher.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pki::time::UnixTime;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

use crate::decide::Timetable;
use crate::run::Clock;
use crate::store::PublishedCrls;

/// The publisher's own counters. What is published is measured at the scrape, so that a stuck publisher cannot hide (I9).
#[derive(Clone)]
pub struct PublisherMetrics {
    failures: IntCounterVec,
    build_seconds: Histogram,
    /// The latest thisUpdate that a cut was made with, in seconds: the clock has shown it.
    made_at: Arc<AtomicI64>,
}

impl PublisherMetrics {
    /// Registers all metrics of the publisher. Fails when they are registered already.
    pub fn register(
        registry: &Registry,
        published: Arc<PublishedCrls>,
        timetable: Arc<Timetable>,
        clock: Arc<dyn Clock>,
    ) -> prometheus::Result<Self> {
        let made_at = Arc::new(AtomicI64::new(UnixTime::EPOCH.as_seconds()));
        let failures =
            Opts::new("akashi_crl_failures_total", "Cuts that were not published, by the check or step that failed.");
        let build_seconds =
            HistogramOpts::new("akashi_crl_build_seconds", "Time to freeze, plan, build, check and sync a cut.")
                .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0]);
        let metrics = Self {
            failures: IntCounterVec::new(failures, &["check"])?,
            build_seconds: Histogram::with_opts(build_seconds)?,
            made_at: Arc::clone(&made_at),
        };
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.build_seconds.clone()))?;
        registry.register(Box::new(PublishedState::new(published, timetable, clock, made_at)?))?;
        Ok(metrics)
    }

    pub(crate) fn count_failure(&self, check: &str) {
        self.failures.with(&HashMap::from([("check", check)])).inc();
    }

    pub(crate) fn note_made(&self, this_update: UnixTime) {
        self.made_at.fetch_max(this_update.as_seconds(), Ordering::Relaxed);
    }

    pub(crate) fn observe_build(&self, took: Duration) {
        self.build_seconds.observe(took.as_secs_f64());
    }
}

/// Looks at clock, timetable and what is published when it is asked.
struct PublishedState {
    published: Arc<PublishedCrls>,
    timetable: Arc<Timetable>,
    clock: Arc<dyn Clock>,
    made_at: Arc<AtomicI64>,
    /// From then on a first cut is due.
    since: UnixTime,
    overdue_seconds: Gauge,
    clock_behind: IntGauge,
    cut_number: IntGauge,
    log_position: IntGauge,
    seconds_to_next_update: Gauge,
}

impl PublishedState {
    fn new(
        published: Arc<PublishedCrls>,
        timetable: Arc<Timetable>,
        clock: Arc<dyn Clock>,
        made_at: Arc<AtomicI64>,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            published,
            timetable,
            made_at,
            since: clock.now(),
            clock,
            overdue_seconds: Gauge::new(
                "akashi_crl_overdue_seconds",
                "Seconds since the flip that readers still wait for; below 0 until it is due.",
            )?,
            clock_behind: IntGauge::new(
                "akashi_crl_clock_behind",
                "1 while the clock is behind the last cut's thisUpdate and nothing is published.",
            )?,
            cut_number: IntGauge::new("akashi_crl_cut_number", "Number of the published cut.")?,
            log_position: IntGauge::new("akashi_crl_log_position", "Log position that the published cut shows.")?,
            seconds_to_next_update: Gauge::new(
                "akashi_crl_next_update_remaining_seconds",
                "Seconds until the published CRLs run out.",
            )?,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a distance of days in seconds is exact in an f64")]
fn seconds_between(earlier: UnixTime, later: UnixTime) -> f64 {
    later.seconds_since(earlier) as f64
}

impl Collector for PublishedState {
    fn desc(&self) -> Vec<&Desc> {
        let always = [self.overdue_seconds.desc(), self.clock_behind.desc()];
        let published = [self.cut_number.desc(), self.log_position.desc(), self.seconds_to_next_update.desc()];
        [always.concat(), published.concat()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.clock.now();
        let cut = self.published.load().current.as_ref().map(|generation| *generation.cut());
        // I9: a flip that does not come is noticed by whoever asks, whatever the publisher does meanwhile.
        let due = cut.map_or(Some(self.since), |cut| self.timetable.due_after(cut.this_update));
        self.overdue_seconds.set(due.map_or(f64::INFINITY, |due| seconds_between(due, now)));
        let made_at = UnixTime::from_seconds(self.made_at.load(Ordering::Relaxed));
        self.clock_behind.set((now < cut.map_or(made_at, |cut| cut.this_update.max(made_at))).into());
        let always = [self.overdue_seconds.collect(), self.clock_behind.collect()].concat();
        let Some(cut) = cut else { return always };
        self.cut_number.set(i64::try_from(cut.cut_number).unwrap_or(i64::MAX));
        self.log_position.set(i64::try_from(cut.log_position).unwrap_or(i64::MAX));
        self.seconds_to_next_update.set(seconds_between(now, cut.next_update));
        let published =
            [self.cut_number.collect(), self.log_position.collect(), self.seconds_to_next_update.collect()].concat();
        [always, published].concat()
    }
}
