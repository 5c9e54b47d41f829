//! Throw-away keys that can be made to misbehave.
use std::sync::Mutex;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use pki::algorithm::PublicKey;
use pki::crl::SignedCrl;
use pki::identity::{Ca, IssuerKey, KeyNumber};
use pki::lint::LintedCrl;
use pki::name::DistinguishedName;
use pki::oid;

use crate::manifest::{ManifestToBeSigned, SignedManifest};
use crate::signing::{CrlSigner, ManifestSigner, SignFailure};

/// How a signer misbehaves.
#[derive(Clone)]
pub(crate) enum Mischief {
    /// Signs with a key that is not the issuer's.
    OtherKey,
    /// Whatever it is asked to sign, it hands back that.
    HandsBack(SignedCrl),
    /// Fails that many times.
    Fails(u32),
}

pub(crate) struct TestSigner {
    issuer: IssuerKey,
    name: DistinguishedName,
    key: EcdsaKeyPair,
    public: PublicKey,
    other: EcdsaKeyPair,
    mischief: Mutex<Option<Mischief>>,
}

impl TestSigner {
    pub(crate) fn new(ca: Ca, key_number: u16) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let purpose = match ca {
            Ca::Sign => "JPKI for digital signature",
            Ca::Auth => "JPKI for user authentication",
            Ca::PhoneSign => "JPKI for digital signature on mobile devices",
            Ca::PhoneAuth => "JPKI for user authentication on mobile devices",
        };
        Self {
            issuer: IssuerKey { ca, key: KeyNumber::new(key_number).unwrap() },
            name: DistinguishedName::japan()
                .with(oid::ORGANIZATION, "JPKI-TEST")
                .with(oid::ORGANIZATIONAL_UNIT, purpose),
            public: PublicKey::from_spki(key.public_key().as_der().unwrap().as_ref()).unwrap(),
            key,
            other: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            mischief: Mutex::default(),
        }
    }

    pub(crate) fn misbehave(&self, mischief: Mischief) {
        *self.mischief.lock().unwrap() = Some(mischief);
    }

    pub(crate) fn behave(&self) {
        *self.mischief.lock().unwrap() = None;
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own throw-away key signs here")]
fn random() -> aws_lc_rs::rand::SystemRandom {
    aws_lc_rs::rand::SystemRandom::new()
}

impl CrlSigner for TestSigner {
    fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    fn issuer_name(&self) -> &DistinguishedName {
        &self.name
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, linted: LintedCrl) -> Result<SignedCrl, (LintedCrl, SignFailure)> {
        let mut mischief = self.mischief.lock().unwrap();
        let key = match mischief.as_mut() {
            Some(Mischief::OtherKey) => &self.other,
            Some(Mischief::HandsBack(other)) => return Ok(other.clone()),
            None | Some(Mischief::Fails(0)) => &self.key,
            Some(Mischief::Fails(left)) => {
                *left -= 1;
                return Err((linted, SignFailure { reason: "the token is locked".to_owned() }));
            }
        };
        let signature = key.sign_digest(linted.digest().as_digest()).unwrap();
        Ok(linted.assemble(signature.as_ref()))
    }
}

pub(crate) enum ManifestKey {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

pub(crate) struct TestManifestSigner {
    key: ManifestKey,
    public: PublicKey,
}

impl TestManifestSigner {
    pub(crate) fn ecdsa() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = PublicKey::from_spki(key.public_key().as_der().unwrap().as_ref()).unwrap();
        Self { key: ManifestKey::Ecdsa(key), public }
    }

    pub(crate) fn rsa() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = PublicKey::from_spki(key.public_key().as_der().unwrap().as_ref()).unwrap();
        Self { key: ManifestKey::Rsa(key), public }
    }
}

impl ManifestSigner for TestManifestSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, to_be_signed: ManifestToBeSigned) -> Result<SignedManifest, (ManifestToBeSigned, SignFailure)> {
        let signature = match &self.key {
            ManifestKey::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random(), to_be_signed.signing_input(), &mut signature).unwrap();
                signature
            }
            ManifestKey::Ecdsa(key) => key.sign(&random(), to_be_signed.signing_input()).unwrap().as_ref().to_vec(),
        };
        Ok(to_be_signed.assemble(&signature).unwrap())
    }
}
