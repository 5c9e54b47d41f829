//! The mark: outside the registry, where the log's end was a few seconds ago. Without it, nothing that is younger than
//! the last cut could tell that the registry's folder is an older copy of itself (I25).
//!
//! It is the right edge of the log's Merkle tree. At each start the rows after the mark are appended to it, and that must
//! give the registry's own edge: so the registry is the marked one, as it was or grown, and neither an older copy nor
//! another branch. The last [`EVERY`] before a crash are not covered.
use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use registry::merkle::TreeEdge;
use registry::{RegistryError, Store};

/// How far the mark is behind the log at most, while it can be written.
pub const EVERY: Duration = Duration::from_secs(5);

/// Why the registry is not worked on, or the mark not written.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// No mark.
    #[error(
        "{0} is missing, so nobody can tell whether the registry beside it is the newest one. Restore both from the same backup"
    )]
    Missing(PathBuf),
    /// Not a mark.
    #[error(
        "{0} is damaged, so nobody can tell whether the registry beside it is the newest one. Restore both from the same backup"
    )]
    Damaged(PathBuf),
    /// The log is shorter than it was.
    #[error(
        "the log ends at {end}, and {path} remembers {marked} rows: this is an older copy of the registry, and working on it \
         would bring revoked certificates back to life. Restore the newest one"
    )]
    OlderLog {
        /// The mark.
        path: PathBuf,
        /// Rows that were durable once.
        marked: u64,
        /// Rows there are.
        end: u64,
    },
    /// The log is long enough, and not the one that was marked.
    #[error(
        "the first {marked} rows of the log are not those that {path} remembers: this registry grew out of an older copy, or \
         is another one, and working on it would bring revoked certificates back to life. Restore the newest one"
    )]
    OtherLog {
        /// The mark.
        path: PathBuf,
        /// Rows that were durable once.
        marked: u64,
    },
    /// The log could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A mark as it was read.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    edge: TreeEdge,
}

impl Mark {
    /// Reads the mark in that file.
    pub fn read(path: PathBuf) -> Result<Self, MarkError> {
        let octets = match std::fs::read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(MarkError::Missing(path)),
            Err(source) => return Err(MarkError::Io { path, source }),
        };
        match minicbor::decode::<TreeEdge>(&octets) {
            Ok(edge) if edge.is_well_formed() => Ok(Self { path, edge }),
            Ok(_) | Err(_) => Err(MarkError::Damaged(path)),
        }
    }

    /// The log is the marked one, as it was or grown. To be asked before anything is appended to it.
    pub fn check(&self, store: &Store) -> Result<(), MarkError> {
        let Self { path, edge } = self;
        let (marked, end) = (edge.size(), store.tree_edge()?);
        if end.size() < marked {
            return Err(MarkError::OlderLog { path: path.clone(), marked, end: end.size() });
        }
        let mut grown = edge.clone();
        for row in store.rows(marked) {
            let (_, row) = row?;
            grown.append(row.leaf_hash);
        }
        if grown == end { Ok(()) } else { Err(MarkError::OtherLog { path: path.clone(), marked }) }
    }
}

/// Writes the mark of that log, whole or not at all: the file has its name only after its contents are on disk.
///
/// It never says more than what is durable: `RocksDB` shows a commit to readers after its write-ahead log is synced, and
/// what it found there when it was opened it wrote to synced tables of its own first. Both hold for synced commits alone.
pub fn write(path: &Path, edge: &TreeEdge) -> Result<(), MarkError> {
    let octets = minicbor::to_vec(edge).expect("writing to memory does not fail");
    let new = path.with_extension("new");
    let work = || -> std::io::Result<()> {
        // What a crash left of an earlier one is written over.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&octets)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(path.parent().expect("the mark lies in the data folder"))?.sync_all()
    };
    work().map_err(|source| MarkError::Io { path: path.to_owned(), source })
}

/// Keeps the mark at the log's end, from its start until it is dropped, with a last mark then.
#[derive(Debug)]
pub struct MarkKeeper {
    running: Option<(Sender<Infallible>, JoinHandle<()>)>,
}

impl MarkKeeper {
    /// Goes on from a mark that was checked. Only for a registry whose commits are synced.
    pub fn start(mark: Mark, store: Arc<Store>) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("mark".to_owned());
        let thread = thread.spawn(move || keep(mark, &store, &stopped))?;
        Ok(Self { running: Some((stop, thread)) })
    }
}

impl Drop for MarkKeeper {
    fn drop(&mut self) {
        let Some((stop, thread)) = self.running.take() else { return };
        drop(stop);
        // A panic in it has been reported by the panic hook.
        let _ = thread.join();
    }
}

fn keep(mut mark: Mark, store: &Store, stopped: &Receiver<Infallible>) {
    loop {
        let last = match stopped.recv_timeout(EVERY) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if let Err(error) = advance(&mut mark, store) {
            tracing::error!(%error, "the mark could not be written; an older copy of the registry would not be noticed");
        }
        if last {
            return;
        }
    }
}

/// Writes the mark if the log has grown.
fn advance(mark: &mut Mark, store: &Store) -> Result<(), MarkError> {
    let edge = store.tree_edge()?;
    if edge.size() != mark.edge.size() {
        write(&mark.path, &edge)?;
        mark.edge = edge;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_over_an_older_one_and_over_what_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        assert!(matches!(Mark::read(path.clone()), Err(MarkError::Missing(_))));
        std::fs::write(folder.path().join("mark.new"), [0; 4_096]).unwrap();
        let mut edge = TreeEdge::default();
        for size in 0..20_u8 {
            write(&path, &edge).unwrap();
            assert_eq!(Mark::read(path.clone()).unwrap().edge, edge);
            assert!(!folder.path().join("mark.new").exists());
            edge.append([size; 32]);
        }
    }

    #[test]
    fn no_part_of_a_mark_is_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let mut edge = TreeEdge::default();
        (0..7).for_each(|leaf| edge.append([leaf; 32]));
        write(&path, &edge).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(Mark::read(path.clone()), Err(MarkError::Damaged(_))), "{length} octets");
        }
    }
}
