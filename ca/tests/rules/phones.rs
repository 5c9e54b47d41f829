//! Certificates in phones: how they are applied for, what they stand on, how they end.
use std::collections::BTreeMap;

use pki::identity::{Ca, Serial};
use registry::event::{Cause, CertificatePlace, Event};
use registry::state::StateReads;
use serde_json::{Value, json};
use x509_cert::der::Decode;

use crate::support::{
    BANK, BOTH, Card, Party, Reply, World, application, consent_to, jst, paper, phone_application, phone_found,
    phone_key, phone_retired,
};

const PERSON: &str = "12345678901";
const AUTH: &str = BOTH[0];
const SIGN: &str = BOTH[1];

/// `phone-auth/2` → `good`
fn statuses(reply: &Reply) -> BTreeMap<String, String> {
    reply.statuses()
}

fn all(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(place, status)| ((*place).to_owned(), (*status).to_owned())).collect()
}

fn not_after(certificate: &Value) -> String {
    certificate["not_after"].as_str().unwrap().to_owned()
}

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

#[test]
fn both_certificates_say_what_the_cards_say_and_end_with_them() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    let reply = world.apply(&card, "one", &BOTH, "key");
    assert_eq!((reply.status, &reply.body["state"]), (201, &json!("issued")), "{:?}", reply.body);
    assert_eq!(statuses(&reply), all(&[("phone-auth/2", "good"), ("phone-sign/2", "good")]));
    let issued = reply.body["certificates"].as_array().unwrap();
    let cards = [(Ca::Auth, serial(2)), (Ca::Sign, card.serial)].map(|place| world.look_up(place).body);
    for (of_phone, of_card) in issued.iter().zip(&cards) {
        assert_eq!(not_after(of_phone), not_after(of_card));
        assert_eq!(of_phone["municipality"], of_card["municipality"]);
    }
    let der = der::pem::decode_vec(issued[1]["certificate"].as_str().unwrap().as_bytes()).unwrap().1;
    let of_phone = x509_cert::Certificate::from_der(&der).unwrap();
    let of_card = world.look_up((Ca::Sign, card.serial)).certificate();
    let names = |certificate: &x509_cert::Certificate| {
        let extensions = certificate.tbs_certificate().extensions().unwrap().clone();
        let names = extensions.into_iter().find(|extension| extension.extn_id.to_string() == "2.5.29.17");
        names.unwrap().extn_value
    };
    assert_eq!(names(&of_phone), names(&of_card), "name, date of birth, sex and address");
    assert!(of_phone.tbs_certificate().subject().to_string().contains("132210TEL"), "no desk handed it over");
    let places = |ca| CertificatePlace { ca, serial: serial(2) };
    assert_eq!(world.record(Ca::PhoneAuth, serial(2)).card, Some(places(Ca::Auth)));
    assert_eq!(world.record(Ca::PhoneSign, serial(2)).card, Some(places(Ca::Sign)));
    assert_eq!(world.application(1).body, reply.body);
    let position = world.position();
    let again = world.application(1).body;
    assert_eq!((again, world.position()), (reply.body, position));
}

#[test]
fn a_phones_signature_certificate_ends_with_the_first_of_what_it_stands_on_and_what_it_stands_beside() {
    let world = World::with_portal();
    let card = Card::of(&world, "sign first", PERSON);
    let mut body = application(Ca::Auth, PERSON);
    body["card_expires_on"] = json!("2028-05-31");
    Card::issued(&world, "auth", body.clone());
    let reply = world.apply(&card, "one", &BOTH, "key");
    for certificate in reply.body["certificates"].as_array().unwrap() {
        assert_eq!(not_after(certificate), "2028-05-31T23:59:59+09:00");
    }
    world.clock.set(jst("2028-05-31", 19, 0, 0));
    assert_eq!(world.apply(&card, "one", &[SIGN], "last day").status, 201);
    assert_eq!(world.apply(&card, "two", &BOTH, "last day in another").status, 201);
    world.clock.set(jst("2028-06-01", 9, 0, 0));
    assert_eq!(world.apply(&card, "two", &BOTH, "too late").problem(), (422, "no-time-left"));

    // The other way round: the user certificate was issued anew, and ends later.
    let world = World::with_portal();
    Card::issued(&world, "auth", body);
    let card = Card::of(&world, "sign until then", PERSON);
    Card::issued(&world, "auth anew", application(Ca::Auth, PERSON));
    let reply = world.apply(&card, "one", &BOTH, "key");
    let ends: Vec<_> = reply.body["certificates"].as_array().unwrap().iter().map(not_after).collect();
    assert!(ends[0] > ends[1] && ends[1] == "2028-05-31T23:59:59+09:00", "{ends:?}");
}

