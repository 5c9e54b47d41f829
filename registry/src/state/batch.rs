//! The rows of batches: each is done once, and a refused one may still be done.
use super::illegal;
use super::key::{batch_key, batch_row_key};
use super::read::StateReads;
use crate::batch::{BatchHash, DoneRow, RefusedRow, RowRecord};
use crate::event::Actor;
use crate::store::{Family, RegistryError};
use crate::transaction::Transaction;

/// Puts the rows' records, and how far the batch is with them.
pub(super) fn answer_rows(
    transaction: &mut Transaction<'_>,
    batch: &BatchHash,
    done: &[DoneRow],
    refused: &[RefusedRow],
) -> Result<(), RegistryError> {
    let Actor::Party(party) = transaction.actor() else { return Err(illegal("a batch is a party's")) };
    let mut standing = transaction.batch(party, batch)?;
    for DoneRow { row, content, certificates } in done {
        match transaction.batch_row(party, batch, *row)? {
            None => {}
            Some(RowRecord::Refused { .. }) => standing.refused -= 1,
            Some(RowRecord::Done { .. }) => return Err(illegal("a row of a batch is done once")),
        }
        standing.done += 1;
        let record = RowRecord::Done { content: *content, certificates: certificates.clone() };
        transaction.put(Family::BatchRows, batch_row_key(party, batch, *row), &record);
    }
    for RefusedRow { row, problem } in refused {
        match transaction.batch_row(party, batch, *row)? {
            None => standing.refused += 1,
            Some(RowRecord::Refused { .. }) => {}
            // Another content under a row that is done: the row stays what it is.
            Some(RowRecord::Done { .. }) => continue,
        }
        let record = RowRecord::Refused { problem: problem.clone() };
        transaction.put(Family::BatchRows, batch_row_key(party, batch, *row), &record);
    }
    while let Some(next) = standing.answered_up_to.checked_add(1)
        && transaction.batch_row(party, batch, next)?.is_some()
    {
        standing.answered_up_to = next;
    }
    transaction.put(Family::Batches, batch_key(party, batch), &standing);
    Ok(())
}
