//! Says how our decoder reads OCSP requests: for each file that is named, one line of JSON. ops/judges/ocsp_vectors.py compares
//! it with what others read.
use pki::ocsp::{CertId, OcspRequest, RequestWriter};

fn hex(octets: &[u8]) -> String {
    let digit = |bits: u8| char::from_digit(bits.into(), 16).expect("four bits are one digit");
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

fn cert_id(read: &CertId<'_>) -> String {
    let digest = read.digest.map_or("null".to_owned(), |digest| format!("\"{}\"", digest.oid()));
    format!(
        r#"{{"digest":{digest},"issuer_name_hash":"{}","issuer_key_hash":"{}","serial_octets":"{}"}}"#,
        hex(read.issuer_name_hash),
        hex(read.issuer_key_hash),
        hex(read.serial_octets)
    )
}

fn line(octets: &[u8]) -> String {
    let request = match OcspRequest::from_der(octets) {
        Ok(request) => request,
        Err(error) => return format!(r#"{{"error":"{error}"}}"#),
    };
    let nonce = request.nonce().map_or("null".to_owned(), |nonce| format!("\"{}\"", hex(nonce)));
    let cert_ids: Vec<_> = request.cert_ids().map(|read| cert_id(&read)).collect();
    let writer = request.cert_ids().fold(RequestWriter::new(), |writer, read| writer.cert_id(read.der));
    let written = match request.nonce() {
        Some(nonce) => writer.nonce(nonce).finish(),
        None => writer.finish(),
    };
    format!(r#"{{"cert_ids":[{}],"nonce":{nonce},"written":"{}"}}"#, cert_ids.join(","), hex(&written))
}

fn main() {
    for path in std::env::args().skip(1) {
        println!("{}", line(&std::fs::read(path).expect("the file can be read")));
    }
}
