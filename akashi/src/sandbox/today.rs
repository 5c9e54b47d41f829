//! Now: people move, lose cards and phones, take consents back; then a cut in which all of it stands.
use std::collections::VecDeque;

use pki::identity::Ca;
use pki::time::CivilDate;
use registry::Clock;
use serde_json::{Value, json};

use super::calls::{Call, Chain, make_all, number};
use super::cards::{Applicant, Card, Held, issue};
use super::fates::Fate;
use super::parties::{Parties, administrator};
use super::past::{Past, card_expires_on, day_before};
use super::people::Person;
use super::phones::Phones;
use super::place::Place;
use crate::clock::SystemClock;
use crate::failure::Failure;

/// Lets it happen; the cut's number.
pub async fn live(
    place: &Place,
    api_url: &str,
    people: &[(Person, Fate)],
    cards: &mut VecDeque<Card>,
    past: &mut Past,
) -> Result<u64, Failure> {
    let today = SystemClock::REAL.now().jst_date();
    let parties = &past.parties;
    let chains = people.iter().filter_map(|(person, fate)| befalls(person, *fate, &past.held, parties, today));
    Phones::of(people).live_today(parties, &past.held).await?;
    make_all("sandbox: moves, holds and revocations", chains.collect()).await?;
    let moved = people.iter().filter(|(_, fate)| *fate == Fate::Moves);
    let applicants = moved.map(|(person, fate)| {
        let card = cards.pop_front().expect("a card was made for each certificate");
        let card_expires_on = card_expires_on(person, *fate, today);
        vec![Applicant { person: person.moved(), ca: Ca::Sign, card_expires_on, card }]
    });
    past.held.extend(issue("sandbox: certificates after a move", place, parties, applicants.collect()).await?);
    past.consents.take_back(parties, &past.services, people, &past.held).await?;
    past.consents.read_again(parties).await?;
    read_again(parties, &mut past.held).await?;
    let body = json!({ "because": "everything of this sandbox" });
    let mut admin = administrator(place, api_url)?;
    let cut = Call::post("/admin/v1/cuts", "sandbox-cut".to_owned(), body).make(&mut admin).await?;
    number(&cut, "cut_number")
}

/// What is told to whom about this person's certificates, if anything.
fn befalls(person: &Person, fate: Fate, held: &[Held], parties: &Parties, today: CivilDate) -> Option<Chain> {
    let serial = |ca| {
        let found = held.iter().find(|held| held.person == person.number && held.ca == ca);
        found.expect("grown people have both").serial.clone()
    };
    // Which of the two it is goes by turns.
    let ca = if person.number.is_multiple_of(2) { Ca::Auth } else { Ca::Sign };
    let ((client, party), call) = match fate {
        Fate::Nothing | Fate::Child | Fate::Expires | Fate::Consents | Fate::Withdraws => return None,
        Fate::Moves => (parties.only("residents"), change(person, "moved", today)),
        Fate::IsReported(word) => (parties.only("residents"), change(person, word, today)),
        Fate::LosesCard => {
            let body = json!({ "resident_code": person.resident_code });
            (parties.only("hotline"), Call::post("/hotline/v1/holds", format!("hold-{}", person.number), body))
        }
        Fate::IsHeldOnce => {
            let body = json!({ "ca": ca.to_string(), "serial": serial(ca) });
            (parties.only("hotline"), Call::post("/hotline/v1/holds", format!("hold-{}", person.number), body))
        }
        Fate::TellsDesk(cause) => {
            let path = format!("/desk/v1/certificates/{ca}/{}/revocation", serial(ca));
            (
                parties.desk(person.town),
                Call::post(path, format!("revoke-{}", person.number), json!({ "cause": cause })),
            )
        }
    };
    Some(Chain { client, party, calls: vec![call] })
}

fn change(person: &Person, word: &str, today: CivilDate) -> Call {
    let effective_on = day_before(today, 1).to_string();
    let body = json!({ "resident_code": person.resident_code, "change": word, "effective_on": effective_on });
    Call::post("/residents/v1/changes", format!("change-{}", person.number), body)
}

/// Reads every certificate at the desk that issued it: what became of it.
async fn read_again(parties: &Parties, held: &mut [Held]) -> Result<(), Failure> {
    let chain = |held: &Held| {
        let (client, party) = parties.desk(held.town);
        let path = format!("/desk/v1/certificates/{}/{}", held.ca, held.serial);
        Chain { client, party, calls: vec![Call::get(path)] }
    };
    let answers = make_all("sandbox: reading back", held.iter().map(chain).collect()).await?;
    for (held, mut answer) in held.iter_mut().zip(answers.into_iter().flatten()) {
        if let Value::Object(fields) = &mut answer {
            fields.remove("certificate");
        }
        held.answered = answer;
    }
    Ok(())
}
