//! Every way in which a card's certificates come to be: both at once, first issue, renewal, re-issue, replacement; and who
//! gets no signature certificate.
use ca::recovery::Recovered;
use pki::identity::{Ca, Serial};
use pki::time::UnixTime;
use registry::event::Cause;
use serde_json::{Value, json};

use crate::support::{Party, Reply, World, application, application_for_both, certification_request, jst};

const PERSON: &str = "12345678901";

fn not_after(reply: &Reply) -> UnixTime {
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    reply.validity().1
}

fn both(world: &World, key: &str, body: &Value) -> [(Ca, Serial, String); 2] {
    let reply = world.issue(key, body);
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    two(&reply)
}

fn two(reply: &Reply) -> [(Ca, Serial, String); 2] {
    let certificates = reply.body["certificates"].as_array().expect("a list").iter();
    let one = |one: &Value| {
        let text = |field: &str| one[field].as_str().unwrap().to_owned();
        (text("ca").parse().unwrap(), text("serial").parse().unwrap(), text("not_after"))
    };
    certificates.map(one).collect::<Vec<_>>().try_into().expect("two certificates")
}

fn without_signature(field: &str) -> (World, Value, Reply) {
    let world = World::new();
    let mut body = application(Ca::Sign, PERSON);
    body[field] = json!(true);
    let refused = world.issue("sign", &body);
    (world, body, refused)
}

#[test]
fn both_certificates_of_a_card_come_with_one_request_the_user_certificate_first() {
    let world = World::new();
    let mut body = application_for_both(PERSON);
    body["card_expires_on"] = json!("2029-06-30");
    let [auth, sign] = both(&world, "both", &body);
    assert_eq!([auth.0, sign.0], [Ca::Auth, Ca::Sign]);
    assert_eq!([&auth.2, &sign.2], ["2029-06-30T23:59:59+09:00"; 2]);
    let record = |ca, serial| world.record(ca, serial);
    assert_eq!(record(Ca::Auth, auth.1).reserved_at, record(Ca::Sign, sign.1).reserved_at);

    let again = world.issue("both", &body);
    assert_eq!(two(&again), [auth.clone(), sign.clone()], "the same key, the same answer");
    let looked_up = world.get(Party::Kiyose, "/desk/v1/requests/both");
    assert_eq!((looked_up.status, &looked_up.body), (200, &again.body));
    assert_eq!(world.good(Ca::Auth), [auth.1]);
    world.verify_log();
}

#[test]
fn the_signature_certificate_of_a_pair_is_cut_by_the_user_certificate_beside_it_and_not_by_the_one_before() {
    let world = World::new();
    let mut short = application(Ca::Auth, PERSON);
    short["card_expires_on"] = json!("2027-06-30");
    world.issued("an old card", &short);
    let [auth, sign] = both(&world, "a new card", &application_for_both(PERSON));
    assert_eq!([&auth.2, &sign.2], ["2031-02-17T23:59:59+09:00"; 2]);
}

#[test]
fn a_crash_leaves_both_certificates_or_none() {
    for (step, finished) in [("issue.1-judged", 0), ("issue.2-intended", 1), ("issue.3-signed", 1)] {
        let mut world = World::new();
        let body = application_for_both(PERSON);
        world.issue_stopped_at(step, "both", &body);
        world.restart();
        let expected = Recovered { finished, ..Recovered::default() };
        assert_eq!(world.0.recover(), Ok(expected), "{step}");
        let good = usize::try_from(finished).unwrap();
        assert_eq!([world.good(Ca::Auth).len(), world.good(Ca::Sign).len()], [good; 2], "{step}");
        both(&world, "both", &body);
        assert_eq!([world.good(Ca::Auth).len(), world.good(Ca::Sign).len()], [1; 2], "{step}");
        world.verify_log();
    }
}

