//! What desks ask besides: trials, a person's certificates, the record of an issue, whose certificates expire soon.
use std::collections::{BTreeMap, BTreeSet};

use pki::identity::Ca;
use pki::revocation::CertificateStatus;
use registry::event::Event;
use serde_json::{Value, json};

use crate::calendar::{DAY_SECONDS, first_second, text_at};
use crate::law;
use crate::life::{Life, assert_says, place_in};
use crate::model::{Certificate, Model, Place};
use crate::world::{Call, MUNICIPALITIES, Party, Reply};

/// Of a municipality's list, so many are looked at for a page.
const PAGE: usize = 3;

fn at_japan(seconds: i64) -> String {
    format!("{}+09:00", text_at(seconds))
}

/// What a person's certificates are, before something is done.
pub(crate) type Standing = BTreeMap<Place, CertificateStatus>;

impl Model {
    pub(crate) fn standing(&self, person: usize) -> Standing {
        self.of_person[person].iter().map(|place| (*place, self.certificates[place].status)).collect()
    }

    /// What expires in its last months, that many, and is neither revoked nor of another municipality.
    fn expiring(&self, municipality: u32, months: i64) -> BTreeSet<Place> {
        let today = self.today();
        let soon = self.certificates.iter().filter(|(_, certificate)| {
            certificate.issued.is_some()
                && !certificate.is_revoked()
                && certificate.municipality == municipality
                && law::last_months(certificate.not_after, months).contains(&today)
        });
        soon.map(|(place, _)| *place).collect()
    }
}

impl Life {
    /// A desk tries a change first, sometimes: nothing at all is recorded.
    pub(crate) fn tried(&mut self, call: &Call) -> Option<Reply> {
        let is_desks = matches!(call.party, Party::Desk(_)) && call.path.starts_with("/desk/v1/certificates");
        if !is_desks || !self.dice.once_in(6) {
            return None;
        }
        let before = self.world.position();
        let reply = self.world.doors().post(&Call { path: format!("{}?dry_run=true", call.path), ..call.clone() });
        assert_eq!(self.world.position(), before, "a trial records nothing");
        Some(reply)
    }

