//! The words of the queue: what is durable and waits to be done.
use minicbor::{Decode, Encode};

/// The number of something that was put into the queue. What waits is done in the order of these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct QueueNumber(#[n(0)] pub u64);

/// What is to be done. What it needs besides is in the sealed part of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum QueuedWork {
    /// Certificates for a phone, which a person applied for.
    #[n(0)]
    PhoneApplication {
        /// Keyed hash of the application's octets: an application works once.
        #[cbor(n(0), with = "minicbor::bytes")]
        application_hash: [u8; 32],
    },
}

/// How something in the queue ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum QueueEnd {
    /// The certificates were issued.
    #[n(0)]
    Issued,
    /// It was refused when its turn came.
    #[n(1)]
    Refused {
        /// The problem's type, without its prefix.
        #[n(0)]
        problem: String,
    },
}

/// Keyed hash of a phone's 端末識別子: whether two certificates are in one phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct PhoneHash(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What a person told of their phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PhoneNotice {
    /// It was lost, and is found.
    #[n(0)]
    Found,
    /// Its certificates are no longer wanted.
    #[n(1)]
    Retired,
}
