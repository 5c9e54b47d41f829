//! What Prometheus sees. Labels come from closed sets; no serial ever stands in one.
use pki::algorithm::Digest;
use pki::identity::Ca;
use pki::ocsp::ErrorStatus;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::answer::{Answer, Tally};
use crate::decision::Responder;

/// The words for kinds of answers, in the order of [`kind`].
const KINDS: [&str; 6] = ["signed", "malformed_request", "internal_error", "try_later", "sig_required", "unauthorized"];

const fn kind(answer: &Answer) -> usize {
    match answer {
        Answer::Signed(_) => 0,
        Answer::Refused(ErrorStatus::MalformedRequest) => 1,
        Answer::Refused(ErrorStatus::InternalError) => 2,
        Answer::Refused(ErrorStatus::TryLater) => 3,
        Answer::Refused(ErrorStatus::SigRequired) => 4,
        Answer::Refused(ErrorStatus::Unauthorized) => 5,
    }
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
}

impl Method {
    const ALL: [Self; 3] = [Self::Get, Self::Head, Self::Post];

    const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
        }
    }
}

/// Counters and durations of the responder.
pub struct OcspMetrics {
    /// By [`Ca::index`], [`Method`] and [`KINDS`]: looked up once, because an answer is cheaper than a look-up by label.
    answers: [[[IntCounter; KINDS.len()]; Method::ALL.len()]; Ca::ALL.len()],
    /// By [`Digest`] and [`Tally::STATUSES`].
    statuses: [[IntCounter; Tally::STATUSES.len()]; Digest::ALL.len()],
    seconds: Histogram,
    pub(crate) http_refusals: IntCounterVec,
    pub(crate) not_modified: IntCounter,
    pub(crate) shed: IntCounter,
    pub(crate) shed_unknown: IntCounter,
    pub(crate) stuck: IntGauge,
    pub(crate) overdue: IntCounter,
    pub(crate) panics: IntCounter,
}

impl OcspMetrics {
    /// Makes and registers them, with those of the responder's kept answers.
    pub fn register(registry: &Registry, responder: &Responder) -> Result<Self, prometheus::Error> {
        let vec = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        // From a look-up in memory to the longest wait that anybody is left to.
        let buckets =
            vec![0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
        let seconds = HistogramOpts::new("ocsp_answer_seconds", "Time from the whole request to the answer.");
        let answers = vec("ocsp_answers_total", "Answers by CA, HTTP method and kind.", &["ca", "method", "answer"])?;
        let statuses = vec(
            "ocsp_certificates_total",
            "Certificates in signed answers, by the digest they were asked with and their status.",
            &["digest", "status"],
        )?;
        let metrics = Self {
            answers: Ca::ALL.map(|ca| {
                Method::ALL.map(|method| KINDS.map(|kind| answers.with_label_values(&[ca.word(), method.word(), kind])))
            }),
            statuses: Digest::ALL
                .map(|digest| Tally::STATUSES.map(|status| statuses.with_label_values(&[digest_word(digest), status]))),
            seconds: Histogram::with_opts(seconds.buckets(buckets))?,
            http_refusals: vec(
                "ocsp_http_refusals_total",
                "Requests refused by HTTP alone, by status code.",
                &["code"],
            )?,
            not_modified: IntCounter::new("ocsp_not_modified_total", "GET answers sent as 304.")?,
            shed: IntCounter::new("ocsp_shed_total", "Requests told to try later because the signing queue was full.")?,
            shed_unknown: IntCounter::new(
                "ocsp_shed_unknown_total",
                "Requests about serials never issued told to try later because their own signing queue was full.",
            )?,
            stuck: IntGauge::new(
                "ocsp_signatures_stuck",
                "Signatures that the token owes and nobody waits for any more.",
            )?,
            overdue: IntCounter::new(
                "ocsp_overdue_total",
                "Requests told to try later because signing took too long.",
            )?,
            panics: IntCounter::new("ocsp_panics_total", "Requests answered internalError because of a bug.")?,
        };
        let (kept, failures) = (&responder.kept().counts.all, &responder.sign_failures().all);
        for vec in [&answers, &statuses, &metrics.http_refusals, kept, failures] {
            registry.register(Box::new(vec.clone()))?;
        }
        let OcspMetrics { not_modified, shed, shed_unknown, overdue, panics, .. } = &metrics;
        for counter in [not_modified, shed, shed_unknown, overdue, panics] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(metrics.stuck.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, ca: Ca, method: Method, answer: &Answer, seconds: f64) {
        if let Answer::Signed(signed) = answer {
            for (digest, status, count) in signed.tally.counts() {
                self.statuses[digest as usize][status].inc_by(count.into());
            }
        }
        self.answers[ca.index()][method as usize][kind(answer)].inc();
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
