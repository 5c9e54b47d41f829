//! Invented people at real municipalities, and what a desk writes of them.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use crate::calendar::{DAY_SECONDS, civil, month_days, text};
use crate::dice::Dice;
use crate::law::{Birth, birth_text};
use crate::model::{Application, Flaw, Info, Person};
use crate::world::MUNICIPALITIES;

const NAMES: [&str; 4] = ["黒桐　幹也", "綾瀬川　千景", "月見里　秋", "一　二三"];
const SEXES: [&str; 3] = ["male", "female", "unknown"];
const ADDRESSES: [(u32, [&str; 2]); 4] = [
    (1_100, ["北海道札幌市中央区夢見丘１－２", "北海道札幌市北区星見台３－４－５"]),
    (13_221, ["東京都清瀬市中里五丁目８４２番地", "東京都清瀬市観布子南１２－７－２０２"]),
    (14_100, ["神奈川県横浜市中区夢見坂１８－１－４", "神奈川県横浜市西区月見町９"]),
    (47_201, ["沖縄県那覇市天久台７－１", "沖縄県那覇市首里星見町２－２"]),
];

pub(crate) fn address(dice: &mut Dice, municipality: u32) -> &'static str {
    let (_, of) = ADDRESSES.iter().find(|(code, _)| *code == municipality).unwrap();
    dice.one_of(*of)
}

pub(crate) fn name(dice: &mut Dice) -> &'static str {
    dice.one_of(NAMES)
}

pub(crate) fn other_sex(sex: &str) -> &'static str {
    if sex == "male" { "female" } else { "male" }
}

/// Of any age; more often than in life on a 29 February, just 15, or on a day nobody knows.
pub(crate) fn birth(dice: &mut Dice, today: i64) -> Birth {
    let (this_year, month, day) = civil(today);
    match dice.below(10) {
        0 => (this_year / 4 * 4 - 4 * (1 + dice.below(18)), 2, 29),
        1 => (this_year - 1 - dice.below(80), 0, 0),
        2 => (this_year - 1 - dice.below(80), 1 + dice.below(12), 0),
        3 => (this_year - 15, 1 + dice.below(12), 1 + dice.below(28)),
        4 => (this_year - 16, month, day.min(28)),
        5 => (this_year - 2 - dice.below(10), 1 + dice.below(12), 1 + dice.below(28)),
        _ => {
            let (year, month) = (this_year - 17 - dice.below(70), 1 + dice.below(12));
            (year, month, 1 + dice.below(month_days(year, month)))
        }
    }
}

pub(crate) fn person(dice: &mut Dice, number: usize, now: i64) -> Person {
    let municipality = dice.one_of(MUNICIPALITIES);
    let today = now.div_euclid(DAY_SECONDS);
    let info = Info {
        name: name(dice),
        sex: dice.one_of(SEXES),
        birth: birth(dice, today),
        address: address(dice, municipality),
    };
    let mut person = Person::new(format!("{number:011}"), municipality, info);
    if dice.once_in(6) {
        person.stay_ends_on = Some(today + 30 + dice.below(1_500));
    }
    if dice.once_in(2) {
        person.card_expires_on = Some(today + 200 + dice.below(3_600));
    }
    person
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}

/// A new key and a certification request for it, with what is wrong with it.
pub(crate) fn key_and_csr(flaw: Option<Flaw>) -> (KeyPair, String) {
    let algorithm = if flaw == Some(Flaw::OtherAlgorithm) {
        &rcgen::PKCS_ECDSA_P384_SHA384
    } else {
        &rcgen::PKCS_ECDSA_P256_SHA256
    };
    let key = KeyPair::generate_for(algorithm).unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let mut der = request.der().to_vec();
    if flaw == Some(Flaw::WrongSignature) {
        *der.last_mut().unwrap() ^= 1;
    }
    (key, if flaw == Some(Flaw::NotCsr) { pem(b"no request") } else { pem(&der) })
}

/// The body of a request.
pub(crate) fn body(asked: &Application, resident_code: &str, csr: &str) -> String {
    let flawed = |flaw, wrong: &str, right: &str| if asked.flaw == Some(flaw) { wrong } else { right }.to_owned();
    let mut body = json!({
        "ca": flawed(Flaw::PhoneCa, "phone-sign", asked.ca.word()),
        "municipality": flawed(Flaw::NoSuchMunicipality, "13999", &format!("{:05}", asked.municipality)),
        "resident_code": flawed(Flaw::BadResidentCode, "0000000000", resident_code),
        "person": {
            "name": flawed(Flaw::BadCharacter, "Hanako", asked.info.name),
            "sex": asked.info.sex,
            "birth_date": flawed(Flaw::NoSuchDay, "1999-02-29", &birth_text(asked.info.birth)),
            "address": asked.info.address,
        },
        "csr": csr,
    });
    if let Some(day) = asked.card_expires_on {
        body["card_expires_on"] = text(day).into();
    }
    if let Some(day) = asked.stay_ends_on {
        body["stay_ends_on"] = text(day).into();
    }
    if asked.flaw == Some(Flaw::NoSuchCardDay) {
        body["card_expires_on"] = "2030-02-30".into();
    }
    if asked.flaw == Some(Flaw::NotJson) { body.to_string().replacen('{', "[", 1) } else { body.to_string() }
}
