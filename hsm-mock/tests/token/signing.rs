//! Signatures, judged by our verifier and by the independent `rsa` crate.
use hsm_mock::{Operation, SecretPurpose, Token as _, TokenError};
use pki::algorithm::{Algorithm, BadSignature};
use pki::message::MessageHasher;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::Sha256;
use rsa::signature::Verifier as _;

use crate::{Scene, label};

const MESSAGE: &[u8] = b"to be signed";

#[test]
fn every_algorithm_signs_what_its_public_key_verifies_and_nothing_else() {
    let scene = Scene::new();
    let token = scene.create();
    for algorithm in Algorithm::ALL {
        let label = label(algorithm.word());
        let public_key = token.generate_signing_key(&label, algorithm).unwrap();
        assert_eq!(public_key.algorithm(), algorithm);
        assert!(token.public_key(&label).unwrap() == public_key);
        let signature = token.sign(&label, MESSAGE).unwrap();
        assert!(signature.len() <= algorithm.signature_octets_max());
        public_key.verify(MESSAGE, &signature).unwrap();
        assert_eq!(public_key.verify(b"to be signed.", &signature), Err(BadSignature));
    }
}

#[test]
fn the_independent_rsa_crate_accepts_our_signatures() {
    let scene = Scene::new();
    let token = scene.create();
    for algorithm in [Algorithm::Rsa2048Sha256, Algorithm::Rsa3072Sha256] {
        let label = label(algorithm.word());
        let spki_der = token.generate_signing_key(&label, algorithm).unwrap().spki_der().to_vec();
        let judge =
            rsa::pkcs1v15::VerifyingKey::<Sha256>::new(rsa::RsaPublicKey::from_public_key_der(&spki_der).unwrap());
        let signature = token.sign(&label, MESSAGE).unwrap();
        let signature = rsa::pkcs1v15::Signature::try_from(&signature[..]).unwrap();
        judge.verify(MESSAGE, &signature).unwrap();
        judge.verify(b"another message", &signature).unwrap_err();
    }
}

#[test]
fn a_message_hashed_in_pieces_gets_a_signature_of_the_whole() {
    let scene = Scene::new();
    let token = scene.create();
    for algorithm in Algorithm::ALL {
        let label = label(algorithm.word());
        let public_key = token.generate_signing_key(&label, algorithm).unwrap();
        let mut hasher = MessageHasher::new(algorithm);
        MESSAGE.chunks(5).for_each(|piece| hasher.update(piece));
        let signature = token.sign_digest(&label, &hasher.finish()).unwrap();
        public_key.verify(MESSAGE, &signature).unwrap();
    }
}

#[test]
fn a_digest_for_another_algorithm_is_refused() {
    let scene = Scene::new();
    let token = scene.create();
    token.generate_signing_key(&label("a"), Algorithm::EcdsaP256Sha256).unwrap();
    // RSA's digest is SHA-256 as well, but the message was not meant for this key.
    for other in [Algorithm::Rsa2048Sha256, Algorithm::EcdsaP384Sha384] {
        let refusal = token.sign_digest(&label("a"), &MessageHasher::new(other).finish());
        let expected = Algorithm::EcdsaP256Sha256;
        assert!(
            matches!(refusal, Err(TokenError::WrongDigest { key, digest, .. }) if key == expected && digest == other)
        );
    }
}

#[test]
fn a_key_does_only_what_it_is_for() {
    let scene = Scene::new();
    let token = scene.create();
    let (signing, wrapping, mac) = (label("signing"), label("wrapping"), label("mac"));
    token.generate_signing_key(&signing, Algorithm::EcdsaP256Sha256).unwrap();
    token.generate_secret_key(&wrapping, SecretPurpose::Wrap).unwrap();
    token.generate_secret_key(&mac, SecretPurpose::Mac).unwrap();
    let digest = MessageHasher::new(Algorithm::EcdsaP256Sha256).finish();
    let mut refusals = Vec::new();
    for label in [&wrapping, &mac] {
        refusals.push((Operation::Sign, token.sign(label, b"").map(drop)));
        refusals.push((Operation::SignDigest, token.sign_digest(label, &digest).map(drop)));
        refusals.push((Operation::PublicKey, token.public_key(label).map(drop)));
    }
    for label in [&signing, &mac] {
        refusals.push((Operation::Wrap, token.wrap(label, b"", b"").map(drop)));
        refusals.push((Operation::Unwrap, token.unwrap(label, &[0; 28], b"").map(drop)));
    }
    for label in [&signing, &wrapping] {
        refusals.push((Operation::Mac, token.mac(label, b"").map(drop)));
    }
    for (asked, refusal) in refusals {
        assert!(matches!(refusal, Err(TokenError::WrongUse { operation, .. }) if operation == asked), "{asked:?}");
    }
}

#[test]
fn a_key_that_was_never_made_is_told_by_its_label() {
    let scene = Scene::new();
    let token = scene.create();
    let none = label("none");
    let digest = MessageHasher::new(Algorithm::EcdsaP256Sha256).finish();
    for refusal in [
        token.sign(&none, b"").map(drop),
        token.sign_digest(&none, &digest).map(drop),
        token.public_key(&none).map(drop),
        token.wrap(&none, b"", b"").map(drop),
        token.unwrap(&none, b"", b"").map(drop),
        token.mac(&none, b"").map(drop),
        token.destroy(&none),
    ] {
        assert!(matches!(refusal, Err(TokenError::NoSuchKey { label }) if label == none));
    }
}

#[test]
fn debug_shows_labels_only() {
    let scene = Scene::new();
    let token = scene.create();
    token.generate_secret_key(&label("wrap-2031"), SecretPurpose::Wrap).unwrap();
    token.generate_signing_key(&label("ca-1"), Algorithm::EcdsaP256Sha256).unwrap();
    assert_eq!(format!("{token:?}"), r#"SoftToken {"ca-1", "wrap-2031"}"#);
}
