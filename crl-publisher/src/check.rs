//! Judging a built cut as a stranger would, from the files' octets alone, before anybody can see it (I4, I6, I7, I11, I12).
//! What must stand in it the ledger said, before the plan made anything of it.
mod failure;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use pki::algorithm::PublicKey;
use pki::crl::{CrlEntry, CrlRead, CrlStream, CrlStreamError, freshest_crl_value};
use pki::identity::IssuerKey;
use pki::time::UnixTime;

pub use self::failure::{CheckFailure, CrlFinding};
use crate::delta::{CombineError, combine, next_listed};
use crate::demanded::{CountAndHash, Demanded, EntrySet};
use crate::departures::{UnexplainedDeparture, explain};
use crate::generation::{Generation, GenerationError};
use crate::ledger::{FrozenState, PublishedCut};
use crate::manifest::Manifest;
use crate::plan::{CutFrame, DemandedOfAll};
use crate::segment::{Octets, Segment};
use crate::signing::CrlSigner;
use crate::slot::{CrlLayout, CrlSlot, Shape};
use crate::workers;

/// What a cut is judged against.
pub(crate) struct Demand<'a> {
    pub(crate) frame: &'a CutFrame,
    pub(crate) reserved_at: UnixTime,
    pub(crate) frozen: &'a dyn FrozenState,
    pub(crate) layout: &'a CrlLayout,
    pub(crate) issuers: &'a [Arc<dyn CrlSigner>],
    pub(crate) manifest_key: &'a PublicKey,
    /// The last cut that the ledger has as published.
    pub(crate) last_published: Option<&'a PublishedCut>,
    /// The cut that readers hold now.
    pub(crate) served: Option<&'a Generation>,
    pub(crate) worker_count: usize,
}

/// Judges every CRL of the cut, and gives the SHA-256 of each as it was read.
///
/// Each CRL's entries equal what the ledger demands for its slot, and each demanded entry was put
/// in the full list and in the one list of its municipality; so the partitions' union, the full CRL and the demanded set
/// are the same set (I6). So is what a reader makes of the full CRL held before and the delta (C10). What the delta removes is
/// what left, and is explained (I7).
pub(crate) fn check_crls(
    built: &Segment,
    demand: &Demand<'_>,
    demanded: &DemandedOfAll,
) -> Result<BTreeMap<CrlSlot, [u8; 32]>, CheckFailure> {
    check_slots(built, demand)?;
    let slots: Vec<CrlSlot> = built.places.keys().copied().collect();
    let check_one = |&slot: &CrlSlot| check_crl(built, slot, demand, &demanded[slot.issuer.ca.index()]);
    let mut hashes = BTreeMap::new();
    workers::in_order(&slots, demand.worker_count, check_one, |&slot, hash| {
        hashes.insert(slot, hash);
        Ok(())
    })?;
    Ok(hashes)
}

/// Judges the cut as its manifest tells it: the cut that was begun, with the CRLs that were judged.
pub(crate) fn check_manifest(
    built: &Generation,
    demand: &Demand<'_>,
    hashes: &BTreeMap<CrlSlot, [u8; 32]>,
) -> Result<(), CheckFailure> {
    check_frame(built, demand)?;
    let named = built.crls().iter().map(|(slot, stored)| (slot, stored.sha256));
    let other = named.zip(hashes).find(|((slot, named), judged)| (*slot, named) != *judged);
    other.map_or(Ok(()), |((&slot, _), _)| Err(GenerationError::WrongHash { slot }.into()))
}

/// The manifest verifies and names the cut that was begun.
fn check_frame(built: &Generation, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    Manifest::verify(built.manifest(), demand.manifest_key)?;
    let CutFrame { cut_number, log_position, tree_head, this_update, next_update, carried_at: _ } = *demand.frame;
    let cut = built.cut();
    let begun = (cut_number, log_position, tree_head, this_update, next_update);
    if (cut.cut_number, cut.log_position, cut.tree_head, cut.this_update, cut.next_update) != begun {
        return Err(CheckFailure::WrongFrame { cut_number });
    }
    check_follows(demand)
}

/// The cut follows its own reservation and every cut before it (I11, I21, C04, C09).
pub(crate) fn check_follows(demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let CutFrame { cut_number, this_update, next_update, .. } = *demand.frame;
    if this_update < demand.reserved_at {
        return Err(CheckFailure::FrozenTooEarly { frozen_at: this_update, reserved_at: demand.reserved_at });
    }
    for last in demand.last_published.into_iter().chain(demand.served.map(Generation::cut)) {
        if cut_number <= last.cut_number {
            return Err(CheckFailure::NumberNotAboveLast { cut_number, last: last.cut_number });
        }
        if this_update <= last.this_update {
            return Err(CheckFailure::TimeGoesBack { field: "thisUpdate" });
        }
        if next_update < last.next_update {
            return Err(CheckFailure::TimeGoesBack { field: "nextUpdate" });
        }
    }
    Ok(())
}

