//! What can happen. Events carry no personal data: what a person could be known by is in the sealed part of the row.
//!
//! Numbers in `#[n(…)]` are the stored form: they are never changed or used again. New facts get new numbers.
use minicbor::{Decode, Encode};
use pki::identity::{Ca, KeyNumber, Serial};
use pki::time::{CivilDate, UnixTime};

use crate::batch::{BatchHash, DoneRow, RefusedRow};
use crate::codec;
use crate::consent::{ConsentId, DisclosureId, Items, ProviderId, ServiceId};
use crate::queue::{PhoneHash, PhoneNotice, QueueEnd, QueueNumber, QueuedWork};
use crate::usage::UsageCount;

mod words;

pub use words::{
    Actor, Cause, CertificatePlace, Door, FixedSettings, PartyId, PhonePolicies, PublishedCut, RequestId,
    ResidentChange, Role, StoredAlgorithm, StoredItems, StoredWithdrawal,
};

/// What can happen. The position of an event is its number in the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// The registry was made, with these settings for ever. Always event 0.
    #[n(0)]
    Initialised(#[n(0)] FixedSettings),
    /// A serial was taken for a certificate of the CA itself, durable before that certificate is signed.
    #[n(1)]
    OwnSerialReserved {
        /// Whose counter.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The key that will have signed it.
        #[cbor(n(1), with = "codec::key")]
        key: KeyNumber,
        /// The serial.
        #[cbor(n(2), with = "codec::serial")]
        serial: Serial,
    },
    /// A CA key came into use: its self-signed certificate is published from now on.
    #[n(2)]
    CaKeyActivated {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// Which generation.
        #[cbor(n(1), with = "codec::key")]
        key: KeyNumber,
        /// Its certificate's serial.
        #[cbor(n(2), with = "codec::serial")]
        serial: Serial,
        /// Its certificate, DER.
        #[cbor(n(3), with = "minicbor::bytes")]
        certificate: Vec<u8>,
    },
    /// A delegated OCSP certificate was issued and its key put into service.
    #[n(3)]
    OcspKeyActivated {
        /// By which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// Under which key.
        #[cbor(n(1), with = "codec::key")]
        key: KeyNumber,
        /// Its serial.
        #[cbor(n(2), with = "codec::serial")]
        serial: Serial,
        /// The token's label for its key.
        #[n(3)]
        token_label: String,
        /// The certificate, DER.
        #[cbor(n(4), with = "minicbor::bytes")]
        certificate: Vec<u8>,
        /// What the key signs with: it replaces the one before it of the same algorithm. In older logs a CA key has one
        /// delegate, and this is not there.
        #[n(5)]
        algorithm: Option<StoredAlgorithm>,
    },
    /// A party was registered with its client certificate.
    #[n(4)]
    PartyRegistered {
        /// Its number.
        #[n(0)]
        party: PartyId,
        /// What it may do.
        #[n(1)]
        role: Role,
        /// What it is called; an office, not a person.
        #[n(2)]
        name: String,
        /// 受付窓口識別記号 of a desk: municipality code and four characters.
        #[n(3)]
        desk: Option<String>,
        /// SHA-256 of its client certificate.
        #[cbor(n(4), with = "minicbor::bytes")]
        certificate_sha256: [u8; 32],
        /// The client certificate, DER.
        #[cbor(n(5), with = "minicbor::bytes")]
        certificate: Vec<u8>,
    },
    /// A party may do nothing until reinstated.
    #[n(5)]
    PartySuspended {
        /// Which.
        #[n(0)]
        party: PartyId,
        /// Why, in the words of the one who did it.
        #[n(1)]
        because: String,
    },
    /// A suspension ended.
    #[n(6)]
    PartyReinstated {
        /// Which.
        #[n(0)]
        party: PartyId,
        /// Why.
        #[n(1)]
        because: String,
    },
    /// A request was refused; nothing else of it is recorded.
    #[n(7)]
    Refused {
        /// The problem's type, without its prefix.
        #[n(0)]
        problem: String,
    },
    /// Issue, step 2: request, public key and serial are taken, durable before anything is signed.
    #[n(8)]
    Reserved {
        /// The request.
        #[n(0)]
        request: RequestId,
        /// Which CA.
        #[cbor(n(1), with = "codec::ca")]
        ca: Ca,
        /// Under which key.
        #[cbor(n(2), with = "codec::key")]
        key: KeyNumber,
        /// The serial.
        #[cbor(n(3), with = "codec::serial")]
        serial: Serial,
        /// SHA-256 of the SubjectPublicKeyInfo.
        #[cbor(n(4), with = "minicbor::bytes")]
        public_key: [u8; 32],
        /// The keyed hash of the resident code.
        #[cbor(n(5), with = "minicbor::bytes")]
        resident: [u8; 32],
        /// The municipality's code: the CRL partition.
        #[n(6)]
        municipality: u32,
        /// Of a phone's: the card's certificate of the same purpose that it stands on.
        #[n(7)]
        card: Option<CertificatePlace>,
        /// Of a phone's: in which phone.
        #[n(8)]
        phone: Option<PhoneHash>,
    },
    /// Issue, step 2: the exact octets that will be signed (sealed part of this row). In the same batch as what it reserved; an
    /// older akashi recorded it in one of its own, so there may be a reservation alone.
    #[n(9)]
    Intended {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
        /// When its CRL entry, should there be one, may leave: never notAfter itself, which is a birthday.
        #[cbor(n(2), with = "codec::date")]
        leave_day: CivilDate,
    },
    /// Issue, step 4: signed, verified, and good from now on (certificate and person in the sealed part).
    #[n(10)]
    Issued {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
    },
    /// A reservation without an intent, of an older akashi: nothing was built, so request and public key are free again. The
    /// serial stays used.
    #[n(11)]
    ReservationReleased {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
    },
    /// Held or revoked.
    #[n(12)]
    Withdrawn {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
        /// Why.
        #[n(2)]
        cause: Cause,
        /// What CRLs and OCSP answers tell.
        #[n(3)]
        withdrawal: StoredWithdrawal,
        /// Of a phone's certificate that follows the card's: the card's.
        #[n(4)]
        through: Option<CertificatePlace>,
        /// The request that did this to this certificate and to no other: what this event says is its answer, and no
        /// [`Event::Answered`] follows.
        #[n(5)]
        request: Option<RequestId>,
    },
    /// The resident register reported a change. Its effects are events of their own, in the same batch.
    #[n(13)]
    ResidentChanged {
        /// The keyed hash of the resident code.
        #[cbor(n(0), with = "minicbor::bytes")]
        resident: [u8; 32],
        /// What changed.
        #[n(1)]
        change: ResidentChange,
        /// The day it takes effect in law.
        #[cbor(n(2), with = "codec::date")]
        effective_on: CivilDate,
    },
    /// What a request was answered, kept so that the same request always gets the same answer.
    #[n(14)]
    Answered {
        /// The request.
        #[n(0)]
        request: RequestId,
        /// The answer, without personal data.
        #[cbor(n(1), with = "minicbor::bytes")]
        answer: Vec<u8>,
    },
    /// Publish, step 1: a cut number was taken; a cut that fails burns it.
    #[n(15)]
    CutReserved {
        /// The cut's number: the CRLNumber of all its CRLs.
        #[n(0)]
        cut_number: u64,
        /// Why now.
        #[n(1)]
        because: String,
    },
    /// Publish, step 8: a cut is what readers see.
    #[n(16)]
    CutPublished(#[n(0)] PublishedCut),
    /// A cut failed a check, and was not published.
    #[n(17)]
    CutFailed {
        /// Its number, burnt.
        #[n(0)]
        cut_number: u64,
        /// Which check, and what it found.
        #[n(1)]
        finding: String,
    },
    /// A request for a certificate was ended before anything was built: its idempotency key stands for that for ever.
    #[n(18)]
    RequestEnded(#[n(0)] RequestId),
    /// A service provider (SP) was registered under its platform operator.
    #[n(19)]
    ProviderRegistered {
        /// Its number.
        #[n(0)]
        provider: ProviderId,
        /// Whose.
        #[n(1)]
        operator: PartyId,
        /// What it is called.
        #[n(2)]
        name: String,
    },
    /// A service of a provider was registered: what a person consents for.
    #[n(20)]
    ServiceRegistered {
        /// Its number.
        #[n(0)]
        service: ServiceId,
        /// Whose.
        #[n(1)]
        provider: ProviderId,
        /// What it is called; stands in every application for it.
        #[n(2)]
        name: String,
    },
    /// A person consented (application, signature and signer in the sealed part).
    #[n(21)]
    ConsentGiven {
        /// Its number.
        #[n(0)]
        consent: ConsentId,
        /// For which service.
        #[n(1)]
        service: ServiceId,
        /// The keyed hash of the resident code.
        #[cbor(n(2), with = "minicbor::bytes")]
        resident: [u8; 32],
        /// What may be told.
        #[cbor(n(3), with = "codec::items")]
        items: Items,
        /// Its first second.
        #[cbor(n(4), with = "codec::time")]
        in_force_from: UnixTime,
        /// Its last second.
        #[cbor(n(5), with = "codec::time")]
        in_force_until: UnixTime,
        /// Keyed hash of the application's octets: an application works once.
        #[cbor(n(6), with = "minicbor::bytes")]
        application_hash: [u8; 32],
    },
    /// A person withdrew every consent for a service that was not withdrawn yet, if there was one (application, signature
    /// and signer in the sealed part).
    #[n(22)]
    ConsentWithdrawn {
        /// For which service.
        #[n(0)]
        service: ServiceId,
        /// The keyed hash of the resident code.
        #[cbor(n(1), with = "minicbor::bytes")]
        resident: [u8; 32],
        /// Keyed hash of the application's octets.
        #[cbor(n(2), with = "minicbor::bytes")]
        application_hash: [u8; 32],
    },
    /// Somebody's latest 4 info were told, or that there is nothing newer (the answer in the sealed part).
    #[n(23)]
    Disclosed {
        /// Its number.
        #[n(0)]
        disclosure: DisclosureId,
        /// The request; it gets this answer again.
        #[n(1)]
        request: RequestId,
        /// Under which consent.
        #[n(2)]
        consent: ConsentId,
        /// To which service.
        #[n(3)]
        service: ServiceId,
        /// The certificate that was asked about.
        #[n(4)]
        asked: CertificatePlace,
        /// The person's latest signature certificate.
        #[n(5)]
        told: CertificatePlace,
        /// What was told; `None` if the certificate asked about is the latest, so that nothing is newer.
        #[n(6)]
        items: Option<StoredItems>,
    },
    /// The policies of the phones' certificates were fixed, in a registry that was made before there were any.
    #[n(24)]
    PhonePoliciesFixed(#[n(0)] PhonePolicies),
    /// A hold ended: the certificate is good again. Only a found phone's user certificate ever is (facts 5).
    #[n(25)]
    HoldReleased {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// The serial.
        #[cbor(n(1), with = "codec::serial")]
        serial: Serial,
        /// Why.
        #[n(2)]
        cause: Cause,
    },
    /// Something that is to be done later, or to be done surely, was put into the queue (what it is about in the sealed part).
    #[n(30)]
    Queued {
        /// Its number.
        #[n(0)]
        number: QueueNumber,
        /// What is to be done.
        #[n(1)]
        work: QueuedWork,
        /// The keyed hash of the resident code.
        #[cbor(n(2), with = "minicbor::bytes")]
        resident: [u8; 32],
    },
    /// Something in the queue was done or refused.
    #[n(31)]
    Dequeued {
        /// Its number.
        #[n(0)]
        number: QueueNumber,
        /// How it ended.
        #[n(1)]
        end: QueueEnd,
    },
    /// A person told something of their phone (what they signed in the sealed part).
    #[n(32)]
    PhoneNoticed {
        /// What.
        #[n(0)]
        notice: PhoneNotice,
        /// The keyed hash of the resident code.
        #[cbor(n(1), with = "minicbor::bytes")]
        resident: [u8; 32],
        /// Keyed hash of the octets that were signed.
        #[cbor(n(2), with = "minicbor::bytes")]
        application_hash: [u8; 32],
    },
    /// A CA's key was compromised (article 14). Everything issued under it counts as revoked from this row on.
    #[n(42)]
    CaKeyCompromised {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// Which generation.
        #[cbor(n(1), with = "codec::key")]
        key: KeyNumber,
        /// How it is known, in the words of the one who said so.
        #[n(2)]
        because: String,
    },
    /// The records of a range of serials under a compromised key show now what they count as since its compromise.
    #[n(43)]
    CompromiseFilled {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// Which generation.
        #[cbor(n(1), with = "codec::key")]
        key: KeyNumber,
        /// The first serial; the one after the last range.
        #[cbor(n(2), with = "codec::serial")]
        from: Serial,
        /// The last serial.
        #[cbor(n(3), with = "codec::serial")]
        to: Serial,
    },
    /// A link certificate was issued: one key of a CA vouches for another (RFC 4210 §4.4).
    #[n(44)]
    CaLinkIssued {
        /// Which CA.
        #[cbor(n(0), with = "codec::ca")]
        ca: Ca,
        /// Whose key it certifies.
        #[cbor(n(1), with = "codec::key")]
        linked: KeyNumber,
        /// Which key signed it.
        #[cbor(n(2), with = "codec::key")]
        with: KeyNumber,
        /// Its serial.
        #[cbor(n(3), with = "codec::serial")]
        serial: Serial,
        /// It, DER.
        #[cbor(n(4), with = "minicbor::bytes")]
        certificate: Vec<u8>,
    },
    /// Rows of a batch of the resident register were answered. What was reported and what it did are events before this
    /// one, in the same transaction.
    #[n(35)]
    BatchRowsAnswered {
        /// SHA-256 of the batch's name.
        #[cbor(n(0), with = "minicbor::bytes")]
        batch: BatchHash,
        /// Rows that were done.
        #[n(1)]
        done: Vec<DoneRow>,
        /// Rows that were refused.
        #[n(2)]
        refused: Vec<RefusedRow>,
        /// Lines that were refused without a row's number in them.
        #[n(3)]
        unnumbered: u32,
    },
    /// Their holders were sent a notice that they expire soon.
    #[n(38)]
    ExpiryNotified {
        /// Which ones.
        #[n(0)]
        certificates: Vec<CertificatePlace>,
    },
    /// Operators asked for the status of certificates. What a minute counts is the sum over all batches.
    #[n(45)]
    UsageRecorded {
        /// The batch's number, the next one: each is recorded once.
        #[n(0)]
        batch: u64,
        /// What was counted since the last batch.
        #[n(1)]
        counts: Vec<UsageCount>,
    },
}
