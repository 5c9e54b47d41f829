//! The words of metering: how often a party asked for the status of certificates. No serial is among them.
use minicbor::{Decode, Encode};
use pki::identity::Ca;
use pki::time::UnixTime;

use crate::codec;
use crate::event::PartyId;

/// What a party asks for the status of a certificate for (facts 6.1). The party says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum QueryPurpose {
    /// A signature that a person has made just now is verified.
    #[n(0)]
    Signature,
    /// A person who is there proves by the certificate who they are.
    #[n(1)]
    Login,
    /// A certificate known from before: is it still good?
    #[n(2)]
    Monitoring,
}

impl QueryPurpose {
    /// Every purpose, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Login, Self::Monitoring];

    /// The word for it in paths.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Login => "login",
            Self::Monitoring => "monitoring",
        }
    }

    /// The purpose with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }

    /// Its octet in keys.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Signature => 0,
            Self::Login => 1,
            Self::Monitoring => 2,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }
}

/// A minute: whole minutes since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Minute(#[n(0)] pub u32);

impl Minute {
    /// The minute that the second lies in; the first one for what is before it, the last for what is after it.
    pub fn of(time: UnixTime) -> Self {
        Self(u32::try_from(time.as_seconds().div_euclid(60).max(0)).unwrap_or(u32::MAX))
    }
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Metered {
    /// Who asked.
    #[n(0)]
    pub party: PartyId,
    /// When.
    #[n(1)]
    pub minute: Minute,
    /// Which CA's certificates.
    #[cbor(n(2), with = "codec::ca")]
    pub ca: Ca,
    /// What for.
    #[n(3)]
    pub purpose: QueryPurpose,
}

/// How many certificates' statuses were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UsageCount {
    /// To whom, when, of which kind, what for.
    #[n(0)]
    pub metered: Metered,
    /// Certificates whose status was told, at least 1.
    #[n(1)]
    pub certificates: u64,
}
