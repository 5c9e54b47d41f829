//! Certificates are asked for: rightly, wrongly, again, and while the process stops or the register reports.
use pki::identity::Ca;
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};

use rcgen::KeyPair;
use serde_json::Value;

use crate::calendar::{DAY_SECONDS, first_second};
use crate::life::{Life, Outcome, assert_says};
use crate::model::{Application, Flaw, Place};
use crate::world::{Call, MUNICIPALITIES, Party, Reply};
use crate::{artifacts, law, people};

const STEPS: [&str; 4] = ["issue.1-judged", "issue.2-intended", "issue.3-signed", "issue.4-issued"];
const FLAWS: [Flaw; 12] = [
    Flaw::NotJson,
    Flaw::PhoneCa,
    Flaw::NoSuchMunicipality,
    Flaw::BadCharacter,
    Flaw::NoSuchDay,
    Flaw::NoSuchCardDay,
    Flaw::NotCsr,
    Flaw::WrongSignature,
    Flaw::OtherAlgorithm,
    Flaw::BadResidentCode,
    Flaw::KeySeenBefore,
    // Twice, since it is none while no earlier request is remembered.
    Flaw::KeySeenBefore,
];
const CARD: [Ca; 2] = [Ca::Sign, Ca::Auth];

fn is_request(call: &Call) -> bool {
    call.path == "/desk/v1/certificates"
}

impl Life {
    /// What the person's own desk would ask for.
    fn application(&mut self, person: usize, ca: Ca) -> Application {
        let of = &self.model.people[person];
        Application {
            ca,
            desk: of.municipality,
            municipality: of.municipality,
            person,
            info: of.info,
            card_expires_on: of.card_expires_on,
            stay_ends_on: of.stay_ends_on,
            flaw: None,
        }
    }

    /// The call, and the new key in it.
    fn call_for(&mut self, asked: &Application) -> (Call, KeyPair) {
        let (key, mut csr) = people::key_and_csr(asked.flaw);
        if asked.flaw == Some(Flaw::KeySeenBefore) {
            let earlier = self.remembered.iter().rev().find(|(call, _)| is_request(call)).unwrap();
            let body: Value = serde_json::from_str(&earlier.0.body).unwrap();
            body["csr"].as_str().unwrap().clone_into(&mut csr);
        }
        let body = people::body(asked, &self.model.people[asked.person].code, &csr);
        let (party, path) = (Party::Desk(asked.desk), "/desk/v1/certificates".to_owned());
        (Call { party, path, key: self.new_call_key(), body }, key)
    }

    /// A new card or a longer stay, before a request that needs it.
    fn come_prepared(&mut self, person: usize) {
        let today = self.model.today();
        let renewed = today + 300 + self.dice.below(3_000);
        let of = &mut self.model.people[person];
        for ends_on in [&mut of.card_expires_on, &mut of.stay_ends_on].into_iter().flatten() {
            if *ends_on < today + 30 {
                *ends_on = renewed;
            }
        }
    }

    pub(crate) fn ask_for_any(&mut self) {
        let (person, ca) = (self.somebody(), self.dice.one_of(CARD));
        if !self.dice.once_in(8) {
            self.come_prepared(person);
        }
        let asked = self.application(person, ca);
        self.ask_for(&asked);
    }

    /// Somebody with one certificate of the card asks for the other.
    pub(crate) fn complete_a_card(&mut self) {
        let half = |person: &usize| {
            let has = |ca| self.model.newest_good(*person, ca).is_some();
            !self.model.people[*person].gone && (has(Ca::Sign) != has(Ca::Auth))
        };
        let people: Vec<usize> = (0..self.model.people.len()).filter(half).collect();
        let Some(person) = self.dice.pick(&people) else { return self.ask_for_any() };
        let ca = if self.model.newest_good(person, Ca::Sign).is_some() { Ca::Auth } else { Ca::Sign };
        self.come_prepared(person);
        let asked = self.application(person, ca);
        self.ask_for(&asked);
    }

    pub(crate) fn ask_with_something_wrong(&mut self) {
        let (person, ca) = (self.somebody(), self.dice.one_of(CARD));
        let mut asked = self.application(person, ca);
        let today = self.model.today();
        match self.dice.below(16) {
            0 | 4 => asked.desk = self.dice.one_of(MUNICIPALITIES),
            1 => (asked.ca, asked.info) = (Ca::Sign, self.model.people[person].info_before),
            2 => asked.card_expires_on = Some(today - self.dice.below(2)),
            3 => asked.stay_ends_on = Some(today - self.dice.below(2)),
            _ => asked.flaw = Some(self.dice.one_of(FLAWS)),
        }
        if asked.flaw == Some(Flaw::KeySeenBefore) && !self.remembered.iter().any(|(call, _)| is_request(call)) {
            asked.flaw = None;
        }
        self.ask_for(&asked);
    }

