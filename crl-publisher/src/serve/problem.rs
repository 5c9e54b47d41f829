//! Why a request for a CRL gets none (RFC 9457).
use axum::body::Body;
use axum::http::{Response, header};
use axum::response::IntoResponse;

/// After how long a client asks again before the first cut.
const FIRST_CUT_RETRY_SECONDS: &str = "10";

/// Why there is no CRL to answer with.
pub(super) enum Problem {
    NothingPublished,
    NoSuchCrl,
    UnknownIssuer,
    UnknownMunicipality,
    NotInThisCut,
    CutNotKept,
    PreconditionFailed,
    Unsatisfiable {
        /// How many octets there are.
        size: u64,
    },
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, word, title, remedy) = match self {
            Self::NothingPublished => (
                503,
                "nothing-published",
                "No CRL is published yet.",
                "Ask again shortly; the first cut is made when the service starts.",
            ),
            Self::NoSuchCrl => (
                404,
                "no-such-crl",
                "This is not the name of a CRL.",
                "Write /crl/{ca}/{key}/{code}.crl, or full, delta or ca for the code.",
            ),
            Self::UnknownIssuer => (
                404,
                "unknown-issuer",
                "No CA has this key.",
                "Take the URL from a certificate or from /crl/manifest.json.",
            ),
            Self::UnknownMunicipality => (
                404,
                "unknown-municipality",
                "No municipality has this code.",
                "Write the 5-digit code without its check digit.",
            ),
            Self::NotInThisCut => (
                404,
                "not-in-this-cut",
                "This cut has no CRL of this shape.",
                "Ask for it in the next cut; until then take the full CRL.",
            ),
            Self::CutNotKept => (
                404,
                "cut-not-kept",
                "This cut is not kept, or never was.",
                "Take the URLs from the latest /crl/manifest.json.",
            ),
            Self::PreconditionFailed => (
                412,
                "precondition-failed",
                "This is another version than the one that was asked for.",
                "Ask without If-Match and If-Unmodified-Since, and keep nothing of the other version.",
            ),
            Self::Unsatisfiable { .. } => (
                416,
                "range-not-satisfiable",
                "The range begins behind the end.",
                "Content-Range says how many octets there are. Ask without Range, or with If-Range, which sends all of another version.",
            ),
        };
        let problem = serde_json::json!({
            "type": format!("urn:akashi:problem:{word}"), "title": title, "status": status, "remedy": remedy,
        });
        let response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/problem+json")
            // I15: errors are never cached.
            .header(header::CACHE_CONTROL, "no-store");
        let response = match self {
            Self::NothingPublished => response.header(header::RETRY_AFTER, FIRST_CUT_RETRY_SECONDS),
            Self::Unsatisfiable { size } => response.header(header::CONTENT_RANGE, format!("bytes */{size}")),
            Self::NoSuchCrl
            | Self::UnknownIssuer
            | Self::UnknownMunicipality
            | Self::NotInThisCut
            | Self::CutNotKept
            | Self::PreconditionFailed => response,
        };
        response.body(Body::from(problem.to_string())).expect("every header value here is ASCII made by us")
    }
}
