//! OCSP over HTTP (RFC 6960 appendix A, RFC 9919 §6 and §7).
//!
//! One door takes the path as it stands in the request line, because GET carries base64 in it, where `/` and `//` are
//! data. [`get_path`] undoes what clients do to it, [`headers`] says how long an answer may be kept. The door needs no
//! router: a listener asks it for everything below its path, which costs a comparison.
mod closed;
mod get_path;
pub(crate) mod headers;

use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pki::identity::Ca;
use pki::ocsp::REQUEST_OCTETS_MAX;
use pki::time::UnixTime;

use crate::answer::Answer;
use crate::metrics::Method;
use crate::service::OcspService;

/// A request for one certificate is a hundred octets; whoever needs longer holds a connection for nothing.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// What the door's paths begin with. The CA's word follows.
const PATH: &str = "/ocsp/";

pub use closed::closed_ocsp_routes;

/// OCSP at `/ocsp/{ca}` by POST, GET and HEAD. A response that gives a signed answer, or says that the asker has it (304), has
/// the answer's [`Tally`](crate::Tally) as an extension.
pub struct OcspDoor {
    service: Arc<OcspService>,
    body_within: Duration,
}

impl OcspDoor {
    /// A door to that service. A request's body has 30 s to arrive.
    pub const fn new(service: Arc<OcspService>) -> Self {
        Self::with_body_within(service, BODY_WITHIN)
    }

    /// The same with another time for a request's body to arrive whole.
    pub const fn with_body_within(service: Arc<OcspService>, body_within: Duration) -> Self {
        Self { service, body_within }
    }

    /// Whether a request for that path is to be brought here.
    pub fn is_at(path: &str) -> bool {
        path.starts_with(PATH)
    }

    /// Answers a question that came whole, by GET or HEAD in such a path or by POST as a body; and when. `None`, if HTTP has
    /// something to say about the path: [`Self::serve`] says it.
    pub async fn answer(&self, method: Method, path: &str, body: &[u8]) -> Option<(Answer, UnixTime)> {
        let (ca, encoded) = ca_of(path).ok()?;
        let now = (self.service.clocks.now)();
        let answer = match method {
            Method::Get | Method::Head => {
                self.service.answer(ca, method, &get_path::decode(encoded).unwrap_or_default(), now).await
            }
            Method::Post if body.len() > REQUEST_OCTETS_MAX => return None,
            Method::Post => self.service.answer(ca, method, body, now).await,
        };
        let now = headers::date(&answer, now);
        Some((answer, now))
    }

    /// Answers a request for such a path, whatever it is.
    pub async fn serve<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let read = read_request(&parts.method, parts.uri.path(), &parts.headers, body);
        // Only a body can keep us waiting.
        match tokio::time::timeout(self.body_within, read).await.unwrap_or(Err(HttpRefusal::BodyTooSlow)) {
            Ok((ca, method, der)) => answer(&self.service, ca, method, &parts.headers, &der).await,
            Err(refusal) => {
                let (code, ..) = refusal.parts();
                self.service.metrics.http_refusals.with_label_values(&[code.as_str()]).inc();
                refusal.response()
            }
        }
    }
}

/// What HTTP alone refuses, as an RFC 9457 problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HttpRefusal {
    UnknownCa,
    MethodNotAllowed,
    UnsupportedMediaType,
    BodyTooLarge,
    BodyIncomplete,
    BodyTooSlow,
}

/// The CA that the path names, and the octets that should be an OCSPRequest.
async fn read_request<B>(
    method: &http::Method,
    path: &str,
    headers: &HeaderMap,
    body: B,
) -> Result<(Ca, Method, Bytes), HttpRefusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (ca, encoded) = ca_of(path)?;
    let method = match *method {
        http::Method::GET => Method::Get,
        http::Method::HEAD => Method::Head,
        http::Method::POST => return Ok((ca, Method::Post, read_body(headers, body).await?)),
        _ => return Err(HttpRefusal::MethodNotAllowed),
    };
    // What is not base64 is no OCSPRequest either: no octets, and so malformedRequest.
    Ok((ca, method, get_path::decode(encoded).unwrap_or_default().into()))
}

fn ca_of(path: &str) -> Result<(Ca, &str), HttpRefusal> {
    let below = path.strip_prefix(PATH).ok_or(HttpRefusal::UnknownCa)?;
    let (word, encoded) = below.split_once('/').unwrap_or((below, ""));
    Ok((word.parse().map_err(|_| HttpRefusal::UnknownCa)?, encoded))
}

async fn read_body<B>(headers: &HeaderMap, body: B) -> Result<Bytes, HttpRefusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/ocsp-request") {
        return Err(HttpRefusal::UnsupportedMediaType); // R22
    }
    match Limited::new(body, REQUEST_OCTETS_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpRefusal::BodyTooLarge),
        Err(_) => Err(HttpRefusal::BodyIncomplete),
    }
}

async fn answer(service: &OcspService, ca: Ca, method: Method, asked: &HeaderMap, request: &[u8]) -> Response {
    let now = (service.clocks.now)();
    let answer = service.answer(ca, method, request, now).await;
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers::of(&answer, now);
    if let Answer::Signed(signed) = &answer {
        response.extensions_mut().insert(signed.tally);
    }
    if method != Method::Post && headers::is_already_there(asked, response.headers()) {
        service.metrics.not_modified.inc();
        // RFC 9110 §15.4.5: 304 repeats what concerns keeping, and has no content.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else if method != Method::Head {
        *response.body_mut() = match answer {
            Answer::Signed(signed) => Body::from(Bytes::clone(&signed.der)),
            Answer::Refused(status) => Body::from(&status.der()[..]),
        };
    }
    response
}

impl HttpRefusal {
    /// Status, the problem's type, its title, and what to do.
    const fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::UnknownCa => (
                StatusCode::NOT_FOUND,
                "unknown-ca",
                "No such CA",
                "Ask at /ocsp/sign or /ocsp/auth, as the certificate's authorityInfoAccess says.",
            ),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", "Use GET, HEAD or POST.")
            }
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Not an OCSP request",
                "Send the DER of an OCSPRequest with Content-Type: application/ocsp-request.",
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The request is too large",
                "Ask about at most 100 certificates in one request.",
            ),
            Self::BodyIncomplete => {
                (StatusCode::BAD_REQUEST, "malformed-body", "The body did not arrive whole", "Send the request again.")
            }
            Self::BodyTooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "body-too-slow",
                "The body did not arrive in time",
                "Send the request again on a new connection.",
            ),
        }
    }

    fn response(self) -> Response {
        let (status, kind, title, remedy) = self.parts();
        let code = status.as_u16();
        let problem = format!(
            r#"{{"type":"urn:akashi:problem:{kind}","title":"{title}","status":{code},"detail":"{title}.","remedy":"{remedy}"}}"#
        );
        let builder = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/problem+json")
            .header(header::CACHE_CONTROL, "no-store"); // I15
        let builder = match self {
            Self::MethodNotAllowed => builder.header(header::ALLOW, "GET, HEAD, POST"),
            // RFC 9110 §15.5.9: the rest of the body is not waited for, so the connection ends.
            Self::BodyTooSlow => builder.header(header::CONNECTION, "close"),
            Self::UnknownCa | Self::UnsupportedMediaType | Self::BodyTooLarge | Self::BodyIncomplete => builder,
        };
        builder.body(Body::from(problem)).expect("constant headers are valid")
    }
}
