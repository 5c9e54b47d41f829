//! Certificates through people's lives: moves, losses, deaths, renewals; told at once by the OCSP responder.
mod support;

use serde_json::{Value, json};
use support::{Akashi, CardKey, OcspStatus, Party, Resident, openssl_with};

const KIYOSE: &str = "13221";
const YOKOHAMA: &str = "14100";
const OSAKA: &str = "27100";

/// A running server with everybody who acts on certificates.
struct Town {
    akashi: Akashi,
    desk: Party,
    hotline: Party,
    residents: Party,
}

impl Town {
    fn new() -> Self {
        let akashi = Akashi::started();
        let (desk, hotline, residents) =
            (akashi.desk(KIYOSE, "003A"), akashi.register("hotline"), akashi.register("residents"));
        Self { akashi, desk, hotline, residents }
    }

    /// No signature certificate is issued, for that reason.
    #[track_caller]
    fn assert_refused(&self, key: &str, person: Resident, slug: &str) {
        let answer = self.desk.request_certificate(key, &person.application("sign", &CardKey::generate()));
        assert_eq!(answer.json()["type"], format!("urn:akashi:problem:{slug}"));
    }

    /// The register reports a change; the certificates it is about.
    #[track_caller]
    fn report(&self, key: &str, person: Resident, change: &str) -> Vec<Value> {
        let body = json!({ "resident_code": person.resident_code, "change": change, "effective_on": "2026-11-20" });
        certificates(&self.residents.post("/residents/v1/changes", key, &body).expect(200))
    }

    fn status(&self, certificate: &Value) -> OcspStatus {
        self.akashi.ocsp(certificate["ca"].as_str().unwrap(), serial(certificate))
    }

    #[track_caller]
    fn assert_good(&self, certificate: &Value) {
        assert_eq!(self.status(certificate), OcspStatus { status: "good".to_owned(), reason: None, since: None });
    }

    #[track_caller]
    fn assert_revoked(&self, certificate: &Value, reason: &str) -> OcspStatus {
        let status = self.status(certificate);
        assert_eq!((status.status.as_str(), status.reason.as_deref()), ("revoked", Some(reason)), "{certificate}");
        status
    }
}

/// A new certificate for a new key; its answer.
#[track_caller]
fn issue(desk: &Party, key: &str, person: Resident, ca: &str) -> Value {
    desk.request_certificate(key, &person.application(ca, &CardKey::generate())).expect(201)
}

fn serial(certificate: &Value) -> &str {
    certificate["serial"].as_str().expect("serials are decimal strings")
}

fn certificates(answer: &Value) -> Vec<Value> {
    assert_eq!((&answer["durable"], &answer["visible"]), (&json!(true), &json!(true)), "{answer}");
    answer["certificates"].as_array().expect("a list").clone()
}

fn revocation(certificate: &Value) -> String {
    format!("/desk/v1/certificates/{}/{}/revocation", certificate["ca"].as_str().unwrap(), serial(certificate))
}

fn moved(person: Resident) -> Resident {
    person.moved_to(YOKOHAMA, "神奈川県横浜市中区山下町９９９－９")
}

#[test]
fn a_move_revokes_the_signature_certificate_at_once_and_leaves_the_user_certificate() {
    let town = Town::new();
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let sign = issue(&town.desk, "sign", Resident::MIKIYA, "sign");
    let neighbour = issue(&town.desk, "neighbour", Resident::HANAKO, "sign");
    town.assert_good(&sign);
    let told = town.report("move", Resident::MIKIYA, "moved");
    town.assert_revoked(&sign, "affiliationChanged");
    town.assert_good(&auth);
    town.assert_good(&neighbour);
    let told: Vec<_> =
        told.iter().map(|one| (one["ca"].as_str(), one["status"].as_str(), one["reason"].as_str())).collect();
    assert!(told.contains(&(Some("sign"), Some("revoked"), Some("affiliationChanged"))), "{told:?}");
    assert!(told.contains(&(Some("auth"), Some("good"), None)), "{told:?}");
    // The old address once more would make a certificate that is wrong from its first day.
    town.assert_refused("again", Resident::MIKIYA, "resident-changed");
    town.akashi.audit();
}

#[test]
fn the_new_municipality_issues_again_and_acts_on_the_old_user_certificate_as_no_stranger_may() {
    let town = Town::new();
    let (yokohama, osaka) = (town.akashi.desk(YOKOHAMA, "0001"), town.akashi.desk(OSAKA, "0001"));
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let old = issue(&town.desk, "sign", Resident::MIKIYA, "sign");
    town.report("move", Resident::MIKIYA, "moved");
    let lost = json!({ "cause": "card_lost" });
    yokohama.post(&revocation(&auth), "too-early", &lost).expect(403);

    let new = issue(&yokohama, "sign", moved(Resident::MIKIYA), "sign");
    assert_eq!(new["municipality"], YOKOHAMA);
    town.assert_good(&new);
    town.assert_revoked(&old, "affiliationChanged");
    town.assert_good(&auth);

    osaka.post(&revocation(&auth), "stranger", &lost).expect(403);
    town.assert_good(&auth);
    certificates(&yokohama.post(&revocation(&auth), "lost", &lost).expect(200));
    town.assert_revoked(&auth, "keyCompromise");
    town.assert_good(&new);
    town.akashi.audit();
}

