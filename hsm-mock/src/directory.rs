//! The token's folder: who may open it, and files that are there whole or not at all.
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::StorageError;
use crate::label::KeyLabel;

const HEADER: &str = "token.header";
const LOCK: &str = "lock";
const KEY_SUFFIX: &str = ".key";
/// A file being written; without its final name it does not count.
const NEW_SUFFIX: &str = ".new";
/// A key on its way out; with this name it no longer counts.
const DESTROYED_SUFFIX: &str = ".destroyed";

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What group and others could do; none of it is allowed.
const OTHERS_MODE: u32 = 0o077;

/// An RSA-3072 key file has 2 KiB; the largest ML-DSA private key would have 5. More is no key file.
const FILE_OCTETS_MAX: u64 = 16_384;

/// A token's folder, locked for as long as this lives.
pub(crate) struct TokenDirectory {
    path: PathBuf,
    /// Dropping it releases the lock, as does the end of the process in any way.
    _lock: File,
}

impl TokenDirectory {
    /// Makes the folder for a new token, whose parent must exist, and locks it.
    pub(crate) fn make(path: &Path) -> Result<Self, StorageError> {
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                refuse_open_to_others(path, DIRECTORY_MODE)?;
                // Before the lock too, so that no lock file is left in a folder that is not ours.
                refuse_occupied(path)?;
            }
            Err(error) => return Err(StorageError::io("make the folder", path)(error)),
        }
        // Also for a folder that was there: an earlier making may have been interrupted before this.
        sync_directory(parent(path))?;
        let lock = lock(path)?;
        // And after it, because another may have made a token between the look and the lock.
        refuse_occupied(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Locks an existing token's folder.
    pub(crate) fn enter(path: &Path) -> Result<Self, StorageError> {
        let names = match names(path) {
            Err(StorageError::Io { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
                return Err(StorageError::NoToken { directory: path.to_owned() });
            }
            other => other?,
        };
        let has = |name: &str| names.iter().any(|found| found == name);
        if !has(HEADER) && names.iter().any(|name| name.ends_with(KEY_SUFFIX)) {
            return Err(StorageError::HeaderMissing { path: path.join(HEADER) });
        }
        if !has(HEADER) && !has(LOCK) {
            return Err(StorageError::NoToken { directory: path.to_owned() });
        }
        refuse_open_to_others(path, DIRECTORY_MODE)?;
        // A token in the making is locked, so this comes before the judgement that one is half made.
        let lock = lock(path)?;
        if !path.join(HEADER).try_exists().map_err(StorageError::io("look for", &path.join(HEADER)))? {
            return Err(StorageError::HalfMade { directory: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn header_path(&self) -> PathBuf {
        self.path.join(HEADER)
    }

    pub(crate) fn key_path(&self, label: &KeyLabel) -> PathBuf {
        self.path.join(format!("{label}{KEY_SUFFIX}"))
    }

    /// The labels of all key files.
    pub(crate) fn key_labels(&self) -> Result<Vec<KeyLabel>, StorageError> {
        let names = names(&self.path)?;
        let labels = names.iter().filter_map(|name| Some((name, name.strip_suffix(KEY_SUFFIX)?)));
        labels
            .map(|(name, label)| {
                KeyLabel::new(label).map_err(|_| StorageError::StrangeName { path: self.path.join(name) })
            })
            .collect()
    }

    /// Puts a whole file in place: afterwards, and after a crash at any time, it is there whole or not at all.
    pub(crate) fn write(&self, path: &Path, contents: &[u8]) -> Result<(), StorageError> {
        // Step 1: all octets on disk under a name that does not count. A crash leaves it for `sweep`.
        let new = with_suffix(path, NEW_SUFFIX);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&new)
            .map_err(StorageError::io("create", &new))?;
        file.write_all(contents).map_err(StorageError::io("write", &new))?;
        file.sync_all().map_err(StorageError::io("sync", &new))?;
        // Step 2: the name that counts. A crash leaves the one or the other.
        fs::rename(&new, path).map_err(StorageError::io("give its name to", path))?;
        // Step 3: the name itself on disk.
        sync_directory(&self.path)
    }

    /// Takes a key file away. May be called again after a failure, whatever step it came to.
    pub(crate) fn destroy_key(&self, label: &KeyLabel) -> Result<(), StorageError> {
        let path = self.key_path(label);
        let doomed = with_suffix(&path, DESTROYED_SUFFIX);
        // Step 1: the key no longer counts. Only then may its octets go, lest a crash leave a torn key file that keeps the
        // token from opening.
        match fs::rename(&path, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(StorageError::io("take its name from", &path))?,
        }
        sync_directory(&self.path)?;
        // Step 2: its octets. A crash leaves them for `sweep`.
        erase(&doomed)?;
        sync_directory(&self.path)
    }

    /// Clears away what a crash left: files never finished, keys not yet erased.
    pub(crate) fn sweep(&self) -> Result<(), StorageError> {
        let names = names(&self.path)?;
        let leftovers: Vec<_> =
            names.iter().filter(|name| name.ends_with(NEW_SUFFIX) || name.ends_with(DESTROYED_SUFFIX)).collect();
        for name in &leftovers {
            erase(&self.path.join(name))?;
        }
        if leftovers.is_empty() { Ok(()) } else { sync_directory(&self.path) }
    }
}

/// Reads one of the token's files.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StorageError> {
    refuse_open_to_others(path, FILE_MODE)?;
    let file = File::open(path).map_err(StorageError::io("open", path))?;
    let mut contents = Vec::new();
    file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut contents).map_err(StorageError::io("read", path))?;
    if contents.len() as u64 > FILE_OCTETS_MAX {
        return Err(StorageError::Malformed { path: path.to_owned() });
    }
    Ok(contents)
}

/// Overwrites and removes. What the medium keeps of the old octets is beyond us (see the crate's page).
fn erase(path: &Path) -> Result<(), StorageError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(StorageError::io("open", path))?,
    };
    let octets = file.metadata().map_err(StorageError::io("measure", path))?.len();
    io::copy(&mut io::repeat(0).take(octets), &mut file).map_err(StorageError::io("overwrite", path))?;
    file.sync_all().map_err(StorageError::io("sync", path))?;
    fs::remove_file(path).map_err(StorageError::io("remove", path))
}

