//! Batches from files, over the network: a bad row, a row again, a connection that breaks, a server that dies.
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use akashi::client::http::{Client, ClientFiles};
use registry::Store;
use registry::event::Event;
use serde_json::{Value, json};

use crate::scene::{Scene, akashi};
use crate::support::CardKey;

fn code(number: u32) -> String {
    format!("2{number:010}")
}

/// So many people died: JSON Lines.
fn deaths(count: u32) -> String {
    let row = |number| json!({ "resident_code": code(number), "change": "died", "effective_on": "2026-11-20" });
    (1..=count).map(|number| format!("{}\n", row(number))).collect::<Vec<_>>().concat()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn lines(path: &str) -> Vec<Value> {
    read(path).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What the log says was reported, row by row.
fn reported(scene: &Scene) -> usize {
    let store = Store::open_read_only(&scene.server.path("data/registry")).expect("the registry opens");
    let events = store.rows(0).map(|row| row.expect("a row").1.decode().expect("an event").event);
    events.filter(|event| matches!(event, Event::ResidentChanged { .. })).count()
}

fn standing(scene: &Scene, batch: &str) -> Value {
    scene.run(&["residents", "batch-status", batch, "--json"]).ends_with(0).json()
}

#[test]
fn the_register_reports_a_file_corrects_what_was_refused_and_nothing_happens_twice() {
    let scene = Scene::new();
    let serial = scene.issue("sign");
    let mut csv =
        "resident_code,change,effective_on\n12345678901,moved,2026-11-21\n1234567890,died,2026-11-21\n".to_owned();
    csv.extend((3..=400).map(|number| format!("{},left_japan,2026-11-21\n", code(number))));
    let file = scene.file("changes.csv", &csv);
    let (rejects, answers) = (scene.path("rejects.csv"), scene.path("answers.jsonl"));
    let all = ["residents", "batch", &file, "--batch", "day/1", "--rejects", &rejects, "--out", &answers];
    let told = scene.run(&all).ends_with(3);
    assert_eq!(told.out, "rows: 400\ndone: 399\nrefused: 1\nnot_now: 0\nvisible: true\n");
    assert!(!told.err.contains('\r') && !told.err.contains("rows/s"), "a bar is for terminals: {}", told.err);
    assert_eq!(scene.server.ocsp("sign", &serial).status, "revoked");
    let answered = lines(&answers);
    assert_eq!((answered.len(), &answered[0]["certificates"][0]["reason"]), (400, &json!("affiliationChanged")));
    assert_eq!(standing(&scene, "day/1"), json!({ "done": 399, "refused": 1, "answered_up_to": 400 }));

    let refused = read(&rejects);
    assert!(refused.starts_with("row,resident_code,") && refused.contains("\n2,1234567890,died,"), "{refused}");
    let mode = std::fs::metadata(&rejects).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it is about a person");
    std::fs::write(&rejects, refused.replace("1234567890,", &format!("{},", code(2)))).expect("written");
    let corrected = ["residents", "batch", &rejects, "--batch", "day/1", "--json"];
    assert_eq!(scene.run(&corrected).ends_with(0).json()["done"], 1);
    assert_eq!(standing(&scene, "day/1"), json!({ "done": 400, "refused": 0, "answered_up_to": 400 }));

    let position = scene.server.log_position();
    assert_eq!(scene.run(&corrected).ends_with(0).json()["done"], 1);
    assert_eq!(scene.server.log_position(), position, "the same again is answered from the record");
    scene.run(&["residents", "batch", &file, "--batch", "day/1", "--out", &answers]).ends_with(3);
    let again = lines(&answers);
    assert_eq!((&again[0], &again[2..]), (&answered[0], &answered[2..]), "the same answers");
    assert_eq!(reported(&scene), 400);
    scene.server.audit();
}

#[test]
fn a_server_that_dies_within_and_between_commits_leaves_whole_rows_and_the_same_command_does_the_rest() {
    const ROWS: u32 = 2_000;
    let mut scene = Scene::new();
    let file = scene.file("deaths.jsonl", &deaths(ROWS));
    let command = ["residents", "batch", &file, "--batch", "2026-11-20"];
    let mut before = 0;
    for (step, count) in [("batch.2-recorded", "2"), ("batch.1-staged", "1500")] {
        scene.server.stop();
        scene.server.start_with(&[("AKASHI_KILL_AFTER", step), ("AKASHI_KILL_AFTER_COUNT", count)]);
        scene.run(&command).ends_with(1);
        assert_eq!(scene.server.wait_until_dead().signal(), Some(9), "{step}");
        scene.server.start();
        let standing = standing(&scene, "2026-11-20");
        let done = standing["done"].as_u64().expect("a number");
        assert!(before < done && done < ROWS.into(), "{step}: {done}");
        assert_eq!(standing["answered_up_to"], done, "{step}: rows are done in their order");
        assert_eq!(reported(&scene) as u64, done, "{step}: what is done is recorded, and nothing else");
        before = done;
    }
    let told = scene.run(&command).ends_with(0);
    assert!(told.out.contains("rows: 2000\ndone: 2000\n"), "{}", told.out);
    assert_eq!(reported(&scene), ROWS as usize, "each row once");
    scene.server.audit();
}

#[tokio::test]
async fn a_sender_that_goes_away_leaves_whole_rows_and_sends_them_again() {
    const ROWS: u32 = 20_000;
    let scene = Scene::new();
    let url = scene.server.api_url();
    let text = |name: &str| read(&scene.path(name));
    let (bundle, certificate, key) = (text("data/tls/party-ca.pem"), text("residents.crt"), text("residents.key"));
    let files = ClientFiles { api_url: &url, ca_bundle_pem: &bundle, certificate_pem: &certificate, key_pem: &key };
    let mut client = Client::new(&files).expect("the files are good");
    let numbered = |(row, line): (u32, &str)| format!("{{\"row\":{row},{}\n", &line[1..]);
    let rows = (1..).zip(deaths(ROWS).lines()).map(numbered).collect::<Vec<_>>().concat();
    let path = "/residents/v1/batches/broken";
    let begun = tokio::sync::Notify::new();
    let first_answer = &mut |_| begun.notify_one();
    tokio::select! {
        biased;
        () = begun.notified() => {}
        ended = client.post_lines(path, rows.clone().into(), first_answer) => panic!("all came at once: {ended:?}"),
    }
    let mut answers = Vec::new();
    client.post_lines(path, rows.into(), &mut |line| answers.push(line)).await.expect("an answer to its end");
    let summary = answers.pop().expect("a last line");
    assert_eq!((answers.len(), &summary["summary"]["done"]), (ROWS as usize, &json!(ROWS)));
    assert!((1..).zip(&answers).all(|(row, answer)| answer["row"] == row && answer["status"] == 200));
    assert_eq!(reported(&scene), ROWS as usize, "each row once");
}

/// A table of requests of invented people: the second with its PEM, the third with a half-width name.
fn requests(scene: &Scene) -> String {
    for name in ["1.csr", "3.csr"] {
        scene.card(name);
    }
    let pem = CardKey::generate().csr;
    format!(
        "ca,municipality,resident_code,person.name,person.sex,person.birth_date,person.address,csr\n\
         auth,13221,{},黒桐　幹也,male,1980-02-17,東京都清瀬市松山９－８－７,1.csr\n\
         sign,13221,{},山本　花子,female,1975-11-30,東京都清瀬市元町９－９９－９,\"{pem}\"\n\
         auth,13221,{},Yamamoto,female,1975-11-30,東京都清瀬市元町９－９９－９,3.csr\n",
        code(1),
        code(2),
        code(3)
    )
}

fn certificates(folder: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_str().expect("plain").to_owned()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "pem"));
    names.sort();
    names
}

