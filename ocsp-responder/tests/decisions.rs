//! What is answered to whom, one rule a test. Answers are read by x509-ocsp, not by us.
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use der07::{Decode, Encode};
use ocsp_responder::{Answer, OcspSigner, Responder, SignFailure, SignedAnswer, Tally};
use pki::algorithm::{Algorithm, Digest, PublicKey};
use pki::der::DerWriter;
use pki::identity::Ca;
use pki::ocsp::{ErrorStatus, RequestWriter, write_cert_id};
use pki::oid::{self, Oid};
use pki::time::UnixTime;
use proptest::prelude::*;
use support::*;
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspGeneralizedTime, ResponderId};

fn signed(answer: Answer) -> (Arc<SignedAnswer>, BasicOcspResponse) {
    let Answer::Signed(signed) = answer else { panic!("not signed: {answer:?}") };
    let response = x509_ocsp::OcspResponse::from_der(&signed.der).unwrap();
    assert_eq!(response.response_status, x509_ocsp::OcspResponseStatus::Successful);
    let bytes = response.response_bytes.unwrap();
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes()).unwrap();
    assert_eq!(basic.to_der().unwrap(), bytes.response.as_bytes(), "the answer is DER to the octet");
    (signed, basic)
}

fn refused(answer: &Answer) -> ErrorStatus {
    match answer {
        Answer::Refused(status) => *status,
        Answer::Signed(_) => panic!("signed"),
    }
}

fn ask(numbers: &[u64]) -> Answer {
    responder().answer(Ca::Sign, &request(numbers), NOW)
}

fn seconds(time: OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).unwrap()
}

#[test]
fn each_status_is_told_with_its_time_and_reason() {
    let (_, basic) = signed(ask(&[GOOD]));
    assert!(matches!(basic.tbs_response_data.responses[0].cert_status, CertStatus::Good(_)));
    for (number, since, reason) in [(HELD, HELD_SINCE, 6), (REVOKED, REVOKED_SINCE, 3)] {
        let (_, basic) = signed(ask(&[number]));
        let CertStatus::Revoked(info) = basic.tbs_response_data.responses[0].cert_status else { panic!("{number}") };
        assert_eq!(seconds(info.revocation_time), since.as_seconds());
        assert_eq!(info.revocation_reason.map(|reason| reason as u32), Some(reason));
    }
}

#[test]
fn the_answer_is_signed_by_the_delegate_it_names_and_carries() {
    let signer = TestSigner::new(issuer(Ca::Sign, 1));
    let (key, certificate) = (Arc::clone(&signer.key), signer.certificate.clone());
    let (_, basic) = signed(responder_with(signer).answer(Ca::Sign, &request(&[GOOD]), NOW));
    let ResponderId::ByKey(key_hash) = &basic.tbs_response_data.responder_id else { panic!("L07: byKey") };
    assert_eq!(key_hash.as_bytes(), key.public_key().key_identifier());
    let tbs = basic.tbs_response_data.to_der().unwrap();
    assert_eq!(key.public_key().verify(&tbs, basic.signature.as_bytes().unwrap()), Ok(()));
    let certs = basic.certs.unwrap();
    assert_eq!(certs.len(), 1);
    assert_eq!(certs[0].to_der().unwrap(), certificate);
}

#[test]
fn a_serial_never_issued_is_unauthorized_alone_and_unknown_for_a_minute_beside_others() {
    assert_eq!(refused(&ask(&[UNISSUED])), ErrorStatus::Unauthorized);
    assert_eq!(refused(&ask(&[UNISSUED, UNISSUED + 1])), ErrorStatus::Unauthorized);
    let (answer, basic) = signed(ask(&[GOOD, UNISSUED, REVOKED]));
    let responses = &basic.tbs_response_data.responses;
    assert!(matches!(responses[0].cert_status, CertStatus::Good(_)));
    assert!(matches!(responses[1].cert_status, CertStatus::Unknown(_)));
    assert!(matches!(responses[2].cert_status, CertStatus::Revoked(_)));
    assert_eq!(seconds(responses[1].next_update.unwrap()), NOW.as_seconds() + 60);
    assert_eq!((answer.next_update, answer.max_age_seconds), (NOW.plus_seconds(60), 59));
}

