//! The words that events are made of: who acts, where, why, and what is told of them.
use minicbor::{Decode, Encode};
use pki::algorithm::Algorithm;
use pki::identity::{Ca, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;

use crate::codec;
use crate::consent::Items;

/// A party's number: a desk, the loss line, the register, an operator, an auditor, a member of the CA's staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PartyId(#[n(0)] pub u32);

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Actor {
    /// Akashi itself: recovery, the schedule, key renewal.
    #[n(0)]
    System,
    /// A registered party.
    #[n(1)]
    Party(#[n(0)] PartyId),
    /// Somebody with a certificate of the party CA who is not registered; only refusals have this actor.
    #[n(2)]
    Unregistered,
}

/// Through which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Door {
    /// No door: Akashi itself.
    #[n(0)]
    Inside,
    /// `/desk/v1`
    #[n(1)]
    Desk,
    /// `/hotline/v1`
    #[n(2)]
    Hotline,
    /// `/residents/v1`
    #[n(3)]
    Residents,
    /// `/admin/v1`
    #[n(4)]
    Admin,
    /// `/operators/v1`
    #[n(5)]
    Operators,
    /// `/phone/v1`
    #[n(6)]
    Phone,
}

/// What a party may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// A municipal issuance desk.
    #[n(0)]
    Desk,
    /// The 24/365 loss line.
    #[n(1)]
    Hotline,
    /// The resident register.
    #[n(2)]
    Residents,
    /// A platform operator (署名検証者).
    #[n(3)]
    Operator,
    /// An auditor.
    #[n(4)]
    Auditor,
    /// The CA's own staff.
    #[n(5)]
    Admin,
    /// The portal that people's phones talk to (マイナポータル).
    #[n(6)]
    Portal,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] =
        [Self::Desk, Self::Hotline, Self::Residents, Self::Operator, Self::Portal, Self::Auditor, Self::Admin];

    /// The word for it in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Hotline => "hotline",
            Self::Residents => "residents",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::Portal => "portal",
        }
    }
}

/// One request of a party that must have one effect: its idempotency key, and what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestId {
    /// Whose request.
    #[n(0)]
    pub party: PartyId,
    /// SHA-256 of the idempotency key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key_hash: [u8; 32],
    /// Keyed hash of door, path and body: bodies carry personal data, so a plain hash could be guessed.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub request_hash: [u8; 32],
}

/// Why a certificate was held or revoked: typed, so that the reason follows from it and nobody chooses one (I13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Cause {
    /// Destroyed before hand-over (facts 2.1): an issue that recovery could not finish in time.
    #[n(0)]
    DestroyedBeforeHandOver,
    /// The person asked for it (law article 9).
    #[n(1)]
    PersonRequest,
    /// The person's key leaked (article 10).
    #[n(2)]
    KeyCompromise,
    /// The card or phone was lost, reported at the desk (article 10).
    #[n(3)]
    DeviceLost,
    /// The loss of the card or phone was reported to the loss line: held until it is found or the desk decides.
    #[n(4)]
    LossReported,
    /// An error or omission in the record (article 13).
    #[n(5)]
    RecordError,
    /// No longer needed.
    #[n(6)]
    NoLongerNeeded,
    /// Name, sex, date of birth or address changed (article 12).
    #[n(7)]
    FourInfoChanged,
    /// Death (article 12).
    #[n(8)]
    Died,
    /// The resident record was deleted on departure abroad, and the card does not go on (article 12).
    #[n(9)]
    LeftJapan,
    /// A newer certificate of the same kind took its place.
    #[n(10)]
    Superseded,
    /// What was reported lost was found. A card's certificates are revoked, a phone's user certificate is released
    /// (facts 5).
    #[n(11)]
    Found,
    /// The person left Japan and keeps the card (国外転出者 with 継続利用): the address in the certificate is no more.
    #[n(12)]
    OverseasContinuation,
    /// Another phone took the place of this one: a person has one (facts 5).
    #[n(13)]
    PhoneReplaced,
    /// The CA's key was compromised (article 14).
    #[n(14)]
    CaKeyCompromise,
    /// A correction of the address that an ordinance calls minor (article 12).
    #[n(15)]
    MinorAddressCorrection,
}

