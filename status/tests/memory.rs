//! What a certificate costs. Alone in its file, so that nothing else allocates in its process.
use pki::identity::{Ca, KeyNumber, Serial};
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::{Change, StatusIndex};

const CA: Ca = Ca::Sign;
const OTHER: Ca = Ca::Auth;
/// One less than stand in a block, for which memory is taken at once.
const CERTIFICATES: u64 = 110 * 65_536 - 1;
/// 12 %, as of a whole nation's.
const REVOKED_EVERY: u64 = 8;
/// Small, so that what a batch needs for a moment does not count.
const BATCH: usize = 1_024;

/// Octets of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells what a process has");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kilobytes * 1_024
}

/// More octets after the changes than before them.
fn cost_of(index: &StatusIndex, batch: &mut Vec<Change>, changes: impl Iterator<Item = Change>) -> u64 {
    let before = resident();
    for change in changes {
        batch.push(change);
        if batch.len() == BATCH {
            index.apply(index.position() + 1, batch).unwrap();
            batch.clear();
        }
    }
    index.apply(index.position() + 1, batch).unwrap();
    batch.clear();
    resident() - before
}

#[test]
fn a_certificate_costs_three_tenths_of_an_octet_and_a_revoked_one_twelve_more() {
    let index = StatusIndex::new();
    let serials = |every| (1..=CERTIFICATES).step_by(every).map(|number| Serial::new(number).unwrap());
    let first = Change::KeyRange { ca: CA, first_serial: Serial::FIRST, key: KeyNumber::FIRST };
    let issued = |serial| Change::Issued { ca: CA, serial };
    let revoked = |serial: Serial| {
        let since = UnixTime::from_seconds(i64::try_from(serial.get()).unwrap());
        let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::Superseded };
        Change::Withdrawn { ca: CA, serial, withdrawal }
    };
    let mut batch = Vec::with_capacity(BATCH);
    // Another CA's, as many as there are counters of changes: those are made once, whatever follows.
    let others = (1..=1 << 20).map(|number| Change::Issued { ca: OTHER, serial: Serial::new(number).unwrap() });
    let first_other = Change::KeyRange { ca: OTHER, first_serial: Serial::FIRST, key: KeyNumber::FIRST };
    cost_of(&index, &mut batch, std::iter::once(first_other).chain(others));
    let issuing = cost_of(&index, &mut batch, std::iter::once(first).chain(serials(1).map(issued)));
    let revoking = cost_of(&index, &mut batch, serials(usize::try_from(REVOKED_EVERY).unwrap()).map(revoked));
    let revoked_count = CERTIFICATES.div_ceil(REVOKED_EVERY);
    assert_eq!(index.counts(CA).revoked, revoked_count);
    #[expect(clippy::cast_precision_loss, reason = "numbers to look at")]
    let (a_certificate, a_revoked_one) = (issuing as f64 / CERTIFICATES as f64, revoking as f64 / revoked_count as f64);
    println!("{a_certificate:.3} octets a certificate, {a_revoked_one:.2} more for a revoked one");
    assert!(a_certificate < 0.35, "{a_certificate} octets a certificate");
    assert!(a_revoked_one < 12.5, "{a_revoked_one} octets more for a revoked one");
    // 250 M certificates of which 30 M are revoked.
    assert!(a_certificate * 250e6 + a_revoked_one * 30e6 < 450e6);
}
