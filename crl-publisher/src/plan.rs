//! What a cut will hold. A plan writes no file and touches no key; it prints as sentences. Of files it reads the full CRLs
//! of the cut being served, the bases of its deltas.
use std::collections::BTreeMap;
use std::fmt;

use pki::crl::{CrlEntry, CrlKind, CrlStreamError, DeltaEntry};
use pki::identity::{Ca, IssuerKey, Serial};
use pki::municipality::MunicipalityCode;
use pki::time::{CivilDate, UnixTime};

use crate::codes::CodeNumbers;
use crate::delta::PlannedDelta;
use crate::demanded::Demanded;
use crate::generation::Generation;
use crate::ledger::{FrozenState, LedgerError};
use crate::rows::{DateOutOfRange, Rows, RowsInOrder};
use crate::slot::{CrlLayout, CrlSlot, Shape};
use crate::workers;

/// What all CRLs of a cut share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutFrame {
    /// The cut's number, and the cRLNumber of all its CRLs (C09).
    pub cut_number: u64,
    /// The log position whose state it shows.
    pub log_position: u64,
    /// The root of the log's Merkle tree there.
    pub tree_head: [u8; 32],
    /// thisUpdate.
    pub this_update: UnixTime,
    /// nextUpdate.
    pub next_update: UnixTime,
    /// thisUpdate of the cut whose CRLs readers hold now. `None` when there is none or its files cannot be read: then
    /// nothing may leave, because nothing shows that it was ever carried (I7).
    pub carried_at: Option<UnixTime>,
}

impl CutFrame {
    /// The entry stands in this cut. It may leave only after a published CRL with thisUpdate past the leave-day has
    /// carried it (I7, C06).
    pub fn keeps(&self, leave_day: CivilDate) -> bool {
        self.carried_at.is_none_or(|carried_at| leave_day >= carried_at.jst_date())
    }
}

/// Why a cut cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The ledger broke off.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger gave serials out of order, or one twice (I12).
    #[error("the ledger gave serial {serial} of {ca} after {previous}")]
    NotAscending {
        /// Whose serial.
        ca: Ca,
        /// The serial that came out of order.
        serial: Serial,
        /// The one before it.
        previous: Serial,
    },
    /// A certificate names a municipality that has no CRL.
    #[error("serial {serial} of {ca} belongs to municipality {code}, which has no CRL")]
    UnknownMunicipality {
        /// Whose serial.
        ca: Ca,
        /// The serial.
        serial: Serial,
        /// The code in its distribution point.
        code: MunicipalityCode,
    },
    /// An entry has a date that no CRL of ours can have.
    #[error("serial {serial} of {ca} was withdrawn at a date after 2106 or before 1970")]
    DateOutOfRange {
        /// Whose serial.
        ca: Ca,
        /// The serial.
        serial: Serial,
    },
    /// The full CRL that readers hold cannot be read, so nobody knows what changed.
    #[error("{slot}, of the cut being served: {source}")]
    Base {
        /// Which.
        slot: CrlSlot,
        /// Why.
        source: CrlStreamError,
    },
}

/// The entries of one CA. All its live keys sign the same lists: serials are unique across keys.
#[derive(Default)]
struct EntryLists {
    /// The first for certificates without a municipality; then one for each that has a CRL.
    lists: Vec<Rows>,
    numbers: CodeNumbers,
    /// Which list has the next entry of the full CRL. So the full list needs no rows of its own, and is read from some thousand
    /// places that each go forwards.
    order: Vec<u16>,
}

/// What the ledger demands of each CA.
pub(crate) type DemandedOfAll = [Demanded; Ca::ALL.len()];

/// Which CRLs a cut has and which entries stand in each.
pub struct PublishPlan {
    frame: CutFrame,
    slots: Vec<CrlSlot>,
    lists: [EntryLists; Ca::ALL.len()],
    deltas: BTreeMap<IssuerKey, PlannedDelta>,
    of_cas: BTreeMap<IssuerKey, Vec<CrlEntry>>,
}

impl PublishPlan {
    /// Plans the cut of that state for these issuers: per issuer one full CRL, its delta, one for each municipality, and one
    /// of CA certificates, the empty ones included (I10). `served` is the cut that readers hold. CAs are read side by side on
    /// `worker_count` threads.
    pub fn new(
        frame: CutFrame,
        frozen: &dyn FrozenState,
        issuers: &[IssuerKey],
        layout: &CrlLayout,
        served: Option<&Generation>,
        worker_count: usize,
    ) -> Result<Self, PlanError> {
        Self::with_demanded(frame, frozen, issuers, layout, served, worker_count).map(|(plan, _)| plan)
    }