    /// What was tried is refused, and the trial said so.
    pub(crate) fn is_refused_as_tried(&mut self, tried: Option<Reply>, refusal: (u16, &'static str)) {
        let Some(tried) = tried else { return };
        if refusal.1 == "destroyed-before-hand-over" {
            // The request was made before.
            assert_eq!((tried.status, tried.body), (200, json!({ "dry_run": true, "repeats": true })));
        } else {
            assert_eq!(tried.problem(), refusal, "the trial said {:?}", tried.body);
        }
        self.count("trial refused");
    }

    /// A certificate was issued, and the trial had said when it ends and what happens to the others that the desk sees.
    pub(crate) fn is_issued_as_tried(&mut self, tried: Option<Reply>, place: Place, before: &Standing, seen: &[Place]) {
        let Some(Reply { status, body }) = tried else { return };
        assert_eq!((status, &body["dry_run"]), (200, &Value::Bool(true)), "{body:?}");
        let certificate = &self.model.certificates[&place];
        let issued = json!([{ "ca": place.0.word(), "not_after": at_japan(certificate.not_after) }]);
        assert_eq!(body["issued"], issued, "{}", self.model.tell(place));
        let changed = seen.iter().filter(|other| self.model.certificates[other].status != before[other]);
        let changed: BTreeMap<Place, CertificateStatus> =
            changed.map(|other| (*other, self.model.certificates[other].status)).collect();
        let none = json!([]);
        self.assert_certificates(body.get("certificates").unwrap_or(&none), &changed);
        self.count("trial of an issue");
    }

    /// Certificates were revoked, and the trial had said which, and what they would be.
    pub(crate) fn is_revoked_as_tried(&mut self, tried: Option<Reply>, call: &Call, reply: &Reply) {
        let Some(tried) = tried else { return };
        let told = json!({ "dry_run": true, "certificates": reply.body["certificates"] });
        assert_eq!((tried.status, &tried.body), (200, &told));
        let again = self.world.doors().post(&Call { path: format!("{}?dry_run=true", call.path), ..call.clone() });
        assert_eq!((again.status, again.body), (200, json!({ "dry_run": true, "repeats": true })));
        self.count("trial of a revocation");
    }

    /// The certificates of a person that a desk sees.
    pub(crate) fn seen_from(&self, desk: u32, person: usize) -> Vec<Place> {
        self.model.of_person[person].iter().copied().filter(|place| self.model.may_act(desk, *place)).collect()
    }

    pub(crate) fn search(&mut self) {
        let with_some = self.any_certificate().filter(|_| !self.dice.once_in(2));
        let person = match with_some {
            Some(place) => self.model.certificates[&place].person,
            None => self.somebody(),
        };
        let of = &self.model.people[person];
        let desk = if self.dice.once_in(2) { self.dice.one_of(MUNICIPALITIES) } else { of.municipality };
        let body = json!({ "resident_code": self.model.people[person].code }).to_string();
        let call =
            Call { party: Party::Desk(desk), path: "/desk/v1/searches".to_owned(), key: self.new_call_key(), body };
        self.tell(&format!("the desk of {desk:05} searches for person {person}"));
        let before = self.world.position();
        let reply = self.world.doors().post(&call);
        assert_eq!((reply.status, self.world.position()), (200, before), "a search records nothing: {:?}", reply.body);
        let found = reply.body["certificates"].as_array().unwrap();
        let mut seen = self.seen_from(desk, person);
        seen.sort_by_key(|place| self.model.certificates[place].not_before);
        assert_eq!(found.iter().map(place_in).collect::<Vec<_>>(), seen, "what the desk of {desk:05} finds");
        for (place, found) in seen.iter().zip(found) {
            let (expected, what) = (&self.model.certificates[place], self.model.tell(*place));
            assert_says(found, expected.status, &what);
            assert_eq!(found["municipality"], format!("{:05}", expected.municipality), "{what}");
            assert_eq!(found["not_before"], at_japan(expected.not_before), "{what}");
            let not_after = expected.issued.map(|_| at_japan(expected.not_after));
            assert_eq!(found["not_after"].as_str(), not_after.as_deref(), "{what}");
        }
        self.count(if seen.is_empty() { "search that finds nothing" } else { "search" });
    }

    /// 発行控え
    pub(crate) fn print_a_receipt(&mut self) {
        let Some(place) = self.any_certificate() else { return self.search() };
        let certificate = self.model.certificates[&place].clone();
        let desk = if self.dice.once_in(2) { self.dice.one_of(MUNICIPALITIES) } else { certificate.municipality };
        self.tell(&format!("the desk of {desk:05} prints the receipt of {}/{}", place.0, place.1));
        let path = format!("/desk/v1/certificates/{}/{}/receipt", place.0, place.1);
        let reply = self.world.doors().get(Party::Desk(desk), &path);
        if !self.model.may_act(desk, place) {
            assert_eq!(reply.problem(), (403, "not-your-municipality"));
            return self.count("receipt refused");
        }
        if certificate.issued.is_none() {
            assert_eq!(reply.problem(), (409, "destroyed-before-hand-over"));
            return self.count("receipt refused");
        }
        let (body, what) = (&reply.body, self.model.tell(place));
        assert_eq!((reply.status, place_in(body)), (200, place), "{body:?}");
        assert_says(body, certificate.status, &what);
        let (from, until) = (at_japan(certificate.not_before), at_japan(certificate.not_after));
        assert_eq!((&body["not_before"], &body["not_after"]), (&from.into(), &until.into()), "{what}");
        let code = format!("{:05}", certificate.municipality);
        assert_eq!(body["municipality"]["code"], code, "{what}");
        let of_card = matches!(place.0, Ca::Sign | Ca::Auth);
        assert_eq!(body["desk"]["sign"].as_str(), of_card.then_some(&*format!("{code}0001")), "{what}");
        let (person, info) = (&body["person"], certificate.info);
        let said = ["name", "sex", "birth_date", "address"].map(|field| person[field].as_str().unwrap());
        assert_eq!(said, [info.name, info.sex, &law::birth_text(info.birth), info.address], "{what}");
        self.count("receipt");
    }

    /// The list of a municipality, page by page; then some are told.
    pub(crate) fn list_what_expires(&mut self) {
        let months = 1 + self.dice.below(6);
        self.wait_for_a_list(months);
        let with_some: Vec<u32> =
            MUNICIPALITIES.into_iter().filter(|code| !self.model.expiring(*code, months).is_empty()).collect();
        let desk = self.dice.pick(&with_some).unwrap_or(MUNICIPALITIES[0]);
        let notified = self.dice.one_of([None, None, Some(false), Some(true)]);
        self.tell(&format!("the desk of {desk:05} lists what expires in {months} months, notified: {notified:?}"));
        let filter = notified.map_or_else(String::new, |notified| format!("&notified={notified}"));
        let mut path = format!("/desk/v1/expiring?months={months}&limit={PAGE}{filter}");
        let mut listed = Vec::new();
        loop {
            let reply = self.world.doors().get(Party::Desk(desk), &path);
            assert_eq!(reply.status, 200, "{:?}", reply.body);
            listed.extend(reply.body["certificates"].as_array().unwrap().iter().cloned());
            let Some(next) = reply.body["next"].as_str() else { break };
            path = format!("/desk/v1/expiring?months={months}&limit={PAGE}{filter}&after={next}");
        }
        let mut expected = self.model.expiring(desk, months);
        expected.retain(|place| notified.is_none_or(|notified| notified == self.notified.contains_key(place)));
        let places: Vec<Place> = listed.iter().map(place_in).collect();
        assert_eq!(places.iter().copied().collect::<BTreeSet<_>>(), expected, "the list of {desk:05}");
        assert_eq!(places.len(), expected.len(), "each stands there once");
        let quarters = places.iter().map(|place| law::leave_day(self.model.certificates[place].not_after));
        assert!(quarters.is_sorted(), "in the order of their quarters: {places:?}");
        for (place, listed) in places.iter().zip(&listed) {
            self.is_listed(*place, listed);
        }
        self.count(if places.is_empty() { "empty list of what expires" } else { "list of what expires" });
        if let Some(place) = self.dice.pick(&places) {
            self.send_notices(desk, place);
        }
    }

    /// Goes on to the first second of somebody's last months, or to the second before it.
    fn wait_for_a_list(&mut self, months: i64) {
        let now = self.model.now;
        let opens = |certificate: &Certificate| first_second(*law::last_months(certificate.not_after, months).start());
        let soon = self.model.certificates.values().filter(|certificate| certificate.is_good_at(now));
        let soon: Vec<i64> = soon.map(opens).filter(|opens| (now..now + 200 * DAY_SECONDS).contains(opens)).collect();
        if let Some(opens) = self.dice.pick(&soon) {
            let early = i64::from(self.dice.once_in(4));
            self.set_clock((opens - early).max(now));
        }
    }

    fn is_listed(&self, place: Place, listed: &Value) {
        let (certificate, what) = (&self.model.certificates[&place], self.model.tell(place));
        assert_says(listed, certificate.status, &what);
        assert_eq!(listed["not_after"], at_japan(certificate.not_after), "{what}");
        let told = (listed["name"].as_str().unwrap(), listed["address"].as_str().unwrap());
        assert_eq!(told, (certificate.info.name, certificate.info.address), "{what}");
        assert_eq!(listed["changed_since"], self.model.changed_since(place), "{what}");
        let notified_at = self.notified.get(&place).map(|at| at_japan(*at));
        assert_eq!(listed["notified_at"].as_str(), notified_at.as_deref(), "{what}");
    }

    /// One that was listed is marked; perhaps with another that is not the desk's, and then neither is.
    fn send_notices(&mut self, desk: u32, place: Place) {
        let mut places = vec![place];
        places.extend(self.any_certificate().filter(|other| *other != place && !self.dice.once_in(3)));
        let certificates = places.iter().map(|(ca, serial)| json!({ "ca": ca.word(), "serial": serial.to_string() }));
        let body = json!({ "certificates": certificates.collect::<Vec<_>>() }).to_string();
        let path = "/desk/v1/expiring/notified".to_owned();
        let call = Call { party: Party::Desk(desk), path, key: self.new_call_key(), body };
        for place in &places {
            let certificate = &self.model.certificates[place];
            let refusal = match certificate.issued {
                None => (404, "unknown-certificate"),
                Some(_) if certificate.municipality != desk => (403, "not-your-municipality"),
                Some(_) => continue,
            };
            self.count("marking refused");
            return self.is_refused(&call, refusal);
        }
        let before = self.world.position();
        let reply = self.world.doors().post(&call);
        let marked = json!({ "notified": places.len(), "notified_at": at_japan(self.model.now) });
        assert_eq!((reply.status, &reply.body), (200, &marked));
        let events: Vec<_> = self.world.rows_since(before).into_iter().map(|row| row.event).collect();
        assert!(events.iter().any(|event| matches!(event, Event::ExpiryNotified { .. })), "{events:?}");
        let now = self.model.now;
        self.notified.extend(places.into_iter().map(|place| (place, now)));
        self.count("marked as notified");
    }
}
