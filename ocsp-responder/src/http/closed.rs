//! The public path while it is switched off.
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::any;
use http::{HeaderValue, header};
use pki::ocsp::ErrorStatus;

/// Routes that answer everybody *unauthorized*, in the place of an [`OcspDoor`](crate::OcspDoor).
///
/// RFC 6960 §2.3 has this very word for it, “the client is not authorized to make this query to this server”, and OCSP clients
/// look for it in a body with HTTP status 200. A 403 or 404 they take for a failure of the network, and many go on as if the
/// certificate were good. Requests are not read: there is nothing to decide.
pub fn closed_ocsp_routes() -> Router {
    let closed = any(async || {
        let mut response = Response::new(Body::from(&ErrorStatus::Unauthorized.der()[..]));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/ocsp-response"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store")); // I15
        response
    });
    Router::new()
        .route("/ocsp/{ca}", closed.clone())
        .route("/ocsp/{ca}/", closed.clone())
        .route("/ocsp/{ca}/{*request}", closed)
}
