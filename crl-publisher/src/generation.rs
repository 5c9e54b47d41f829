//! One cut as it lies on disk: two files in a folder named by its number.
//!
//! | file | contents |
//! |---|---|
//! | `segment.crls` | every CRL, DER, one after the other in the manifest's order: one sync instead of thousands |
//! | `manifest.json` | the signed manifest; sizes in order give each CRL's place in the segment |
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use pki::algorithm::{Sha256, sha256};
use pki::crl::{CrlStream, CrlStreamError};

use crate::ledger::PublishedCut;
use crate::manifest::{Manifest, ManifestError, ManifestFile, from_hex};
use crate::segment::{Octets, Place};
use crate::slot::CrlSlot;

pub(crate) const SEGMENT_FILE: &str = "segment.crls";
pub(crate) const MANIFEST_FILE: &str = "manifest.json";

/// Octets of the segment that are read and hashed at once.
const HASHED_AT_ONCE: usize = 256 * 1_024;

/// Where a CRL lies in the segment, and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredCrl {
    /// Octets before it.
    pub offset: u64,
    /// Its octets.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl StoredCrl {
    const fn place(&self) -> Place {
        Place { offset: self.offset, size: self.size }
    }
}

/// Why a cut's folder is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// A file is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest cannot be read.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// A field of the manifest has no meaning, or two entries name one CRL.
    #[error("{}: the manifest's {field} has no meaning", path.display())]
    BadField {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
    /// The segment is shorter or longer than the manifest says: torn, or another cut's.
    #[error("{}: {found} octets, where the manifest says {expected}", path.display())]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A CRL is not the one the manifest names.
    #[error("{slot} does not have the SHA-256 that the manifest says")]
    WrongHash {
        /// Which.
        slot: CrlSlot,
    },
}

/// A cut's files, opened. Its CRLs stay readable for as long as this lives, even after the folder is pruned.
#[derive(Clone, Debug)]
pub struct Generation {
    cut: PublishedCut,
    manifest: Bytes,
    segment: Arc<File>,
    crls: BTreeMap<CrlSlot, StoredCrl>,
}

impl Generation {
    /// Opens a cut's folder and compares the segment's length with the manifest. Hashes are compared by
    /// [`Generation::verify_hashes`].
    pub fn open(folder: &Path) -> Result<Self, GenerationError> {
        let path = folder.join(MANIFEST_FILE);
        let manifest = std::fs::read(&path).map_err(|source| GenerationError::Io { path: path.clone(), source })?;
        let payload =
            Manifest::read(&manifest).map_err(|source| GenerationError::Manifest { path: path.clone(), source })?;
        let bad = |field| GenerationError::BadField { path: path.clone(), field };
        let cut = payload.cut(sha256(&manifest)).ok_or_else(|| bad("cut"))?;
        let (crls, expected) = places(&payload.files).ok_or_else(|| bad("files"))?;

        let path = folder.join(SEGMENT_FILE);
        let at = |source| GenerationError::Io { path: path.clone(), source };
        let segment = File::open(&path).map_err(at)?;
        let found = segment.metadata().map_err(at)?.len();
        if found != expected {
            return Err(GenerationError::WrongSize { path, expected, found });
        }
        Ok(Self { cut, manifest: manifest.into(), segment: Arc::new(segment), crls })
    }

    /// Reads the whole segment and compares every CRL with the manifest.
    pub fn verify_hashes(&self) -> Result<(), GenerationError> {
        let mut piece = vec![0; HASHED_AT_ONCE];
        for (&slot, stored) in &self.crls {
            let (mut octets, mut hash) = (Octets::new(&self.segment, stored.place()), Sha256::default());
            loop {
                match octets.read(&mut piece) {
                    Ok(0) => break,
                    Ok(read) => hash.update(&piece[..read]),
                    Err(source) => return Err(GenerationError::Io { path: SEGMENT_FILE.into(), source }),
                }
            }
            if hash.finish() != stored.sha256 {
                return Err(GenerationError::WrongHash { slot });
            }
        }
        Ok(())
    }

    /// The cut.
    pub const fn cut(&self) -> &PublishedCut {
        &self.cut
    }

    /// The signed manifest.
    pub const fn manifest(&self) -> &Bytes {
        &self.manifest
    }

    /// Its CRLs.
    pub const fn crls(&self) -> &BTreeMap<CrlSlot, StoredCrl> {
        &self.crls
    }

    /// The octets of one CRL in memory; `None` if the cut has no such.
    pub fn read(&self, slot: CrlSlot) -> io::Result<Option<Vec<u8>>> {
        let Some(&StoredCrl { offset, size, .. }) = self.crls.get(&slot) else { return Ok(None) };
        let mut der = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        self.segment.read_exact_at(&mut der, offset)?;
        Ok(Some(der))
    }

    /// One CRL, to be read without being judged again; `None` if the cut has no such.
    pub(crate) fn judged(&self, slot: CrlSlot) -> Option<Result<CrlStream<Octets<'_>>, CrlStreamError>> {
        let stored = self.crls.get(&slot)?;
        Some(CrlStream::of_judged(Octets::new(&self.segment, stored.place()), stored.size))
    }

    /// The file that all the CRLs lie in.
    pub(crate) const fn segment(&self) -> &Arc<File> {
        &self.segment
    }
}

/// Each CRL's place, and the length of the whole segment; `None` if an entry names nothing or a CRL named before.
fn places(files: &[ManifestFile]) -> Option<(BTreeMap<CrlSlot, StoredCrl>, u64)> {
    let mut crls = BTreeMap::new();
    let mut offset = 0_u64;
    for file in files {
        let stored = StoredCrl { offset, size: file.size, sha256: from_hex(&file.sha256)? };
        offset = offset.checked_add(file.size)?;
        if crls.insert(file.slot()?, stored).is_some() {
            return None;
        }
    }
    Some((crls, offset))
}
