//! What the publisher needs from the system of record. The binary implements it over the registry; the publisher itself
//! depends on no database.
use std::fmt;

use pki::crl::CrlEntry;
use pki::identity::{Ca, IssuerKey, Serial};
use pki::municipality::MunicipalityCode;
use pki::revocation::Withdrawal;
use pki::time::{CivilDate, UnixTime};

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the ledger failed: {0}")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why a cut is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutCause {
    /// The schedule said so.
    Scheduled {
        /// The instant at which it is to be flipped.
        due: UnixTime,
    },
    /// An instant of the schedule passed without a cut: the machine was down, or earlier attempts failed.
    Missed {
        /// The instant that passed.
        due: UnixTime,
    },
    /// No cut is being served: the first start, or the files of the last cut were lost.
    NothingServed,
    /// A person asked for it.
    Requested {
        /// Their reason. It is recorded, so it must not hold personal data.
        because: String,
    },
}

impl CutCause {
    /// One word for it, for logs: a person's reason is for the ledger alone.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "scheduled",
            Self::Missed { .. } => "missed",
            Self::NothingServed => "nothing-served",
            Self::Requested { .. } => "requested",
        }
    }
}

impl fmt::Display for CutCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheduled { due } => write!(f, "due at {due}"),
            Self::Missed { due } => write!(f, "missed at {due}"),
            Self::NothingServed => f.write_str("no cut is being served"),
            Self::Requested { because } => write!(f, "requested: {because}"),
        }
    }
}

/// A cut number that nobody else will ever get (I21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The number; it is also the cRLNumber of every CRL of the cut.
    pub cut_number: u64,
    /// When it was recorded.
    pub reserved_at: UnixTime,
}

/// A cut that readers can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedCut {
    /// Its number.
    pub cut_number: u64,
    /// The log position whose state it shows.
    pub log_position: u64,
    /// The root of the log's Merkle tree at that position.
    pub tree_head: [u8; 32],
    /// thisUpdate of all its CRLs.
    pub this_update: UnixTime,
    /// nextUpdate of all its CRLs.
    pub next_update: UnixTime,
    /// SHA-256 of the signed manifest as it is served.
    pub manifest_sha256: [u8; 32],
}

/// How far the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Its position.
    pub log_position: u64,
    /// The last cut number that was reserved in it; 0 before the first.
    pub cut_number: u64,
}

/// The log as far as cuts are concerned. Every method that changes something returns only when the change is durable.
pub trait CutLedger: Send + Sync {
    /// Appends an event that takes the next cut number. A number is never given twice, not even after a failed cut or a
    /// crash (I21).
    fn reserve_cut(&self, because: &CutCause) -> Result<Reservation, LedgerError>;

    /// How far the log goes now.
    fn log_end(&self) -> Result<LogEnd, LedgerError>;

    /// A view of the state at the log's present end, which stays as it is while the log goes on. It includes every event
    /// whose caller has been answered.
    fn freeze(&self) -> Result<Box<dyn FrozenState + '_>, LedgerError>;

    /// Appends the event `published`. Recording the same cut again changes nothing.
    fn record_published(&self, cut: &PublishedCut) -> Result<(), LedgerError>;

    /// Appends an event that says which check or step burned the number.
    fn record_failed(&self, cut_number: u64, check: &str) -> Result<(), LedgerError>;

    /// The last cut recorded as published.
    fn last_published(&self) -> Result<Option<PublishedCut>, LedgerError>;
}

/// The entries of one CA, read from the ledger.
pub type WithdrawnCertificates<'a> = Box<dyn Iterator<Item = Result<WithdrawnCertificate, LedgerError>> + 'a>;

/// The state at one log position.
pub trait FrozenState: Send + Sync {
    /// The number of events in it.
    fn log_position(&self) -> u64;

    /// The root of the log's Merkle tree at that position.
    fn tree_head(&self) -> [u8; 32];

    /// The time of the last event in it: thisUpdate, because until then everything is known.
    fn frozen_at(&self) -> UnixTime;

    /// Every held or revoked end-entity certificate of that CA that has a serial, expired ones too, in strictly ascending
    /// order. Can be called several times and says the same each time. An error is an item, so that a list that broke off
    /// is not taken for one that ended.
    fn withdrawn(&self, ca: Ca) -> WithdrawnCertificates<'_>;

    /// The one with that serial, if it is held or revoked: as [`FrozenState::withdrawn`] tells it.
    fn withdrawn_certificate(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnCertificate>, LedgerError>;

    /// Every revoked CA certificate that this key signed, its own and links, in strictly ascending order of serials. They stay
    /// listed for ever.
    fn revoked_ca_certificates(&self, issuer: IssuerKey) -> Result<Vec<CrlEntry>, LedgerError>;

    /// A hold on that certificate was lifted at or before this position, and it is good now.
    fn was_released(&self, ca: Ca, serial: Serial) -> Result<bool, LedgerError>;
}

/// A held or revoked certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawnCertificate {
    /// Its serial.
    pub serial: Serial,
    /// Held or revoked, since when and why.
    pub withdrawal: Withdrawal,
    /// The municipality in its distribution point. `None` for a certificate without one, such as an OCSP responder's: it
    /// stands in the full CRL only.
    pub municipality: Option<MunicipalityCode>,
    /// The day from whose end on it may leave the CRLs, once a CRL issued after that day has carried it.
    pub leave_day: CivilDate,
}
