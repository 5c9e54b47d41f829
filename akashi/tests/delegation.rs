//! OCSP keys renew themselves, long before their certificates end, and the old ones are destroyed a call later.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use akashi::clock::{SystemClock, randomness};
use akashi::config::{Config, EXAMPLE};
use akashi::delegation::Delegation;
use akashi::init::Kind;
use akashi::serve::parts::Parts;
use hsm_mock::{Pin, SoftToken, Token};
use ocsp_responder::Issuers;
use pki::algorithm::Algorithm;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::time::UnixTime;
use registry::Clock;
use registry::state::StateReads;

const SIGN: IssuerKey = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
const DAY_SECONDS: i64 = 86_400;

fn initialised(folder: &Path) -> Config {
    std::fs::write(folder.join("akashi.toml"), EXAMPLE).unwrap();
    std::fs::write(folder.join("pin"), "a PIN of some length").unwrap();
    std::fs::set_permissions(folder.join("pin"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = Config::load(&folder.join("akashi.toml")).unwrap();
    akashi::init::init(&config, Kind::Lasting).unwrap();
    config
}

/// Starts everything at that time, and tells the serial of the signature CA's OCSP certificate in service.
fn serial_at(config: &Config, now: UnixTime) -> Serial {
    let parts = Parts::start(config, SystemClock::starting_at(now)).unwrap();
    parts.registry.store().ocsp_key(SIGN).unwrap().unwrap().serial
}

fn token(config: &Config, folder: &Path) -> SoftToken {
    SoftToken::open(folder, &Pin::from_file(&config.pin_file).unwrap(), randomness()).unwrap()
}

fn ocsp_labels(config: &Config) -> Vec<String> {
    let token = token(config, &config.data_dir.join("token"));
    let labels = token.labels().unwrap();
    labels.iter().map(|label| label.as_str().to_owned()).filter(|label| label.starts_with("ocsp-sign-")).collect()
}

#[test]
fn an_ocsp_key_serves_until_a_third_of_its_life_is_left_and_then_is_replaced_and_later_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock::REAL.now();
    let first = serial_at(&config, now);
    let labels = ocsp_labels(&config);
    assert_eq!(labels.len(), 1);
    assert_eq!(serial_at(&config, now.plus_seconds(20 * DAY_SECONDS - 60)), first);
    let second = serial_at(&config, now.plus_seconds(20 * DAY_SECONDS + 60));
    assert_eq!(Some(second), first.next());
    // Answers under way are still signed with the old one.
    let both = ocsp_labels(&config);
    assert_eq!(both.len(), 2);
    assert!(both.contains(&labels[0]), "{both:?}");
    assert_eq!(serial_at(&config, now.plus_seconds(20 * DAY_SECONDS + 120)), second);
    let renewed = ocsp_labels(&config);
    assert_eq!(renewed.len(), 1);
    assert_ne!(renewed, labels);
}

#[test]
fn an_ocsp_key_that_is_lost_from_the_token_is_replaced_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock::REAL.now();
    let first = serial_at(&config, now);
    let token = token(&config, &config.data_dir.join("token"));
    let label = token.labels().unwrap().into_iter().find(|label| label.as_str().starts_with("ocsp-sign-")).unwrap();
    token.destroy(&label).unwrap();
    drop(token);
    assert_eq!(Some(serial_at(&config, now.plus_seconds(60))), first.next());
}

/// What keeps delegates in service, over a token that still has its keys and can make or destroy none: its folder is gone.
fn with_a_token_whose_medium_is_gone(config: &Config, parts: &Parts) -> Delegation {
    let copy = tempfile::tempdir().unwrap();
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(config.data_dir.join("token")).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let token = token(config, copy.path());
    copy.close().unwrap();
    let issuers = Arc::new(Issuers::new());
    let public_key = token.public_key(&akashi::keys::Labels::ca_key(SIGN)).unwrap();
    issuers.add(SIGN, b"a name", &public_key);
    let authority = Arc::clone(parts.door_state().authority());
    Delegation { authority, token: Arc::new(token), issuers, algorithm: Algorithm::Rsa2048Sha256 }
}

#[test]
fn a_token_that_makes_no_keys_does_not_take_a_valid_ocsp_certificate_out_of_service() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock::REAL.now();
    let parts = Parts::start(&config, SystemClock::starting_at(now)).unwrap();
    let position = || parts.registry.store().tree_edge().unwrap().size();
    let delegation = with_a_token_whose_medium_is_gone(&config, &parts);
    let not_after = delegation.ensure(SIGN, now).unwrap();
    let before = position();
    assert_eq!(delegation.ensure(SIGN, now.plus_seconds(25 * DAY_SECONDS)).unwrap(), not_after);
    assert_eq!(delegation.ensure(SIGN, not_after.plus_seconds(-1)).unwrap(), not_after);
    let error = delegation.ensure(SIGN, not_after).unwrap_err().to_string();
    assert!(error.starts_with("the OCSP key of sign"), "{error}");
    assert_eq!(position(), before);
}
