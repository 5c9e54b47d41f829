//! Certificates in phones: applied for at the portal, with what cards sign; phones that are lost, found and retired.
use std::collections::VecDeque;

use pki::identity::Ca;
use pki::time::UnixTime;
use registry::Clock;
use serde_json::{Value, json};

use super::calls::{Call, Chain, make_all};
use super::cards::{Card, Held, keep};
use super::fates::{Fate, PhoneFate, phones};
use super::parties::Parties;
use super::people::Person;
use super::place::Place;
use super::signed::{latest, signed};
use crate::clock::SystemClock;
use crate::failure::Failure;

/// What somebody has in a phone, in the order in which it is asked for and answered.
const BOTH: [Ca; 2] = [Ca::PhoneAuth, Ca::PhoneSign];

/// The portal's name for a person's phone (端末識別子).
pub fn name_of_phone(person: usize) -> String {
    format!("sandbox-phone-{person:08}")
}

/// Those who have one, and what happens to it.
pub struct Phones<'a>(Vec<(&'a Person, PhoneFate)>);

impl<'a> Phones<'a> {
    /// Of these people.
    pub fn of(people: &'a [(Person, Fate)]) -> Self {
        let fates: Vec<_> = people.iter().map(|(_, fate)| *fate).collect();
        let with = people.iter().zip(phones(&fates));
        Self(with.filter_map(|((person, _), phone)| phone.map(|phone| (person, phone))).collect())
    }

    /// How many certificates are issued for them.
    pub fn certificates(&self) -> usize {
        self.0.len() * BOTH.len() + self.with(PhoneFate::Found).count()
    }

    fn with(&self, fate: PhoneFate) -> impl Iterator<Item = &'a Person> {
        self.0.iter().filter(move |(_, of)| *of == fate).map(|(person, _)| *person)
    }

    /// Everybody applies. Some lose their phone and find it again: the user certificate is released, another signature
    /// certificate takes the revoked one's place. All in the portal's hours, which are over where a machine's clock may stand.
    pub async fn live_past(
        &self,
        place: &Place,
        parties: &Parties,
        cards: &mut VecDeque<Card>,
        held: &mut Vec<Held>,
        clock: SystemClock,
    ) -> Result<(), Failure> {
        let everybody = self.0.iter().map(|(person, _)| *person);
        let wishes = everybody.map(|person| Wish::new(person, &BOTH, 1, cards)).collect();
        apply("sandbox: certificates in phones", place, parties, wishes, held, clock.now()).await?;
        make_all("sandbox: phones that are lost", lost(parties, self.with(PhoneFate::Found))).await?;
        let found = |person| notice(person, Notice::Found, parties, held, clock.now());
        let found = self.with(PhoneFate::Found).map(found).collect::<Result<_, _>>()?;
        make_all("sandbox: phones that are found", found).await?;
        let anew = self.with(PhoneFate::Found).map(|person| Wish::new(person, &BOTH[1..], 3, cards)).collect();
        apply("sandbox: signature certificates in found phones", place, parties, anew, held, clock.now()).await
    }

    /// Some lose their phone, and some want no certificates in it any more.
    pub async fn live_today(&self, parties: &Parties, held: &[Held]) -> Result<(), Failure> {
        let retired = |person| notice(person, Notice::Retired, parties, held, SystemClock::REAL.now());
        let mut chains = self.with(PhoneFate::Retired).map(retired).collect::<Result<Vec<_>, _>>()?;
        chains.extend(lost(parties, self.with(PhoneFate::Lost)));
        make_all("sandbox: phones that are lost or retired", chains).await?;
        Ok(())
    }
}

/// Certificates that somebody wants in their phone.
struct Wish<'a> {
    person: &'a Person,
    cas: &'static [Ca],
    /// Of this person's papers.
    number: u8,
    keys: Vec<Card>,
}

