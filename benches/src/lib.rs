//! Fixtures that the benches share: delegates with real keys, an index of any size, requests about it.
//!
//! Workloads are named in words and numbers. Every bench runs at smoke size with `cargo bench -p benches -- --test`.
pub mod measure;

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
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

/// The instant at which every bench takes place.
pub const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
/// Whose certificates are asked about.
pub const ISSUER: IssuerKey = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };
/// In an extension: what the certificates of the default profile say besides.
const CERTIFICATE_PADDING_OCTETS: usize = 380;

enum Key {
    EcdsaP256(EcdsaKeyPair),
    Rsa2048(RsaKeyPair),
}

/// A delegate with a key in memory.
pub struct BenchSigner {
    key: Key,
    random: SystemRandom,
    public_key: PublicKey,
    key_hash: [u8; 20],
    certificate_der: Vec<u8>,
}

impl BenchSigner {
    /// A delegate with a new key; [`Algorithm::Rsa2048Sha256`] or [`Algorithm::EcdsaP256Sha256`].
    #[expect(clippy::disallowed_methods, reason = "benches sign with real keys and have no other source of randomness")]
    pub fn new(algorithm: Algorithm) -> Self {
        let (key, identifier, octets) = match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("P-256 keys can be made");
                let octets = key.public_key().as_ref().to_vec();
                (Key::EcdsaP256(key), [oid::EC_PUBLIC_KEY, oid::P256].to_vec(), octets)
            }
            Algorithm::Rsa2048Sha256 => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be made");
                let octets = key.public_key().as_ref().to_vec();
                (Key::Rsa2048(key), vec![oid::RSA_ENCRYPTION], octets)
            }
            Algorithm::Rsa3072Sha256 | Algorithm::EcdsaP384Sha384 => panic!("no bench uses {}", algorithm.word()),
        };
        let mut spki = DerWriter::new();
        spki.sequence(|w| {
            w.sequence(|w| {
                for oid in identifier {
                    w.oid(oid);
                }
                if matches!(key, Key::Rsa2048(_)) {
                    w.primitive(Tag::NULL, &[]);
                }
            });
            w.bit_string(&octets);
        });
        let public_key = PublicKey::from_spki(spki.as_slice()).expect("the key was made just now");
        let (key_hash, certificate_der) = (public_key.key_identifier(), certificate(&public_key, 5));
        Self { key, random: SystemRandom::new(), public_key, key_hash, certificate_der }
    }
}

impl OcspSigner for BenchSigner {
    fn issuer(&self) -> IssuerKey {
        ISSUER
    }
    fn algorithm(&self) -> Algorithm {
        self.public_key.algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }
    fn key_hash(&self) -> [u8; 20] {
        self.key_hash
    }
    fn not_after(&self) -> UnixTime {
        NOW.plus_seconds(86_400 * 7)
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        let signature = match &self.key {
            Key::EcdsaP256(key) => key.sign(&self.random, data.as_der()).map(|signature| signature.as_ref().to_vec()),
            Key::Rsa2048(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &self.random, data.as_der(), &mut signature).map(|()| signature)
            }
        };
        match signature {
            Ok(signature) => Ok(SignedResponseData::new(data, signature)),
            Err(_) => Err((data, SignFailure::TokenUnavailable)),
        }
    }
}

