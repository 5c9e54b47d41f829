//! What is told of a person, when, and what of it stays.
use ca::authority::Asked;
use ca::disclosure::DisclosureRecord;
use ca::signed::ApplicationRecord;
use hsm_mock::{KeyLabel, Token};
use pki::identity::{Ca, Serial};
use registry::event::{Door, Event};
use registry::row::Open;
use registry::seal::VaultError;
use registry::store::hex;
use serde_json::{Value, json};

use crate::support::{BANK, Card, Doors, Party, World, application, consent_to, jst, withdrawal_of};

const PERSON: &str = "12345678901";
const ALL: [&str; 4] = ["氏名", "住所", "生年月日", "性別"];

/// A person who consented to these items yesterday, with the certificate that signed it.
fn consented(items: &[&str]) -> (World, Card) {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    assert_eq!(world.consent("consent", &card.signs(&consent_to(BANK, items, "one", world.now()))).status, 201);
    world.clock.set(jst("2026-11-22", 0, 0, 0));
    (world, card)
}

/// The person's new certificate.
fn renewed(doors: &Doors, name: &str) -> Card {
    let mut body = application(Ca::Sign, PERSON);
    body["person"]["birth_date"] = json!("1980-02-00");
    body["person"]["sex"] = json!("female");
    body["person"]["name_substitutions"] = json!("01000");
    Card::issued(doors, name, body)
}

fn disclosures(world: &World) -> usize {
    let disclosed = |open: &Open| matches!(open.event, Event::Disclosed { .. });
    world.recorded_since(0).iter().filter(|open| disclosed(open)).count()
}

#[test]
fn a_consent_begins_on_the_day_after_its_receipt_and_ends_with_the_last_second_of_its_ten_years() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    for (number, received, from, until) in [
        (1, jst("2026-11-21", 23, 59, 59), "2026-11-22T00:00:00+09:00", "2036-11-21T23:59:59+09:00"),
        (2, jst("2026-11-22", 0, 0, 0), "2026-11-23T00:00:00+09:00", "2036-11-22T23:59:59+09:00"),
        (3, jst("2028-02-29", 12, 0, 0), "2028-03-01T00:00:00+09:00", "2038-02-28T23:59:59+09:00"),
    ] {
        world.clock.set(received);
        let key = format!("consent {number}");
        let given = world.consent(&key, &card.signs(&consent_to(BANK, &["氏名"], &key, world.now())));
        assert_eq!(
            (given.status, &given.body["in_force_from"], &given.body["in_force_until"]),
            (201, &json!(from), &json!(until))
        );
    }
    let (world, card) = consented(&["氏名"]);
    let state = |at| {
        world.clock.set(at);
        let state = world.get(Party::Operator, "/operators/v1/consents/1").body["state"].clone();
        let reply = world.latest(&at.to_string(), card.serial);
        (state, reply.status, reply.problem().1.to_owned())
    };
    let none = "no problem".to_owned();
    assert_eq!(state(jst("2026-11-22", 0, 0, 0)), (json!("in_force"), 200, none));
    // The certificate expired years ago; the consent did not.
    assert_eq!(state(jst("2036-11-21", 23, 59, 59)), (json!("in_force"), 409, "no-latest-info".to_owned()));
    assert_eq!(state(jst("2036-11-22", 0, 0, 0)), (json!("expired"), 403, "consent-expired".to_owned()));

    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    assert_eq!(world.latest("none", card.serial).problem(), (403, "consent-missing"));
    world.consent("consent", &card.signs(&consent_to(BANK, &["氏名"], "one", world.now())));
    world.clock.set(jst("2026-11-21", 23, 59, 59));
    assert_eq!(world.latest("a second before", card.serial).problem(), (403, "consent-not-in-force"));
}

#[test]
fn only_what_was_consented_to_is_told_in_the_desks_forms() {
    let fields = [
        ("氏名", json!({ "name": "黒桐　幹也", "name_substitutions": "01000" })),
        ("住所", json!({ "address": "東京都清瀬市中里五丁目８４２番地", "address_substitutions": "0".repeat(16) })),
        ("生年月日", json!({ "birth_date": "1980-02-00" })),
        ("性別", json!({ "sex": "female" })),
    ];
    for (item, expected) in &fields {
        let (world, card) = consented(&[*item]);
        renewed(&world, "renewed");
        assert_eq!(&world.latest("asked", card.serial).body["info"], expected, "{item}");
    }
    let (world, card) = consented(&ALL);
    renewed(&world, "renewed");
    let told = world.latest("asked", card.serial).body["info"].clone();
    let all: serde_json::Map<_, _> = fields.iter().flat_map(|(_, part)| part.as_object().unwrap().clone()).collect();
    assert_eq!(told, Value::Object(all));
}

