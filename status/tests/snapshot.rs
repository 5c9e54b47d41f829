//! What is written is read again, whatever happens meanwhile; and nothing else is ever read.
use std::io::Read;

use pki::algorithm::sha256;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason, Withdrawal};
use pki::time::UnixTime;
use proptest::prelude::*;
use status::snapshot::{CaKeys, Origin, Snapshot, SnapshotError, SnapshotWriter};
use status::{Change, PageImage, StatusIndex};

const LOG: [u8; 32] = [7; 32];
const EDGE: [u8; 5] = *b"edge.";

fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

fn key(number: u16) -> KeyNumber {
    KeyNumber::new(number).unwrap()
}

fn issued(ca: Ca, number: u64) -> Change {
    Change::Issued { ca, serial: serial(number) }
}

fn withdrawn(ca: Ca, number: u64, withdrawal: Withdrawal) -> Change {
    Change::Withdrawn { ca, serial: serial(number), withdrawal }
}

fn revoked(since: i64) -> Withdrawal {
    Withdrawal::Revoked { since: UnixTime::from_seconds(since), reason: RevocationReason::Superseded }
}

fn range(ca: Ca, first: u64, number: u16) -> Change {
    Change::KeyRange { ca, first_serial: serial(first), key: key(number) }
}

/// Two pages, two keys that change in the middle of a word, a compromised one.
fn index() -> StatusIndex {
    let index = StatusIndex::new();
    let (sign, auth) = (Ca::Sign, Ca::Auth);
    let held = Withdrawal::Held { since: UnixTime::from_seconds(1_750_000_000) };
    let changes = [
        range(sign, 1, 1),
        issued(sign, 1),
        issued(sign, 2),
        withdrawn(sign, 2, revoked(1_700_000_000)),
        issued(sign, 44),
        range(sign, 45, 2),
        issued(sign, 45),
        withdrawn(sign, 45, held),
        issued(sign, 46),
        Change::KeyCompromised { ca: sign, key: key(1), since: UnixTime::from_seconds(1_760_000_000) },
        range(auth, 3, 1),
        issued(auth, 70_000),
        withdrawn(auth, 70_000, revoked(253_402_300_799)),
    ];
    index.apply(12, &changes).unwrap();
    index
}

fn written(index: &StatusIndex) -> Vec<u8> {
    index.freeze().write(LOG, EDGE.to_vec(), Vec::new()).unwrap()
}

fn load(octets: &[u8]) -> Result<StatusIndex, SnapshotError> {
    Snapshot::open(octets)?.load()
}

/// The error of an index that must not be.
fn refusal(octets: &[u8]) -> SnapshotError {
    load(octets).err().expect("refused")
}

/// Everything that either can be asked, where they may differ.
fn compare(one: &StatusIndex, other: &StatusIndex, serials: &(impl Iterator<Item = u64> + Clone)) {
    assert_eq!(one.position(), other.position());
    for ca in Ca::ALL {
        assert_eq!(one.keys(ca), other.keys(ca));
        assert_eq!(one.counts(ca), other.counts(ca));
        for issuer in [1, 2, 3].map(|number| IssuerKey { ca, key: key(number) }) {
            for number in serials.clone().filter_map(Serial::new) {
                assert_eq!(one.status(issuer, number), other.status(issuer, number), "{issuer} {number}");
            }
        }
    }
}

fn interesting() -> impl Iterator<Item = u64> + Clone {
    (0..100).chain(65_500..65_600).chain(69_990..70_010)
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    let (index, octets) = (index(), written(&index()));
    let snapshot = Snapshot::open(&*octets).unwrap();
    assert_eq!(*snapshot.origin(), Origin { position: 12, log: LOG, edge: EDGE.to_vec() });
    compare(&snapshot.load().unwrap(), &index, &interesting());
    // It goes on from there as the first one would.
    let loaded = load(&octets).unwrap();
    for index in [&index, &loaded] {
        index.apply(13, &[issued(Ca::Sign, 47), withdrawn(Ca::Sign, 45, revoked(5)), range(Ca::Sign, 48, 1)]).unwrap();
        assert!(index.apply(14, &[issued(Ca::Sign, 47)]).is_err());
    }
    compare(&loaded, &index, &interesting());
    compare(&load(&written(&StatusIndex::new())).unwrap(), &StatusIndex::new(), &interesting());
}

