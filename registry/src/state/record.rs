//! What is stored. Numbers in `#[n(…)]` are the stored form and are never used again.
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use pki::identity::{Ca, KeyNumber, Serial};
use pki::revocation::Withdrawal;
use pki::time::{CivilDate, UnixTime};

use crate::batch::ToldCertificate;
use crate::codec;
use crate::consent::{Items, ProviderId};
use crate::event::{Cause, CertificatePlace, PartyId, RequestId, Role, StoredWithdrawal};
use crate::queue::{PhoneHash, QueueEnd, QueuedWork};

/// A certificate from its reservation on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificateRecord {
    /// The key it is issued under.
    #[cbor(n(0), with = "codec::key")]
    pub key: KeyNumber,
    /// The request it answers.
    #[n(1)]
    pub request: RequestId,
    /// SHA-256 of its SubjectPublicKeyInfo.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub public_key: [u8; 32],
    /// Keyed hash of the resident code.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub resident: [u8; 32],
    /// The municipality's code: its CRL partition.
    #[n(4)]
    pub municipality: u32,
    /// When the serial was taken; its notBefore.
    #[cbor(n(5), with = "codec::time")]
    pub reserved_at: UnixTime,
    /// The row whose sealed part holds the to-be-signed octets.
    #[n(6)]
    pub intended_row: Option<u64>,
    /// The row whose sealed part holds the certificate and the person.
    #[n(7)]
    pub issued_row: Option<u64>,
    /// When its CRL entry may leave; known from the intent on.
    #[n(8)]
    pub leave_day: Option<StoredDate>,
    /// Its hold or revocation.
    #[n(9)]
    pub withdrawal: Option<StoredWithdrawal>,
    /// Why.
    #[n(10)]
    pub cause: Option<Cause>,
    /// Of a phone's: the card's certificate of the same purpose that it stands on.
    #[n(11)]
    pub card: Option<CertificatePlace>,
    /// Of a phone's: in which phone.
    #[n(16)]
    pub phone: Option<PhoneHash>,
    /// Of a card's: whether one of a phone was ever reserved that stands on it. `None` of a record from before this was noted:
    /// nobody knows without looking.
    #[n(17)]
    pub is_stood_on: Option<bool>,
    /// When its holder was last sent a notice that it expires soon.
    #[n(14)]
    pub notified_at: Option<StoredTime>,
}

impl CertificateRecord {
    /// What CRLs and OCSP answers tell of it, if anything.
    pub fn withdrawal(&self) -> Option<Withdrawal> {
        self.withdrawal.map(Withdrawal::from)
    }

    /// Revoked for good; a held one is not.
    pub const fn is_revoked(&self) -> bool {
        matches!(self.withdrawal, Some(StoredWithdrawal::Revoked { .. }))
    }
}

/// Something in the queue, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct QueueRecord {
    /// What is to be done.
    #[n(0)]
    pub work: QueuedWork,
    /// Who asked.
    #[n(1)]
    pub party: PartyId,
    /// For whom.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub resident: [u8; 32],
    /// The row that put it there, whose sealed part says what it is about.
    #[n(3)]
    pub row: u64,
    /// When.
    #[cbor(n(4), with = "codec::time")]
    pub queued_at: UnixTime,
    /// How it ended; `None` while it waits.
    #[n(5)]
    pub end: Option<QueueEnd>,
}

/// A compromised CA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CompromiseRecord {
    /// When it was recorded.
    #[cbor(n(0), with = "codec::time")]
    pub since: UnixTime,
    /// Up to this serial the certificates' own records show it; 0 at first.
    #[n(1)]
    pub filled_to: u64,
    /// The last serial that the CA had taken: nothing is issued under the key after it.
    #[n(2)]
    pub last: u64,
}

impl CompromiseRecord {
    /// The serials whose records are to be filled in next, at most so many; `None` when all show it.
    pub fn next_range(&self, serials_max: u64) -> Option<(Serial, Serial)> {
        let to = self.last.min(self.filled_to.saturating_add(serials_max));
        let (from, to) = (Serial::new(self.filled_to + 1)?, Serial::new(to)?);
        (from <= to).then_some((from, to))
    }
}

/// A link certificate: one key of a CA vouches for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Which CA.
    pub ca: Ca,
    /// Whose key it certifies.
    pub linked: KeyNumber,
    /// Which key signed it.
    pub with: KeyNumber,
    /// It, DER.
    pub certificate: Vec<u8>,
}

/// A date as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct StoredDate(#[cbor(n(0), with = "codec::date")] pub CivilDate);

/// A time as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct StoredTime(#[cbor(n(0), with = "codec::time")] pub UnixTime);

/// What a CRL entry needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WithdrawnRecord {
    /// Status, date, reason.
    #[n(0)]
    pub withdrawal: StoredWithdrawal,
    /// The partition.
    #[n(1)]
    pub municipality: u32,
    /// When the entry may leave.
    #[cbor(n(2), with = "codec::date")]
    pub leave_day: CivilDate,
}

