//! The rules of the index that stand alone.
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::{ApplyError, Change, Refusal, SERIAL_MAX, StatusCounts, StatusIndex};

const CA: Ca = Ca::Sign;

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

fn key_range(first_serial: u64, key: u16) -> Change {
    Change::KeyRange { ca: CA, first_serial: serial(first_serial), key: KeyNumber::new(key).unwrap() }
}

fn issued(number: u64) -> Change {
    Change::Issued { ca: CA, serial: serial(number) }
}

fn revoked(number: u64) -> Change {
    let withdrawal = Withdrawal::Revoked { since: UnixTime::EPOCH, reason: RevocationReason::Unspecified };
    Change::Withdrawn { ca: CA, serial: serial(number), withdrawal }
}

fn under(key: u16) -> IssuerKey {
    IssuerKey { ca: CA, key: KeyNumber::new(key).unwrap() }
}

fn refusal(index: &StatusIndex, change: Change) -> Option<Refusal> {
    match index.apply(index.position() + 1, &[change]) {
        Ok(()) => None,
        Err(ApplyError::Refused { refusal, .. }) => Some(refusal),
        Err(error @ ApplyError::PositionNotAhead { .. }) => panic!("{error}"),
    }
}

#[test]
fn positions_only_rise() {
    let index = StatusIndex::new();
    assert_eq!(index.position(), 0);
    index.apply(5, &[key_range(1, 1), issued(1)]).unwrap();
    for offered in [0, 4, 5] {
        assert_eq!(index.apply(offered, &[issued(2)]), Err(ApplyError::PositionNotAhead { current: 5, offered }));
    }
    assert_eq!(index.status(under(1), serial(2)), CertificateStatus::NotIssued);
    index.apply(9, &[]).unwrap();
    assert_eq!(index.position(), 9);
}

#[test]
fn a_serial_belongs_to_the_key_in_whose_range_it_lies() {
    let index = StatusIndex::new();
    index.apply(1, &[key_range(1, 1), issued(99), key_range(100, 3), issued(100)]).unwrap();
    for (key, number, status) in [
        (1, 99, CertificateStatus::Good),
        (3, 99, CertificateStatus::NotIssued),
        (1, 100, CertificateStatus::NotIssued),
        (2, 100, CertificateStatus::NotIssued),
        (3, 100, CertificateStatus::Good),
    ] {
        assert_eq!(index.status(under(key), serial(number)), status, "{number} under {key}");
    }
    let other_ca = IssuerKey { ca: Ca::Auth, ..under(1) };
    assert_eq!(index.status(other_ca, serial(99)), CertificateStatus::NotIssued);
}

#[test]
fn key_ranges_follow_each_other_and_never_take_what_is_issued() {
    let index = StatusIndex::new();
    assert_eq!(refusal(&index, issued(1)), Some(Refusal::NoKey));
    index.apply(1, &[key_range(10, 2), issued(70_000)]).unwrap();
    assert_eq!(refusal(&index, issued(9)), Some(Refusal::NoKey));
    assert_eq!(refusal(&index, key_range(10, 3)), Some(Refusal::RangeOutOfOrder));
    for first in [11, 65_536, 70_000] {
        assert_eq!(refusal(&index, key_range(first, 3)), Some(Refusal::RangeTaken), "{first}");
    }
    assert_eq!(refusal(&index, key_range(70_001, 3)), None);
    // An older key's OCSP delegate is renewed while a newer key issues.
    assert_eq!(refusal(&index, key_range(70_002, 2)), None);
    assert_eq!(refusal(&index, key_range(70_003, 3)), None);
    index.apply(9, &[issued(70_003)]).unwrap();
    assert_eq!(index.status(under(3), serial(70_003)), CertificateStatus::Good);
    assert_eq!(index.status(under(2), serial(70_003)), CertificateStatus::NotIssued);
}

#[test]
fn what_was_reserved_and_never_handed_over_can_be_revoked() {
    let index = StatusIndex::new();
    index.apply(1, &[key_range(1, 1), revoked(4)]).unwrap();
    assert!(matches!(index.status(under(1), serial(4)), CertificateStatus::Withdrawn(Withdrawal::Revoked { .. })));
    assert_eq!(refusal(&index, issued(4)), Some(Refusal::IssuedTwice));
    assert_eq!(refusal(&index, revoked(4)), Some(Refusal::RevokedAlready));
    assert_eq!(index.counts(CA), StatusCounts { good: 0, held: 0, revoked: 1 });
}