#[test]
fn a_serial_never_issued_is_signed_as_unknown_for_a_minute_by_a_setting_and_never_kept() {
    let signer = TestSigner::new(issuer(Ca::Sign, 1));
    let signatures = Arc::clone(&signer.calls);
    let responder = responder_with(signer);
    let settings = settings().with_signed_unknown(true);
    let responder = Responder::new(Arc::clone(responder.issuers()), index(), settings);
    for asked in 1..=2 {
        let (answer, basic) = signed(responder.answer(Ca::Sign, &request(&[UNISSUED]), NOW));
        let single = &basic.tbs_response_data.responses[0];
        assert!(matches!(single.cert_status, CertStatus::Unknown(_)));
        assert_eq!(seconds(single.next_update.unwrap()), NOW.as_seconds() + 60);
        assert!((1..60).contains(&answer.max_age_seconds));
        assert_eq!(signatures.load(Ordering::Relaxed), asked);
    }
    // What no certificate can have, too; who asks about another issuer is told nothing.
    let other = RequestWriter::new().cert_id(&cert_id(issuer(Ca::Auth, 1), Digest::Sha256, UNISSUED)).finish();
    assert_eq!(refused(&responder.answer(Ca::Sign, &other, NOW)), ErrorStatus::Unauthorized);
}

#[test]
fn one_hundred_certificates_are_answered_about_at_once_and_one_more_is_malformed() {
    let of = |count: usize| (0..count).map(|at| [GOOD, HELD, REVOKED, UNISSUED][at % 4]).collect::<Vec<_>>();
    let (answer, basic) = signed(ask(&of(100)));
    assert_eq!(basic.tbs_response_data.responses.len(), 100);
    assert_eq!(answer.tally.counts().map(|(_, _, count)| count).collect::<Vec<_>>(), [25; 4]);
    assert_eq!(refused(&ask(&of(101))), ErrorStatus::MalformedRequest);
    assert_eq!(refused(&ask(&[])), ErrorStatus::MalformedRequest);
}

#[test]
fn nonces_are_left_out_by_a_setting_and_malformed_ones_stay_malformed() {
    let signer = TestSigner::new(issuer(Ca::Sign, 1));
    let signatures = Arc::clone(&signer.calls);
    let responder = responder_with(signer);
    let responder = Responder::new(Arc::clone(responder.issuers()), index(), settings().with_nonces(false));
    let cert_id = cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD);
    let ask = |octets| {
        responder.answer(Ca::Sign, &RequestWriter::new().cert_id(&cert_id).nonce(&vec![7; octets]).finish(), NOW)
    };
    for octets in [1, 16, 32, 128] {
        assert!(signed(ask(octets)).1.nonce().is_none());
    }
    // The answer is then anybody's: it was signed once.
    assert_eq!(signatures.load(Ordering::Relaxed), 1);
    for octets in [0, 129] {
        assert_eq!(refused(&ask(octets)), ErrorStatus::MalformedRequest);
    }
}

#[test]
fn other_paths_other_keys_and_two_keys_at_once_are_unauthorized() {
    let (first, second, auth) = (issuer(Ca::Sign, 1), issuer(Ca::Sign, 2), issuer(Ca::Auth, 1));
    let responder = responder();
    let ask = |ca, cert_ids: &[Vec<u8>]| {
        let writer = cert_ids.iter().fold(RequestWriter::new(), |writer, cert_id| writer.cert_id(cert_id));
        responder.answer(ca, &writer.finish(), NOW)
    };
    let by = |key, number| cert_id(key, Digest::Sha256, number);
    // Each key for its own: signed.
    signed(ask(Ca::Sign, &[by(first, GOOD)]));
    signed(ask(Ca::Sign, &[by(second, SECOND_KEY)]));
    signed(ask(Ca::Auth, &[by(auth, GOOD)]));
    for (ca, cert_ids) in [
        (Ca::Auth, vec![by(first, GOOD)]),
        (Ca::Sign, vec![by(auth, GOOD)]),
        (Ca::Sign, vec![by(second, GOOD)]),
        (Ca::Sign, vec![by(first, SECOND_KEY)]),
        (Ca::Sign, vec![by(first, GOOD), by(second, SECOND_KEY)]),
        (Ca::Sign, vec![by(first, GOOD), by(auth, GOOD)]),
    ] {
        assert_eq!(refused(&ask(ca, &cert_ids)), ErrorStatus::Unauthorized);
    }
}

