//! `akashi audit verify`: the log by itself, and the state against it.

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, Withdrawal};
use registry::audit::{Verified, verify};
use registry::event::Event;
use registry::state::{StateReads, WithdrawnRow};
use registry::store::{Frozen, hex};
use registry::{RegistryError, Store};
use status::StatusIndex;

use crate::config::Config;
use crate::failure::Failure;
use crate::feed::{Applier, load};
use crate::folder::Folder;
use crate::output::print;

/// Verifies, and says what was verified.
pub fn audit(config: &Config) -> Result<(), Failure> {
    let folder = Folder::new(&config.data_dir);
    folder.require_initialised()?;
    let store = Store::open_read_only(&folder.registry())?;
    let Verified { rows, tree_head } = verify_all(&store)?;
    Ok(print(&format!("log verified rows={rows} tree_head={}\n", hex(&tree_head)))?)
}

/// The log verifies, no serial was taken twice, and an index made from the state is the one made from the log, and so
/// are the rows that CRLs are made from (I3, I5).
fn verify_all(store: &Store) -> Result<Verified, Failure> {
    let from_log = StatusIndex::new();
    let mut applier = Applier::default();
    let mut last_serial = [0; Ca::ALL.len()];
    let mut wrong: Option<String> = None;
    let verified = verify(store, |number, open| {
        if let Event::OwnSerialReserved { ca, serial, .. } | Event::Reserved { ca, serial, .. } = &open.event {
            let last = &mut last_serial[ca.index()];
            if serial.get() != *last + 1 {
                wrong.get_or_insert_with(|| format!("row {number} takes serial {ca}/{serial} after {last}"));
            }
            *last = serial.get();
        }
        if let Err(error) = applier.apply(&from_log, number, open) {
            wrong.get_or_insert_with(|| format!("row {number}: {error}"));
        }
    })?;
    if let Some(wrong) = wrong {
        return Err(Failure::State(wrong));
    }
    compare(store, &from_log, &load(store)?)?;
    let mut key_ranges: [Vec<(Serial, KeyNumber)>; Ca::ALL.len()] = Default::default();
    for ca in Ca::ALL {
        key_ranges[ca.index()] = store.key_ranges(ca)?;
    }
    compare_withdrawn(withdrawn(&store.freeze())?, &key_ranges, &from_log)?;
    Ok(verified)
}

