//! HTTP/1.1 over mutual TLS 1.3 to the doors: one kept connection, bounded in time and size.
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use super::error::{ClientError, FileRole};

/// The longest answers are lists: ten thousand parties take some 3 MiB.
pub const ANSWER_OCTETS_MAX: usize = 16 * 1_024 * 1_024;
/// The slowest call answers after a cut's flip: two CRLs a municipality are signed and checked before it.
pub const ANSWER_WITHIN: Duration = Duration::from_mins(3);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Address, TCP and TLS together.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// What a client is made of: where the doors are, and three PEM texts.
#[derive(Clone, Copy)]
pub struct ClientFiles<'a> {
    /// `https://HOST:PORT`.
    pub api_url: &'a str,
    /// CA certificates; the server's certificate is verified against them and nothing else.
    pub ca_bundle_pem: &'a str,
    /// The client certificate.
    pub certificate_pem: &'a str,
    /// Its private key: PKCS #8, SEC 1 or PKCS #1.
    pub key_pem: &'a str,
}

/// What a door answered, refusals included.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Where what was made can be read again.
    pub location: Option<String>,
    /// The answer, or the problem (RFC 9457).
    pub body: Value,
}

/// By hand: a body may hold a person's data.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("location", &self.location).finish_non_exhaustive()
    }
}

/// What came of lines that were sent.
#[derive(Debug)]
pub enum Streamed {
    /// They were answered line by line, to the answer's end.
    Whole,
    /// They were answered as a whole: refused.
    Answered(Reply),
}

/// A client of the doors. It keeps one connection; a clone makes one of its own.
pub struct Client {
    tls: Arc<ClientConfig>,
    place: Arc<Place>,
    patience: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

/// Where the doors are.
struct Place {
    host: String,
    port: u16,
    authority: String,
    header: HeaderValue,
    server_name: ServerName<'static>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self { tls: Arc::clone(&self.tls), place: Arc::clone(&self.place), patience: self.patience, kept: None }
    }
}

impl Client {
    /// Reads the files. No connection is made yet.
    pub fn new(files: &ClientFiles<'_>) -> Result<Self, ClientError> {
        let place = Arc::new(Place::parse(files.api_url)?);
        Ok(Self { tls: Arc::new(tls(files)?), place, patience: ANSWER_WITHIN, kept: None })
    }

    /// Waits that long for each answer instead of [`ANSWER_WITHIN`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Result<Reply, ClientError> {
        self.ask(Method::GET, path, None).await
    }

    /// POST of JSON.
    pub async fn post(&mut self, path: &str, idempotency_key: &str, body: &Value) -> Result<Reply, ClientError> {
        let key =
            HeaderValue::from_str(idempotency_key).map_err(|_| ClientError::NotSendable("the idempotency key"))?;
        let headers = [(HeaderName::from_static("idempotency-key"), key), (CONTENT_TYPE, JSON)];
        self.ask(Method::POST, path, Some((headers.into_iter().collect(), body.to_string().into()))).await
    }

    /// POST of JSON that changes nothing, and needs no idempotency key.
    pub async fn question(&mut self, path: &str, body: &Value) -> Result<Reply, ClientError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, JSON)]);
        self.ask(Method::POST, path, Some((headers, body.to_string().into()))).await
    }

    /// POST of JSON Lines that are answered by such, each given out as it comes. The patience is with each part of the answer.
    /// Nothing is sent twice here: what has an answer is for the caller to know.
    pub async fn post_lines(
        &mut self,
        path: &str,
        lines: Bytes,
        on_line: &mut dyn FnMut(Value),
    ) -> Result<Streamed, ClientError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, JSON_LINES)]);
        let request = self.place.request(Method::POST, path, Some((headers, lines)))?;
        let mut connection = connect(&self.tls, &self.place).await?;
        let timed_out = |_| ClientError::TimedOut { seconds: self.patience.as_secs() };
        let sent = tokio::time::timeout(self.patience, connection.send_request(request)).await.map_err(timed_out)?;
        let response = sent.map_err(|error| ClientError::of_connection(&error))?;
        if response.status() != StatusCode::OK {
            let read = tokio::time::timeout(self.patience, read(response)).await;
            return read.map_err(timed_out)?.map(Streamed::Answered);
        }
        let (status, mut body, mut begun) = (response.status().as_u16(), response.into_body(), Vec::new());
        while let Some(frame) = tokio::time::timeout(self.patience, body.frame()).await.map_err(timed_out)? {
            let data = frame.map_err(|error| ClientError::of_connection(&error))?.into_data().unwrap_or_default();
            for piece in data.split_inclusive(|octet| *octet == b'\n') {
                begun.extend_from_slice(piece);
                if begun.len() > ANSWER_OCTETS_MAX {
                    return Err(ClientError::AnswerTooLong(ANSWER_OCTETS_MAX));
                }
                if begun.ends_with(b"\n") {
                    on_line(serde_json::from_slice(&begun).map_err(|_| ClientError::AnswerNotJson(status))?);
                    begun.clear();
                }
            }
        }
        Ok(Streamed::Whole)
    }

    /// A server may close a kept connection at any moment. One that was is made anew, once: a GET changes nothing, and the
    /// idempotency key keeps a POST from being carried out twice.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(HeaderMap, Bytes)>,
    ) -> Result<Reply, ClientError> {
        let request = self.place.request(method, path, body)?;
        if let Some(kept) = self.kept.take().filter(|kept| !kept.is_closed()) {
            match self.exchange(kept, request.clone()).await {
                Err(error) if error.is_of_the_connection() => {}
                done => return done,
            }
        }
        let fresh = connect(&self.tls, &self.place).await?;
        self.exchange(fresh, request).await
    }

    async fn exchange(
        &mut self,
        mut connection: SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, ClientError> {
        let exchange = async {
            connection.ready().await.map_err(|error| ClientError::of_connection(&error))?;
            let response =
                connection.send_request(request).await.map_err(|error| ClientError::of_connection(&error))?;
            read(response).await
        };
        let timed_out = |_| Err(ClientError::TimedOut { seconds: self.patience.as_secs() });
        let reply = tokio::time::timeout(self.patience, exchange).await.unwrap_or_else(timed_out)?;
        self.kept = Some(connection);
        Ok(reply)
    }
}

