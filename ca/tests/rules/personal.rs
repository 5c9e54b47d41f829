//! Where personal data must not be: in the registry's files in the clear, and in anything's Debug output.
use std::fmt::{Debug, Write};
use std::path::{Path, PathBuf};

use ca::disclosure::DisclosureRecord;
use ca::record::{IssueRecord, PersonRecord};
use ca::signed::ApplicationRecord;
use pki::identity::{Ca, Serial};
use pki::person::{Address, BesideName, FourInfo, Kana, PersonName, Sex};
use registry::event::CertificatePlace;
use registry::state::StateReads;
use serde_json::{Value, json};

use crate::support::{BANK, Card, World, application, consent_to, jst, withdrawal_of};

const RESIDENT_CODE: &str = "83920174655";
const NAME: &str = "両儀　式";
const KANA: &str = "リョウギ　シキ";
const FORMER_NAME: &str = "巫条";
const ADDRESS: &str = "東京都清瀬市竹丘三丁目１４番１５号伽藍の堂";

/// What would tell who it is: also the date of birth as requests, certificates and notAfter write it.
const PLANTED: [&str; 12] = [
    NAME,
    "両儀",
    ADDRESS,
    "伽藍の堂",
    RESIDENT_CODE,
    "1986-09-23",
    "19860923",
    "2031-09-23",
    "of-a-person",
    KANA,
    FORMER_NAME,
    // Refused, half-width and with marks apart: each character is told with its candidates.
    "ﾘｮｳｷﾞ",
];

fn planted(ca: Ca) -> Value {
    let mut body = application(ca, RESIDENT_CODE);
    body["person"]["name"] = json!(NAME);
    body["person"]["kana"] = json!(KANA);
    body["person"]["former_name"] = json!(FORMER_NAME);
    body["person"]["address"] = json!(ADDRESS);
    body["person"]["birth_date"] = json!("1986-09-23");
    body
}

/// Everything that can happen to the person, refusals and stops included.
fn live(world: &World) {
    world.issue_stopped_at("issue.1-judged", "stopped early", &planted(Ca::Auth));
    world.issue_stopped_at("issue.3-signed", "stopped late", &planted(Ca::Sign));
    world.0.recover().unwrap();
    let auth = world.issued("auth", &planted(Ca::Auth));
    world.issued("sign", &planted(Ca::Sign));
    for (pointer, value) in [
        ("/person/name", json!(format!("{NAME}😀"))),
        ("/person/address", json!(format!("{ADDRESS} {ADDRESS}"))),
        ("/person/kana", json!(PLANTED[11])),
        ("/person/kana", json!(NAME)),
        ("/person/former_name", json!(format!("{FORMER_NAME}ﾘｮｳｷﾞ"))),
        ("/person/former_name_substitutions", json!(FORMER_NAME)),
        ("/person/former_name_kana", json!(format!("{KANA}　"))),
        ("/person/birth_date", json!("1986-09-23x")),
        ("/person/sex", json!(NAME)),
        ("/resident_code", json!(format!("{RESIDENT_CODE}0"))),
        ("/municipality", json!(ADDRESS)),
        ("/ca", json!(NAME)),
        ("/csr", json!(NAME)),
        ("/person", json!(NAME)),
    ] {
        let mut body = planted(Ca::Sign);
        match pointer.rsplit_once('/') {
            Some((parent, name)) if !parent.is_empty() => body.pointer_mut(parent).unwrap()[name] = value,
            _ => *body.pointer_mut(pointer).unwrap() = value,
        }
        let refused = world.issue("refused", &body);
        assert!(refused.status >= 400, "{pointer}");
        let told = refused.body.to_string();
        assert!(PLANTED.iter().all(|text| !told.contains(text)), "{pointer}: {told}");
    }
    live_with_consents(world);
    world.hold("hold", RESIDENT_CODE);
    world.revoke("revoke", (Ca::Auth, auth), "card_lost");
    world.report("move", RESIDENT_CODE, "moved");
    world.report("refused", RESIDENT_CODE, NAME);
}

