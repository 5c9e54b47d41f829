//! What a start refuses, with a sentence that says what to do.
mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use akashi::clock::SystemClock;
use pki::time::UnixTime;
use registry::Clock;
use registry::merkle::TreeEdge;
use support::{Akashi, CardKey, Resident};

fn akashi(command: &[&str], server: &Akashi) -> Output {
    let config = server.config();
    Command::new(env!("CARGO_BIN_EXE_akashi")).args(command).arg("--config").arg(config).output().unwrap()
}

fn refusal(command: &[&str], server: &Akashi) -> String {
    let (config, said) = (server.config(), server.path("said"));
    let mut process = Command::new(env!("CARGO_BIN_EXE_akashi"));
    process.args(command).arg("--config").arg(config).stdout(Stdio::piped()).stderr(File::create(&said).unwrap());
    let mut process = process.spawn().unwrap();
    let (mut stdout, mut told) = (BufReader::new(process.stdout.take().unwrap()), String::new());
    stdout.read_line(&mut told).unwrap();
    // One that starts all the same would never end.
    if told.starts_with("ready ") {
        process.kill().unwrap();
    }
    stdout.read_to_string(&mut told).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1), "{command:?}: {told}");
    std::fs::read_to_string(said).unwrap()
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_registry_older_than_what_was_published_from_it_is_refused() {
    let mut server = Akashi::started();
    let cut = serde_json::json!({ "because": "a cut to stand on" });
    server.admin().post("/admin/v1/cuts", "cut-1", &cut).expect(201);
    server.stop();
    let (registry, backup) = (server.path("data/registry"), server.path("backup"));
    copy(&registry, &backup);
    std::fs::copy(server.path("data/mark"), server.path("mark-then")).unwrap();
    server.start();
    server.desk("13221", "003A");
    server.admin().post("/admin/v1/cuts", "cut-2", &cut).expect(201);
    server.stop();
    copy(&backup, &registry);
    let said = refusal(&["serve"], &server);
    assert!(said.contains("older copy of the registry") && said.contains("Restore the newest one"), "{said}");
    // With its mark brought back as well, the index's snapshot still tells; and without that the published cut.
    std::fs::copy(server.path("mark-then"), server.path("data/mark")).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/status-index shows") && said.contains("older copy of the registry"), "{said}");
    std::fs::remove_file(server.path("data/status-index")).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("was published from log position") && said.contains("Restore the newest one"), "{said}");
}

#[test]
fn a_registry_older_than_its_mark_is_refused_though_nothing_was_published_since() {
    let mut server = Akashi::started();
    server.settle();
    server.stop();
    let (registry, backup, mark) = (server.path("data/registry"), server.path("backup"), server.path("data/mark"));
    copy(&registry, &backup);
    let then = std::fs::read(&mark).unwrap();
    server.start();
    server.desk("13221", "003A");
    server.stop();
    let newest = server.path("newest");
    copy(&registry, &newest);
    copy(&backup, &registry);
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/mark remembers") && said.contains("older copy of the registry"), "{said}");
    // With a mark as old as it the index's snapshot still remembers.
    let newest_mark = std::fs::read(&mark).unwrap();
    std::fs::write(&mark, then).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/status-index shows") && said.contains("older copy of the registry"), "{said}");
    std::fs::write(&mark, newest_mark).unwrap();
    // Refusing changed nothing: the newest one is taken as it is.
    copy(&newest, &registry);
    server.start();
    server.admin().get("/admin/v1/parties").expect(200);
}