impl Place {
    fn parse(api_url: &str) -> Result<Self, ClientError> {
        let uri: Uri = api_url.parse().map_err(|_| ClientError::ApiUrl)?;
        let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (Some("https"), Some(authority), true) = (uri.scheme_str(), authority, bare) else {
            return Err(ClientError::ApiUrl);
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let header = HeaderValue::from_str(authority.as_str()).map_err(|_| ClientError::ApiUrl)?;
        let server_name = ServerName::try_from(host.clone()).map_err(|_| ClientError::ApiUrl)?;
        let port = authority.port_u16().unwrap_or(443);
        Ok(Self { host, port, authority: authority.to_string(), header, server_name })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(HeaderMap, Bytes)>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| ClientError::NotSendable("the path"))?;
        if let Some((headers, octets)) = body {
            *request.headers_mut() = headers;
            *request.body_mut() = Full::new(octets);
        }
        request.headers_mut().insert(HOST, self.header.clone());
        Ok(request)
    }
}

fn tls(files: &ClientFiles<'_>) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(FileRole::CaBundle, files.ca_bundle_pem)? {
        let unfit = |_| ClientError::Pem { role: FileRole::CaBundle, reason: "it holds what is no CA certificate" };
        roots.add(certificate).map_err(unfit)?;
    }
    let chain = certificates(FileRole::Certificate, files.certificate_pem)?;
    // What the parser says of a key could repeat a line of it.
    let key = PrivateKeyDer::from_pem_slice(files.key_pem.as_bytes())
        .map_err(|_| ClientError::Pem { role: FileRole::Key, reason: "it holds no unencrypted private key in PEM" })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|_| ClientError::Identity)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(role: FileRole, pem: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(ClientError::Pem { role, reason: "it holds no certificate in PEM" }),
        Err(_) => Err(ClientError::Pem { role, reason: "it is not PEM" }),
    }
}

async fn connect(tls: &Arc<ClientConfig>, place: &Place) -> Result<SendRequest<Full<Bytes>>, ClientError> {
    let unreachable = |source| ClientError::Unreachable { authority: place.authority.clone(), source };
    let connecting = async {
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let tls = TlsConnector::from(Arc::clone(tls)).connect(place.server_name.clone(), stream).await;
        let tls = tls.map_err(|error| ClientError::of_connection(&error))?;
        let handshake = http1::handshake(TokioIo::new(tls)).await;
        let (sender, connection) = handshake.map_err(|error| ClientError::of_connection(&error))?;
        // It ends with the sender. Its errors reach whoever waits for an answer.
        tokio::spawn(connection);
        Ok(sender)
    };
    let timed_out = |_| Err(unreachable(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(CONNECT_WITHIN, connecting).await.unwrap_or_else(timed_out)
}

async fn read<B>(response: Response<B>) -> Result<Reply, ClientError>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let octets = match Limited::new(response.into_body(), ANSWER_OCTETS_MAX).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ClientError::AnswerTooLong(ANSWER_OCTETS_MAX)),
        Err(error) => return Err(ClientError::of_connection(&*error)),
    };
    let body = serde_json::from_slice(&octets).map_err(|_| ClientError::AnswerNotJson(status))?;
    Ok(Reply { status, location, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_of(body: impl Into<Bytes>) -> Result<Reply, ClientError> {
        read(Response::new(Full::new(body.into()))).await
    }

    #[tokio::test]
    async fn an_answer_is_json_of_limited_size() {
        assert_eq!(read_of("{}\n").await.map(|reply| reply.body).ok(), Some(serde_json::json!({})));
        assert!(matches!(read_of("<html>").await, Err(ClientError::AnswerNotJson(200))));
        let spaces = |count| vec![b' '; count];
        let longest = [spaces(ANSWER_OCTETS_MAX - 2), b"{}".to_vec()].concat();
        assert!(read_of(longest).await.is_ok());
        let longer = [spaces(ANSWER_OCTETS_MAX - 1), b"{}".to_vec()].concat();
        assert!(matches!(read_of(longer).await, Err(ClientError::AnswerTooLong(ANSWER_OCTETS_MAX))));
    }

    #[test]
    fn the_address_is_https_with_host_and_port_and_nothing_more() {
        for (url, host, port) in [
            ("https://127.0.0.1:8443", "127.0.0.1", 8443),
            ("https://ca.example/", "ca.example", 443),
            ("https://[::1]:8443", "::1", 8443),
        ] {
            let place = Place::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!((place.host.as_str(), place.port), (host, port));
        }
        let wrong =
            ["", "127.0.0.1:8443", "http://a:1", "https://", "https://u:p@a:1", "https://a/desk", "https://a?b"];
        for url in wrong {
            assert!(matches!(Place::parse(url), Err(ClientError::ApiUrl)), "{url}");
        }
    }
}
