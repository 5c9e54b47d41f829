//! What changed from one complete CRL to a later state of the same scope: the entries of a delta CRL (RFC 5280 §5.2.4; C10).
//!
//! The base is the full CRL that readers hold while the cut is made, read from its file: what they hold decides what they
//! must be told. Its number is the one before this cut's among those published, and this key signed it. Where there is none
//! (the first cut, a key's first, files that cannot be read) the base is the cut's own full CRL and the delta is empty: it
//! combines with no older CRL, and its URL answers all the same (I10).
use std::cmp::Ordering;
use std::io::Read;

use pki::crl::{CrlEntry, CrlReadError, CrlStream, CrlStreamError, DeltaEntry};

use crate::generation::Generation;
use crate::slot::{CrlSlot, Shape};

/// The delta of one issuer, as it is planned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedDelta {
    pub(crate) base_crl_number: u64,
    /// In ascending order of serials.
    pub(crate) entries: Vec<DeltaEntry>,
}

impl PlannedDelta {
    /// The delta in that slot, of a cut with that number whose full CRL has these entries.
    pub(crate) fn new(
        slot: CrlSlot,
        cut_number: u64,
        served: Option<&Generation>,
        full: impl Iterator<Item = CrlEntry>,
    ) -> Result<Self, CrlStreamError> {
        let base = served.and_then(|served| served.judged(slot.beside(Shape::Full)));
        let Some(base) = base else { return Ok(Self { base_crl_number: cut_number, entries: Vec::new() }) };
        let mut base = base?;
        let entries = changes(&mut base, full)?;
        Ok(Self { base_crl_number: base.finish()?.crl_number(), entries })
    }
}

/// What a reader of `base` must be told to arrive at `full`.
fn changes<R: Read>(
    base: &mut CrlStream<R>,
    full: impl Iterator<Item = CrlEntry>,
) -> Result<Vec<DeltaEntry>, CrlStreamError> {
    let mut changes = Vec::new();
    let mut full = full.peekable();
    while let Some(before) = next_listed(base)? {
        while let Some(new) = full.next_if(|entry| entry.serial < before.serial) {
            changes.push(DeltaEntry::Listed(new));
        }
        match full.next_if(|entry| entry.serial == before.serial) {
            Some(same) if same == before => {}
            // A hold that became a revocation: its reason changed.
            Some(changed) => changes.push(DeltaEntry::Listed(changed)),
            // Released from hold (MUST), or expired (MAY, and then base and delta say what the full one says; C09).
            None => changes.push(DeltaEntry::Removed { serial: before.serial, since: before.withdrawal.since() }),
        }
    }
    changes.extend(full.map(DeltaEntry::Listed));
    Ok(changes)
}

/// The next entry of a complete CRL, in which nothing is removed (C14).
pub(crate) fn next_listed<R: Read>(crl: &mut CrlStream<R>) -> Result<Option<CrlEntry>, CrlStreamError> {
    match crl.next_entry()? {
        Some(DeltaEntry::Listed(entry)) => Ok(Some(entry)),
        Some(DeltaEntry::Removed { .. }) => {
            Err(CrlReadError::BadEntry { entries_before: crl.entries_read() - 1 }.into())
        }
        None => Ok(None),
    }
}

/// Why base and delta do not make a complete CRL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CombineError {
    /// One of the two cannot be read, or is not in our form.
    #[error(transparent)]
    Unreadable(#[from] CrlStreamError),
    /// The delta tells what the base has already, or removes what it has not.
    #[error("the delta's entry {entry:?} changes nothing in the base")]
    ChangesNothing {
        /// The entry.
        entry: DeltaEntry,
    },
}

/// Combines a complete CRL with a delta as a reader would (RFC 5280 §5.2.4): the entries of the resulting complete CRL go to
/// `listed` in ascending order, the base's entries that the delta removes to `removed`.
pub(crate) fn combine<B: Read, D: Read>(
    base: &mut CrlStream<B>,
    delta: &mut CrlStream<D>,
    mut listed: impl FnMut(CrlEntry),
    mut removed: impl FnMut(CrlEntry),
) -> Result<(), CombineError> {
    let (mut before, mut change) = (next_listed(base)?, delta.next_entry()?);
    loop {
        let order = match (before, change) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(change)) => before.serial.cmp(&change.serial()),
        };
        match (order, before, change) {
            (Ordering::Less, Some(before), _) => listed(before),
            (Ordering::Equal, Some(before), Some(DeltaEntry::Removed { .. })) => removed(before),
            (Ordering::Equal, Some(before), Some(DeltaEntry::Listed(now))) if now != before => listed(now),
            (Ordering::Greater, _, Some(DeltaEntry::Listed(new))) => listed(new),
            (_, _, Some(entry)) => return Err(CombineError::ChangesNothing { entry }),
            (_, _, None) => unreachable!("an order without a change is Less, and has an entry before"),
        }
        if order.is_le() {
            before = next_listed(base)?;
        }
        if order.is_ge() {
            change = delta.next_entry()?;
        }
    }
}
