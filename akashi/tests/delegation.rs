//! OCSP keys renew themselves, long before their certificates end, and the old ones are destroyed.
use std::path::Path;
use std::sync::Arc;

use akashi::clock::{SystemClock, randomness};
use akashi::config::{Config, EXAMPLE};
use akashi::serve::parts::Parts;
use hsm_mock::{Pin, SoftToken, Token};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::time::UnixTime;
use registry::Clock;
use registry::state::StateReads;

const SIGN: IssuerKey = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
const DAY_SECONDS: i64 = 86_400;

struct At(UnixTime);

impl Clock for At {
    fn now(&self) -> UnixTime {
        self.0
    }
}

fn initialised(folder: &Path) -> Config {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.join("akashi.toml"), EXAMPLE).unwrap();
    std::fs::write(folder.join("pin"), "a PIN of some length").unwrap();
    std::fs::set_permissions(folder.join("pin"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = Config::load(&folder.join("akashi.toml")).unwrap();
    akashi::init::init(&config).unwrap();
    config
}

/// Starts everything at that time, and tells the serial of the signature CA's OCSP certificate in service.
fn serial_at(config: &Config, now: UnixTime) -> Serial {
    let parts = Parts::start(config, Arc::new(At(now))).unwrap();
    parts.registry.store().ocsp_key(SIGN).unwrap().unwrap().serial
}

fn ocsp_labels(config: &Config) -> Vec<String> {
    let pin = Pin::from_file(&config.pin_file).unwrap();
    let token = SoftToken::open(&config.data_dir.join("token"), &pin, randomness()).unwrap();
    let labels = token.labels().unwrap();
    labels.iter().map(|label| label.as_str().to_owned()).filter(|label| label.starts_with("ocsp-sign-")).collect()
}

#[test]
fn an_ocsp_key_serves_until_a_third_of_its_life_is_left_and_then_is_replaced_and_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock.now();
    let first = serial_at(&config, now);
    let labels = ocsp_labels(&config);
    assert_eq!(labels.len(), 1);
    assert_eq!(serial_at(&config, now.plus_seconds(20 * DAY_SECONDS - 60)), first);
    let second = serial_at(&config, now.plus_seconds(20 * DAY_SECONDS + 60));
    assert_eq!(Some(second), first.next());
    let renewed = ocsp_labels(&config);
    assert_eq!(renewed.len(), 1);
    assert_ne!(renewed, labels);
}

#[test]
fn an_ocsp_key_that_is_lost_from_the_token_is_replaced_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = initialised(folder.path());
    let now = SystemClock.now();
    let first = serial_at(&config, now);
    let pin = Pin::from_file(&config.pin_file).unwrap();
    let token = SoftToken::open(&config.data_dir.join("token"), &pin, randomness()).unwrap();
    let label = token.labels().unwrap().into_iter().find(|label| label.as_str().starts_with("ocsp-sign-")).unwrap();
    token.destroy(&label).unwrap();
    drop(token);
    assert_eq!(Some(serial_at(&config, now.plus_seconds(1))), first.next());
}