#[test]
fn the_loss_line_holds_and_a_later_revocation_keeps_the_date_of_the_hold() {
    let town = Town::new();
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let sign = issue(&town.desk, "sign", Resident::MIKIYA, "sign");
    let loss = json!({ "resident_code": Resident::MIKIYA.resident_code });
    let held = certificates(&town.hotline.post("/hotline/v1/holds", "loss", &loss).expect(200));
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|one| one["status"] == "held" && one["reason"] == "certificateHold"), "{held:?}");
    town.assert_revoked(&sign, "certificateHold");
    let first = town.assert_revoked(&auth, "certificateHold");

    town.akashi.wait_for_next_second();
    let lost = json!({ "cause": "card_lost" });
    let revoked = certificates(&town.desk.post(&revocation(&auth), "lost", &lost).expect(200));
    let since = |list: &[Value]| list.iter().find(|one| one["ca"] == "auth").unwrap()["since"].clone();
    assert_eq!(since(&revoked), since(&held));
    assert_eq!(town.assert_revoked(&auth, "keyCompromise").since, first.since);
    town.assert_revoked(&sign, "certificateHold");

    // A second report of the loss takes nothing back.
    let again = certificates(&town.hotline.post("/hotline/v1/holds", "again", &loss).expect(200));
    assert_eq!(since(&again), since(&held));
    town.assert_revoked(&auth, "keyCompromise");
    town.akashi.audit();
}

/// The index is in memory alone, and made from the registry at each start (I20).
#[test]
fn after_a_restart_ocsp_says_what_it_said_before() {
    let mut town = Town::new();
    let held = issue(&town.desk, "held", Resident::HANAKO, "auth");
    let revoked = issue(&town.desk, "revoked", Resident::MIKIYA, "sign");
    let good = issue(&town.desk, "good", Resident::MIKIYA, "auth");
    let loss = json!({ "resident_code": Resident::HANAKO.resident_code });
    town.hotline.post("/hotline/v1/holds", "loss", &loss).expect(200);
    town.report("move", Resident::MIKIYA, "moved");
    let before = [&held, &revoked, &good].map(|certificate| town.status(certificate));
    assert_eq!(before.each_ref().map(|told| told.status.as_str()), ["revoked", "revoked", "good"]);
    town.akashi.stop();
    town.akashi.start();
    assert_eq!([&held, &revoked, &good].map(|certificate| town.status(certificate)), before);
}

#[test]
fn the_loss_line_may_hold_one_certificate_by_its_serial() {
    let town = Town::new();
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let sign = issue(&town.desk, "sign", Resident::MIKIYA, "sign");
    let one = json!({ "ca": "auth", "serial": serial(&auth) });
    certificates(&town.hotline.post("/hotline/v1/holds", "one", &one).expect(200));
    town.assert_revoked(&auth, "certificateHold");
    town.assert_good(&sign);
}

#[test]
fn a_death_ends_both_certificates_and_a_correction_of_the_address_ends_none() {
    let town = Town::new();
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let sign = issue(&town.desk, "sign", Resident::MIKIYA, "sign");
    town.report("correction", Resident::MIKIYA, "minor_address_correction");
    town.assert_good(&auth);
    town.assert_good(&sign);
    town.report("death", Resident::MIKIYA, "died");
    town.assert_revoked(&auth, "cessationOfOperation");
    town.assert_revoked(&sign, "cessationOfOperation");
    town.assert_refused("again", Resident::MIKIYA, "resident-gone");
    assert_eq!(town.report("of-nobody", Resident::HANAKO, "died"), Vec::<Value>::new());
    town.akashi.audit();
}

#[test]
fn each_cause_at_the_counter_has_its_reason_and_a_revocation_is_for_good() {
    let town = Town::new();
    let causes = [
        ("person_request", "cessationOfOperation"),
        ("no_longer_needed", "cessationOfOperation"),
        ("key_compromise", "keyCompromise"),
        ("card_lost", "keyCompromise"),
        ("record_error", "affiliationChanged"),
    ];
    for (cause, reason) in causes {
        let certificate = issue(&town.desk, cause, Resident::MIKIYA, "auth");
        let key = format!("revoke-{cause}");
        certificates(&town.desk.post(&revocation(&certificate), &key, &json!({ "cause": cause })).expect(200));
        let first = town.assert_revoked(&certificate, reason);
        let other = json!({ "cause": if reason == "keyCompromise" { "person_request" } else { "key_compromise" } });
        let answer = town.desk.post(&revocation(&certificate), &format!("again-{cause}"), &other).expect(200);
        assert_eq!(certificates(&answer)[0]["reason"], reason);
        assert_eq!(town.status(&certificate), first);
    }
    let certificate = issue(&town.desk, "last", Resident::MIKIYA, "auth");
    let hold = json!({ "cause": "certificate_hold" });
    town.desk.post(&revocation(&certificate), "no-such-cause", &hold).expect(400);
    town.assert_good(&certificate);
}

