//! What can go wrong, as facts, each with what to do about it.
use std::io;
use std::path::PathBuf;

use pki::algorithm::Algorithm;

use crate::label::KeyLabel;
use crate::token::{KeyKind, Operation};

/// A token did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No key has that label: never made, or destroyed.
    #[error("the token has no key {label}")]
    NoSuchKey {
        /// The label asked for.
        label: KeyLabel,
    },
    /// A label names one key for its whole life.
    #[error("the token has a key {label} already; it is never overwritten")]
    KeyExists {
        /// The label in use.
        label: KeyLabel,
    },
    /// The key is for something else.
    #[error("{label} is a key of kind {}; it is not for {operation}", kind.word())]
    WrongUse {
        /// The key.
        label: KeyLabel,
        /// What it is.
        kind: KeyKind,
        /// What it was asked for.
        operation: Operation,
    },
    /// The message was hashed for another algorithm than the key's.
    #[error("{label} signs with {}, but the message was hashed for {}", key.word(), digest.word())]
    WrongDigest {
        /// The key.
        label: KeyLabel,
        /// The key's algorithm.
        key: Algorithm,
        /// The algorithm the message was hashed for.
        digest: Algorithm,
    },
    /// The octets to unwrap are not this key's wrapping in this context: altered, cut, of another key or context.
    #[error("what was to be unwrapped was not wrapped by {label} in this context, or has been altered")]
    NotAuthentic {
        /// The key.
        label: KeyLabel,
    },
    /// More to wrap than one call takes.
    #[error("{octets} octets are too many to wrap at once; at most {octets_max} are taken")]
    TooLong {
        /// Octets offered.
        octets: usize,
        /// Octets taken at most.
        octets_max: usize,
    },
    /// The PIN does not open the token.
    #[error("the PIN is wrong, or the token's header file has been altered")]
    WrongPin,
    /// The device or its cryptography failed; the same call may succeed later.
    #[error("the token failed while {operation}")]
    Failed {
        /// What it was doing.
        operation: Operation,
    },
    /// The token's files are not as they should be, or could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The token's folder or files are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Nothing there.
    #[error("there is no token in {}; make one first", directory.display())]
    NoToken {
        /// Where one was looked for.
        directory: PathBuf,
    },
    /// A token is there, and making another would destroy its keys.
    #[error("there is a token in {} already; it is never overwritten", directory.display())]
    TokenExists {
        /// Its folder.
        directory: PathBuf,
    },
    /// A crash came between making the folder and writing the header; no key was ever there.
    #[error("the making of the token in {} was interrupted; it holds no keys yet: make it again", directory.display())]
    HalfMade {
        /// Its folder.
        directory: PathBuf,
    },
    /// The header is gone though keys are there.
    #[error("{} is missing; the token's keys cannot be opened without it: restore it from a backup", path.display())]
    HeaderMissing {
        /// The header's path.
        path: PathBuf,
    },
    /// The folder for a new token is in use for something else.
    #[error("{} is not part of a new token; choose an empty folder", found.display())]
    NotEmpty {
        /// One of the things found.
        found: PathBuf,
    },
    /// Another handle, here or in another process, has the token open.
    #[error("the token in {} is in use; stop the process that has it open", directory.display())]
    InUse {
        /// Its folder.
        directory: PathBuf,
    },
    /// Others may read, or change, what only the owner should.
    #[error("{} has mode {mode:03o} and is open to others; run `chmod {wanted:03o} {}`", path.display(), path.display())]
    OpenToOthers {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// Not a file in the token's format, or a torn one.
    #[error("{} is not a whole file of a token; restore it from a backup", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A format that this version does not know.
    #[error("{} has format {format}; this version reads format 1: use the version that wrote it", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The format it names.
        format: u16,
    },
    /// A key file that this token's master key did not seal as it stands.
    #[error("{} has been altered or belongs to another token; restore it from a backup", path.display())]
    NotAuthentic {
        /// The file.
        path: PathBuf,
    },
    /// A key file under another key's name.
    #[error("{} holds the key {holds}; give the file back its name, or restore both from a backup", path.display())]
    Renamed {
        /// The file.
        path: PathBuf,
        /// The label inside.
        holds: KeyLabel,
    },
    /// A name that ends as a key file's does, but holds no label.
    #[error("{} is not named as a key of this token; move it elsewhere", path.display())]
    StrangeName {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {doing} {}: {reason}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
}

impl StorageError {
    /// For `map_err`: the operating system refused to do that to that path.
    pub(crate) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { doing, path: path.to_owned(), reason }
    }
}