#[test]
fn what_is_wrong_with_one_of_two_requests_ends_both_and_is_named() {
    let world = World::new();
    let mut bad = application_for_both(PERSON);
    bad["csrs"]["sign"] = json!("no request");
    let refused = world.issue("a", &bad);
    assert_eq!((refused.problem(), &refused.body["field"]), ((422, "csr-malformed"), &json!("csrs.sign")));
    let mut same = application_for_both(PERSON);
    same["csrs"]["sign"] = same["csrs"]["auth"].clone();
    assert_eq!(world.issue("b", &same).problem(), (409, "key-seen-before"));
    let mut child = application_for_both(PERSON);
    child["person"]["birth_date"] = json!("2015-02-17");
    assert_eq!(world.issue("c", &child).problem(), (422, "under-fifteen"));
    assert_eq!([world.good(Ca::Auth), world.good(Ca::Sign)], [vec![], vec![]]);
    for (ca, csr, csrs) in [(true, true, true), (true, false, false), (false, true, false), (false, false, false)] {
        let mut body = application_for_both(PERSON);
        if !csrs {
            body.as_object_mut().unwrap().remove("csrs");
        }
        if ca {
            body["ca"] = json!("auth");
        }
        if csr {
            body["csr"] = json!(certification_request());
        }
        assert_eq!(world.issue("d", &body).problem(), (400, "malformed-body"), "{ca} {csr} {csrs}");
    }
}

#[test]
fn a_card_without_pins_and_an_adult_ward_get_the_user_certificate_alone() {
    for (field, problem) in [("pinless_card", "pinless-card"), ("adult_ward", "adult-ward")] {
        let (world, mut body, refused) = without_signature(field);
        assert_eq!((refused.problem(), &refused.body["field"]), ((422, problem), &json!(field)));
        let mut pair = application_for_both(PERSON);
        pair[field] = json!(true);
        assert_eq!(world.issue("both", &pair).problem(), (422, problem));
        body["ca"] = json!("auth");
        assert_eq!(world.issue("auth", &body).status, 201);
        body = application(Ca::Sign, PERSON);
        body[field] = json!(false);
        assert_eq!(world.issue("a card with PINs", &body).status, 201);
    }
}

#[test]
fn who_may_still_be_under_fifteen_gets_no_signature_certificate_a_second_either_side() {
    for (birth_date, of_age_on) in
        [("2012-02-29", "2027-02-28"), ("2012-00-00", "2027-12-31"), ("2012-02-00", "2027-02-28")]
    {
        let world = World::new();
        let mut body = application(Ca::Sign, PERSON);
        body["person"]["birth_date"] = json!(birth_date);
        let midnight = jst(of_age_on, 0, 0, 0);
        world.clock.set(midnight.plus_seconds(-1));
        assert_eq!(world.issue("a", &body).problem(), (422, "under-fifteen"), "{birth_date}");
        world.clock.advance(1);
        assert_eq!(world.issue("a", &body).status, 201, "{birth_date}");
    }
}

/// A person with a user certificate that ends with the card on 2028-01-31, in its last three months.
fn in_the_last_months() -> (World, Serial) {
    let world = World::new();
    let mut body = application(Ca::Auth, PERSON);
    body["card_expires_on"] = json!("2028-01-31");
    let auth = world.issued("first", &body);
    world.clock.set(jst("2028-01-10", 12, 0, 0));
    (world, auth)
}

#[test]
fn a_renewal_needs_a_certificate_that_is_neither_revoked_nor_expired() {
    let issue = |world: &World| not_after(&world.issue("anew", &application(Ca::Auth, PERSON)));
    let (first, renewed) = (jst("2032-02-17", 23, 59, 59), jst("2033-02-17", 23, 59, 59));
    let (world, _) = in_the_last_months();
    assert_eq!(issue(&world), renewed);

    let (world, _) = in_the_last_months();
    assert_eq!(world.hold("lost", PERSON).status, 200);
    assert_eq!(issue(&world), renewed, "what is held is not revoked");

    let (world, auth) = in_the_last_months();
    assert_eq!(world.revoke("given up", (Ca::Auth, auth), "no_longer_needed").status, 200);
    assert_eq!(issue(&world), first);

    let (world, _) = in_the_last_months();
    world.clock.set(jst("2028-01-31", 23, 59, 59));
    assert_eq!(issue(&world), renewed, "its last second");
    let (world, _) = in_the_last_months();
    world.clock.set(jst("2028-02-01", 0, 0, 0));
    assert_eq!(issue(&world), first, "a second later");
}