fn compare(store: &Store, from_log: &StatusIndex, from_state: &StatusIndex) -> Result<(), Failure> {
    if from_log.position() != from_state.position() {
        let positions = (from_log.position(), from_state.position());
        return Err(Failure::State(format!("the log is at {}, the state at {}", positions.0, positions.1)));
    }
    for ca in Ca::ALL {
        let end = store.next_serial(ca)?.map_or(u64::MAX, Serial::get);
        for (issuer, _) in store.issuers()?.iter().filter(|(issuer, _)| issuer.ca == ca) {
            for serial in (1..end).filter_map(Serial::new) {
                if from_log.status(*issuer, serial) != from_state.status(*issuer, serial) {
                    return Err(Failure::State(format!(
                        "{ca}/{serial} has another status in the state than in the log"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// What CRLs are made from.
fn withdrawn<'a>(
    frozen: &'a Frozen<'_>,
) -> Result<impl Iterator<Item = Result<(Ca, Serial, Withdrawal), RegistryError>> + 'a, Failure> {
    let rows = Ca::ALL.into_iter().map(|ca| {
        let row = move |(serial, row): WithdrawnRow| (ca, serial, row.withdrawal.into());
        Ok(frozen.withdrawn_of(ca)?.map(move |read| read.map(row)))
    });
    Ok(rows.collect::<Result<Vec<_>, Failure>>()?.into_iter().flatten())
}

/// Each row says what the log says, and as many certificates are held or revoked by the log as there are rows: so none is
/// missing, because no serial has two rows.
fn compare_withdrawn(
    rows: impl Iterator<Item = Result<(Ca, Serial, Withdrawal), RegistryError>>,
    key_ranges: &[Vec<(Serial, KeyNumber)>; Ca::ALL.len()],
    from_log: &StatusIndex,
) -> Result<(), Failure> {
    let mut counts = [0_u64; Ca::ALL.len()];
    for row in rows {
        let (ca, serial, withdrawal) = row?;
        let key = key_ranges[ca.index()].iter().rev().find(|(first, _)| *first <= serial).map(|(_, key)| *key);
        let status = key.map_or(CertificateStatus::NotIssued, |key| from_log.status(IssuerKey { ca, key }, serial));
        if status != CertificateStatus::Withdrawn(withdrawal) {
            return Err(Failure::State(format!("CRLs would say {withdrawal:?} of {ca}/{serial}, the log {status:?}")));
        }
        counts[ca.index()] += 1;
    }
    for ca in Ca::ALL {
        let by_log = from_log.counts(ca);
        let (by_log, rows) = (by_log.held + by_log.revoked, counts[ca.index()]);
        if by_log != rows {
            return Err(Failure::State(format!(
                "{by_log} certificates of the {ca} CA are held or revoked by the log, CRLs would have {rows}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pki::revocation::RevocationReason;
    use pki::time::UnixTime;
    use status::Change;

    use super::*;

    const SINCE: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const HELD: Withdrawal = Withdrawal::Held { since: SINCE };
    const REVOKED: Withdrawal = Withdrawal::Revoked { since: SINCE, reason: RevocationReason::KeyCompromise };

    fn serial(number: u64) -> Serial {
        Serial::new(number).unwrap()
    }

    /// Of the user CA, 2 is held, 3 revoked and 4 good by the log. What is found wrong with these rows?
    fn finding(rows: &[(Ca, u64, Withdrawal)]) -> Option<String> {
        let index = StatusIndex::new();
        let (ca, key) = (Ca::Auth, KeyNumber::FIRST);
        let mut changes = vec![Change::KeyRange { ca, first_serial: serial(1), key }];
        changes.extend((2..=4).map(|number| Change::Issued { ca, serial: serial(number) }));
        let withdrawn = [(2, HELD), (3, REVOKED)];
        changes.extend(withdrawn.map(|(number, withdrawal)| Change::Withdrawn {
            ca,
            serial: serial(number),
            withdrawal,
        }));
        index.apply(1, &changes).unwrap();
        let mut key_ranges: [Vec<(Serial, KeyNumber)>; Ca::ALL.len()] = Default::default();
        key_ranges[ca.index()].push((serial(1), key));
        let rows = rows.iter().map(|(ca, number, withdrawal)| Ok((*ca, serial(*number), *withdrawal)));
        compare_withdrawn(rows, &key_ranges, &index).err().map(|failure| failure.to_string())
    }

    #[test]
    fn what_crls_are_made_from_must_be_what_the_log_says_no_more_no_less_nothing_else() {
        let right = [(Ca::Auth, 2, HELD), (Ca::Auth, 3, REVOKED)];
        assert_eq!(finding(&right), None);
        let missing = finding(&right[..1]).unwrap();
        assert!(
            missing.contains("2 certificates of the auth CA") && missing.contains("CRLs would have 1"),
            "{missing}"
        );
        let later = Withdrawal::Held { since: SINCE.plus_seconds(1) };
        let other_reason = Withdrawal::Revoked { since: SINCE, reason: RevocationReason::Superseded };
        for (ca, number, withdrawal) in [
            (Ca::Auth, 2, later),
            (Ca::Auth, 2, REVOKED),
            (Ca::Auth, 3, other_reason),
            (Ca::Auth, 4, HELD),
            (Ca::Auth, 5, REVOKED),
            (Ca::Sign, 2, HELD),
        ] {
            let wrong = finding(&[(ca, number, withdrawal)]).unwrap();
            assert!(wrong.contains(&format!("of {ca}/{number}, the log")), "{wrong}");
        }
    }
}
