//! Kept answers: which questions they answer, for how long, and that no change leaves one alive.
mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use der07::{Decode, Encode};
use ocsp_responder::{Answer, Decided, Decision, OcspMetrics, OcspSettings, Responder, SignedAnswer};
use pki::algorithm::Digest;
use pki::identity::{Ca, IssuerKey};
use pki::ocsp::RequestWriter;
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;
use prometheus::Registry;
use proptest::prelude::*;
use status::{Change, StatusIndex};
use support::*;
use x509_ocsp::{BasicOcspResponse, CertStatus, ResponderId};

/// A responder over that index whose delegate signs quickly, and what counts its signatures.
fn counted(index: &Arc<StatusIndex>, settings: OcspSettings, left: i64) -> (Responder, Arc<AtomicUsize>) {
    let issuers = issuers();
    let signer = TestSigner { not_after: NOW.plus_seconds(left), ..TestSigner::new(issuer(Ca::Sign, 1)) };
    let signatures = Arc::clone(&signer.calls);
    issuers.replace_signer(Box::new(FixedSigner(signer))).unwrap();
    (Responder::new(issuers, Arc::clone(index), settings), signatures)
}

const FAR: i64 = 86_400 * 30;

fn signed(answer: Answer) -> Arc<SignedAnswer> {
    match answer {
        Answer::Signed(signed) => signed,
        Answer::Refused(status) => panic!("{status:?}"),
    }
}

fn read(answer: &SignedAnswer) -> BasicOcspResponse {
    let response = x509_ocsp::OcspResponse::from_der(&answer.der).unwrap();
    BasicOcspResponse::from_der(response.response_bytes.unwrap().response.as_bytes()).unwrap()
}

#[test]
fn the_same_question_costs_one_signature_until_its_answer_is_as_old_as_its_max_age() {
    let (responder, signatures) = counted(&index(), settings(), FAR);
    let ask = |seconds| signed(responder.answer(Ca::Sign, &request(&[GOOD]), NOW.plus_seconds(seconds)));
    let first = ask(0);
    let max_age = first.max_age_seconds;
    for seconds in [0, 1, max_age - 1] {
        assert_eq!(ask(seconds).der, first.der);
    }
    assert_eq!(signatures.load(Ordering::Relaxed), 1);
    let second = ask(max_age);
    assert_eq!((second.this_update, signatures.load(Ordering::Relaxed)), (NOW.plus_seconds(max_age), 2));
    // A clock that was set back: nothing from the future is told (I23).
    let third = ask(max_age - 1);
    assert_eq!((third.this_update, signatures.load(Ordering::Relaxed)), (NOW.plus_seconds(max_age - 1), 3));
}

#[test]
fn what_is_kept_is_told_octet_by_octet_as_it_was_asked() {
    let (responder, signatures) = counted(&index(), settings(), FAR);
    let plain = cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD);
    // The same with its digest's parameters left out: the outer and the identifier's length, then NULL.
    let null = plain.windows(2).position(|octets| octets == [5, 0]).unwrap();
    let mut bare = [&plain[..null], &plain[null + 2..]].concat();
    bare[1] -= 2;
    bare[3] -= 2;
    let sha1 = cert_id(issuer(Ca::Sign, 1), Digest::Sha1, GOOD);
    for _ in 0..2 {
        for cert_id in [&plain, &bare, &sha1] {
            let answer = responder.answer(Ca::Sign, &RequestWriter::new().cert_id(cert_id).finish(), NOW);
            let basic = read(&signed(answer));
            assert_eq!(&basic.tbs_response_data.responses[0].cert_id.to_der().unwrap(), cert_id);
        }
    }
    assert_eq!(signatures.load(Ordering::Relaxed), 3);
}

