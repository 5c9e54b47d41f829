//! The path of a GET request, after its first slash: both ways in which it is answered say the same.
use std::sync::LazyLock;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use ocsp_responder::{Answer, Method, OcspDoor};
use pki::algorithm::Digest;
use tokio::runtime::{Builder, Runtime};

use super::ocsp_request;
use crate::Outcome;
use crate::scene::DOOR;

/// Of one thread, and one more that signs.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().max_blocking_threads(1).build().expect("a runtime"));

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(octets) else { return Outcome::Refused };
    let path = format!("/{text}");
    let Ok(request) = Request::get(&path).body(Empty::<Bytes>::new()) else { return Outcome::Refused };
    if !OcspDoor::is_at(request.uri().path()) {
        return Outcome::Refused;
    }
    // As hyper hands it on: a query is no part of it.
    let path = request.uri().path().to_owned();
    RUNTIME.block_on(async {
        let by_hand = DOOR.answer(Method::Get, &path, &[]).await;
        let response = DOOR.serve(request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("it is in memory").to_bytes();
        let Some((answer, _)) = by_hand else {
            assert!(head.status.is_client_error(), "{}", head.status);
            return Outcome::Refused;
        };
        assert_eq!(head.status, http::StatusCode::OK);
        assert_eq!(body, answer.der());
        for line in std::str::from_utf8(answer.headers()).expect("ASCII").lines() {
            let (name, value) = line.split_once(": ").expect("a header");
            assert_eq!(head.headers[name], value);
        }
        match answer {
            Answer::Signed(_) => Outcome::Taken,
            Answer::Refused(_) => Outcome::Refused,
        }
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let request = ocsp_request::request(Digest::Sha1, &[10]);
    let text = base64(&request);
    let escaped = text.replace('+', "%2b").replace('/', "%2F").replace('=', "%3D");
    let bare = text.trim_end_matches('=').to_owned();
    [text, escaped, bare].map(|text| format!("ocsp/sign/{text}").into_bytes()).to_vec()
}

/// Written out, so that what reads it is not what wrote it.
pub(crate) fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits = three.iter().chain(&[0; 3]).take(3).fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        for place in 0..4 {
            let sextet = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(sextet) } else { '=' });
        }
    }
    text
}