    /// The same, and what the ledger demanded while it was read.
    pub(crate) fn with_demanded(
        frame: CutFrame,
        frozen: &dyn FrozenState,
        issuers: &[IssuerKey],
        layout: &CrlLayout,
        served: Option<&Generation>,
        worker_count: usize,
    ) -> Result<(Self, DemandedOfAll), PlanError> {
        let mut lists: [EntryLists; Ca::ALL.len()] = Default::default();
        let mut demanded = DemandedOfAll::default();
        let cas: Vec<Ca> = Ca::ALL.into_iter().filter(|&ca| issuers.iter().any(|issuer| issuer.ca == ca)).collect();
        let read = |&ca: &Ca| EntryLists::read(&frame, frozen, ca, layout);
        workers::in_order(&cas, worker_count, read, |ca, read| {
            (lists[ca.index()], demanded[ca.index()]) = read;
            Ok::<_, PlanError>(())
        })?;
        let (mut deltas, mut of_cas) = (BTreeMap::new(), BTreeMap::new());
        let changes = |&issuer: &IssuerKey| {
            let slot = CrlSlot { shape: Shape::Delta, issuer };
            let delta = PlannedDelta::new(slot, frame.cut_number, served, lists[issuer.ca.index()].all());
            delta.map_err(|source| PlanError::Base { slot: slot.beside(Shape::Full), source })
        };
        workers::in_order(issuers, worker_count, changes, |&issuer, delta| {
            deltas.insert(issuer, delta);
            of_cas.insert(issuer, frozen.revoked_ca_certificates(issuer)?);
            Ok(())
        })?;
        Ok((Self { frame, slots: layout.slots(issuers), lists, deltas, of_cas }, demanded))
    }

    /// What all its CRLs share.
    pub const fn frame(&self) -> &CutFrame {
        &self.frame
    }

    /// Its CRLs in file order.
    pub fn slots(&self) -> &[CrlSlot] {
        &self.slots
    }

    /// Whether one of them is complete, with that freshestCRL, or a delta, and of which base.
    pub fn kind<'a>(&self, slot: CrlSlot, freshest_crl: Option<&'a str>) -> CrlKind<'a> {
        match slot.shape {
            Shape::Full | Shape::Partition(_) | Shape::CaCertificates => CrlKind::Complete { freshest_crl },
            Shape::Delta => CrlKind::Delta { base_crl_number: self.deltas[&slot.issuer].base_crl_number },
        }
    }

    /// The entries of one of them, in ascending order of serials. Only a delta has removals among them.
    pub fn entries(&self, slot: CrlSlot) -> impl Iterator<Item = DeltaEntry> + '_ {
        let lists = &self.lists[slot.issuer.ca.index()];
        match slot.shape {
            Shape::CaCertificates => EntriesOf::Of(self.of_cas.get(&slot.issuer).map_or(&[][..], Vec::as_slice).iter()),
            Shape::Full => EntriesOf::All(lists.all()),
            Shape::Partition(code) => EntriesOf::Part(lists.part(code)),
            Shape::Delta => {
                EntriesOf::Changes(self.deltas.get(&slot.issuer).map_or(&[][..], |delta| &delta.entries).iter())
            }
        }
    }

    /// How many entries one of them has.
    pub fn count(&self, slot: CrlSlot) -> usize {
        let lists = &self.lists[slot.issuer.ca.index()];
        match slot.shape {
            Shape::CaCertificates => self.of_cas.get(&slot.issuer).map_or(0, Vec::len),
            Shape::Full => lists.order.len(),
            Shape::Partition(code) => lists.list_of(code).map_or(0, |list| lists.lists[list].len()),
            Shape::Delta => self.deltas.get(&slot.issuer).map_or(0, |delta| delta.entries.len()),
        }
    }
}

impl EntryLists {
    /// Where the entries of a municipality are; `None` if it has no CRL.
    fn list_of(&self, code: MunicipalityCode) -> Option<usize> {
        self.numbers.get(code).map(|number| number + 1)
    }

