//! People with phones: they apply, lose one and find it, take another; what comes after hours waits.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::identity::Ca;
use pki::revocation::{CertificateStatus, Withdrawal};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};

use crate::calendar::{DAY_SECONDS, text_at};
use crate::life::{Life, Outcome, assert_says, place_in};
use crate::model::Place;
use crate::queue::{Stage, Wish};
use crate::world::{Call, Party, Reply};
use crate::{artifacts, law, people};

const APPLICATION: &str = "移動端末設備用電子証明書発行申請情報";
const FOUND: &str = "移動端末設備発見届";
const RETIRED: &str = "移動端末設備用電子証明書失効申請情報";
const STEPS: [&str; 7] = [
    "phone.1-judged",
    "phone.2-queued",
    "issue.1-judged",
    "issue.2-intended",
    "issue.3-signed",
    "issue.4-issued",
    "phone.3-dequeued",
];

/// A phone certificate's keys, made before it is asked for.
pub(crate) type NewKeys = Vec<(Ca, KeyPair)>;

impl Life {
    /// Somebody whose card can sign, and has both certificates if possible.
    fn signer(&mut self) -> Option<Place> {
        let now = self.model.now;
        let good = |place: &Place| self.model.certificates[place].is_good_at(now);
        let cards: Vec<Place> = self.keys.keys().copied().filter(|(ca, _)| *ca == Ca::Sign).collect();
        let has_both = |place: &Place| {
            let person = self.model.certificates[place].person;
            self.model.newest_good(person, Ca::Auth).is_some_and(|auth| good(&auth))
        };
        let ready: Vec<Place> = cards.iter().copied().filter(|place| good(place) && has_both(place)).collect();
        // One with a phone comes again more often than not.
        let with_phone: Vec<Place> = ready.iter().copied().filter(|place| self.phone_of(*place).is_some()).collect();
        if self.dice.once_in(12) {
            return self.dice.pick(&cards);
        }
        if self.dice.once_in(2) { self.dice.pick(&ready) } else { self.dice.pick(&with_phone) }
    }

    /// The phone that the person has certificates in that are not revoked.
    fn phone_of(&self, signer: Place) -> Option<u64> {
        let person = self.model.certificates[&signer].person;
        let places = self.model.of_person[person].iter().map(|place| &self.model.certificates[place]);
        places.filter(|certificate| !certificate.is_revoked()).filter_map(|certificate| certificate.phone).next_back()
    }

    pub(crate) fn use_a_phone(&mut self) {
        let Some(signer) = self.signer() else { return self.complete_a_card() };
        if !self.model.phones_are_open() && self.dice.once_in(2) {
            let tomorrow = law::phone_hours(self.model.today() + 1);
            let daytime = tomorrow.start() + self.dice.below(tomorrow.end() - tomorrow.start());
            self.set_clock(daytime);
        }
        match self.dice.below(23) {
            0..9 => self.apply(signer),
            9..12 => self.apply_wrongly(signer),
            12..17 => self.lose_and_find(signer),
            17..20 => self.notice(signer, RETIRED),
            _ => self.crash_in_an_application(signer),
        }
    }