#[test]
fn a_key_under_another_name_names_nobody() {
    let key = issuer(Ca::Sign, 1);
    let ask = |named: Ca| {
        let public_key = ca_key(key).public_key();
        let name_der = name(named).to_der();
        let cert_id = write_cert_id(Digest::Sha256, &name_der, public_key.key_octets(), serial(GOOD));
        responder().answer(Ca::Sign, &RequestWriter::new().cert_id(&cert_id).finish(), NOW)
    };
    signed(ask(Ca::Sign));
    assert_eq!(refused(&ask(Ca::Auth)), ErrorStatus::Unauthorized);
}

#[test]
fn one_request_may_mix_digests_and_every_cert_id_comes_back_as_it_was() {
    let key = issuer(Ca::Sign, 1);
    let cert_ids = Digest::ALL.map(|digest| cert_id(key, digest, GOOD));
    let request = cert_ids.iter().fold(RequestWriter::new(), |writer, cert_id| writer.cert_id(cert_id)).finish();
    let (answer, basic) = signed(responder().answer(Ca::Sign, &request, NOW));
    let echoed: Vec<Vec<u8>> =
        basic.tbs_response_data.responses.iter().map(|single| single.cert_id.to_der().unwrap()).collect();
    assert_eq!(echoed, cert_ids);
    let counted: Vec<_> =
        answer.tally.counts().map(|(digest, status, count)| (digest, Tally::STATUSES[status], count)).collect();
    assert_eq!(counted, Digest::ALL.map(|digest| (digest, "good", 1)));
}

#[test]
fn nonces_of_16_to_32_octets_are_echoed_and_others_left_out() {
    let cert_id = cert_id(issuer(Ca::Sign, 1), Digest::Sha1, GOOD);
    for octets in [1, 15, 16, 32, 33, 128] {
        let nonce: Vec<u8> = (0..octets).collect();
        let request = RequestWriter::new().cert_id(&cert_id).nonce(&nonce).finish();
        let (_, basic) = signed(responder().answer(Ca::Sign, &request, NOW));
        let echoed = basic.nonce().map(|nonce| nonce.0.as_bytes().to_vec());
        assert_eq!(echoed, (16..=32).contains(&octets).then_some(nonce), "{octets}");
        let extensions = basic.tbs_response_data.response_extensions.unwrap_or_default();
        assert!(extensions.iter().all(|extension| !extension.critical), "R11: nothing that we set is critical");
    }
    for octets in [0, 129] {
        let request = RequestWriter::new().cert_id(&cert_id).nonce(&vec![1; octets]).finish();
        assert_eq!(refused(&responder().answer(Ca::Sign, &request, NOW)), ErrorStatus::MalformedRequest);
    }
}

#[test]
fn archive_cutoff_is_told_when_it_is_set_and_not_of_unknown_ones() {
    let responder = responder();
    let responder = Responder::new(
        Arc::clone(responder.issuers()),
        index(),
        settings().with_archive_retention_seconds(86_400 * 365),
    );
    let (_, basic) = signed(responder.answer(Ca::Sign, &request(&[GOOD, UNISSUED]), NOW));
    let [good, unknown] = &basic.tbs_response_data.responses[..] else { panic!("two answers") };
    let extensions = good.single_extensions.as_ref().unwrap();
    let cutoff = x509_ocsp::ext::ArchiveCutoff::from_der(extensions[0].extn_value.as_bytes()).unwrap();
    assert_eq!(seconds(cutoff.0), NOW.as_seconds() - 86_400 * 365);
    assert!(!extensions[0].critical);
    assert!(unknown.single_extensions.is_none());
}

