//! The compromise of a CA key. From its event on, everything issued under the key counts as revoked, whatever its own
//! record says yet; the records are filled in behind, a range of serials an event.
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::RevocationReason;

use super::expiring::expiring_key;
use super::illegal;
use super::key::{Counter, certificate_key, issuer_key, parse_certificate_key};
use super::read::StateReads;
use super::record::{CertificateRecord, CompromiseRecord, StoredDate, WithdrawnRecord};
use crate::event::{Cause, StoredWithdrawal};
use crate::store::{Family, Reads, RegistryError, decode};
use crate::transaction::Transaction;

impl CompromiseRecord {
    /// What a certificate under the key counts as: revoked since the compromise, or since the hold before it. `None` if it
    /// stays as it is, because it was never issued or is revoked for a reason of its own.
    pub fn withdrawal_of(&self, record: &CertificateRecord) -> Option<StoredWithdrawal> {
        let since = match record.withdrawal {
            _ if record.issued_row.is_none() => return None,
            None => self.since,
            Some(StoredWithdrawal::Held { since }) => since,
            Some(StoredWithdrawal::Revoked { .. }) => return None,
        };
        Some(StoredWithdrawal::Revoked { since, reason: RevocationReason::CaCompromise })
    }

    /// The record as it is to be read.
    pub(super) fn told_of(&self, record: CertificateRecord) -> CertificateRecord {
        match self.withdrawal_of(&record) {
            None => record,
            Some(withdrawal) => {
                CertificateRecord { withdrawal: Some(withdrawal), cause: Some(Cause::CaKeyCompromise), ..record }
            }
        }
    }
}

/// The key issues nothing more; what was under way is given up before.
pub(super) fn compromise(transaction: &mut Transaction<'_>, issuer: IssuerKey) -> Result<(), RegistryError> {
    let IssuerKey { ca, key } = issuer;
    if transaction.get(Family::Issuers, &issuer_key(ca, key))?.is_none() {
        return Err(illegal("only a key that is in use can be compromised"));
    }
    if transaction.compromise(issuer)?.is_some() {
        return Err(illegal("a key is compromised once, for ever"));
    }
    for (pending_ca, serial) in transaction.pending_issues()? {
        if pending_ca == ca && transaction.certificate(ca, serial)?.is_some_and(|record| record.key == key) {
            return Err(illegal("issues under a compromised key are given up first"));
        }
    }
    let record =
        CompromiseRecord { since: transaction.now(), filled_to: 0, last: transaction.counter(Counter::Serial(ca))? };
    transaction.put(Family::Compromises, issuer_key(ca, key), &record);
    Ok(())
}

/// Writes into the records of these serials, from where the last range ended, what they count as since the compromise.
pub(super) fn fill(
    transaction: &mut Transaction<'_>,
    (ca, key): (Ca, KeyNumber),
    (from, to): (Serial, Serial),
) -> Result<(), RegistryError> {
    let compromise =
        transaction.compromise(IssuerKey { ca, key })?.ok_or(illegal("only what a compromise revoked is filled in"))?;
    if from.get() != compromise.filled_to + 1 || to < from || to.get() > compromise.last {
        return Err(illegal("ranges are filled in one after the other"));
    }
    for unfilled in unfilled(transaction, (ca, key), &compromise, (from, to))? {
        let Unfilled { serial, record, withdrawn } = unfilled;
        let place = certificate_key(ca, serial);
        transaction.put(Family::Withdrawn, place.clone(), &withdrawn);
        transaction.delete(Family::Expiring, expiring_key(withdrawn.municipality, withdrawn.leave_day, (ca, serial)));
        transaction.delete(Family::Released, place.clone());
        let record =
            CertificateRecord { withdrawal: Some(withdrawn.withdrawal), cause: Some(Cause::CaKeyCompromise), ..record };
        transaction.put(Family::Certificates, place, &record);
    }
    let record = CompromiseRecord { filled_to: to.get(), ..compromise };
    transaction.put(Family::Compromises, issuer_key(ca, key), &record);
    Ok(())
}

/// A certificate whose own record does not show yet what it counts as.
pub(super) struct Unfilled {
    pub(super) serial: Serial,
    record: CertificateRecord,
    pub(super) withdrawn: WithdrawnRecord,
}

/// Those between two serials, in their order.
pub(super) fn unfilled(
    reads: &impl Reads,
    (ca, key): (Ca, KeyNumber),
    compromise: &CompromiseRecord,
    (from, to): (Serial, Serial),
) -> Result<Vec<Unfilled>, RegistryError> {
    let (from, to) = (certificate_key(ca, from), certificate_key(ca, to));
    let mut found = Vec::new();
    for (place, value) in reads.range(Family::Certificates, &from, &to)? {
        let record: CertificateRecord = decode(Family::Certificates, &place, &value)?;
        let (Some((_, serial)), Some(withdrawal), Some(StoredDate(leave_day))) =
            (parse_certificate_key(&place), compromise.withdrawal_of(&record), record.leave_day)
        else {
            continue;
        };
        if record.key == key {
            let withdrawn = WithdrawnRecord { withdrawal, municipality: record.municipality, leave_day };
            found.push(Unfilled { serial, record, withdrawn });
        }
    }
    Ok(found)
}
