//! What operators watch: metrics, health, readiness.
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ca::authority::Authority;
use ca::doors::{CallObserver, Gate};
use crl_publisher::store::PublishedCrls;
use pki::identity::{Ca, IssuerKey, KeyNumber};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry as MetricRegistry, TextEncoder};
use registry::event::Door;
use registry::state::{LinkRecord, StateReads};
use registry::{Clock, Registry};
use status::StatusIndex;

/// What all parts' metrics are registered in, and the doors' own.
pub struct Metrics {
    /// What is scraped.
    pub registry: MetricRegistry,
    calls: IntCounterVec,
    refusals: IntCounterVec,
    /// TLS handshakes at the doors that failed.
    pub handshake_failures: IntCounter,
    certificates: IntGaugeVec,
    positions: IntGaugeVec,
    issues: IntGaugeVec,
    usage: IntGaugeVec,
}

impl Metrics {
    /// Registers them.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = MetricRegistry::new();
        let calls = Opts::new("akashi_door_calls_total", "Calls at the doors, by door and HTTP status.");
        let refusals = Opts::new("akashi_door_refusals_total", "Refused calls at the doors, by door and problem.");
        let certificates = Opts::new("akashi_certificates", "Certificates in the status index, by CA and status.");
        let positions =
            Opts::new("akashi_log_position", "Number of log events that each follower has, and the log itself.");
        let issues = Opts::new(
            "akashi_issues",
            "Requests for certificates at work, waiting for their turn, or recorded and unsigned.",
        );
        let usage = Opts::new("akashi_usage", "Certificates told to operators: not recorded yet, and not counted.");
        let failures = "TLS handshakes at the doors that failed: no client certificate of the party CA, mostly.";
        let metrics = Self {
            calls: IntCounterVec::new(calls, &["door", "status"])?,
            refusals: IntCounterVec::new(refusals, &["door", "problem"])?,
            handshake_failures: IntCounter::new("akashi_tls_handshake_failures_total", failures)?,
            certificates: IntGaugeVec::new(certificates, &["ca", "status"])?,
            positions: IntGaugeVec::new(positions, &["of"])?,
            issues: IntGaugeVec::new(issues, &["state"])?,
            usage: IntGaugeVec::new(usage, &["state"])?,
            registry,
        };
        metrics.registry.register(Box::new(metrics.calls.clone()))?;
        metrics.registry.register(Box::new(metrics.refusals.clone()))?;
        metrics.registry.register(Box::new(metrics.handshake_failures.clone()))?;
        metrics.registry.register(Box::new(metrics.certificates.clone()))?;
        metrics.registry.register(Box::new(metrics.positions.clone()))?;
        metrics.registry.register(Box::new(metrics.issues.clone()))?;
        metrics.registry.register(Box::new(metrics.usage.clone()))?;
        Ok(metrics)
    }

    /// Counts calls at the doors.
    pub fn call_observer(&self) -> CallObserver {
        let (calls, refusals) = (self.calls.clone(), self.refusals.clone());
        Arc::new(move |door, status, problem| {
            calls.with_label_values(&[door_word(door), &status.to_string()]).inc();
            if !problem.is_empty() {
                refusals.with_label_values(&[door_word(door), problem]).inc();
            }
        })
    }

    fn gather(&self, watched: &Watched) -> String {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        for ca in Ca::ALL {
            let counts = watched.index.counts(ca);
            for (status, count) in [("good", counts.good), ("held", counts.held), ("revoked", counts.revoked)] {
                self.certificates.with_label_values(&[ca.word(), status]).set(signed(count));
            }
        }
        let log = watched.ledger.store().tree_edge().map_or(0, |edge| edge.size());
        for (of, position) in [("log", log), ("index", watched.index.position())] {
            self.positions.with_label_values(&[of]).set(signed(position));
        }
        let unsigned = watched.authority.issues_unsigned();
        let gate = &watched.gate;
        for (state, count) in [("at_work", gate.at_work()), ("waiting", gate.waiting()), ("unsigned", unsigned)] {
            self.issues.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let meter = watched.authority.meter();
        for (state, certificates) in [("unwritten", meter.unwritten()), ("lost", meter.lost())] {
            self.usage.with_label_values(&[state]).set(signed(certificates));
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

const fn door_word(door: Door) -> &'static str {
    match door {
        Door::Inside => "inside",
        Door::Desk => "desk",
        Door::Hotline => "hotline",
        Door::Residents => "residents",
        Door::Admin => "admin",
        Door::Operators => "operators",
        Door::Phone => "phone",
    }
}

/// What health and metrics look at.
pub struct Watched {
    /// The log.
    pub ledger: Arc<Registry>,
    /// The index.
    pub index: Arc<StatusIndex>,
    /// What is published.
    pub published: Arc<PublishedCrls>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The CA certificates, DER.
    pub ca_certificates: Vec<(IssuerKey, Vec<u8>)>,
    /// The link certificates.
    pub links: Vec<LinkRecord>,
    /// The public half of the manifest key, PEM.
    pub manifest_key_pem: String,
    /// Before issuing.
    pub gate: Arc<Gate>,
    /// The rules.
    pub authority: Arc<Authority>,
    /// The metrics.
    pub metrics: Metrics,
}

impl Watched {
    /// Why this node should not be asked now; empty when it may.
    fn unready(&self) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        match self.ledger.store().tree_edge() {
            Ok(edge) if self.index.position() < edge.size() => reasons.push("the status index is behind the log"),
            Ok(_) => {}
            Err(_) => reasons.push("the registry cannot be read"),
        }
        let next_update = self.published.load().current.as_ref().map(|generation| generation.cut().next_update);
        match next_update {
            None => reasons.push("no cut is published"),
            Some(next_update) if next_update < self.clock.now() => reasons.push("the published CRLs have expired"),
            Some(_) => {}
        }
        reasons
    }
}

/// The public half of the manifest key. Who verifies manifests compares it once with what the CA's staff hands out.
const MANIFEST_KEY_PATH: &str = "/certs/manifest/1.pem";

/// `/healthz`, `/readyz`, `/certs/{ca}/{key}.cer`, `/certs/{ca}/{linked}-with-{signer}.cer` and the manifest key, on the public listener.
pub fn public_routes(watched: Arc<Watched>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { plain(StatusCode::OK, "ok\n".to_owned()) }))
        .route("/readyz", get(readyz))
        .route(MANIFEST_KEY_PATH, get(manifest_key))
        .route("/certs/{ca}/{file}", get(ca_certificate))
        .with_state(watched)
}

