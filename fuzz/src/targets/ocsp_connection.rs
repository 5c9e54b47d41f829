//! A whole connection to the public listener. The first octet says in pieces of how many octets the rest arrives; 0: whole.
//!
//! Whatever comes, each answer is an OCSP error, an HTTP 4xx, or a true answer; and the connection ends.
use akashi::listen::{Limits, Served, serve_one};
use axum::Router;
use der07::Decode;
use pki::algorithm::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::sync::watch;
use x509_ocsp::{BasicOcspResponse, OcspResponse};

use super::ocsp_path::{RUNTIME, base64};
use super::ocsp_request;
use crate::Outcome;
use crate::scene::DOOR;
use crate::truth;

/// The kernel's buffers for a connection hold as much.
const WHOLE: usize = 64 * 1_024;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let Some((&piece, sent)) = octets.split_first() else { return Outcome::Refused };
    let piece = if piece == 0 { WHOLE } else { usize::from(piece) };
    let answered = RUNTIME.block_on(exchange(sent, piece));
    let mut rest = &answered[..];
    let mut outcome = Outcome::Refused;
    while !rest.is_empty() {
        let (answer, after) = next_answer(rest);
        if judge(&answer) == Outcome::Taken {
            outcome = Outcome::Taken;
        }
        rest = after;
    }
    outcome
}

/// All that the listener answers to it.
async fn exchange(sent: &[u8], piece: usize) -> Vec<u8> {
    let (client, server) = duplex(piece);
    let (mut from, mut to) = split(client);
    let served = Served { ocsp: Some(std::sync::Arc::clone(&DOOR)), routes: Router::new() };
    let (_go_on, stop) = watch::channel(false);
    let client = async {
        let mut answered = Vec::new();
        let send = async {
            // The listener may have ended the connection; what it answered still counts.
            let _ = to.write_all(sent).await;
            let _ = to.shutdown().await;
        };
        let (read, ()) = tokio::join!(from.read_to_end(&mut answered), send);
        read.expect("a pipe breaks off with an end");
        answered
    };
    let (answered, ()) = tokio::join!(client, serve_one(server, served, Limits::with_connections(1), stop));
    answered
}

struct HttpAnswer<'a> {
    status: u16,
    is_ocsp: bool,
    body: &'a [u8],
}

/// The first answer, and what follows it.
fn next_answer(octets: &[u8]) -> (HttpAnswer<'_>, &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 24];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(octets).expect("an answer's head") else {
        panic!("an answer's head breaks off: {:?}", String::from_utf8_lossy(octets));
    };
    let value = |wanted: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(wanted));
        header.map(|header| std::str::from_utf8(header.value).expect("ASCII"))
    };
    assert_eq!(value("transfer-encoding"), None, "answers are of known length");
    let status = response.code.expect("complete");
    let length = value("content-length").map_or(0, |length| length.parse().expect("a number"));
    // The answer to HEAD has no body: the next one follows at once.
    let rest = &octets[head..];
    let length = if rest.is_empty() || rest.starts_with(b"HTTP/1.1 ") { 0 } else { length };
    let is_ocsp = value("content-type") == Some("application/ocsp-response");
    let (body, after) = rest.split_at(length);
    (HttpAnswer { status, is_ocsp, body }, after)
}

fn judge(answer: &HttpAnswer<'_>) -> Outcome {
    let HttpAnswer { status, is_ocsp, body } = *answer;
    match status {
        200 if is_ocsp && !body.is_empty() => truth::require(body, &request_of(body)),
        200 if is_ocsp => Outcome::Taken,
        100 | 304 => Outcome::Taken,
        400..500 => {
            assert!(!is_ocsp);
            Outcome::Refused
        }
        other => panic!("nobody earns {other}"),
    }
}

/// What must have been asked: the CertIDs and the nonce of the answer, as they stand in it.
fn request_of(answer: &[u8]) -> Vec<u8> {
    use der07::Encode;
    let Some(bytes) = OcspResponse::from_der(answer).expect("an OCSPResponse").response_bytes else {
        return Vec::new();
    };
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).expect("a BasicOCSPResponse");
    let mut writer = pki::ocsp::RequestWriter::new();
    for single in &basic.tbs_response_data.responses {
        writer = writer.cert_id(&single.cert_id.to_der().expect("it was read"));
    }
    if let Some(nonce) = basic.nonce() {
        writer = writer.nonce(nonce.0.as_bytes());
    }
    writer.finish()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let body = ocsp_request::request(Digest::Sha256, &[12]);
    let get = format!("GET /ocsp/sign/{} HTTP/1.1\r\nhost: a\r\n\r\n", base64(&body));
    let head = get.replacen("GET", "HEAD", 1);
    let mut post = b"POST /ocsp/sign HTTP/1.1\r\nhost: a\r\ncontent-type: application/ocsp-request\r\n".to_vec();
    post.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    post.extend(&body);
    let mut chunked =
        b"POST /ocsp/sign HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n".to_vec();
    chunked.extend(format!("content-type: application/ocsp-request\r\n\r\n{:x}\r\n", body.len()).bytes());
    chunked.extend(body.iter().chain(b"\r\n0\r\n\r\n"));
    let whole = |octets: &[u8]| [&[0], octets].concat();
    let conditional = get.replacen("host", "if-none-match: *\r\nhost", 1);
    vec![
        whole(get.as_bytes()),
        whole(&post),
        whole(&chunked),
        whole(head.as_bytes()),
        whole(conditional.as_bytes()),
        [&[17], &post[..], get.as_bytes(), &post].concat(),
    ]
}
