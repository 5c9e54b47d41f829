//! What Prometheus sees. Labels come from closed sets; no serial ever stands in one.
use pki::algorithm::Digest;
use pki::identity::Ca;
use pki::ocsp::ErrorStatus;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

use crate::answer::Answer;

/// Counters and durations of the responder.
pub struct OcspMetrics {
    answers: IntCounterVec,
    statuses: IntCounterVec,
    seconds: Histogram,
    pub(crate) http_refusals: IntCounterVec,
    pub(crate) not_modified: IntCounter,
    pub(crate) shed: IntCounter,
    pub(crate) overdue: IntCounter,
    pub(crate) panics: IntCounter,
}

impl OcspMetrics {
    /// Makes and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let vec = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        // From a look-up in memory to the longest wait that anybody is left to.
        let buckets =
            vec![0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
        let seconds = HistogramOpts::new("ocsp_answer_seconds", "Time from the whole request to the answer.");
        let metrics = Self {
            answers: vec("ocsp_answers_total", "Answers by CA, HTTP method and kind.", &["ca", "method", "answer"])?,
            statuses: vec(
                "ocsp_certificates_total",
                "Certificates in signed answers, by the digest they were asked with and their status.",
                &["digest", "status"],
            )?,
            seconds: Histogram::with_opts(seconds.buckets(buckets))?,
            http_refusals: vec(
                "ocsp_http_refusals_total",
                "Requests refused by HTTP alone, by status code.",
                &["code"],
            )?,
            not_modified: IntCounter::new("ocsp_not_modified_total", "GET answers sent as 304.")?,
            shed: IntCounter::new("ocsp_shed_total", "Requests told to try later because the signing queue was full.")?,
            overdue: IntCounter::new(
                "ocsp_overdue_total",
                "Requests told to try later because signing took too long.",
            )?,
            panics: IntCounter::new("ocsp_panics_total", "Requests answered internalError because of a bug.")?,
        };
        let Self { answers, statuses, seconds, http_refusals, not_modified, shed, overdue, panics } = &metrics;
        for vec in [answers, statuses, http_refusals] {
            registry.register(Box::new(vec.clone()))?;
        }
        for counter in [not_modified, shed, overdue, panics] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(seconds.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, ca: Ca, method: &str, answer: &Answer, seconds: f64) {
        let kind = match answer {
            Answer::Signed(signed) => {
                for (digest, status, count) in signed.tally.counts() {
                    self.statuses.with_label_values(&[digest_word(digest), status]).inc_by(count.into());
                }
                "signed"
            }
            Answer::Refused(ErrorStatus::MalformedRequest) => "malformed_request",
            Answer::Refused(ErrorStatus::InternalError) => "internal_error",
            Answer::Refused(ErrorStatus::TryLater) => "try_later",
            Answer::Refused(ErrorStatus::SigRequired) => "sig_required",
            Answer::Refused(ErrorStatus::Unauthorized) => "unauthorized",
        };
        self.answers.with_label_values(&[ca.word(), method, kind]).inc();
        self.seconds.observe(seconds);
    }
}

const fn digest_word(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "sha1",
        Digest::Sha256 => "sha256",
        Digest::Sha384 => "sha384",
        Digest::Sha512 => "sha512",
    }
}