#[test]
fn a_desk_requests_from_a_file_corrects_what_was_refused_and_revokes_from_another() {
    let scene = Scene::new();
    let file = scene.file("requests.csv", &requests(&scene));
    let (out, rejects) = (scene.path("issued"), scene.path("rejects.csv"));
    let common = ["--batch", "kiyose-1", "--out", &out, "--rejects", &rejects];
    let all = [&["desk", "batch", &file][..], &common].concat();
    let told = scene.run(&all).ends_with(3);
    assert_eq!(told.out, "rows: 3\ndone: 2\nrefused: 1\nnot_now: 0\n");
    let written = certificates(&out);
    assert!(
        written.len() == 2 && written[0].starts_with("000001-auth-") && written[1].starts_with("000002-sign-"),
        "{written:?}"
    );
    let mode =
        std::fs::metadata(scene.path(&format!("issued/{}", written[1]))).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let refused = read(&rejects);
    assert!(refused.contains(",urn:akashi:problem:character-not-allowed,person.name,"), "{refused}");
    std::fs::write(&rejects, refused.replace("Yamamoto", "山本　一葉")).expect("written");
    scene.run(&[&["desk", "batch", &rejects][..], &common].concat()).ends_with(0);
    assert!(certificates(&out)[2].starts_with("000003-auth-"));
    assert_eq!(read(&rejects).lines().count(), 1, "nothing is refused any more");

    let position = scene.server.log_position();
    let corrected = read(&file).replace("Yamamoto", "山本　一葉");
    scene.file("requests.csv", &corrected);
    let again = scene.run(&[&all[..], &["--json"]].concat()).ends_with(0).json();
    assert_eq!(again, json!({ "rows": 3, "done": 3, "refused": 0, "not_now": 0 }));
    assert_eq!(scene.server.log_position(), position, "nobody was asked");

    let serial = written[0].trim_end_matches(".pem").rsplit('-').next().expect("a serial");
    let revoke = json!({ "kind": "revoke", "ca": "auth", "serial": serial, "cause": "card_lost" });
    let unknown = json!({ "kind": "revoke", "ca": "auth", "serial": "999", "cause": "card_lost" });
    let file = scene.file("revoke.jsonl", &format!("{revoke}\n{unknown}\n"));
    let told = scene.run(&["desk", "batch", &file, "--batch", "kiyose-2", "--out", &out]).ends_with(3);
    assert!(told.err.contains("row 2: There is no such certificate"), "{}", told.err);
    assert_eq!(scene.server.ocsp("auth", serial).reason.as_deref(), Some("keyCompromise"));
    scene.server.audit();
}

