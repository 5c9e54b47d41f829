//! What load tests of OCSP stand on: a synthetic snapshot, and a responder over a snapshot alone.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, Withdrawal};
use status::StatusIndex;
use status::snapshot::Snapshot;

const AKASHI: &str = env!("CARGO_BIN_EXE_akashi");
const CERTIFICATES: u64 = 300_001;
const REVOKED_PERCENT: u64 = 12;

fn synth(folder: &Path, out: &str) -> Output {
    let (certificates, revoked) = (CERTIFICATES.to_string(), REVOKED_PERCENT.to_string());
    let mut command = Command::new(AKASHI);
    command.current_dir(folder).args(["load", "synth", "--certificates", &certificates, "--revoked", &revoked]);
    command.args(["--out", out]).output().unwrap()
}

fn made(folder: &Path, out: &str) -> Vec<u8> {
    let output = synth(folder, out);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join(out)).unwrap()
}

fn load(octets: &[u8]) -> StatusIndex {
    Snapshot::open(octets).and_then(Snapshot::load).unwrap()
}

const fn issuer(ca: Ca) -> IssuerKey {
    IssuerKey { ca, key: KeyNumber::FIRST }
}

#[test]
fn a_synthetic_snapshot_has_as_many_certificates_as_were_asked_for_and_is_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let octets = made(folder.path(), "one");
    assert!(made(folder.path(), "two") == octets, "the same numbers give the same file");
    let index = load(&octets);
    let counts = Ca::ALL.map(|ca| index.counts(ca));
    let of = |ca: Ca| counts[ca.index()].good + counts[ca.index()].held + counts[ca.index()].revoked;
    assert_eq!((of(Ca::Sign), of(Ca::Auth)), (CERTIFICATES.div_ceil(2), CERTIFICATES / 2));
    let (held, revoked): (u64, u64) = counts.iter().fold((0, 0), |sum, of| (sum.0 + of.held, sum.1 + of.revoked));
    let share = (held + revoked) * 1_000 / CERTIFICATES;
    assert!((REVOKED_PERCENT * 10).abs_diff(share) < 5, "{share} of a thousand");
    assert!(held > 0 && held < revoked / 30, "{held} held, {revoked} revoked");
    let last = Serial::new(CERTIFICATES.div_ceil(2)).unwrap();
    assert_ne!(index.status(issuer(Ca::Sign), last), CertificateStatus::NotIssued);
    assert_eq!(index.status(issuer(Ca::Sign), last.next().unwrap()), CertificateStatus::NotIssued);
    // Nothing that is there is written over.
    let refused = synth(folder.path(), "one");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("one exists: choose another --out"), "{said}");
}

/// Ended with the test.
struct Responder(Child);

impl Drop for Responder {
    fn drop(&mut self) {
        // It may have ended by itself; a test that failed says so.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_responder_over_a_snapshot_alone_answers_what_the_snapshot_says() {
    let folder = tempfile::tempdir().unwrap();
    let index = load(&made(folder.path(), "snapshot"));
    let mut command = Command::new(AKASHI);
    command.current_dir(folder.path()).args(["load", "ocsp", "--snapshot", "snapshot", "--listen", "127.0.0.1:0"]);
    command.args(["--algorithm", "ecdsa-p256-sha256"]).stdout(Stdio::piped());
    let mut responder = Responder(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(responder.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.strip_prefix("ready ocsp=").and_then(|rest| rest.split_once(' ')).expect("it is ready").0;
    for ca in [Ca::Sign, Ca::Auth] {
        let (url, certificate) = (format!("{url}{ca}"), format!("load-issuers/{ca}-1.pem"));
        for number in 70_000..70_020 {
            let told = Command::new("openssl")
                .current_dir(folder.path())
                .args(["ocsp", "-issuer", &certificate, "-CAfile", &certificate, "-url", &url, "-serial"])
                .arg(number.to_string())
                .output()
                .unwrap();
            let verified = String::from_utf8_lossy(&told.stderr);
            assert!(verified.contains("Response verify OK"), "{verified}");
            let expected = match index.status(issuer(ca), Serial::new(number).unwrap()) {
                CertificateStatus::NotIssued => panic!("{number} is issued"),
                CertificateStatus::Good => "good",
                CertificateStatus::Withdrawn(Withdrawal::Held { .. } | Withdrawal::Revoked { .. }) => "revoked",
            };
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            assert!(told.contains(&format!("{number}: {expected}")), "{told}");
        }
    }
}
