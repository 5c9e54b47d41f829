//! What everybody's certificates are, by the law alone.
use std::collections::{BTreeMap, BTreeSet};

use pki::identity::Ca;
use pki::revocation::{CertificateStatus, Withdrawal};

use crate::calendar::{day_at, text};
use crate::law::{self, Birth, Cuts};
use crate::queue::Queued;

/// A certificate: its CA and its serial.
pub(crate) type Place = (Ca, u64);

/// What a CRL carries, by rising serials.
pub(crate) type Entries = Vec<(u64, Withdrawal)>;

/// HTTP status and the end of the problem's type.
pub(crate) type Refusal = (u16, &'static str);

/// The 4 info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) name: &'static str,
    pub(crate) sex: &'static str,
    pub(crate) birth: Birth,
    pub(crate) address: &'static str,
}

pub(crate) struct Person {
    pub(crate) code: String,
    pub(crate) municipality: u32,
    pub(crate) info: Info,
    /// As it was before the last change that the register reported.
    pub(crate) info_before: Info,
    pub(crate) card_expires_on: Option<i64>,
    pub(crate) stay_ends_on: Option<i64>,
    /// When the register reported a change, in [`Model::events`].
    reported: Vec<u64>,
    pub(crate) gone: bool,
}

impl Person {
    pub(crate) fn new(code: String, municipality: u32, info: Info) -> Self {
        let (card_expires_on, stay_ends_on) = (None, None);
        let (reported, gone) = (Vec::new(), false);
        Self { code, municipality, info, info_before: info, card_expires_on, stay_ends_on, reported, gone }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) person: usize,
    pub(crate) key: u16,
    pub(crate) municipality: u32,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) status: CertificateStatus,
    /// When it was issued, in [`Model::events`]; `None` if it was given up before.
    pub(crate) issued: Option<u64>,
    pub(crate) info: Info,
    /// Of a phone's: the card's that it stands on, and in which phone.
    pub(crate) card: Option<Place>,
    pub(crate) phone: Option<u64>,
}

impl Certificate {
    pub(crate) const fn is_revoked(&self) -> bool {
        matches!(self.status, CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }))
    }

    pub(crate) fn is_good_at(&self, now: i64) -> bool {
        self.status == CertificateStatus::Good && self.not_after >= now
    }
}

/// A CA key, whose number is its place among its CA's plus one.
pub(crate) struct Key {
    pub(crate) activated_at: i64,
    pub(crate) not_after: i64,
    pub(crate) compromised: bool,
    pub(crate) compromised_at: Option<i64>,
}

/// What makes a request wrong whoever it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NotJson,
    PhoneCa,
    NoSuchMunicipality,
    BadCharacter,
    NoSuchDay,
    NoSuchCardDay,
    NotCsr,
    WrongSignature,
    OtherAlgorithm,
    BadResidentCode,
    KeySeenBefore,
}

/// What a desk asks for.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) ca: Ca,
    pub(crate) desk: u32,
    pub(crate) municipality: u32,
    pub(crate) person: usize,
    pub(crate) info: Info,
    pub(crate) card_expires_on: Option<i64>,
    pub(crate) stay_ends_on: Option<i64>,
    pub(crate) flaw: Option<Flaw>,
}

/// Everybody and everything.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) people: Vec<Person>,
    pub(crate) certificates: BTreeMap<Place, Certificate>,
    pub(crate) of_person: Vec<Vec<Place>>,
    /// The last serial that each CA took.
    pub(crate) last_serial: [u64; 4],
    pub(crate) keys: [Vec<Key>; 4],
    /// Applications for phones, by their numbers from 1.
    pub(crate) queue: Vec<Queued>,
    /// thisUpdate of the cut that relying parties hold.
    pub(crate) carried_at: Option<i64>,
    /// The full CRLs that they hold, by CA and key: cRLNumber and entries.
    pub(crate) held: BTreeMap<(Ca, u16), (u64, Entries)>,
    /// Issues and reports so far.
    events: u64,
}