    /// What is signed, and the call with it.
    fn signed(&mut self, signer: Place, root: &str, elements: &str, at: i64, path: &str) -> Call {
        let key = self.new_call_key();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:phone-application:1\">{elements}\
             <申請番号>{key:->20}</申請番号><申請日時>{}+09:00</申請日時></{root}>",
            text_at(at)
        );
        let (pair, pem) = &self.keys[&signer];
        let body = json!({
            "application": STANDARD.encode(&text),
            "signature": STANDARD.encode(pair.sign(text.as_bytes()).unwrap()),
            "signature_form": "raw",
            "certificate": pem,
        });
        Call { party: Party::Portal, path: format!("/phone/v1/{path}"), key, body: body.to_string() }
    }

    /// An application for new keys.
    fn application_call(&mut self, wish: &Wish, at: i64) -> (Call, NewKeys) {
        let mut elements = format!("<端末識別子>phone-{:0>16}</端末識別子>", wish.phone);
        let mut keys = Vec::new();
        let asked = [
            (wish.auth, Ca::PhoneAuth, "利用者証明用証明書署名要求"),
            (wish.sign, Ca::PhoneSign, "署名用証明書署名要求"),
        ];
        for (_, ca, element) in asked.into_iter().filter(|(asked, _, _)| *asked) {
            let (key, pem) = people::key_and_csr(None);
            elements.extend(["<", element, ">", &pem, "</", element, ">"]);
            keys.push((ca, key));
        }
        (self.signed(wish.signer, APPLICATION, &elements, at, "applications"), keys)
    }

    fn wish(&mut self, signer: Place) -> Wish {
        self.calls += 1;
        let phone = match self.phone_of(signer) {
            Some(phone) if self.dice.once_in(3) => phone,
            Some(_) | None => self.calls,
        };
        let (auth, sign) = self.dice.one_of([(true, true), (true, true), (true, false), (false, true)]);
        Wish { signer, phone, auth, sign }
    }

    fn apply(&mut self, signer: Place) {
        let wish = self.wish(signer);
        let (call, keys) = self.application_call(&wish, self.model.now);
        self.tell(&format!("{wish:?} is applied for"));
        if let Some(refusal) = self.model.wish_refusal(&wish) {
            self.count("phone application refused");
            return self.is_refused(&call, refusal);
        }
        let replaces = self.phone_of(signer).is_some_and(|phone| phone != wish.phone);
        let reply = self.world.doors().post(&call);
        let at = self.model.queued(wish);
        self.keys_of_queued.insert(at, keys);
        self.work_queue_to(at);
        self.is_answered(at, &reply);
        if matches!(self.model.queue[at].stage, Stage::Issued(_)) && replaces {
            self.count("phone replaced");
        }
        self.remember(call.clone(), Outcome::Application(at));
        if self.model.queue[at].stage == Stage::Waiting {
            let person = self.model.certificates[&signer].person;
            match self.dice.below(8) {
                // When its turn comes, the card is no longer good.
                0..2 => return self.lose_the_card(person),
                2..5 => return self.lose_and_find(signer),
                5..7 => return self.notice(signer, RETIRED),
                _ => {}
            }
        }
        if self.dice.once_in(3) && self.model.wish_refusal(&wish).is_none() {
            let key = self.new_call_key();
            self.count("application-used");
            self.is_refused(&Call { key, ..call }, (409, "application-used"));
        }
    }

    /// What waits of that person is done, if it is open.
    pub(crate) fn work_queue_to(&mut self, last: usize) {
        self.model.work_queue(Some(last));
        let person = self.model.certificates[&self.model.queue[last].wish.signer].person;
        self.touched.extend(&self.model.of_person[person]);
    }

    /// The answer tells how the application stands.
    pub(crate) fn is_answered(&mut self, at: usize, reply: &Reply) {
        let wish = self.model.queue[at].wish;
        let told = || format!("application {} for {wish:?}", at + 1);
        match self.model.queue[at].stage.clone() {
            Stage::Waiting | Stage::Begun(_) => {
                assert_eq!(reply.status, 202, "{}: {:?}", told(), reply.body);
                assert_eq!((&reply.body["state"], &reply.body["application"]), (&json!("queued"), &json!(at + 1)));
                self.count("phone application queued");
            }
            Stage::Refused(refusal) => {
                assert_eq!(reply.problem(), refusal, "{}: {:?}", told(), reply.body);
            }
            Stage::Issued(places) => {
                assert_eq!(reply.status, 201, "{}: {:?}", told(), reply.body);
                self.holds(at, &places, &reply.body);
            }
        }
    }

    /// The certificates of an application that is done.
    fn holds(&mut self, at: usize, places: &[Place], body: &Value) {
        assert_eq!((&body["state"], &body["application"]), (&json!("issued"), &json!(at + 1)));
        let certificates = body["certificates"].as_array().unwrap();
        assert_eq!(certificates.iter().map(place_in).collect::<Vec<_>>(), places);
        let keys = self.keys_of_queued.remove(&at).unwrap_or_default();
        for (place, certificate) in places.iter().zip(certificates) {
            assert_says(certificate, self.model.certificates[place].status, &self.model.tell(*place));
            let pem = certificate["certificate"].as_str().unwrap();
            artifacts::certificate(&self.world, &self.model, *place, pem);
            self.assert_key_outlives(*place);
        }
        for (ca, key) in keys {
            let (place, certificate) = places.iter().zip(certificates).find(|(place, _)| place.0 == ca).unwrap();
            self.keys.insert(*place, (key, certificate["certificate"].as_str().unwrap().to_owned()));
            self.count(if ca == Ca::PhoneSign { "phone-sign issued" } else { "phone-auth issued" });
        }
        self.touched.extend(places);
    }

    fn apply_wrongly(&mut self, signer: Place) {
        let wish = self.wish(signer);
        let now = self.model.now;
        let stale = self.dice.one_of([now - DAY_SECONDS - 1, now + 301]);
        if self.dice.once_in(2) {
            let (call, _) = self.application_call(&wish, stale);
            self.tell("a stale application");
            self.count("application-stale");
            return self.is_refused(&call, (422, "application-stale"));
        }
        let (call, _) = self.application_call(&wish, now);
        let mut body: Value = serde_json::from_str(&call.body).unwrap();
        let other = self.keys[&signer].0.sign(b"something else").unwrap();
        body["signature"] = STANDARD.encode(other).into();
        self.tell("an application with another signature");
        let refusal =
            if self.model.may_sign(signer) { (422, "signature-invalid") } else { (409, "certificate-not-good") };
        self.count("phone application forged");
        self.is_refused(&Call { body: body.to_string(), ..call }, refusal);
    }

    fn lose_the_card(&mut self, person: usize) {
        let call = self.report_call(person, "held");
        self.tell(&format!("the loss line holds the card of person {person}"));
        let reply = self.world.doors().post(&call);
        let told = self.is_reported(person, "held");
        self.assert_told(&reply, &told);
    }

    fn in_phone(&self, person: usize) -> Vec<Place> {
        let in_phone = |place: &&Place| matches!(place.0, Ca::PhoneSign | Ca::PhoneAuth);
        self.model.of_person[person].iter().filter(in_phone).copied().collect()
    }

    /// The loss line holds a phone, and perhaps it is found some time later.
    fn lose_and_find(&mut self, signer: Place) {
        let person = self.model.certificates[&signer].person;
        let places = self.in_phone(person);
        let held = |place: &Place| {
            matches!(self.model.certificates[place].status, CertificateStatus::Withdrawn(Withdrawal::Held { .. }))
        };
        if places.iter().any(held) && !self.dice.once_in(4) {
            return self.notice(signer, FOUND);
        }
        let body = json!({ "resident_code": self.model.people[person].code, "device": "phone" });
        let key = self.new_call_key();
        let call = Call { party: Party::Hotline, path: "/hotline/v1/holds".to_owned(), key, body: body.to_string() };
        self.tell(&format!("the loss line holds what is in the phone: {places:?}"));
        let ended = self.ends_what_waits(person);
        if places.is_empty() && !ended {
            self.count("unknown-certificate");
            return self.is_refused(&call, (404, "unknown-certificate"));
        }
        let reply = self.world.doors().post(&call);
        let told = self.model.happens("phone held", &places);
        self.count("hold of a phone");
        self.assert_told(&reply, &told);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
        if !self.dice.once_in(3) {
            let pause = self.dice.one_of([1, 3_600, DAY_SECONDS]);
            self.set_clock(self.model.now + pause);
            self.notice(signer, FOUND);
        }
    }

    /// Into a phone that is lost or not wanted any more nothing is issued.
    pub(crate) fn ends_what_waits(&mut self, person: usize) -> bool {
        let ended = self.model.end_waiting(person);
        if ended {
            self.count("waiting application ended");
        }
        ended
    }

    /// The phone is found, or its certificates are not wanted any more.
    fn notice(&mut self, signer: Place, root: &str) {
        let person = self.model.certificates[&signer].person;
        let found = root == FOUND;
        let mut signer = signer;
        if let Some(phones) = self.model.newest_good(person, Ca::PhoneSign).filter(|_| !found)
            && self.keys.contains_key(&phones)
            && self.dice.once_in(2)
        {
            signer = phones;
        }
        let call = self.signed(signer, root, "", self.model.now, if found { "finds" } else { "retirements" });
        let concerned = |place: &Place| match self.model.certificates[place].status {
            CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => true,
            CertificateStatus::Good => !found,
            CertificateStatus::NotIssued | CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => false,
        };
        let places: Vec<Place> = self.in_phone(person).into_iter().filter(concerned).collect();
        self.tell(&format!("a phone is {}: {places:?}", if found { "found" } else { "retired" }));
        if !self.model.may_sign(signer) {
            self.count("notice refused");
            return self.is_refused(&call, (409, "certificate-not-good"));
        }
        let ended = !found && self.ends_what_waits(person);
        if places.is_empty() && !ended {
            self.count("notice refused");
            return self.is_refused(&call, (404, "unknown-certificate"));
        }
        let reply = self.world.doors().post(&call);
        let told = self.model.happens(if found { "phone phone_found" } else { "phone person_request" }, &places);
        self.count(if found { "phone found" } else { "phone retired" });
        self.assert_told(&reply, &told);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
    }

    /// The process stops somewhere between an application and its certificates.
    fn crash_in_an_application(&mut self, signer: Place) {
        let wish = self.wish(signer);
        if self.model.wish_refusal(&wish).is_some() || !self.model.phones_are_open() || !self.nothing_waits(signer) {
            return self.apply(signer);
        }
        let (call, keys) = self.application_call(&wish, self.model.now);
        let step = self.dice.one_of(STEPS);
        self.tell(&format!("{wish:?} is applied for, and the process stops at {step}"));
        self.world.application_stopped_at(step, &call);
        if step != "phone.1-judged" {
            let at = self.model.queued(wish);
            self.keys_of_queued.insert(at, keys);
            self.stop_at(at, step);
        }
        let late = self.dice.once_in(3);
        let pause = if late { DAY_SECONDS + 1 } else { self.dice.one_of([0, 60, 12 * 3_600, DAY_SECONDS]) };
        self.set_clock(self.model.now + pause);
        self.finish_begun(late);
        self.start_again();
        self.touched.extend(&self.model.of_person[self.model.certificates[&signer].person]);
        self.count("crash in a phone application");
        if step != "phone.1-judged" {
            let at = self.model.queue.len() - 1;
            self.work_queue_to(at);
            let reply = self.world.doors().post(&call);
            self.is_answered(at, &reply);
            self.remember(call, Outcome::Application(at));
        }
    }

    fn nothing_waits(&self, signer: Place) -> bool {
        let person = self.model.certificates[&signer].person;
        let waits = |queued: &crate::queue::Queued| {
            matches!(queued.stage, Stage::Waiting | Stage::Begun(_))
                && self.model.certificates[&queued.wish.signer].person == person
        };
        !self.model.queue.iter().any(waits)
    }

    /// How far it came before the process stopped.
    fn stop_at(&mut self, at: usize, step: &str) {
        match step {
            "phone.2-queued" | "issue.1-judged" => {}
            _ => {
                let places = self.model.begin(at).unwrap();
                if matches!(step, "issue.4-issued" | "phone.3-dequeued") {
                    for place in &places {
                        self.model.issued(*place);
                    }
                }
                let done = step == "phone.3-dequeued";
                self.model.queue[at].stage = if done { Stage::Issued(places) } else { Stage::Begun(places) };
            }
        }
    }

    /// What recovery makes of what was begun.
    fn finish_begun(&mut self, late: bool) {
        let begun = self.model.queue.iter().filter_map(|queued| match &queued.stage {
            Stage::Begun(places) => Some(places.clone()),
            Stage::Waiting | Stage::Issued(_) | Stage::Refused(_) => None,
        });
        let begun: Vec<Place> = begun.flatten().collect();
        for place in begun {
            let certificate = &self.model.certificates[&place];
            if certificate.issued.is_some() || certificate.status != CertificateStatus::NotIssued {
                continue;
            }
            if late {
                self.model.given_up(place);
                self.count("given up before hand-over");
            } else {
                self.model.issued(place);
            }
        }
    }

    /// The queue is looked at, as the process does from time to time.
    pub(crate) fn work_the_queue(&mut self) {
        let opening = law::phone_hours(self.model.today() + self.dice.below(2));
        let at = self.dice.one_of([*opening.start(), *opening.start() - 1, *opening.end(), *opening.end() + 1]);
        self.set_clock(at.max(self.model.now));
        self.tell("the queue is worked");
        self.world.process().authority.work_queue().unwrap();
        self.model.work_queue(None);
        self.count("queue worked");
        let Some(at) = self.dice.pick(&(0..self.model.queue.len()).collect::<Vec<_>>()) else { return };
        let reply = self.world.doors().get(Party::Portal, &format!("/phone/v1/applications/{}", at + 1));
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        match self.model.queue[at].stage.clone() {
            Stage::Waiting | Stage::Begun(_) => assert_eq!(reply.body["state"], "queued"),
            Stage::Issued(places) => self.holds(at, &places, &reply.body),
            Stage::Refused((_, slug)) => {
                assert_eq!(reply.body["problem"], format!("urn:akashi:problem:{slug}"));
            }
        }
    }
}
