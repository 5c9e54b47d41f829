//! What a desk's batch has done already, in a file beside the certificates: a run that follows passes it over.
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{not_written, private_file};
use crate::client::input::CannotAsk;

/// Its name.
const NAME: &str = "journal.jsonl";

/// The journal of a folder of certificates.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    done: HashSet<String>,
}

impl Journal {
    /// Opens the folder's journal, or begins it. A line that a crash cut short is not counted: its row is asked for again
    /// with the same idempotency key, and gets the same answer.
    pub(super) fn open(folder: &Path) -> Result<Self, CannotAsk> {
        let path = folder.join(NAME);
        let before = match std::fs::read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(CannotAsk::Unreadable { what: "the journal", path, source }),
        };
        let lines = before.split(|octet| *octet == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let done = lines.filter_map(|line| Some(line["key"].as_str()?.to_owned())).collect();
        let mut file = private_file(&path, true)?;
        if !before.is_empty() && !before.ends_with(b"\n") {
            file.write_all(b"\n").map_err(|source| not_written(&path, source))?;
        }
        Ok(Self { path, file, done })
    }

    /// That request was done.
    pub(super) fn has(&self, idempotency_key: &str) -> bool {
        self.done.contains(idempotency_key)
    }

    /// It is done; where its certificate is.
    pub(super) fn add(&mut self, idempotency_key: &str, row: u32, certificate: Option<&str>) -> Result<(), CannotAsk> {
        let line = json!({ "row": row, "key": idempotency_key, "certificate": certificate });
        writeln!(self.file, "{line}").map_err(|source| not_written(&self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_short_is_not_counted_and_harms_no_line_after_it() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap().add("one", 1, Some("1.pem")).unwrap();
        let path = folder.path().join(NAME);
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"{\"row\":2,\"key\":\"tw");
        std::fs::write(&path, torn).unwrap();
        Journal::open(folder.path()).unwrap().add("three", 3, None).unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        assert!(journal.has("one") && journal.has("three") && !journal.has("two") && !journal.has("tw"));
    }
}
