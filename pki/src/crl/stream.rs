//! The strict reader of [`super::read`] for a CRL that is never whole in memory: it reads once from the first octet to the
//! last, keeps what stands around the entries, and hashes what it reads.
use std::io::{self, Read};
use std::ops::{Deref, Range};

use crate::algorithm::{Algorithm, BadSignature, PublicKey, Sha256, is_signature_identifier_of};
use crate::crl::entry::next_entry;
use crate::crl::read::{End, EntryOrder, Start, at};
use crate::crl::{CrlFields, CrlReadError, DeltaEntry, ENTRY_OCTETS_MAX};
use crate::der::{DerError, DerReader};
use crate::message::{MessageDigest, MessageHasher};

/// Octets read at a time.
const PIECE_OCTETS: usize = 256 * 1_024;

/// What stands before and after the entries of a CRL, each, is at most this long; ours has some hundred octets.
const AROUND_OCTETS_MAX: usize = 64 * 1_024;

/// Why a CRL cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum CrlStreamError {
    /// Its octets do not come.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not in our form.
    #[error(transparent)]
    Form(#[from] CrlReadError),
}

/// A CRL that is being read.
pub struct CrlStream<R> {
    source: R,
    /// Octets of the whole CRL.
    size: usize,
    /// Octets read from the source so far.
    read: usize,
    buffer: Vec<u8>,
    /// Where in `buffer` lies what was not taken yet.
    taken: usize,
    /// What stands before the entries, and where they and the tbsCertList lie.
    before: Vec<u8>,
    tbs: Range<usize>,
    entries_end: usize,
    order: EntryOrder,
    hashing: Option<Hashing>,
}

/// Of the whole CRL, and of its tbsCertList.
struct Hashing {
    whole: Sha256,
    tbs: MessageHasher,
}

/// A CRL that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlRead {
    fields: CrlFields,
    entries: u64,
    digests: Option<(MessageDigest, [u8; 32])>,
}

impl Deref for CrlRead {
    type Target = CrlFields;

    fn deref(&self) -> &CrlFields {
        &self.fields
    }
}

impl<R: Read> CrlStream<R> {
    /// Begins to read a CRL of that many octets which that key is said to have signed, and hashes what it reads.
    pub fn new(source: R, size: u64, algorithm: Algorithm) -> Result<Self, CrlStreamError> {
        Self::begin(source, size, Some(Hashing { whole: Sha256::default(), tbs: MessageHasher::new(algorithm) }))
    }

    /// The same for octets that were judged before: nothing is hashed, so its signature cannot be verified.
    pub fn of_judged(source: R, size: u64) -> Result<Self, CrlStreamError> {
        Self::begin(source, size, None)
    }

    fn begin(source: R, size: u64, hashing: Option<Hashing>) -> Result<Self, CrlStreamError> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let mut stream = Self {
            source,
            size,
            read: 0,
            buffer: Vec::new(),
            taken: 0,
            before: Vec::new(),
            tbs: 0..0,
            entries_end: 0,
            order: EntryOrder::default(),
            hashing,
        };
        stream.fill()?;
        let start = Start::read(&stream.buffer, size)?;
        stream.before = stream.buffer[..start.entries.start].to_vec();
        (stream.taken, stream.entries_end, stream.tbs) = (start.entries.start, start.entries.end, start.tbs);
        stream.hash(0);
        Ok(stream)
    }

    /// The next entry; `None` after the last.
    #[inline]
    pub fn next_entry(&mut self) -> Result<Option<DeltaEntry>, CrlStreamError> {
        let left = self.entries_end - self.position();
        if left == 0 {
            return Ok(None);
        }
        if self.buffer.len() - self.taken < left.min(ENTRY_OCTETS_MAX) {
            self.refill()?;
        }
        let here = &self.buffer[self.taken..];
        let mut entries = DerReader::new(&here[..here.len().min(left)]);
        let before = entries.rest().len();
        let entry = next_entry(&mut entries);
        self.taken += before - entries.rest().len();
        Ok(Some(self.order.next(entry)?))
    }

    /// How many entries were taken.
    pub const fn entries_read(&self) -> u64 {
        self.order.read
    }

    /// Reads on to the end. The entries that were not taken are judged all the same.
    pub fn finish(mut self) -> Result<CrlRead, CrlStreamError> {
        while self.next_entry()?.is_some() {}
        if self.size - self.position() > AROUND_OCTETS_MAX {
            return Err(at("crlExtensions")(DerError::TrailingOctets).into());
        }
        while self.buffer.len() - self.taken < self.size - self.position() {
            self.refill()?;
        }
        let mut more = [0];
        if self.source.read(&mut more)? > 0 {
            return Err(at("CertificateList")(DerError::TrailingOctets).into());
        }
        let start = Start::read(&self.before, self.size)?;
        let of_tbs = start.tbs.end - start.entries.end;
        let end = End::read(&self.buffer[self.taken..], of_tbs, start.signature_identifier)?;
        Ok(CrlRead {
            fields: CrlFields::new(&start, &end),
            entries: self.order.read,
            digests: self.hashing.map(|hashing| (hashing.tbs.finish(), hashing.whole.finish())),
        })
    }

    /// Octets of the CRL that were taken.
    const fn position(&self) -> usize {
        self.read - (self.buffer.len() - self.taken)
    }

    /// Forgets what was taken, and reads on.
    #[cold]
    fn refill(&mut self) -> Result<(), CrlStreamError> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let kept = self.buffer.len();
        self.fill()?;
        self.hash(kept);
        Ok(())
    }

    /// Hashes the buffer from there on.
    fn hash(&mut self, new: usize) {
        let Some(Hashing { whole, tbs }) = &mut self.hashing else { return };
        let octets = &self.buffer[new..];
        let from = self.read - octets.len();
        let within = |place: usize| place.clamp(from, self.read) - from;
        whole.update(octets);
        tbs.update(&octets[within(self.tbs.start)..within(self.tbs.end)]);
    }

    /// Reads the next piece behind what is there.
    fn fill(&mut self) -> Result<(), CrlStreamError> {
        let (kept, piece) = (self.buffer.len(), PIECE_OCTETS.min(self.size - self.read));
        self.buffer.resize(kept + piece, 0);
        self.source.read_exact(&mut self.buffer[kept..])?;
        self.read += piece;
        Ok(())
    }
}

impl CrlRead {
    /// The signature is that key's, made with the algorithm the CRL names. A CRL that was not hashed does not verify.
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        let is_named = is_signature_identifier_of(issuer.algorithm(), &self.fields.signature_identifier);
        let (true, Some((digest, _))) = (is_named, &self.digests) else { return Err(BadSignature) };
        issuer.verify_digest(digest, &self.fields.signature)
    }

    /// SHA-256 of the whole CRL; `None` if it was not hashed.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.digests.as_ref().map(|(_, whole)| *whole)
    }

    /// How many entries it has.
    pub const fn entries(&self) -> u64 {
        self.entries
    }
}