#[test]
fn an_application_is_refused_for_the_first_thing_wrong_in_it() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    let (now, no_user) = (world.now(), (409, "no-user-certificate"));
    assert_eq!(world.apply(&card, "one", &[SIGN], "no phone-auth").problem(), no_user);
    let alone = Card::of(&world, "alone", "12345678902");
    assert_eq!(world.apply(&alone, "one", &BOTH, "no auth").problem(), no_user);
    let user = Card::issued(&world, "user", application(Ca::Auth, "12345678903"));
    let not_ours = (422, "not-a-signature-certificate");
    assert_eq!(world.apply(&user, "one", &BOTH, "user").problem(), not_ours);
    let malformed = (422, "application-malformed");
    for asked in [&[][..], &[AUTH, AUTH], &["申請日時"]] {
        assert_eq!(world.apply(&card, "one", asked, "asked").problem(), malformed, "{asked:?}");
    }
    assert_eq!(world.apply(&card, "no_underscore", &BOTH, "phone").problem(), malformed);
    let root = "移動端末設備用電子証明書発行申請情報";
    let planted = paper(root, &[("端末識別子", "0123456789012345"), (AUTH, "planted")], "number", now);
    let refused = world.send_application("planted", &card.signs(&planted));
    assert_eq!((refused.problem(), &refused.body["field"]), ((422, "csr-malformed"), &json!("application")));
    assert!(!refused.body.to_string().contains("planted"));

    let signed = card.signs(&phone_application("one", &BOTH, "one", now));
    let issued = world.send_application("key 1", &signed);
    assert_eq!(issued.status, 201);
    assert_eq!(world.send_application("key 1", &signed), issued, "a retry has its answer");
    assert_eq!(world.send_application("key 2", &signed).problem(), (409, "application-used"));
    let key = phone_key().1;
    let with_key = |number: &str, elements: &[&str]| {
        let mut all = vec![("端末識別子", "0123456789012345")];
        all.extend(elements.iter().map(|element| (*element, key.as_str())));
        world.send_application(number, &card.signs(&paper(root, &all, number, now)))
    };
    assert_eq!(with_key("twice", &BOTH).problem(), (409, "key-seen-before"), "both for one key");
    assert_eq!(with_key("once", &[AUTH]).status, 201, "which is free then");
    assert_eq!(with_key("again", &[AUTH]).problem(), (409, "key-seen-before"));
    for party in [Party::Kiyose, Party::Hotline, Party::Operator, Party::Admin] {
        assert_eq!(world.post(party, "/phone/v1/applications", "key", &signed).problem(), (403, "wrong-role"));
    }
    for number in ["99", "x", "-1"] {
        let path = format!("/phone/v1/applications/{number}");
        assert_eq!(world.get(Party::Portal, &path).problem(), (404, "unknown-application"), "{number}");
    }
    let sign = json!({ "role": "desk", "name": "Kiyose", "municipality": "13221", "desk": "0TEL", "csr": "" });
    assert_eq!(world.post(Party::Admin, "/admin/v1/parties", "sign", &sign).problem(), (422, "not-in-form"));
}