/// What the resident register reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ResidentChange {
    /// A new address.
    #[n(0)]
    Moved,
    /// A new name.
    #[n(1)]
    NameChanged,
    /// Sex corrected.
    #[n(2)]
    SexCorrected,
    /// Date of birth corrected.
    #[n(3)]
    BirthDateCorrected,
    /// Died.
    #[n(4)]
    Died,
    /// Left Japan.
    #[n(5)]
    LeftJapan,
    /// A correction of the address that an ordinance calls minor: no effect on certificates.
    #[n(6)]
    MinorAddressCorrection,
    /// Left Japan and keeps the card.
    #[n(7)]
    LeftJapanKeepingCard,
}

/// How a [`Withdrawal`] is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum StoredWithdrawal {
    /// certificateHold.
    #[n(0)]
    Held {
        /// When recorded.
        #[cbor(n(0), with = "codec::time")]
        since: UnixTime,
    },
    /// Revoked.
    #[n(1)]
    Revoked {
        /// When recorded, or when the hold before it was.
        #[cbor(n(0), with = "codec::time")]
        since: UnixTime,
        /// CRLReason.
        #[cbor(n(1), with = "codec::reason")]
        reason: RevocationReason,
    },
}

impl From<Withdrawal> for StoredWithdrawal {
    fn from(withdrawal: Withdrawal) -> Self {
        match withdrawal {
            Withdrawal::Held { since } => Self::Held { since },
            Withdrawal::Revoked { since, reason } => Self::Revoked { since, reason },
        }
    }
}

impl From<StoredWithdrawal> for Withdrawal {
    fn from(stored: StoredWithdrawal) -> Self {
        match stored {
            StoredWithdrawal::Held { since } => Self::Held { since },
            StoredWithdrawal::Revoked { since, reason } => Self::Revoked { since, reason },
        }
    }
}

/// Settings that may never change once the first certificate stands on them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FixedSettings {
    /// O of every name.
    #[n(0)]
    pub organization: String,
    /// `default` or `jpki-exact`.
    #[n(1)]
    pub layout: String,
    /// The CPS URI in every policy.
    #[n(2)]
    pub cps_uri: String,
    /// Policy OID of signature certificates, dotted.
    #[n(3)]
    pub sign_policy: String,
    /// Policy OID of user certificates, dotted.
    #[n(4)]
    pub auth_policy: String,
    /// What every URL in a certificate begins with.
    #[n(5)]
    pub public_base_url: String,
    /// The word of the algorithm of CA keys and of persons' keys: recorded intents are linted against it.
    #[n(6)]
    pub algorithm: String,
    /// Policy OIDs of the phones' certificates; `None` in a registry that was made before there were any.
    #[n(7)]
    pub phone_policies: Option<PhonePolicies>,
}

/// Policy OIDs of the phones' certificates, dotted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PhonePolicies {
    /// Of signature certificates.
    #[n(0)]
    pub sign: String,
    /// Of user certificates.
    #[n(1)]
    pub auth: String,
}

/// A certificate by its CA and serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificatePlace {
    /// Which CA.
    #[cbor(n(0), with = "codec::ca")]
    pub ca: Ca,
    /// The serial.
    #[cbor(n(1), with = "codec::serial")]
    pub serial: Serial,
}

/// An algorithm as it is stored where there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct StoredAlgorithm(#[cbor(n(0), with = "codec::algorithm")] pub Algorithm);

/// Items as they are stored where there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct StoredItems(#[cbor(n(0), with = "codec::items")] pub Items);

/// A published cut.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PublishedCut {
    /// CRLNumber of all its CRLs.
    #[n(0)]
    pub cut_number: u64,
    /// Number of events in the log that it reflects.
    #[n(1)]
    pub log_position: u64,
    /// Root of the log's tree at that position.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub tree_head: [u8; 32],
    /// thisUpdate of all its CRLs.
    #[cbor(n(3), with = "codec::time")]
    pub this_update: UnixTime,
    /// nextUpdate of all its CRLs.
    #[cbor(n(4), with = "codec::time")]
    pub next_update: UnixTime,
    /// SHA-256 of its manifest.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub manifest_sha256: [u8; 32],
}
