//! Every serial that stands in the cut being served and not in the new one must have a reason: its leave-day, or the
//! release of its hold (I6, I7). A lookback with its sign turned round, or a list cut short, ends here.
use std::collections::BTreeMap;

use pki::crl::{CrlEntry, CrlReader};
use pki::identity::{IssuerKey, Serial};
use pki::revocation::Withdrawal;
use pki::time::UnixTime;

use crate::check::{CheckFailure, CrlFinding, Demand};
use crate::generation::Generation;
use crate::slot::{CrlSlot, Shape};

/// A serial left for no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("serial {serial} of {issuer} left before its leave-day and was not released from a hold")]
pub struct UnexplainedDeparture {
    /// Whose full CRL it left.
    pub issuer: IssuerKey,
    /// The serial.
    pub serial: Serial,
}

pub(crate) fn check_departures(built: &Generation, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let Some(served) = demand.served else { return Ok(()) };
    for slot in served.crls().keys().copied().filter(|slot| slot.shape == Shape::Full) {
        let departed = departed(served, built, slot)?;
        explain(slot.issuer, departed, served.cut().this_update, demand)?;
    }
    Ok(())
}

/// The entries of that CRL in `before` whose serials are not in `after`.
fn departed(
    before: &Generation,
    after: &Generation,
    slot: CrlSlot,
) -> Result<BTreeMap<Serial, CrlEntry>, CheckFailure> {
    let at = |error| CheckFailure::Crl { slot, finding: CrlFinding::Form(error) };
    let missing = CheckFailure::WrongSlots { slot, missing: true };
    let (Some(before), Some(after)) = (before.read(slot)?, after.read(slot)?) else { return Err(missing) };
    let (before, after) = (CrlReader::new(&before).map_err(at)?, CrlReader::new(&after).map_err(at)?);
    let mut after = after.entries().peekable();
    let mut departed = BTreeMap::new();
    for entry in before.entries() {
        let entry = entry.map_err(at)?;
        while after.peek().is_some_and(|next| next.as_ref().is_ok_and(|next| next.serial < entry.serial)) {
            after.next();
        }
        match after.peek() {
            Some(Err(error)) => return Err(at(error.clone())),
            Some(Ok(next)) if next.serial == entry.serial => {}
            Some(Ok(_)) | None => {
                departed.insert(entry.serial, entry);
            }
        }
    }
    Ok(departed)
}

fn explain(
    issuer: IssuerKey,
    mut departed: BTreeMap<Serial, CrlEntry>,
    carried_at: UnixTime,
    demand: &Demand<'_>,
) -> Result<(), CheckFailure> {
    let unexplained = |serial| CheckFailure::Departure(UnexplainedDeparture { issuer, serial });
    if departed.is_empty() {
        return Ok(());
    }
    for certificate in demand.frozen.withdrawn(issuer.ca) {
        let certificate = certificate?;
        if departed.remove(&certificate.serial).is_some() {
            // Said in instants here and in dates in the plan, so that one slip cannot be in both: the CRL that carried it
            // was issued after the last second of its leave-day.
            if certificate.leave_day.jst_end() >= carried_at {
                return Err(unexplained(certificate.serial));
            }
        }
    }
    // What the ledger no longer counts as withdrawn must have been a hold, and lifted: "revoked" never ends (I16).
    for (serial, entry) in departed {
        let was_held = matches!(entry.withdrawal, Withdrawal::Held { .. });
        if !was_held || !demand.frozen.was_released(issuer.ca, serial)? {
            return Err(unexplained(serial));
        }
    }
    Ok(())
}