impl Model {
    fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    pub(crate) fn born(&mut self, person: Person) -> usize {
        self.people.push(person);
        self.of_person.push(Vec::new());
        self.people.len() - 1
    }

    pub(crate) fn today(&self) -> i64 {
        day_at(self.now)
    }

    /// The CA has a key from now on. Its certificate takes a serial, and so do the links with an older one.
    pub(crate) fn key_activated(&mut self, ca: Ca) {
        let can_vouch = |key: &Key| !key.compromised && key.not_after > self.now;
        self.last_serial[ca as usize] += if self.keys[ca as usize].iter().any(can_vouch) { 3 } else { 1 };
        let (activated_at, not_after) = (self.now, law::ca_not_after(self.now));
        self.keys[ca as usize].push(Key { activated_at, not_after, compromised: false, compromised_at: None });
    }

    /// What was issued under the key is revoked, and nothing else (docs/effects.md).
    pub(crate) fn key_compromised(&mut self, ca: Ca, key: u16) {
        let now = self.now;
        let compromised = &mut self.keys[ca as usize][usize::from(key) - 1];
        (compromised.compromised, compromised.compromised_at) = (true, Some(now));
        let of_ca = self.certificates.range_mut((ca, 0)..=(ca, u64::MAX));
        for (_, certificate) in of_ca.filter(|(_, of)| of.key == key && of.issued.is_some()) {
            certificate.status = law::after("ca_key_compromise", ca, certificate.status, self.now);
        }
    }

    pub(crate) fn newest_key(&self, ca: Ca) -> u16 {
        u16::try_from(self.keys[ca as usize].len()).unwrap()
    }

    /// The next serial of a CA is taken.
    pub(crate) fn take_serial(&mut self, ca: Ca) -> u64 {
        self.last_serial[ca as usize] += 1;
        self.last_serial[ca as usize]
    }

    /// The person's newest certificate of that CA that was issued and is not revoked.
    pub(crate) fn newest(&self, person: usize, ca: Ca) -> Option<&Certificate> {
        let places = self.of_person[person].iter().filter(|(of, _)| *of == ca);
        let mut certificates = places.map(|place| &self.certificates[place]);
        certificates.rfind(|certificate| certificate.issued.is_some() && !certificate.is_revoked())
    }

    /// What a certificate asked for now ends with, if it can be issued at all; and whether it is a renewal.
    pub(crate) fn not_after(&self, asked: &Application) -> (Option<i64>, bool) {
        let today = self.today();
        let paired = match asked.ca {
            Ca::Sign => self.newest(asked.person, Ca::Auth),
            Ca::PhoneSign => self.newest(asked.person, Ca::PhoneAuth),
            Ca::Auth | Ca::PhoneAuth => None,
        };
        let renewal = self.newest(asked.person, asked.ca).is_some_and(|earlier| {
            law::renewable_from(earlier.not_after) <= today && today <= day_at(earlier.not_after)
        });
        let (card, stay) = (asked.card_expires_on, asked.stay_ends_on);
        let cuts = Cuts { card, stay, paired: paired.map(|paired| paired.not_after) };
        (law::not_after(asked.info.birth, self.now, renewal, &cuts), renewal)
    }

