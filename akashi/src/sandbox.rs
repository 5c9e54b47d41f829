//! `akashi sandbox`: a complete throw-away environment for those who integrate. The real server runs in this process,
//! first on a clock of three days ago, then on the machine's, and everything happens through its doors.
//!
//! | module | what it does |
//! |---|---|
//! | [`place`] | the folder: empty before, complete when `sandbox.json` is there; ports, PIN, configuration |
//! | [`people`], [`fates`] | who there is, and what happens to whom |
//! | [`keys`] | thousands of throw-away keys in seconds |
//! | [`calls`], [`parties`], [`cards`], [`signed`] | many calls at once; who may call; certificates; what cards sign |
//! | [`consents`], [`phones`] | consents; certificates in phones |
//! | [`past`], [`today`] | three days ago, and now |
//! | [`description`] | `sandbox.json` |
pub mod calls;
pub mod cards;
pub mod consents;
pub mod description;
pub mod fates;
pub mod keys;
pub mod parties;
pub mod past;
pub mod people;
pub mod phones;
pub mod place;
pub mod signed;
pub mod today;

use pki::certificate::Layout;
use pki::time::CivilDate;
use registry::Clock;
use std::path::Path;
use std::time::Duration;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::Failure;
use crate::init::{Kind, init};
use crate::output::print;
use crate::serve::{serve, serve_while};
use fates::Fate;
use people::Person;
use phones::Phones;
use place::Place;

/// A country's CRLs take a second or two; whoever waits so long waits for something that will not come.
const CUT_WITHIN: Duration = Duration::from_mins(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Invented people.
    pub people: usize,
    /// Of a hundred certificates on cards.
    pub revoked: usize,
    /// The certificates' layout.
    pub layout: Layout,
    /// The first of three ports, or any.
    pub port_base: Option<u16>,
}

/// Makes a sandbox in that folder, and serves it if asked to.
pub fn sandbox(out: &Path, wanted: Wanted, and_serve: bool) -> Result<(), Failure> {
    let ports = place::free_ports(wanted.port_base)?;
    let place = Place::take(out)?;
    place.configure(ports, wanted.layout)?;
    let config = Config::load(&place.path(place::CONFIG))?;
    make(&place, &config, wanted)?;
    if and_serve {
        return serve(&config, None);
    }
    let shown = out.display();
    let (description, config) = (place::DESCRIPTION, place::CONFIG);
    Ok(print(&format!("made {shown}/{description}; serve it with: akashi serve --config {shown}/{config}\n"))?)
}

fn make(place: &Place, config: &Config, wanted: Wanted) -> Result<(), Failure> {
    let begins = past::begins(SystemClock::REAL.now());
    let people = people(wanted, begins.jst_date());
    let api_url = format!("https://{}", config.api_listen);
    let first: usize = people.iter().map(|(_, fate)| past::first_certificates(*fate).len()).sum();
    let later = people.iter().filter(|(_, fate)| *fate == Fate::Moves).count();
    let mut cards = cards::make_cards(first + later + Phones::of(&people).certificates())?;
    // Stands at the beginning only now: what was made before takes no time in the sandbox.
    let clock = SystemClock::starting_at(begins);
    init(config, Kind::Sandbox(clock))?;
    let mut past = serve_while(config, clock, async |_| {
        let past = past::live(place, &api_url, &people, &mut cards, clock).await?;
        // The first cut is made by the publisher's loop meanwhile. To stop in the midst of it would keep the registry open.
        cut_after(place, None).await?;
        Ok(past)
    })?;
    let of_the_past = current_cut(place);
    let cut_number = serve_while(config, SystemClock::REAL, async |_| {
        // The cuts of three mornings were missed, and one is made at the start. What happens today comes after it, so that
        // the last cut's deltas tell of today, each time.
        cut_after(place, of_the_past).await?;
        today::live(place, &api_url, &people, &mut cards, &mut past).await
    })?;
    let description = description::describe(config, &people, &past, cut_number, SystemClock::REAL.now())?;
    let text = serde_json::to_string_pretty(&description).expect("a value without maps of other keys than text");
    place.write_at_once(place::DESCRIPTION, text.as_bytes())
}

/// What says which cut is current; `None` before the first.
fn current_cut(place: &Place) -> Option<String> {
    std::fs::read_to_string(place.path("data/crl/current")).ok()
}

/// Returns when another cut than that one is current.
async fn cut_after(place: &Place, before: Option<String>) -> Result<(), Failure> {
    let is_published = async {
        while current_cut(place) == before {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let late = |_| Failure::Sandbox("no cut was published; what is logged above says why".to_owned());
    tokio::time::timeout(CUT_WITHIN, is_published).await.map_err(late)
}

fn people(wanted: Wanted, today: CivilDate) -> Vec<(Person, Fate)> {
    let fates = fates::fates(wanted.people, wanted.revoked);
    let numbered = (1..).zip(fates);
    numbered.map(|(number, fate)| (Person::invent(number, fate == Fate::Child, today), fate)).collect()
}
