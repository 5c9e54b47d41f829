//! The resident register's batches: every row judged, done once and answered by itself, whatever happens to the others.
use axum::body::{Body, Bytes};
use axum::http::Request;
use ca::answer::Answer;
use ca::doors::PeerCertificate;
use ca::residents::batch::{BatchName, Line, ROWS_PER_COMMIT, RowAnswer};
use http_body_util::{BodyExt, Channel};
use pki::identity::Ca;
use registry::batch::RefusedRow;
use registry::event::{Door, Event};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Party, Reply, World, application, assert_documented, change};

const BATCH: &str = "/residents/v1/batches/2026-11-21";

fn row(number: u32, resident_code: &str, what: &str) -> Value {
    let mut row = change(resident_code, what);
    row["row"] = json!(number);
    row
}

fn text(rows: &[Value]) -> String {
    rows.iter().flat_map(|row| [row.to_string(), "\n".to_owned()]).collect()
}

/// Sends a body to the batch's call; its status and the lines of its answer, each as the document tells.
fn send_body(world: &World, body: Body) -> (u16, Vec<Value>) {
    let request = Request::builder().method("POST").uri(BATCH);
    let request = request.extension(PeerCertificate(Party::Register.certificate().into())).body(body).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let response = world.1.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        let lines: Vec<Value> =
            answer.split_inclusive(|octet| *octet == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
        for line in &lines {
            assert_documented("POST", BATCH, &Reply { status, body: line.clone() });
        }
        (status, lines)
    })
}

/// The answers to rows that arrive whole, and the summary.
fn send(world: &World, body: impl Into<Body>) -> (Vec<Value>, Value) {
    let (status, mut lines) = send_body(world, body.into());
    assert_eq!(status, 200);
    let summary = lines.pop().unwrap()["summary"].take();
    assert!(summary.is_object(), "the last line is the summary");
    (lines, summary)
}

fn standing(world: &World) -> Value {
    world.get(Party::Register, BATCH).body
}

/// Status of each of a person's certificates, `sign revoked`.
fn told(answer: &Value) -> Vec<String> {
    let word = |certificate: &Value, field: &str| certificate[field].as_str().unwrap().to_owned();
    let certificates = answer["certificates"].as_array().unwrap_or_else(|| panic!("{answer}"));
    certificates.iter().map(|one| format!("{} {}", word(one, "ca"), word(one, "status"))).collect()
}

fn problem_of(answer: &Value) -> (&Value, &str) {
    (&answer["status"], answer["problem"]["type"].as_str().unwrap_or("none").rsplit(':').next().unwrap())
}

#[test]
fn each_row_does_and_is_answered_what_the_same_report_alone_would_be() {
    let world = World::new();
    for (code, cas) in [("10000000001", &Ca::CARD[..]), ("10000000002", &Ca::CARD), ("10000000003", &[Ca::Auth])] {
        for ca in cas {
            world.issued(&format!("{ca}-{code}"), &application(*ca, code));
        }
    }
    let rows = [
        row(1, "10000000001", "moved"),
        row(2, "10000000002", "died"),
        row(7, "10000000003", "moved"),
        row(8, "10000000009", "moved"),
    ];
    let (answers, summary) = send(&world, text(&rows));
    let numbers: Vec<_> = answers.iter().map(|answer| answer["row"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 7, 8], "in the order of the rows");
    let expected: [&[&str]; 4] =
        [&["sign revoked", "auth good"], &["sign revoked", "auth revoked"], &["auth good"], &[]];
    assert_eq!(answers.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(answers.iter().all(|answer| answer["status"] == 200 && answer["durable"] == true));
    assert_eq!(summary, json!({ "done": 4, "refused": 0, "not_now": 0, "durable": true, "visible": true }));
    assert_eq!(standing(&world), json!({ "done": 4, "refused": 0, "answered_up_to": 2 }));
    let alone = world.report("alone", "10000000001", "moved");
    assert_eq!(alone.body["certificates"], answers[0]["certificates"]);
    let gone = world.issue("after the death", &application(Ca::Auth, "10000000002"));
    assert_eq!(gone.problem(), (409, "resident-gone"));
    world.verify_log();
}

#[test]
fn a_bad_row_never_stops_the_others_and_each_is_told_what_is_wrong_with_it() {
    let world = World::new();
    world.issued("sign", &application(Ca::Sign, "10000000001"));
    let position = world.position();
    let mut extra = row(9, "10000000001", "moved");
    extra["name"] = json!("黒桐　幹也");
    let mut late = row(6, "10000000001", "moved");
    late["effective_on"] = json!("2026-02-30");
    let lines = [
        "{\"row\":1,".to_owned(),
        row(2, "10000000009", "died").to_string(),
        String::new(),
        row(0, "10000000009", "died").to_string(),
        row(4, "1000000000", "died").to_string(),
        row(5, "10000000009", "flew").to_string(),
        late.to_string(),
        format!("{{\"row\":7,\"x\":\"{}\"}}", "x".repeat(5_000)),
        extra.to_string(),
        row(10, "10000000001", "moved").to_string(),
    ];
    let (answers, summary) = send(&world, lines.join("\n"));
    let named: Vec<_> = answers
        .iter()
        .map(|answer| (answer["row"].as_u64(), answer["line"].as_u64(), problem_of(answer).1.to_owned()))
        .collect();
    let expected = [
        (None, Some(1), "malformed-body"),
        (Some(2), None, "none"),
        (None, Some(4), "malformed-body"),
        (Some(4), None, "not-in-form"),
        (Some(5), None, "malformed-body"),
        (Some(6), None, "impossible-date"),
        (None, Some(8), "body-too-large"),
        (Some(9), None, "malformed-body"),
        (Some(10), None, "none"),
    ];
    assert_eq!(named, expected.map(|(row, line, problem)| (row, line, problem.to_owned())));
    assert_eq!(told(&answers[8]), ["sign revoked"]);
    assert_eq!((&summary["done"], &summary["refused"]), (&json!(2), &json!(7)));
    assert!(!json!(answers).to_string().contains("幹也"), "what was sent is not repeated");
    assert_eq!(standing(&world), json!({ "done": 2, "refused": 4, "answered_up_to": 0 }));

    let recorded = world.recorded_since(position);
    let Some(Event::BatchRowsAnswered { done, refused, unnumbered, .. }) = recorded.last().map(|open| &open.event)
    else {
        panic!("the last event tells what was answered: {recorded:?}")
    };
    assert_eq!(done.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 10]);
    let slugs: Vec<_> = refused.iter().map(|RefusedRow { row, problem }| (*row, problem.as_str())).collect();
    let told = [(4, "not-in-form"), (5, "malformed-body"), (6, "impossible-date"), (9, "malformed-body")];
    assert_eq!((slugs, *unnumbered), (told.to_vec(), 3));
}

