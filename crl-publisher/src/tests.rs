//! The publisher against a ledger, keys and a clock that tests can bend.
mod checks;
mod crashes;
mod cuts;
mod deltas;
mod fakes;
mod loops;
mod serving;
mod storm;

pub(crate) use fakes::jst;
