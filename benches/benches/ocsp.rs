//! The hot path of an OCSP answer, part by part and whole, in memory.
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use benches::{BenchSigner, ISSUER, NOW, index, is_revoked, request, responder, responder_with, scattered, serial};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use der07::{Decode, Encode};
use ocsp_responder::{
    Answer, Clocks, Method, OcspDoor, OcspMetrics, OcspService, OcspSettings, OcspSigner, Responder, SigningLimits,
};
use pki::algorithm::{Algorithm, Digest};
use pki::identity::Ca;
use pki::ocsp::{BasicResponse, OcspRequest, ResponseContents, ResponseData, SingleResponse};
use pki::revocation::{CertificateStatus, Withdrawal};
use prometheus::Registry;
use status::{Change, StatusIndex};

const CERTIFICATES: u64 = 1_000_000;
const ALGORITHMS: [Algorithm; 2] = [Algorithm::EcdsaP256Sha256, Algorithm::Rsa2048Sha256];

/// POST bodies, read by us and by two foreign decoders.
fn decode(criterion: &mut Criterion) {
    let (_, ca_key) = responder(index(1), BenchSigner::new(Algorithm::EcdsaP256Sha256));
    let hundred: Vec<u64> = (1..=100).collect();
    for (shape, der) in [
        ("1 SHA-1 CertID", request(&ca_key, Digest::Sha1, &[123_456], false)),
        ("1 SHA-256 CertID", request(&ca_key, Digest::Sha256, &[123_456], false)),
        ("1 SHA-256 CertID and a nonce", request(&ca_key, Digest::Sha256, &[123_456], true)),
        ("100 SHA-256 CertIDs", request(&ca_key, Digest::Sha256, &hundred, false)),
    ] {
        let mut group = criterion.benchmark_group(format!("decode a request of {shape}"));
        group.throughput(Throughput::Bytes(der.len() as u64));
        group.bench_function("pki::ocsp", |bencher| {
            bencher.iter(|| {
                let request = OcspRequest::from_der(black_box(&der)).expect("well-formed");
                request.cert_ids().filter_map(|cert_id| cert_id.serial()).last()
            });
        });
        group.bench_function("x509-ocsp 0.2", |bencher| {
            bencher.iter(|| x509_ocsp::OcspRequest::from_der(black_box(&der)).expect("well-formed"));
        });
        // The `ocsp` crate refuses SHA-256.
        if ocsp::request::OcspRequest::parse(&der).is_ok() {
            group.bench_function("ocsp 0.4", |bencher| {
                bencher.iter(|| ocsp::request::OcspRequest::parse(black_box(&der)).expect("well-formed"));
            });
        }
        group.finish();
    }
}

/// tbsResponseData from its contents, and the whole response from stored parts.
fn encode(criterion: &mut Criterion) {
    let signer = BenchSigner::new(Algorithm::Rsa2048Sha256);
    let (_, ca_key) = responder(index(1), BenchSigner::new(Algorithm::EcdsaP256Sha256));
    let request = request(&ca_key, Digest::Sha256, &[123_456], false);
    let cert_id_der = OcspRequest::from_der(&request).expect("well-formed").cert_ids().next().expect("one").der;
    let next_update = NOW.plus_seconds(28_800);
    let status = CertificateStatus::Good;
    let single = SingleResponse { cert_id_der, status, this_update: NOW, next_update, archive_cutoff: None };
    let contents =
        ResponseContents { responder_key_hash: signer.key_hash(), produced_at: NOW, responses: &[single], nonce: None };
    let mut group = criterion.benchmark_group("encode an answer about 1 certificate");
    group.bench_function("to-be-signed data", |bencher| bencher.iter(|| ResponseData::encode(black_box(&contents))));
    let data = ResponseData::encode(&contents).expect("times in order");
    // The `ocsp` crate has no CertIDs by SHA-256.
    let theirs = x509_ocsp::ResponseData::from_der(data.as_der()).expect("well-formed");
    assert_eq!(theirs.to_der().expect("it was decoded"), data.as_der());
    group.bench_function("to-be-signed data, x509-ocsp 0.2", |bencher| bencher.iter(|| black_box(&theirs).to_der()));
    let signed = signer.sign(data).expect("a key in memory signs");
    group.bench_function("whole, from stored parts, RSA-2048", |bencher| {
        let (algorithm, certificate) = (signer.algorithm(), signer.certificate_der());
        bencher.iter(|| BasicResponse::assemble(black_box(signed.data()), algorithm, signed.signature(), certificate));
    });
    group.finish();
}

/// Octets to octets, beside the signature alone: what is left between the two is ours.
fn whole_path(criterion: &mut Criterion) {
    let index = index(CERTIFICATES);
    for algorithm in ALGORITHMS {
        let (responder, ca_key) = responder(Arc::clone(&index), BenchSigner::new(algorithm));
        let one = request(&ca_key, Digest::Sha256, &[123_457], true);
        let ten = request(&ca_key, Digest::Sha256, &scattered(CERTIFICATES).take(10).collect::<Vec<_>>(), true);
        let mut group = criterion.benchmark_group(format!("answer from 1 million certificates, {}", algorithm.word()));
        for (what, request) in [("1 CertID and a nonce", &one), ("10 CertIDs and a nonce", &ten)] {
            group.bench_function(what, |bencher| {
                bencher.iter(|| {
                    let answer = responder.answer(Ca::Sign, black_box(request), NOW);
                    assert!(matches!(answer, Answer::Signed(_)), "signed");
                    answer
                });
            });
        }
        group.bench_function("all but the signature, 1 CertID and a nonce", |bencher| {
            bencher.iter(|| responder.decide(Ca::Sign, black_box(&one), NOW).map(|_| ()));
        });
        let signer = BenchSigner::new(algorithm);
        let data = response_data(&one, &signer);
        group.bench_function("the signature alone", |bencher| {
            bencher.iter_batched(|| data.clone(), |data| signer.sign(data).is_ok(), BatchSize::SmallInput);
        });
        let unissued = request(&ca_key, Digest::Sha256, &[CERTIFICATES + 1], false);
        group.bench_function("never issued, asked alone", |bencher| {
            bencher.iter(|| responder.answer(Ca::Sign, black_box(&unissued), NOW));
        });
        group.finish();
    }
}

