//! Sums of what was metered.
use super::key::usage_key;
use super::{Counter, StateReads, count, illegal};
use crate::event::Role;
use crate::store::{Family, Reads, RegistryError};
use crate::transaction::Transaction;
use crate::usage::UsageCount;

/// Adds a batch to the sums. Batches are numbered without a gap, so none is added twice.
pub(super) fn add(transaction: &mut Transaction<'_>, batch: u64, counts: &[UsageCount]) -> Result<(), RegistryError> {
    count(transaction, Counter::UsageBatch, batch)?;
    if counts.is_empty() {
        return Err(illegal("a batch of usage has counts"));
    }
    for UsageCount { metered, certificates } in counts {
        if transaction.party(metered.party)?.is_none_or(|party| party.role != Role::Operator) {
            return Err(illegal("only operators are metered"));
        }
        if *certificates == 0 {
            return Err(illegal("nothing is no usage"));
        }
        let key = usage_key(*metered);
        let before: u64 = transaction.record(Family::Usage, &key)?.unwrap_or(0);
        let sum = before.checked_add(*certificates).ok_or(illegal("usage is more than a number holds"))?;
        transaction.put(Family::Usage, key, &sum);
    }
    Ok(())
}
