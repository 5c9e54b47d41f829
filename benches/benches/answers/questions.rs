//! Who is asked about, and the octets of each request.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use benches::{request, scattered};
use pki::algorithm::{Digest, PublicKey};

/// Certificates in the server's index; one in eight is revoked.
pub(crate) const CERTIFICATES: u64 = 1_000_000;

/// One certificate, asked about in every way.
pub(crate) struct Question {
    /// Its serial's number.
    pub(crate) number: u64,
    /// GET with the base64 of the request in the path.
    pub(crate) get: Vec<u8>,
    /// POST.
    pub(crate) post: Vec<u8>,
    /// GET, for the file that holds the answer.
    pub(crate) get_file: Vec<u8>,
    /// POST, for the file that holds the answer.
    pub(crate) post_file: Vec<u8>,
    /// POST with a nonce.
    pub(crate) nonce: Vec<u8>,
    /// The file.
    pub(crate) file: String,
}

/// So many, scattered over all certificates; one in four by SHA-1.
pub(crate) fn questions(ca_key: &PublicKey, count: usize) -> Vec<Question> {
    let digests = [Digest::Sha256, Digest::Sha256, Digest::Sha256, Digest::Sha1];
    let numbers = scattered(CERTIFICATES).take(count).zip(digests.into_iter().cycle());
    numbers.map(|(number, digest)| question(ca_key, number, digest)).collect()
}

fn question(ca_key: &PublicKey, number: u64, digest: Digest) -> Question {
    let der = request(ca_key, digest, &[number], false);
    let text = STANDARD.encode(&der);
    let file = text.replace('/', "_").replace('+', "-");
    Question {
        number,
        get: get(&text),
        post: post("/ocsp/sign", &der),
        get_file: get(&file),
        post_file: post(&format!("/ocsp/sign/{file}"), &der),
        nonce: post("/ocsp/sign", &request(ca_key, digest, &[number], true)),
        file,
    }
}

/// What real clients send beside the question.
const HEADERS: &str = "Host: ocsp.example\r\nUser-Agent: bench/1\r\nAccept: */*\r\n";

fn get(text: &str) -> Vec<u8> {
    format!("GET /ocsp/sign/{text} HTTP/1.1\r\n{HEADERS}\r\n").into_bytes()
}

pub(crate) fn post(path: &str, der: &[u8]) -> Vec<u8> {
    let octets = der.len();
    let kind = "Content-Type: application/ocsp-request";
    let head = format!("POST {path} HTTP/1.1\r\n{HEADERS}{kind}\r\nContent-Length: {octets}\r\n\r\n");
    [head.as_bytes(), der].concat()
}
