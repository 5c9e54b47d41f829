//! What is refused is forgotten.
use serde_json::json;

use super::scene::{fresh_key, with};
use super::support::{Akashi, CardKey, Resident};

#[test]
fn a_refused_persons_data_is_in_no_answer_log_metric_or_file() {
    let mut akashi = Akashi::init();
    akashi.start_with(&[("AKASHI_LOG", "debug")]);
    let desk = akashi.desk("13221", "003A");
    let residents = akashi.register("residents");
    let (name, address, code) = ("幻野　架空子", "東京都清瀬市夢見台１２３－４５６", "98765432109");
    let person = Resident { name, address, resident_code: code, ..Resident::MIKIYA };
    let application = person.application("sign", &CardKey::generate());
    let name_with = |added: &str| json!(format!("{name}{added}"));
    let refused = [
        with(&application, "/csr", json!("nonsense")),
        with(&application, "/municipality", json!("27100")),
        with(&application, "/person/birth_date", json!("1980-02-30")),
        with(&application, "/person/name", name_with("髙")),
        with(&application, "/person/address", json!(format!("{address}A"))),
        with(&application, "/person/name_substitutions", json!(name)),
        with(&application, "/person", with(&application["person"], "/kana", json!("ﾏﾎﾞﾛｼﾉ"))),
        with(&application, "/person/sex", json!(name)),
        with(&application, "/ca", json!(name)),
        with(&application, "/resident_code", json!(format!("{code}{code}"))),
        with(&application, "/unknown", json!(name)),
        with(&application, "/card_expires_on", json!("2001-01-01")),
        json!({ name: address }),
        json!(name),
    ];
    let mut said = String::new();
    for body in &refused {
        let answer = desk.request_certificate(&fresh_key(), body);
        assert!((400..500).contains(&answer.status), "{body}");
        said += &answer.text();
    }
    let change = json!({ "resident_code": code, "change": name, "effective_on": "2026-11-21" });
    said += &residents.post("/residents/v1/changes", &fresh_key(), &change).text();
    // Once more in a request that is granted: what is kept of it is sealed.
    desk.request_certificate(&fresh_key(), &application).expect(201);
    assert!(said.contains("U+FF8F") && said.contains("マ"), "the desk is told which characters: {said}");
    let mut kept = akashi.metrics() + &akashi.audit();
    akashi.stop();
    kept += &akashi.log();
    assert!(!kept.contains("U+") && !kept.contains("マ"), "nobody else is");
    said += &kept;
    for planted in [name, address, code] {
        assert!(!said.contains(planted), "{planted} was said");
    }
    let files = files_under(&akashi.path("data"));
    assert!(files.iter().any(|(path, _)| path.contains("registry")), "the registry's files were looked at");
    for (path, octets) in files {
        for planted in [name, address, code] {
            let found = octets.windows(planted.len()).any(|window| window == planted.as_bytes());
            assert!(!found, "{planted} lies open in {path}");
        }
    }
}

fn files_under(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_under(&path)
            } else {
                vec![(path.display().to_string(), std::fs::read(&path).unwrap())]
            }
        })
        .collect()
}
