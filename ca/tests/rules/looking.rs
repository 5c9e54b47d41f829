//! What a desk finds, and prints.
use pki::identity::Ca;
use serde_json::{Value, json};

use crate::support::{Party, Reply, World, application, application_for_both, jst};

const PERSON: &str = "12345678901";

fn search(world: &World, party: Party, resident_code: &str) -> Reply {
    let body = json!({ "resident_code": resident_code }).to_string().into_bytes();
    world.call(party, "POST", "/desk/v1/searches", None, body)
}

fn found(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let text = |one: &Value| {
        format!(
            "{}/{} {}",
            one["ca"].as_str().unwrap(),
            one["serial"].as_str().unwrap(),
            one["status"].as_str().unwrap()
        )
    };
    reply.body["certificates"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_person_is_found_by_the_resident_code_with_every_certificate_and_nothing_is_recorded() {
    let world = World::new();
    world.issue("both", &application_for_both(PERSON));
    world.clock.advance(1);
    world.issued("another card", &application(Ca::Auth, PERSON));
    world.hold("lost", PERSON);
    let position = world.position();
    let reply = search(&world, Party::Kiyose, PERSON);
    assert_eq!(found(&reply), ["sign/2 held", "auth/2 revoked", "auth/3 held"]);
    let first = &reply.body["certificates"][0];
    assert_eq!(first["not_after"], json!("2031-02-17T23:59:59+09:00"));
    assert_eq!((&first["municipality"], &first["not_before"]), (&json!("13221"), &json!("2026-11-21T12:00:00+09:00")));
    assert_eq!(found(&search(&world, Party::Kiyose, "00000000000")), Vec::<String>::new());
    assert_eq!(world.position(), position);
    assert_eq!(search(&world, Party::Kiyose, "1234").problem(), (422, "not-in-form"));
    assert_eq!(search(&world, Party::Hotline, PERSON).problem(), (403, "wrong-role"));
}

#[test]
fn a_desk_finds_what_its_municipality_issued_and_everything_of_who_lives_there_now() {
    let world = World::new();
    world.issued("before the move", &application(Ca::Auth, PERSON));
    assert_eq!(found(&search(&world, Party::Yokohama, PERSON)), Vec::<String>::new());
    world.report("moved", PERSON, "moved");
    let mut moved = application(Ca::Sign, PERSON);
    moved["municipality"] = json!("14100");
    moved["person"]["address"] = json!("神奈川県横浜市中区本町６丁目５０番地の１０");
    assert_eq!(world.post(Party::Yokohama, "/desk/v1/certificates", "after it", &moved).status, 201);
    assert_eq!(found(&search(&world, Party::Yokohama, PERSON)).len(), 2);
    assert_eq!(found(&search(&world, Party::Kiyose, PERSON)), ["auth/2 good"]);
}

#[test]
fn the_receipt_says_what_was_issued_to_whom_where_and_when() {
    let world = World::new();
    let mut body = application(Ca::Auth, PERSON);
    body["person"]["birth_date"] = json!("1980-02-00");
    body["person"]["name_substitutions"] = json!("10000");
    let issued = world.issue("auth", &body);
    world.clock.advance(60);
    let path = format!("/desk/v1/certificates/auth/{}/receipt", issued.serial());
    let receipt = world.get(Party::Kiyose, &path);
    assert_eq!(receipt.status, 200, "{:?}", receipt.body);
    let spki = {
        use der::Encode;
        let certificate = issued.certificate();
        certificate.tbs_certificate().subject_public_key_info().to_der().unwrap()
    };
    let key = registry::store::hex(&pki::algorithm::sha256(&spki));
    let expected = json!({
        "ca": "auth",
        "key": 1,
        "serial": "2",
        "status": "good",
        "issued_at": "2026-11-21T12:00:00+09:00",
        "not_before": "2026-11-21T12:00:00+09:00",
        "not_after": issued.body["not_after"],
        "key_sha256": key,
        "municipality": { "code": "13221", "name": "東京都清瀬市" },
        "desk": { "sign": "13221003A", "name": "Kiyose city hall" },
        "person": {
            "name": "黒桐　幹也",
            "name_substitutions": "10000",
            "sex": "male",
            "birth_date": "1980-02-00",
            "address": "東京都清瀬市中里五丁目８４２番地",
            "address_substitutions": "0".repeat("東京都清瀬市中里五丁目８４２番地".chars().count()),
        },
        "loss_line": ca::doors::LOSS_LINE,
    });
    assert_eq!(receipt.body, expected);
    assert_eq!(world.get(Party::Yokohama, &path).problem(), (403, "not-your-municipality"));
    assert_eq!(
        world.get(Party::Kiyose, "/desk/v1/certificates/auth/9/receipt").problem(),
        (404, "unknown-certificate")
    );
}

#[test]
fn a_receipt_of_what_is_not_issued_yet_is_refused_and_one_of_a_revoked_certificate_says_so() {
    let world = World::new();
    world.issue_stopped_at("issue.2-intended", "stopped", &application(Ca::Auth, PERSON));
    assert_eq!(world.get(Party::Kiyose, "/desk/v1/certificates/auth/2/receipt").problem(), (409, "issue-under-way"));
    world.0.recover().unwrap();
    world.clock.set(jst("2026-11-22", 9, 0, 0));
    world.report("gone", PERSON, "died");
    let receipt = world.get(Party::Kiyose, "/desk/v1/certificates/auth/2/receipt");
    assert_eq!((receipt.status, &receipt.body["status"]), (200, &json!("revoked")));
}