fn compromised(key: u16, since: i64) -> Change {
    let since = UnixTime::from_seconds(since);
    Change::KeyCompromised { ca: CA, key: KeyNumber::new(key).unwrap(), since }
}

#[test]
fn a_compromised_key_revokes_at_once_what_was_issued_under_it_and_nothing_else() {
    let index = StatusIndex::new();
    let held = Withdrawal::Held { since: UnixTime::from_seconds(70) };
    let hold = Change::Withdrawn { ca: CA, serial: serial(2), withdrawal: held };
    // Serials 10 to 19 are key 2's; 20 is key 1's again.
    let ranges = [key_range(1, 1), issued(1), issued(2), hold, issued(3), revoked(3), key_range(10, 2), issued(10)];
    index.apply(1, &ranges).unwrap();
    index.apply(2, &[key_range(20, 1), issued(20), compromised(1, 100)]).unwrap();
    let since = |seconds: i64| {
        let since = UnixTime::from_seconds(seconds);
        CertificateStatus::Withdrawn(Withdrawal::Revoked { since, reason: RevocationReason::CaCompromise })
    };
    let unspecified = Withdrawal::Revoked { since: UnixTime::EPOCH, reason: RevocationReason::Unspecified };
    for (number, status) in [
        (1, since(100)),
        (2, since(70)),
        (3, CertificateStatus::Withdrawn(unspecified)),
        (4, CertificateStatus::NotIssued),
        (20, since(100)),
        (21, CertificateStatus::NotIssued),
    ] {
        assert_eq!(index.status(under(1), serial(number)), status, "{number}");
    }
    assert_eq!(index.status(under(2), serial(10)), CertificateStatus::Good);
    assert_eq!(index.status(under(1), serial(10)), CertificateStatus::NotIssued);
    assert_eq!(index.counts(CA), StatusCounts { good: 1, held: 0, revoked: 4 });
    assert_eq!(refusal(&index, revoked(1)), Some(Refusal::RevokedAlready));
    assert_eq!(refusal(&index, Change::Released { ca: CA, serial: serial(2) }), Some(Refusal::RevokedAlready));
    assert_eq!(refusal(&index, compromised(1, 101)), Some(Refusal::CompromisedAlready));
    assert_eq!(refusal(&index, compromised(3, 101)), Some(Refusal::CompromisedAlready));
}

#[test]
fn a_compromise_in_a_refused_batch_leaves_no_trace() {
    let index = StatusIndex::new();
    index.apply(1, &[key_range(1, 1), issued(1)]).unwrap();
    assert!(index.apply(2, &[compromised(1, 100), issued(1)]).is_err());
    assert_eq!(index.status(under(1), serial(1)), CertificateStatus::Good);
    assert_eq!(index.counts(CA), StatusCounts { good: 1, held: 0, revoked: 0 });
}

#[test]
fn serials_beyond_every_counter_are_refused_and_never_issued() {
    let index = StatusIndex::new();
    index.apply(1, &[key_range(1, 1)]).unwrap();
    assert_eq!(refusal(&index, issued(SERIAL_MAX + 1)), Some(Refusal::SerialTooLarge));
    assert_eq!(index.status(under(1), serial(Serial::MAX)), CertificateStatus::NotIssued);
}

#[test]
fn whoever_reads_a_position_sees_every_change_before_it() {
    const LAST: u64 = 20_000;
    let index = StatusIndex::new();
    index.apply(1, &[key_range(1, 1)]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut position = 0;
                while position < LAST {
                    position = index.position();
                    // Position n brought serial n, issued and revoked in one batch: never good to be seen.
                    if position > 1 {
                        let status = index.status(under(1), serial(position));
                        assert!(matches!(status, CertificateStatus::Withdrawn(_)), "{position}: {status:?}");
                    }
                    let next = index.status(under(1), serial(position + 1));
                    assert_ne!(next, CertificateStatus::Good);
                }
            });
        }
        scope.spawn(|| {
            for position in 2..=LAST {
                index.apply(position, &[issued(position), revoked(position)]).unwrap();
            }
        });
    });
}