#[test]
fn a_row_sent_again_gets_the_same_answer_and_does_nothing_more() {
    let world = World::new();
    world.issued("sign", &application(Ca::Sign, "10000000001"));
    world.issued("auth", &application(Ca::Auth, "10000000001"));
    let rows = [row(1, "10000000001", "moved"), row(2, "10000000002", "died")];
    let first = send(&world, text(&rows));
    world.revoke("lost since", (Ca::Auth, pki::identity::Serial::new(2).unwrap()), "card_lost");
    let position = world.position();
    world.clock.advance(60);
    // Within one call, too, and with other spaces.
    let again = format!("{}{}", text(&rows), text(&rows).replace("\":", "\" : "));
    let (answers, summary) = send(&world, again);
    assert_eq!(answers, [&first.0[..], &first.0].concat());
    assert_eq!(summary["done"], 4);
    assert_eq!(world.position(), position, "nothing is recorded");
    assert_eq!(standing(&world)["done"], 2);
}

#[test]
fn another_report_under_a_done_row_is_refused_alone_and_a_refused_row_can_be_corrected() {
    let world = World::new();
    send(
        &world,
        text(&[row(1, "10000000001", "moved"), row(2, "1000000000", "moved"), row(3, "10000000003", "moved")]),
    );
    assert_eq!(standing(&world), json!({ "done": 2, "refused": 1, "answered_up_to": 3 }));
    let second = [
        row(1, "10000000001", "died"),
        row(2, "10000000002", "died"),
        row(2, "10000000004", "died"),
        row(3, "10000000003", "moved"),
    ];
    let (answers, summary) = send(&world, text(&second));
    assert_eq!(problem_of(&answers[0]), (&json!(422), "idempotency-key-reused"));
    assert_eq!(problem_of(&answers[1]), (&json!(200), "none"));
    assert_eq!(problem_of(&answers[2]), (&json!(422), "idempotency-key-reused"));
    assert_eq!(problem_of(&answers[3]), (&json!(200), "none"));
    assert_eq!((&summary["done"], &summary["refused"]), (&json!(2), &json!(2)));
    assert_eq!(standing(&world), json!({ "done": 3, "refused": 0, "answered_up_to": 3 }));
    world.issued("nobody died under row 1", &application(Ca::Auth, "10000000001"));
    assert_eq!(world.issue("died", &application(Ca::Auth, "10000000002")).problem(), (409, "resident-gone"));
}

#[test]
fn rows_about_one_person_are_done_in_their_order() {
    let world = World::new();
    let back = [row(1, "10000000001", "left_japan"), row(2, "10000000001", "moved")];
    let gone = [row(3, "10000000002", "moved"), row(4, "10000000002", "left_japan")];
    send(&world, text(&[back, gone].concat()));
    world.issued("back", &application(Ca::Auth, "10000000001"));
    assert_eq!(world.issue("gone", &application(Ca::Auth, "10000000002")).problem(), (409, "resident-gone"));
}

