//! The index against a map that a child could check, over random logs with right and wrong changes.
use std::collections::HashMap;

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use proptest::prelude::*;
use status::{ApplyError, Change, StatusCounts, StatusIndex};

/// Where the second key's serials begin: on the second page, in the middle of a word.
const SECOND_KEY_FIRST_SERIAL: u64 = 65_536 + 17;

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

fn key(number: u16) -> KeyNumber {
    KeyNumber::new(number).unwrap()
}

fn key_ranges() -> Vec<Change> {
    Ca::ALL
        .into_iter()
        .flat_map(|ca| {
            [(1, 1), (SECOND_KEY_FIRST_SERIAL, 2)].map(|(first, number)| Change::KeyRange {
                ca,
                first_serial: serial(first),
                key: key(number),
            })
        })
        .collect()
}

/// Serials around the places where words, lines, pages and keys end, few enough that changes meet.
fn any_serial() -> impl Strategy<Value = Serial> {
    let edges = [1_u64, 31, 255, 65_535, 65_536, SECOND_KEY_FIRST_SERIAL - 1, SECOND_KEY_FIRST_SERIAL, 200_000];
    (prop::sample::select(edges.to_vec()), 0..3_u64).prop_map(|(edge, step)| serial(edge + step))
}

fn any_change() -> impl Strategy<Value = Change> {
    let time = (0_i64..=253_402_300_799).prop_map(UnixTime::from_seconds);
    let ca = prop::sample::select(Ca::ALL.to_vec());
    (ca, any_serial(), time, 0..40_usize).prop_map(|(ca, serial, since, kind)| match kind {
        // Rare: after it nothing much can happen under that key.
        39 => Change::KeyCompromised { ca, key: key_of(serial), since },
        _ => any_change_of_one(ca, serial, since, kind % 10),
    })
}

fn any_change_of_one(ca: Ca, serial: Serial, since: UnixTime, kind: usize) -> Change {
    match kind {
        0..=3 => Change::Issued { ca, serial },
        4 | 5 => Change::Withdrawn { ca, serial, withdrawal: Withdrawal::Held { since } },
        6 => Change::Released { ca, serial },
        _ => {
            let reason = RevocationReason::ALL[usize::try_from(since.as_seconds() % 6).unwrap()];
            Change::Withdrawn { ca, serial, withdrawal: Withdrawal::Revoked { since, reason } }
        }
    }
}

/// What was said of each certificate by itself, and since when each key is compromised.
#[derive(Clone, Default)]
struct Model(HashMap<(Ca, Serial), CertificateStatus>, HashMap<(Ca, KeyNumber), UnixTime>);

fn key_of(serial: Serial) -> KeyNumber {
    key(if serial.get() < SECOND_KEY_FIRST_SERIAL { 1 } else { 2 })
}

impl Model {
    fn status(&self, ca: Ca, serial: Serial) -> CertificateStatus {
        use CertificateStatus::{Good, NotIssued, Withdrawn};
        let status = self.0.get(&(ca, serial)).copied().unwrap_or(NotIssued);
        let revoked = |since| Withdrawn(Withdrawal::Revoked { since, reason: RevocationReason::CaCompromise });
        match (self.1.get(&(ca, key_of(serial))), status) {
            (Some(since), Good) => revoked(*since),
            (Some(_), Withdrawn(Withdrawal::Held { since })) => revoked(since),
            (Some(_) | None, status) => status,
        }
    }

    /// `None`: no right log says this.
    fn apply(&mut self, change: Change) -> Option<()> {
        use CertificateStatus::{Good, NotIssued, Withdrawn};
        let (place, after) = match change {
            Change::KeyRange { .. } => return None,
            Change::KeyCompromised { ca, key, since } => {
                return self.1.insert((ca, key), since).is_none().then_some(());
            }
            Change::Issued { ca, serial } => ((ca, serial), (self.status(ca, serial) == NotIssued).then_some(Good)),
            Change::Released { ca, serial } => {
                let held = matches!(self.status(ca, serial), Withdrawn(Withdrawal::Held { .. }));
                ((ca, serial), held.then_some(Good))
            }
            Change::Withdrawn { ca, serial, withdrawal } => {
                let allowed = match self.status(ca, serial) {
                    Good => true,
                    NotIssued | Withdrawn(Withdrawal::Held { .. }) => matches!(withdrawal, Withdrawal::Revoked { .. }),
                    Withdrawn(Withdrawal::Revoked { .. }) => false,
                };
                ((ca, serial), allowed.then_some(Withdrawn(withdrawal)))
            }
        };
        self.0.insert(place, after?);
        Some(())
    }

    fn counts(&self, of: Ca) -> StatusCounts {
        let mut counts = StatusCounts::default();
        for &(ca, serial) in self.0.keys().filter(|(ca, _)| *ca == of) {
            match self.status(ca, serial) {
                CertificateStatus::NotIssued => {}
                CertificateStatus::Good => counts.good += 1,
                CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => counts.held += 1,
                CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => counts.revoked += 1,
            }
        }
        counts
    }

    fn check(&self, index: &StatusIndex, changes: &[Change]) -> Result<(), TestCaseError> {
        for change in changes {
            let ca = change.ca();
            prop_assert_eq!(index.counts(ca), self.counts(ca));
            let (Change::Issued { serial, .. } | Change::Withdrawn { serial, .. } | Change::Released { serial, .. }) =
                *change
            else {
                continue;
            };
            let (own, other) = if serial.get() < SECOND_KEY_FIRST_SERIAL { (key(1), key(2)) } else { (key(2), key(1)) };
            for neighbour in [serial.get() - 1, serial.get(), serial.get() + 1].into_iter().filter_map(Serial::new) {
                let under = if neighbour.get() < SECOND_KEY_FIRST_SERIAL { key(1) } else { key(2) };
                prop_assert_eq!(index.status(IssuerKey { ca, key: under }, neighbour), self.status(ca, neighbour));
            }
            prop_assert_eq!(index.status(IssuerKey { ca, key: own }, serial), self.status(ca, serial));
            prop_assert_eq!(index.status(IssuerKey { ca, key: other }, serial), CertificateStatus::NotIssued);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn it_says_what_the_map_says_and_a_refused_batch_leaves_no_trace(
        batches in prop::collection::vec(prop::collection::vec(any_change(), 0..6), 1..60),
    ) {
        let index = StatusIndex::new();
        index.apply(1, &key_ranges()).unwrap();
        let mut model = Model::default();
        let mut position = 1;
        for batch in &batches {
            let mut next = model.clone();
            let right = batch.iter().all(|&change| next.apply(change).is_some());
            match index.apply(position + 2, batch) {
                Ok(()) => {
                    prop_assert!(right, "a wrong batch was taken: {batch:?}");
                    (model, position) = (next, position + 2);
                }
                Err(ApplyError::Refused { .. }) => prop_assert!(!right, "a right batch was refused: {batch:?}"),
                Err(error) => prop_assert!(false, "{error}"),
            }
            prop_assert_eq!(index.position(), position);
            model.check(&index, batch)?;
        }
        model.check(&index, &batches.concat())?;
    }
}
