//! A cut's manifest: read from our own folder, and as a stranger reads it, who has the key alone.
use crl_publisher::manifest::{Manifest, ManifestFile};

use super::ocsp_path::base64;
use crate::Outcome;
use crate::scene::public_key;

pub(crate) fn run(octets: &[u8]) -> Outcome {
    assert!(Manifest::verify(octets, &public_key(1)).is_err(), "nobody has that key");
    // As they are, and as the payload of a JWS, which else would hide behind base64.
    let read = Manifest::read(octets).or_else(|_| Manifest::read(&flattened("", &base64url(octets))));
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
    flattened(protected, payload)
}

fn flattened(protected: &str, payload: &str) -> Vec<u8> {
    let signature = base64url(&[1; 64]);
    format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#).into_bytes()
}

fn base64url(octets: &[u8]) -> String {
    base64(octets).replace('+', "-").replace('/', "_").replace('=', "")
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let file = |partition: &str, base_crl_number| ManifestFile {
        ca: "sign".to_owned(),
        key: 1,
        partition: partition.to_owned(),
        url: format!("/crl/cuts/77/sign/1/{partition}.crl"),
        size: 1_000,
        sha256: "00".repeat(32),
        crl_number: 77,
        base_crl_number,
    };
    let time = "2026-11-22T06:55:00+09:00".to_owned();
    let manifest = Manifest {
        cut_number: 77,
        log_position: 1_000,
        tree_head: "00".repeat(32),
        this_update: time.clone(),
        next_update: time,
        files: vec![file("13221", None), file("delta", Some(76))],
    };
    let hash = "00".repeat(32);
    let payload = format!(
        r#"{{"cut_number":77,"log_position":1000,"tree_head":"{hash}","this_update":"2026-11-22T06:55:00+09:00","next_update":"2026-11-24T06:55:00+09:00","files":[{{"ca":"auth","key":1,"partition":"full","url":"/crl","size":1000,"sha256":"{hash}","crl_number":77}}]}}"#
    );
    vec![unsigned(&manifest), payload.into_bytes()]
}