    /// What a request is refused with, if it is.
    pub(crate) fn refusal(&self, asked: &Application) -> Option<Refusal> {
        let person = &self.people[asked.person];
        let today = self.today();
        let form = match asked.flaw {
            Some(Flaw::NotJson) => Some((400, "malformed-body")),
            Some(Flaw::PhoneCa) => Some((422, "not-in-form")),
            Some(Flaw::NoSuchMunicipality) => Some((422, "unknown-municipality")),
            _ if asked.desk != asked.municipality => Some((403, "not-your-municipality")),
            Some(Flaw::BadCharacter) => Some((422, "character-not-allowed")),
            Some(Flaw::NoSuchDay | Flaw::NoSuchCardDay) => Some((422, "impossible-date")),
            _ if law::unborn(asked.info.birth, today) => Some((422, "impossible-date")),
            _ if asked.ca == Ca::Sign && law::under_fifteen(asked.info.birth, today) => Some((422, "under-fifteen")),
            Some(Flaw::NotCsr) => Some((422, "csr-malformed")),
            Some(Flaw::WrongSignature) => Some((422, "csr-signature")),
            Some(Flaw::OtherAlgorithm) => Some((422, "key-algorithm")),
            Some(Flaw::BadResidentCode) => Some((422, "not-in-form")),
            Some(Flaw::KeySeenBefore) | None => None,
        };
        match form {
            Some(refusal) => Some(refusal),
            None if person.gone => Some((409, "resident-gone")),
            None if self.repeats_what_ended(asked) => Some((409, "resident-changed")),
            None if self.not_after(asked).0.is_none() => Some((422, "no-time-left")),
            None if asked.flaw.is_some() => Some((409, "key-seen-before")),
            None => None,
        }
    }

    /// It says what the newest signature certificate says, and exactly one change has been reported since.
    fn repeats_what_ended(&self, asked: &Application) -> bool {
        let of_person = self.of_person[asked.person].iter().filter(|(ca, _)| *ca == Ca::Sign);
        let newest = of_person.map(|place| &self.certificates[place]).rfind(|c| c.issued.is_some());
        let Some(newest) = newest else { return false };
        let since = self.people[asked.person].reported.iter().filter(|at| Some(**at) > newest.issued).count();
        asked.ca == Ca::Sign && since == 1 && newest.info == asked.info
    }

    /// Built, and perhaps signed. What is its end is told by [`Model::issued`] or [`Model::given_up`].
    pub(crate) fn built(&mut self, asked: &Application, serial: u64) {
        let not_after = self.not_after(asked).0.expect("what is built can be issued");
        let certificate = Certificate {
            person: asked.person,
            key: self.newest_key(asked.ca),
            municipality: asked.municipality,
            not_before: self.now,
            not_after,
            status: CertificateStatus::NotIssued,
            issued: None,
            info: asked.info,
            card: None,
            phone: None,
        };
        self.add((asked.ca, serial), certificate);
    }

    pub(crate) fn add(&mut self, place: Place, certificate: Certificate) {
        let person = certificate.person;
        assert!(self.certificates.insert(place, certificate).is_none(), "a serial is used once");
        self.of_person[person].push(place);
        self.of_person[person].sort_unstable();
    }

    /// It takes the place of those of its kind before it.
    pub(crate) fn issued(&mut self, place: Place) {
        let event = self.next_event();
        let certificate = self.certificates.get_mut(&place).unwrap();
        (certificate.issued, certificate.status) = (Some(event), CertificateStatus::Good);
        let (person, phone) = (certificate.person, certificate.phone);
        for other in self.of_person[person].clone() {
            let what = match (place.0, other.0) {
                (Ca::PhoneSign | Ca::PhoneAuth, Ca::PhoneSign | Ca::PhoneAuth)
                    if self.certificates[&other].phone != phone =>
                {
                    "phone phone_replaced"
                }
                (own, of) if own != of || other == place => continue,
                (Ca::Sign | Ca::Auth, _) => "card superseded",
                (Ca::PhoneSign | Ca::PhoneAuth, _) => "phone superseded",
            };
            self.happens(what, &[other]);
        }
    }

    /// Nobody was given it.
    pub(crate) fn given_up(&mut self, place: Place) {
        let certificate = self.certificates.get_mut(&place).unwrap();
        certificate.status = law::after("given up", place.0, certificate.status, self.now);
    }

    /// That happens to these certificates, and so to those in phones that stand on them. Gives those that an answer tells of, with their status.
    pub(crate) fn happens(&mut self, what: &str, to: &[Place]) -> BTreeMap<Place, CertificateStatus> {
        let mut concerned: BTreeSet<Place> = to.iter().copied().collect();
        for place in to {
            let of_person = &self.of_person[self.certificates[place].person];
            concerned.extend(of_person.iter().filter(|other| self.certificates[other].card == Some(*place)));
        }
        let mut told = BTreeMap::new();
        for place in concerned {
            let certificate = self.certificates.get_mut(&place).unwrap();
            if certificate.issued.is_some() {
                certificate.status = law::after(what, place.0, certificate.status, self.now);
            }
            told.insert(place, certificate.status);
        }
        told
    }

