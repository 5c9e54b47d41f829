//! OpenSSL judges: our answers verify, and say what we meant. Its command line must be installed (Debian: openssl).
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use ocsp_responder::{Answer, SignedAnswer};
use pki::algorithm::Digest;
use pki::identity::Ca;
use support::*;

/// What `openssl ocsp` says of an answer about these serials, on both its outputs.
fn verdict(answer: &Answer, digest: &str, numbers: &[u64]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let of = issuer(Ca::Sign, 1);
    let ca = certificate(of, 1, &name(of.ca), &ca_key(of).public_key());
    let (ca_path, answer_path) = (folder.path().join("ca.pem"), folder.path().join("answer.der"));
    std::fs::write(&ca_path, pem(&ca)).unwrap();
    std::fs::write(&answer_path, answer.der()).unwrap();
    openssl(&ca_path, &answer_path, digest, numbers)
}

fn openssl(ca: &Path, answer: &Path, digest: &str, numbers: &[u64]) -> String {
    let mut command = Command::new("openssl");
    command.args(["ocsp", "-respin"]).arg(answer).arg("-CAfile").arg(ca).arg("-issuer").arg(ca);
    // Chains are judged as of the test's own time; answers by the real clock, so these are given sixty years' slack.
    command.arg("-attime").arg(NOW.as_seconds().to_string()).args(["-validity_period", "2000000000"]);
    for number in numbers {
        command.args([digest, "-serial", &number.to_string()]);
    }
    let output = command.output().expect("openssl is installed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[test]
fn answers_verify_and_say_good_held_revoked_and_unknown() {
    let responder = responder();
    let numbers = [GOOD, HELD, REVOKED, UNISSUED];
    for (digest, flag) in [(Digest::Sha1, "-sha1"), (Digest::Sha256, "-sha256"), (Digest::Sha512, "-sha512")] {
        let answer = responder.answer(Ca::Sign, &request_by(digest, &numbers), NOW);
        let said = verdict(&answer, flag, &numbers);
        assert!(said.contains("Response verify OK"), "{said}");
        for line in [
            "10: good",
            "11: revoked",
            "Reason: certificateHold",
            "12: revoked",
            "Reason: affiliationChanged",
            "13: unknown",
        ] {
            assert!(said.contains(line), "{line} is missing: {said}");
        }
    }
}

#[test]
fn an_answer_altered_in_one_octet_does_not_verify() {
    let Answer::Signed(signed) = responder().answer(Ca::Sign, &request(&[GOOD]), NOW) else { panic!("not signed") };
    let said = verdict(&Answer::Signed(Arc::clone(&signed)), "-sha256", &[GOOD]);
    assert!(said.contains("Response verify OK"), "{said}");
    let produced_at = NOW.generalized_text();
    let at = signed.der.windows(15).position(|octets| octets == produced_at.as_bytes()).expect("producedAt is there");
    let mut der = signed.der.to_vec();
    der[at + 13] ^= 1; // the last digit of the seconds
    let mut altered = SignedAnswer::clone(&signed);
    altered.der = der.into();
    let said = verdict(&Answer::Signed(Arc::new(altered)), "-sha256", &[GOOD]);
    assert!(!said.contains("Response verify OK") && said.contains("Response Verify Failure"), "{said}");
}
