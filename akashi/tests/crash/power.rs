//! A power failure: each file is cut back to the length it had when it was last synced. Names are left as they are: a
//! rename that was not synced is not taken back.
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

/// Which file, whatever it is called: device, inode, and when it was made, because inodes are used again.
type Identity = (u64, u64, u128);

/// The shim `shim/synced_length.c` and what it noted of one server in all its lives.
pub(crate) struct Witness {
    folder: TempDir,
}

impl Witness {
    /// Compiles the shim.
    pub(crate) fn compile() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the shim");
        let witness = Self { folder };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/synced_length.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]);
        let output = command.arg(witness.library()).arg(source).arg("-ldl").output().expect("a C compiler, cc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        witness
    }

    /// What a process must be started with to be seen.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().expect("temporary folders have plain names").to_owned();
        vec![("LD_PRELOAD", text(self.library())), ("AKASHI_SYNC_LOG", text(self.notes()))]
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("synced_length.so")
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// Cuts every file under the folder back to its last synced length, and prints which; one that was never synced
    /// becomes empty.
    pub(crate) fn lose_power(&self, folder: &Path) {
        let synced = self.synced_lengths();
        assert!(!synced.is_empty(), "the shim saw no sync at all: it was not loaded");
        let mut lost = Vec::new();
        cut_back(folder, &synced, &mut lost);
        let lost = lost.iter().map(|(path, octets)| {
            let name = path.strip_prefix(folder).unwrap_or(path).display();
            format!("{octets} octets of {name}")
        });
        println!("power failure: {}", lost.collect::<Vec<_>>().join(", "));
    }

    fn synced_lengths(&self) -> HashMap<Identity, u64> {
        let notes = fs::read_to_string(self.notes()).expect("the shim's notes");
        // A line without its end was being written when the process died; the sync it tells of was not over for its caller.
        let whole = notes.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        whole.map(|line| read_note(line).unwrap_or_else(|| panic!("the shim wrote {line:?}"))).collect()
    }
}

fn read_note(line: &str) -> Option<(Identity, u64)> {
    let mut fields = line.split(' ');
    let mut next = || fields.next();
    let identity = (next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?);
    Some((identity, next()?.parse().ok()?))
}

/// A file system that does not tell when a file was made tells neither the shim nor us.
fn identity(metadata: &Metadata) -> Identity {
    let born = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    (metadata.dev(), metadata.ino(), born.map_or(0, |since| since.as_nanos()))
}

fn cut_back(folder: &Path, synced: &HashMap<Identity, u64>, lost: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, metadata) = (entry.path(), entry.metadata().expect("metadata"));
        if metadata.is_dir() {
            cut_back(&path, synced, lost);
            continue;
        }
        let kept = synced.get(&identity(&metadata)).copied().unwrap_or(0);
        if metadata.len() > kept {
            let file = File::options().write(true).open(&path).expect("a file that we own");
            file.set_len(kept).expect("it can be cut");
            lost.push((path, metadata.len() - kept));
        }
    }
}