#[test]
fn nothing_is_told_from_a_certificate_that_is_not_good_or_not_true_any_more() {
    let told = |world: &World, card: &Card, key: &str| {
        let reply = world.latest(key, card.serial);
        (reply.status, reply.problem().1.to_owned(), reply.body["detail"].clone())
    };
    let mut details = Vec::new();
    for change in ["held", "revoked", "moved", "died", "expired"] {
        let (world, card) = consented(&ALL);
        let latest = renewed(&world, "renewed");
        assert_eq!(world.latest("before", card.serial).status, 200);
        match change {
            "held" => drop(world.hold("hold", PERSON)),
            "revoked" => drop(world.revoke("revoke", (Ca::Sign, latest.serial), "card_lost")),
            "expired" => {
                let (_, not_after) = world.look_up((Ca::Sign, latest.serial)).validity();
                world.clock.set(not_after);
                assert_eq!(world.latest("last second", card.serial).status, 200);
                world.clock.advance(1);
            }
            _ => drop(world.report("report", PERSON, change)),
        }
        let (status, problem, detail) = told(&world, &card, "after");
        assert_eq!((status, problem.as_str()), (409, "no-latest-info"), "{change}");
        details.push(detail);
    }
    details.dedup();
    assert_eq!(details.len(), 1, "why is the person's business: {details:?}");

    let (world, card) = consented(&ALL);
    let user = Card::issued(&world, "user", application(Ca::Auth, "12345678902"));
    for (ca, serial, problem) in [
        ("sign", "99", (404, "unknown-certificate")),
        ("sign", "1", (404, "unknown-certificate")),
        ("auth", &*user.serial.to_string(), (404, "unknown-certificate")),
        ("mobile", "2", (422, "not-in-form")),
        ("sign", "x", (422, "not-in-form")),
    ] {
        let body = json!({ "service": BANK.0, "ca": ca, "serial": serial });
        assert_eq!(
            world.post(Party::Operator, "/operators/v1/latest-info", "k", &body).problem(),
            problem,
            "{ca}/{serial}"
        );
    }
    assert_eq!(world.latest("known", card.serial).status, 200);
}

#[test]
fn answers_about_people_are_recorded_and_keep_nobody_from_being_heard() {
    let (world, card) = consented(&ALL);
    world.report("move", PERSON, "moved");
    let position = world.position();
    for number in 0..121 {
        assert_eq!(world.latest(&format!("asked {number}"), card.serial).problem(), (409, "no-latest-info"));
    }
    assert_eq!(world.position(), position + 121);
    let other = Card::of(&world, "other", "12345678902");
    assert_eq!(world.withdraw("w", &other.signs(&withdrawal_of(BANK, "two", world.now()))).status, 200);
    // Mistakes keep counting.
    for number in 0..120 {
        assert_eq!(world.latest("mistake", Serial::new(999).unwrap()).problem().0, 404, "{number}");
    }
    assert_eq!(world.latest("one more", Serial::new(999).unwrap()).problem(), (429, "too-many-refusals"));
}

#[test]
fn a_withdrawal_between_look_up_and_answer_lets_nothing_out() {
    let (world, card) = consented(&ALL);
    let latest = renewed(&world, "renewed");
    let authority = world.0.clone();
    let withdrawal = latest.signs(&withdrawal_of(BANK, "two", world.now()));
    world.steps.at("disclosure.1-judged", move || {
        assert_eq!(Doors::new(authority).withdraw("withdrawal", &withdrawal).status, 200);
    });
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-withdrawn"));
    assert_eq!(disclosures(&world), 0);
}

#[test]
fn a_certificate_that_comes_or_goes_between_look_up_and_answer_counts() {
    let (world, card) = consented(&ALL);
    let authority = world.0.clone();
    world.steps.at("disclosure.1-judged", move || drop(renewed(&Doors::new(authority), "meanwhile")));
    let told = world.latest("asked", card.serial);
    assert_eq!((told.status, &told.body["newer"]), (200, &json!(true)), "it starts over: {:?}", told.body);
    assert_eq!(told.body["info"]["sex"], json!("female"));
    let authority = world.0.clone();
    world.steps.at("disclosure.1-judged", move || drop(Doors::new(authority).hold("hold", PERSON)));
    assert_eq!(world.latest("held", card.serial).problem(), (409, "no-latest-info"));
    assert_eq!(disclosures(&world), 1);
    let clock = world.clock.clone();
    let newest = renewed(&world, "after the hold");
    world.steps.at("disclosure.1-judged", move || clock.set(jst("2036-11-22", 0, 0, 0)));
    assert_eq!(world.latest("ended", newest.serial).problem(), (403, "consent-expired"));
}

