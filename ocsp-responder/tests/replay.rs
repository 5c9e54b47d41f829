//! An old version and a new one answer alike (I20): requests with the answers that an earlier version gave, octet for octet,
//! asked again. Names, keys, times and the index's state are fixed; the signature is one octet repeated, for what is signed
//! is what is compared.
//!
//! A change of answers that is meant is a change of the recorded file, to be looked at line by line. To add a request, add
//! its line to the file alone: the test then fails, and prints the whole file as it would be now.
mod support;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use ocsp_responder::{
    Clocks, Issuers, OcspDoor, OcspMetrics, OcspService, OcspSigner, Responder, SignFailure, SignedResponseData,
    SigningLimits,
};
use pki::algorithm::{Algorithm, PublicKey};
use pki::der::{DerWriter, Tag};
use pki::identity::{Ca, IssuerKey};
use pki::ocsp::ResponseData;
use pki::oid;
use pki::time::UnixTime;
use prometheus::Registry;
use support::*;

const RECORDED: &str = include_str!("recorded/answers.txt");

/// Points of P-256: the generator, the public key of RFC 6979 A.2.5, twice the generator.
const POINTS: [&str; 3] = [
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
     4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
     7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    "047cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978\
     07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1",
];

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |octet: u8| u8::try_from(char::from(octet).to_digit(16).expect("hexadecimal")).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

fn key(point: usize) -> PublicKey {
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.sequence(|w| {
            w.oid(oid::EC_PUBLIC_KEY);
            w.oid(oid::P256);
        });
        w.bit_string(&from_hex(POINTS[point]));
    });
    PublicKey::from_spki(writer.as_slice()).unwrap()
}

/// Signs nothing, always alike.
struct FixedDelegate(IssuerKey, Vec<u8>);

impl OcspSigner for FixedDelegate {
    fn issuer(&self) -> IssuerKey {
        self.0
    }
    fn algorithm(&self) -> Algorithm {
        Algorithm::EcdsaP256Sha256
    }
    fn certificate_der(&self) -> &[u8] {
        &self.1
    }
    fn key_hash(&self) -> [u8; 20] {
        key(2).key_identifier()
    }
    fn not_after(&self) -> UnixTime {
        NOW.plus_seconds(86_400 * 30)
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        Ok(SignedResponseData::new(data, vec![0x5a; 72]))
    }
}

fn door() -> OcspDoor {
    let issuers = Issuers::new();
    for (of, point) in [(issuer(Ca::Sign, 1), 0), (issuer(Ca::Sign, 2), 1), (issuer(Ca::Auth, 1), 0)] {
        issuers.add(of, &name(of.ca).to_der(), &key(point));
        // Relying parties get it as it is; nothing here looks into it.
        let mut certificate = DerWriter::new();
        certificate.sequence(|w| w.primitive(Tag::OCTET_STRING, b"the delegate's certificate"));
        issuers.replace_signer(Box::new(FixedDelegate(of, certificate.finish()))).unwrap();
    }
    let responder = Responder::new(Arc::new(issuers), index(), settings());
    let metrics = OcspMetrics::register(&Registry::new(), &responder).unwrap();
    let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(|| Duration::ZERO) };
    let limits = SigningLimits { concurrent: 2, waiting: 8, patience: Duration::from_mins(1) };
    OcspDoor::new(Arc::new(OcspService::new(responder, clocks, limits, metrics)))
}

/// A line `METHOD path [octets of the body]` after its title; the answer as lines.
async fn asked(door: &OcspDoor, line: &str) -> String {
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap().parse::<Method>().unwrap(), words.next().unwrap());
    let mut request = Request::builder().method(&method).uri(path);
    if method == Method::POST {
        request = request.header(header::CONTENT_TYPE, "application/ocsp-request");
    }
    let request = request.body(Body::from(from_hex(words.next().unwrap_or_default()))).unwrap();
    let (parts, body) = door.serve(request).await.into_parts();
    let mut answer = format!("{}\n", parts.status.as_u16());
    let mut headers: Vec<_> = parts.headers.iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        writeln!(answer, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let body = body.collect().await.unwrap().to_bytes();
    writeln!(answer, "{}", to_hex(&body)).unwrap();
    answer
}

#[tokio::test]
async fn requests_that_an_earlier_version_answered_are_answered_alike() {
    let door = door();
    let (heading, exchanges) = RECORDED.split_once("\n\n").expect("a heading, and exchanges after it");
    let mut now = format!("{heading}\n");
    for exchange in exchanges.split("\n\n").map(str::trim).filter(|exchange| !exchange.is_empty()) {
        let mut lines = exchange.lines();
        let (title, line) = (lines.next().unwrap(), lines.next().expect("a title and a request"));
        write!(now, "\n{title}\n{line}\n{}", asked(&door, line).await).unwrap();
    }
    if now != RECORDED {
        println!("{now}");
        let first = RECORDED.split("\n\n").zip(now.split("\n\n")).find(|(then, now)| then.trim() != now.trim());
        panic!("answered unlike before: {first:#?}");
    }
    assert!(exchanges.split("\n\n").count() >= 30);
}