#[test]
fn a_new_certificate_of_a_kind_takes_the_place_of_the_one_before() {
    let town = Town::new();
    let auth = issue(&town.desk, "auth", Resident::MIKIYA, "auth");
    let first = issue(&town.desk, "first", Resident::MIKIYA, "sign");
    let second = issue(&town.desk, "second", Resident::MIKIYA, "sign");
    town.assert_revoked(&first, "superseded");
    town.assert_good(&second);
    town.assert_good(&auth);
    // Asked again, the desk hears what became of the first.
    let path = format!("/desk/v1/certificates/sign/{}", serial(&first));
    assert_eq!(town.desk.get(&path).expect(200)["reason"], "superseded");
    town.akashi.audit();
}

#[test]
fn a_child_gets_a_user_certificate_and_no_signature_certificate() {
    let town = Town::new();
    town.assert_refused("sign", Resident::CHILD, "under-fifteen");
    town.assert_good(&issue(&town.desk, "auth", Resident::CHILD, "auth"));
}

/// A certificate's notAfter as openssl reads it, in the form of answers' `not_after` but of UTC.
fn not_after(certificate: &Value) -> String {
    let pem = certificate["certificate"].as_str().unwrap();
    let arguments = ["x509", "-noout", "-enddate", "-dateopt", "iso_8601"];
    let output = openssl_with(&arguments, pem.as_bytes());
    String::from_utf8(output.stdout).unwrap().trim().strip_prefix("notAfter=").expect("a date").to_owned()
}

/// The same of the end of a day in Japan, which is 14:59:59 of that day in UTC.
fn end_of(day: &str) -> String {
    format!("{day} 14:59:59Z")
}

#[test]
fn certificates_end_on_the_fifth_birthday_or_with_the_card_the_stay_or_the_user_certificate() {
    let town = Town::new();
    let issue = |key: &str, ca: &str, card: Option<&str>, stay: Option<&str>| {
        let mut body = Resident::MIKIYA.application(ca, &CardKey::generate());
        body["card_expires_on"] = json!(card);
        body["stay_ends_on"] = json!(stay);
        town.desk.request_certificate(key, &body).expect(201)
    };
    let whole = issue("whole", "auth", None, None);
    // Born on 17 February; the day of issue does not count as a birthday.
    let (year, day) = whole["not_before"].as_str().unwrap().split_at(4);
    let year: u32 = year.parse().unwrap();
    let first_birthday = if &day[..6] < "-02-17" { year } else { year + 1 };
    let fifth = format!("{}-02-17", first_birthday + 4);
    assert_eq!(not_after(&whole), end_of(&fifth));
    assert_eq!(whole["not_after"], format!("{fifth}T23:59:59+09:00"));

    let (card, stay) = (format!("{}-12-31", year + 2), format!("{}-06-30", year + 1));
    let by_card = issue("card", "auth", Some(&card), None);
    assert_eq!(not_after(&by_card), end_of(&card));
    assert_eq!(not_after(&issue("paired", "sign", None, None)), end_of(&card));
    assert_eq!(not_after(&issue("stay", "sign", Some(&card), Some(&stay))), end_of(&stay));
}

#[test]
fn a_renewal_in_the_last_three_months_reaches_the_sixth_birthday() {
    let town = Town::new();
    let issue = |key: &str, card: Option<&str>| {
        let mut body = Resident::MIKIYA.application("auth", &CardKey::generate());
        body["card_expires_on"] = json!(card);
        town.desk.request_certificate(key, &body).expect(201)
    };
    let birthday = |certificate: &Value| -> u32 { not_after(certificate)[..4].parse().unwrap() };
    let whole = issue("whole", None);
    // Not within its last three months: five birthdays again.
    let fifth = birthday(&issue("early", None));
    assert_eq!(fifth, birthday(&whole));
    // The card ends with today's month, so its certificate is in its last three months from the start.
    let (year, month) = (&whole["not_before"].as_str().unwrap()[..4], &whole["not_before"].as_str().unwrap()[5..7]);
    let (year, month): (u32, u32) = (year.parse().unwrap(), month.parse().unwrap());
    let soon = if month == 12 { format!("{}-01-28", year + 1) } else { format!("{year}-{:02}-28", month + 1) };
    assert_eq!(not_after(&issue("short", Some(&soon))), end_of(&soon));
    assert_eq!(birthday(&issue("renewed", None)), fifth + 1);
}