fn lock(directory: &Path) -> Result<File, StorageError> {
    let path = directory.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(StorageError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &path)(error)),
    }
}

/// A folder is free for a new token if it holds nothing but what an interrupted making leaves.
fn refuse_occupied(directory: &Path) -> Result<(), StorageError> {
    let names = names(directory)?;
    if names.iter().any(|name| name == HEADER) {
        return Err(StorageError::TokenExists { directory: directory.to_owned() });
    }
    let leftover = |name: &String| name == LOCK || name.strip_suffix(NEW_SUFFIX) == Some(HEADER);
    match names.iter().find(|name| !leftover(name)) {
        Some(name) => Err(StorageError::NotEmpty { found: directory.join(name) }),
        None => Ok(()),
    }
}

fn refuse_open_to_others(path: &Path, wanted: u32) -> Result<(), StorageError> {
    let mode = fs::metadata(path).map_err(StorageError::io("examine", path))?.permissions().mode() & 0o777;
    if mode & OTHERS_MODE == 0 {
        Ok(())
    } else {
        Err(StorageError::OpenToOthers { path: path.to_owned(), mode, wanted })
    }
}

/// What is in a folder. A name that is not Unicode is none of ours; in lossy form it still cannot pass for one.
fn names(directory: &Path) -> Result<Vec<String>, StorageError> {
    let failed = || StorageError::io("list", directory);
    let entries = fs::read_dir(directory).map_err(failed())?;
    entries.map(|entry| Ok(entry.map_err(failed())?.file_name().to_string_lossy().into_owned())).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(StorageError::io("sync the folder", path))
}
