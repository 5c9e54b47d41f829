//! Names and addresses as desks send them: what is refused and offered instead, what is taken, and what of it is told.
use ca::problem::CHARACTERS_TOLD_MAX;
use ca::record::IssueRecord;
use pki::identity::{Ca, Serial};
use registry::event::Event;
use serde_json::{Value, json};

use crate::support::{BANK, Card, Party, Reply, World, application, consent_to, jst};

const PERSON: &str = "12345678901";

/// A request in which the person has these besides, or instead.
fn with(person: &Value) -> Value {
    let mut body = application(Ca::Sign, PERSON);
    for (name, value) in person.as_object().unwrap() {
        body["person"][name] = value.clone();
    }
    body
}

fn refused(world: &World, person: &Value) -> Reply {
    let position = world.position();
    let reply = world.issue("key", &with(person));
    let recorded = world.recorded_since(position);
    let [open] = &recorded[..] else { panic!("one event: {recorded:?}") };
    let (_, slug) = reply.problem();
    assert_eq!(open.event, Event::Refused { problem: slug.to_owned() }, "nothing else is recorded");
    reply
}

/// The person as the certificate's sealed record has them.
fn kept(world: &World, ca: Ca, serial: Serial) -> IssueRecord {
    let row = world.record(ca, serial).intended_row.unwrap();
    minicbor::decode(&world.opened(row, &format!("{ca}/{serial}/intended")).unwrap()).unwrap()
}

#[test]
fn every_refused_character_of_all_texts_is_told_at_once_with_its_candidates() {
    let world = World::new();
    let person = json!({
        "name": "髙橋　𠮷子", "kana": "たかハシ　ﾖｼｺ", "former_name": "山﨑", "former_name_kana": "ヤマサキ",
        "address": "東京都清瀬市中里1-2 か\u{3099}",
    });
    let reply = refused(&world, &person);
    let character = |field: &str, code_point: &str, [position, first, last]: [usize; 3], candidates: &[&str]| {
        json!({
            "field": format!("person.{field}"), "code_point": code_point, "position": position,
            "first": first, "last": last, "candidates": candidates,
        })
    };
    let at = |position| [position; 3];
    assert_eq!(
        reply.body["characters"],
        json!([
            character("name", "U+9AD9", at(1), &["高"]),
            character("name", "U+20BB7", at(4), &["吉"]),
            character("kana", "U+305F", at(1), &["タ"]),
            character("kana", "U+304B", at(2), &["カ"]),
            character("kana", "U+FF96", at(6), &["ヨ"]),
            character("kana", "U+FF7C", at(7), &["シ"]),
            character("kana", "U+FF7A", at(8), &["コ"]),
            character("former_name", "U+FA11", at(2), &["崎", "埼", "碕", "嵜"]),
            character("address", "U+0031", at(9), &["１"]),
            character("address", "U+002D", at(10), &["－", "ー", "‐"]),
            character("address", "U+0032", at(11), &["２"]),
            character("address", "U+0020", at(12), &["\u{3000}"]),
            character("address", "U+3099", [14, 13, 14], &["が"]),
        ])
    );
    assert_eq!((reply.problem(), &reply.body["field"]), ((422, "character-not-allowed"), &json!("person.name")));
    let detail = "character 1 (U+9AD9) may not stand here, nor may 1 more; 13 in all fields; `characters` has 13 of them, \
                  with candidates";
    assert_eq!(reply.body["detail"], json!(detail));
    let corrected = json!({
        "name": "高橋　吉子", "name_substitutions": "10010", "kana": "タカハシ　ヨシコ", "former_name": "山崎",
        "former_name_substitutions": "01", "former_name_kana": "ヤマサキ", "address": "東京都清瀬市中里１－２　が",
    });
    assert_eq!(world.issue("key", &with(&corrected)).status, 201, "what was offered is taken, under the same key");
}

#[test]
fn an_answer_names_twenty_characters_and_says_how_many_there_are() {
    let world = World::new();
    let told = |name: String| {
        let reply = refused(&world, &json!({ "name": name, "former_name": "髙" }));
        (reply.body["characters"].as_array().unwrap().len(), reply.body["detail"].as_str().unwrap().to_owned())
    };
    let (count, detail) = told("ｱ".repeat(CHARACTERS_TOLD_MAX - 1));
    assert!(count == 20 && detail.contains("nor may 18 more; 20 in all"), "{count} {detail}");
    let (count, detail) = told("ｱ".repeat(100));
    assert!(count == 20 && detail.contains("nor may 99 more; 101 in all"), "{count} {detail}");
}

#[test]
fn a_character_beyond_the_plane_counts_as_one_however_json_writes_it() {
    let world = World::new();
    let post = |name: &str| {
        let body = with(&json!({ "name": "@" })).to_string().replace('@', name);
        world.call(Party::Kiyose, "POST", "/desk/v1/certificates", Some("key"), body.into_bytes())
    };
    for written in ["𠮷田　髙", "\\ud842\\udfb7田　\\u9ad9"] {
        let reply = post(written);
        let places: Vec<_> = reply.body["characters"].as_array().unwrap().iter().map(|one| &one["position"]).collect();
        assert_eq!(places, [1, 4], "{written}");
    }
    assert_eq!(post("\\ud842田").problem(), (400, "malformed-body"), "half of a pair is no character");
    let too_long = post(&"\\ud842\\udfb7".repeat(101));
    assert_eq!(too_long.problem(), (422, "not-in-form"));
    assert!(too_long.body["detail"].as_str().unwrap().contains("101 characters"));
}

