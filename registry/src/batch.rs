//! Batches of the resident register: many reports in one call, each known for ever by its party, its batch and its row.
use minicbor::{Decode, Encode};
use pki::identity::{Ca, KeyNumber, Serial};

use crate::codec;
use crate::event::StoredWithdrawal;

/// SHA-256 of the name that the register gave a batch.
pub type BatchHash = [u8; 32];

/// A certificate as a row's answer told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ToldCertificate {
    /// Which CA.
    #[cbor(n(0), with = "codec::ca")]
    pub ca: Ca,
    /// The key it is issued under.
    #[cbor(n(1), with = "codec::key")]
    pub key: KeyNumber,
    /// The serial.
    #[cbor(n(2), with = "codec::serial")]
    pub serial: Serial,
    /// It was issued, and not still being issued.
    #[n(3)]
    pub issued: bool,
    /// Its hold or revocation.
    #[n(4)]
    pub withdrawal: Option<StoredWithdrawal>,
}

/// A row whose report was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DoneRow {
    /// Its number in the batch.
    #[n(0)]
    pub row: u32,
    /// SHA-256 of what was reported, of the resident the keyed hash.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub content: [u8; 32],
    /// Its answer.
    #[n(2)]
    pub certificates: Vec<ToldCertificate>,
}

/// A row that was refused. Its number is free for what is right.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RefusedRow {
    /// Its number in the batch.
    #[n(0)]
    pub row: u32,
    /// The problem's type, without its prefix.
    #[n(1)]
    pub problem: String,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RowRecord {
    /// Done, with its answer.
    #[n(0)]
    Done {
        /// SHA-256 of what was reported, of the resident the keyed hash.
        #[cbor(n(0), with = "minicbor::bytes")]
        content: [u8; 32],
        /// Its answer.
        #[n(1)]
        certificates: Vec<ToldCertificate>,
    },
    /// Refused, and not done since.
    #[n(1)]
    Refused {
        /// The problem's type, without its prefix.
        #[n(0)]
        problem: String,
    },
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct BatchRecord {
    /// Rows that are done.
    #[n(0)]
    pub done: u32,
    /// Rows that were refused and are not done since.
    #[n(1)]
    pub refused: u32,
    /// Every row from 1 to this one is done or refused.
    #[n(2)]
    pub answered_up_to: u32,
}
