//! Judging a built cut as a stranger would, from the files' octets alone, before anybody can see it (I4, I6, I7, I11, I12).
//! What must stand in it is computed from the ledger again, not taken from the plan.
mod failure;

use std::collections::BTreeMap;
use std::sync::Arc;

use pki::algorithm::{PublicKey, Sha256};
use pki::crl::{CrlEntry, CrlReadError, CrlReader, freshest_crl_value};
use pki::identity::{Ca, IssuerKey};
use pki::time::UnixTime;

pub use self::failure::{CheckFailure, CrlFinding};
use crate::delta::{CombineError, combine};
use crate::departures::{UnexplainedDeparture, explain};
use crate::generation::Generation;
use crate::ledger::{FrozenState, LedgerError, PublishedCut};
use crate::manifest::Manifest;
use crate::plan::CutFrame;
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

/// Judges the whole cut. Each CRL's entries equal what the ledger demands for its slot, and each demanded entry was put
/// in the full list and in the one list of its municipality; so the partitions' union, the full CRL and the demanded set
/// are the same set (I6). So is what a reader makes of the full CRL held before and the delta (C10). What the delta removes is
/// what left, and is explained (I7).
pub(crate) fn check(built: &Generation, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    check_frame(built, demand)?;
    check_slots(built, demand)?;
    let mut demanded = BTreeMap::new();
    for ca in Ca::ALL {
        demanded.insert(ca, demanded_sets(ca, demand)?);
    }
    let slots: Vec<CrlSlot> = built.crls().keys().copied().collect();
    let check_one = |&slot: &CrlSlot| check_crl(built, slot, demand, &demanded[&slot.issuer.ca]);
    workers::in_order(&slots, demand.worker_count, check_one, |_, ()| Ok(()))
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

fn check_slots(built: &Generation, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let issuers: Vec<IssuerKey> = demand.issuers.iter().map(|signer| signer.issuer()).collect();
    if let Some(issuer) = demand
        .served
        .and_then(|served| served.crls().keys().map(|slot| slot.issuer).find(|issuer| !issuers.contains(issuer)))
    {
        return Err(CheckFailure::IssuerVanished { issuer });
    }
    let wanted = demand.layout.slots(&issuers);
    if let Some(&slot) = wanted.iter().find(|slot| !built.crls().contains_key(slot)) {
        return Err(CheckFailure::WrongSlots { slot, missing: true });
    }
    if let Some(&slot) = built.crls().keys().find(|slot| wanted.binary_search(slot).is_err()) {
        return Err(CheckFailure::WrongSlots { slot, missing: false });
    }
    Ok(())
}

/// Count and hash of a set of entries in ascending order of serials.
#[derive(Clone, Default)]
struct EntrySet {
    count: u64,
    hash: Sha256,
}

impl EntrySet {
    fn add(&mut self, entry: CrlEntry) {
        let CrlEntry { serial, withdrawal } = entry;
        self.count += 1;
        self.hash.update(&serial.get().to_be_bytes());
        self.hash.update(&withdrawal.since().as_seconds().to_be_bytes());
        self.hash.update(&[withdrawal.reason_code()]);
    }

    fn finish(self) -> (u64, [u8; 32]) {
        (self.count, self.hash.finish())
    }
}

type DemandedSets = BTreeMap<Shape, (u64, [u8; 32])>;

fn demanded_sets(ca: Ca, demand: &Demand<'_>) -> Result<DemandedSets, LedgerError> {
    let mut sets: BTreeMap<Shape, EntrySet> = BTreeMap::from([(Shape::Full, EntrySet::default())]);
    for certificate in demand.frozen.withdrawn(ca) {
        let certificate = certificate?;
        if !demand.frame.keeps(certificate.leave_day) {
            continue;
        }
        let entry = CrlEntry { serial: certificate.serial, withdrawal: certificate.withdrawal };
        for shape in [Some(Shape::Full), certificate.municipality.map(Shape::Partition)].into_iter().flatten() {
            sets.entry(shape).or_default().add(entry);
        }
    }
    Ok(sets.into_iter().map(|(shape, set)| (shape, set.finish())).collect())
}

fn check_crl(
    built: &Generation,
    slot: CrlSlot,
    demand: &Demand<'_>,
    demanded: &DemandedSets,
) -> Result<(), CheckFailure> {
    let at = |finding| CheckFailure::Crl { slot, finding };
    let der = built.read(slot)?.ok_or(CheckFailure::WrongSlots { slot, missing: true })?;
    if pki::algorithm::sha256(&der) != built.crls()[&slot].sha256 {
        return Err(at(CrlFinding::WrongHash));
    }
    let crl = CrlReader::new(&der).map_err(|error| at(error.into()))?;
    check_head(&crl, slot, demand).map_err(at)?;
    match slot.shape {
        Shape::CaCertificates => check_of_cas(&crl, slot, demand),
        Shape::Full | Shape::Partition(_) => {
            let mut set = EntrySet::default();
            for entry in crl.entries() {
                set.add(entry.map_err(|error| at(error.into()))?);
            }
            check_set(set, demanded, slot.shape).map_err(at)
        }
        Shape::Delta => check_delta(&crl, built, slot, demand, demanded),
    }
}

/// Exactly the CA certificates that the ledger demands; and none that readers were told of has left, because none is ever
/// good again (I7).
fn check_of_cas(crl: &CrlReader<'_>, slot: CrlSlot, demand: &Demand<'_>) -> Result<(), CheckFailure> {
    let at = |error: CrlReadError| CheckFailure::Crl { slot, finding: error.into() };
    let found = crl.entries().collect::<Result<Vec<_>, _>>().map_err(at)?;
    let demanded = demand.frozen.revoked_ca_certificates(slot.issuer)?;
    if found != demanded {
        let finding = CrlFinding::WrongEntries { found: found.len() as u64, demanded: demanded.len() as u64 };
        return Err(CheckFailure::Crl { slot, finding });
    }
    let Some(before) = demand.served.map(|served| served.read(slot)).transpose()?.flatten() else { return Ok(()) };
    for entry in CrlReader::new(&before).map_err(at)?.entries() {
        let serial = entry.map_err(at)?.serial;
        if !found.iter().any(|entry| entry.serial == serial) {
            return Err(CheckFailure::Departure(UnexplainedDeparture { issuer: slot.issuer, serial }));
        }
    }
    Ok(())
}

fn check_set(found: EntrySet, demanded: &DemandedSets, shape: Shape) -> Result<(), CrlFinding> {
    let wanted = demanded.get(&shape).copied().unwrap_or_else(|| EntrySet::default().finish());
    let found = found.finish();
    if found != wanted {
        return Err(CrlFinding::WrongEntries { found: found.0, demanded: wanted.0 });
    }
    Ok(())
}

/// C10: the base is the full CRL that readers hold, signed by the same key for the same scope, and with the delta it says
/// what the full CRL of this cut says. Without one it is this cut's own.
fn check_delta(
    delta: &CrlReader<'_>,
    built: &Generation,
    slot: CrlSlot,
    demand: &Demand<'_>,
    demanded: &DemandedSets,
) -> Result<(), CheckFailure> {
    let at = |finding| CheckFailure::Crl { slot, finding };
    let full = slot.beside(Shape::Full);
    let held = demand.served.filter(|served| served.crls().contains_key(&full)).unwrap_or(built);
    let der = held.read(full)?.ok_or(CheckFailure::WrongSlots { slot: full, missing: true })?;
    let base = CrlReader::new(&der).map_err(|error| at(error.into()))?;
    let is_held = base.crl_number() == held.cut().cut_number && delta.base_crl_number() == Some(base.crl_number());
    let of_one_scope = base.issuer_name_der() == delta.issuer_name_der()
        && base.authority_key_identifier() == delta.authority_key_identifier()
        && base.issuing_distribution_point() == delta.issuing_distribution_point();
    if !(is_held && of_one_scope) {
        return Err(at(CrlFinding::WrongBase { held: held.cut().cut_number }));
    }
    let (mut set, mut departed) = (EntrySet::default(), BTreeMap::new());
    let removed = |entry: CrlEntry| {
        departed.insert(entry.serial, entry);
    };
    combine(&base, delta, |entry| set.add(entry), removed).map_err(|error| {
        at(match error {
            CombineError::Form(error) => error.into(),
            CombineError::ChangesNothing { entry } => CrlFinding::ChangesNothing { serial: entry.serial() },
        })
    })?;
    check_set(set, demanded, Shape::Full).map_err(at)?;
    explain(slot.issuer, departed, held.cut().this_update, demand)
}

/// I11: issuer DN octets, key, AKI, IDP, number and times are those of the slot.
fn check_head(crl: &CrlReader<'_>, slot: CrlSlot, demand: &Demand<'_>) -> Result<(), CrlFinding> {
    let signer =
        demand.issuers.iter().find(|signer| signer.issuer() == slot.issuer).ok_or(CrlFinding::WrongSignature)?;
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
