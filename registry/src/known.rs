//! What the writer has read or written lately. It alone changes the store, so that what it knows is what is stored: the
//! steps of an issue, and the rules of one transaction, ask for the same records again and again.
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use crate::store::{Family, Reads, RegistryError, Store};

/// So many values make a generation. Two are kept: some 10 MB, as certificates' records are.
const VALUES_PER_GENERATION_MAX: usize = 1 << 14;

/// Something for each key of each family.
type ByFamily<T> = [HashMap<Vec<u8>, T>; Family::ALL.len()];

/// What a scan found.
type Found = BTreeMap<Vec<u8>, Vec<u8>>;

/// Values by key, `None` where there is none; and what scans found by their prefixes.
#[derive(Default)]
struct Generation {
    values: ByFamily<Option<Vec<u8>>>,
    scans: ByFamily<Found>,
    size: usize,
}

/// What is known: of two generations, so that what is asked for often stays while what was asked for once goes.
#[derive(Default)]
pub(crate) struct Known {
    young: RefCell<Generation>,
    old: RefCell<Generation>,
}

impl Known {
    /// The stored value of a key.
    pub(crate) fn get(&self, store: &Store, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError> {
        if !is_asked_again(family) {
            return store.get(family, key);
        }
        let at = family.index();
        if let Some(value) = self.young.borrow().values[at].get(key) {
            return Ok(value.clone());
        }
        let older = self.old.borrow_mut().values[at].remove(key);
        let value = older.map_or_else(|| store.get(family, key), Ok)?;
        self.make_room().values[at].insert(key.to_vec(), value.clone());
        Ok(value)
    }

    /// Every stored key that begins with the prefix, ascending.
    pub(crate) fn scan(&self, store: &Store, family: Family, prefix: &[u8]) -> Result<Found, RegistryError> {
        if scanned_octets(family) != Some(prefix.len()) {
            return store.scan(family, prefix);
        }
        let at = family.index();
        if let Some(found) = self.young.borrow().scans[at].get(prefix) {
            return Ok(found.clone());
        }
        let older = self.old.borrow_mut().scans[at].remove(prefix);
        let found = older.map_or_else(|| store.scan(family, prefix), Ok)?;
        self.make_room().scans[at].insert(prefix.to_vec(), found.clone());
        Ok(found)
    }

    /// Learns what was committed.
    pub(crate) fn learn(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        if !is_asked_again(family) {
            return;
        }
        let at = family.index();
        if let Some(prefix) = scanned_octets(family).and_then(|octets| key.get(..octets)) {
            for generation in [&mut self.young, &mut self.old] {
                if let Some(found) = generation.get_mut().scans[at].get_mut(prefix) {
                    match &value {
                        Some(value) => found.insert(key.clone(), value.clone()),
                        None => found.remove(&key),
                    };
                }
            }
        }
        self.old.get_mut().values[at].remove(&key);
        self.make_room().values[at].insert(key, value);
    }

    /// The young generation, with room for one more.
    fn make_room(&self) -> std::cell::RefMut<'_, Generation> {
        let mut young = self.young.borrow_mut();
        if young.size == VALUES_PER_GENERATION_MAX {
            *self.old.borrow_mut() = std::mem::take(&mut *young);
        }
        young.size += 1;
        young
    }
}

/// Not of what nothing is judged by, and not of what is asked for once and forgotten: a new request, a new key. A new person
/// is asked for at each step of an issue.
fn is_asked_again(family: Family) -> bool {
    let once = matches!(family, Family::Log | Family::Withdrawn | Family::Pending | Family::Expiring);
    family == Family::Residents || !(once || family.is_asked_in_vain())
}

/// How many octets the prefixes have by which a family is scanned for one thing of many. Other scans are rare, or large.
fn scanned_octets(family: Family) -> Option<usize> {
    (family == Family::KeyRanges).then_some(1)
}

#[cfg(test)]
mod tests {
    use rocksdb::WriteBatch;

    use super::*;

    /// Reads and writes of few keys in an order that no rule makes, with generations passing in between.
    #[test]
    fn what_is_known_is_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut known = Known::default();
        let cas = [[1], [2]];
        let mut state = 1_u64;
        let mut draw = |below: u64| {
            // Knuth's generator: the same draws each time.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..3 * VALUES_PER_GENERATION_MAX {
            let ca = cas[usize::from(draw(2) == 1)];
            let key = [&ca[..], &draw(4).to_be_bytes()].concat();
            if round % 64 == 0 {
                let value = (draw(3) > 0).then(|| draw(256).to_be_bytes().to_vec());
                let mut writes = WriteBatch::default();
                match &value {
                    Some(value) => writes.put_cf(store.family(Family::KeyRanges), &key, value),
                    None => writes.delete_cf(store.family(Family::KeyRanges), &key),
                }
                store.db().write(writes).unwrap();
                known.learn(Family::KeyRanges, key.clone(), value);
            }
            // Keys that are asked for once, so that what was known gets old.
            known.get(&store, Family::Certificates, &round.to_be_bytes()).unwrap();
            assert_eq!(
                known.get(&store, Family::KeyRanges, &key).unwrap(),
                store.get(Family::KeyRanges, &key).unwrap(),
                "round {round}"
            );
            if round % 16 == 0 {
                for prefix in [&ca[..], &[]] {
                    assert_eq!(
                        known.scan(&store, Family::KeyRanges, prefix).unwrap(),
                        store.scan(Family::KeyRanges, prefix).unwrap(),
                        "round {round}"
                    );
                }
            }
        }
    }
}
