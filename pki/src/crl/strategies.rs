//! Arbitrary CRL entries for property tests.
use proptest::prelude::*;

use crate::crl::CrlEntry;
use crate::identity::Serial;
use crate::revocation::{RevocationReason, Withdrawal};
use crate::time::UnixTime;

/// Any serial of any length, any date up to 9999 (both forms of Time), any reason or a hold.
pub(crate) fn any_entry() -> impl Strategy<Value = CrlEntry> {
    let serial = (0_u32..63, any::<u64>())
        .prop_map(|(shift, bits)| Serial::new((bits >> shift) & Serial::MAX | 1).expect("odd"));
    let since = prop_oneof![0_i64..4_000_000_000, 0_i64..=UnixTime::MAX.as_seconds()].prop_map(UnixTime::from_seconds);
    let reason = proptest::option::of(proptest::sample::select(&RevocationReason::ALL[..]));
    (serial, since, reason).prop_map(|(serial, since, reason)| {
        let withdrawal = match reason {
            None => Withdrawal::Held { since },
            Some(reason) => Withdrawal::Revoked { since, reason },
        };
        CrlEntry { serial, withdrawal }
    })
}

/// Up to 60 entries in ascending order, each serial once.
pub(crate) fn any_entries() -> impl Strategy<Value = Vec<CrlEntry>> {
    proptest::collection::vec(any_entry(), 0..60).prop_map(|mut entries| {
        entries.sort_by_key(|entry| entry.serial);
        entries.dedup_by_key(|entry| entry.serial);
        entries
    })
}
