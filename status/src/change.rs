//! What the log says to the index, and which status may follow which.
use pki::identity::{Ca, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;

/// One change of status, as an event of the log makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// From this serial on, until the next range, the CA's serials belong to this key.
    KeyRange {
        /// Whose serials.
        ca: Ca,
        /// The first one under the key. Nothing may be issued yet from here on.
        first_serial: Serial,
        /// The key. An older one may come again: its OCSP delegates draw serials from the same counter.
        key: KeyNumber,
    },
    /// A certificate was issued and is good.
    Issued {
        /// By whom.
        ca: Ca,
        /// Its serial.
        serial: Serial,
    },
    /// A certificate was held or revoked.
    Withdrawn {
        /// Its issuer.
        ca: Ca,
        /// Its serial.
        serial: Serial,
        /// Since when and why.
        withdrawal: Withdrawal,
    },
    /// A hold was lifted: the certificate is good again.
    Released {
        /// Its issuer.
        ca: Ca,
        /// Its serial.
        serial: Serial,
    },
    /// A key was compromised: whatever is or will be issued under it counts as revoked, for ever.
    KeyCompromised {
        /// Whose key.
        ca: Ca,
        /// Which.
        key: KeyNumber,
        /// Since when.
        since: UnixTime,
    },
}

impl Change {
    /// The CA whose certificates it concerns.
    pub const fn ca(&self) -> Ca {
        match *self {
            Self::KeyRange { ca, .. }
            | Self::Issued { ca, .. }
            | Self::Withdrawn { ca, .. }
            | Self::Released { ca, .. }
            | Self::KeyCompromised { ca, .. } => ca,
        }
    }
}

impl Change {
    /// The one certificate that it concerns.
    pub(crate) const fn serial(&self) -> Option<Serial> {
        match *self {
            Self::Issued { serial, .. } | Self::Withdrawn { serial, .. } | Self::Released { serial, .. } => {
                Some(serial)
            }
            Self::KeyRange { .. } | Self::KeyCompromised { .. } => None,
        }
    }
}

/// Why a change is one that no right log holds: our bug, wherever it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The serial is above [`crate::SERIAL_MAX`], far beyond what a counter can have reached.
    #[error("the serial is beyond every counter")]
    SerialTooLarge,
    /// No key has serials from a range that begins at or before this one.
    #[error("the serial belongs to no key")]
    NoKey,
    /// A range that does not begin after the one before.
    #[error("the key range does not follow the one before")]
    RangeOutOfOrder,
    /// A range over serials that were issued already, under the key before.
    #[error("the key range would take serials that are issued already")]
    RangeTaken,
    /// More ranges or keys than a CA can come to have: 65,536 ranges, 64 keys.
    #[error("there are too many key ranges or keys")]
    TooManyRanges,
    /// A second certificate with one serial (I12).
    #[error("the serial is issued already")]
    IssuedTwice,
    /// A hold or release of a certificate that was not issued.
    #[error("the serial is not issued")]
    NotIssued,
    /// A second hold.
    #[error("the certificate is held already")]
    HeldAlready,
    /// Any change of a revoked certificate: revocation is for ever (I16).
    #[error("the certificate is revoked already")]
    RevokedAlready,
    /// A second compromise of a key, or one of a key without serials.
    #[error("the key is compromised already, or has no serials")]
    CompromisedAlready,
    /// A release without a hold.
    #[error("the certificate is good already")]
    GoodAlready,
}

/// Why [`crate::StatusIndex::apply`] applied nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The batch's position is not ahead of the index: it was applied before, or batches came out of order.
    #[error("changes up to log position {offered} were offered to an index that stands at {current}")]
    PositionNotAhead {
        /// Where the index stands.
        current: u64,
        /// The batch's position.
        offered: u64,
    },
    /// A change that cannot be true.
    #[error("a change up to log position {position} cannot be true ({change:?}): {refusal}")]
    Refused {
        /// The batch's position.
        position: u64,
        /// The first wrong change.
        change: Change,
        /// What is wrong with it.
        refusal: Refusal,
    },
}

/// What a certificate under a key that is compromised since then counts as. A hold before keeps its date.
pub(crate) const fn under_compromise(status: CertificateStatus, since: UnixTime) -> CertificateStatus {
    let since = match status {
        CertificateStatus::NotIssued | CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => return status,
        CertificateStatus::Good => since,
        CertificateStatus::Withdrawn(Withdrawal::Held { since }) => since,
    };
    CertificateStatus::Withdrawn(Withdrawal::Revoked { since, reason: RevocationReason::CaCompromise })
}

/// After `Issued`.
pub(crate) const fn after_issue(before: CertificateStatus) -> Result<CertificateStatus, Refusal> {
    match before {
        CertificateStatus::NotIssued => Ok(CertificateStatus::Good),
        CertificateStatus::Good | CertificateStatus::Withdrawn(_) => Err(Refusal::IssuedTwice),
    }
}

/// After `Withdrawn`.
pub(crate) const fn after_withdrawal(
    before: CertificateStatus,
    withdrawal: Withdrawal,
) -> Result<CertificateStatus, Refusal> {
    match (before, withdrawal) {
        (CertificateStatus::Good, _) => Ok(CertificateStatus::Withdrawn(withdrawal)),
        // A serial that was reserved and perhaps signed, but never handed over, is revoked without having been issued.
        (CertificateStatus::NotIssued, Withdrawal::Revoked { .. })
        | (CertificateStatus::Withdrawn(Withdrawal::Held { .. }), Withdrawal::Revoked { .. }) => {
            Ok(CertificateStatus::Withdrawn(withdrawal))
        }
        (CertificateStatus::NotIssued, Withdrawal::Held { .. }) => Err(Refusal::NotIssued),
        (CertificateStatus::Withdrawn(Withdrawal::Held { .. }), Withdrawal::Held { .. }) => Err(Refusal::HeldAlready),
        (CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }), _) => Err(Refusal::RevokedAlready),
    }
}

/// After `Released`.
pub(crate) const fn after_release(before: CertificateStatus) -> Result<CertificateStatus, Refusal> {
    match before {
        CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => Ok(CertificateStatus::Good),
        CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => Err(Refusal::RevokedAlready),
        CertificateStatus::Good => Err(Refusal::GoodAlready),
        CertificateStatus::NotIssued => Err(Refusal::NotIssued),
    }
}