/// Octets to an answer that is kept: request read, look-up among 100,000, compared with the index.
fn kept_path(criterion: &mut Criterion) {
    let (responder, requests) = hot_set(&index(CERTIFICATES));
    let mut group = criterion.benchmark_group("a kept answer among 100,000");
    group.throughput(Throughput::Elements(1));
    let mut asked = requests.iter().cycle();
    group.bench_function("found", |bencher| {
        bencher.iter(|| {
            let answer = responder.answer(Ca::Sign, black_box(asked.next().expect("the list goes round")), NOW);
            assert!(matches!(answer, Answer::Signed(_)), "signed");
            answer
        });
    });
    // As listeners ask: by the service, with its limits and metrics.
    let metrics = OcspMetrics::register(&Registry::new(), &responder).expect("a new registry");
    let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(akashi::clock::monotonic()) };
    let limits = SigningLimits { concurrent: 1, waiting: 1_024, patience: Duration::from_secs(2) };
    let door = OcspDoor::new(Arc::new(OcspService::new(responder, clocks, limits, metrics)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let paths: Vec<_> =
        requests.iter().map(|request| format!("/ocsp/{}/{}", Ca::Sign.word(), STANDARD.encode(request))).collect();
    let mut asked = paths.iter().cycle();
    group.bench_function("found, at the door, by GET", |bencher| {
        bencher.iter(|| {
            let path = black_box(asked.next().expect("the list goes round"));
            runtime.block_on(door.answer(Method::Get, path, &[])).expect("a path of OCSP")
        });
    });
    let mut asked = requests.iter().cycle();
    group.bench_function("found, at the door, by POST", |bencher| {
        bencher.iter(|| {
            let request = black_box(asked.next().expect("the list goes round"));
            runtime.block_on(door.answer(Method::Post, "/ocsp/sign", request)).expect("a path of OCSP")
        });
    });
    group.finish();
}

/// A hold and its end for each question: what changes cost those whose kept answers they do not concern.
fn invalidation(criterion: &mut Criterion) {
    let index = index(CERTIFICATES);
    let (responder, requests) = hot_set(&index);
    let mut group = criterion.benchmark_group("while certificates are held and released as fast as they can be");
    group.throughput(Throughput::Elements(1));
    let (mut asked, mut position) = (requests.iter().cycle(), index.position());
    let mut changed = scattered(CERTIFICATES).filter(|number| !is_revoked(*number));
    group.bench_function("one change of each kind and a question", |bencher| {
        bencher.iter(|| {
            let (ca, serial) = (ISSUER.ca, serial(changed.next().expect("numbers do not end")));
            let held = Change::Withdrawn { ca, serial, withdrawal: Withdrawal::Held { since: NOW } };
            for change in [held, Change::Released { ca, serial }] {
                position += 1;
                index.apply(position, &[change]).expect("a right log");
            }
            responder.answer(Ca::Sign, black_box(asked.next().expect("the list goes round")), NOW)
        });
    });
    group.finish();
}

/// Criterion does everything once, and measures nothing.
fn is_smoke() -> bool {
    let is = |word: &str| std::env::args().any(|argument| argument == word);
    is("--test") || !is("--bench")
}

/// A responder that has answered each of these requests.
fn hot_set(index: &Arc<StatusIndex>) -> (Responder, Vec<Vec<u8>>) {
    let settings = OcspSettings::new(300, 28_800).expect("the defaults are within bounds");
    let signer = BenchSigner::new(Algorithm::EcdsaP256Sha256);
    let (responder, ca_key) = responder_with(Arc::clone(index), signer, settings);
    let requests: Vec<_> = scattered(CERTIFICATES)
        .take(if is_smoke() { 100 } else { 100_000 })
        .map(|number| request(&ca_key, Digest::Sha256, &[number], false))
        .collect();
    for request in &requests {
        assert!(matches!(responder.answer(Ca::Sign, request, NOW), Answer::Signed(_)), "signed");
    }
    (responder, requests)
}

fn response_data(request: &[u8], signer: &BenchSigner) -> ResponseData {
    let request = OcspRequest::from_der(request).expect("well-formed");
    let cert_id_der = request.cert_ids().next().expect("one").der;
    let (status, next_update) = (CertificateStatus::Good, NOW.plus_seconds(28_800));
    let responses = &[SingleResponse { cert_id_der, status, this_update: NOW, next_update, archive_cutoff: None }];
    let contents =
        ResponseContents { responder_key_hash: signer.key_hash(), produced_at: NOW, responses, nonce: request.nonce() };
    ResponseData::encode(&contents).expect("times in order")
}

criterion_group!(ocsp_benches, decode, encode, whole_path, kept_path, invalidation);
criterion_main!(ocsp_benches);
