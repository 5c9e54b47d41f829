//! A key parsed and ready for use from many threads at once.
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use pki::algorithm::{Algorithm, PublicKey};
use pki::message::MessageDigest;
use zeroize::Zeroizing;

use crate::token::{KeyKind, SecretPurpose};

/// A key in memory. AWS-LC wipes its own memory when it frees it.
pub(crate) enum Key {
    Signing(SigningKey),
    Wrap(LessSafeKey),
    Mac(Box<hmac::Key>),
}

/// A key pair.
pub(crate) struct SigningKey {
    public_key: PublicKey,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Key {
    /// Makes a key of what a key file holds: PKCS #8 for a pair, the octets themselves for a secret.
    pub(crate) fn from_material(kind: KeyKind, material: &[u8]) -> Result<Self, Unspecified> {
        match kind {
            KeyKind::Signing(algorithm) => SigningKey::from_pkcs8(algorithm, material).map(Self::Signing),
            KeyKind::Secret(SecretPurpose::Wrap) => crate::aead::key(material).map(Self::Wrap),
            KeyKind::Secret(SecretPurpose::Mac) if material.len() == crate::aead::KEY_OCTETS => {
                Ok(Self::Mac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, material))))
            }
            KeyKind::Secret(SecretPurpose::Mac) => Err(Unspecified),
        }
    }

    pub(crate) const fn kind(&self) -> KeyKind {
        match self {
            Self::Signing(key) => KeyKind::Signing(key.public_key.algorithm()),
            Self::Wrap(_) => KeyKind::Secret(SecretPurpose::Wrap),
            Self::Mac(_) => KeyKind::Secret(SecretPurpose::Mac),
        }
    }
}

/// A fresh key pair as PKCS #8. AWS-LC draws it from its own random source.
pub(crate) fn generate_pkcs8(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    match scheme(algorithm) {
        Scheme::Rsa(size) => {
            let pkcs8: Pkcs8V1Der<'static> = RsaKeyPair::generate(size)?.as_der()?;
            Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
        }
        Scheme::Ecdsa(signing) => {
            let pkcs8 = EcdsaKeyPair::generate(signing)?.to_pkcs8v1()?;
            Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
        }
    }
}

impl SigningKey {
    fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, Unspecified> {
        let (pair, spki_der): (Pair, PublicKeyX509Der<'static>) = match scheme(algorithm) {
            Scheme::Rsa(_) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Unspecified)?;
                let spki_der = pair.public_key().as_der()?;
                (Pair::Rsa(pair), spki_der)
            }
            Scheme::Ecdsa(signing) => {
                let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8).map_err(|_| Unspecified)?;
                let spki_der = pair.public_key().as_der()?;
                (Pair::Ecdsa(pair), spki_der)
            }
        };
        let public_key = PublicKey::from_spki(spki_der.as_ref()).map_err(|_| Unspecified)?;
        // Of RSA, the size is known only now.
        if public_key.algorithm() == algorithm { Ok(Self { public_key, pair }) } else { Err(Unspecified) }
    }

    pub(crate) const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs. The digest must be of the key's algorithm.
    pub(crate) fn sign(&self, digest: &MessageDigest) -> Result<Vec<u8>, Unspecified> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, digest.as_digest(), &mut signature)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => Ok(pair.sign_digest(digest.as_digest())?.as_ref().to_vec()),
        }
    }
}

enum Scheme {
    Rsa(KeySize),
    Ecdsa(&'static EcdsaSigningAlgorithm),
}

fn scheme(algorithm: Algorithm) -> Scheme {
    match algorithm {
        Algorithm::Rsa2048Sha256 => Scheme::Rsa(KeySize::Rsa2048),
        Algorithm::Rsa3072Sha256 => Scheme::Rsa(KeySize::Rsa3072),
        Algorithm::EcdsaP256Sha256 => Scheme::Ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Algorithm::EcdsaP384Sha384 => Scheme::Ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_material_of_one_algorithm_is_no_key_of_another() {
        let materials: Vec<_> = Algorithm::ALL.into_iter().map(|made| (made, generate_pkcs8(made).unwrap())).collect();
        for (made, pkcs8) in &materials {
            for read in Algorithm::ALL {
                let key = Key::from_material(KeyKind::Signing(read), pkcs8);
                assert_eq!(key.is_ok(), read == *made, "{made:?} read as {read:?}");
            }
        }
    }

    #[test]
    fn a_secret_of_another_size_is_no_key() {
        for purpose in [SecretPurpose::Wrap, SecretPurpose::Mac] {
            for octets in [0, 16, 31, 32, 33] {
                let key = Key::from_material(KeyKind::Secret(purpose), &vec![7; octets]);
                assert_eq!(key.is_ok(), octets == 32, "{purpose:?} of {octets} octets");
            }
        }
    }
}