fn check_slots(built: &Segment, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let issuers: Vec<IssuerKey> = demand.issuers.iter().map(|signer| signer.issuer()).collect();
    if let Some(issuer) = demand
        .served
        .and_then(|served| served.crls().keys().map(|slot| slot.issuer).find(|issuer| !issuers.contains(issuer)))
    {
        return Err(CheckFailure::IssuerVanished { issuer });
    }
    let wanted = demand.layout.slots(&issuers);
    if let Some(&slot) = wanted.iter().find(|slot| !built.places.contains_key(slot)) {
        return Err(CheckFailure::WrongSlots { slot, missing: true });
    }
    if let Some(&slot) = built.places.keys().find(|slot| wanted.binary_search(slot).is_err()) {
        return Err(CheckFailure::WrongSlots { slot, missing: false });
    }
    Ok(())
}

/// What is wrong with the CRL in that slot.
fn crl_failure(slot: CrlSlot) -> impl Fn(CrlFinding) -> CheckFailure {
    move |finding| CheckFailure::Crl { slot, finding }
}

/// What reading one CRL found: its form is its own fault, the disk's is not.
fn unreadable(slot: CrlSlot) -> impl Fn(CrlStreamError) -> CheckFailure {
    move |error| match error {
        CrlStreamError::Io(error) => CheckFailure::Io(error),
        CrlStreamError::Form(error) => CheckFailure::Crl { slot, finding: error.into() },
    }
}

fn check_crl(
    built: &Segment,
    slot: CrlSlot,
    demand: &Demand<'_>,
    demanded: &Demanded,
) -> Result<[u8; 32], CheckFailure> {
    let signer = demand.issuers.iter().find(|signer| signer.issuer() == slot.issuer);
    let signer = signer.ok_or(CheckFailure::Crl { slot, finding: CrlFinding::WrongSignature })?;
    let missing = CheckFailure::WrongSlots { slot, missing: true };
    let mut crl = built.stream(slot, signer.public_key().algorithm()).ok_or(missing)?.map_err(unreadable(slot))?;
    match slot.shape {
        Shape::CaCertificates => {
            let found = listed(&mut crl, slot)?;
            let (_, sha256) = check_head(crl, slot, demand, signer.as_ref())?;
            check_of_cas(&found, slot, demand)?;
            Ok(sha256)
        }
        Shape::Full => check_listed(crl, slot, demand, signer.as_ref(), demanded.of_full()),
        Shape::Partition(code) => check_listed(crl, slot, demand, signer.as_ref(), demanded.of_municipality(code)),
        Shape::Delta => check_delta(crl, built, slot, demand, demanded, signer.as_ref()),
    }
}

/// A complete CRL with the entries that are demanded.
fn check_listed<R: Read>(
    mut crl: CrlStream<R>,
    slot: CrlSlot,
    demand: &Demand<'_>,
    signer: &dyn CrlSigner,
    wanted: CountAndHash,
) -> Result<[u8; 32], CheckFailure> {
    let mut set = EntrySet::default();
    while let Some(entry) = next_listed(&mut crl).map_err(unreadable(slot))? {
        set.add(entry);
    }
    let (_, sha256) = check_head(crl, slot, demand, signer)?;
    check_set(set, wanted).map_err(crl_failure(slot))?;
    Ok(sha256)
}

fn listed<R: Read>(crl: &mut CrlStream<R>, slot: CrlSlot) -> Result<Vec<CrlEntry>, CheckFailure> {
    std::iter::from_fn(|| next_listed(crl).map_err(unreadable(slot)).transpose()).collect()
}

/// Exactly the CA certificates that the ledger demands; and none that readers were told of has left, because none is ever
/// good again (I7).
fn check_of_cas(found: &[CrlEntry], slot: CrlSlot, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let demanded = demand.frozen.revoked_ca_certificates(slot.issuer)?;
    if found != demanded {
        let finding = CrlFinding::WrongEntries { found: found.len() as u64, demanded: demanded.len() as u64 };
        return Err(CheckFailure::Crl { slot, finding });
    }
    let Some(before) = demand.served.and_then(|served| served.judged(slot)) else { return Ok(()) };
    for CrlEntry { serial, withdrawal: _ } in listed(&mut before.map_err(unreadable(slot))?, slot)? {
        if !found.iter().any(|entry| entry.serial == serial) {
            return Err(CheckFailure::Departure(UnexplainedDeparture { issuer: slot.issuer, serial }));
        }
    }
    Ok(())
}

fn check_set(found: EntrySet, wanted: CountAndHash) -> Result<(), CrlFinding> {
    let found = found.finish();
    if found != wanted {
        return Err(CrlFinding::WrongEntries { found: found.0, demanded: wanted.0 });
    }
    Ok(())
}