#[test]
fn times_stand_in_their_order_up_to_the_last_second_of_the_delegate() {
    for left in [2, 3, 100, 301, 28_800, 40_000] {
        let signer = TestSigner { not_after: NOW.plus_seconds(left), ..TestSigner::new(issuer(Ca::Sign, 1)) };
        let (answer, basic) = signed(responder_with(signer).answer(Ca::Sign, &request(&[GOOD]), NOW));
        let single = &basic.tbs_response_data.responses[0];
        let (this, next) = (seconds(single.this_update), seconds(single.next_update.unwrap()));
        assert_eq!(this, NOW.as_seconds());
        assert_eq!(seconds(basic.tbs_response_data.produced_at), NOW.as_seconds());
        assert!(next <= NOW.as_seconds() + left && next <= this + 30_600, "{left}");
        assert!((1..=300).contains(&answer.max_age_seconds) && this + answer.max_age_seconds < next, "{left}");
        assert_eq!(answer.next_update.as_seconds(), next);
    }
    for left in [1, 0, -1] {
        let signer = TestSigner { not_after: NOW.plus_seconds(left), ..TestSigner::new(issuer(Ca::Sign, 1)) };
        let answer = responder_with(signer).answer(Ca::Sign, &request(&[GOOD]), NOW);
        assert_eq!(refused(&answer), ErrorStatus::TryLater, "{left}");
    }
}

#[test]
fn a_failing_token_is_asked_twice_and_a_lost_key_once() {
    for (failures, failure, calls, answered) in [
        (1, SignFailure::TokenUnavailable, 2, true),
        (2, SignFailure::TokenUnavailable, 2, false),
        (1, SignFailure::WrongSignature, 2, true),
        (2, SignFailure::WrongSignature, 2, false),
        (1, SignFailure::KeyGone, 1, false),
    ] {
        let signer = TestSigner { failures, failure, ..TestSigner::new(issuer(Ca::Sign, 1)) };
        let counter = Arc::clone(&signer.calls);
        let answer = responder_with(signer).answer(Ca::Sign, &request(&[GOOD]), NOW);
        assert_eq!(counter.load(Ordering::Relaxed), calls);
        match answer {
            Answer::Signed(_) => assert!(answered),
            Answer::Refused(status) => assert_eq!((answered, status), (false, ErrorStatus::TryLater)),
        }
    }
}

#[test]
fn a_key_without_a_delegate_says_try_later_and_a_renewed_one_takes_over_at_once() {
    let issuers = issuers();
    let responder = Responder::new(Arc::clone(&issuers), index(), settings());
    let request = request(&[GOOD]);
    assert_eq!(refused(&responder.answer(Ca::Sign, &request, NOW)), ErrorStatus::TryLater);
    for _ in 0..2 {
        let signer = TestSigner::new(issuer(Ca::Sign, 1));
        let key_hash = signer.key_hash();
        issuers.replace_signer(Box::new(signer)).unwrap();
        let (_, basic) = signed(responder.answer(Ca::Sign, &request, NOW));
        let ResponderId::ByKey(by) = &basic.tbs_response_data.responder_id else { panic!("L07: byKey") };
        assert_eq!(by.as_bytes(), key_hash);
    }
    let stranger = TestSigner { issuer: issuer(Ca::Auth, 9), ..TestSigner::new(issuer(Ca::Auth, 1)) };
    assert!(issuers.replace_signer(Box::new(stranger)).is_err());
}

/// The algorithm that the answer names, after its signature was verified with the delegate's key in it.
fn signed_with(answer: Answer) -> Algorithm {
    let (_, basic) = signed(answer);
    let identifier = basic.signature_algorithm.to_der().unwrap();
    let key_der = basic.certs.unwrap()[0].tbs_certificate.subject_public_key_info.to_der().unwrap();
    let key = PublicKey::from_spki(&key_der).unwrap();
    let tbs = basic.tbs_response_data.to_der().unwrap();
    assert_eq!(key.verify(&tbs, basic.signature.as_bytes().unwrap()), Ok(()));
    let ResponderId::ByKey(key_hash) = &basic.tbs_response_data.responder_id else { panic!("L07: byKey") };
    assert_eq!(key_hash.as_bytes(), key.key_identifier());
    assert_eq!(identifier, key.algorithm().signature_identifier());
    key.algorithm()
}

/// A request that prefers those signature algorithms, best first.
fn preferring(wishes: &[Oid]) -> Vec<u8> {
    let writer = RequestWriter::new().cert_id(&cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD));
    let list =
        |w: &mut DerWriter| w.sequence(|w| wishes.iter().for_each(|wish| w.sequence(|w| w.sequence(|w| w.oid(*wish)))));
    writer.extensions(|w| w.extension(oid::OCSP_PREFERRED_SIGNATURE_ALGORITHMS, false, list)).finish()
}

