//! The index as a file: what it showed at one position of one log. Written and read in one pass.
//!
//! Numbers are unsigned, the highest octet first.
//!
//! ```text
//! octets  header
//!      8  "AKSTATUS"
//!      2  version of this format: 1
//!      8  log position
//!     32  which log: the leaf hash of its first row; zeros in a snapshot that comes from no log
//!      2  octets of the next field, at most 4,096
//!      …  what proves the log up to that position: the right edge of its Merkle tree, as `registry::merkle` stores it
//!     32  checksum
//!         then for each CA, in the order of `Ca::ALL`, its keys
//!      1  the CA's place in that order
//!      4  ranges of serials, at most 65,536; of each range, rising:
//!      8      its first serial
//!      2      the key to which serials belong from there on
//!      2  compromised keys, at most 64; of each:
//!      2      the key
//!      8      since when, seconds from 1970
//!      4  pages, at most 65,536
//!     32  checksum
//!         and its pages, rising
//!      4  the page's number: its serials begin at 65,536 times that
//!      4  held and revoked serials on it
//!  16,384  two bits a serial: 2,048 words of 32 serials, the lowest serial in a word's lowest bits
//!             00 not issued   01 good   10 held   11 revoked
//!      8  of each held or revoked serial, rising:
//!             serial within its page (2 octets), since, seconds from 1970 (5), CRLReason (1)
//!     32  checksum
//!         end
//!      8  "AKSTATUS"
//!     32  checksum
//! ```
//! A checksum is the SHA-256 of the checksum before it (nothing, before the first) and the part's own octets: so each part
//! belongs to this file and stands at its place. It is SHA-256, not a CRC, because the tree has one that processors help
//! with, some 1.5 GB a second, so that it costs a national index a fifth of a second; and because 64 bits would be few
//! where a wrong one brings a revoked certificate back to life. It keeps out accidents; whoever may write the file can
//! write another one with right checksums, as he can write the registry.
//!
//! What passes its checksum and still cannot be true is refused as well. Nothing is told from a file before its end was
//! seen, and no length in it is believed beyond its limit, so what a file costs in memory is about what it has in octets.
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::AtomicU64;

use pki::algorithm::sha256;
use pki::identity::{Ca, KeyNumber, Serial};
use pki::time::UnixTime;

use crate::StatusIndex;
use crate::image::PageImage;
use crate::keys::{KEYS_MAX, RANGES_MAX};
use crate::page::{PAGE_SERIALS, PAGE_WORDS};
use crate::pages::PAGES_MAX;

const MAGIC: &[u8; 8] = b"AKSTATUS";
const VERSION: u16 = 1;
/// The edge of a tree has at most 64 hashes.
const EDGE_OCTETS_MAX: usize = 4_096;
const CHECKSUM_OCTETS: usize = 32;
const BITS_OCTETS: usize = PAGE_WORDS * 8;

/// What a snapshot is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The log position that it shows.
    pub position: u64,
    /// The leaf hash of the log's first row; zeros of no log.
    pub log: [u8; 32],
    /// The right edge of the log's tree at the position. At most 4,096 octets.
    pub edge: Vec<u8>,
}

/// The keys of one CA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaKeys {
    /// Each range's first serial and its key, rising.
    pub ranges: Vec<(Serial, KeyNumber)>,
    /// The compromised keys, each with since when.
    pub compromises: Vec<(KeyNumber, UnixTime)>,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Something else altogether.
    #[error("this is no snapshot of a status index; look whether the path is the right one")]
    NoSnapshot,
    /// Another version of the format.
    #[error(
        "the snapshot is of format {found}, and this Akashi reads format {VERSION}: use it with the Akashi that wrote it, or \
         remove it, so that it is made anew"
    )]
    OtherVersion {
        /// Its version.
        found: u16,
    },
    /// It ends too early.
    #[error(
        "the snapshot ends in the middle, so it was copied or written in part: copy it again, or remove it, so that it is made anew"
    )]
    Torn,
    /// A checksum does not fit.
    #[error(
        "the snapshot is damaged ({part} does not have its checksum): copy it again, or remove it, so that it is made anew, and look after the disk"
    )]
    Damaged {
        /// Where.
        part: &'static str,
    },
    /// The checksums fit, and it cannot be true.
    #[error(
        "the snapshot says what no index can have said ({0}), so its writer was wrong: remove it, so that it is made anew, and report this"
    )]
    Impossible(&'static str),
    /// It could not be read.
    #[error("the snapshot could not be read: {0}")]
    Io(std::io::Error),
}