#[test]
fn every_octet_is_where_the_page_says() {
    let index = StatusIndex::new();
    let since = UnixTime::from_seconds(0x01_0203_0405);
    let reason = RevocationReason::AffiliationChanged;
    let revocation = withdrawn(Ca::Sign, 0x1_0021, Withdrawal::Revoked { since, reason });
    let compromise = Change::KeyCompromised { ca: Ca::Sign, key: key(9), since: UnixTime::from_seconds(0xabcd) };
    index.apply(0x77, &[range(Ca::Sign, 5, 9), issued(Ca::Sign, 0x1_0022), revocation, compromise]).unwrap();
    let mut expected = Vec::new();
    let mut checksum: Vec<u8> = Vec::new();
    let mut part = |parts: &[&[u8]]| {
        let octets = parts.concat();
        checksum = sha256(&[checksum.clone(), octets.clone()].concat()).to_vec();
        expected.extend([octets, checksum.clone()].concat());
    };
    part(&[b"AKSTATUS", &[0, 1], &[0, 0, 0, 0, 0, 0, 0, 0x77], &LOG, &[0, 5], b"edge."]);
    let (ranges, compromises) = ([0, 0, 0, 0, 0, 0, 0, 5, 0, 9], [0, 9, 0, 0, 0, 0, 0, 0, 0xab, 0xcd]);
    part(&[&[0], &[0, 0, 0, 1], &ranges, &[0, 1], &compromises, &[0, 0, 0, 1]]);
    // Serials 0x21 and 0x22 are the second and third of the second word.
    let mut bits = [0; 16_384];
    bits[15] = 0b01_11_00;
    part(&[&[0, 0, 0, 1], &[0, 0, 0, 1], &bits, &[0, 0x21, 1, 2, 3, 4, 5, 3]]);
    for ca in [1, 2, 3] {
        part(&[&[ca], &[0, 0, 0, 0], &[0, 0], &[0, 0, 0, 0]]);
    }
    part(&[b"AKSTATUS"]);
    assert_eq!(written(&index), expected);
}

#[test]
fn no_part_of_a_snapshot_is_a_snapshot_and_nothing_may_follow_it() {
    let octets = written(&index());
    for length in (0..octets.len()).filter(|length| length % 7 == 0 || *length < 200 || octets.len() - length < 200) {
        let refusal = refusal(&octets[..length]);
        match length {
            0..8 => assert!(matches!(refusal, SnapshotError::NoSnapshot), "{length}: {refusal}"),
            _ => assert!(matches!(refusal, SnapshotError::Torn), "{length}: {refusal}"),
        }
    }
    assert!(matches!(refusal(&[&*octets, &[0]].concat()), SnapshotError::Damaged { .. }));
}

#[test]
fn one_changed_bit_anywhere_is_found() {
    let octets = written(&index());
    // Of the pages' bits one octet in eleven.
    for at in (0..octets.len()).filter(|at| at % 11 == 0 || !(400..33_000).contains(at)) {
        let mut changed = octets.clone();
        changed[at] ^= 1 << (at % 8);
        let refusal = refusal(&changed);
        match at {
            0..8 => assert!(matches!(refusal, SnapshotError::NoSnapshot), "{at}: {refusal}"),
            8..10 => assert!(matches!(refusal, SnapshotError::OtherVersion { .. }), "{at}: {refusal}"),
            _ => assert!(matches!(refusal, SnapshotError::Damaged { .. } | SnapshotError::Torn), "{at}: {refusal}"),
        }
    }
}

