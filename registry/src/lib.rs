//! The system of record: one ordered log, and the state that follows from it. No HTTP, no signing.
//!
//! 1. Every fact is an [`event::Event`]. State is changed by [`state::apply`] alone, from the event being appended, so
//!    the log by itself gives the state again.
//! 2. One writer thread ([`writer`]) numbers and times events and commits one synced batch for all who wait. Callers
//!    and followers see an event only after it is durable.
//! 3. Each row carries its RFC 6962 leaf hash over a salted commitment; the tree's right edge is in the same batch
//!    ([`merkle`], [`row`]). [`audit`] verifies all of it without any key.
//! 4. Personal data is only ever in the sealed part of a row, each record under its own data key ([`seal`]).
//!
//! | module | what it holds |
//! |---|---|
//! | [`event`] | what can happen; [`consent`] and [`batch`] the words of consents and of the register's batches in it, [`queue`] those of what waits and of phones, [`usage`] those of metering |
//! | [`row`] | one event as it is stored: number, time, actor, door, commitment, leaf hash |
//! | [`state`] | the records that follow from the log, and how each event changes them |
//! | [`store`] | RocksDB: column families, settings, reads, frozen views |
//! | [`transaction`] | staged changes that are kept whole or dropped whole; `staged` holds them, `known` what was read before, `blinds` what hides rows without a sealed part |
//! | [`writer`], [`merkle`], [`seal`], [`audit`] | as above; `reply` is what a caller waits for |
mod blinds;
mod codec;
mod known;
mod reply;
mod staged;

pub mod audit;
pub mod batch;
pub mod consent;
pub mod event;
pub mod merkle;
pub mod queue;
pub mod row;
pub mod seal;
pub mod state;
pub mod store;
pub mod transaction;
pub mod usage;
pub mod writer;

pub use store::{RegistryError, Store};
pub use transaction::Transaction;
pub use writer::{Clock, Follower, Registry, TransactError};