#[test]
fn a_log_that_grew_out_of_an_older_copy_is_refused_however_long_it_is() {
    let mut server = Akashi::started();
    server.settle();
    server.stop();
    let (registry, backup, mark) = (server.path("data/registry"), server.path("backup"), server.path("data/mark"));
    copy(&registry, &backup);
    let then = std::fs::read(&mark).unwrap();
    server.start();
    server.desk("13221", "003A");
    server.stop();
    let newest = std::fs::read(&mark).unwrap();
    let snapshot = server.path("data/status-index");
    let newest_snapshot = std::fs::read(&snapshot).unwrap();
    // Another branch from the same place, longer than the first.
    copy(&backup, &registry);
    std::fs::write(&mark, then).unwrap();
    std::fs::remove_file(&snapshot).unwrap();
    server.start();
    server.desk("14100", "003A");
    server.desk("01100", "003A");
    server.stop();
    let of_the_branch = std::fs::read(&mark).unwrap();
    std::fs::write(&mark, newest).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("rows of the log are not those") && said.contains("Restore the newest one"), "{said}");
    // The branch's own mark does not hide it from the snapshot of the other.
    std::fs::write(&mark, of_the_branch).unwrap();
    std::fs::write(&snapshot, newest_snapshot).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/status-index shows: this registry grew out of an older copy"), "{said}");
}

#[test]
fn a_snapshot_of_the_index_that_cannot_be_used_is_told_of_and_made_anew() {
    let mut server = Akashi::started();
    let desk = server.desk("13221", "003A");
    let application = Resident::MIKIYA.application("auth", &CardKey::generate());
    let answer = desk.request_certificate("request-1", &application).expect(201);
    let serial = answer["serial"].as_str().expect("a serial").to_owned();
    let answer = desk.request_certificate("request-2", &Resident::HANAKO.application("auth", &CardKey::generate()));
    let revoked = answer.expect(201)["serial"].as_str().expect("a serial").to_owned();
    let path = format!("/desk/v1/certificates/auth/{revoked}/revocation");
    desk.post(&path, "revoke-1", &serde_json::json!({ "cause": "card_lost" })).expect(200);
    server.stop();
    let path = server.path("data/status-index");
    let right = std::fs::read(&path).unwrap();
    let foreign = {
        let mut other = Akashi::started();
        other.settle();
        other.stop();
        std::fs::read(other.path("data/status-index")).unwrap()
    };
    let synthetic = {
        let out = server.path("synthetic");
        let mut command = Command::new(env!("CARGO_BIN_EXE_akashi"));
        command.args(["load", "synth", "--certificates", "100", "--revoked", "12", "--out"]).arg(&out);
        assert!(command.output().unwrap().status.success());
        std::fs::read(out).unwrap()
    };
    let changed = |at: usize, octet: u8| {
        let mut changed = right.clone();
        changed[at] ^= octet;
        changed
    };
    let damaged = right.len() / 2;
    for (octets, sentence) in [
        (foreign, "is of another log"),
        (synthetic, "is of another log"),
        (changed(9, 3), "of format 2, and this Akashi reads format 1"),
        (changed(9, 1), "of format 0, and this Akashi reads format 1"),
        (changed(damaged, 1), "does not have its checksum"),
        (right[..damaged].to_vec(), "ends in the middle"),
        (b"not one at all".to_vec(), "no snapshot of a status index"),
    ] {
        std::fs::write(&path, octets).unwrap();
        let before = server.log().len();
        server.start();
        let said = server.log().split_off(before);
        assert!(said.contains(sentence) && said.contains("is made from the state"), "{sentence}: {said}");
        assert_eq!(server.ocsp("auth", &serial).status, "good", "{sentence}");
        assert_eq!(server.ocsp("auth", &revoked).status, "revoked", "{sentence}");
        server.stop();
        let before = server.log().len();
        server.start();
        let said = server.log().split_off(before);
        assert!(said.contains("was read from its snapshot"), "{sentence}: it was made anew: {said}");
        assert_eq!(server.ocsp("auth", &serial).status, "good", "{sentence}");
        assert_eq!(server.ocsp("auth", &revoked).status, "revoked", "{sentence}");
        server.stop();
    }
}

#[test]
fn a_registry_without_a_whole_mark_is_refused() {
    let server = Akashi::init();
    let mark = server.path("data/mark");
    std::fs::write(&mark, b"").unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/mark is damaged") && said.contains("from the same backup"), "{said}");
    std::fs::remove_file(&mark).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("data/mark is missing") && said.contains("from the same backup"), "{said}");
}

