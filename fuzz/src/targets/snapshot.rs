//! The status index as a file. As it is, and made into a file whose checksums are right: what is taken can be told again.
use pki::algorithm::sha256;
use pki::identity::{Ca, IssuerKey};
use status::StatusIndex;
use status::snapshot::{Snapshot, SnapshotError};

use crate::Outcome;
use crate::scene::{index, key, serial};

/// Where a page's bits begin in its part, and how many octets they take ([`status::snapshot`]).
const BITS: std::ops::Range<usize> = 8..8 + 16_384;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    let as_it_is = load(octets);
    let mended = load(&with_checksums(octets));
    for index in [&as_it_is, &mended].into_iter().flatten() {
        require_told(index);
    }
    Outcome::of(&as_it_is.or(mended))
}

fn load(octets: &[u8]) -> Result<StatusIndex, SnapshotError> {
    Snapshot::open(octets)?.load()
}

/// It can be asked, written and read again, and then says the same.
fn require_told(index: &StatusIndex) {
    let origin = ([0; 32], Vec::new());
    let write = |index: &StatusIndex| index.freeze().write(origin.0, origin.1.clone(), Vec::new()).expect("memory");
    let written = write(index);
    let again = load(&written).expect("what was written is taken");
    assert_eq!(write(&again), written);
    for ca in Ca::ALL {
        assert_eq!(index.counts(ca), again.counts(ca));
        for number in 1..100 {
            let issuer = IssuerKey { ca, key: key(1) };
            assert_eq!(index.status(issuer, serial(number)), again.status(issuer, serial(number)));
        }
    }
}

/// The octets cut into parts as a snapshot's, each with its checksum. A page's bits are told in short: how many words, and
/// of each its place and its octets; so that little octets make a file.
fn with_checksums(octets: &[u8]) -> Vec<u8> {
    let mut maker = Maker { left: octets, part: Vec::new(), file: Vec::new() };
    maker.take(8 + 2 + 8 + 32);
    let edge = maker.count::<2>(4_096);
    maker.take(edge);
    maker.end_part(0);
    for _ in Ca::ALL {
        maker.take(1);
        let ranges = maker.count::<4>(64);
        maker.take(ranges * 10);
        let compromises = maker.count::<2>(64);
        maker.take(compromises * 10);
        let pages = maker.count::<4>(3);
        maker.end_part(32);
        for _ in 0..pages {
            maker.page();
        }
    }
    maker.take(8);
    maker.end_part(32);
    // What is left follows the end.
    let Maker { left, mut file, .. } = maker;
    file.extend(left);
    file
}

struct Maker<'a> {
    left: &'a [u8],
    /// The checksum before, then the part.
    part: Vec<u8>,
    file: Vec<u8>,
}

impl Maker<'_> {
    fn take(&mut self, octets: usize) {
        let (taken, left) = self.left.split_at(octets.min(self.left.len()));
        self.part.extend(taken);
        self.left = left;
    }

    /// A number of so many octets, for how many things follow here.
    fn count<const OCTETS: usize>(&mut self, at_most: usize) -> usize {
        let begins = self.part.len();
        self.take(OCTETS);
        self.part[begins..].iter().fold(0, |number, octet| number << 8 | usize::from(*octet)).min(at_most)
    }

    fn page(&mut self) {
        let begins = self.part.len();
        self.take(4);
        let rows = self.count::<4>(64);
        self.part.resize(begins + BITS.end, 0);
        let [words, left @ ..] = self.left else { return };
        self.left = left;
        for _ in 0..words % 8 {
            let Some((told, left)) = self.left.split_at_checked(10) else { break };
            self.left = left;
            let place = (usize::from(told[0]) << 8 | usize::from(told[1])) % 2_048;
            let word = begins + BITS.start + 8 * place;
            self.part[word..word + 8].copy_from_slice(&told[2..]);
        }
        self.take(rows * 8);
        self.end_part(32);
    }

    fn end_part(&mut self, begins: usize) {
        let checksum = sha256(&self.part);
        self.file.extend(&self.part[begins..]);
        self.file.extend(checksum);
        self.part = checksum.to_vec();
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let whole = index().freeze().write([7; 32], vec![1, 2, 3], Vec::new()).expect("memory");
    let short = in_short(&whole);
    assert_eq!(with_checksums(&short), whole, "the seed means what it was made from");
    vec![short, whole]
}

/// A file of one page, as [`with_checksums`] takes it.
fn in_short(whole: &[u8]) -> Vec<u8> {
    let (header, ranges, page_rows) = (8 + 2 + 8 + 32 + 2 + 3, [2_usize, 1, 0, 0], 2);
    let mut short = whole[..header].to_vec();
    let mut rest = &whole[header + 32..];
    for (ca, ranges) in ranges.into_iter().enumerate() {
        let (keys, after) = rest.split_at(1 + 4 + ranges * 10 + 2 + 4);
        short.extend(keys);
        rest = &after[32..];
        if ca == 0 {
            let (page, after) = rest.split_at(BITS.end + page_rows * 8);
            short.extend(&page[..BITS.start]);
            let words = page[BITS].chunks(8).enumerate().filter(|(_, word)| word.iter().any(|octet| *octet != 0));
            let words: Vec<_> = words.collect();
            short.push(u8::try_from(words.len()).expect("few"));
            for (place, word) in words {
                short.extend(u16::try_from(place).expect("2,048 at most").to_be_bytes().iter().chain(word));
            }
            short.extend(&page[BITS.end..]);
            rest = &after[32..];
        }
    }
    short.extend(&rest[..8]);
    short
}
