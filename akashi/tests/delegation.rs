//! OCSP keys renew themselves, long before their certificates end, and the old ones are destroyed a call later.
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use akashi::clock::{SystemClock, randomness};
use akashi::config::{Config, EXAMPLE};
use akashi::delegation::{Delegation, delegate_algorithms};
use akashi::folder::Folder;
use akashi::init::Kind;
use akashi::serve::parts::Parts;
use hsm_mock::{KeyLabel, Pin, SoftToken, Token};
use ocsp_responder::Issuers;
use pki::algorithm::Algorithm;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::time::UnixTime;
use registry::event::{Actor, Door, Event};
use registry::state::{OcspKeyRecord, StateReads};
use registry::writer::{Durability, Surroundings};
use registry::{Clock, Registry, RegistryError};

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

/// Starts everything at that time, and tells the serials of the signature CA's OCSP certificates in service, in order.
fn serials_at(config: &Config, now: UnixTime) -> [Serial; 2] {
    let parts = Parts::start(config, SystemClock::starting_at(now)).unwrap();
    serials(&parts)
}

fn serials(parts: &Parts) -> [Serial; 2] {
    let records = parts.registry.store().ocsp_keys(SIGN).unwrap();
    let serials: Vec<_> = records.iter().map(|record| record.serial).collect();
    serials.try_into().unwrap()
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
fn delegates_are_of_the_cas_algorithm_and_of_each_that_a_client_may_wish_for() {
    let (rsa, p256) = (Algorithm::Rsa2048Sha256, Algorithm::EcdsaP256Sha256);
    assert_eq!(delegate_algorithms(rsa), [rsa, p256]);
    assert_eq!(delegate_algorithms(p256), [p256, rsa]);
    assert_eq!(delegate_algorithms(Algorithm::Rsa3072Sha256), [Algorithm::Rsa3072Sha256, p256]);
    assert_eq!(delegate_algorithms(Algorithm::EcdsaP384Sha384), [Algorithm::EcdsaP384Sha384, rsa, p256]);
}

#[test]
fn an_ocsp_key_serves_until_a_third_of_its_life_is_left_and_then_is_replaced_and_later_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock::REAL.now();
    let first = serials_at(&config, now);
    let labels = ocsp_labels(&config);
    assert_eq!(labels.len(), 2);
    assert_eq!(serials_at(&config, now.plus_seconds(20 * DAY_SECONDS - 60)), first);
    let second = serials_at(&config, now.plus_seconds(20 * DAY_SECONDS + 60));
    assert_eq!(Some(second[0]), first[1].next());
    // Answers under way are still signed with the old ones.
    let both = ocsp_labels(&config);
    assert_eq!(both.len(), 4);
    assert!(labels.iter().all(|label| both.contains(label)), "{both:?}");
    assert_eq!(serials_at(&config, now.plus_seconds(20 * DAY_SECONDS + 120)), second);
    let renewed = ocsp_labels(&config);
    assert_eq!(renewed.len(), 2);
    assert!(labels.iter().all(|label| !renewed.contains(label)), "{renewed:?}");
}

#[test]
fn an_ocsp_key_that_is_lost_from_the_token_is_replaced_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock::REAL.now();
    let first = serials_at(&config, now);
    let token = token(&config, &config.data_dir.join("token"));
    let is_lost =
        |label: &KeyLabel| label.as_str().starts_with("ocsp-sign-") && label.as_str().ends_with("-p256-sha256");
    let lost = token.labels().unwrap().into_iter().find(is_lost).unwrap();
    token.destroy(&lost).unwrap();
    drop(token);
    let second = serials_at(&config, now.plus_seconds(60));
    assert_eq!((second[0], Some(second[1])), (first[0], first[1].next()));
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// A folder in which the signature CA's key has one delegate, recorded as logs did when each key had one.
fn with_one_delegate_as_of_old(folder: &Path, now: UnixTime) -> (Config, OcspKeyRecord) {
    let config = initialised(folder);
    let other = tempfile::tempdir().unwrap();
    copy(&folder.join("."), &other.path().join("akashi"));
    let other = Config::load(&other.path().join("akashi/akashi.toml")).map(|config| (other, config)).unwrap();
    let parts = Parts::start(&other.1, SystemClock::starting_at(now)).unwrap();
    let record = parts.registry.store().ocsp_keys(SIGN).unwrap().swap_remove(0);
    parts.registry.close();
    drop(parts);
    std::fs::remove_dir_all(config.data_dir.join("token")).unwrap();
    copy(&other.1.data_dir.join("token"), &config.data_dir.join("token"));
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock::starting_at(now)),
        randomness: randomness(),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    let (registry, _followers) = Registry::open(&Folder::new(&config.data_dir).registry(), surroundings).unwrap();
    let IssuerKey { ca, key } = SIGN;
    let OcspKeyRecord { serial, token_label, certificate } = record.clone();
    let events = [
        Event::OwnSerialReserved { ca, key, serial },
        Event::OcspKeyActivated { ca, key, serial, token_label, certificate, algorithm: None },
    ];
    let appended = registry.transact(Actor::System, Door::Inside, |transaction| {
        events.into_iter().try_for_each(|event| transaction.append(event, None).map(drop))
    });
    let _: () = appended.map_err(|error: RegistryError| error).unwrap();
    registry.close();
    (config, record)
}

#[test]
fn a_folder_with_one_ocsp_key_a_ca_opens_and_gets_the_second_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    // Making the folder takes its time, and no clock goes back.
    let now = SystemClock::REAL.now().plus_seconds(600);
    let (config, old) = with_one_delegate_as_of_old(folder.path(), now);
    let first = serials_at(&config, now.plus_seconds(60));
    assert_eq!((first[0], Some(first[1])), (old.serial, old.serial.next()));
    assert!(ocsp_labels(&config).contains(&old.token_label));
    // The old one's successor is told from it.
    let later = Parts::start(&config, SystemClock::starting_at(now.plus_seconds(21 * DAY_SECONDS))).unwrap();
    let records = later.registry.store().ocsp_keys(SIGN).unwrap();
    assert_eq!(records.len(), 3, "the old one, and a new one of each algorithm");
    drop(later);
    assert!(!ocsp_labels(&config).is_empty());
    let again = Parts::start(&config, SystemClock::starting_at(now.plus_seconds(21 * DAY_SECONDS + 60))).unwrap();
    assert_eq!(again.registry.store().ocsp_keys(SIGN).unwrap(), records);
    drop(again);
    let labels = ocsp_labels(&config);
    assert_eq!(labels.len(), 2);
    assert!(!labels.contains(&old.token_label), "{labels:?}");
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
    Delegation { authority, token: Arc::new(token), issuers, algorithms: delegate_algorithms(Algorithm::Rsa2048Sha256) }
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