impl<'a> Wish<'a> {
    fn new(person: &'a Person, cas: &'static [Ca], number: u8, cards: &mut VecDeque<Card>) -> Self {
        let keys = cas.iter().map(|_| cards.pop_front().expect("a key was made for each certificate")).collect();
        Self { person, cas, number, keys }
    }

    /// An application in the form of docs/api.md.
    fn paper(&self, now: UnixTime) -> String {
        let request = |(ca, key): (&Ca, &Card)| {
            let element = if *ca == Ca::PhoneAuth {
                "利用者証明用証明書署名要求"
            } else {
                "署名用証明書署名要求"
            };
            format!("  <{element}>{}</{element}>\n", key.csr)
        };
        let phone = name_of_phone(self.person.number);
        let requests: String = self.cas.iter().zip(&self.keys).map(request).collect();
        let elements = format!("  <端末識別子>{phone}</端末識別子>\n{requests}");
        paper("移動端末設備用電子証明書発行申請情報", &elements, self.person, self.number, now)
    }
}

fn paper(root: &str, elements: &str, person: &Person, number: u8, now: UnixTime) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"urn:akashi:phone-application:1\">\n{elements}  \
         <申請番号>phone-{:08}-{number}</申請番号>\n  <申請日時>{now}</申請日時>\n</{root}>\n",
        person.number
    )
}

/// Hands all these applications in, and keeps what is issued for them.
async fn apply(
    name: &'static str,
    place: &Place,
    parties: &Parties,
    wishes: Vec<Wish<'_>>,
    held: &mut Vec<Held>,
    now: UnixTime,
) -> Result<(), Failure> {
    let chain = |wish: &Wish<'_>| {
        let body = signed(&wish.paper(now), latest(held, wish.person.number, Ca::Sign))?;
        Ok(at_portal(parties, "applications", wish.person, wish.number, body))
    };
    let chains = wishes.iter().map(chain).collect::<Result<_, Failure>>()?;
    let answers = make_all(name, chains).await?;
    for (wish, mut answer) in wishes.into_iter().zip(answers.into_iter().flatten()) {
        let Value::Array(certificates) = answer["certificates"].take() else { return Err(not_issued()) };
        if certificates.len() != wish.cas.len() {
            return Err(not_issued());
        }
        for ((ca, key), certificate) in wish.cas.iter().zip(wish.keys).zip(certificates) {
            held.push(keep(place, wish.person, *ca, key, certificate)?);
        }
    }
    Ok(())
}

fn not_issued() -> Failure {
    Failure::Sandbox("the portal's door did not issue at once what was applied for".to_owned())
}

fn at_portal(parties: &Parties, call: &str, person: &Person, number: u8, body: Value) -> Chain {
    let (client, party) = parties.only("portal");
    let key = format!("phone-{}-{number}", person.number);
    Chain { client, party, calls: vec![Call::post(format!("/phone/v1/{call}"), key, body)] }
}

/// The loss line is told that these phones are lost.
fn lost<'a>(parties: &Parties, people: impl Iterator<Item = &'a Person>) -> Vec<Chain> {
    let chain = |person: &Person| {
        let (client, party) = parties.only("hotline");
        let body = json!({ "resident_code": person.resident_code, "device": "phone" });
        let call = Call::post("/hotline/v1/holds", format!("hold-phone-{}", person.number), body);
        Chain { client, party, calls: vec![call] }
    };
    people.map(chain).collect()
}

/// What a person tells about the phone, signed with the card.
#[derive(Clone, Copy)]
enum Notice {
    Found,
    Retired,
}

fn notice(person: &Person, what: Notice, parties: &Parties, held: &[Held], now: UnixTime) -> Result<Chain, Failure> {
    let (root, call, number) = match what {
        Notice::Found => ("移動端末設備発見届", "finds", 2),
        Notice::Retired => ("移動端末設備用電子証明書失効申請情報", "retirements", 4),
    };
    let body = signed(&paper(root, "", person, number, now), latest(held, person.number, Ca::Sign))?;
    Ok(at_portal(parties, call, person, number, body))
}
