//! A snapshot of invented certificates.
//!
//! Half of the certificates are of the signature CA, half of the user CA, under key 1, serials from 1 on; all are issued, and
//! those that are held or revoked are scattered among them. Which ones follows from a page's number alone, so the same
//! numbers always give the same file.
use std::path::Path;
use std::sync::Arc;

use pki::identity::{Ca, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::PageImage;
use status::snapshot::{CaKeys, Origin, SnapshotWriter};

use crate::failure::Failure;
use crate::output::print;
use crate::progress::Phase;
use crate::snapshot::{Draft, WholeFile};
use crate::steps::StepHook;

/// Whose certificates there are.
const CAS: [Ca; 2] = [Ca::Sign, Ca::Auth];
/// Revocations are spread over five years from this second on: 2020-01-01T00:00:00Z.
const FROM_SECONDS: i64 = 1_577_836_800;
const WITHIN_SECONDS: u64 = 5 * 365 * 86_400;
/// Of so many that are not good, one is held.
const HELD_ONE_IN: u64 = 50;
const REASONS: [RevocationReason; 4] = [
    RevocationReason::KeyCompromise,
    RevocationReason::AffiliationChanged,
    RevocationReason::Superseded,
    RevocationReason::CessationOfOperation,
];

/// Makes a snapshot of so many certificates, so many of a hundred of which are held or revoked, and says what it holds.
pub fn synth(out: &Path, certificates: usize, revoked_percent: usize) -> Result<(), Failure> {
    let shown = out.display();
    if out.exists() {
        return Err(Failure::Load(format!("{shown} exists: choose another --out, or remove it")));
    }
    let numbers = [certificates.div_ceil(2), certificates / 2];
    let pages = numbers.map(|number| number / PageImage::SERIALS + 1);
    let mut withdrawn = 0;
    let write = |draft: Draft| {
        let phase = Phase::measured("snapshot", pages.iter().sum(), "pages");
        // Position 1: of no log, but an index that holds something stands somewhere.
        let mut writer = SnapshotWriter::new(draft, &Origin { position: 1, ..Origin::default() })?;
        for ca in Ca::ALL {
            let Some(at) = CAS.iter().position(|of| *of == ca) else {
                writer.keys(ca, &CaKeys::default(), 0)?;
                continue;
            };
            let keys = CaKeys { ranges: vec![(Serial::FIRST, KeyNumber::FIRST)], compromises: vec![] };
            writer.keys(ca, &keys, pages[at])?;
            for number in 0..pages[at] {
                let image = page(ca, number, numbers[at], revoked_percent as u64);
                withdrawn += image.withdrawn();
                writer.page(number, &image)?;
                phase.step();
            }
        }
        writer.finish()
    };
    let io = |error| Failure::Load(format!("{shown}: {error}"));
    let step: StepHook = Arc::new(|_| {});
    WholeFile { path: out, step: &step }.write(write).map_err(io)?;
    Ok(print(&format!("written {shown} certificates={certificates} held_or_revoked={withdrawn}\n"))?)
}

/// A page of a CA that has issued serials up to that one.
fn page(ca: Ca, number: usize, last: usize, revoked_percent: u64) -> PageImage {
    let mut image = PageImage::default();
    let mut random = SplitMix((number << 8 | ca.index()) as u64);
    for place in 0..=u16::MAX {
        let serial = number * PageImage::SERIALS + usize::from(place);
        if (1..=last).contains(&serial) {
            image.tell(place, status(random.next(), revoked_percent));
        }
    }
    image
}

/// The status that a random number stands for.
fn status(random: u64, revoked_percent: u64) -> CertificateStatus {
    if random % 100 >= revoked_percent {
        return CertificateStatus::Good;
    }
    let rest = random / 100;
    let seconds = i64::try_from(rest % WITHIN_SECONDS).expect("five years");
    let since = UnixTime::from_seconds(FROM_SECONDS + seconds);
    let rest = rest / WITHIN_SECONDS;
    CertificateStatus::Withdrawn(if rest.is_multiple_of(HELD_ONE_IN) {
        Withdrawal::Held { since }
    } else {
        let [.., low] = (rest / HELD_ONE_IN).to_be_bytes();
        let reason = REASONS[usize::from(low) % REASONS.len()];
        Withdrawal::Revoked { since, reason }
    })
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): nothing secret depends on it.
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
