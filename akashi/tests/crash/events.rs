//! The log as it lies on disk, read beside the server.
use std::collections::{BTreeMap, BTreeSet};

use pki::identity::{Ca, Serial};
use registry::Store;
use registry::event::Event;

use super::support::Akashi;

/// Every event, in order.
pub(crate) fn events(akashi: &Akashi) -> Vec<Event> {
    let store = Store::open_read_only(&akashi.path("data/registry")).expect("the registry opens");
    store.rows(0).map(|row| row.expect("a row").1.decode().expect("an event").event).collect()
}

/// The events about one certificate, by their names.
pub(crate) fn events_of(akashi: &Akashi, ca: Ca, serial: u64) -> Vec<&'static str> {
    let about = |place: (&Ca, &Serial)| *place.0 == ca && place.1.get() == serial;
    let name = |event: &Event| match event {
        Event::Reserved { ca, serial, .. } => about((ca, serial)).then_some("reserved"),
        Event::Intended { ca, serial, .. } => about((ca, serial)).then_some("intended"),
        Event::Issued { ca, serial } => about((ca, serial)).then_some("issued"),
        Event::ReservationReleased { ca, serial } => about((ca, serial)).then_some("released"),
        Event::Withdrawn { ca, serial, .. } => about((ca, serial)).then_some("withdrawn"),
        _ => None,
    };
    events(akashi).iter().filter_map(name).collect()
}

/// The highest serial that a CA has taken; 0 if none.
pub(crate) fn last_serial(akashi: &Akashi, of: Ca) -> u64 {
    let serial = |event: &Event| match event {
        Event::Reserved { ca, serial, .. } | Event::OwnSerialReserved { ca, serial, .. } if *ca == of => {
            Some(serial.get())
        }
        _ => None,
    };
    events(akashi).iter().filter_map(serial).max().unwrap_or(0)
}

/// Idempotency keys under which the log issued more than one certificate.
pub(crate) fn issued_twice(akashi: &Akashi) -> Vec<String> {
    let mut requests = BTreeMap::new();
    let mut issued: BTreeMap<_, BTreeSet<(Ca, Serial)>> = BTreeMap::new();
    for event in events(akashi) {
        match event {
            Event::Reserved { request, ca, serial, .. } => {
                requests.insert((ca, serial), (request.party, request.key_hash));
            }
            Event::Issued { ca, serial } => {
                issued.entry(requests[&(ca, serial)]).or_default().insert((ca, serial));
            }
            _ => {}
        }
    }
    let twice = issued.values().filter(|serials| serials.len() > 1);
    twice.map(|serials| format!("one request was issued {serials:?}")).collect()
}
