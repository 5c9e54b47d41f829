//! The seam between Akashi and whatever holds its keys.
use std::fmt;

use pki::algorithm::{Algorithm, PublicKey};
use pki::message::MessageDigest;
use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::label::KeyLabel;

/// What one [`Token::wrap`] takes at most, in octets. It is meant for data keys; data goes under those.
pub const WRAP_PLAINTEXT_OCTETS_MAX: usize = 65_536;

/// How much longer a wrapping is than its plaintext, in octets: a 96-bit nonce and a 128-bit tag.
pub const WRAP_OVERHEAD_OCTETS: usize = 28;

/// A holder of keys that never leave it. Every call may come from many threads at once, and blocks: on the CPU for about
/// half a millisecond per RSA-2048 signature, or on a device; making or destroying a key waits for the disk.
///
/// What a method changes is durable when it returns `Ok`. After [`TokenError::Failed`] or [`StorageError::Io`] the change
/// may or may not have happened, as with any device: open the token again and ask [`Token::labels`].
///
/// [`StorageError::Io`]: crate::StorageError::Io
pub trait Token: Send + Sync {
    /// Makes a key pair and answers its public half. Refuses a label in use.
    fn generate_signing_key(&self, label: &KeyLabel, algorithm: Algorithm) -> Result<PublicKey, TokenError>;

    /// Makes a 256-bit secret key for one purpose. Refuses a label in use.
    fn generate_secret_key(&self, label: &KeyLabel, purpose: SecretPurpose) -> Result<(), TokenError>;

    /// The public half of a signing key.
    fn public_key(&self, label: &KeyLabel) -> Result<PublicKey, TokenError>;

    /// The labels of all keys, in order.
    fn labels(&self) -> Result<Vec<KeyLabel>, TokenError>;

    /// Whether [`Token::sign`] does nothing but compute, for a millisecond or less: it waits for no device, no disk, no network,
    /// and for no lock that is held over one of these.
    fn signs_in_memory(&self) -> bool;

    /// Signs a message with the key's one signature algorithm: RSASSA-PKCS1-v1_5 (RFC 8017 §8.2), or ECDSA as a DER
    /// Ecdsa-Sig-Value (RFC 3279 §2.2.3).
    fn sign(&self, label: &KeyLabel, message: &[u8]) -> Result<Vec<u8>, TokenError>;

    /// The same for a message hashed piece by piece. Refuses a digest made for another algorithm than the key's.
    fn sign_digest(&self, label: &KeyLabel, digest: &MessageDigest) -> Result<Vec<u8>, TokenError>;

    /// Encrypts and authenticates with AES-256-GCM under a fresh random nonce: nonce, ciphertext, tag. `context` is
    /// authenticated, not stored; the same octets must come with [`Token::unwrap`]. At most
    /// [`WRAP_PLAINTEXT_OCTETS_MAX`] octets a call, and 2^32 calls a key (NIST SP 800-38D §8.3), which the token does not count.
    fn wrap(&self, label: &KeyLabel, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, TokenError>;

    /// The plaintext of a wrapping by this key in this context; anything else is [`TokenError::NotAuthentic`].
    fn unwrap(&self, label: &KeyLabel, wrapped: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError>;

    /// HMAC-SHA-256 of a message.
    fn mac(&self, label: &KeyLabel, message: &[u8]) -> Result<[u8; 32], TokenError>;

    /// Destroys a key for good, as far as the medium can ([the software token's limits](crate)). Uses already under way
    /// on other threads end normally; later ones get [`TokenError::NoSuchKey`]. After an I/O error it may be called again.
    fn destroy(&self, label: &KeyLabel) -> Result<(), TokenError>;
}

/// The one thing a secret key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretPurpose {
    /// Wrapping other keys and small secrets: AES-256-GCM.
    Wrap,
    /// Keyed hashes: HMAC-SHA-256.
    Mac,
}

/// What sort of key a label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A key pair that signs.
    Signing(Algorithm),
    /// A secret key.
    Secret(SecretPurpose),
}

impl KeyKind {
    /// The word for it in key files and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signing(algorithm) => algorithm.word(),
            Self::Secret(SecretPurpose::Wrap) => "wrap-aes-256-gcm",
            Self::Secret(SecretPurpose::Mac) => "mac-hmac-sha256",
        }
    }

    /// The kind with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [SecretPurpose::Wrap, SecretPurpose::Mac]
            .into_iter()
            .map(Self::Secret)
            .chain(Algorithm::ALL.into_iter().map(Self::Signing))
            .find(|kind| kind.word() == word)
    }
}

/// What a token can be asked for; one per method of [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// [`Token::generate_signing_key`]
    GenerateSigningKey,
    /// [`Token::generate_secret_key`]
    GenerateSecretKey,
    /// [`Token::public_key`]
    PublicKey,
    /// [`Token::labels`]
    Labels,
    /// [`Token::sign`]
    Sign,
    /// [`Token::sign_digest`]
    SignDigest,
    /// [`Token::wrap`]
    Wrap,
    /// [`Token::unwrap`]
    Unwrap,
    /// [`Token::mac`]
    Mac,
    /// [`Token::destroy`]
    Destroy,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GenerateSigningKey => "making a signing key",
            Self::GenerateSecretKey => "making a secret key",
            Self::PublicKey => "giving a public key",
            Self::Labels => "listing keys",
            Self::Sign | Self::SignDigest => "signing",
            Self::Wrap => "wrapping",
            Self::Unwrap => "unwrapping",
            Self::Mac => "computing a MAC",
            Self::Destroy => "destroying a key",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_is_found_again_by_its_word() {
        let secrets = [KeyKind::Secret(SecretPurpose::Wrap), KeyKind::Secret(SecretPurpose::Mac)];
        for kind in Algorithm::ALL.into_iter().map(KeyKind::Signing).chain(secrets) {
            assert_eq!(KeyKind::from_word(kind.word()), Some(kind));
        }
        assert_eq!(KeyKind::from_word("rsa-1024-sha1"), None);
    }
}