/// A certificate of that key under the issuer's name, as large as those of the default profile. Nobody verifies its signature:
/// there is none.
pub fn certificate(subject: &PublicKey, number: u64) -> Vec<u8> {
    let (name, padding) = (issuer_name().to_der(), [0; CERTIFICATE_PADDING_OCTETS]);
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        w.sequence(|w| {
            w.constructed(Tag::context_constructed(0), |w| w.integer(2));
            w.integer(number);
            Algorithm::EcdsaP256Sha256.write_signature_identifier(w);
            w.raw(&name);
            w.sequence(|w| {
                NOW.plus_seconds(-86_400).write_der(w);
                NOW.plus_seconds(86_400 * 7).write_der(w);
            });
            w.raw(&name);
            w.raw(subject.spki_der());
            w.constructed(Tag::context_constructed(3), |w| {
                w.sequence(|w| {
                    w.extension(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.oid(oid::KP_OCSP_SIGNING)));
                    w.extension(oid::OCSP_NOCHECK, false, |w| w.primitive(Tag::NULL, &[]));
                    w.extension(oid::SUBJECT_KEY_IDENTIFIER, false, |w| w.primitive(Tag::OCTET_STRING, &padding));
                });
            });
        });
        Algorithm::EcdsaP256Sha256.write_signature_identifier(w);
        w.bit_string(&[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]);
    });
    writer.finish()
}

/// The serial with that number.
pub fn serial(number: u64) -> Serial {
    Serial::new(number).expect("benches count from 1")
}

/// Every eighth certificate is revoked: 12 %, as of a whole nation's.
pub const fn is_revoked(number: u64) -> bool {
    number.is_multiple_of(8)
}

/// An index of that many certificates with serials from 1.
pub fn index(certificates: u64) -> Arc<StatusIndex> {
    let ca = ISSUER.ca;
    let mut changes = vec![Change::KeyRange { ca, first_serial: Serial::FIRST, key: ISSUER.key }];
    for number in 1..=certificates {
        changes.push(Change::Issued { ca, serial: serial(number) });
        if is_revoked(number) {
            let seconds = i64::try_from(number).expect("benches have fewer than 2^63 certificates");
            let since = UnixTime::from_seconds(1_700_000_000 + seconds);
            let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::AffiliationChanged };
            changes.push(Change::Withdrawn { ca, serial: serial(number), withdrawal });
        }
    }
    let index = StatusIndex::new();
    index.apply(1, &changes).expect("a right log");
    Arc::new(index)
}

fn issuer_name() -> DistinguishedName {
    DistinguishedName::japan().with(oid::ORGANIZATION, "JPKI-TEST").with(oid::ORGANIZATIONAL_UNIT, "bench")
}

/// A responder over that index, with that delegate; and the CA's public key, which CertIDs name. It keeps no answers.
pub fn responder(index: Arc<StatusIndex>, signer: BenchSigner) -> (Responder, PublicKey) {
    let settings = OcspSettings::new(300, 28_800).and_then(|settings| settings.with_kept_answers_max(0));
    responder_with(index, signer, settings.expect("within bounds"))
}

/// The same with other settings.
pub fn responder_with(index: Arc<StatusIndex>, signer: BenchSigner, settings: OcspSettings) -> (Responder, PublicKey) {
    let ca_key = BenchSigner::new(Algorithm::EcdsaP256Sha256).public_key;
    let issuers = Issuers::new();
    issuers.add(ISSUER, &issuer_name().to_der(), &ca_key);
    issuers.replace_signer(Box::new(signer)).expect("the issuer was added just now");
    (Responder::new(Arc::new(issuers), index, settings), ca_key)
}

/// A request about these serials, with a nonce of 32 octets or none.
pub fn request(ca_key: &PublicKey, digest: Digest, numbers: &[u64], with_nonce: bool) -> Vec<u8> {
    let name = issuer_name().to_der();
    let add = |writer: RequestWriter, &number: &u64| {
        writer.cert_id(&write_cert_id(digest, &name, ca_key.key_octets(), serial(number)))
    };
    let writer = numbers.iter().fold(RequestWriter::new(), add);
    if with_nonce { writer.nonce(&[0x5a; 32]).finish() } else { writer.finish() }
}

/// Numbers from 1 to `up_to` in an order that no cache foresees, always the same.
pub fn scattered(up_to: u64) -> impl Iterator<Item = u64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        // An MMIX linear congruential generator (Knuth, TAOCP 2, §3.3.4); its high bits are good enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 20) % up_to + 1
    })
}
