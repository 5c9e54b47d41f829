//! What is watched of the publisher.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

use crate::run::Clock;
use crate::store::PublishedCrls;

/// The publisher's own counters. What is published is measured at the scrape, so that a stuck publisher cannot hide (I9).
#[derive(Clone)]
pub struct PublisherMetrics {
    failures: IntCounterVec,
    clock_behind: IntGauge,
    build_seconds: Histogram,
}

impl PublisherMetrics {
    /// Registers all metrics of the publisher. Fails when they are registered already.
    pub fn register(
        registry: &Registry,
        published: Arc<PublishedCrls>,
        clock: Arc<dyn Clock>,
    ) -> prometheus::Result<Self> {
        let failures =
            Opts::new("akashi_crl_failures_total", "Cuts that were not published, by the check or step that failed.");
        let build_seconds =
            HistogramOpts::new("akashi_crl_build_seconds", "Time to freeze, plan, build, check and sync a cut.")
                .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0]);
        let metrics = Self {
            failures: IntCounterVec::new(failures, &["check"])?,
            clock_behind: IntGauge::new(
                "akashi_crl_clock_behind",
                "1 while the clock is behind the last cut's thisUpdate and nothing is published.",
            )?,
            build_seconds: Histogram::with_opts(build_seconds)?,
        };
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.clock_behind.clone()))?;
        registry.register(Box::new(metrics.build_seconds.clone()))?;
        registry.register(Box::new(PublishedState::new(published, clock)?))?;
        Ok(metrics)
    }

    pub(crate) fn count_failure(&self, check: &str) {
        self.failures.with(&HashMap::from([("check", check)])).inc();
    }

    pub(crate) fn set_clock_behind(&self, behind: bool) {
        self.clock_behind.set(behind.into());
    }

    pub(crate) fn observe_build(&self, took: Duration) {
        self.build_seconds.observe(took.as_secs_f64());
    }
}

/// Reads what is published when it is asked. Before the first cut it reports nothing.
struct PublishedState {
    published: Arc<PublishedCrls>,
    clock: Arc<dyn Clock>,
    cut_number: IntGauge,
    log_position: IntGauge,
    seconds_to_next_update: Gauge,
}

impl PublishedState {
    fn new(published: Arc<PublishedCrls>, clock: Arc<dyn Clock>) -> prometheus::Result<Self> {
        Ok(Self {
            published,
            clock,
            cut_number: IntGauge::new("akashi_crl_cut_number", "Number of the published cut.")?,
            log_position: IntGauge::new("akashi_crl_log_position", "Log position that the published cut shows.")?,
            seconds_to_next_update: Gauge::new(
                "akashi_crl_next_update_remaining_seconds",
                "Seconds until the published CRLs run out.",
            )?,
        })
    }
}

impl Collector for PublishedState {
    fn desc(&self) -> Vec<&Desc> {
        [self.cut_number.desc(), self.log_position.desc(), self.seconds_to_next_update.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let generations = self.published.load();
        let Some(generation) = &generations.current else { return Vec::new() };
        let cut = generation.cut();
        self.cut_number.set(i64::try_from(cut.cut_number).unwrap_or(i64::MAX));
        self.log_position.set(i64::try_from(cut.log_position).unwrap_or(i64::MAX));
        #[expect(clippy::cast_precision_loss, reason = "a distance of days in seconds is exact in an f64")]
        self.seconds_to_next_update.set(cut.next_update.seconds_since(self.clock.now()) as f64);
        [self.cut_number.collect(), self.log_position.collect(), self.seconds_to_next_update.collect()].concat()
    }
}