#[test]
fn the_same_request_has_the_same_answer_as_long_as_the_consent_covers_it() {
    let (mut world, card) = consented(&ALL);
    renewed(&world, "renewed");
    let told = world.latest("asked", card.serial);
    let latest = renewed(&world, "renewed again");
    world.restart();
    assert_eq!(world.latest("asked", card.serial), told, "whatever was issued since");
    assert_eq!(disclosures(&world), 1);
    assert_eq!(world.latest("asked", latest.serial).problem(), (422, "idempotency-key-reused"));
    let body = json!({ "service": BANK.0, "ca": "sign", "serial": card.serial.to_string() });
    let by_other = world.post(Party::OtherOperator, "/operators/v1/latest-info", "asked", &body);
    assert_eq!(by_other.problem(), (403, "not-your-service"));

    let narrower = consent_to(BANK, &["氏名"], "two", world.now());
    assert_eq!(world.consent("narrower", &latest.signs(&narrower)).status, 201);
    assert_eq!(world.latest("asked", card.serial), told, "the new consent begins tomorrow");
    world.clock.set(jst("2026-11-23", 0, 0, 0));
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-narrowed"));
    let anew = world.latest("anew", card.serial);
    assert_eq!(anew.body["info"], json!({ "name": "黒桐　幹也", "name_substitutions": "01000" }));
    assert_eq!(anew.body["consent"], json!(2));
    assert_eq!(world.withdraw("w", &latest.signs(&withdrawal_of(BANK, "three", world.now()))).status, 200);
    for key in ["asked", "anew", "once more"] {
        assert_eq!(world.latest(key, card.serial).problem(), (403, "consent-withdrawn"), "{key}");
    }
}

#[test]
fn a_withdrawal_stops_a_retry_for_which_the_token_takes_its_time() {
    let (world, card) = consented(&ALL);
    let latest = renewed(&world, "renewed");
    assert_eq!(world.latest("asked", card.serial).status, 200);
    let authority = world.0.clone();
    let withdrawal = latest.signs(&withdrawal_of(BANK, "two", world.now()));
    world.steps.at("vault.unwrap", move || {
        assert_eq!(Doors::new(authority).withdraw("withdrawal", &withdrawal).status, 200);
    });
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-withdrawn"));
}

#[test]
fn an_answer_stands_on_the_consent_under_which_it_was_told_and_on_no_newer_one() {
    let (world, card) = consented(&["氏名"]);
    let latest = renewed(&world, "renewed");
    let told = world.latest("asked", card.serial);
    assert_eq!(told.body["consent"], json!(1));
    assert_eq!(world.withdraw("w", &latest.signs(&withdrawal_of(BANK, "two", world.now()))).status, 200);
    world.clock.advance(301);
    let anew = consent_to(BANK, &ALL, "three", world.now());
    assert_eq!(world.consent("anew", &latest.signs(&anew)).status, 201);
    world.clock.set(jst("2026-11-23", 0, 0, 0));
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-withdrawn"));
    assert_eq!(world.latest("asked anew", card.serial).body["consent"], json!(2));
}

#[test]
fn an_answer_that_is_kept_no_more_is_told_no_more_because_its_consent_ended() {
    let (world, card) = consented(&["氏名"]);
    assert_eq!(world.latest("asked", card.serial).status, 200);
    world.clock.set(jst("2037-01-01", 0, 0, 0));
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-expired"));
    world.token.destroy(&KeyLabel::new("year-2036").unwrap()).unwrap();
    assert_eq!(world.latest("asked", card.serial).problem(), (403, "consent-expired"));
}

#[test]
fn a_process_that_stops_while_it_tells_leaves_nothing_or_the_answer() {
    for (step, events) in [("disclosure.1-judged", 0), ("disclosure.2-recorded", 1)] {
        let (mut world, card) = consented(&ALL);
        renewed(&world, "renewed");
        let position = world.position();
        let body = json!({ "service": BANK.0, "ca": "sign", "serial": card.serial.to_string() }).to_string();
        let asked = Asked { path: "/operators/v1/latest-info", idempotency_key: "key", body: body.as_bytes() };
        let caller = world.caller(Party::Operator, Door::Operators);
        world.stopped_at(step, || world.0.latest_info(&caller, &asked));
        world.restart();
        assert_eq!((world.position(), disclosures(&world)), (position + events, usize::try_from(events).unwrap()));
        let latest = renewed(&world, "renewed again");
        let told = world.latest("key", card.serial);
        let newest = if events == 0 { latest.serial } else { Serial::new(latest.serial.get() - 1).unwrap() };
        assert_eq!(told.body["certificate"]["serial"], json!(newest.to_string()), "{step}");
        assert_eq!(told.body["disclosure"], json!(1));
        assert_eq!(world.latest("key", card.serial), told);
        assert_eq!(disclosures(&world), 1, "after {step}");
        world.verify_log();
    }
}

