//! Revocations as fast as the register's door takes them, while fifty clients ask OCSP without pause: nobody who asks after an
//! acknowledgement is told good. The real binary, over the network, by the real doors.
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use akashi::client::http::{Client, ClientFiles, Streamed};
use der07::Decode;
use pki::algorithm::{Digest, PublicKey};
use pki::identity::Serial;
use pki::ocsp::{RequestWriter, write_cert_id};
use serde_json::{Value, json};
use support::{Akashi, CardKey, Party, Resident};
use x509_cert::der::{DecodePem, Encode};
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus};

const CERTIFICATES: usize = 96;
const CLIENTS: usize = 50;
/// Rows of one call: small enough that acknowledgements come all the time.
const ROWS_PER_CALL: usize = 8;

/// A signature certificate, and whether the register was told that it is revoked.
struct Asked {
    request: Vec<u8>,
    is_acknowledged: AtomicBool,
}

fn resident_code(number: usize) -> String {
    format!("2{number:010}")
}

/// A client of that party, over mutual TLS.
fn client_of(party: &Party) -> Client {
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let (certificate, key) = party.identity.as_ref().unwrap();
    let (bundle, certificate, key) = (read(&party.trusts), read(certificate), read(key));
    let files =
        ClientFiles { api_url: &party.api_url, ca_bundle_pem: &bundle, certificate_pem: &certificate, key_pem: &key };
    Client::new(&files).expect("the files are good")
}