#[test]
fn each_text_is_taken_up_to_its_limit_and_not_a_character_beyond() {
    let world = World::new();
    for (field, limit, character) in
        [("name", 100, "南"), ("former_name", 100, "南"), ("address", 200, "南"), ("kana", 200, "ナ")]
    {
        let reply = refused(&world, &json!({ field: character.repeat(limit + 1) }));
        assert_eq!((reply.problem(), &reply.body["field"]), ((422, "not-in-form"), &json!(format!("person.{field}"))));
        world.issued(field, &with(&json!({ field: character.repeat(limit) })));
    }
}

#[test]
fn readings_and_former_names_have_their_forms() {
    let world = World::new();
    for (person, slug, field) in [
        (json!({ "kana": "" }), "not-in-form", "kana"),
        (json!({ "kana": "コク　　ミキ" }), "not-in-form", "kana"),
        (json!({ "kana": "黒桐" }), "character-not-allowed", "kana"),
        (json!({ "former_name": "　黒桐" }), "not-in-form", "former_name"),
        (
            json!({ "former_name": "黒桐", "former_name_substitutions": "0" }),
            "not-in-form",
            "former_name_substitutions",
        ),
        (json!({ "former_name_substitutions": "0" }), "not-in-form", "former_name_substitutions"),
        (json!({ "former_name_kana": "コクトウ" }), "not-in-form", "former_name_kana"),
        (json!({ "former_name": "黒桐", "former_name_kana": "こくとう" }), "character-not-allowed", "former_name_kana"),
    ] {
        let reply = refused(&world, &person);
        assert_eq!(
            (reply.problem(), &reply.body["field"]),
            ((422, slug), &json!(format!("person.{field}"))),
            "{person}"
        );
    }
    assert_eq!(world.issue("key", &with(&json!({ "kana": null, "former_name": null }))).status, 201);
}

#[test]
fn a_reading_and_a_former_name_are_kept_in_the_record_and_are_in_no_certificate() {
    let world = World::new();
    let person = json!({ "kana": "コクトウ　ミキヤ", "former_name": "白純", "former_name_kana": "シラズミ" });
    for ca in Ca::CARD {
        let mut body = with(&person);
        body["ca"] = json!(ca.word());
        let serial = world.issued(ca.word(), &body);
        let record = kept(&world, ca, serial);
        let texts = ["コクトウ　ミキヤ", "白純", "シラズミ"];
        let person = &record.person;
        let told = [&person.kana, &person.former_name, &person.former_name_kana].map(|text| text.as_deref().unwrap());
        assert_eq!((told, person.former_name_substitutions.as_deref()), (texts, Some("00")));
        let in_certificate = |text: &str| record.octets.windows(text.len()).any(|octets| octets == text.as_bytes());
        assert_eq!(in_certificate("黒桐　幹也"), ca == Ca::Sign, "the search finds what is there");
        for text in texts {
            assert!(!in_certificate(text), "{text} in {ca}");
        }
    }
}

#[test]
fn the_name_is_told_with_its_reading_and_former_name_and_no_other_item_is() {
    let world = World::with_services();
    let card = Card::of(&world, "card", PERSON);
    assert_eq!(world.consent("consent", &card.signs(&consent_to(BANK, &["氏名"], "one", world.now()))).status, 201);
    world.clock.set(jst("2026-11-22", 0, 0, 0));
    let person = json!({
        "kana": "コクトウ　ミキヤ", "former_name": "白純", "former_name_substitutions": "01", "former_name_kana": "シラズミ",
    });
    Card::issued(&world, "renewed", with(&person));
    let mut expected = person;
    expected["name"] = json!("黒桐　幹也");
    expected["name_substitutions"] = json!("00000");
    assert_eq!(world.latest("asked", card.serial).body["info"], expected);

    let address = consent_to(BANK, &["住所"], "two", world.now().plus_seconds(1));
    let newest = Card::issued(&world, "newest", with(&json!({ "kana": "コクトウ　ミキヤ" })));
    assert_eq!(world.consent("narrower", &newest.signs(&address)).status, 201);
    world.clock.set(jst("2026-11-23", 0, 0, 0));
    let told = world.latest("asked again", card.serial).body["info"].clone();
    let told: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, ["address", "address_substitutions"]);
}

#[test]
fn after_a_change_a_new_reading_alone_is_not_the_change_and_a_new_former_name_is() {
    let world = World::new();
    world.issued("first", &application(Ca::Sign, PERSON));
    world.report("married", PERSON, "name_changed");
    let stale = world.issue("stale", &with(&json!({ "kana": "コクトウ　ミキヤ" })));
    assert_eq!(stale.problem(), (409, "resident-changed"));
    let now = json!({ "former_name": "白純", "former_name_kana": "シラズミ" });
    assert_eq!(world.issue("now", &with(&now)).status, 201, "氏名 includes 旧氏");
}
