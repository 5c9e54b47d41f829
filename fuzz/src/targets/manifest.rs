//! A cut's manifest: read from our own folder, and as a stranger reads it, who has the key alone.
use crl_publisher::manifest::{Manifest, ManifestFile};

use super::ocsp_path::base64;
use crate::Outcome;
use crate::scene::public_key;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    assert!(Manifest::verify(octets, &public_key(1)).is_err(), "nobody has that key");
    let read = Manifest::read(octets);
    if let Ok(manifest) = &read {
        assert_eq!(Manifest::read(&unsigned(manifest)).as_ref(), Ok(manifest));
        for slot in manifest.files.iter().filter_map(ManifestFile::slot) {
            let _ = slot.to_string();
        }
    }
    Outcome::of(&read)
}

fn unsigned(manifest: &Manifest) -> Vec<u8> {
    let to_be_signed = manifest.to_be_signed(&public_key(1));
    let (protected, payload) = std::str::from_utf8(to_be_signed.signing_input())
        .ok()
        .and_then(|text| text.split_once('.'))
        .expect("base64url, a full stop, base64url");
    let signature = base64(&[1; 64]).replace('+', "-").replace('/', "_").replace('=', "");
    format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#).into_bytes()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let file = ManifestFile {
        ca: "sign".to_owned(),
        key: 1,
        partition: "13221".to_owned(),
        url: "/crl/cuts/77/sign/1/13221.crl".to_owned(),
        size: 1_000,
        sha256: "00".repeat(32),
        crl_number: 77,
    };
    let time = "2026-11-22T06:55:00+09:00".to_owned();
    let manifest = Manifest {
        cut_number: 77,
        log_position: 1_000,
        tree_head: "00".repeat(32),
        this_update: time.clone(),
        next_update: time,
        files: vec![file],
    };
    vec![unsigned(&manifest)]
}
