//! The one file that all CRLs of a cut lie in, and reading them from it a piece at a time.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use pki::algorithm::Algorithm;
use pki::crl::{CrlStream, CrlStreamError};

use crate::slot::CrlSlot;

/// Where a CRL lies in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Octets before it.
    pub(crate) offset: u64,
    /// Its octets.
    pub(crate) size: u64,
}

/// The CRLs of a cut that has no manifest yet.
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) places: BTreeMap<CrlSlot, Place>,
}

impl Segment {
    /// A CRL, to be read and hashed; `None` if there is no such.
    pub(crate) fn stream(
        &self,
        slot: CrlSlot,
        algorithm: Algorithm,
    ) -> Option<Result<CrlStream<Octets<'_>>, CrlStreamError>> {
        let &place = self.places.get(&slot)?;
        Some(CrlStream::new(Octets::new(&self.file, place), place.size, algorithm))
    }
}

/// The octets of one place, read in order.
pub(crate) struct Octets<'a> {
    file: &'a File,
    left: Place,
}

impl<'a> Octets<'a> {
    pub(crate) const fn new(file: &'a File, place: Place) -> Self {
        Self { file, left: place }
    }
}

impl Read for Octets<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left.size).map_or(into.len(), |left| left.min(into.len()));
        let read = self.file.read_at(&mut into[..count], self.left.offset)?;
        let Place { offset, size } = self.left;
        self.left = Place { offset: offset + read as u64, size: size - read as u64 };
        Ok(read)
    }
}