    /// Somebody comes in the last three months of a certificate, perhaps in their first or last second, or just outside.
    pub(crate) fn renew(&mut self) {
        let now = self.model.now;
        let soon = now + 80 * DAY_SECONDS;
        let people = &self.model.people;
        let candidates = self.model.certificates.iter().filter(|(place, certificate)| {
            let opens = first_second(law::renewable_from(certificate.not_after));
            CARD.contains(&place.0) && certificate.is_good_at(now) && opens < soon && !people[certificate.person].gone
        });
        let candidates: Vec<Place> = candidates.map(|(place, _)| *place).collect();
        let Some(place) = self.dice.pick(&candidates) else { return self.ask_for_any() };
        let (person, not_after) = (self.model.certificates[&place].person, self.model.certificates[&place].not_after);
        let opens = first_second(law::renewable_from(not_after));
        let when = match self.dice.below(6) {
            0 => opens,
            1 => opens - 1,
            2 => not_after.min(soon),
            3 => (not_after + 1).min(soon),
            _ => opens.max(now) + self.dice.below(20 * DAY_SECONDS),
        };
        self.set_clock(when.max(now));
        self.come_prepared(person);
        let asked = self.application(person, place.0);
        self.ask_for(&asked);
    }

    /// Asks, and is answered as the model says.
    pub(crate) fn ask_for(&mut self, asked: &Application) {
        let (call, key) = self.call_for(asked);
        match self.model.refusal(asked) {
            Some(refusal) => {
                self.tell(&format!("person {} asks for {}", asked.person, asked.ca));
                self.is_refused(&call, refusal);
                self.count(refusal.1);
            }
            None => self.is_issued(asked, call, key),
        }
    }

    fn is_issued(&mut self, asked: &Application, call: Call, key: KeyPair) {
        let place = (asked.ca, self.model.last_serial[asked.ca as usize] + 1);
        self.count_kind(asked);
        self.tell(&format!("person {} asks for {} and gets {}/{}", asked.person, asked.ca, place.0, place.1));
        let (before, seen) = (self.model.standing(asked.person), self.seen_from(asked.desk, asked.person));
        let tried = self.tried(&call);
        let reply = self.world.doors().post(&call);
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        assert_eq!(self.model.take_serial(asked.ca), place.1);
        self.model.built(asked, place.1);
        self.model.issued(place);
        self.is_issued_as_tried(tried, place, &before, &seen);
        self.is_handed_over(call, place, &reply, key);
    }

    /// The answer is that certificate.
    fn is_handed_over(&mut self, call: Call, place: Place, reply: &Reply, key: KeyPair) {
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        assert_eq!(crate::life::place_in(&reply.body), place);
        let certificate = &self.model.certificates[&place];
        assert_says(&reply.body, certificate.status, &self.model.tell(place));
        assert_eq!(reply.body["key"], certificate.key);
        let pem = reply.body["certificate"].as_str().unwrap().to_owned();
        artifacts::certificate(&self.world, &self.model, place, &pem);
        self.assert_key_outlives(place);
        self.touched.extend(&self.model.of_person[certificate.person]);
        if place.0 == Ca::Sign {
            self.keys.insert(place, (key, pem.clone()));
        }
        self.remember(call, Outcome::Certificate(place, pem));
    }

    fn count_kind(&mut self, asked: &Application) {
        self.count(if asked.ca == Ca::Sign { "sign issued" } else { "auth issued" });
        let (_, renewal) = self.model.not_after(asked);
        let of_kind = self.model.of_person[asked.person].iter().filter(|(ca, _)| *ca == asked.ca);
        let last = of_kind.map(|place| self.model.certificates[place].status).next_back();
        let kind = match last {
            _ if renewal => "renewal",
            None => "first issue",
            Some(CertificateStatus::Withdrawn(Withdrawal::Revoked {
                reason: RevocationReason::AffiliationChanged,
                ..
            })) => "re-issue after a change",
            Some(_) => "replacement",
        };
        self.count(kind);
        let (year, month, day) = asked.info.birth;
        if month == 0 || day == 0 {
            self.count("holder with an unknown birthday");
        }
        if (month, day) == (2, 29) && year > 0 {
            self.count("holder born on 29 February");
        }
    }

