//! Arbitrary CRL entries for property tests.
use proptest::prelude::*;

use crate::crl::{CrlEntry, DeltaEntry};
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

/// Any of those, or the removal of one.
pub(crate) fn any_delta_entry() -> impl Strategy<Value = DeltaEntry> {
    (any_entry(), any::<bool>()).prop_map(|(entry, listed)| {
        let CrlEntry { serial, withdrawal } = entry;
        if listed { DeltaEntry::Listed(entry) } else { DeltaEntry::Removed { serial, since: withdrawal.since() } }
    })
}

/// Up to 60 entries of a delta CRL in ascending order, each serial once.
pub(crate) fn any_delta_entries() -> impl Strategy<Value = Vec<DeltaEntry>> {
    proptest::collection::vec(any_delta_entry(), 0..60).prop_map(|mut entries| {
        entries.sort_by_key(|entry| entry.serial());
        entries.dedup_by_key(|entry| entry.serial());
        entries
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
