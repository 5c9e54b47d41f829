//! Calls through the doors, and what is answered.
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use ca::authority::Authority;
use ca::doors::{DoorState, Further, Gate, IssueLimits, PeerCertificate, routes};
use der::Decode;
use http_body_util::BodyExt;
use pki::identity::{Ca, Serial};
use pki::time::UnixTime;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::documented::assert_documented;
use super::people::{Party, change};

/// The doors of a running CA. A clone can be taken into another thread.
#[derive(Clone)]
pub(crate) struct Doors(pub(crate) Arc<Authority>, pub(crate) Router);

impl Doors {
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        let state = DoorState::new(Arc::clone(&authority), Arc::new(|_, _, _| {}));
        Self(authority, routes(state, Further::default()))
    }

    /// The doors of which a desk waits that long for a signature.
    pub(crate) fn with_signatures_within(&self, patience: std::time::Duration) -> Self {
        let state = DoorState::new(Arc::clone(&self.0), Arc::new(|_, _, _| {})).with_signatures_within(patience);
        Self(Arc::clone(&self.0), routes(state, Further::default()))
    }

    /// The doors with other limits to issues, and their gate.
    pub(crate) fn with_issue_limits(&self, limits: IssueLimits) -> (Self, Arc<Gate>) {
        let state = DoorState::new(Arc::clone(&self.0), Arc::new(|_, _, _| {})).with_issue_limits(limits);
        let gate = Arc::clone(state.gate());
        (Self(Arc::clone(&self.0), routes(state, Further::default())), gate)
    }

    /// What a GET is answered with for that `Accept`, as it comes.
    pub(crate) fn get_as(&self, party: Party, path: &str, accept: &str) -> (HeaderMap, String) {
        let request = Request::builder().uri(path).header("accept", accept);
        let request = request.extension(PeerCertificate(party.certificate().into())).body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let response = self.1.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let octets = body.collect().await.unwrap().to_bytes();
            (parts.headers, String::from_utf8(octets.to_vec()).unwrap())
        })
    }

    /// One call, with an idempotency key if the call changes something.
    pub(crate) fn call(&self, party: Party, method: &str, path: &str, key: Option<&str>, body: Vec<u8>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.extension(PeerCertificate(party.certificate().into())).body(Body::from(body)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let reply = runtime.block_on(async {
            let response = self.1.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let reply = Reply { status, body: serde_json::from_slice(&body).unwrap() };
            assert_documented(method, path, &reply);
            reply
        });
        // Who was answered does not wait for work that goes on.
        runtime.shutdown_background();
        reply
    }

    /// A call that changes something. Stories name their requests in words; an idempotency key has no spaces.
    pub(crate) fn post(&self, party: Party, path: &str, key: &str, body: &Value) -> Reply {
        self.call(party, "POST", path, Some(&key.replace(' ', "-")), body.to_string().into_bytes())
    }

    pub(crate) fn get(&self, party: Party, path: &str) -> Reply {
        self.call(party, "GET", path, None, Vec::new())
    }

    /// Kiyose's desk asks for a certificate.
    pub(crate) fn issue(&self, key: &str, body: &Value) -> Reply {
        self.post(Party::Kiyose, "/desk/v1/certificates", key, body)
    }

    /// The same, which must succeed.
    pub(crate) fn issued(&self, key: &str, body: &Value) -> Serial {
        let reply = self.issue(key, body);
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        reply.serial()
    }

    /// Kiyose's desk looks a certificate up.
    pub(crate) fn look_up(&self, (ca, serial): (Ca, Serial)) -> Reply {
        self.get(Party::Kiyose, &format!("/desk/v1/certificates/{ca}/{serial}"))
    }

    /// The register reports a change.
    pub(crate) fn report(&self, key: &str, resident_code: &str, what: &str) -> Reply {
        self.post(Party::Register, "/residents/v1/changes", key, &change(resident_code, what))
    }

    /// Kiyose's desk revokes.
    pub(crate) fn revoke(&self, key: &str, (ca, serial): (Ca, Serial), cause: &str) -> Reply {
        let path = format!("/desk/v1/certificates/{ca}/{serial}/revocation");
        self.post(Party::Kiyose, &path, key, &json!({ "cause": cause }))
    }

    /// The loss line holds all of a resident's certificates.
    pub(crate) fn hold(&self, key: &str, resident_code: &str) -> Reply {
        self.post(Party::Hotline, "/hotline/v1/holds", key, &json!({ "resident_code": resident_code }))
    }
}

/// An answer or a refusal. Compared whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Reply {
    /// HTTP status and the end of the problem's type.
    pub(crate) fn problem(&self) -> (u16, &str) {
        let slug = self.body["type"].as_str().and_then(|text| text.strip_prefix("urn:akashi:problem:"));
        (self.status, slug.unwrap_or("no problem"))
    }

    pub(crate) fn serial(&self) -> Serial {
        self.body["serial"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn certificate_der(&self) -> Vec<u8> {
        der::pem::decode_vec(self.body["certificate"].as_str().unwrap().as_bytes()).unwrap().1
    }

    pub(crate) fn certificate(&self) -> x509_cert::Certificate {
        x509_cert::Certificate::from_der(&self.certificate_der()).unwrap()
    }

    /// notBefore and notAfter as the certificate itself says.
    pub(crate) fn validity(&self) -> (UnixTime, UnixTime) {
        let certificate = self.certificate();
        let validity = certificate.tbs_certificate().validity();
        let time = |time: &x509_cert::time::Time| {
            UnixTime::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap())
        };
        (time(&validity.not_before), time(&validity.not_after))
    }

    /// Status of each certificate that a withdrawal is about, `sign/2` → `revoked affiliationChanged`.
    pub(crate) fn statuses(&self) -> BTreeMap<String, String> {
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let entries = self.body["certificates"].as_array().unwrap().iter();
        entries
            .map(|entry| {
                let place = format!("{}/{}", text(entry, "ca"), text(entry, "serial"));
                (place, format!("{} {}", text(entry, "status"), text(entry, "reason")).trim_end().to_owned())
            })
            .collect()
    }
}