/// Writes a snapshot, part after part: of each CA its keys, then its pages.
pub struct SnapshotWriter<W> {
    to: W,
    /// The checksum before, then the part.
    part: Vec<u8>,
}

impl<W: Write> SnapshotWriter<W> {
    /// Begins with the header.
    pub fn new(to: W, origin: &Origin) -> std::io::Result<Self> {
        let mut writer = Self { to, part: Vec::new() };
        writer.part.extend(MAGIC);
        writer.part.extend(VERSION.to_be_bytes());
        writer.part.extend(origin.position.to_be_bytes());
        writer.part.extend(origin.log);
        let octets = u16::try_from(origin.edge.len()).ok().filter(|octets| usize::from(*octets) <= EDGE_OCTETS_MAX);
        writer.part.extend(octets.expect("an edge has at most 64 hashes").to_be_bytes());
        writer.part.extend(&origin.edge);
        writer.end_part(0)?;
        Ok(writer)
    }

    /// The keys of a CA, and how many pages follow. To be called for each of [`Ca::ALL`], in order.
    pub fn keys(&mut self, ca: Ca, keys: &CaKeys, pages: usize) -> std::io::Result<()> {
        let CaKeys { ranges, compromises } = keys;
        self.part.push(u8::try_from(ca.index()).expect("a handful of CAs"));
        self.part.extend(u32::try_from(ranges.len()).expect("limited").to_be_bytes());
        for (first_serial, key) in ranges {
            self.part.extend(first_serial.get().to_be_bytes());
            self.part.extend(key.get().to_be_bytes());
        }
        self.part.extend(u16::try_from(compromises.len()).expect("limited").to_be_bytes());
        for (key, since) in compromises {
            self.part.extend(key.get().to_be_bytes());
            self.part.extend(since.as_seconds().to_be_bytes());
        }
        self.part.extend(u32::try_from(pages).expect("limited").to_be_bytes());
        self.end_part(CHECKSUM_OCTETS)
    }

    /// One page. Numbers rise.
    pub fn page(&mut self, number: usize, image: &PageImage) -> std::io::Result<()> {
        self.part.extend(u32::try_from(number).expect("limited").to_be_bytes());
        self.part.extend(u32::try_from(image.rows.len()).expect("limited").to_be_bytes());
        self.part.extend(image.bits.iter().flat_map(|word| word.to_be_bytes()));
        self.part.extend(image.rows.iter().flat_map(|row| row.to_be_bytes()));
        self.end_part(CHECKSUM_OCTETS)
    }

    /// The end. Gives back what was written to, for syncing.
    pub fn finish(mut self) -> std::io::Result<W> {
        self.part.extend(MAGIC);
        self.end_part(CHECKSUM_OCTETS)?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// Writes the part, which begins there, and its checksum, with which the next one begins.
    fn end_part(&mut self, begins: usize) -> std::io::Result<()> {
        let checksum = sha256(&self.part);
        self.to.write_all(&self.part[begins..])?;
        self.to.write_all(&checksum)?;
        self.part.clear();
        self.part.extend(checksum);
        Ok(())
    }
}

/// A snapshot whose header was read.
pub struct Snapshot<R> {
    from: R,
    part: Vec<u8>,
    origin: Origin,
}

impl<R: Read> Snapshot<R> {
    /// Reads the header.
    pub fn open(from: R) -> Result<Self, SnapshotError> {
        let mut snapshot = Self { from, part: Vec::new(), origin: Origin::default() };
        let is_magic = snapshot.array().map(|octets| octets == *MAGIC);
        if !matches!(is_magic, Ok(true) | Err(SnapshotError::Io(_))) {
            return Err(SnapshotError::NoSnapshot);
        }
        is_magic?;
        let found = u16::from_be_bytes(snapshot.array()?);
        if found != VERSION {
            return Err(SnapshotError::OtherVersion { found });
        }
        let (position, log) = (u64::from_be_bytes(snapshot.array()?), snapshot.array()?);
        let octets = usize::from(u16::from_be_bytes(snapshot.array()?));
        if octets > EDGE_OCTETS_MAX {
            return Err(SnapshotError::Damaged { part: "its header" });
        }
        let edge = snapshot.take(octets)?.to_vec();
        snapshot.origin = Origin { position, log, edge };
        snapshot.end_part("its header")?;
        Ok(snapshot)
    }