#[test]
fn the_first_wish_that_a_delegate_meets_decides_and_else_the_algorithm_of_the_crls() {
    let (p256, rsa) = (oid::ECDSA_WITH_SHA256, oid::SHA256_WITH_RSA);
    let (elliptic, rivest) = (Algorithm::EcdsaP256Sha256, Algorithm::Rsa2048Sha256);
    let issuers = issuers();
    let put = |signer| issuers.replace_signer(Box::new(signer)).unwrap();
    let responder = Responder::new(Arc::clone(&issuers), index(), settings());
    let ask = |wishes: &[Oid]| signed_with(responder.answer(Ca::Sign, &preferring(wishes), NOW));
    // Alone, a delegate signs whatever is wished for.
    put(TestSigner::rsa(issuer(Ca::Sign, 1)));
    assert_eq!((ask(&[]), ask(&[p256])), (rivest, rivest));
    // The CA's keys, and so its CRLs, are of P-256: that is for everybody who wishes for nothing (rule 2).
    put(TestSigner::new(issuer(Ca::Sign, 1)));
    let plain = signed_with(responder.answer(Ca::Sign, &request(&[GOOD]), NOW));
    assert_eq!((plain, ask(&[])), (elliptic, elliptic));
    assert_eq!((ask(&[rsa]), ask(&[p256])), (rivest, elliptic));
    assert_eq!((ask(&[rsa, p256]), ask(&[p256, rsa])), (rivest, elliptic));
    // R21: SHA-1 with RSA is met by nobody; what comes after it counts.
    assert_eq!((ask(&[oid::SHA1, rsa]), ask(&[oid::SHA1])), (rivest, elliptic));
    // A delegate whose certificate is at its end gives way to the other, wished for or not.
    put(TestSigner { not_after: NOW.plus_seconds(1), ..TestSigner::rsa(issuer(Ca::Sign, 1)) });
    assert_eq!((ask(&[rsa]), ask(&[p256])), (elliptic, elliptic));
}

#[test]
fn a_revocation_is_told_by_the_very_next_answer() {
    let index = index();
    let responder = Responder::new(Arc::clone(responder().issuers()), Arc::clone(&index), settings());
    let (_, basic) = signed(responder.answer(Ca::Sign, &request(&[GOOD]), NOW));
    assert!(matches!(basic.tbs_response_data.responses[0].cert_status, CertStatus::Good(_)));
    let withdrawal = pki::revocation::Withdrawal::Held { since: NOW };
    index.apply(2, &[status::Change::Withdrawn { ca: Ca::Sign, serial: serial(GOOD), withdrawal }]).unwrap();
    let (_, basic) = signed(responder.answer(Ca::Sign, &request(&[GOOD]), NOW));
    assert!(matches!(basic.tbs_response_data.responses[0].cert_status, CertStatus::Revoked(_)));
}

/// Whatever is answered, no serial but the one that is good is called good.
fn never_good_for_others(responder: &Responder, octets: &[u8], now: UnixTime) {
    if let answer @ Answer::Signed(_) = responder.answer(Ca::Sign, octets, now) {
        for single in signed(answer).1.tbs_response_data.responses {
            let good = matches!(single.cert_status, CertStatus::Good(_));
            assert!(!good || single.cert_id.serial_number.as_bytes() == [u8::try_from(GOOD).unwrap()]);
        }
    }
}

#[test]
fn no_flipped_bit_makes_it_panic_or_call_an_unissued_serial_good() {
    let responder = responder();
    let key = issuer(Ca::Sign, 1);
    for digest in Digest::ALL {
        let writer = RequestWriter::new().cert_id(&cert_id(key, digest, UNISSUED)).cert_id(&cert_id(key, digest, GOOD));
        let whole = writer.nonce(&[7; 32]).finish();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            never_good_for_others(&responder, &flipped, NOW);
        }
    }
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets: Vec<u8>, at in 0_usize..100, now in 0_i64..=253_402_300_799) {
        let responder = Responder::new(issuers(), index(), settings());
        let mut request = request(&[GOOD]);
        let at = at.min(request.len());
        request.splice(at..at, octets.iter().copied());
        never_good_for_others(&responder, &octets, UnixTime::from_seconds(now));
        never_good_for_others(&responder, &request, UnixTime::from_seconds(now));
    }
}