#[test]
fn a_desks_batch_that_its_server_died_in_goes_on_where_it_was() {
    let mut scene = Scene::new();
    let example: Value = serde_json::from_str(&akashi(&["desk", "request", "--example"], "").out).expect("JSON");
    let rows: Vec<String> = (1..=6)
        .map(|number| {
            let mut row = example.clone();
            row["resident_code"] = json!(code(number));
            row["csr"] = json!(CardKey::generate().csr);
            format!("{row}\n")
        })
        .collect();
    let (file, out) = (scene.file("requests.jsonl", &rows.concat()), scene.path("issued"));
    let command = ["desk", "batch", &file, "--batch", "b", "--out", &out, "--jobs", "2"];
    scene.server.stop();
    scene.server.start_with(&[("AKASHI_KILL_AFTER", "issue.4-issued"), ("AKASHI_KILL_AFTER_COUNT", "3")]);
    let good = |scene: &Scene| scene.server.metric("akashi_certificates{ca=\"auth\",status=\"good\"}");
    let before = good(&scene);
    let told = scene.run(&command).ends_with(1);
    assert!(told.err.contains("run the same command again"), "{}", told.err);
    assert_eq!(scene.server.wait_until_dead().signal(), Some(9));
    scene.server.start();
    let told = scene.run(&command).ends_with(0);
    assert_eq!(told.out, "rows: 6\ndone: 6\nrefused: 0\nnot_now: 0\n");
    assert_eq!(certificates(&out).len(), 6);
    assert_eq!(good(&scene), before + 6, "one certificate a row");
    scene.server.audit();
}

#[test]
fn a_file_whose_form_is_broken_sends_nothing_and_names_its_line() {
    let scene = Scene::new();
    let file = scene.file("broken.jsonl", &format!("{}not JSON 12345678901\n", deaths(3)));
    let told = scene.run(&["residents", "batch", &file, "--batch", "b"]).ends_with(1);
    assert!(told.err.contains("line 4") && !told.err.contains("12345678901"), "{}", told.err);
    assert_eq!(standing(&scene, "b")["done"], 0);
}
