//! Every serial that stands in the cut being served and not in the new one must have a reason: its leave-day, or the
//! release of its hold (I6, I7). A lookback with its sign turned round, or a list cut short, ends here. Which they are
//! the delta says.
use std::collections::BTreeMap;

use pki::crl::CrlEntry;
use pki::identity::{IssuerKey, Serial};
use pki::revocation::Withdrawal;
use pki::time::UnixTime;

use crate::check::{CheckFailure, Demand};

/// A serial left for no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("serial {serial} of {issuer} left before its leave-day and was not released from a hold")]
pub struct UnexplainedDeparture {
    /// Whose CRL it left.
    pub issuer: IssuerKey,
    /// The serial.
    pub serial: Serial,
}

/// `departed` left the full CRL of a cut with thisUpdate `carried_at`.
pub(crate) fn explain(
    issuer: IssuerKey,
    departed: BTreeMap<Serial, CrlEntry>,
    carried_at: UnixTime,
    demand: &Demand<'_>,
) -> Result<(), CheckFailure> {
    for (serial, entry) in departed {
        let is_explained = match demand.frozen.withdrawn_certificate(issuer.ca, serial)? {
            // Said in instants here and in dates in the plan, so that one slip cannot be in both: the CRL that carried it
            // was issued after the last second of its leave-day.
            Some(certificate) => certificate.leave_day.jst_end() < carried_at,
            // What the ledger no longer counts as withdrawn must have been a hold, and lifted: "revoked" never ends (I16).
            None => {
                matches!(entry.withdrawal, Withdrawal::Held { .. }) && demand.frozen.was_released(issuer.ca, serial)?
            }
        };
        if !is_explained {
            return Err(CheckFailure::Departure(UnexplainedDeparture { issuer, serial }));
        }
    }
    Ok(())
}
