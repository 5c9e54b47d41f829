//! The token from outside: one module per thing that can go wrong with it.
mod concurrency;
mod files;
mod opening;
mod secrets;
mod signing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use hsm_mock::{KeyLabel, Pin, PinCost, Randomness, SoftToken, TokenError};

/// A token in a folder that goes when the test ends.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    fn create(&self) -> SoftToken {
        self.try_create().unwrap()
    }

    fn try_create(&self) -> Result<SoftToken, TokenError> {
        SoftToken::create(&self.directory(), &pin(), PinCost::WEAK_FOR_TESTS, randomness())
    }

    fn open(&self) -> SoftToken {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<SoftToken, TokenError> {
        SoftToken::open(&self.directory(), &pin(), randomness())
    }
}

fn pin() -> Pin {
    Pin::new(b"correct horse battery").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test has no binary to give it randomness")]
fn randomness() -> Randomness {
    Arc::new(SystemRandom::new())
}

fn label(text: &str) -> KeyLabel {
    KeyLabel::new(text).unwrap()
}

/// The names in a folder, in order.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