#[test]
fn a_mark_survives_a_kill_and_grows_while_the_server_runs() {
    let mut server = Akashi::started();
    server.settle();
    server.desk("13221", "003A");
    let mark = server.path("data/mark");
    let marked = || minicbor::decode::<TreeEdge>(&std::fs::read(&mark).unwrap()).unwrap().size();
    support::eventually("the mark reaches the log's end", || marked() == server.log_position());
    server.kill();
    server.start();
    assert_eq!(marked(), server.log_position());
    // At a clean stop it does not wait for its turn.
    server.desk("14100", "003A");
    let end = server.log_position();
    server.stop();
    assert_eq!(marked(), end);
}

#[test]
fn init_runs_once_and_a_half_made_folder_is_not_served() {
    let server = Akashi::init();
    let said = refusal(&["init"], &server);
    assert!(said.contains("initialised already"), "{said}");
    std::fs::remove_file(server.path("data/initialised")).unwrap();
    for command in ["init", "serve"] {
        let said = refusal(&[command], &server);
        assert!(said.contains("half made") && said.contains("remove the folder"), "{said}");
    }
    std::fs::remove_dir_all(server.path("data")).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("Run `akashi init` first"), "{said}");
}

#[test]
fn of_two_processes_over_one_folder_the_second_is_refused() {
    let mut server = Akashi::init();
    let other = server.copy();
    server.start();
    server.settle();
    // The whole folder: the token is the first that is locked.
    let said = refusal(&["serve"], &server);
    assert!(said.contains("the token in") && said.contains("is in use"), "{said}");
    // The cuts' folder alone, as a disk that two machines share.
    std::os::unix::fs::symlink(server.path("data/crl"), other.path("data/crl")).unwrap();
    let said = refusal(&["serve"], &other);
    assert!(said.contains("data/crl: another publisher works in this folder"), "{said}");
    assert!(said.contains("Stop the other `akashi serve`"), "{said}");
    // The first one is none the worse for it, and after it the folder is free.
    assert_eq!(server.cut("still-there")["cut_number"], 2);
    server.kill();
    server.start();
}