#[test]
fn who_signs_must_be_good_at_the_second_of_recording() {
    let world = World::with_portal();
    let codes = ["12345678901", "12345678902", "12345678903"];
    let [held, meanwhile, user] = codes.map(|code| Card::whole(&world, code));
    world.hold("hold", codes[0]);
    assert_eq!(world.apply(&held, "one", &BOTH, "held").problem(), (409, "certificate-not-good"));
    let doors = world.0.clone();
    world.steps.at("phone.1-judged", move || drop(crate::support::Doors::new(doors).hold("in between", codes[1])));
    assert_eq!(world.apply(&meanwhile, "one", &BOTH, "meanwhile").problem(), (409, "certificate-not-good"));
    let doors = world.0.clone();
    world.steps.at("phone.1-judged", move || {
        drop(crate::support::Doors::new(doors).revoke("the user's", (Ca::Auth, serial(4)), "person_request"));
    });
    assert_eq!(world.apply(&user, "one", &BOTH, "user").problem(), (409, "no-user-certificate"));
    assert_eq!(world.store().waiting(), Ok(vec![]));
}

#[test]
fn a_new_phone_revokes_the_old_ones_certificates_in_the_same_transaction_and_the_same_phone_supersedes() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.apply(&card, "one", &BOTH, "first");
    assert_eq!(world.apply(&card, "one", &[SIGN], "the same phone").status, 201);
    assert_eq!(
        statuses(&world.application(1)),
        all(&[("phone-auth/2", "good"), ("phone-sign/2", "revoked superseded")])
    );
    assert_eq!(world.apply(&card, "two", &[SIGN], "sign in another").problem(), (409, "no-user-certificate"));
    let position = world.position();
    assert_eq!(world.apply(&card, "two", &[AUTH], "another phone").status, 201);
    assert_eq!(statuses(&world.application(1))["phone-auth/2"], "revoked cessationOfOperation");
    assert_eq!(statuses(&world.application(2)), all(&[("phone-sign/3", "revoked cessationOfOperation")]));
    let replaced: Vec<_> = world.recorded_since(position).into_iter().map(|open| open.event).collect();
    let issued = replaced.iter().position(|event| matches!(event, Event::Issued { .. })).unwrap();
    let by_it = |event: &Event| matches!(event, Event::Withdrawn { cause: Cause::PhoneReplaced, .. });
    assert!(replaced[issued + 1..issued + 3].iter().all(by_it), "{replaced:?}");
    assert_eq!(world.good(Ca::PhoneAuth), [serial(3)]);
    assert_eq!(world.good(Ca::Sign), [card.serial]);
}

#[test]
fn a_found_phones_user_certificate_is_released_and_its_signature_certificate_is_issued_anew_in_it() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.apply(&card, "one", &BOTH, "first");
    let found = |key: &str| world.send_found(key, &card.signs(&phone_found(key, world.now())));
    assert_eq!(found("nothing is held").problem(), (404, "unknown-certificate"));
    let held = all(&[("phone-auth/2", "held certificateHold"), ("phone-sign/2", "held certificateHold")]);
    assert_eq!(statuses(&world.hold_phone("lost", PERSON)), held);
    assert_eq!(world.apply(&card, "one", &[SIGN], "still lost").problem(), (409, "no-user-certificate"));
    world.clock.advance(60);
    let released = found("found");
    assert_eq!(statuses(&released), all(&[("phone-auth/2", "good"), ("phone-sign/2", "revoked superseded")]));
    assert_eq!(found("found again").problem(), (404, "unknown-certificate"));
    assert!(world.store().withdrawn(Ca::PhoneAuth, serial(2)).unwrap().is_none(), "no CRL lists it");
    let anew = world.apply(&card, "one", &[SIGN], "anew");
    assert_eq!(statuses(&anew), all(&[("phone-sign/3", "good")]));
    assert_eq!(world.good(Ca::PhoneAuth), [serial(2)]);

    world.hold_phone("lost again", PERSON);
    let at_desk = world.revoke("desk", (Ca::PhoneAuth, serial(2)), "phone_found");
    assert_eq!(statuses(&at_desk), all(&[("phone-auth/2", "good"), ("phone-sign/3", "revoked superseded")]));
    let again = world.revoke("desk again", (Ca::PhoneAuth, serial(2)), "phone_found");
    assert_eq!(again.problem(), (404, "unknown-certificate"), "nothing in it is held");
    assert_eq!(world.revoke("card", (Ca::Auth, serial(2)), "phone_found").problem(), (422, "not-in-form"));
    world.verify_log();
}

