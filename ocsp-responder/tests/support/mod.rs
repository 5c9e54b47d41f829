//! A CA with an index in each state, and delegates with real keys: what the tests ask.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ocsp_responder::{Issuers, OcspSettings, OcspSigner, Responder, SignFailure, SignedResponseData};
use pki::algorithm::{Algorithm, Digest, PublicKey};
use pki::der::{DerWriter, Tag};
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::name::DistinguishedName;
use pki::ocsp::{RequestWriter, ResponseData, write_cert_id};
use pki::oid;
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;
use status::{Change, StatusIndex};

pub const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
pub const GOOD: u64 = 10;
pub const HELD: u64 = 11;
pub const REVOKED: u64 = 12;
pub const UNISSUED: u64 = 13;
/// The first serial of the second key of `sign`; good.
pub const SECOND_KEY: u64 = 1_000;
pub const HELD_SINCE: UnixTime = NOW.plus_seconds(-500);
pub const REVOKED_SINCE: UnixTime = NOW.plus_seconds(-1_000);

pub fn issuer(ca: Ca, key: u16) -> IssuerKey {
    IssuerKey { ca, key: KeyNumber::new(key).unwrap() }
}

pub fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

pub fn name(ca: Ca) -> DistinguishedName {
    DistinguishedName::japan().with(oid::ORGANIZATION, "AKASHI-TEST").with(oid::ORGANIZATIONAL_UNIT, ca.word())
}

pub enum TestKey {
    P256(EcdsaKeyPair),
    Rsa2048(RsaKeyPair),
}

impl TestKey {
    fn new() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn rsa() -> Self {
        Self::Rsa2048(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn public_key(&self) -> PublicKey {
        let mut writer = DerWriter::new();
        writer.sequence(|w| match self {
            Self::P256(key) => {
                w.sequence(|w| {
                    w.oid(oid::EC_PUBLIC_KEY);
                    w.oid(oid::P256);
                });
                w.bit_string(key.public_key().as_ref());
            }
            Self::Rsa2048(key) => {
                w.sequence(|w| {
                    w.oid(oid::RSA_ENCRYPTION);
                    w.primitive(Tag::NULL, &[]);
                });
                w.bit_string(key.public_key().as_ref());
            }
        });
        PublicKey::from_spki(writer.as_slice()).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "ECDSA needs randomness, and a test has no other source")]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        match self {
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa2048(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// CA keys: two generations of `sign`, one of `auth`.
pub static CA_KEYS: LazyLock<[(IssuerKey, TestKey); 3]> =
    LazyLock::new(|| [issuer(Ca::Sign, 1), issuer(Ca::Sign, 2), issuer(Ca::Auth, 1)].map(|key| (key, TestKey::new())));

pub fn ca_key(of: IssuerKey) -> &'static TestKey {
    &CA_KEYS.iter().find(|(key, _)| *key == of).unwrap().1
}

/// A certificate for `subject_key` signed by `signer`: a CA's own, or an OCSP delegate's.
pub fn certificate(of: IssuerKey, serial: u64, subject: &DistinguishedName, subject_key: &PublicKey) -> Vec<u8> {
    let is_delegate = serial > 1;
    let mut tbs = DerWriter::new();
    tbs.sequence(|w| {
        w.constructed(Tag::context_constructed(0), |w| w.integer(2));
        w.integer(serial);
        Algorithm::EcdsaP256Sha256.write_signature_identifier(w);
        name(of.ca).write_der(w);
        w.sequence(|w| {
            NOW.plus_seconds(-86_400).write_der(w);
            NOW.plus_seconds(86_400 * 30).write_der(w);
        });
        subject.write_der(w);
        w.raw(subject_key.spki_der());
        w.constructed(Tag::context_constructed(3), |w| {
            w.sequence(|w| {
                if is_delegate {
                    w.extension(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.oid(oid::KP_OCSP_SIGNING)));
                    w.extension(oid::OCSP_NOCHECK, false, |w| w.primitive(Tag::NULL, &[]));
                } else {
                    w.extension(oid::BASIC_CONSTRAINTS, true, |w| w.sequence(DerWriter::boolean_true));
                }
            });
        });
    });
    let signature = ca_key(of).sign(tbs.as_slice());
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.raw(tbs.as_slice());
        Algorithm::EcdsaP256Sha256.write_signature_identifier(w);
        w.bit_string(&signature);
    });
    writer.finish()
}

/// How a delegate of the tests behaves.
pub struct TestSigner {
    pub issuer: IssuerKey,
    pub key: Arc<TestKey>,
    pub certificate: Vec<u8>,
    pub not_after: UnixTime,
    /// The first so many calls fail.
    pub failures: usize,
    pub failure: SignFailure,
    pub calls: Arc<AtomicUsize>,
}

