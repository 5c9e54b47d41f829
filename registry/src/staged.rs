//! Changes that are not stored yet.
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::Family;

/// Values by family and key; `None` is a deletion.
#[derive(Default)]
pub(crate) struct Staged([BTreeMap<Vec<u8>, Option<Vec<u8>>>; Family::ALL.len()]);

impl Staged {
    /// What is staged of a key, if anything.
    pub(crate) fn get(&self, family: Family, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.0[family.index()].get(key)
    }

    pub(crate) fn insert(&mut self, family: Family, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.0[family.index()].insert(key, value);
    }

    /// Lays later changes over these.
    pub(crate) fn extend(&mut self, later: Self) {
        for (family, later) in self.0.iter_mut().zip(later.0) {
            if family.is_empty() {
                *family = later;
            } else {
                family.extend(later);
            }
        }
    }

    /// A family's changes from that key on, ascending.
    pub(crate) fn from<'a>(
        &'a self,
        family: Family,
        key: &[u8],
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)> + use<'a> {
        self.0[family.index()].range::<[u8], _>((Bound::Included(key), Bound::Unbounded))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Family, &Vec<u8>, &Option<Vec<u8>>)> {
        let families = Family::ALL.into_iter().zip(&self.0);
        families.flat_map(|(family, changes)| changes.iter().map(move |(key, value)| (family, key, value)))
    }
}

impl IntoIterator for Staged {
    type Item = (Family, Vec<u8>, Option<Vec<u8>>);
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        let families = Family::ALL.into_iter().zip(self.0);
        Box::new(families.flat_map(|(family, changes)| changes.into_iter().map(move |(k, v)| (family, k, v))))
    }
}
