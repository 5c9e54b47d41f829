//! The folder of published cuts, and what readers are served from it.
//!
//! | path | contents |
//! |---|---|
//! | `cuts/<number>/` | one cut's files; immutable once checked |
//! | `current` | the number of the cut that is published, in decimal: replaced by one rename |
//! | `current.next` | the next one, synced and waiting for its rename |
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::generation::{Generation, MANIFEST_FILE, SEGMENT_FILE};

const CURRENT_FILE: &str = "current";
const NEXT_FILE: &str = "current.next";
const CUTS_FOLDER: &str = "cuts";

/// The store's folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the system said.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another publisher has the folder.
    #[error(
        "{}: another publisher works in this folder, and two would take each other's cuts away. Stop the other `akashi serve`, or give \
         this one a data_dir of its own",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// `current` does not hold a number.
    #[error("{} does not hold a cut number; remove it, and the last cut in the ledger is published again", path.display())]
    BadCurrent {
        /// The file.
        path: PathBuf,
    },
}

/// Every generation that readers may ask for.
#[derive(Clone, Debug, Default)]
pub struct Generations {
    /// The published one.
    pub current: Option<Arc<Generation>>,
    /// The published one and those before it that are still kept, by number.
    pub by_number: BTreeMap<u64, Arc<Generation>>,
}

/// What readers see, changed in one step for all CRLs at once.
#[derive(Debug, Default)]
pub struct PublishedCrls {
    generations: ArcSwap<Generations>,
}

impl PublishedCrls {
    /// One cut, served by whoever has its files and no publisher.
    pub fn of(generation: Generation) -> Self {
        let generation = Arc::new(generation);
        let by_number = BTreeMap::from([(generation.cut().cut_number, Arc::clone(&generation))]);
        Self { generations: ArcSwap::from_pointee(Generations { current: Some(generation), by_number }) }
    }

    /// What is published at this moment. Use one answer for one request, so that it is of one cut.
    pub fn load(&self) -> Arc<Generations> {
        self.generations.load_full()
    }
}

/// The folder. One publisher owns it.
pub(crate) struct PublishedStore {
    /// Locked; the lock ends with this, and with the process however it ends.
    _folder: File,
    root: PathBuf,
    kept_cuts: usize,
    published: Arc<PublishedCrls>,
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}

/// Makes names in a folder, or a file's octets, durable.
fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_at(path))
}

/// A cut's folder in that store.
pub(crate) fn cut_folder(root: &Path, cut_number: u64) -> PathBuf {
    root.join(CUTS_FOLDER).join(cut_number.to_string())
}

/// The number in that store's `current`; `None` before the first flip.
pub(crate) fn current_cut(root: &Path) -> Result<Option<u64>, StoreError> {
    let path = root.join(CURRENT_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let number = text.strip_suffix('\n').and_then(|number| number.parse().ok());
            number.map(Some).ok_or(StoreError::BadCurrent { path })
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { path, source }),
    }
}

impl PublishedStore {
    /// Makes the folders if they are not there, and locks them. Nothing is served before [`PublishedStore::serve`].
    pub(crate) fn open(root: PathBuf, kept_cuts: usize) -> Result<Self, StoreError> {
        let cuts = root.join(CUTS_FOLDER);
        fs::create_dir_all(&cuts).map_err(io_at(&cuts))?;
        let folder = File::open(&root).map_err(io_at(&root))?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: root }),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path: root, source }),
        }
        folder.sync_all().map_err(io_at(&root))?;
        Ok(Self { _folder: folder, root, kept_cuts: kept_cuts.max(1), published: Arc::default() })
    }

    pub(crate) const fn published(&self) -> &Arc<PublishedCrls> {
        &self.published
    }

    pub(crate) fn cut_folder(&self, cut_number: u64) -> PathBuf {
        cut_folder(&self.root, cut_number)
    }

    /// The number in `current`; `None` before the first flip.
    pub(crate) fn current(&self) -> Result<Option<u64>, StoreError> {
        current_cut(&self.root)
    }

    /// An empty folder for a cut that was just reserved.
    pub(crate) fn begin(&self, cut_number: u64) -> Result<PathBuf, StoreError> {
        let folder = self.cut_folder(cut_number);
        fs::create_dir(&folder).map_err(io_at(&folder))?;
        Ok(folder)
    }

    /// Makes a checked cut durable, and all of its flip but the rename.
    pub(crate) fn make_durable(&self, cut_number: u64) -> Result<(), StoreError> {
        let folder = self.cut_folder(cut_number);
        for path in [folder.join(SEGMENT_FILE), folder.join(MANIFEST_FILE), folder, self.root.join(CUTS_FOLDER)] {
            sync(&path)?;
        }
        let next = self.root.join(NEXT_FILE);
        File::create(&next)
            .and_then(|mut file| file.write_all(format!("{cut_number}\n").as_bytes()))
            .map_err(io_at(&next))?;
        sync(&next)
    }

    /// The flip: one rename, one directory sync, one swap for the readers. After a crash `current` names the old cut or
    /// the new one; both are whole.
    pub(crate) fn flip(&self, generation: Arc<Generation>) -> Result<(), StoreError> {
        let (next, current) = (self.root.join(NEXT_FILE), self.root.join(CURRENT_FILE));
        fs::rename(&next, &current).map_err(io_at(&current))?;
        sync(&self.root)?;
        self.serve(generation);
        Ok(())
    }

    /// Shows that generation to the readers as the current one.
    pub(crate) fn serve(&self, generation: Arc<Generation>) {
        let mut generations = Generations::clone(&self.published.load());
        generations.by_number.insert(generation.cut().cut_number, Arc::clone(&generation));
        generations.current = Some(generation);
        while generations.by_number.len() > self.kept_cuts {
            generations.by_number.pop_first();
        }
        self.published.generations.store(Arc::new(generations));
    }

    /// Shows an earlier cut, found on disk, under its own number.
    pub(crate) fn serve_earlier(&self, generation: Generation) {
        let mut generations = Generations::clone(&self.published.load());
        generations.by_number.insert(generation.cut().cut_number, Arc::new(generation));
        self.published.generations.store(Arc::new(generations));
    }

    /// Removes the folder of a cut that was never published, or is no longer kept.
    pub(crate) fn remove(&self, cut_number: u64) -> Result<(), StoreError> {
        let folder = self.cut_folder(cut_number);
        match fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Io { path: folder, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The numbers of all cut folders, ascending.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let cuts = self.root.join(CUTS_FOLDER);
        let names = fs::read_dir(&cuts)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
        let mut numbers: Vec<u64> =
            names.map_err(io_at(&cuts))?.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes what is not served: cuts that were begun and never published, and those older than the kept ones. The
    /// one that `current` names stays, even when its files are not what they must be: a person may want to look.
    pub(crate) fn prune(&self) -> Result<(), StoreError> {
        let (served, current) = (self.published.load(), self.current()?);
        let unwanted = |number: &u64| !served.by_number.contains_key(number) && Some(*number) != current;
        self.numbers()?.into_iter().filter(unwanted).try_for_each(|number| self.remove(number))
    }
}
