//! `akashi audit verify`: the log by itself, and the state against it.
use pki::identity::Ca;
use registry::Store;
use registry::audit::{Verified, verify};
use registry::event::Event;
use registry::state::StateReads;
use registry::store::hex;
use status::StatusIndex;

use crate::config::Config;
use crate::failure::Failure;
use crate::feed::{Applier, load};
use crate::folder::Folder;

/// Verifies, and says what was verified.
pub fn audit(config: &Config) -> Result<(), Failure> {
    let folder = Folder::new(&config.data_dir);
    folder.require_initialised()?;
    let store = Store::open_read_only(&folder.registry())?;
    let Verified { rows, tree_head } = verify_all(&store)?;
    println!("log verified rows={rows} tree_head={}", hex(&tree_head));
    Ok(())
}

/// The log verifies, no serial was taken twice, and an index made from the state is the one made from the log (I3, I5).
fn verify_all(store: &Store) -> Result<Verified, Failure> {
    let (from_log, from_state) = (StatusIndex::new(), StatusIndex::new());
    let mut applier = Applier::default();
    let mut last_serial = [0; Ca::ALL.len()];
    let mut wrong: Option<String> = None;
    let verified = verify(store, |number, open| {
        if let Event::OwnSerialReserved { ca, serial, .. } | Event::Reserved { ca, serial, .. } = &open.event {
            let last = &mut last_serial[ca.index()];
            if serial.get() != *last + 1 {
                wrong.get_or_insert_with(|| format!("row {number} takes serial {ca}/{serial} after {last}"));
            }
            *last = serial.get();
        }
        if let Err(error) = applier.apply(&from_log, number, &open.event) {
            wrong.get_or_insert_with(|| format!("row {number}: {error}"));
        }
    })?;
    if let Some(wrong) = wrong {
        return Err(Failure::State(wrong));
    }
    load(store, &from_state)?;
    compare(store, &from_log, &from_state)?;
    Ok(verified)
}

fn compare(store: &Store, from_log: &StatusIndex, from_state: &StatusIndex) -> Result<(), Failure> {
    if from_log.position() != from_state.position() {
        let positions = (from_log.position(), from_state.position());
        return Err(Failure::State(format!("the log is at {}, the state at {}", positions.0, positions.1)));
    }
    for ca in Ca::ALL {
        let end = store.next_serial(ca)?.map_or(u64::MAX, pki::identity::Serial::get);
        for (issuer, _) in store.issuers()?.iter().filter(|(issuer, _)| issuer.ca == ca) {
            for serial in (1..end).filter_map(pki::identity::Serial::new) {
                if from_log.status(*issuer, serial) != from_state.status(*issuer, serial) {
                    return Err(Failure::State(format!(
                        "{ca}/{serial} has another status in the state than in the log"
                    )));
                }
            }
        }
    }
    Ok(())
}
