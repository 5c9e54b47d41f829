//! PINs, and folders in every state that a life of crashes and backups leaves them in.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use hsm_mock::{Pin, PinCost, SoftToken, StorageError, Token as _, TokenError};
use pki::algorithm::Algorithm;

use crate::{Scene, label, pin, randomness};

/// The storage error in a result that must be one.
macro_rules! refused_with {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match $result {
            Err(TokenError::Storage($pattern)) $(if $guard)? => {}
            other => panic!("{:?}", other.map(|_| ())),
        }
    };
}

#[test]
fn the_right_pin_opens_and_all_keys_are_still_there() {
    let scene = Scene::new();
    let token = scene.create();
    let public_keys = Algorithm::ALL.map(|algorithm| {
        let label = label(algorithm.word());
        let public_key = token.generate_signing_key(&label, algorithm).unwrap();
        (label, public_key)
    });
    drop(token);
    let token = scene.open();
    assert_eq!(token.labels().unwrap().len(), 4);
    for (label, public_key) in public_keys {
        assert!(token.public_key(&label).unwrap() == public_key);
        let signature = token.sign(&label, b"after the restart").unwrap();
        public_key.verify(b"after the restart", &signature).unwrap();
    }
}

#[test]
fn a_wrong_pin_is_told_and_changes_nothing() {
    let scene = Scene::new();
    scene.create().generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    let wrong = Pin::new(b"correct horse batterz").unwrap();
    for _ in 0..20 {
        let refusal = SoftToken::open(&scene.directory(), &wrong, randomness());
        assert!(matches!(refusal, Err(TokenError::WrongPin)));
    }
    assert_eq!(scene.open().labels().unwrap(), [label("a")]);
}

#[test]
fn the_production_cost_works_too_and_stands_in_the_header() {
    let scene = Scene::new();
    drop(SoftToken::create(&scene.directory(), &pin(), PinCost::PRODUCTION, randomness()).unwrap());
    let header = fs::read(scene.file("token.header")).unwrap();
    let cost = [0x1a, 0x00, 0x01, 0x00, 0x00, 0x03, 0x01]; // CBOR of 65536, 3, 1
    assert!(header.windows(cost.len()).any(|window| window == cost));
    scene.open();
}

#[test]
fn a_token_is_never_made_over_another() {
    let scene = Scene::new();
    let token = scene.create();
    refused_with!(scene.try_create(), StorageError::TokenExists { .. });
    drop(token);
    refused_with!(scene.try_create(), StorageError::TokenExists { .. });
    scene.open();
}

#[test]
fn a_token_opens_once_at_a_time() {
    let scene = Scene::new();
    let token = scene.create();
    refused_with!(scene.try_open(), StorageError::InUse { directory } if directory == scene.directory());
    drop(token);
    let token = scene.open();
    refused_with!(scene.try_open(), StorageError::InUse { .. });
    drop(token);
    scene.open();
}

#[test]
fn a_wrong_pin_does_not_keep_the_lock() {
    let scene = Scene::new();
    drop(scene.create());
    let refusal = SoftToken::open(&scene.directory(), &Pin::new(b"12345678").unwrap(), randomness());
    assert!(refusal.is_err());
    scene.open();
}

#[test]
fn where_nothing_is_there_is_no_token() {
    let scene = Scene::new();
    refused_with!(scene.try_open(), StorageError::NoToken { directory } if directory == scene.directory());
    fs::create_dir(scene.directory()).unwrap();
    refused_with!(scene.try_open(), StorageError::NoToken { .. });
    assert_eq!(crate::names(&scene.directory()), [""; 0], "looking for a token left something behind");
}

#[test]
fn a_half_made_token_says_to_make_it_again_and_that_works() {
    let scene = Scene::new();
    drop(scene.create());
    // As a crash leaves it between the header's octets and its name.
    fs::rename(scene.file("token.header"), scene.file("token.header.new")).unwrap();
    let refusal = scene.try_open().unwrap_err();
    assert!(refusal.to_string().ends_with("make it again"), "{refusal}");
    refused_with!(Err::<(), _>(refusal), StorageError::HalfMade { .. });
    scene.create().generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    assert_eq!(scene.open().labels().unwrap(), [label("a")]);
}

#[test]
fn keys_without_their_header_are_neither_opened_nor_built_over() {
    let scene = Scene::new();
    scene.create().generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    fs::remove_file(scene.file("token.header")).unwrap();
    refused_with!(scene.try_open(), StorageError::HeaderMissing { path } if path == scene.file("token.header"));
    refused_with!(scene.try_create(), StorageError::NotEmpty { found } if found == scene.file("a.key"));
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let scene = Scene::new();
    fs::create_dir(scene.directory()).unwrap();
    fs::set_permissions(scene.directory(), Permissions::from_mode(0o700)).unwrap();
    fs::write(scene.file("letter.txt"), "dear").unwrap();
    refused_with!(scene.try_create(), StorageError::NotEmpty { found } if found == scene.file("letter.txt"));
    assert_eq!(crate::names(&scene.directory()), ["letter.txt"]);
}

#[test]
fn the_folder_and_every_file_are_the_owners_alone() {
    let scene = Scene::new();
    let token = scene.create();
    token.generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(scene.directory()), 0o700);
    assert_eq!(crate::names(&scene.directory()), ["a.key", "lock", "token.header"]);
    for name in crate::names(&scene.directory()) {
        assert_eq!(mode(scene.file(&name)), 0o600, "{name}");
    }
}

#[test]
fn what_others_can_touch_is_refused_with_the_command_that_mends_it() {
    let scene = Scene::new();
    scene.create().generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    let paths = [(scene.directory(), 0o700), (scene.file("a.key"), 0o600), (scene.file("token.header"), 0o600)];
    for (path, wanted) in paths {
        fs::set_permissions(&path, Permissions::from_mode(wanted | 0o050)).unwrap();
        let refusal = scene.try_open().unwrap_err();
        assert!(refusal.to_string().ends_with(&format!("run `chmod {wanted:o} {}`", path.display())), "{refusal}");
        fs::set_permissions(&path, Permissions::from_mode(wanted)).unwrap();
    }
    scene.open();
}
