//! A CRL sent straight from the segment file, a piece at a time: a slow reader of a large CRL costs one piece of memory.
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

/// Most municipal CRLs need a few pieces; a larger piece would only cost more memory for each slow reader.
const PIECE_OCTETS: u64 = 64 * 1_024;

/// The body of an answer.
pub(crate) struct SegmentBody {
    segment: Arc<File>,
    offset: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl SegmentBody {
    /// These octets of the CRL that begins at that offset.
    pub(crate) const fn new(segment: Arc<File>, offset: u64, octets: Range<u64>) -> Self {
        Self { segment, offset: offset + octets.start, left: octets.end - octets.start, reading: None }
    }

    fn begin_reading(&self) -> JoinHandle<io::Result<Bytes>> {
        let (segment, offset, size) = (Arc::clone(&self.segment), self.offset, self.left.min(PIECE_OCTETS));
        spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(size).map_err(io::Error::other)?];
            segment.read_exact_at(&mut piece, offset)?;
            Ok(piece.into())
        })
    }
}

impl Body for SegmentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.begin_reading());
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let piece = read.map_err(io::Error::other).flatten();
        match &piece {
            Ok(piece) => (self.offset, self.left) = (self.offset + piece.len() as u64, self.left - piece.len() as u64),
            // A body that errs has ended; the reader sees a connection cut short of Content-Length, never a short CRL.
            Err(_) => self.left = 0,
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