#[test]
fn the_day_on_which_the_request_is_accepted_decides_whether_it_is_a_renewal() {
    let world = World::new();
    world.issued("first", &application(Ca::Auth, PERSON));
    let midnight = jst("2030-11-17", 0, 0, 0);
    world.clock.set(midnight.plus_seconds(-1));
    let clock = std::sync::Arc::clone(&world.clock);
    world.steps.at("issue.2-intended", move || clock.advance(1));
    let accepted_before = world.issue("accepted a second before the window", &application(Ca::Auth, PERSON));
    assert_eq!(not_after(&accepted_before), jst("2035-02-17", 23, 59, 59), "signed within it");
}

#[test]
fn a_data_key_made_for_another_year_of_retention_than_the_transactions_is_refused_and_the_retry_has_the_right_one() {
    let world = World::new();
    world.issued("first", &application(Ca::Auth, PERSON));
    let position = world.position();
    world.clock.set(jst("2030-11-16", 23, 59, 59));
    let clock = std::sync::Arc::clone(&world.clock);
    world.steps.at("issue.1-judged", move || clock.advance(1));
    let body = application(Ca::Auth, PERSON);
    assert_eq!(world.issue("at midnight", &body).problem(), (503, "registry-unavailable"));
    assert_eq!(world.position(), position, "not even a serial");
    assert_eq!(not_after(&world.issue("at midnight", &body)), jst("2036-02-17", 23, 59, 59));
    world.verify_log();
}

#[test]
fn after_a_change_of_the_4_info_the_signature_certificate_is_a_first_issue_cut_by_the_user_certificate() {
    let world = World::new();
    let [auth, sign] = both(&world, "both", &application_for_both(PERSON));
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    assert_eq!(world.report("moved", PERSON, "moved").status, 200);
    let mut body = application(Ca::Sign, PERSON);
    body["person"]["address"] = json!("東京都清瀬市松山一丁目１番１号");
    let anew = world.issue("re-issue", &body);
    assert_eq!(not_after(&anew), jst("2031-02-17", 23, 59, 59), "it never outlives the user certificate");
    assert_eq!(world.record(Ca::Sign, sign.1).cause, Some(Cause::FourInfoChanged), "nothing was superseded");
    assert_eq!(world.record(Ca::Auth, auth.1).withdrawal, None);

    let mut pair = application_for_both(PERSON);
    pair["person"]["address"] = body["person"]["address"].clone();
    let [auth, sign] = both(&world, "both again", &pair);
    assert_eq!(auth.2, "2036-02-17T23:59:59+09:00", "the user certificate is renewed");
    assert_eq!(sign.2, "2036-02-17T23:59:59+09:00", "and so is the one that was issued after the move");
}

#[test]
fn a_re_issued_signature_certificate_alone_ends_with_the_fifth_birthday() {
    let world = World::new();
    world.issued("sign", &application(Ca::Sign, PERSON));
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    assert_eq!(world.report("moved", PERSON, "moved").status, 200);
    let mut body = application(Ca::Sign, PERSON);
    body["person"]["address"] = json!("東京都清瀬市松山一丁目１番１号");
    assert_eq!(not_after(&world.issue("re-issue", &body)), jst("2035-02-17", 23, 59, 59));
}

#[test]
fn a_damaged_card_is_replaced_and_what_was_good_on_it_is_superseded() {
    let world = World::new();
    let [auth, sign] = both(&world, "the first card", &application_for_both(PERSON));
    both(&world, "the card in its place", &application_for_both(PERSON));
    for (ca, serial, _) in [auth, sign] {
        assert_eq!(world.record(ca, serial).cause, Some(Cause::Superseded), "{ca}");
    }
}

