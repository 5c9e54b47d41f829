//! What the events of the queue change, and what they demand.
use minicbor::bytes::ByteArray;

use super::key::queue_key;
use super::{Counter, QueueRecord, StateReads, consent, count, illegal};
use crate::event::Actor;
use crate::queue::{QueueEnd, QueueNumber, QueuedWork};
use crate::store::{Family, RegistryError};
use crate::transaction::Transaction;

pub(super) fn put(
    transaction: &mut Transaction<'_>,
    row: u64,
    number: QueueNumber,
    work: QueuedWork,
    resident: [u8; 32],
) -> Result<(), RegistryError> {
    count(transaction, Counter::Queue, number.0)?;
    let Actor::Party(party) = transaction.actor() else { return Err(illegal("what is queued is a party's")) };
    match &work {
        QueuedWork::PhoneApplication { application_hash } => {
            consent::use_application(transaction, row, application_hash)?;
        }
    }
    let record = QueueRecord { work, party, resident, row, queued_at: transaction.now(), end: None };
    transaction.put(Family::Queue, queue_key(number), &record);
    transaction.put(Family::Waiting, queue_key(number), &ByteArray::from(resident));
    Ok(())
}

pub(super) fn end(transaction: &mut Transaction<'_>, number: QueueNumber, end: &QueueEnd) -> Result<(), RegistryError> {
    let record = transaction.queued(number)?.ok_or(illegal("nothing in the queue has this number"))?;
    if record.end.is_some() {
        return Err(illegal("what is in the queue ends once"));
    }
    transaction.put(Family::Queue, queue_key(number), &QueueRecord { end: Some(end.clone()), ..record });
    transaction.delete(Family::Waiting, queue_key(number));
    Ok(())
}
