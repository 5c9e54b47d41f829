//! The register reports, desks revoke, the loss line holds; and calls come again, or where they do not belong.
use pki::identity::Ca;
use pki::revocation::{CertificateStatus, Withdrawal};

use crate::calendar::text;
use crate::life::{Life, Outcome, assert_says};
use crate::model::{Info, Place};
use crate::people;
use crate::world::{Call, MUNICIPALITIES, Party};

pub(crate) const REPORTS: [&str; 8] = [
    "moved",
    "name_changed",
    "sex_corrected",
    "birth_date_corrected",
    "minor_address_correction",
    "died",
    "left_japan",
    "left_japan_keeping_card",
];
/// A desk's word, and what the law calls it at a card.
const AT_CARDS: [(&str, &str); 6] = [
    ("person_request", "card person_request"),
    ("key_compromise", "card key_compromise"),
    ("card_lost", "card card_lost"),
    ("card_found", "card card_found"),
    ("record_error", "card record_error"),
    ("no_longer_needed", "card no_longer_needed"),
];
/// The same at a phone.
const AT_PHONES: [(&str, &str); 6] = [
    ("person_request", "phone person_request"),
    ("key_compromise", "phone key_compromise"),
    ("phone_lost", "phone phone_lost"),
    ("phone_found", "phone phone_found"),
    ("record_error", "phone record_error"),
    ("no_longer_needed", "phone no_longer_needed"),
];

fn at_phone(place: Place) -> bool {
    matches!(place.0, Ca::PhoneSign | Ca::PhoneAuth)
}

impl Life {
    /// The register's report, or the loss line's of a lost card.
    pub(crate) fn report_call(&mut self, person: usize, what: &str) -> Call {
        let code = &self.model.people[person].code;
        let (party, path, body) = if what == "held" {
            (Party::Hotline, "/hotline/v1/holds", serde_json::json!({ "resident_code": code }))
        } else {
            let effective_on = text(self.model.today());
            let body = serde_json::json!({ "resident_code": code, "change": what, "effective_on": effective_on });
            (Party::Register, "/residents/v1/changes", body)
        };
        Call { party, path: path.to_owned(), key: self.new_call_key(), body: body.to_string() }
    }

    /// What it does to the person's certificates. The register knows what the person is from now on.
    pub(crate) fn is_reported(
        &mut self,
        person: usize,
        what: &'static str,
    ) -> std::collections::BTreeMap<Place, pki::revocation::CertificateStatus> {
        self.count(what);
        if what == "held" {
            let card = self.certificates_in_card(person);
            return self.model.happens("card held", &card);
        }
        let info = self.info_after(person, what);
        self.model.reported(person, what, info)
    }

    fn certificates_in_card(&self, person: usize) -> Vec<Place> {
        self.model.of_person[person].iter().copied().filter(|(ca, _)| matches!(ca, Ca::Sign | Ca::Auth)).collect()
    }

    fn info_after(&mut self, person: usize, what: &str) -> Info {
        let today = self.model.today();
        let Self { model, dice, .. } = self;
        let of = &mut model.people[person];
        let info = of.info;
        match what {
            "moved" => {
                of.municipality = dice.one_of(MUNICIPALITIES);
                Info { address: people::address(dice, of.municipality), ..info }
            }
            "name_changed" => Info { name: people::name(dice), ..info },
            "sex_corrected" => Info { sex: people::other_sex(info.sex), ..info },
            "birth_date_corrected" => Info { birth: people::birth(dice, today), ..info },
            _ => info,
        }
    }

    pub(crate) fn report_any(&mut self) {
        let (person, what) = (self.somebody(), self.dice.one_of(REPORTS));
        let call = self.report_call(person, what);
        self.tell(&format!("the register reports {what} of person {person}"));
        let reply = self.world.doors().post(&call);
        let told = self.is_reported(person, what);
        self.assert_told(&reply, &told);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
    }

    pub(crate) fn revoke_any(&mut self) {
        let phones: Vec<Place> = self.model.certificates.keys().copied().filter(|place| at_phone(*place)).collect();
        // Phones are fewer than cards, and have as many causes.
        let recent = &phones[phones.len().saturating_sub(12)..];
        let of_phone = self.dice.pick(recent).filter(|_| self.dice.once_in(2));
        let Some(place) = of_phone.or_else(|| self.any_certificate()) else { return self.ask_for_any() };
        let (word, what) = if at_phone(place) { self.dice.one_of(AT_PHONES) } else { self.dice.one_of(AT_CARDS) };
        let certificate = &self.model.certificates[&place];
        let here = self.model.people[certificate.person].municipality;
        let desk = match self.dice.below(8) {
            0 => self.dice.one_of(MUNICIPALITIES),
            1..4 => here,
            _ => certificate.municipality,
        };
        let unknown = self.dice.once_in(25);
        let serial = if unknown { self.model.last_serial[place.0 as usize] + 1 } else { place.1 };
        let call = Call {
            party: Party::Desk(desk),
            path: format!("/desk/v1/certificates/{}/{serial}/revocation", place.0),
            key: self.new_call_key(),
            body: serde_json::json!({ "cause": word }).to_string(),
        };
        self.tell(&format!("the desk of {desk:05} revokes {}/{serial}: {word}", place.0));
        if unknown {
            self.count("unknown-certificate");
            return self.is_refused(&call, (404, "unknown-certificate"));
        }
        if !self.model.may_act(desk, place) {
            self.count("revocation by a wrong desk");
            return self.is_refused(&call, (403, "not-your-municipality"));
        }
        let places = self.met_at_a_desk(desk, word, place);
        if places.is_empty() {
            self.count("unknown-certificate");
            return self.is_refused(&call, (404, "unknown-certificate"));
        }
        if word == "phone_lost" {
            self.ends_what_waits(self.model.certificates[&place].person);
        }
        let tried = self.tried(&call);
        let reply = self.world.doors().post(&call);
        let told = self.model.happens(what, &places);
        self.count(what);
        self.assert_told(&reply, &told);
        self.is_revoked_as_tried(tried, &call, &reply);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
    }