    /// The process stops in the middle of an issue, starts again up to a day later or after more than one, and the desk
    /// asks again.
    pub(crate) fn crash_in_an_issue(&mut self) {
        let (person, ca) = (self.somebody(), self.dice.one_of(CARD));
        self.come_prepared(person);
        let asked = self.application(person, ca);
        if self.model.refusal(&asked).is_some() {
            return self.ask_for(&asked);
        }
        let (step, (call, key)) = (self.dice.one_of(STEPS), self.call_for(&asked));
        let built = step != "issue.1-judged";
        let place = (ca, self.model.last_serial[ca as usize] + 1);
        self.tell(&format!("person {person} asks for {ca}/{}, and the process stops at {step}", place.1));
        self.world.issue_stopped_at(step, &call);
        if built {
            assert_eq!(self.model.take_serial(ca), place.1);
            self.model.built(&asked, place.1);
        }
        if step == "issue.4-issued" {
            self.model.issued(place);
        }
        let late = self.dice.once_in(3);
        let pause = if late { DAY_SECONDS + 1 } else { self.dice.one_of([0, 60, DAY_SECONDS]) };
        self.set_clock(self.model.now + pause);
        // Recovery comes before what waits in the queue.
        if built && step != "issue.4-issued" {
            if late { self.model.given_up(place) } else { self.model.issued(place) }
        }
        self.start_again();
        self.touched.extend(&self.model.of_person[person]);
        self.count("crash in an issue");
        if !built {
            self.ask_again_after_nothing(&asked, call, key);
        } else if self.model.certificates[&place].issued.is_some() {
            let reply = self.world.doors().post(&call);
            self.is_handed_over(call, place, &reply, key);
        } else {
            self.count("given up before hand-over");
            self.is_refused(&call, (409, "destroyed-before-hand-over"));
        }
    }

    /// The same request once more, of which the crash left nothing.
    fn ask_again_after_nothing(&mut self, asked: &Application, call: Call, key: KeyPair) {
        match self.model.refusal(asked) {
            Some(refusal) => self.is_refused(&call, refusal),
            None => self.is_issued(asked, call, key),
        }
    }

    /// The same when the request is judged and nothing of it is recorded: what the register changed refuses it, a loss is
    /// about the certificates before.
    fn report_before_the_intent(&mut self, asked: &Application, call: Call, key: KeyPair) {
        let (person, ca) = (asked.person, asked.ca);
        let has_card = self.model.of_person[person].iter().any(|(ca, _)| CARD.contains(ca));
        let lost = if has_card { "held" } else { "minor_address_correction" };
        let what = self.dice.one_of(["moved", "died", "minor_address_correction", lost]);
        self.tell(&format!("{what} is reported of person {person} while a request for {ca} is judged"));
        let (report, doors) = (self.report_call(person, what), self.world.doors().for_another_thread());
        let reported = move || assert_eq!(doors.post(&report).status, 200);
        self.world.meanwhile("issue.1-judged", move || std::thread::spawn(reported).join().unwrap());
        let reply = self.world.doors().post(&call);
        self.is_reported(person, what);
        self.touched.extend(&self.model.of_person[person]);
        self.count("reported before the intent");
        if ["moved", "died"].contains(&what) {
            assert_eq!(reply.problem(), (409, "resident-changed"));
        } else {
            let place = (ca, self.model.take_serial(ca));
            self.model.built(asked, place.1);
            self.model.issued(place);
            self.is_handed_over(call, place, &reply, key);
        }
    }

    /// The register or the loss line reports something while an issue stands at a step.
    pub(crate) fn report_in_an_issue(&mut self) {
        let (person, ca) = (self.somebody(), self.dice.one_of(CARD));
        self.come_prepared(person);
        let asked = self.application(person, ca);
        if self.model.refusal(&asked).is_some() {
            return self.ask_for(&asked);
        }
        let (step, (call, key)) = (self.dice.one_of(STEPS), self.call_for(&asked));
        if step == "issue.1-judged" {
            return self.report_before_the_intent(&asked, call, key);
        }
        let place = (ca, self.model.take_serial(ca));
        let what = self.dice.one_of(["moved", "died", "minor_address_correction", "held"]);
        self.tell(&format!("{what} is reported of person {person} while {ca}/{} stands at {step}", place.1));
        let (report, doors) = (self.report_call(person, what), self.world.doors().for_another_thread());
        let reported = move || assert_eq!(doors.post(&report).status, 200);
        self.world.meanwhile(step, move || std::thread::spawn(reported).join().unwrap());
        let reply = self.world.doors().post(&call);
        let goes_on = what == "minor_address_correction" || (what, ca) == ("moved", Ca::Auth);
        self.model.built(&asked, place.1);
        if step == "issue.4-issued" {
            self.model.issued(place);
        }
        self.is_reported(person, what);
        if goes_on && step != "issue.4-issued" {
            self.model.issued(place);
        }
        if goes_on {
            self.is_handed_over(call, place, &reply, key);
        } else if step == "issue.4-issued" {
            assert_eq!(reply.status, 201, "{:?}", reply.body);
        } else {
            self.count("given up before hand-over");
            self.model.given_up(place);
            assert_eq!(reply.problem(), (409, "destroyed-before-hand-over"));
            // The key stays ended: a retry must not issue what the person was before.
            self.is_refused(&call, (409, "destroyed-before-hand-over"));
        }
        self.touched.extend(&self.model.of_person[person]);
        self.count("report in an issue");
    }
}
