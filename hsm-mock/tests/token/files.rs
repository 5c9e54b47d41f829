//! Key files: altered, swapped, foreign, left behind; and what must never be in them.
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hsm_mock::{SecretPurpose, StorageError, Token as _, TokenError};
use pki::algorithm::Algorithm;

use crate::{Scene, label, names};

fn write_private(path: &Path, contents: &[u8]) {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(contents).unwrap();
}

fn storage_refusal(scene: &Scene) -> StorageError {
    match scene.try_open() {
        Err(TokenError::Storage(refusal)) => refusal,
        other => panic!("{:?}", other.map(|_| ())),
    }
}

/// A closed token with two keys.
fn with_two_keys() -> Scene {
    let scene = Scene::new();
    let token = scene.create();
    token.generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    token.generate_secret_key(&label("b"), SecretPurpose::Wrap).unwrap();
    drop(token);
    scene
}

#[test]
fn a_key_file_with_one_bit_changed_keeps_the_token_shut_and_is_named() {
    let scene = with_two_keys();
    let path = scene.file("a.key");
    let sound = fs::read(&path).unwrap();
    let mut tampered = sound.clone();
    *tampered.last_mut().unwrap() ^= 1;
    fs::write(&path, &tampered).unwrap();
    let refusal = storage_refusal(&scene);
    assert!(matches!(&refusal, StorageError::NotAuthentic { path: named } if *named == path));
    assert!(refusal.to_string().starts_with(&path.display().to_string()));
    fs::write(&path, &sound).unwrap();
    scene.open();
}

#[test]
fn a_key_file_renamed_over_another_is_refused() {
    let scene = with_two_keys();
    fs::rename(scene.file("a.key"), scene.file("b.key")).unwrap();
    let refusal = storage_refusal(&scene);
    assert!(
        matches!(&refusal, StorageError::Renamed { path, holds } if *path == scene.file("b.key") && *holds == label("a"))
    );
}

#[test]
fn a_key_file_of_another_token_is_refused() {
    let (scene, other) = (with_two_keys(), with_two_keys());
    fs::copy(other.file("a.key"), scene.file("a.key")).unwrap();
    assert!(matches!(storage_refusal(&scene), StorageError::NotAuthentic { path } if path == scene.file("a.key")));
}

#[test]
fn a_torn_empty_or_oversized_key_file_is_refused() {
    let scene = with_two_keys();
    let path = scene.file("a.key");
    let sound = fs::read(&path).unwrap();
    for contents in [&[][..], &sound[..sound.len() - 1], b"-----BEGIN PRIVATE KEY-----", &vec![0; 1_000_000]] {
        fs::write(&path, contents).unwrap();
        assert!(matches!(storage_refusal(&scene), StorageError::Malformed { path: named } if named == path));
    }
}

#[test]
fn a_file_that_only_looks_like_a_key_by_its_name_is_refused() {
    let scene = with_two_keys();
    write_private(&scene.file("Copy of a.key"), b"x");
    let strange = scene.file("Copy of a.key");
    assert!(matches!(storage_refusal(&scene), StorageError::StrangeName { path } if path == strange));
}

#[test]
fn what_a_crash_left_is_cleared_away_and_the_keys_stay() {
    let scene = with_two_keys();
    let sound = fs::read(scene.file("a.key")).unwrap();
    write_private(&scene.file("c.key.new"), &sound[..20]);
    write_private(&scene.file("token.header.new"), b"");
    write_private(&scene.file("d.key.destroyed"), &sound);
    let token = scene.open();
    assert_eq!(token.labels().unwrap(), [label("a"), label("b")]);
    assert_eq!(names(&scene.directory()), ["a.key", "b.key", "lock", "token.header"]);
    // And the label of the key that was never finished is free.
    token.generate_secret_key(&label("c"), SecretPurpose::Mac).unwrap();
}

#[test]
fn a_label_in_use_is_refused_and_its_key_stays() {
    let scene = with_two_keys();
    let token = scene.open();
    let before = token.public_key(&label("a")).unwrap();
    let again = token.generate_signing_key(&label("a"), Algorithm::EcdsaP384Sha384);
    assert!(matches!(again, Err(TokenError::KeyExists { label: used }) if used == label("a")));
    let again = token.generate_secret_key(&label("a"), SecretPurpose::Mac);
    assert!(matches!(again, Err(TokenError::KeyExists { .. })));
    drop(token);
    assert!(scene.open().public_key(&label("a")).unwrap() == before);
}

#[test]
fn a_key_that_could_not_be_written_is_not_there() {
    let scene = with_two_keys();
    let token = scene.open();
    // A folder stands where the file would be written first.
    fs::create_dir(scene.file("c.key.new")).unwrap();
    let refusal = token.generate_secret_key(&label("c"), SecretPurpose::Mac);
    assert!(
        matches!(refusal, Err(TokenError::Storage(StorageError::Io { path, .. })) if path == scene.file("c.key.new"))
    );
    assert!(matches!(token.mac(&label("c"), b""), Err(TokenError::NoSuchKey { .. })));
    fs::remove_dir(scene.file("c.key.new")).unwrap();
    token.generate_secret_key(&label("c"), SecretPurpose::Mac).unwrap();
}

#[test]
fn a_destroyed_key_is_gone_now_and_after_a_restart() {
    let scene = with_two_keys();
    let token = scene.open();
    let wrapped = token.wrap(&label("b"), b"4 info", b"").unwrap();
    token.destroy(&label("b")).unwrap();
    let gone = |error| matches!(error, TokenError::NoSuchKey { label: named } if named == label("b"));
    assert!(gone(token.unwrap(&label("b"), &wrapped, b"").unwrap_err()));
    assert!(gone(token.destroy(&label("b")).unwrap_err()));
    assert_eq!(names(&scene.directory()), ["a.key", "lock", "token.header"]);
    drop(token);
    let token = scene.open();
    assert_eq!(token.labels().unwrap(), [label("a")]);
    // A new key of the old name is another key.
    token.generate_secret_key(&label("b"), SecretPurpose::Wrap).unwrap();
    assert!(matches!(token.unwrap(&label("b"), &wrapped, b""), Err(TokenError::NotAuthentic { .. })));
}

#[test]
fn a_destruction_that_failed_half_way_can_be_called_again() {
    let scene = with_two_keys();
    let token = scene.open();
    // A folder with something in it stands where the file would be moved to.
    let doomed = scene.file("b.key.destroyed");
    fs::create_dir(&doomed).unwrap();
    assert!(matches!(token.destroy(&label("b")), Err(TokenError::Storage(StorageError::Io { .. }))));
    assert!(token.wrap(&label("b"), b"", b"").is_ok(), "a key not yet destroyed is still there");
    fs::remove_dir(&doomed).unwrap();
    // And as after a failure past the first step.
    fs::rename(scene.file("b.key"), &doomed).unwrap();
    token.destroy(&label("b")).unwrap();
    assert_eq!(names(&scene.directory()), ["a.key", "lock", "token.header"]);
}