    /// A certificate, or what that desk sees in the card or phone that was found: of a phone, what is held.
    fn met_at_a_desk(&self, desk: u32, word: &str, place: Place) -> Vec<Place> {
        let certificate = &self.model.certificates[&place];
        if !matches!(word, "card_found" | "phone_found") || certificate.is_revoked() {
            return vec![place];
        }
        let met = |other: &&Place| {
            let of = &self.model.certificates[other];
            let held = matches!(of.status, CertificateStatus::Withdrawn(Withdrawal::Held { .. }));
            self.model.may_act(desk, **other)
                && at_phone(**other) == at_phone(place)
                && of.issued.is_some()
                && (held || !at_phone(place) && !of.is_revoked())
        };
        self.model.of_person[certificate.person].iter().filter(met).copied().collect()
    }

    pub(crate) fn hold_any(&mut self) {
        let by_serial = self.dice.once_in(2);
        let certificate = self.any_certificate();
        let (body, places) = match certificate {
            Some(place) if by_serial => {
                (serde_json::json!({ "ca": place.0.word(), "serial": place.1.to_string() }), vec![place])
            }
            Some(_) | None => {
                let person = self.somebody();
                let body = serde_json::json!({ "resident_code": self.model.people[person].code });
                (body, self.certificates_in_card(person))
            }
        };
        let key = self.new_call_key();
        let call = Call { party: Party::Hotline, path: "/hotline/v1/holds".to_owned(), key, body: body.to_string() };
        self.tell(&format!("the loss line holds {places:?}"));
        if places.is_empty() {
            self.count("unknown-certificate");
            return self.is_refused(&call, (404, "unknown-certificate"));
        }
        let by_phone = places.iter().all(|place| at_phone(*place));
        if by_phone {
            self.ends_what_waits(self.model.certificates[&places[0]].person);
        }
        let reply = self.world.doors().post(&call);
        let told = self.model.happens(if by_phone { "phone held" } else { "card held" }, &places);
        self.count(if places.len() == 1 && by_serial { "hold by serial" } else { "hold of a card" });
        self.assert_told(&reply, &told);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
    }

    /// The register reports, and the process stops before it is answered.
    pub(crate) fn crash_after_a_report(&mut self) {
        let (person, what) = (self.somebody(), self.dice.one_of(REPORTS));
        let call = self.report_call(person, what);
        self.tell(&format!("the register reports {what} of person {person}, and the process stops"));
        self.world.report_stopped(&call);
        let told = self.is_reported(person, what);
        self.start_again();
        let reply = self.world.doors().post(&call);
        self.assert_told(&reply, &told);
        self.remember(call, Outcome::Changed(reply.body["certificates"].clone()));
        self.count("crash after a report");
    }

    /// The same call again gets the same answer, a certificate with its status of now.
    pub(crate) fn ask_again(&mut self) {
        if self.remembered.is_empty() {
            return self.ask_for_any();
        }
        let (call, outcome) = self.remembered[self.dice.place(self.remembered.len())].clone();
        self.tell(&format!("{} comes again", call.key));
        self.count("retry");
        let before = self.world.position();
        let reply = self.world.doors().post(&call);
        if let Outcome::Application(at) = outcome {
            // What waits is done when somebody asks.
            self.work_queue_to(at);
            return self.is_answered(at, &reply);
        }
        assert_eq!(self.world.position(), before, "a retry records nothing");
        match outcome {
            Outcome::Certificate(place, pem) => {
                assert_eq!((reply.status, &reply.body["certificate"]), (201, &pem.into()));
                assert_says(&reply.body, self.model.certificates[&place].status, &self.model.tell(place));
            }
            Outcome::Changed(certificates) => {
                assert_eq!((reply.status, &reply.body["certificates"]), (200, &certificates));
            }
            Outcome::Application(_) => {}
        }
    }

    pub(crate) fn ask_something_else_with_the_same_key(&mut self) {
        if self.remembered.is_empty() {
            return self.ask_for_any();
        }
        let (call, _) = self.remembered[self.dice.place(self.remembered.len())].clone();
        // JSON takes spaces, and so it is another body.
        let body = call.body.replacen('{', "{ ", 1);
        self.tell(&format!("{} comes again with another body", call.key));
        self.count("idempotency-key-reused");
        self.is_refused(&Call { body, ..call }, (422, "idempotency-key-reused"));
    }

    pub(crate) fn call_at_a_wrong_door(&mut self) {
        let person = self.somebody();
        let call = self.report_call(person, "died");
        let party = self.dice.one_of([Party::Hotline, Party::Desk(MUNICIPALITIES[0]), Party::Admin]);
        self.tell(&format!("{party:?} reports a death"));
        self.count("wrong-role");
        self.is_refused(&Call { party, ..call }, (403, "wrong-role"));
    }
}
