//! Three days ago: parties, services, everybody's first certificates, consents, which are in force by now, and phones.
use std::collections::VecDeque;

use pki::identity::Ca;
use pki::time::{CivilDate, UnixTime};
use registry::Clock;

use super::cards::{Applicant, Card, Held, issue};
use super::consents::{Consents, Services};
use super::fates::Fate;
use super::parties::Parties;
use super::people::Person;
use super::phones::Phones;
use super::place::Place;
use crate::clock::SystemClock;
use crate::failure::Failure;

/// How long ago, in days: two for an ended card, one for a consent that is in force, and one more for the hour of the day.
const DAYS_AGO: i64 = 3;
const TEN_O_CLOCK_SECONDS: i64 = 10 * 3_600;

/// When the past begins.
pub fn begins(now: UnixTime) -> UnixTime {
    day_before(now.jst_date(), DAYS_AGO).jst_start().plus_seconds(TEN_O_CLOCK_SECONDS)
}

/// The day that many days before.
pub fn day_before(day: CivilDate, days: i64) -> CivilDate {
    CivilDate::from_days(day.days() - days)
}

/// How long a card is good for, by whether its holder is grown up (facts 1.7: the card's end cuts the certificates).
const CARD_YEARS: u32 = 10;
const CHILDS_CARD_YEARS: u32 = 5;

/// The last day of a person's card.
pub fn card_expires_on(person: &Person, fate: Fate, today: CivilDate) -> CivilDate {
    match fate {
        Fate::Child => person.birthday_in(CHILDS_CARD_YEARS, today),
        Fate::Expires => today.next(),
        Fate::Nothing
        | Fate::Moves
        | Fate::Consents
        | Fate::Withdraws
        | Fate::LosesCard
        | Fate::IsHeldOnce
        | Fate::TellsDesk(_)
        | Fate::IsReported(_) => person.birthday_in(CARD_YEARS, today),
    }
}

/// The certificates that someone gets first. The signature certificate comes after the user certificate, which bounds it.
pub const fn first_certificates(fate: Fate) -> &'static [Ca] {
    match fate {
        Fate::Child => &[Ca::Auth],
        Fate::Expires
        | Fate::Nothing
        | Fate::Moves
        | Fate::Consents
        | Fate::Withdraws
        | Fate::LosesCard
        | Fate::IsHeldOnce
        | Fate::TellsDesk(_)
        | Fate::IsReported(_) => &[Ca::Auth, Ca::Sign],
    }
}

/// What the past left.
pub struct Past {
    /// Who may call.
    pub parties: Parties,
    /// What was issued.
    pub held: Vec<Held>,
    /// Providers and services.
    pub services: Services,
    /// Who consented to what.
    pub consents: Consents,
}

/// Lets it happen, on a server whose clock stands there.
pub async fn live(
    place: &Place,
    api_url: &str,
    people: &[(Person, Fate)],
    cards: &mut VecDeque<Card>,
    clock: SystemClock,
) -> Result<Past, Failure> {
    let today = clock.now().jst_date();
    let parties = Parties::register(place, api_url).await?;
    let applicants = people.iter().map(|(person, fate)| {
        let mut card = || cards.pop_front().expect("a card was made for each certificate");
        let applicant = |ca: &Ca| Applicant {
            person: person.clone(),
            ca: *ca,
            card_expires_on: card_expires_on(person, *fate, today),
            card: card(),
        };
        first_certificates(*fate).iter().map(applicant).collect()
    });
    let mut held = issue("sandbox: first certificates", place, &parties, applicants.collect()).await?;
    let services = Services::register(place, api_url, &parties).await?;
    let consents = Consents::give(&parties, &services, people, &held, clock).await?;
    Phones::of(people).live_past(place, &parties, cards, &mut held, clock).await?;
    Ok(Past { parties, held, services, consents })
}