/// C10: the base is the full CRL that readers hold, signed by the same key for the same scope, and with the delta it says
/// what the full CRL of this cut says. Without one it is this cut's own.
fn check_delta(
    mut delta: CrlStream<Octets<'_>>,
    built: &Segment,
    slot: CrlSlot,
    demand: &Demand<'_>,
    demanded: &Demanded,
    signer: &dyn CrlSigner,
) -> Result<[u8; 32], CheckFailure> {
    let full = slot.beside(Shape::Full);
    let missing = CheckFailure::WrongSlots { slot: full, missing: true };
    let held = demand.served.filter(|served| served.crls().contains_key(&full));
    let base = match held {
        Some(served) => served.judged(full),
        None => built.stream(full, signer.public_key().algorithm()),
    };
    let mut base = base.ok_or(missing)?.map_err(unreadable(slot))?;
    let (mut set, mut departed) = (EntrySet::default(), BTreeMap::new());
    let removed = |entry: CrlEntry| {
        departed.insert(entry.serial, entry);
    };
    let combined = combine(&mut base, &mut delta, |entry| set.add(entry), removed);
    let changes_nothing = match combined {
        Ok(()) => None,
        Err(CombineError::Unreadable(error)) => return Err(unreadable(slot)(error)),
        Err(CombineError::ChangesNothing { entry }) => Some(CrlFinding::ChangesNothing { serial: entry.serial() }),
    };
    let base = base.finish().map_err(unreadable(slot))?;
    let (delta, sha256) = check_head(delta, slot, demand, signer)?;
    let (cut_number, carried_at) = match held.map(Generation::cut) {
        Some(served) => (served.cut_number, served.this_update),
        None => (demand.frame.cut_number, demand.frame.this_update),
    };
    let is_held = base.crl_number() == cut_number && delta.base_crl_number() == Some(base.crl_number());
    let of_one_scope = base.issuer_name_der() == delta.issuer_name_der()
        && base.authority_key_identifier() == delta.authority_key_identifier()
        && base.issuing_distribution_point() == delta.issuing_distribution_point();
    if !(is_held && of_one_scope) {
        return Err(crl_failure(slot)(CrlFinding::WrongBase { held: cut_number }));
    }
    if let Some(finding) = changes_nothing {
        return Err(crl_failure(slot)(finding));
    }
    check_set(set, demanded.of_full()).map_err(crl_failure(slot))?;
    explain(slot.issuer, departed, carried_at, demand)?;
    Ok(sha256)
}

/// I11: issuer DN octets, key, AKI, IDP, number and times are those of the slot. Hands back what was read, and its SHA-256.
fn check_head<R: Read>(
    crl: CrlStream<R>,
    slot: CrlSlot,
    demand: &Demand<'_>,
    signer: &dyn CrlSigner,
) -> Result<(CrlRead, [u8; 32]), CheckFailure> {
    let crl = crl.finish().map_err(unreadable(slot))?;
    fields_are_the_slots(&crl, slot, demand, signer).map_err(crl_failure(slot))?;
    let sha256 = crl.sha256().expect("it was hashed while it was read");
    Ok((crl, sha256))
}

fn fields_are_the_slots(
    crl: &CrlRead,
    slot: CrlSlot,
    demand: &Demand<'_>,
    signer: &dyn CrlSigner,
) -> Result<(), CrlFinding> {
    let scope = demand.layout.scope(slot).ok_or(CrlFinding::WrongDistributionPoint)?;
    if crl.issuer_name_der() != signer.issuer_name().to_der() {
        return Err(CrlFinding::WrongIssuerName);
    }
    if crl.authority_key_identifier() != signer.public_key().key_identifier() {
        return Err(CrlFinding::WrongKeyIdentifier);
    }
    crl.verify(signer.public_key()).map_err(|_| CrlFinding::WrongSignature)?;
    if crl.issuing_distribution_point() != scope.to_issuing_distribution_point() {
        return Err(CrlFinding::WrongDistributionPoint);
    }
    if crl.crl_number() != demand.frame.cut_number {
        return Err(CrlFinding::WrongNumber { found: crl.crl_number() });
    }
    // C10, C12: complete or delta as its place says, and a full one leads to its deltas.
    let freshest_crl = demand.layout.freshest_crl(slot).map(|uri| freshest_crl_value(&uri));
    let is_delta = crl.base_crl_number().is_some();
    if is_delta != (slot.shape == Shape::Delta) || crl.freshest_crl() != freshest_crl.as_deref() {
        return Err(CrlFinding::WrongKind);
    }
    if (crl.this_update(), crl.next_update()) != (demand.frame.this_update, demand.frame.next_update) {
        return Err(CrlFinding::WrongTimes);
    }
    Ok(())
}
