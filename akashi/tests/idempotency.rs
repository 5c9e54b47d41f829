//! A request sent again is answered again, and done once.
mod support;

use serde_json::{Value, json};
use support::{Akashi, Answer, CardKey, Party, Resident};

const CERTIFICATES: &str = "/desk/v1/certificates";

fn application(person: Resident, ca: &str) -> Value {
    person.application(ca, &CardKey::generate())
}

#[track_caller]
fn assert_same(first: &Answer, second: &Answer) {
    assert_eq!((first.status, &first.body), (second.status, &second.body), "{} / {}", first.text(), second.text());
    assert_eq!(first.header("location"), second.header("location"));
}

#[track_caller]
fn assert_reused(answer: &Answer) {
    assert_eq!(answer.expect(422)["type"], "urn:akashi:problem:idempotency-key-reused");
}

/// Sends it twice: the same answer, and nothing more in the log.
#[track_caller]
fn twice(akashi: &Akashi, party: &Party, path: &str, body: &Value) -> Answer {
    let first = party.post(path, "twice", body);
    assert!((200..300).contains(&first.status), "{}", first.text());
    let position = akashi.log_position();
    assert_same(&first, &party.post(path, "twice", body));
    assert_eq!(akashi.log_position(), position);
    first
}

#[test]
fn the_same_request_gets_the_same_octets_even_after_a_restart() {
    let mut akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    akashi.settle();
    let body = application(Resident::MIKIYA, "auth");
    let first = twice(&akashi, &desk, CERTIFICATES, &body);
    akashi.stop();
    akashi.start();
    assert_same(&first, &desk.post(CERTIFICATES, "twice", &body));
    akashi.audit();
}

#[test]
fn a_key_belongs_to_one_body_at_one_path() {
    let akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    let body = application(Resident::MIKIYA, "auth");
    let issued = desk.post(CERTIFICATES, "once", &body).expect(201);
    assert_reused(&desk.post(CERTIFICATES, "once", &application(Resident::MIKIYA, "auth")));
    assert_reused(&desk.post(CERTIFICATES, "once", &application(Resident::HANAKO, "auth")));
    let revocation = format!("{CERTIFICATES}/auth/{}/revocation", issued["serial"].as_str().unwrap());
    let cause = json!({ "cause": "person_request" });
    assert_reused(&desk.post(&revocation, "once", &cause));
    desk.post(&revocation, "other", &cause).expect(200);
    assert_reused(&desk.post(CERTIFICATES, "other", &body));
    assert_reused(&desk.post(&revocation, "other", &json!({ "cause": "card_lost" })));
    akashi.audit();
}

#[test]
fn a_refused_request_does_not_use_up_its_key() {
    let akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    let good = application(Resident::MIKIYA, "auth");
    let mut wrong = good.clone();
    wrong["person"]["name"] = json!("Mikiya");
    desk.post(CERTIFICATES, "key", &wrong).expect(422);
    desk.post(CERTIFICATES, "key", &good).expect(201);
}

#[test]
fn eight_at_once_are_one_certificate() {
    let akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    akashi.settle();
    let body = application(Resident::MIKIYA, "sign");
    let good = || akashi.metric("akashi_certificates{ca=\"sign\",status=\"good\"}");
    let (good_before, position) = (good(), akashi.log_position());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| desk.post(CERTIFICATES, "at-once", &body))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    answers[0].expect(201);
    for answer in &answers {
        assert_same(&answers[0], answer);
    }
    assert_eq!(good(), good_before + 1);
    // Reserved, intended, issued: nothing else.
    assert_eq!(akashi.log_position(), position + 3);
    akashi.audit();
}

#[test]
fn a_lost_answer_is_fetched_by_its_key_or_by_its_serial() {
    let akashi = Akashi::started();
    let desk = akashi.desk("13221", "003A");
    let answer = desk.post(CERTIFICATES, "lost", &application(Resident::MIKIYA, "sign"));
    answer.expect(201);
    let by_key = desk.get("/desk/v1/requests/lost");
    let by_serial = desk.get(answer.header("location").expect("a location"));
    for fetched in [by_key, by_serial] {
        assert_eq!((fetched.status, &fetched.body), (200, &answer.body));
        assert_eq!(fetched.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn another_partys_key_of_the_same_text_is_another_key() {
    let akashi = Akashi::started();
    let (one, other) = (akashi.desk("13221", "003A"), akashi.desk("13221", "003B"));
    let first = one.post(CERTIFICATES, "same-text", &application(Resident::MIKIYA, "auth")).expect(201);
    let problem = other.get("/desk/v1/requests/same-text").expect(404);
    assert_eq!(problem["type"], "urn:akashi:problem:unknown-request");
    let second = other.post(CERTIFICATES, "same-text", &application(Resident::HANAKO, "auth")).expect(201);
    assert_ne!(first["serial"], second["serial"]);
    assert_eq!(one.get("/desk/v1/requests/same-text").json(), first);
    assert_eq!(other.get("/desk/v1/requests/same-text").json(), second);
}

#[test]
fn every_other_change_is_done_once_too() {
    let akashi = Akashi::started();
    let (admin, desk) = (akashi.admin(), akashi.desk("13221", "003A"));
    let (hotline, residents) = (akashi.register("hotline"), akashi.register("residents"));
    akashi.settle();
    let person = Resident::MIKIYA;
    let issued = desk.post(CERTIFICATES, "auth", &application(person, "auth")).expect(201);
    desk.post(CERTIFICATES, "sign", &application(person, "sign")).expect(201);

    let held = twice(&akashi, &hotline, "/hotline/v1/holds", &json!({ "resident_code": person.resident_code })).json();
    assert_eq!(held["certificates"].as_array().map(Vec::len), Some(2), "{held}");
    let revocation = format!("{CERTIFICATES}/auth/{}/revocation", issued["serial"].as_str().unwrap());
    let revoked = twice(&akashi, &desk, &revocation, &json!({ "cause": "key_compromise" })).json();
    assert_eq!(revoked["certificates"][0]["reason"], "keyCompromise");
    let died = json!({ "resident_code": person.resident_code, "change": "died", "effective_on": "2026-11-20" });
    twice(&akashi, &residents, "/residents/v1/changes", &died);

    let csr = akashi.tls_request("operator.key");
    let operator = json!({ "role": "operator", "name": "The night shift", "csr": csr });
    let number = twice(&akashi, &admin, "/admin/v1/parties", &operator).expect(201)["party"].clone();
    let because = json!({ "because": "a test" });
    for (what, state) in [("suspension", "suspended"), ("reinstatement", "active")] {
        let path = format!("/admin/v1/parties/{number}/{what}");
        // One key at three paths of one party would be one key for three requests.
        let first = admin.post(&path, what, &because);
        assert_same(&first, &admin.post(&path, what, &because));
        assert_eq!(first.expect(200)["state"], state);
    }
    let first = admin.post("/admin/v1/cuts", "cut", &because);
    assert_same(&first, &admin.post("/admin/v1/cuts", "cut", &because));
    let next = admin.post("/admin/v1/cuts", "next-cut", &because).expect(201);
    assert_eq!(next["cut_number"].as_u64(), first.expect(201)["cut_number"].as_u64().map(|number| number + 1));
    akashi.audit();
}