    /// What it is of.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reads the rest: an index as it was at the position.
    pub fn load(mut self) -> Result<StatusIndex, SnapshotError> {
        let index = StatusIndex { position: AtomicU64::new(self.origin.position), ..StatusIndex::default() };
        for ca in Ca::ALL {
            let (keys, pages) = self.read_keys(ca)?;
            if !index.cas[ca.index()].set_keys(&keys) {
                return Err(SnapshotError::Impossible("ranges of serials out of order, or a compromise of no key"));
            }
            let mut least = 0;
            for _ in 0..pages {
                let (number, image) = self.read_page()?;
                if number < least {
                    return Err(SnapshotError::Impossible("pages out of order"));
                }
                least = number + 1;
                if !image.is_consistent() || !index.cas[ca.index()].set_page(number, &image) {
                    return Err(SnapshotError::Impossible("statuses that belong to no key, or without their rows"));
                }
            }
        }
        if self.array()? != *MAGIC {
            return Err(SnapshotError::Damaged { part: "its end" });
        }
        self.end_part("its end")?;
        match self.array::<1>() {
            Err(SnapshotError::Torn) => Ok(index),
            Err(error) => Err(error),
            Ok(_) => Err(SnapshotError::Damaged { part: "what follows its end" }),
        }
    }

    fn read_keys(&mut self, ca: Ca) -> Result<(CaKeys, usize), SnapshotError> {
        const PART: &str = "a CA's keys";
        let damaged = || SnapshotError::Damaged { part: PART };
        let [told] = self.array()?;
        let ranges = self.count(RANGES_MAX, PART)?;
        let mut keys = CaKeys::default();
        for _ in 0..ranges {
            let first_serial = Serial::new(u64::from_be_bytes(self.array()?));
            let key = KeyNumber::new(u16::from_be_bytes(self.array()?));
            keys.ranges.push(first_serial.zip(key).ok_or_else(damaged)?);
        }
        let compromises = u16::from_be_bytes(self.array()?);
        if usize::from(compromises) > KEYS_MAX {
            return Err(damaged());
        }
        for _ in 0..compromises {
            let key = KeyNumber::new(u16::from_be_bytes(self.array()?)).ok_or_else(damaged)?;
            let seconds = i64::from_be_bytes(self.array()?);
            let since = UnixTime::from_seconds(seconds);
            if since.as_seconds() != seconds {
                return Err(damaged());
            }
            keys.compromises.push((key, since));
        }
        let pages = self.count(PAGES_MAX, PART)?;
        if usize::from(told) != ca.index() {
            return Err(damaged());
        }
        self.end_part(PART)?;
        Ok((keys, pages))
    }

    fn read_page(&mut self) -> Result<(usize, PageImage), SnapshotError> {
        const PART: &str = "a page";
        let number = self.count(PAGES_MAX - 1, PART)?;
        let rows = self.count(PAGE_SERIALS, PART)?;
        let mut image = PageImage::default();
        for (word, octets) in image.bits.iter_mut().zip(self.take(BITS_OCTETS)?.as_chunks().0) {
            *word = u64::from_be_bytes(*octets);
        }
        image.rows.extend(self.take(rows * 8)?.as_chunks().0.iter().map(|octets| u64::from_be_bytes(*octets)));
        self.end_part(PART)?;
        Ok((number, image))
    }

    /// Four octets: a number up to that.
    fn count(&mut self, at_most: usize, part: &'static str) -> Result<usize, SnapshotError> {
        let count = u32::from_be_bytes(self.array()?);
        let count = usize::try_from(count).ok().filter(|count| *count <= at_most);
        count.ok_or(SnapshotError::Damaged { part })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        Ok(self.take(N)?.try_into().expect("as many as were asked for"))
    }

    /// The part's next octets. Callers keep the number small.
    fn take(&mut self, octets: usize) -> Result<&[u8], SnapshotError> {
        let begins = self.part.len();
        self.part.resize(begins + octets, 0);
        match self.from.read_exact(&mut self.part[begins..]) {
            Ok(()) => Ok(&self.part[begins..]),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(SnapshotError::Torn),
            Err(error) => Err(SnapshotError::Io(error)),
        }
    }

    fn end_part(&mut self, part: &'static str) -> Result<(), SnapshotError> {
        let checksum = sha256(&self.part);
        self.part.clear();
        if self.array()? != checksum {
            return Err(SnapshotError::Damaged { part });
        }
        Ok(())
    }
}
