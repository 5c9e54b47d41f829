//! Listeners: one accept loop for plain HTTP and one for mutual TLS, both with limits, both draining when told to stop.
//!
//! Anybody may connect, so nothing that a client can leave undone lasts for ever: the handshake, each request's head and
//! the time between requests by [`Limits::head_within`], a request's body by its route, an answer that is not taken by
//! [`stalled`]; what it sent and nobody read ends its connection, by [`unread`]. HTTP/1.1 alone is spoken, for which all of these hold from the first octet on. [`descriptors`] says how
//! many connections there may be. The public listener's connections are dealt out to [`cores`]; there [`plain`] answers most of OCSP
//! without hyper.
pub mod cores;
pub mod descriptors;
mod plain;
mod rare;
mod rewound;
mod stalled;
mod unread;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use ca::doors::PeerCertificate;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ocsp_responder::OcspDoor;
use prometheus::IntCounter;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::clock::monotonic;
use cores::Cores;
use rare::Rare;
use rewound::Rewound;
use stalled::Stalled;
use unread::{Unread, Watched};

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

/// What a listener answers with.
#[derive(Clone)]
pub struct Served {
    /// OCSP, which is looked at before the routes: most of what comes, and the cheapest to answer.
    pub ocsp: Option<Arc<OcspDoor>>,
    /// Everything else.
    pub routes: Router,
}

impl From<Router> for Served {
    fn from(routes: Router) -> Self {
        Self { ocsp: None, routes }
    }
}

/// Serves until told to stop, then lets requests under way finish. Connections are served on those cores; without any on
/// the runtime that this runs on.
pub async fn serve(
    listener: TcpListener,
    security: Security,
    served: impl Into<Served>,
    limits: Limits,
    cores: Option<Arc<Cores>>,
    mut stop: watch::Receiver<bool>,
) {
    let served = served.into();
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
        let client = Client { security: security.clone(), served: served.clone(), limits, stop: stop.clone() };
        let watcher = graceful.watcher();
        let core = cores.as_ref().map_or_else(Handle::current, |cores| cores.next().clone());
        core.spawn(async move {
            let _place = place;
            // Registered with the runtime that it is served on.
            if let Ok(stream) = TcpStream::from_std(stream) {
                client.connection(stream, watcher).await;
            }
        });
    }
    drop(listener);
    // Whoever is still not done then is cut off with the process.
    let _ = tokio::time::timeout(limits.drain_within, graceful.shutdown()).await;
}

/// Serves one connection that nothing secures, whatever it is made of, to its end.
pub async fn serve_one<S>(stream: S, served: impl Into<Served>, limits: Limits, stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = Client { security: Security::Plain, served: served.into(), limits, stop };
    client.plainly(Stalled::new(stream, limits.taking_within), GracefulShutdown::new().watcher()).await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(std::net::TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    Ok((stream.into_std()?, place))
}

/// What one connection is served with.
struct Client {
    security: Security,
    served: Served,
    limits: Limits,
    stop: watch::Receiver<bool>,
}

impl Client {
    async fn connection(mut self, stream: TcpStream, watcher: Watcher) {
        // Answers are small and complete: waiting to fill a segment only adds delay.
        let _ = stream.set_nodelay(true);
        let stream = Stalled::new(stream, self.limits.taking_within);
        match self.security.clone() {
            Security::Plain => self.plainly(stream, watcher).await,
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

    async fn plainly<S>(mut self, mut stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let came = match &self.served.ocsp {
            Some(door) => plain::answer(&mut stream, door, &self.limits, &mut self.stop).await,
            None => Some(Vec::new()),
        };
        if let Some(came) = came {
            self.http(Rewound::new(came, stream), None, watcher).await;
        }
    }

    async fn http<S>(self, stream: S, peer: Option<PeerCertificate>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { served, limits, security, stop: _ } = self;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (served, peer) = (served.clone(), peer.clone());
            async move {
                let (head, body) = request.into_parts();
                let (unread, body) = Unread::watch(body);
                let request = hyper::Request::from_parts(head, body);
                let answer = match &served.ocsp {
                    Some(door) if OcspDoor::is_at(request.uri().path()) => door.serve(request).await,
                    // In a box, so that what waits for the door is small.
                    Some(_) | None => Box::pin(by_routes(served.routes, peer, request)).await,
                };
                Ok::<_, Infallible>(unread.tell(answer))
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.head_within).max_buf_size(HEAD_OCTETS_MAX);
        // Who sends its last request and then its end is answered all the same, as [`plain`] does it. At the doors an end means
        // that nobody waits any more, and gives the place in the queue to the next.
        builder.half_close(matches!(security, Security::Plain));
        // A client that goes away or breaks the protocol concerns nobody but itself.
        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
    }
}

async fn by_routes(routes: Router, peer: Option<PeerCertificate>, request: hyper::Request<Watched>) -> Response {
    let mut request = request.map(Body::new);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    routes.oneshot(request).await.unwrap_or_else(|never| match never {})
}
