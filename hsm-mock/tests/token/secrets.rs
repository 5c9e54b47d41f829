//! Wrapping and MACs.
use hsm_mock::token::{WRAP_OVERHEAD_OCTETS, WRAP_PLAINTEXT_OCTETS_MAX};
use hsm_mock::{SecretPurpose, SoftToken, Token as _, TokenError};
use proptest::prelude::*;

use crate::{Scene, label};

fn with_secret(purpose: SecretPurpose) -> (Scene, SoftToken) {
    let scene = Scene::new();
    let token = scene.create();
    token.generate_secret_key(&label("k"), purpose).unwrap();
    (scene, token)
}

#[test]
fn what_was_wrapped_is_unwrapped_in_its_own_context_alone() {
    let (_scene, token) = with_secret(SecretPurpose::Wrap);
    proptest!(|(plaintext: Vec<u8>, context: Vec<u8>, other: Vec<u8>)| {
        let wrapped = token.wrap(&label("k"), &plaintext, &context).unwrap();
        prop_assert_eq!(wrapped.len(), plaintext.len() + WRAP_OVERHEAD_OCTETS);
        let unwrapped = token.unwrap(&label("k"), &wrapped, &context).unwrap();
        prop_assert_eq!(&*unwrapped, &plaintext);
        if other != context {
            let refused = matches!(token.unwrap(&label("k"), &wrapped, &other), Err(TokenError::NotAuthentic { .. }));
            prop_assert!(refused);
        }
    });
}

#[test]
fn a_wrapping_with_any_octet_changed_or_cut_away_is_refused() {
    let (_scene, token) = with_secret(SecretPurpose::Wrap);
    proptest!(|(plaintext: Vec<u8>, index: prop::sample::Index, change in 1..=255_u8)| {
        let wrapped = token.wrap(&label("k"), &plaintext, b"context").unwrap();
        let index = index.index(wrapped.len());
        let mut changed = wrapped.clone();
        changed[index] ^= change;
        for octets in [&changed[..], &wrapped[..index], &wrapped[index + 1..]] {
            let refused = matches!(token.unwrap(&label("k"), octets, b"context"), Err(TokenError::NotAuthentic { .. }));
            prop_assert!(refused);
        }
    });
}

#[test]
fn the_same_plaintext_is_never_wrapped_the_same() {
    let (_scene, token) = with_secret(SecretPurpose::Wrap);
    let nonces: std::collections::HashSet<_> =
        (0..1_000).map(|_| token.wrap(&label("k"), b"same", b"").unwrap()[..12].to_vec()).collect();
    assert_eq!(nonces.len(), 1_000);
}

#[test]
fn the_longest_plaintext_is_wrapped_and_one_octet_more_refused() {
    let (_scene, token) = with_secret(SecretPurpose::Wrap);
    let plaintext = vec![0; WRAP_PLAINTEXT_OCTETS_MAX + 1];
    let refusal = token.wrap(&label("k"), &plaintext, b"");
    let octets_max = WRAP_PLAINTEXT_OCTETS_MAX;
    assert!(
        matches!(refusal, Err(TokenError::TooLong { octets, octets_max: max }) if octets == max + 1 && max == octets_max)
    );
    token.wrap(&label("k"), &plaintext[1..], b"").unwrap();
}

#[test]
fn a_wrapping_and_a_mac_outlive_a_restart() {
    let (scene, token) = with_secret(SecretPurpose::Wrap);
    token.generate_secret_key(&label("m"), SecretPurpose::Mac).unwrap();
    let wrapped = token.wrap(&label("k"), b"a data key", b"record 7").unwrap();
    let mac = token.mac(&label("m"), b"12345678901").unwrap();
    drop(token);
    let token = scene.open();
    assert_eq!(*token.unwrap(&label("k"), &wrapped, b"record 7").unwrap(), b"a data key");
    assert_eq!(token.mac(&label("m"), b"12345678901").unwrap(), mac);
}

#[test]
fn another_key_unwraps_nothing_and_gives_another_mac() {
    let (_scene, token) = with_secret(SecretPurpose::Wrap);
    token.generate_secret_key(&label("other"), SecretPurpose::Wrap).unwrap();
    let wrapped = token.wrap(&label("k"), b"x", b"").unwrap();
    assert!(matches!(token.unwrap(&label("other"), &wrapped, b""), Err(TokenError::NotAuthentic { .. })));
    token.generate_secret_key(&label("m"), SecretPurpose::Mac).unwrap();
    token.generate_secret_key(&label("n"), SecretPurpose::Mac).unwrap();
    assert_ne!(token.mac(&label("m"), b"x").unwrap(), token.mac(&label("n"), b"x").unwrap());
    assert_ne!(token.mac(&label("m"), b"x").unwrap(), token.mac(&label("m"), b"y").unwrap());
}