fn blocking() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One signature certificate for each of so many people; their serials.
fn issue(desk: &Party) -> Vec<u64> {
    let mut client = client_of(desk);
    let runtime = blocking();
    let mut serials = Vec::new();
    for number in 0..CERTIFICATES {
        let key = CardKey::with(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        let mut body = Resident::MIKIYA.application("sign", &key);
        body["resident_code"] = json!(resident_code(number));
        let path = "/desk/v1/certificates";
        let reply = runtime.block_on(client.post(path, &format!("issue-{number}"), &body)).expect("an answer");
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        serials.push(reply.body["serial"].as_str().expect("a serial").parse().expect("decimal"));
    }
    serials
}

/// Requests about them, every other one with a nonce: one kind is answered from memory, the other is signed each time.
fn asked(akashi: &Akashi, serials: &[u64]) -> Vec<Asked> {
    let pem = std::fs::read(akashi.path("data/ca/sign-1.pem")).unwrap();
    let issuer = x509_cert::Certificate::from_pem(pem).unwrap();
    let issuer = issuer.tbs_certificate();
    let key = PublicKey::from_spki(&issuer.subject_public_key_info().to_der().unwrap()).unwrap();
    let name = issuer.subject().to_der().unwrap();
    let request = |(place, serial): (usize, &u64)| {
        let cert_id = write_cert_id(Digest::Sha256, &name, key.key_octets(), Serial::new(*serial).unwrap());
        let writer = RequestWriter::new().cert_id(&cert_id);
        let request = if place % 8 == 0 { writer.nonce(&[7; 32]).finish() } else { writer.finish() };
        Asked { request, is_acknowledged: AtomicBool::new(false) }
    };
    serials.iter().enumerate().map(request).collect()
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Good,
    Revoked,
    /// Too many ask for signatures at once.
    TryLater,
}

/// Asks on one connection that stays open.
struct OcspClient(TcpStream);

impl OcspClient {
    fn connect(akashi: &Akashi) -> Self {
        Self(TcpStream::connect(akashi.public_url().trim_start_matches("http://")).unwrap())
    }

    fn ask(&mut self, request: &[u8]) -> Told {
        let head = format!(
            "POST /ocsp/sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\nContent-Length: {}\r\n\r\n",
            request.len()
        );
        self.0.write_all(&[head.as_bytes(), request].concat()).unwrap();
        let (mut came, mut part) = (Vec::new(), [0; 4_096]);
        loop {
            let octets = self.0.read(&mut part).unwrap();
            assert_ne!(octets, 0, "the connection stays open");
            came.extend(&part[..octets]);
            let Some(end) = came.windows(4).position(|octets| octets == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(came[..end].to_ascii_lowercase()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if came.len() == end + 4 + length.parse::<usize>().unwrap() {
                return read(&came[end + 4..]);
            }
        }
    }
}

fn read(answer: &[u8]) -> Told {
    let response = OcspResponse::from_der(answer).unwrap();
    if response.response_status == OcspResponseStatus::TryLater {
        return Told::TryLater;
    }
    let basic = BasicOcspResponse::from_der(response.response_bytes.unwrap().response.as_bytes()).unwrap();
    match basic.tbs_response_data.responses[0].cert_status {
        CertStatus::Good(_) => Told::Good,
        CertStatus::Revoked(_) => Told::Revoked,
        CertStatus::Unknown(_) => panic!("it was issued"),
    }
}

/// All have moved: the register reports it in calls of a few rows, one after the other, and notes each answer as it comes.
fn report_moves(register: &Party, all: &[Asked]) {
    let (mut client, runtime) = (client_of(register), blocking());
    for (number, rows) in all.chunks(ROWS_PER_CALL).enumerate() {
        let first = number * ROWS_PER_CALL;
        let row = |place: usize| {
            let code = resident_code(first + place);
            format!(
                "{}\n",
                json!({ "row": place + 1, "resident_code": code, "change": "moved", "effective_on": "2026-11-20" })
            )
        };
        let lines: String = (0..rows.len()).map(row).collect();
        let note = &mut |answer: Value| {
            if let Some(row) = answer["row"].as_u64() {
                assert_eq!((&answer["status"], &answer["durable"]), (&json!(200), &json!(true)), "{answer}");
                assert_eq!(answer["certificates"][0]["status"], "revoked", "{answer}");
                rows[usize::try_from(row).unwrap() - 1].is_acknowledged.store(true, SeqCst);
            }
        };
        let path = format!("/residents/v1/batches/storm-{number}");
        let streamed = runtime.block_on(client.post_lines(&path, lines.into(), note)).expect("an answer to its end");
        assert!(matches!(streamed, Streamed::Whole));
    }
}

#[test]
fn nobody_who_asks_after_an_acknowledgement_is_told_good() {
    let mut akashi = Akashi::init_with(|config| {
        config.replace("algorithm = \"rsa-2048-sha256\"", "algorithm = \"ecdsa-p256-sha256\"")
    });
    akashi.start();
    let serials = issue(&akashi.desk("13221", "003A"));
    let (all, register) = (asked(&akashi, &serials), akashi.register("residents"));
    // Asked once while all are good, so that there is something kept that could be told too long.
    let begun = Barrier::new(CLIENTS + 1);
    let (good_before, revoked_before_the_end) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (akashi, all, begun) = (&akashi, &all, &begun);
            let (good_before, revoked_before_the_end) = (&good_before, &revoked_before_the_end);
            scope.spawn(move || {
                let mut client = OcspClient::connect(akashi);
                let mine = all.iter().skip(number % 4).step_by(4);
                good_before.fetch_add(mine.filter(|one| client.ask(&one.request) == Told::Good).count(), SeqCst);
                begun.wait();
                let is_over = || all.iter().all(|one| one.is_acknowledged.load(SeqCst));
                let mut last_round = false;
                // Each begins elsewhere, and goes round until a round began after the last acknowledgement.
                while !last_round {
                    last_round = is_over();
                    for one in all.iter().cycle().skip(number * 7 % all.len()).take(all.len()) {
                        let was_acknowledged = one.is_acknowledged.load(SeqCst);
                        let told = client.ask(&one.request);
                        assert!(!was_acknowledged || told != Told::Good, "good after the acknowledgement");
                        if told == Told::Revoked && !last_round {
                            revoked_before_the_end.fetch_add(1, SeqCst);
                        }
                    }
                }
            });
        }
        begun.wait();
        report_moves(&register, &all);
    });
    assert!(good_before.into_inner() > CERTIFICATES, "they were good");
    assert!(revoked_before_the_end.into_inner() > 0, "they were asked about meanwhile");
    let mut client = OcspClient::connect(&akashi);
    assert!(all.iter().all(|one| client.ask(&one.request) == Told::Revoked));
    akashi.audit();
}
