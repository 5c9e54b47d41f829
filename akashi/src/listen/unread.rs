//! Requests that are answered before their body was read: the connection says that it ends with that answer.
//!
//! What lies unread on a connection stands before the next request, so hyper closes it. A client that is not told would
//! send its next request into a connection that is gone, and could not know whether it was done.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::HttpBody;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};

/// Knows whether a request's body was read to its end.
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Watches that body.
    pub(super) fn watch(body: Incoming) -> (Self, Watched) {
        let unread = Arc::new(AtomicBool::new(!body.is_end_stream()));
        (Self(Arc::clone(&unread)), Watched { body, unread })
    }

    /// The answer, which says so if the connection ends with it (RFC 9112 §9.6).
    pub(super) fn tell(&self, mut answer: Response) -> Response {
        if self.0.load(Ordering::Relaxed) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// A body that is watched.
pub(super) struct Watched {
    body: Incoming,
    unread: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = <Incoming as HttpBody>::Data;
    type Error = <Incoming as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.unread.store(false, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
