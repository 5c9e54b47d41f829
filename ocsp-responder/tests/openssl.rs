//! OpenSSL judges: our answers verify, and say what we meant. Its command line must be installed (Debian: openssl).
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use ocsp_responder::{Answer, Responder, SignedAnswer};
use pki::algorithm::Digest;
use pki::identity::Ca;
use pki::ocsp::ErrorStatus;
use pki::time::UnixTime;
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
    command.arg("-resp_text").arg("-attime").arg(NOW.as_seconds().to_string()).args(["-validity_period", "2000000000"]);
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

#[test]
fn errors_are_read_by_their_names() {
    for (status, name) in [
        (ErrorStatus::MalformedRequest, "malformedrequest (1)"),
        (ErrorStatus::InternalError, "internalerror (2)"),
        (ErrorStatus::TryLater, "trylater (3)"),
        (ErrorStatus::SigRequired, "sigrequired (5)"),
        (ErrorStatus::Unauthorized, "unauthorized (6)"),
    ] {
        let said = verdict(&Answer::Refused(status), "-sha256", &[GOOD]);
        assert!(said.contains(&format!("Responder Error: {name}")), "{name}: {said}");
    }
}

#[test]
fn an_archive_cutoff_is_read_as_the_instant_that_it_is() {
    const YEARS_TEN: u32 = 3_653 * 86_400;
    for (retention, settings) in [(0, settings()), (YEARS_TEN, settings().with_archive_retention_seconds(YEARS_TEN))] {
        let issuers = issuers();
        issuers.replace_signer(Box::new(TestSigner::new(issuer(Ca::Sign, 1)))).unwrap();
        let answer = Responder::new(issuers, index(), settings).answer(Ca::Sign, &request(&[GOOD]), NOW);
        let said = verdict(&answer, "-sha256", &[GOOD]);
        assert!(said.contains("Response verify OK"), "{said}");
        // As OpenSSL prints it: `Archive Cutoff:` and the time on the next line.
        let cutoff = said.split("Archive Cutoff:").nth(1).and_then(|rest| rest.lines().nth(1)).map(str::trim);
        let instant = NOW.plus_seconds(-i64::from(retention));
        assert_eq!(cutoff.map(ToOwned::to_owned), (retention > 0).then(|| as_openssl_prints(instant)), "{said}");
    }
}

/// `Nov 18 11:06:40 2016 GMT`, from `Fri, 18 Nov 2016 11:06:40 GMT`.
fn as_openssl_prints(instant: UnixTime) -> String {
    let text = instant.http_date();
    let words: Vec<&str> = text.split(' ').collect();
    let day = words[1].trim_start_matches('0');
    format!("{} {day:>2} {} {} GMT", words[2], words[4], words[3])
}
