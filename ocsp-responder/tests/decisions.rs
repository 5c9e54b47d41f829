//! What is answered to whom, one rule a test. Answers are read by x509-ocsp, not by us.
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use der07::{Decode, Encode};
use ocsp_responder::{Answer, OcspSigner, Responder, SignFailure, SignedAnswer, Tally};
use pki::algorithm::Digest;
use pki::identity::Ca;
use pki::ocsp::{ErrorStatus, RequestWriter, write_cert_id};
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