/// `/metrics`, on the metrics listener.
pub fn metrics_routes(watched: Arc<Watched>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(watched)
}

async fn scrape(State(watched): State<Arc<Watched>>) -> Response {
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (media_type, watched.metrics.gather(&watched)).into_response()
}

async fn readyz(State(watched): State<Arc<Watched>>) -> Response {
    let reasons = watched.unready();
    if reasons.is_empty() {
        plain(StatusCode::OK, "ready\n".to_owned())
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

async fn manifest_key(State(watched): State<Arc<Watched>>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file"), NEVER_CHANGES], watched.manifest_key_pem.clone())
        .into_response()
}

/// What is served under the name of a key never changes (I10).
const NEVER_CHANGES: (axum::http::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=86400, immutable");

/// A link is served for as long as neither of its keys is compromised.
const ASK_AGAIN: (axum::http::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

/// A CA certificate by its key, or a link by its two: `1.cer`, `1-with-2.cer`.
async fn ca_certificate(State(watched): State<Arc<Watched>>, Path((ca, file)): Path<(String, String)>) -> Response {
    let served = |certificate: &[u8], caching| {
        ([(header::CONTENT_TYPE, "application/pkix-cert"), caching], certificate.to_vec()).into_response()
    };
    let root = || {
        let asked = IssuerKey { ca: ca.parse().ok()?, key: file.strip_suffix(".cer")?.parse().ok()? };
        watched.ca_certificates.iter().find(|(issuer, _)| *issuer == asked)
    };
    let link = || {
        let (linked, with) = file.strip_suffix(".cer")?.split_once("-with-")?;
        let asked: (Ca, KeyNumber, KeyNumber) = (ca.parse().ok()?, linked.parse().ok()?, with.parse().ok()?);
        watched.links.iter().find(|link| (link.ca, link.linked, link.with) == asked)
    };
    match (root(), link()) {
        (Some((_, certificate)), _) => served(certificate, NEVER_CHANGES),
        (None, Some(LinkRecord { ca, linked, with, certificate })) => {
            let compromised = [*linked, *with].map(|key| watched.ledger.store().compromise(IssuerKey { ca: *ca, key }));
            match compromised {
                [Ok(None), Ok(None)] => served(certificate, ASK_AGAIN),
                [Err(_), _] | [_, Err(_)] => {
                    plain(StatusCode::SERVICE_UNAVAILABLE, "the registry cannot be read\n".to_owned())
                }
                _ => plain(
                    StatusCode::GONE,
                    "one of the two keys is compromised; trust neither through the other\n".to_owned(),
                ),
            }
        }
        (None, None) => plain(StatusCode::NOT_FOUND, "no CA has this key; the form is /certs/sign/1.cer\n".to_owned()),
    }
}