#[test]
fn parts_of_two_snapshots_do_not_make_one() {
    let (one, index) = (written(&index()), index());
    index.apply(13, &[withdrawn(Ca::Sign, 46, revoked(9))]).unwrap();
    let other = written(&index);
    // The header and keys have the same length in both; pages of the one would fit behind those of the other.
    let header = 8 + 2 + 8 + 32 + 2 + 5 + 32;
    assert!(matches!(refusal(&[&other[..header], &one[header..]].concat()), SnapshotError::Damaged { .. }));
}

#[test]
fn what_is_refused_says_what_to_do() {
    assert!(refusal(b"").to_string().contains("path"));
    assert!(refusal(&[0; 5_000]).to_string().contains("path"));
    let octets = written(&index());
    for (version, word) in [(0, "format 0"), (2, "format 2")] {
        let mut other = octets.clone();
        other[9] = version;
        let sentence = refusal(&other).to_string();
        assert!(sentence.contains(word) && sentence.contains("remove it"), "{sentence}");
    }
    assert!(refusal(&octets[..5_000]).to_string().contains("remove it"));
    let mut damaged = octets;
    damaged[5_000] ^= 1;
    assert!(refusal(&damaged).to_string().contains("remove it"));
}

/// Writes statuses as they are told, right or wrong, with right checksums.
fn forged(ca: Ca, keys: &CaKeys, pages: &[(usize, PageImage)]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), &Origin::default()).unwrap();
    for each in Ca::ALL {
        let (keys, pages) = if each == ca { (keys.clone(), pages) } else { Default::default() };
        writer.keys(each, &keys, pages.len()).unwrap();
        for (number, image) in pages {
            writer.page(*number, image).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn what_cannot_be_true_is_refused_though_its_checksums_are_right() {
    let page = |told: &[(u16, CertificateStatus)]| {
        let mut page = PageImage::default();
        for (place, status) in told {
            page.tell(*place, *status);
        }
        page
    };
    let good = |place| page(&[(place, CertificateStatus::Good)]);
    let keys = |ranges: &[(u64, u16)], compromises: &[u16]| CaKeys {
        ranges: ranges.iter().map(|(first, number)| (serial(*first), key(*number))).collect(),
        compromises: compromises.iter().map(|number| (key(*number), UnixTime::EPOCH)).collect(),
    };
    let right = keys(&[(1, 1)], &[]);
    assert!(load(&forged(Ca::Sign, &right, &[(0, good(1)), (7, good(0))])).is_ok());
    for (what, octets) in [
        ("serial 0", forged(Ca::Sign, &right, &[(0, good(0))])),
        ("a serial without a key", forged(Ca::Sign, &keys(&[(40, 1)], &[]), &[(0, good(39))])),
        ("no key at all", forged(Ca::Sign, &CaKeys::default(), &[(0, good(1))])),
        ("ranges that fall", forged(Ca::Sign, &keys(&[(9, 1), (9, 2)], &[]), &[])),
        ("a compromise of nothing", forged(Ca::Sign, &keys(&[(9, 1)], &[2]), &[])),
        ("two compromises", forged(Ca::Sign, &keys(&[(9, 1)], &[1, 1]), &[])),
        ("pages that fall", forged(Ca::Sign, &right, &[(1, good(1)), (0, good(1))])),
        ("a page twice", forged(Ca::Sign, &right, &[(1, good(1)), (1, good(1))])),
        // Told twice: good and held is revoked, with the row of a hold.
        (
            "a hold's row of a revoked one",
            forged(Ca::Sign, &right, &[(0, page(&[(3, CertificateStatus::Good), (3, held_since(4))]))]),
        ),
        ("rows in another order", forged(Ca::Sign, &right, &[(0, page(&[(4, held_since(4)), (3, held_since(4))]))])),
    ] {
        assert!(matches!(refusal(&octets), SnapshotError::Impossible(_)), "{what}: {}", refusal(&octets));
    }
}

const fn held_since(seconds: i64) -> CertificateStatus {
    CertificateStatus::Withdrawn(Withdrawal::Held { since: UnixTime::from_seconds(seconds) })
}

/// The parts of a file, without their checksums.
fn parts(octets: &[u8]) -> Vec<Vec<u8>> {
    // The lengths that `index()` gives, as the page says.
    let keys = |ranges: usize, compromises: usize| 1 + 4 + ranges * 10 + 2 + compromises * 10 + 4;
    let page = |rows: usize| 4 + 4 + 16_384 + rows * 8;
    let lengths = [8 + 2 + 8 + 32 + 2 + 5, keys(2, 1), page(2), keys(1, 0), page(1), keys(0, 0), keys(0, 0), 8];
    let mut rest = octets;
    let parts = lengths.map(|length| {
        let (part, after) = rest.split_at(length);
        rest = &after[32..];
        part.to_vec()
    });
    assert!(rest.is_empty());
    parts.to_vec()
}

fn with_checksums(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut checksum = Vec::new();
    let mut octets = Vec::new();
    for part in parts {
        checksum = sha256(&[&checksum[..], part].concat()).to_vec();
        octets.extend([&part[..], &checksum].concat());
    }
    octets
}

/// Counts what is read: a hostile length must not make it wait for more than there is.
struct Counted<'a>(&'a [u8], usize);

impl Read for Counted<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        assert!(to.len() <= 1 << 20, "{} octets were made ready at once", to.len());
        let octets = self.0.read(to)?;
        self.1 += octets;
        Ok(octets)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_a_file_with_right_checksums_says_it_is_refused_or_can_be_told(
        part in 0..8_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..5),
    ) {
        let mut parts = parts(&written(&index()));
        for (at, octet, where_to) in changes {
            // Counts stand at a part's beginning, rows at its end.
            let (length, few) = (parts[part].len(), parts[part].len().min(20));
            let at = match where_to {
                0 => at.index(few),
                1 => length - 1 - at.index(few),
                _ => at.index(length),
            };
            parts[part][at] = octet;
        }
        let octets = with_checksums(&parts);
        let Ok(loaded) = Snapshot::open(Counted(&octets, 0)).and_then(Snapshot::load) else { return Ok(()) };
        // What it says can be written and read again.
        compare(&load(&written_as(&loaded)).unwrap(), &loaded, &interesting());
    }

    #[test]
    fn a_snapshot_shows_the_instant_at_which_it_was_frozen(
        before in prop::collection::vec((0..4_usize, 1..200_000_u64), 0..60),
        during in prop::collection::vec((0..4_usize, 1..200_000_u64, any::<bool>()), 0..60),
    ) {
        let (index, twin) = (StatusIndex::new(), StatusIndex::new());
        for index in [&index, &twin] {
            index.apply(1, &Ca::ALL.map(|ca| range(ca, 1, 1))).unwrap();
            for (step, (ca, number)) in (2..).zip(&before) {
                // Refused where it repeats itself, in both alike.
                let _ = index.apply(step, &[issued(Ca::ALL[*ca], *number)]);
            }
        }
        // Changes come before, between and after the pages that are written.
        let frozen = index.freeze();
        let mut changes = during.iter();
        let mut step = index.position();
        let mut change = || {
            for (ca, number, revoke) in changes.by_ref().take(3) {
                let ca = Ca::ALL[*ca];
                let change = if *revoke { withdrawn(ca, *number, revoked(8)) } else { issued(ca, *number) };
                step += 1;
                let _ = index.apply(step, &[change]);
            }
        };
        change();
        let octets = frozen.write(LOG, Vec::new(), Between(Vec::new(), &mut change)).unwrap().0;
        let serials = before.iter().map(|(_, number)| *number).chain(during.iter().map(|(_, number, _)| *number));
        compare(&load(&octets).unwrap(), &twin, &serials);
    }
}

fn written_as(index: &StatusIndex) -> Vec<u8> {
    index.freeze().write([0; 32], Vec::new(), Vec::new()).unwrap()
}

/// Does something at each write.
struct Between<'a, F>(Vec<u8>, &'a mut F);

impl<F: FnMut()> std::io::Write for Between<'_, F> {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        (self.1)();
        self.0.write(octets)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
