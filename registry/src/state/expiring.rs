//! Which certificates of a municipality expire when, as exactly as it may be known outside sealed rows.
use pki::identity::{Ca, Serial};
use pki::time::CivilDate;
use rocksdb::WriteBatch;

use super::key::{certificate_key, parse_certificate_key};
use super::record::{CertificateRecord, StoredDate};
use crate::store::{Family, Reads, RegistryError, Store, decode, storage};

/// In [`Family::Meta`]: every certificate that belongs into [`Family::Expiring`] is there.
const INDEXED: &[u8] = b"expiring-indexed";
/// Of a registry that was made before there was such a family, so many certificates are written at once.
const CERTIFICATES_PER_WRITE: usize = 10_000;

/// Municipality, leave-day, CA, serial. A leave-day is after 1970, so its days keep their order.
pub fn expiring_key(municipality: u32, leave_day: CivilDate, (ca, serial): (Ca, Serial)) -> Vec<u8> {
    let day = leave_day.days().to_be_bytes();
    [&municipality.to_be_bytes()[..], &day, &certificate_key(ca, serial)].concat()
}

/// Municipality, leave-day, CA and serial from a key made by [`expiring_key`].
pub fn parse_expiring_key(key: &[u8]) -> Option<(u32, CivilDate, (Ca, Serial))> {
    let (municipality, rest) = key.split_first_chunk::<4>()?;
    let (days, _) = rest.split_first_chunk::<8>()?;
    let leave_day = CivilDate::from_days(i64::from_be_bytes(*days));
    Some((u32::from_be_bytes(*municipality), leave_day, parse_certificate_key(key)?))
}

/// Fills the family in a registry that an older akashi made. A crash in between begins anew.
pub(crate) fn index_once(store: &Store) -> Result<(), RegistryError> {
    if store.get(Family::Meta, INDEXED)?.is_some() {
        return Ok(());
    }
    let mut writes = WriteBatch::default();
    for pair in store.iterate(Family::Certificates, &[]) {
        let (key, value) = pair?;
        let record: CertificateRecord = decode(Family::Certificates, &key, &value)?;
        let (Some(place), Some(StoredDate(leave_day))) = (parse_certificate_key(&key), record.leave_day) else {
            continue;
        };
        if record.issued_row.is_some() && !record.is_revoked() {
            let unit = minicbor::to_vec(()).expect("writing to memory does not fail");
            writes.put_cf(store.family(Family::Expiring), expiring_key(record.municipality, leave_day, place), unit);
        }
        if writes.len() == CERTIFICATES_PER_WRITE {
            store.db().write(std::mem::take(&mut writes)).map_err(storage("index what expires"))?;
        }
    }
    let yes = minicbor::to_vec(()).expect("writing to memory does not fail");
    writes.put_cf(store.family(Family::Meta), INDEXED, yes);
    store.db().write(writes).map_err(storage("index what expires"))
}
