//! Staged changes on top of the store: a transaction sees its own and the batch's earlier ones, and is kept whole or
//! dropped whole.
use std::collections::BTreeMap;

use aws_lc_rs::rand::SecureRandom;
use minicbor::Encode;
use pki::time::UnixTime;

use crate::blinds::Blinds;
use crate::event::{Actor, Door, Event};
use crate::known::Known;
use crate::merkle::TreeEdge;
use crate::row::{Open, Row, to_octets};
use crate::seal::Sealed;
use crate::staged::Staged;
use crate::state;
use crate::store::{Family, Reads, RegistryError, Store};

/// An event that has become durable, as followers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The row's number.
    pub number: u64,
    /// Its open part.
    pub open: Open,
}

/// What the writer has collected for the next commit.
pub(crate) struct Batch {
    pub(crate) staged: Staged,
    pub(crate) known: Known,
    pub(crate) blinds: Blinds,
    pub(crate) edge: TreeEdge,
    pub(crate) events: Vec<Committed>,
}

/// What most records fit into.
const RECORD_OCTETS: usize = 224;

/// One caller's changes.
pub struct Transaction<'a> {
    store: &'a Store,
    batch: &'a Batch,
    staged: Staged,
    edge: TreeEdge,
    events: Vec<Committed>,
    now: UnixTime,
    actor: Actor,
    door: Door,
    randomness: &'a dyn SecureRandom,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(
        store: &'a Store,
        batch: &'a Batch,
        now: UnixTime,
        (actor, door): (Actor, Door),
        randomness: &'a dyn SecureRandom,
    ) -> Self {
        Self {
            store,
            batch,
            staged: Staged::default(),
            edge: batch.edge.clone(),
            events: Vec::new(),
            now,
            actor,
            door,
            randomness,
        }
    }

    /// The time of every event of this transaction.
    pub const fn now(&self) -> UnixTime {
        self.now
    }

    /// The number that the row after all of them so far will have.
    pub const fn position(&self) -> u64 {
        self.edge.size()
    }

    /// Who acts.
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// Appends an event with the state it changes, and gives the number of its row.
    pub fn append(&mut self, event: Event, sealed: Option<Sealed>) -> Result<u64, RegistryError> {
        let number = self.edge.size();
        state::apply(self, number, &event)?;
        let blind = if sealed.is_none() { self.batch.blinds.take(self.randomness)? } else { [0; 32] };
        let open = Open { time: self.now, actor: self.actor, door: self.door, event };
        let row = Row::new(number, &open, sealed, blind);
        self.edge.append(row.leaf_hash);
        let octets = to_octets(&row, row.octets_at_most());
        self.staged.insert(Family::Log, number.to_be_bytes().to_vec(), Some(octets));
        self.events.push(Committed { number, open });
        Ok(number)
    }

    pub(crate) fn put(&mut self, family: Family, key: Vec<u8>, record: &impl Encode<()>) {
        self.staged.insert(family, key, Some(to_octets(record, RECORD_OCTETS)));
    }

    pub(crate) fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.staged.insert(family, key, None);
    }

    /// The changes, to be merged into the batch.
    pub(crate) fn into_parts(self) -> (Staged, TreeEdge, Vec<Committed>) {
        (self.staged, self.edge, self.events)
    }
}

impl Reads for Transaction<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError> {
        match self.staged.get(family, key).or_else(|| self.batch.staged.get(family, key)) {
            Some(staged) => Ok(staged.clone()),
            None => self.batch.known.get(self.store, family, key),
        }
    }

    fn scan(&self, family: Family, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        Ok(self.over(self.batch.known.scan(self.store, family, prefix)?, family, prefix, |key| key.starts_with(prefix)))
    }

    fn range(&self, family: Family, from: &[u8], to: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RegistryError> {
        Ok(self.over(self.store.range(family, from, to)?, family, from, |key| key <= to))
    }
}

impl Transaction<'_> {
    /// What is staged laid over what is stored: keys from that one on, as long as they belong.
    fn over(
        &self,
        mut found: BTreeMap<Vec<u8>, Vec<u8>>,
        family: Family,
        from: &[u8],
        belongs: impl Fn(&[u8]) -> bool,
    ) -> BTreeMap<Vec<u8>, Vec<u8>> {
        for layer in [&self.batch.staged, &self.staged] {
            for (key, value) in layer.from(family, from).take_while(|(key, _)| belongs(key)) {
                match value {
                    Some(value) => found.insert(key.clone(), value.clone()),
                    None => found.remove(key),
                };
            }
        }
        found
    }
}