    fn part(&self, code: MunicipalityCode) -> Option<RowsInOrder<'_>> {
        self.list_of(code).map(|list| self.lists[list].iter())
    }

    fn all(&self) -> AllEntries<'_> {
        AllEntries { order: self.order.iter(), lists: self.lists.iter().map(Rows::iter).collect() }
    }

    fn read(
        frame: &CutFrame,
        frozen: &dyn FrozenState,
        ca: Ca,
        layout: &CrlLayout,
    ) -> Result<(Self, Demanded), PlanError> {
        let numbers = CodeNumbers::of(layout.codes());
        let empty = std::iter::repeat_with(Rows::default).take(numbers.count() + 1).collect();
        let mut lists = Self { lists: empty, numbers, order: Vec::new() };
        let mut demanded = Demanded::default();
        let mut last: Option<Serial> = None;
        for certificate in frozen.withdrawn(ca) {
            let certificate = certificate?;
            let serial = certificate.serial;
            if let Some(previous) = last
                && previous >= serial
            {
                return Err(PlanError::NotAscending { ca, serial, previous });
            }
            last = Some(serial);
            demanded.add(frame, &certificate);
            if !frame.keeps(certificate.leave_day) {
                continue;
            }
            let list = match certificate.municipality {
                None => 0,
                Some(code) => lists.list_of(code).ok_or(PlanError::UnknownMunicipality { ca, serial, code })?,
            };
            let entry = CrlEntry { serial, withdrawal: certificate.withdrawal };
            lists.lists[list].push(entry).map_err(|DateOutOfRange| PlanError::DateOutOfRange { ca, serial })?;
            lists.order.push(u16::try_from(list).expect("there are fewer municipalities than that"));
        }
        Ok((lists, demanded))
    }
}

/// All entries of a CA in ascending order of serials.
pub(crate) struct AllEntries<'a> {
    order: std::slice::Iter<'a, u16>,
    lists: Vec<RowsInOrder<'a>>,
}

impl Iterator for AllEntries<'_> {
    type Item = CrlEntry;

    #[inline]
    fn next(&mut self) -> Option<CrlEntry> {
        let list = *self.order.next()?;
        self.lists[usize::from(list)].next()
    }
}

enum EntriesOf<'a> {
    All(AllEntries<'a>),
    Part(Option<RowsInOrder<'a>>),
    Of(std::slice::Iter<'a, CrlEntry>),
    Changes(std::slice::Iter<'a, DeltaEntry>),
}

impl Iterator for EntriesOf<'_> {
    type Item = DeltaEntry;

    #[inline]
    fn next(&mut self) -> Option<DeltaEntry> {
        let complete = match self {
            Self::All(entries) => entries.next(),
            Self::Part(entries) => entries.as_mut()?.next(),
            Self::Of(entries) => entries.next().copied(),
            Self::Changes(changes) => return changes.next().copied(),
        };
        complete.map(DeltaEntry::Listed)
    }
}

/// Sentences for people; municipalities without entries are counted, not listed.
impl fmt::Display for PublishPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CutFrame { cut_number, log_position, tree_head: _, this_update, next_update, carried_at } = self.frame;
        writeln!(
            f,
            "Cut {cut_number} shows log position {log_position}; thisUpdate {this_update}, nextUpdate {next_update}."
        )?;
        match carried_at {
            Some(carried_at) => writeln!(f, "Entries with a leave-day before {} leave it.", carried_at.jst_date())?,
            None => writeln!(f, "No entry leaves it, because no earlier cut can be read.")?,
        }
        let mut empty = 0_usize;
        for &slot in &self.slots {
            let count = self.count(slot);
            let entries = if count == 1 { "entry" } else { "entries" };
            match self.kind(slot, None) {
                CrlKind::Complete { .. } if count == 0 => empty += 1,
                CrlKind::Complete { .. } => writeln!(f, "{slot}: {count} {entries}.")?,
                CrlKind::Delta { base_crl_number } if base_crl_number == cut_number => {
                    empty += usize::from(count == 0);
                    writeln!(f, "{slot}: none, for there is no earlier full CRL to begin from.")?;
                }
                CrlKind::Delta { base_crl_number } => {
                    empty += usize::from(count == 0);
                    writeln!(f, "{slot}: {count} {entries} since cut {base_crl_number}.")?;
                }
            }
        }
        writeln!(f, "{} CRLs in all, {empty} of them empty.", self.slots.len())
    }
}
