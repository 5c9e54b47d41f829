//! Listeners: one accept loop for plain HTTP and one for mutual TLS, both with limits, both draining when told to stop.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use ca::doors::PeerCertificate;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus::IntCounter;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Connections at once on one listener; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 8_192;
/// A client that takes longer for a handshake or a request's head is cut off; it is also the limit for idling.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head: a GET with a base64 OCSP request in its path fits many times.
const HEAD_OCTETS_MAX: usize = 32 * 1_024;
/// After a stop, requests under way get this long.
const DRAIN: Duration = Duration::from_secs(10);

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
pub async fn serve(listener: TcpListener, security: Security, routes: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: connections that end will free some.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (security, routes, watcher) = (security.clone(), routes.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            connection(stream, security, routes, watcher).await;
        });
    }
    drop(listener);
    // Whoever is still not done then is cut off with the process.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

async fn connection(stream: TcpStream, security: Security, routes: Router, watcher: Watcher) {
    // Answers are small and complete: waiting to fill a segment only adds delay.
    let _ = stream.set_nodelay(true);
    match security {
        Security::Plain => http(stream, None, routes, watcher).await,
        Security::MutualTls { config, failures } => {
            let acceptor = TlsAcceptor::from(config.load_full());
            match tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let peer = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                    let peer = peer.map(|certificate| PeerCertificate(Arc::from(certificate.as_ref())));
                    http(stream, peer, routes, watcher).await;
                }
                Ok(Err(_)) | Err(_) => failures.inc(),
            }
        }
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Option<PeerCertificate>,
    routes: Router,
    watcher: Watcher,
) {
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(routes.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_OCTETS_MAX);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_TIMEOUT).max_concurrent_streams(64);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    // A client that goes away or breaks the protocol concerns nobody but itself.
    let _ = watcher.watch(connection).await;
}
