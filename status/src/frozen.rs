//! The index as it was at one position, written out page by page while it goes on.
//!
//! The writer keeps an image of each page that it is about to change and that was not written out yet; so a page is copied
//! under the writer's lock, some tens of microseconds each, readers are never disturbed, and what is kept is as much as changes
//! meanwhile.
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{MutexGuard, PoisonError};

use pki::identity::{Ca, Serial};

use crate::StatusIndex;
use crate::ca_index::CaIndex;
use crate::image::PageImage;
use crate::page::Page;
use crate::pages::{StatusPages, place_of};
use crate::snapshot::{CaKeys, Origin, SnapshotWriter};

/// What is kept while an index is written out.
#[derive(Default)]
pub(crate) struct Saving {
    /// Places (CA, page) before this one were written out.
    next: (usize, usize),
    /// Pages that were changed before they were written out, as they were.
    images: BTreeMap<(usize, usize), PageImage>,
}

impl Saving {
    /// Called before a change.
    pub(crate) fn keep(&mut self, ca: Ca, serial: Serial, pages: &StatusPages) {
        let (number, _) = place_of(serial.get());
        let place = (ca.index(), number);
        if place >= self.next && !self.images.contains_key(&place) {
            self.images.insert(place, pages.page(number).map_or_else(PageImage::default, Page::image));
        }
    }
}

/// An index as it was when [`StatusIndex::freeze`] was called. It goes on meanwhile.
pub struct Frozen<'a> {
    index: &'a StatusIndex,
    position: u64,
    /// Of each CA, its keys and the numbers of its pages.
    cas: Vec<(Ca, CaKeys, Vec<usize>)>,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Frozen<'a> {
    pub(crate) fn new(index: &'a StatusIndex) -> Self {
        let alone = index.freezing.lock().unwrap_or_else(PoisonError::into_inner);
        let _writer = index.turn.writer();
        *index.saving() = Some(Saving::default());
        let cas = Ca::ALL.into_iter().map(|ca| {
            let CaIndex { keys, pages } = &index.cas[ca.index()];
            (ca, keys.all(), pages.numbers().collect())
        });
        Self { index, position: index.position(), cas: cas.collect(), _alone: alone }
    }

    /// The log position that it shows.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Writes it out as a snapshot of that log: the leaf hash of its first row, and the edge of its tree at the position.
    pub fn write<W: Write>(self, log: [u8; 32], edge: Vec<u8>, to: W) -> std::io::Result<W> {
        let mut writer = SnapshotWriter::new(to, &Origin { position: self.position, log, edge })?;
        for (ca, keys, pages) in &self.cas {
            writer.keys(*ca, keys, pages.len())?;
            for number in pages {
                writer.page(*number, &self.image(*ca, *number))?;
            }
        }
        writer.finish()
    }

    fn image(&self, ca: Ca, number: usize) -> PageImage {
        let _writer = self.index.turn.writer();
        let mut saving = self.index.saving();
        let saving = saving.as_mut().expect("it is kept until this is dropped");
        let place = (ca.index(), number);
        saving.next = (ca.index(), number + 1);
        saving.images.remove(&place).unwrap_or_else(|| {
            let page = self.index.cas[ca.index()].pages.page(number);
            page.expect("pages stay").image()
        })
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        *self.index.saving() = None;
    }
}