#[test]
fn a_validity_that_leaves_no_time_for_two_repairs_is_refused() {
    let mut server = Akashi::init_with(|config| config.replace("repair_hours = 8", "repair_hours = 12"));
    assert_eq!(server.try_start_with(&[]).expect_err("refused").code(), Some(1));
    let said = server.log();
    assert!(said.contains("the settings of crl: a cut frozen at") && said.contains("crl.repair_hours"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_its_setting() {
    let server = Akashi::started();
    // A second configuration over another folder, with the same ports.
    let other = Akashi::init();
    let text = std::fs::read_to_string(server.config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("akashi.toml");
    let data = other.path("data").display().to_string();
    let pin = other.path("pin").display().to_string();
    let text = text.replace("\"data\"", &format!("\"{data}\"")).replace("\"pin\"", &format!("\"{pin}\""));
    let base_url = |text: &str| text.lines().find(|line| line.starts_with("base_url")).unwrap().to_owned();
    let text = text.replace(&base_url(&text), &base_url(&std::fs::read_to_string(other.config()).unwrap()));
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_akashi")).args(["serve", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("public.listen = 127.0.0.1:") && said.contains("choose another port"), "{said}");
}

#[test]
fn settings_that_certificates_carry_cannot_change() {
    let server = Akashi::init();
    let text = std::fs::read_to_string(server.config()).unwrap();
    let text = text.replace("JPKI-TEST", "OTHER").replace("rsa-2048-sha256", "rsa-3072-sha256");
    std::fs::write(server.config(), text).unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.contains("fixed for ever") && said.contains("restore the setting"), "{said}");
    for difference in [
        "profile.organization was \"JPKI-TEST\" and is \"OTHER\"",
        "profile.algorithm was \"rsa-2048-sha256\" and is \"rsa-3072-sha256\"",
    ] {
        assert!(said.contains(difference), "{said}");
    }
    assert!(!said.contains("profile.layout") && !said.contains("public.base_url"), "{said}");
}

#[test]
fn a_wrong_pin_opens_nothing() {
    let server = Akashi::init();
    std::fs::write(server.path("pin"), "another PIN than the right one").unwrap();
    let said = refusal(&["serve"], &server);
    assert!(said.to_lowercase().contains("pin"), "{said}");
    assert!(!said.contains("another PIN than"), "{said}");
}

#[test]
fn only_a_sandbox_runs_on_a_shifted_clock_and_none_is_made_under_a_name_to_rely_on() {
    let server = Akashi::init();
    let shift = ["--clock-starts-at", "2026-11-21T10:00:00+09:00"];
    let said = refusal(&[&["serve"], &shift[..]].concat(), &server);
    assert!(said.contains("is not a sandbox") && said.contains("init --sandbox"), "{said}");
    std::fs::remove_dir_all(server.path("data")).unwrap();
    let output = akashi(&[&["init"], &shift[..]].concat(), &server);
    assert_eq!(output.status.code(), Some(2), "an authority to rely on is made on the machine's clock");
    let text = std::fs::read_to_string(server.config()).unwrap();
    std::fs::write(server.config(), text.replace("JPKI-TEST", "JPKI")).unwrap();
    let said = refusal(&["init", "--sandbox"], &server);
    assert!(said.contains("ends with \"-TEST\""), "{said}");
    assert!(!server.path("data").exists(), "a refusal makes nothing");
}

/// `akashi init --sandbox` so many days ago.
fn sandbox_made_days_ago(days: i64) -> Akashi {
    let server = Akashi::init();
    std::fs::remove_dir_all(server.path("data")).unwrap();
    let output = akashi(&["init", "--sandbox", "--clock-starts-at", &days_ago(days).to_string()], &server);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server
}

fn days_ago(days: i64) -> UnixTime {
    SystemClock::REAL.now().plus_seconds(-days * 86_400)
}

#[test]
fn every_part_of_a_sandbox_goes_by_the_shifted_clock() {
    let mut server = sandbox_made_days_ago(450);
    // The first administrator's certificate, of 396 days, has ended by the machine's clock. By the shifted one it has not.
    let start = days_ago(60);
    server.start_at(start);
    let is_now = |text: &str| (0..3_600).contains(&text.parse::<UnixTime>().unwrap().seconds_since(start));
    let desk = server.desk("13221", "003A");
    let application = Resident::MIKIYA.application("auth", &CardKey::generate());
    let issued = desk.request_certificate("first", &application).expect(201);
    assert!(is_now(issued["not_before"].as_str().unwrap()), "{issued}");
    let cut = server.cut("cut-1");
    assert!(is_now(cut["this_update"].as_str().unwrap()), "{cut}");
    let date = server.get("/healthz").header("date").unwrap().to_owned();
    assert!(
        [0, 1, 2, 3].iter().any(|hours| start.plus_seconds(hours * 1_800).http_date()[..16] == date[..16]),
        "{date}"
    );
    // What the publisher's loop made by itself at the start has not expired.
    assert_eq!(server.get("/readyz").status, 200);
    let (serial, url) = (issued["serial"].as_str().unwrap(), format!("{}/ocsp/auth", server.public_url()));
    let issuer = server.path_text("data/ca/auth-1.pem");
    let asked = ["ocsp", "-issuer", &issuer, "-serial", serial, "-url", &url, "-noverify", "-resp_text"];
    let (text, day) = (support::openssl(&asked), start.http_date());
    let (day, month) = (day[5..7].parse::<u8>().unwrap(), &day[8..11]);
    assert!(text.contains(&format!("Produced At: {month} {day:>2} ")), "{day} {month}: {text}");
    server.stop();
    // Ended by the shifted clock, too.
    server.start_at(days_ago(50));
    assert!(server.admin().try_post("/admin/v1/cuts", "cut-2", &serde_json::json!({ "because": "late" })).is_err());
}

#[test]
fn a_shifted_clock_behind_the_log_is_refused_like_any_other() {
    let mut server = sandbox_made_days_ago(3);
    server.start_at(days_ago(2));
    server.settle();
    server.stop();
    server.start_at(days_ago(3));
    let body = serde_json::json!({ "because": "back in time" });
    let answer = server.admin().post("/admin/v1/cuts", "cut-1", &body);
    assert_eq!(answer.status, 503, "{}", answer.text());
    server.stop();
    // The machine's clock is ahead of it all.
    server.start();
    server.cut("cut-2");
}