#[test]
fn a_found_card_loses_both_certificates_and_its_place_is_taken_by_a_first_issue() {
    let world = World::new();
    let [auth, sign] = both(&world, "both", &application_for_both(PERSON));
    world.clock.set(jst("2031-01-10", 12, 0, 0));
    assert_eq!(world.hold("lost", PERSON).status, 200);
    let held_at = world.now();
    world.clock.advance(3_600);
    let found = world.revoke("found", (Ca::Auth, auth.1), "card_found");
    assert_eq!(found.status, 200, "{:?}", found.body);
    let revoked = "revoked cessationOfOperation".to_owned();
    let expected = [(format!("auth/{}", auth.1), revoked.clone()), (format!("sign/{}", sign.1), revoked)];
    assert_eq!(found.statuses(), expected.into());
    assert_eq!(found.body["certificates"][0]["since"], json!(held_at.to_string()), "a hold keeps its date");
    let [anew, _] = both(&world, "a new card", &application_for_both(PERSON));
    assert_eq!(anew.2, "2035-02-17T23:59:59+09:00", "nothing was left to renew");

    let later = world.revoke("the old card is found once more", (Ca::Auth, auth.1), "card_found");
    assert_eq!((later.status, later.statuses().len()), (200, 1), "it says nothing of the new card");
    assert_eq!(world.good(Ca::Auth), [anew.1]);
}

#[test]
fn a_life_that_crosses_2050_is_written_as_certificates_write_it() {
    let world = World::founded_at(jst("2045-06-01", 12, 0, 0));
    for (birth_date, not_after_octets) in
        [("1980-12-31", &b"\x17\x0d491231145959Z"[..]), ("1980-01-01", b"\x18\x0f20500101145959Z")]
    {
        let mut body = application_for_both(&format!("{:0>11}", birth_date.replace('-', "")));
        body["person"]["birth_date"] = json!(birth_date);
        let reply = world.issue(birth_date, &body);
        for certificate in reply.body["certificates"].as_array().unwrap() {
            let der = der::pem::decode_vec(certificate["certificate"].as_str().unwrap().as_bytes()).unwrap().1;
            assert!(der.windows(not_after_octets.len()).any(|octets| octets == not_after_octets), "{birth_date}");
        }
    }
}

#[test]
fn the_first_and_last_day_of_every_era_of_birth_gets_a_certificate_that_names_the_era() {
    let world = World::new();
    let mut number = 0;
    for (last_day, first_day, eras) in [
        ("1912-07-29", "1912-07-30", ['1', '2']),
        ("1926-12-24", "1926-12-25", ['2', '3']),
        ("1989-01-07", "1989-01-08", ['3', '4']),
    ] {
        for (birth_date, era) in [last_day, first_day].into_iter().zip(eras) {
            number += 1;
            let mut body = application(Ca::Sign, &format!("{number:0>11}"));
            body["person"]["birth_date"] = json!(birth_date);
            let reply = world.issue(birth_date, &body);
            assert_eq!(reply.status, 201, "{birth_date}");
            let written = format!("{era}{}", birth_date.replace('-', ""));
            let der = reply.certificate_der();
            assert!(der.windows(written.len()).any(|octets| octets == written.as_bytes()), "{written}");
        }
    }
    let world = World::founded_at(jst("2036-01-01", 0, 0, 0));
    for (birth_date, written) in [("2019-04-30", "420190430"), ("2019-05-01", "520190501")] {
        number += 1;
        let mut body = application(Ca::Sign, &format!("{number:0>11}"));
        body["person"]["birth_date"] = json!(birth_date);
        let der = world.issue(birth_date, &body).certificate_der();
        assert!(der.windows(written.len()).any(|octets| octets == written.as_bytes()), "{written}");
    }
}