fn code(number: u32) -> String {
    format!("2{number:010}")
}

fn lines(rows: u32) -> Vec<Line> {
    let line = |number| Line { number, octets: Some(row(number, &code(number), "died").to_string().into_bytes()) };
    (1..=rows).map(line).collect()
}

fn report(world: &World, lines: &[Line]) -> Vec<RowAnswer> {
    let batch = BatchName::new("2026-11-21".to_owned()).unwrap();
    world.0.report_batch_rows(&world.caller(Party::Register, Door::Residents), &batch, lines)
}

/// How often each person was reported, in the order of the log.
fn reported(world: &World) -> usize {
    world.recorded_since(0).iter().filter(|open| matches!(open.event, Event::ResidentChanged { .. })).count()
}

#[test]
fn a_stop_between_two_commits_leaves_each_row_done_with_its_answer_or_not_done_at_all() {
    let mut world = World::new();
    let commit = u32::try_from(ROWS_PER_COMMIT).unwrap();
    let all = 2 * commit + 10;
    let sent = lines(all);
    world.stopped_at("batch.2-recorded", || {
        report(&world, &sent);
        Ok(Answer::ok(()))
    });
    world.restart();
    assert_eq!(standing(&world), json!({ "done": commit, "refused": 0, "answered_up_to": commit }));
    assert_eq!(world.issue("done", &application(Ca::Auth, &code(commit))).problem(), (409, "resident-gone"));
    world.issued("not done", &application(Ca::Auth, &code(commit + 1)));
    assert_eq!(report(&world, &sent).len(), sent.len());
    assert_eq!(standing(&world), json!({ "done": all, "refused": 0, "answered_up_to": all }));
    assert_eq!(reported(&world), sent.len(), "each row once");
    world.verify_log();
}

#[test]
fn a_row_that_cannot_be_recorded_with_the_others_stops_none_of_them() {
    let world = World::new();
    // A fault of ours in the middle of a transaction.
    world.steps.at("batch.1-staged", || std::panic::resume_unwind(Box::new("a fault")));
    let answers = report(&world, &lines(20));
    assert!(answers.iter().all(|answer| json!(answer)["status"] == 200), "each was tried again alone");
    assert_eq!((reported(&world), standing(&world)["done"].as_u64()), (20, Some(20)));
}

#[test]
fn what_breaks_off_is_answered_up_to_its_last_whole_line() {
    let world = World::new();
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    let whole = text(&[row(1, "10000000001", "died"), row(2, "10000000002", "died")]);
    let cut = row(3, "10000000003", "died").to_string();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        sender.send_data(whole.into()).await.unwrap();
        sender.send_data(cut.into()).await.unwrap();
    });
    sender.abort(std::io::ErrorKind::ConnectionReset.into());
    let (_, answers) = send_body(&world, Body::new(body));
    assert_eq!(answers.iter().map(|answer| answer["row"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2), None]);
    assert_eq!(problem_of(&answers[2]), (&json!(400), "malformed-body"), "in the place of the summary");
    assert_eq!(standing(&world), json!({ "done": 2, "refused": 0, "answered_up_to": 2 }));
}

#[test]
fn a_batch_is_the_registers_alone_and_its_name_is_visible_ascii() {
    let world = World::new();
    let body = || text(&[row(1, "10000000001", "died")]).into_bytes();
    for (party, expected) in [(Party::Kiyose, (403, "wrong-role")), (Party::Stranger, (403, "party-unregistered"))] {
        assert_eq!(world.call(party, "POST", BATCH, None, body()).problem(), expected);
        assert_eq!(world.get(party, BATCH).problem(), expected);
    }
    for name in ["%E4%B8%80", "a%20b", &"x".repeat(129)] {
        let path = format!("/residents/v1/batches/{name}");
        assert_eq!(world.call(Party::Register, "POST", &path, None, body()).problem(), (422, "not-in-form"), "{name}");
        assert_eq!(world.get(Party::Register, &path).problem(), (422, "not-in-form"), "{name}");
    }
    assert_eq!(standing(&world), json!({ "done": 0, "refused": 0, "answered_up_to": 0 }));
}

#[test]
fn bad_rows_are_no_mistaken_requests_and_the_summary_says_if_ocsp_lags() {
    let world = World::new();
    world.nodes.set_lag(true);
    let bad: Vec<_> = (1..=300).map(|number| row(number, "none", "died")).collect();
    let (answers, summary) = send(&world, text(&bad));
    assert_eq!((answers.len(), &summary["refused"], &summary["visible"]), (300, &json!(300), &json!(false)));
    let (_, summary) = send(&world, text(&[row(1, "10000000001", "died")]));
    assert_eq!(summary["done"], 1);
}