    /// The register reports that of a person. `info` is what they are afterwards.
    pub(crate) fn reported(&mut self, person: usize, what: &str, info: Info) -> BTreeMap<Place, CertificateStatus> {
        let event = self.next_event();
        let of = &mut self.people[person];
        if what != "minor_address_correction" {
            of.reported.push(event);
            of.gone = matches!(what, "died" | "left_japan");
            (of.info_before, of.info) = (of.info, info);
        }
        let places = self.of_person[person].clone();
        self.happens(what, &places)
    }

    /// The register has reported a change of the person since that was issued.
    pub(crate) fn changed_since(&self, place: Place) -> bool {
        let certificate = &self.certificates[&place];
        self.people[certificate.person].reported.iter().any(|at| Some(*at) > certificate.issued)
    }

    /// A desk acts on certificates from its municipality, and on those of a person whose newest is.
    pub(crate) fn may_act(&self, desk: u32, place: Place) -> bool {
        let certificate = &self.certificates[&place];
        let issued = self.of_person[certificate.person].iter().map(|place| &self.certificates[place]);
        let newest =
            issued.filter(|certificate| certificate.issued.is_some()).max_by_key(|certificate| certificate.issued);
        certificate.municipality == desk || newest.is_some_and(|newest| newest.municipality == desk)
    }

    /// What the CRLs carry, by CA and municipality, or of all: serials in their order, with what happened to them.
    pub(crate) fn crls(&self) -> BTreeMap<(Ca, Option<u32>), Entries> {
        let carried_on = self.carried_at.map(day_at);
        let mut crls: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((ca, serial), certificate) in &self.certificates {
            let CertificateStatus::Withdrawn(withdrawal) = certificate.status else { continue };
            if carried_on.is_none_or(|carried_on| law::leave_day(certificate.not_after) >= carried_on) {
                for municipality in [None, Some(certificate.municipality)] {
                    crls.entry((*ca, municipality)).or_default().push((*serial, withdrawal));
                }
            }
        }
        crls
    }

    /// What a relying party makes of the full CRL that it holds and of a delta (RFC 5280 §5.2.4), in which `None` is a
    /// removal. Who holds no full CRL of that key gets a delta of nothing, of the cut's own number.
    pub(crate) fn combined(
        &self,
        (ca, key): (Ca, u16),
        (number, base): (u64, u64),
        delta: &[(u64, Option<Withdrawal>)],
    ) -> Entries {
        let Some((held_number, held)) = self.held.get(&(ca, key)) else {
            assert_eq!((base, delta), (number, &[][..]), "the first delta of {ca}/{key}");
            return self.crls().remove(&(ca, None)).unwrap_or_default();
        };
        assert_eq!(base, *held_number, "the base of the delta of {ca}/{key}");
        let mut entries: BTreeMap<_, _> = held.iter().copied().collect();
        for (serial, change) in delta {
            let before = match change {
                Some(withdrawal) => entries.insert(*serial, *withdrawal),
                None => Some(entries.remove(serial).expect("only what is listed is removed")),
            };
            assert_ne!(before, *change, "an idle entry for {ca}/{serial}");
        }
        entries.into_iter().collect()
    }

    /// For a person who reads a failure; everybody is invented.
    pub(crate) fn tell(&self, place: Place) -> String {
        let (ca, serial) = place;
        let Some(certificate) = self.certificates.get(&place) else { return format!("{ca}/{serial} is nobody's") };
        let born = law::birth_text(certificate.info.birth);
        let end = text(day_at(certificate.not_after));
        format!(
            "{ca}/{serial} of person {} (born {born}) under key {} until {end}: {:?}",
            certificate.person, certificate.key, certificate.status
        )
    }
}
