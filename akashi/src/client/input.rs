//! What is asked with: files and standard input. Personal data comes this way alone, because other processes see
//! arguments and shells keep them.
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::http::ClientError;

/// Above every body that a door takes, so that the door says what is too long.
const INPUT_OCTETS_MAX: u64 = 1_024 * 1_024;

/// Why nothing was asked, or the answer was lost. Texts name files and never repeat what is in them.
#[derive(Debug, thiserror::Error)]
pub enum CannotAsk {
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// A file that cannot be read.
    #[error("{what} ({}): {source}", .path.display())]
    Unreadable {
        /// What it was to hold.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file without an end.
    #[error("{what} ({}) is over {max} octets", .path.display())]
    TooLong {
        /// What it was to hold.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// How many octets are taken.
        max: u64,
    },
    /// Not UTF-8.
    #[error("{what} ({}) is not UTF-8 text", .path.display())]
    NotText {
        /// What it was to hold.
        what: &'static str,
        /// Which one.
        path: PathBuf,
    },
    /// Not one JSON object.
    #[error("{what} ({}) is not the JSON it should be: {reason} at line {line}, column {column}", .path.display())]
    NotJson {
        /// What it was to hold.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// In fixed words.
        reason: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A batch's file whose form is broken.
    #[error("the batch ({}): line {line}: {reason}. Nothing was sent", .path.display())]
    NotRows {
        /// Which one.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// In fixed words.
        reason: &'static str,
    },
    /// A file for answers that cannot be written.
    #[error("{} cannot be written: {source}. What was asked is done; run the same command again", .path.display())]
    NotWritten {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A sandbox without that client.
    #[error("the sandbox ({}) has no client for the {role} door; give --cert and --key", .path.display())]
    NoSuchClient {
        /// Its `sandbox.json`.
        path: PathBuf,
        /// Which door.
        role: &'static str,
    },
    /// No answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An answer that is neither done nor refused.
    #[error("the answer has status {0}, which no call's has. Check the address")]
    UnknownStatus(u16),
    /// Nothing to write into the file.
    #[error("the answer holds no certificate to write. Check the address")]
    NoCertificate,
    /// The certificate is there, the file is not.
    #[error("the call is done, but the certificate could not be written to {}: {source}. Ask again with the same idempotency key", .path.display())]
    CertificateNotWritten {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine gives no randomness.
    #[error("the machine gives no randomness; give --idempotency-key")]
    Randomness,
    /// The operating system.
    #[error("{0}")]
    System(std::io::Error),
}

/// Reads a file, or standard input for `-`.
pub fn octets(what: &'static str, path: &Path) -> Result<Vec<u8>, CannotAsk> {
    octets_up_to(what, path, INPUT_OCTETS_MAX)
}

/// The same with another limit.
pub(super) fn octets_up_to(what: &'static str, path: &Path, max: u64) -> Result<Vec<u8>, CannotAsk> {
    let unreadable = |source| CannotAsk::Unreadable { what, path: path.to_owned(), source };
    let mut octets = Vec::new();
    let mut read = |source: &mut dyn Read| source.take(max + 1).read_to_end(&mut octets);
    let length = if path == Path::new("-") {
        read(&mut std::io::stdin().lock())
    } else {
        File::open(path).and_then(|mut file| read(&mut file))
    };
    if length.map_err(unreadable)? as u64 > max {
        return Err(CannotAsk::TooLong { what, path: path.to_owned(), max });
    }
    Ok(octets)
}

/// The same as text.
pub fn text(what: &'static str, path: &Path) -> Result<String, CannotAsk> {
    let not_text = |_| CannotAsk::NotText { what, path: path.to_owned() };
    String::from_utf8(octets(what, path)?).map_err(not_text)
}

/// The same as a JSON object.
pub fn object(what: &'static str, path: &Path) -> Result<Map<String, Value>, CannotAsk> {
    serde_json::from_slice(&octets(what, path)?).map_err(|error| {
        let reason = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data => "it is not an object",
            serde_json::error::Category::Io => "it cannot be read",
        };
        CannotAsk::NotJson { what, path: path.to_owned(), reason, line: error.line(), column: error.column() }
    })
}

/// A resident code from a file with nothing else in it.
pub fn resident_code(path: &Path) -> Result<String, CannotAsk> {
    Ok(text("the resident code", path)?.trim_end().to_owned())
}

/// Standard input can be read once.
pub fn once_from_standard_input(paths: &[Option<&Path>]) -> Result<(), CannotAsk> {
    let from_there = paths.iter().flatten().filter(|path| **path == Path::new("-"));
    if from_there.count() > 1 {
        return Err(CannotAsk::Usage("only one of the files can be -, standard input".to_owned()));
    }
    Ok(())
}