impl TestSigner {
    pub fn new(issuer: IssuerKey) -> Self {
        Self::with_key(issuer, TestKey::new())
    }

    pub fn rsa(issuer: IssuerKey) -> Self {
        Self::with_key(issuer, TestKey::rsa())
    }

    fn with_key(issuer: IssuerKey, key: TestKey) -> Self {
        let key = Arc::new(key);
        let subject = name(issuer.ca).with(oid::COMMON_NAME, "OCSP");
        let certificate = certificate(issuer, 5, &subject, &key.public_key());
        let not_after = NOW.plus_seconds(86_400 * 30);
        let failure = SignFailure::TokenUnavailable;
        Self { issuer, key, certificate, not_after, failures: 0, failure, calls: Arc::default() }
    }
}

impl OcspSigner for TestSigner {
    fn issuer(&self) -> IssuerKey {
        self.issuer
    }
    fn algorithm(&self) -> Algorithm {
        self.key.public_key().algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }
    fn key_hash(&self) -> [u8; 20] {
        self.key.public_key().key_identifier()
    }
    fn not_after(&self) -> UnixTime {
        self.not_after
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.failures {
            return Err((data, self.failure));
        }
        let signature = self.key.sign(data.as_der());
        Ok(SignedResponseData::new(data, signature))
    }
}

/// Signs by no key at all, always the same, so that an answer can be asked for again by its tag.
pub struct FixedSigner(pub TestSigner);

impl OcspSigner for FixedSigner {
    fn issuer(&self) -> IssuerKey {
        self.0.issuer()
    }
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        self.0.certificate_der()
    }
    fn key_hash(&self) -> [u8; 20] {
        self.0.key_hash()
    }
    fn not_after(&self) -> UnixTime {
        self.0.not_after()
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        Ok(SignedResponseData::new(data, vec![1; 72]))
    }
}

/// The index with a certificate in each state under `sign`/1, one good one under `sign`/2, and one under `auth`/1.
pub fn index() -> Arc<StatusIndex> {
    let ca = Ca::Sign;
    let range =
        |ca, first, key| Change::KeyRange { ca, first_serial: serial(first), key: KeyNumber::new(key).unwrap() };
    let issued = |number| Change::Issued { ca, serial: serial(number) };
    let withdrawn = |number, withdrawal| Change::Withdrawn { ca, serial: serial(number), withdrawal };
    let revoked = Withdrawal::Revoked { since: REVOKED_SINCE, reason: RevocationReason::AffiliationChanged };
    let index = StatusIndex::new();
    index
        .apply(
            1,
            &[
                range(ca, 1, 1),
                issued(GOOD),
                issued(HELD),
                withdrawn(HELD, Withdrawal::Held { since: HELD_SINCE }),
                issued(REVOKED),
                withdrawn(REVOKED, revoked),
                range(ca, SECOND_KEY, 2),
                issued(SECOND_KEY),
                range(Ca::Auth, 1, 1),
                Change::Issued { ca: Ca::Auth, serial: serial(GOOD) },
            ],
        )
        .unwrap();
    Arc::new(index)
}

pub fn settings() -> OcspSettings {
    OcspSettings::new(300, 28_800).unwrap()
}

/// All issuers, without signers.
pub fn issuers() -> Arc<Issuers> {
    let issuers = Issuers::new();
    for (key, ca_key) in CA_KEYS.iter() {
        issuers.add(*key, &name(key.ca).to_der(), &ca_key.public_key());
    }
    Arc::new(issuers)
}

/// A responder whose `sign`/1 has that delegate, and all other keys good ones.
pub fn responder_with(signer: TestSigner) -> Responder {
    let issuers = issuers();
    for (key, _) in CA_KEYS.iter() {
        issuers.replace_signer(Box::new(TestSigner::new(*key))).unwrap();
    }
    issuers.replace_signer(Box::new(signer)).unwrap();
    Responder::new(issuers, index(), settings())
}

pub fn responder() -> Responder {
    responder_with(TestSigner::new(issuer(Ca::Sign, 1)))
}

pub fn cert_id(of: IssuerKey, digest: Digest, number: u64) -> Vec<u8> {
    write_cert_id(digest, &name(of.ca).to_der(), ca_key(of).public_key().key_octets(), serial(number))
}

/// A request about these serials of `sign`/1 by SHA-256, or SHA-1.
pub fn request_by(digest: Digest, numbers: &[u64]) -> Vec<u8> {
    let add = |writer: RequestWriter, &number: &u64| writer.cert_id(&cert_id(issuer(Ca::Sign, 1), digest, number));
    numbers.iter().fold(RequestWriter::new(), add).finish()
}

pub fn request(numbers: &[u64]) -> Vec<u8> {
    request_by(Digest::Sha256, numbers)
}
