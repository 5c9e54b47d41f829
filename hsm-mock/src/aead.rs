//! AES-256-GCM under a random nonce (NIST SP 800-38D §8.2.2), as `nonce ‖ ciphertext ‖ tag`: one form for wrappings, key
//! files and the header.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::token::WRAP_OVERHEAD_OCTETS;

/// Size of a key in octets.
pub(crate) const KEY_OCTETS: usize = 32;

const _: () = assert!(WRAP_OVERHEAD_OCTETS == NONCE_LEN + 16);

/// A key made ready.
pub(crate) fn key(octets: &[u8]) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, octets).map(LessSafeKey::new)
}

/// Fresh random octets for a new key.
pub(crate) fn random_key(randomness: &dyn SecureRandom) -> Result<Zeroizing<[u8; KEY_OCTETS]>, Unspecified> {
    let mut octets = Zeroizing::new([0; KEY_OCTETS]);
    randomness.fill(&mut *octets)?;
    Ok(octets)
}

/// Encrypts and authenticates, together with `context`, which is not stored.
pub(crate) fn seal(
    key: &LessSafeKey,
    randomness: &dyn SecureRandom,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let mut nonce = [0; NONCE_LEN];
    randomness.fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(plaintext.len() + WRAP_OVERHEAD_OCTETS);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed[NONCE_LEN..])?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// The plaintext, if `sealed` is whole and was sealed by that key with that context.
pub(crate) fn open(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
    let mut octets = Zeroizing::new(ciphertext.to_vec());
    let plaintext_octets =
        key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut octets)?.len();
    octets.truncate(plaintext_octets);
    Ok(octets)
}
