//! The status index's snapshot: written from time to time and at the end, so that a start reads it and the rows since then
//! instead of the whole state. The format is in [`status::snapshot`].
//!
//! It names its log by the leaf hash of the first row, and proves it by the right edge of the log's tree: the rows since
//! then, appended to that edge, must give the registry's own. A snapshot that cannot be used is told of and not needed.
//! One of this very log that has rows which the log has not is another matter: the log lost them (I16, I25).
use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use registry::merkle::TreeEdge;
use registry::{RegistryError, Store};
use status::StatusIndex;
use status::snapshot::{Origin, Snapshot, SnapshotError};

use crate::steps::StepHook;

/// How old a snapshot grows: after a crash, the rows of so long are followed again, which takes seconds.
pub const EVERY: Duration = Duration::from_mins(10);
/// Octets that are read or written at once.
const BUFFER: usize = 1 << 18;

/// Why the registry is not worked on.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFailure {
    /// The log is shorter than it was.
    #[error(
        "the log ends at {end}, and {path} shows {shown} rows of it: this is an older copy of the registry, and working on it \
         would bring revoked certificates back to life. Restore the newest one"
    )]
    OlderLog {
        /// The snapshot.
        path: PathBuf,
        /// Rows that were durable once.
        shown: u64,
        /// Rows there are.
        end: u64,
    },
    /// The log is long enough, and not the one of the snapshot.
    #[error(
        "the first {shown} rows of the log are not those that {path} shows: this registry grew out of an older copy, and \
         working on it would bring revoked certificates back to life. Restore the newest one"
    )]
    OtherLog {
        /// The snapshot.
        path: PathBuf,
        /// Rows that were durable once.
        shown: u64,
    },
    /// The log could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The index as that file shows it, if it can be used with this log. If not, says why.
pub fn read(path: &Path, store: &Store) -> Result<Option<StatusIndex>, SnapshotFailure> {
    let why = match open(path) {
        Ok(snapshot) => match check(path, snapshot.origin(), store)? {
            Fit::Log => match snapshot.load() {
                Ok(index) => return Ok(Some(index)),
                Err(error) => error.to_string(),
            },
            Fit::Foreign => "the snapshot is of another log: remove it, so that it is made anew".to_owned(),
        },
        Err(SnapshotError::Io(error)) if error.kind() == ErrorKind::NotFound => "there is no snapshot yet".to_owned(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(path = %path.display(), why, "the status index is made from the state, which takes longer");
    Ok(None)
}

/// Opens a snapshot.
pub fn open(path: &Path) -> Result<Snapshot<BufReader<File>>, SnapshotError> {
    let file = File::open(path).map_err(SnapshotError::Io)?;
    Snapshot::open(BufReader::with_capacity(BUFFER, file))
}

/// What a snapshot has to do with a log.
enum Fit {
    /// It shows the log's first rows.
    Log,
    /// Nothing.
    Foreign,
}

fn check(path: &Path, origin: &Origin, store: &Store) -> Result<Fit, SnapshotFailure> {
    let Origin { position: shown, log, edge } = origin;
    let edge = minicbor::decode::<TreeEdge>(edge).ok().filter(|edge| edge.is_well_formed() && edge.size() == *shown);
    let (Some(mut grown), true) = (edge, first_row(store)? == Some(*log)) else { return Ok(Fit::Foreign) };
    let end = store.tree_edge()?;
    if end.size() < *shown {
        return Err(SnapshotFailure::OlderLog { path: path.to_owned(), shown: *shown, end: end.size() });
    }
    append(&mut grown, store, end.size())?;
    if grown == end { Ok(Fit::Log) } else { Err(SnapshotFailure::OtherLog { path: path.to_owned(), shown: *shown }) }
}

/// Which log it is: its first row's commitment has salt in it.
fn first_row(store: &Store) -> Result<Option<[u8; 32]>, RegistryError> {
    Ok(store.row(0)?.map(|row| row.leaf_hash))
}

fn append(edge: &mut TreeEdge, store: &Store, up_to: u64) -> Result<(), RegistryError> {
    for row in store.rows(edge.size()) {
        if edge.size() == up_to {
            break;
        }
        edge.append(row?.1.leaf_hash);
    }
    Ok(())
}

/// All that snapshots are made of. Only for a registry whose commits are synced: a snapshot must not be ahead of the disk.
pub struct Snapshots {
    /// The file.
    pub path: PathBuf,
    /// The log.
    pub store: Arc<Store>,
    /// The index.
    pub index: Arc<StatusIndex>,
    /// The log's edge at or before the index's position.
    pub edge: TreeEdge,
    /// Told after each step.
    pub step: StepHook,
}

impl Snapshots {
    /// Writes one; the position that it shows.
    fn write(&mut self) -> Result<u64, WriteError> {
        let frozen = self.index.freeze();
        let position = frozen.position();
        append(&mut self.edge, &self.store, position)?;
        // Only an empty log has no first row, and `akashi init` leaves none.
        let log = first_row(&self.store)?.unwrap_or_default();
        let edge = minicbor::to_vec(&self.edge).expect("writing to memory does not fail");
        WholeFile { path: &self.path, step: &self.step }.write(|to| frozen.write(log, edge, to))?;
        Ok(position)
    }
}

/// A file that is being written.
pub type Draft = BufWriter<Told>;

/// A snapshot's file, written whole or not at all: it has its name only after its contents are on disk.
pub struct WholeFile<'a> {
    /// Its name.
    pub path: &'a Path,
    /// Told after each step.
    pub step: &'a StepHook,
}

impl WholeFile<'_> {
    /// Writes it.
    pub fn write(&self, contents: impl FnOnce(Draft) -> std::io::Result<Draft>) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        // What a crash left of an earlier one is written over.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let told = Told { file, step: Arc::clone(self.step) };
        let written = contents(BufWriter::with_capacity(BUFFER, told))?;
        let file = written.into_inner().map_err(std::io::IntoInnerError::into_error)?.file;
        file.sync_all()?;
        (self.step)("snapshot.2-written");
        std::fs::rename(&new, self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        (self.step)("snapshot.3-named");
        Ok(())
    }
}

/// Why a snapshot could not be written. The one before it stays.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Tells after each write that a part is in the file.
pub struct Told {
    file: File,
    step: StepHook,
}

impl Write for Told {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(octets)?;
        (self.step)("snapshot.1-begun");
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Writes snapshots on a thread of its own until it is dropped, with a last one then.
#[derive(Debug)]
pub struct SnapshotKeeper {
    running: Option<(Sender<Infallible>, JoinHandle<()>)>,
}

impl SnapshotKeeper {
    /// Begins with one, if the file does not show the index's position: it shows that one, or nothing of use.
    pub fn start(snapshots: Snapshots, shown: Option<u64>) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("snapshot".to_owned());
        let thread = thread.spawn(move || keep(snapshots, shown, &stopped))?;
        Ok(Self { running: Some((stop, thread)) })
    }
}

impl Drop for SnapshotKeeper {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.running.take() else { return };
        drop(stop);
        // A panic in it has been reported by the panic hook.
        let _ = thread.join();
    }
}

fn keep(mut snapshots: Snapshots, mut shown: Option<u64>, stopped: &Receiver<Infallible>) {
    let mut last = false;
    loop {
        if shown != Some(snapshots.index.position()) {
            match snapshots.write() {
                Ok(position) => shown = Some(position),
                Err(error) => {
                    tracing::error!(%error, "no snapshot of the status index could be written; a start takes longer");
                }
            }
        }
        if last {
            return;
        }
        last = match stopped.recv_timeout(EVERY) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
    }
}
