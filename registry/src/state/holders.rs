//! Which certificates a person has: one record, since a person is asked for at each issue and has few.
use pki::identity::{Ca, Serial};
use rocksdb::WriteBatch;

use super::key::parse_certificate_key;
use crate::event::CertificatePlace;
use crate::store::{Family, Reads, RegistryError, Store, storage};

/// In [`Family::Meta`]: each person's certificates are in one record.
const GATHERED: &[u8] = b"residents-gathered";
/// Of a registry whose certificates each had a record there, so many are written at once, and then to the end of a person's.
const RECORDS_PER_WRITE: usize = 10_000;

/// Gathers what an older akashi kept apart. A crash in between goes on with the next person.
pub(crate) fn gather_once(store: &Store) -> Result<(), RegistryError> {
    if store.get(Family::Meta, GATHERED)?.is_some() {
        return Ok(());
    }
    let family = store.family(Family::Residents);
    let mut writes = WriteBatch::default();
    let mut person: Option<([u8; 32], Vec<CertificatePlace>)> = None;
    for pair in store.iterate(Family::Residents, &[]) {
        let (key, _) = pair?;
        let Some((resident, (ca, serial))) = parse_old_key(&key) else { continue };
        let found = person.take_if(|(of, _)| *of != resident);
        if let Some((of, places)) = found {
            writes.put_cf(family, of, to_octets(&places));
            if writes.len() >= RECORDS_PER_WRITE {
                store.db().write(std::mem::take(&mut writes)).map_err(storage("gather what people have"))?;
            }
        }
        writes.delete_cf(family, &key);
        person.get_or_insert((resident, vec![])).1.push(CertificatePlace { ca, serial });
    }
    if let Some((of, places)) = person {
        writes.put_cf(family, of, to_octets(&places));
    }
    writes.put_cf(store.family(Family::Meta), GATHERED, to_octets(&()));
    store.db().write(writes).map_err(storage("gather what people have"))
}

fn to_octets(record: &impl minicbor::Encode<()>) -> Vec<u8> {
    minicbor::to_vec(record).expect("writing to memory does not fail")
}

/// Resident, CA, serial.
fn parse_old_key(key: &[u8]) -> Option<([u8; 32], (Ca, Serial))> {
    let (resident, place) = key.split_first_chunk::<32>()?;
    Some((*resident, parse_certificate_key(place)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{StateReads, certificate_key};

    fn resident(number: u32) -> [u8; 32] {
        pki::algorithm::sha256(&number.to_be_bytes())
    }

    fn put_as_before(store: &Store, number: u32, ca: Ca, serial: u64) {
        let key = [&resident(number)[..], &certificate_key(ca, Serial::new(serial).unwrap())].concat();
        store.db().put_cf(store.family(Family::Residents), key, to_octets(&())).unwrap();
    }

    #[test]
    fn what_an_older_akashi_kept_apart_is_gathered_once_for_each_person() {
        /// Enough for several writes.
        const PEOPLE: u32 = 9_000;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let certificates = |number: u32| {
            let first = u64::from(number) * 2 + 1;
            [(Ca::Sign, first), (Ca::Sign, first + 1), (Ca::Auth, first)].into_iter().take(1 + number as usize % 3)
        };
        for number in 0..PEOPLE {
            certificates(number).for_each(|(ca, serial)| put_as_before(&store, number, ca, serial));
        }
        gather_once(&store).unwrap();
        for number in 0..PEOPLE {
            let places = store.places_of(&resident(number)).unwrap();
            let places = places.into_iter().map(|place| (place.ca, place.serial.get()));
            assert_eq!(places.collect::<Vec<_>>(), certificates(number).collect::<Vec<_>>(), "person {number}");
        }
        let keys: Vec<_> = store.iterate(Family::Residents, &[]).map(|pair| pair.unwrap().0.len()).collect();
        assert_eq!(keys, vec![32; PEOPLE as usize]);

        put_as_before(&store, PEOPLE, Ca::Sign, 1);
        gather_once(&store).unwrap();
        assert!(store.places_of(&resident(PEOPLE)).unwrap().is_empty(), "it is done once");
    }
}
