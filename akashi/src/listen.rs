//! Listeners: one accept loop for plain HTTP and one for mutual TLS, both with limits, both draining when told to stop.
//!
//! Anybody may connect, so nothing that a client can leave undone lasts for ever: the handshake, each request's head and
//! the time between requests by [`Limits::head_within`], a request's body by its route, an answer that is not taken by
//! [`stalled`]; what it sent and nobody read ends its connection, by [`unread`]. HTTP/1.1 alone is spoken, for which all of these hold from the first octet on. [`descriptors`] says how
//! many connections there may be.
pub mod descriptors;
mod rare;
mod stalled;
mod unread;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use ca::doors::PeerCertificate;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus::IntCounter;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::clock::monotonic;
use rare::Rare;
use stalled::Stalled;
use unread::Unread;

/// The largest head: a GET with a base64 OCSP request in its path fits many times.
const HEAD_OCTETS_MAX: usize = 32 * 1_024;
/// A listener that cannot accept says so at most this often.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// After a failed accept: connections that end meanwhile free a descriptor.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// What one listener allows its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// A client that takes longer for its handshake, or for a request's head, is cut off. A head's time runs from the
    /// connection's start or the answer before, so this is also how long a connection may idle.
    pub head_within: Duration,
    /// A client that takes no octet of its answer for so long is cut off.
    pub taking_within: Duration,
    /// After a stop, requests under way get this long.
    pub drain_within: Duration,
}

impl Limits {
    /// Those of the server.
    pub const fn with_connections(connections_max: usize) -> Self {
        Self {
            connections_max,
            head_within: Duration::from_secs(30),
            taking_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(10),
        }
    }
}

/// How a listener secures its connections.
#[derive(Clone)]
pub enum Security {
    /// Plain HTTP.
    Plain,
    /// Mutual TLS. The configuration is replaced when the doors' certificate is renewed.
    MutualTls {
        /// The configuration of this moment.
        config: Arc<ArcSwap<ServerConfig>>,
        /// Counts handshakes that failed.
        failures: IntCounter,
    },
}

/// Serves until told to stop, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    security: Security,
    routes: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let (elapsed, mut warnings) = (monotonic(), Rare::new(WARNING_INTERVAL));
    loop {
        // Waiting for a place is waiting, too: a stop is heard meanwhile.
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(unsaid) = warnings.say(elapsed()) {
                    tracing::warn!(%error, unsaid, "a connection could not be accepted");
                }
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let client = Client { security: security.clone(), routes: routes.clone(), limits, stop: stop.clone() };
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            let _place = place;
            client.connection(stream, watcher).await;
        });
    }
    drop(listener);
    // Whoever is still not done then is cut off with the process.
    let _ = tokio::time::timeout(limits.drain_within, graceful.shutdown()).await;
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// What one connection is served with.
struct Client {
    security: Security,
    routes: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
}

impl Client {
    async fn connection(mut self, stream: TcpStream, watcher: Watcher) {
        // Answers are small and complete: waiting to fill a segment only adds delay.
        let _ = stream.set_nodelay(true);
        let stream = Stalled::new(stream, self.limits.taking_within);
        match self.security.clone() {
            Security::Plain => self.http(stream, None, watcher).await,
            Security::MutualTls { config, failures } => {
                let handshake = TlsAcceptor::from(config.load_full()).accept(stream);
                let handshake = tokio::select! {
                    handshake = tokio::time::timeout(self.limits.head_within, handshake) => handshake,
                    // No request has come, so none needs to be finished.
                    _ = self.stop.wait_for(|stop| *stop) => return,
                };
                match handshake {
                    Ok(Ok(stream)) => {
                        let peer = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                        let peer = peer.map(|certificate| PeerCertificate(Arc::from(certificate.as_ref())));
                        self.http(stream, peer, watcher).await;
                    }
                    Ok(Err(_)) | Err(_) => failures.inc(),
                }
            }
        }
    }

    async fn http<S>(self, stream: S, peer: Option<PeerCertificate>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { routes, limits, security: _, stop: _ } = self;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (head, body) = request.into_parts();
            let (unread, body) = Unread::watch(body);
            let mut request = hyper::Request::from_parts(head, Body::new(body));
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            let routes = routes.clone();
            async move {
                let answer = routes.oneshot(request).await.unwrap_or_else(|never| match never {});
                Ok::<_, Infallible>(unread.tell(answer))
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.head_within).max_buf_size(HEAD_OCTETS_MAX);
        // A client that goes away or breaks the protocol concerns nobody but itself.
        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
    }
}