/// Consents, is told of, and withdraws; refusals included.
fn live_with_consents(world: &World) {
    let card = Card::issued(world, "card", planted(Ca::Sign));
    let all = ["氏名", "住所", "生年月日", "性別"];
    let paper = consent_to(BANK, &all, "of a person", world.now());
    assert!(paper.contains(PLANTED[8]));
    for (key, paper, status) in [
        ("malformed", paper.replace("氏名", NAME), 422),
        ("more", paper.replace("<申請番号>", &format!("{ADDRESS}<申請番号>")), 422),
        ("another name", paper.replace(BANK.1, NAME), 422),
        ("consent", paper.clone(), 201),
        ("used", paper, 409),
    ] {
        let reply = world.consent(key, &card.signs(&paper));
        let told = reply.body.to_string();
        assert_eq!(reply.status, status, "{told}");
        assert!(PLANTED.iter().all(|text| !told.contains(text)), "{told}");
    }
    world.clock.set(jst("2026-11-22", 12, 0, 0));
    Card::issued(world, "newer card", planted(Ca::Sign));
    let told = world.latest("asked", card.serial);
    assert_eq!(told.body["info"]["name"], json!(NAME));
    assert_eq!(world.latest("asked", card.serial), told);
    let newest = Card::issued(world, "newest card", planted(Ca::Sign));
    let withdrawal = withdrawal_of(BANK, "of a person", world.now());
    assert_eq!(world.withdraw("withdrawal", &newest.signs(&withdrawal)).status, 200);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_file_of_the_registry_tells_who_anybody_is() {
    let mut world = World::with_services();
    live(&world);
    // The write-ahead log first; the next start moves what it holds into tables.
    for kind in ["log", "sst"] {
        world.stop();
        let files = files(&world.registry_folder());
        let contents: Vec<_> = files.iter().map(|path| (path.extension(), std::fs::read(path).unwrap())).collect();
        for text in PLANTED {
            assert!(!contents.iter().any(|(_, octets)| holds(octets, text)), "{text} in {kind} or elsewhere");
        }
        for text in ["Kiyose city hall", "character-not-allowed"] {
            let found = contents.iter().any(|(of, octets)| of.is_some_and(|of| of == kind) && holds(octets, text));
            assert!(found, "the search finds what is there: {text} in {kind}");
        }
        world.start();
    }
}

#[test]
fn no_debug_output_tells_who_anybody_is() {
    let world = World::with_services();
    live(&world);
    let mut printed = String::new();
    let mut print = |value: &dyn Debug| writeln!(printed, "{value:?}").unwrap();
    for (key, ca) in [("answer-sign", Ca::Sign), ("answer-auth", Ca::Auth)] {
        let mut body = planted(ca);
        // Moved meanwhile.
        body["person"]["address"] = json!(format!("{ADDRESS}－３"));
        let ruling = world.rule(key, &body);
        let serial = ruling.as_ref().unwrap().body.value()["serial"].as_str().unwrap().parse().unwrap();
        print(&ruling);
        print(&world.record(ca, serial));
        print(&world.look_up((ca, serial)).status);
    }
    let mut wrong = planted(Ca::Sign);
    wrong["person"]["name"] = json!(format!("{NAME}😀"));
    print(&world.rule("refused", &wrong));
    wrong["person"]["kana"] = json!("ﾘｮｳｷﾞ ｼｷ");
    let refused = world.rule("refused again", &wrong);
    print(&refused);
    let told = refused.unwrap_err().to_json();
    assert_eq!(told["characters"].as_array().unwrap().len(), 1 + 8, "what Debug output must not tell is there: {told}");
    for row in world.store().rows(0) {
        let (_, row) = row.unwrap();
        print(&row.decode().unwrap());
        print(&row.sealed);
    }
    for ca in Ca::ALL {
        print(&world.store().key_ranges(ca).unwrap());
    }
    let person = FourInfo {
        name: PersonName::new(NAME, None).unwrap(),
        sex: Sex::Female,
        birth_date: "1986-09-23".parse().unwrap(),
        address: Address::new(ADDRESS, None).unwrap(),
    };
    let beside_name = BesideName {
        kana: Some(Kana::new(KANA).unwrap()),
        former_name: Some(PersonName::new(FORMER_NAME, None).unwrap()),
        former_name_kana: None,
    };
    print(&beside_name);
    let octets = NAME.as_bytes().to_vec();
    print(&IssueRecord { octets, person: PersonRecord::new(&person, &beside_name), not_after_seconds: 1_947_942_000 });

    print(&ApplicationRecord {
        application: NAME.as_bytes().to_vec(),
        signature: NAME.as_bytes().to_vec(),
        form: "raw".to_owned(),
        signer: CertificatePlace { ca: Ca::Sign, serial: Serial::FIRST },
    });
    print(&DisclosureRecord { answer: NAME.as_bytes().to_vec() });

    for text in PLANTED {
        assert!(!printed.contains(text), "{text}");
    }
    assert!(!printed.contains("U+FF98") && !printed.contains('リ'), "refused characters together may be a name");
    assert!(!printed.contains("BEGIN CERTIFICATE"), "a signature certificate carries the 4 info");
    let name_octets = format!("{:?}", NAME.as_bytes());
    assert!(!printed.contains(name_octets.trim_matches(['[', ']'])), "not as numbers either");
}