#[test]
fn what_was_told_is_on_record_before_it_leaves_and_after_a_restart() {
    let (mut world, card) = consented(&["氏名"]);
    let latest = renewed(&world, "renewed");
    let position = world.position();
    let authority = world.0.clone();
    world.steps.at("disclosure.2-recorded", move || {
        assert_eq!(authority.registry().store().tree_edge().unwrap().size(), position + 1, "not answered yet");
    });
    let told = world.latest("asked", card.serial);
    assert_eq!(told.status, 200);
    world.restart();
    let recorded = world.recorded_since(position);
    let [Open { event: Event::Disclosed { disclosure, request, asked, told: place, items, .. }, .. }] = &recorded[..]
    else {
        panic!("one event: {recorded:?}")
    };
    assert_eq!((disclosure.0, asked.serial, place.serial), (1, card.serial, latest.serial));
    assert_eq!(items.unwrap().0.iter().map(registry::consent::Item::word).collect::<Vec<_>>(), ["name"]);
    let place = format!("disclosure/{}/{}", request.party.0, hex(&request.key_hash));
    let sealed: DisclosureRecord = minicbor::decode(&world.opened(position, &place).unwrap()).unwrap();
    let mut answer: Value = serde_json::from_slice(&sealed.answer).unwrap();
    answer["disclosure"] = json!(1);
    assert_eq!(answer, told.body, "exactly what was answered");
    assert_eq!(world.opened(position, "disclosure/1/00"), Err(VaultError::Altered));
    world.verify_log();
}

#[test]
fn sealed_applications_and_answers_open_until_the_key_of_their_year_is_destroyed() {
    let (world, card) = consented(&["氏名"]);
    let latest = renewed(&world, "renewed");
    assert_eq!(world.latest("asked", card.serial).status, 200);
    let paper = withdrawal_of(BANK, "two", world.now());
    assert_eq!(world.withdraw("withdrawal", &latest.signs(&paper)).status, 200);
    let rows: Vec<_> = world.recorded_since(0).into_iter().enumerate().collect();
    let row_of = |find: &dyn Fn(&Event) -> Option<String>| {
        rows.iter().find_map(|(row, open)| Some((u64::try_from(*row).unwrap(), find(&open.event)?))).unwrap()
    };
    let application_place = |hash: &[u8; 32]| Some(format!("application/{}", hex(hash)));
    let consent = row_of(&|event| match event {
        Event::ConsentGiven { application_hash, .. } => application_place(application_hash),
        _ => None,
    });
    let withdrawal = row_of(&|event| match event {
        Event::ConsentWithdrawn { application_hash, .. } => application_place(application_hash),
        _ => None,
    });
    let disclosure = row_of(&|event| match event {
        Event::Disclosed { request, .. } => Some(format!("disclosure/{}/{}", request.party.0, hex(&request.key_hash))),
        _ => None,
    });
    let record: ApplicationRecord = minicbor::decode(&world.opened(withdrawal.0, &withdrawal.1).unwrap()).unwrap();
    assert_eq!((&*record.application, &*record.form, record.signer.serial), (paper.as_bytes(), "raw", latest.serial));
    // In force until 2036-11-21, kept ten years from the day after; told on 2026-11-22.
    for (rows, year) in [(vec![&consent, &withdrawal], 2046), (vec![&disclosure], 2036)] {
        for (row, place) in &rows {
            assert!(world.opened(*row, place).is_ok());
        }
        world.token.destroy(&KeyLabel::new(&format!("year-{year}")).unwrap()).unwrap();
        for (row, place) in rows {
            let forgotten = Err(VaultError::Forgotten(registry::seal::RetentionYear(year)));
            assert_eq!(world.opened(*row, place), forgotten, "{place}");
        }
    }
    world.verify_log();
    let used = world.withdraw("again", &latest.signs(&paper));
    assert_eq!(used.problem(), (409, "application-used"), "what is forgotten does not work again");
    assert_eq!(card.serial, Serial::new(2).unwrap());
}