#[test]
fn a_phone_is_retired_with_its_own_signature_certificate_or_the_cards_and_a_notice_works_once() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    let (key, request) = phone_key();
    let elements = [("端末識別子", "0123456789012345"), (AUTH, &*phone_key().1), (SIGN, &*request)];
    let signed = card.signs(&paper("移動端末設備用電子証明書発行申請情報", &elements, "one", world.now()));
    let reply = world.send_application("key", &signed);
    let phone = Card::in_phone(key, &reply.body["certificates"][1]);
    let not_ours = (422, "not-a-signature-certificate");
    let another = phone.signs(&phone_application("two", &BOTH, "two", world.now()));
    assert_eq!(world.send_application("by the phone", &another).problem(), not_ours);
    let found = phone.signs(&phone_found("three", world.now()));
    assert_eq!(world.send_found("by the phone", &found).problem(), not_ours, "whoever has it could say so");

    let consent = phone.signs(&consent_to(BANK, &["氏名"], "consent", world.now()));
    assert_eq!(world.consent("by the phone", &consent).status, 201, "facts 4.2");
    let retired = phone.signs(&phone_retired("four", world.now()));
    let answer = world.send_retired("retired", &retired);
    let ended =
        all(&[("phone-auth/2", "revoked cessationOfOperation"), ("phone-sign/2", "revoked cessationOfOperation")]);
    assert_eq!(statuses(&answer), ended);
    assert_eq!(world.send_retired("retired", &retired), answer, "a retry has its answer");
    let by_card = card.signs(&phone_retired("five", world.now()));
    assert_eq!(world.send_retired("nothing left", &by_card).problem(), (404, "unknown-certificate"));
    assert_eq!((world.good(Ca::Auth), world.good(Ca::Sign)), (vec![serial(2)], vec![card.serial]));
}

#[test]
fn what_happens_to_the_cards_certificate_reaches_the_phones_at_once() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.apply(&card, "one", &BOTH, "first");
    let moved = statuses(&world.report("moved", PERSON, "moved"));
    assert_eq!((&*moved["phone-sign/2"], &*moved["phone-auth/2"]), ("revoked affiliationChanged", "good"));
    let lost = statuses(&world.revoke("lost", (Ca::Auth, serial(2)), "card_lost"));
    assert_eq!(lost, all(&[("auth/2", "revoked keyCompromise"), ("phone-auth/2", "revoked cessationOfOperation")]));
    let record = world.record(Ca::PhoneAuth, serial(2));
    assert_eq!(record.cause, Some(Cause::DeviceLost));
}

#[test]
fn the_latest_4_info_are_told_to_who_knows_the_phones_signature_certificate() {
    let world = World::with_portal();
    let card = Card::whole(&world, PERSON);
    world.consent("consent", &card.signs(&consent_to(BANK, &["氏名"], "consent", world.now())));
    world.apply(&card, "one", &BOTH, "first");
    world.clock.set(jst("2026-11-22", 9, 0, 0));
    let ask = |key: &str, ca: &str| {
        let body = json!({ "service": BANK.0, "ca": ca, "serial": "2" });
        world.post(Party::Operator, "/operators/v1/latest-info", key, &body)
    };
    let latest = ask("nothing newer", "phone-sign");
    assert_eq!((latest.status, &latest.body["newer"]), (200, &json!(false)), "{:?}", latest.body);
    assert_eq!(latest.body["asked"], json!({ "ca": "phone-sign", "serial": "2" }));
    assert_eq!(ask("no signature certificate", "phone-auth").problem(), (404, "unknown-certificate"));
    Card::of(&world, "renewed", PERSON);
    let newer = ask("newer", "phone-sign");
    assert_eq!((&newer.body["newer"], &newer.body["info"]["name"]), (&json!(true), &json!("黒桐　幹也")));
}