#[test]
fn questions_with_a_nonce_about_several_or_with_nothing_to_keep_are_signed_each_time() {
    let nonce =
        RequestWriter::new().cert_id(&cert_id(issuer(Ca::Sign, 1), Digest::Sha256, GOOD)).nonce(&[7; 32]).finish();
    let none = settings().with_kept_answers_max(0).unwrap();
    for (settings, request) in [(settings(), nonce), (settings(), request(&[GOOD, HELD])), (none, request(&[GOOD]))] {
        let (responder, signatures) = counted(&index(), settings, FAR);
        for _ in 0..3 {
            signed(responder.answer(Ca::Sign, &request, NOW));
        }
        assert_eq!(signatures.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn when_there_is_no_room_the_one_that_nobody_asked_for_again_goes_and_each_fate_is_counted() {
    let index = index();
    let numbers = [1_u64, 65, 129].map(|number| 20 + number);
    let issued = numbers.map(|number| Change::Issued { ca: Ca::Sign, serial: serial(number) });
    index.apply(2, &issued).unwrap();
    // One shard of 64 has room for two of these three.
    let (responder, signatures) = counted(&index, settings().with_kept_answers_max(128).unwrap(), FAR);
    let registry = Registry::new();
    let _metrics = OcspMetrics::register(&registry, &responder).unwrap();
    let costs = |number: u64, seconds| {
        let before = signatures.load(Ordering::Relaxed);
        signed(responder.answer(Ca::Sign, &request(&[number]), NOW.plus_seconds(seconds)));
        signatures.load(Ordering::Relaxed) - before
    };
    let [first, second, third] = numbers;
    assert_eq!([first, second, first, third].map(|number| costs(number, 0)), [1, 1, 0, 1]);
    assert_eq!([first, third, second].map(|number| costs(number, 0)), [0, 0, 1]);
    let withdrawal = Withdrawal::Held { since: NOW };
    index.apply(3, &[Change::Withdrawn { ca: Ca::Sign, serial: serial(second), withdrawal }]).unwrap();
    assert_eq!((costs(second, 0), costs(second, 0), costs(second, 300)), (1, 0, 1));
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "ocsp_kept_answers_total").unwrap();
    let counts: HashMap<_, _> = family
        .get_metric()
        .iter()
        .map(|metric| (metric.get_label()[0].value().to_owned(), metric.get_counter().get_value().to_string()))
        .collect();
    let expected = [("hit", 4), ("miss", 4), ("dead", 1), ("old", 1), ("evicted", 2)];
    assert_eq!(counts, expected.map(|(outcome, count)| (outcome.to_owned(), count.to_string())).into());
}

/// What happens between two looks at the responder.
#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    NewDelegate,
    Later(i64),
    /// A question that is answered at once.
    Ask(u64, Digest),
    /// A question that is decided now, and signed when a later step says so.
    Begin(u64, Digest),
    Sign,
}

fn any_step() -> impl Strategy<Value = Step> {
    let ca = Ca::Sign;
    let digest = || prop::sample::select(vec![Digest::Sha1, Digest::Sha256]);
    // GOOD, HELD, REVOKED, UNISSUED, and one that shares a shard and a generation's place with GOOD.
    let number = || prop::sample::select(vec![GOOD, HELD, REVOKED, UNISSUED, GOOD + (1 << 20)]);
    let change = (number(), 0..5, 0..100_i64).prop_map(move |(number, kind, ago)| {
        let (serial, since) = (serial(number), NOW.plus_seconds(-ago));
        let reason = RevocationReason::AffiliationChanged;
        match kind {
            0 => Change::Issued { ca, serial },
            1 => Change::Released { ca, serial },
            2 => Change::Withdrawn { ca, serial, withdrawal: Withdrawal::Revoked { since, reason } },
            _ => Change::Withdrawn { ca, serial, withdrawal: Withdrawal::Held { since } },
        }
    });
    let compromise =
        (1..=1_u16).prop_map(move |key| Change::KeyCompromised { ca, key: issuer(ca, key).key, since: NOW });
    prop_oneof![
        8 => change.prop_map(Step::Change),
        1 => compromise.prop_map(Step::Change),
        1 => Just(Step::NewDelegate),
        2 => (0..400_i64).prop_map(Step::Later),
        12 => (number(), digest()).prop_map(|(number, digest)| Step::Ask(number, digest)),
        6 => (number(), digest()).prop_map(|(number, digest)| Step::Begin(number, digest)),
        6 => Just(Step::Sign),
    ]
}

fn is_what_the_index_says(single: &CertStatus, index: &StatusIndex, of: IssuerKey, number: u64) -> bool {
    use pki::revocation::CertificateStatus::{Good, NotIssued, Withdrawn};
    match (single, index.status(of, serial(number))) {
        (CertStatus::Good(_), Good) => true,
        (CertStatus::Revoked(info), Withdrawn(withdrawal)) => {
            let since = i64::try_from(info.revocation_time.0.to_unix_duration().as_secs()).unwrap();
            let reason = info.revocation_reason.map_or(0, |reason| reason as u8);
            (since, reason) == (withdrawal.since().as_seconds(), withdrawal.reason_code())
        }
        (CertStatus::Good(_) | CertStatus::Revoked(_) | CertStatus::Unknown(_), Good | NotIssued | Withdrawn(_)) => {
            false
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_between_an_answer_says_what_the_index_says(steps in prop::collection::vec(any_step(), 1..60)) {
        let (index, of) = (index(), issuer(Ca::Sign, 1));
        let (responder, _) = counted(&index, settings(), FAR);
        let (mut position, mut now, mut under_way) = (1, NOW, Vec::<Decision>::new());
        let mut delegate = responder_key(&responder, now);
        let asked = |number, digest| RequestWriter::new().cert_id(&cert_id(of, digest, number)).finish();
        for step in steps {
            match step {
                Step::Change(change) => {
                    position += 1;
                    // Those that cannot be true are refused, and change nothing.
                    let _ = index.apply(position, &[change]);
                }
                Step::NewDelegate => {
                    let signer = TestSigner::new(of);
                    responder.issuers().replace_signer(Box::new(FixedSigner(signer))).unwrap();
                    delegate = responder_key(&responder, now);
                }
                Step::Later(seconds) => now = now.plus_seconds(seconds),
                Step::Ask(number, digest) => match responder.answer(Ca::Sign, &asked(number, digest), now) {
                    Answer::Refused(_) => {
                        prop_assert_eq!(index.status(of, serial(number)), pki::revocation::CertificateStatus::NotIssued);
                    }
                    Answer::Signed(answer) => {
                        let basic = read(&answer);
                        let single = &basic.tbs_response_data.responses[0];
                        prop_assert!(is_what_the_index_says(&single.cert_status, &index, of, number));
                        prop_assert_eq!(&basic.tbs_response_data.responder_id, &delegate);
                        let age = now.seconds_since(answer.this_update);
                        prop_assert!((0..answer.max_age_seconds).contains(&age));
                        prop_assert!(now.plus_seconds(answer.max_age_seconds) < answer.next_update);
                    }
                },
                Step::Begin(number, digest) => {
                    if let Ok(Decided::ToSign(decision)) = responder.decide(Ca::Sign, &asked(number, digest), now) {
                        under_way.push(decision);
                    }
                }
                Step::Sign => drop(under_way.pop().map(Decision::sign)),
            }
        }
    }

    #[test]
    fn whenever_a_kept_answer_is_told_a_cache_lets_go_of_it_before_next_update(left in 2_i64..1_000, seconds in 0_i64..1_000) {
        let (responder, _) = counted(&index(), settings(), left);
        let _ = responder.answer(Ca::Sign, &request(&[GOOD]), NOW);
        let now = NOW.plus_seconds(seconds);
        if let Answer::Signed(answer) = responder.answer(Ca::Sign, &request(&[GOOD]), now) {
            prop_assert!(now.plus_seconds(answer.max_age_seconds) < answer.next_update);
            prop_assert!(answer.next_update <= NOW.plus_seconds(left));
            prop_assert!(now.seconds_since(answer.this_update) < answer.max_age_seconds);
        }
    }
}

/// Who signs now, as a question with a nonce tells, which is never answered from what is kept.
fn responder_key(responder: &Responder, now: UnixTime) -> ResponderId {
    let request = RequestWriter::new().cert_id(&cert_id(issuer(Ca::Sign, 1), Digest::Sha256, REVOKED)).nonce(&[1; 16]);
    read(&signed(responder.answer(Ca::Sign, &request.finish(), now))).tbs_response_data.responder_id
}

#[test]
fn while_others_ask_without_pause_no_answer_after_a_revocation_says_good() {
    const FIRST: u64 = 2_000_000;
    const CERTIFICATES: u64 = 400;
    let index = Arc::new(StatusIndex::new());
    let key = issuer(Ca::Sign, 1).key;
    let mut changes = vec![Change::KeyRange { ca: Ca::Sign, first_serial: serial(1), key }];
    changes.extend((0..CERTIFICATES).map(|number| Change::Issued { ca: Ca::Sign, serial: serial(FIRST + number) }));
    index.apply(1, &changes).unwrap();
    let (responder, _) = counted(&index, settings(), FAR);
    // So many are revoked, and acknowledged.
    let acknowledged = AtomicU64::new(0);
    let ask = |number: u64| {
        let revoked_before = acknowledged.load(Ordering::Acquire);
        let answer = read(&signed(responder.answer(Ca::Sign, &request(&[FIRST + number]), NOW)));
        let is_good = matches!(answer.tbs_response_data.responses[0].cert_status, CertStatus::Good(_));
        assert!(!(is_good && number < revoked_before), "{number} is good after its revocation");
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while acknowledged.load(Ordering::Acquire) < CERTIFICATES {
                    let next = acknowledged.load(Ordering::Acquire);
                    // The one that is being revoked, some that will be, and the last ones that were.
                    (next.saturating_sub(3)..(next + 3).min(CERTIFICATES)).for_each(ask);
                }
            });
        }
        for number in 0..CERTIFICATES {
            ask(number);
            let withdrawal = Withdrawal::Revoked { since: NOW, reason: RevocationReason::AffiliationChanged };
            let change = Change::Withdrawn { ca: Ca::Sign, serial: serial(FIRST + number), withdrawal };
            index.apply(number + 2, &[change]).unwrap();
            acknowledged.store(number + 1, Ordering::Release);
        }
    });
    (0..CERTIFICATES).for_each(ask);
}