/// Who claimed a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyClaim {
    /// By which party's request.
    #[n(0)]
    pub party: PartyId,
    /// For whom.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub resident: [u8; 32],
    /// In which CA's certificate.
    #[cbor(n(2), with = "codec::ca")]
    pub ca: Ca,
    /// Its serial.
    #[cbor(n(3), with = "codec::serial")]
    pub serial: Serial,
}

/// What the resident register reported of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResidentRecord {
    /// The row of the last report that changes the 4 info or the person's presence.
    #[n(0)]
    pub last_row: u64,
    /// The row of the one before it.
    #[n(1)]
    pub row_before: Option<u64>,
    /// The last report said that the person died or left Japan.
    #[n(2)]
    pub gone: bool,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestRecord {
    /// Keyed hash of what was asked.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub request_hash: [u8; 32],
    /// What became of it.
    #[n(1)]
    pub outcome: RequestOutcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RequestOutcome {
    /// It took this serial; the certificate's record says how far it came.
    #[n(0)]
    Certificate {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
    },
    /// It was answered with these octets.
    #[n(1)]
    Answer(#[n(0)] ByteVec),
    /// What happened meanwhile ended it before anything was built.
    #[n(2)]
    Ended,
    /// It was answered with somebody's latest 4 info, which that row's sealed part holds.
    #[n(3)]
    Disclosure {
        /// The row.
        #[n(0)]
        row: u64,
    },
    /// It took these serials together, of different CAs and for one person: all become certificates, or none does.
    #[n(4)]
    Certificates(#[n(0)] Vec<CertificatePlace>),
    /// It held or revoked one certificate, which its answer told like this.
    #[n(5)]
    Withdrawn(#[n(0)] ToldCertificate),
}

impl RequestOutcome {
    /// The serials that it took.
    pub fn places(&self) -> Option<Vec<CertificatePlace>> {
        match self {
            Self::Certificate { ca, serial } => Some(vec![CertificatePlace { ca: *ca, serial: *serial }]),
            Self::Certificates(places) => Some(places.clone()),
            Self::Answer(_) | Self::Ended | Self::Disclosure { .. } | Self::Withdrawn(_) => None,
        }
    }
}

/// Whether a party may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PartyState {
    /// It may.
    #[n(0)]
    Active,
    /// It may not until reinstated.
    #[n(1)]
    Suspended,
}

/// A registered party.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PartyRecord {
    /// What it may do.
    #[n(0)]
    pub role: Role,
    /// What it is called.
    #[n(1)]
    pub name: String,
    /// A desk's 受付窓口識別記号.
    #[n(2)]
    pub desk: Option<String>,
    /// Its client certificate, DER.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// Whether it may act.
    #[n(4)]
    pub state: PartyState,
}

/// A delegated OCSP key in service.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OcspKeyRecord {
    /// Its certificate's serial.
    #[cbor(n(0), with = "codec::serial")]
    pub serial: Serial,
    /// The token's label for the key.
    #[n(1)]
    pub token_label: String,
    /// Its certificate, DER.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
}

/// A registered service provider.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProviderRecord {
    /// Its platform operator.
    #[n(0)]
    pub operator: PartyId,
    /// What it is called.
    #[n(1)]
    pub name: String,
}

/// A registered service.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ServiceRecord {
    /// Its provider.
    #[n(0)]
    pub provider: ProviderId,
    /// What it is called.
    #[n(1)]
    pub name: String,
}

/// A consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ConsentRecord {
    /// What may be told.
    #[cbor(n(0), with = "codec::items")]
    pub items: Items,
    /// Its first second.
    #[cbor(n(1), with = "codec::time")]
    pub in_force_from: UnixTime,
    /// Its last second.
    #[cbor(n(2), with = "codec::time")]
    pub in_force_until: UnixTime,
    /// When its withdrawal was recorded: nothing is told from this second on.
    #[n(3)]
    pub withdrawn_at: Option<StoredTime>,
}

/// How a consent stands at some second (facts 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentStanding {
    /// Its first day is not here yet.
    NotYetInForce,
    /// It lets something be told.
    InForce,
    /// Withdrawn, whatever its days are.
    Withdrawn,
    /// Its last day is over.
    Expired,
}

impl ConsentRecord {
    /// How it stands at that second. Its first and its last second belong to it.
    pub fn standing(&self, at: UnixTime) -> ConsentStanding {
        match self.withdrawn_at {
            Some(_) => ConsentStanding::Withdrawn,
            None if at < self.in_force_from => ConsentStanding::NotYetInForce,
            None if at > self.in_force_until => ConsentStanding::Expired,
            None => ConsentStanding::InForce,
        }
    }
}
