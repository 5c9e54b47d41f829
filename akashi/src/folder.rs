//! The data folder: what lies where, and whether its making was finished.
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The data folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What is wrong with the data folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// `akashi init` was not run, or another folder was meant.
    #[error("{0} has no Akashi data. Run `akashi init` first, or correct data_dir in the configuration")]
    Nothing(PathBuf),
    /// `akashi init` was run before.
    #[error("{0} is initialised already; keys and certificates are made once. To start over, choose another data_dir")]
    Initialised(PathBuf),
    /// `akashi init` did not get to its end.
    #[error(
        "{0} is half made: `akashi init` was interrupted in it. Nothing was issued from it yet; remove the folder and run `akashi init` again"
    )]
    HalfMade(PathBuf),
    /// What only a sandbox may do was asked of another folder.
    #[error(
        "{0} is not a sandbox, and only a sandbox may run on a shifted clock. Leave --clock-starts-at out, or make a sandbox with `akashi init --sandbox`"
    )]
    NoSandbox(PathBuf),
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Written last by `akashi init`.
const MARKER: &str = "initialised";
/// There from the beginning of `akashi init --sandbox`.
const SANDBOX: &str = "sandbox";

impl Folder {
    /// The folder of that path.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The registry.
    pub fn registry(&self) -> PathBuf {
        self.0.join("registry")
    }

    /// The token.
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// Published cuts.
    pub fn crl(&self) -> PathBuf {
        self.0.join("crl")
    }

    /// The mark of the log's end. Outside the registry's folder, so that restoring that does not restore it.
    pub fn mark(&self) -> PathBuf {
        self.0.join("mark")
    }

    /// The snapshot of the status index. Outside the registry's folder as well, and no part of a backup.
    pub fn status_index(&self) -> PathBuf {
        self.0.join("status-index")
    }

    /// The party CA's certificate (PEM).
    pub fn party_ca(&self) -> PathBuf {
        self.0.join("tls/party-ca.pem")
    }

    /// Refuses unless the folder was fully made.
    pub fn require_initialised(&self) -> Result<(), FolderError> {
        if self.0.join(MARKER).is_file() {
            Ok(())
        } else if self.is_occupied()? {
            Err(FolderError::HalfMade(self.0.clone()))
        } else {
            Err(FolderError::Nothing(self.0.clone()))
        }
    }

    /// Makes the folder, or refuses one that has anything in it.
    pub fn make(&self) -> Result<(), FolderError> {
        if self.0.join(MARKER).is_file() {
            return Err(FolderError::Initialised(self.0.clone()));
        }
        if self.is_occupied()? {
            return Err(FolderError::HalfMade(self.0.clone()));
        }
        let path = &self.0;
        // A new folder's name is durable when the folder above it is synced, and so on up to the first one that was there.
        let new = path.ancestors().take_while(|above| !above.exists()).count().max(1);
        let work = || -> std::io::Result<()> {
            // Nobody but its owner reads it: sealed keys, and the sealed records of a nation.
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            for above in path.ancestors().skip(1).take(new) {
                let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
                std::fs::File::open(above)?.sync_all()?;
            }
            Ok(())
        };
        work().map_err(|source| FolderError::Io { path: path.clone(), source })
    }

    /// Says that everything in the folder is for trying out and to be thrown away. For ever: certificates of a sandbox
    /// may have been made on any clock.
    pub fn mark_sandbox(&self) -> Result<(), FolderError> {
        self.write(SANDBOX, b"for trying out; nothing of this may be relied on\n", 0o600)
    }

    /// Refuses unless the folder was made as a sandbox.
    pub fn require_sandbox(&self) -> Result<(), FolderError> {
        if self.0.join(SANDBOX).is_file() { Ok(()) } else { Err(FolderError::NoSandbox(self.0.clone())) }
    }

    /// Says that making the folder is finished.
    pub fn mark_initialised(&self) -> Result<(), FolderError> {
        self.write(MARKER, b"akashi 1\n", 0o600)
    }

    /// Writes a file with that mode, durably, making the folders above it.
    pub fn write(&self, name: &str, contents: &[u8], mode: u32) -> Result<(), FolderError> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0).to_owned();
        let work = || -> std::io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(contents)?;
            file.sync_all()?;
            std::fs::File::open(&folder)?.sync_all()
        };
        work().map_err(|source| FolderError::Io { path, source })
    }

    /// Writes a file with that mode in one step: a crash leaves the one before, or none.
    pub fn replace(&self, name: &str, contents: &[u8], mode: u32) -> Result<(), FolderError> {
        let (draft, path) = (format!("{name}.draft"), self.0.join(name));
        let io = |source| FolderError::Io { path: path.clone(), source };
        match std::fs::remove_file(self.0.join(&draft)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            Ok(()) | Err(_) => {}
        }
        self.write(&draft, contents, mode)?;
        std::fs::rename(self.0.join(&draft), &path).map_err(io)?;
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }

    fn is_occupied(&self) -> Result<bool, FolderError> {
        match std::fs::read_dir(&self.0) {
            Ok(mut entries) => Ok(entries.next().is_some()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(FolderError::Io { path: self.0.clone(), source }),
        }
    }
}
