//! What a check can find, and the one word for it in metrics, ledger and log.
use std::io;

use pki::crl::CrlReadError;
use pki::identity::{IssuerKey, Serial};
use pki::time::UnixTime;

use crate::departures::UnexplainedDeparture;
use crate::generation::GenerationError;
use crate::ledger::LedgerError;
use crate::manifest::ManifestError;
use crate::slot::CrlSlot;

/// Why a cut is not published.
#[derive(Debug, thiserror::Error)]
pub enum CheckFailure {
    /// The cut's files cannot be read or are not what the manifest says.
    #[error("files: {0}")]
    Files(#[from] GenerationError),
    /// A file cannot be read.
    #[error("files: {0}")]
    Io(#[from] io::Error),
    /// The manifest's form or signature.
    #[error("manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The manifest names another cut, position, tree head or time than the one that was begun.
    #[error("frame: the manifest is not that of cut {cut_number}")]
    WrongFrame {
        /// The cut that was begun.
        cut_number: u64,
    },
    /// The number is not above the last published one (I11, I21).
    #[error("number: cut {cut_number} is not above the last published one, {last}")]
    NumberNotAboveLast {
        /// This cut's.
        cut_number: u64,
        /// The last published one's.
        last: u64,
    },
    /// thisUpdate is not after, or nextUpdate is before, that of the last published cut (C04, C09).
    #[error("times: {field} does not follow the last published cut's")]
    TimeGoesBack {
        /// thisUpdate or nextUpdate.
        field: &'static str,
    },
    /// The state is older than the cut's own reservation, so it lacks events that were acknowledged before it.
    #[error("times: the state was frozen at {frozen_at}, before the cut's number was taken at {reserved_at}")]
    FrozenTooEarly {
        /// The state's last event.
        frozen_at: UnixTime,
        /// When the number was taken.
        reserved_at: UnixTime,
    },
    /// The cut does not have exactly the CRLs it must have (I10).
    #[error("slots: {slot} is {}", if *missing { "missing" } else { "not wanted" })]
    WrongSlots {
        /// The first difference.
        slot: CrlSlot,
        /// Missing, or there although it must not be.
        missing: bool,
    },
    /// An issuer of the cut being served has no CRL in this one, so its URLs would answer nothing (I10).
    #[error("slots: issuer {issuer} is in the cut being served and not in this one")]
    IssuerVanished {
        /// The issuer.
        issuer: IssuerKey,
    },
    /// One CRL is wrong.
    #[error("{slot}: {finding}")]
    Crl {
        /// Which.
        slot: CrlSlot,
        /// What is wrong with it.
        finding: CrlFinding,
    },
    /// A serial left without a reason (I6, I7).
    #[error("departures: {0}")]
    Departure(#[from] UnexplainedDeparture),
    /// The ledger could not be asked.
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
}

/// What is wrong with one CRL.
#[derive(Debug, thiserror::Error)]
pub enum CrlFinding {
    /// It does not parse in our strict form.
    #[error("form: {0}")]
    Form(#[from] CrlReadError),
    /// Not signed by the key of its slot.
    #[error("signature: it is not that of the issuer's key")]
    WrongSignature,
    /// The issuer's name is not octet for octet that of the CA.
    #[error("issuer: the name is not that of the CA")]
    WrongIssuerName,
    /// authorityKeyIdentifier is not the key of its slot.
    #[error("key-identifier: it is not that of the issuer's key")]
    WrongKeyIdentifier,
    /// issuingDistributionPoint is not that of its slot.
    #[error("distribution-point: it is not that of this place")]
    WrongDistributionPoint,
    /// cRLNumber is not the cut's.
    #[error("number: cRLNumber is {found}")]
    WrongNumber {
        /// What stands there.
        found: u64,
    },
    /// thisUpdate or nextUpdate is not the cut's.
    #[error("times: thisUpdate or nextUpdate is not the cut's")]
    WrongTimes,
    /// A delta in the place of a complete CRL or the other way round, or a freshestCRL that does not lead to the deltas.
    #[error("kind: it is not complete or delta, with or without freshestCRL, as its place demands")]
    WrongKind,
    /// The delta's base is not the full CRL that readers hold, or has another issuer, key or scope (C10).
    #[error("base: its base is not the full CRL of cut {held}")]
    WrongBase {
        /// The cut whose full CRL it must be.
        held: u64,
    },
    /// The delta tells what the base has already, or removes what it has not.
    #[error("base: its entry for serial {serial} changes nothing in the base")]
    ChangesNothing {
        /// The entry's serial.
        serial: Serial,
    },
    /// The entries, of a delta those it makes with its base, are not those the ledger demands, by count and hash (I6).
    #[error("entries: {found} stand in it, {demanded} are demanded{}", if found == demanded { "; the counts agree, the entries do not" } else { "" })]
    WrongEntries {
        /// How many stand in it.
        found: u64,
        /// How many must.
        demanded: u64,
    },
}

impl CheckFailure {
    /// One word for the check that failed: for the metric, the ledger and the log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Files(_) | Self::Io(_) => "files",
            Self::Manifest(_) => "manifest",
            Self::WrongFrame { .. } => "frame",
            Self::NumberNotAboveLast { .. } => "number",
            Self::TimeGoesBack { .. } | Self::FrozenTooEarly { .. } => "times",
            Self::WrongSlots { .. } | Self::IssuerVanished { .. } => "slots",
            Self::Crl { finding, .. } => finding.word(),
            Self::Departure(_) => "departures",
            Self::Ledger(_) => "ledger",
        }
    }
}

impl CrlFinding {
    const fn word(&self) -> &'static str {
        match self {
            Self::Form(_) => "form",
            Self::WrongSignature => "signature",
            Self::WrongIssuerName => "issuer",
            Self::WrongKeyIdentifier => "key-identifier",
            Self::WrongDistributionPoint => "distribution-point",
            Self::WrongNumber { .. } => "number",
            Self::WrongTimes => "times",
            Self::WrongKind => "kind",
            Self::WrongBase { .. } | Self::ChangesNothing { .. } => "base",
            Self::WrongEntries { .. } => "entries",
        }
    }
}
