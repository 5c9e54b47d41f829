//! The closed set of key and signature algorithms. A profile names one; nothing else in the code does.
use aws_lc_rs::{digest, signature};

use crate::der::{DerReader, DerWriter, Tag};
use crate::message::MessageDigest;
use crate::oid::{self, Oid};

/// A key algorithm together with the one signature algorithm it is used with here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA-2048 with e = 65537, sha256WithRSAEncryption: today's JPKI (facts 1.1).
    Rsa2048Sha256,
    /// RSA-3072 with e = 65537, sha256WithRSAEncryption.
    Rsa3072Sha256,
    /// ECDSA on P-256, ecdsa-with-SHA256.
    EcdsaP256Sha256,
    /// ECDSA on P-384, ecdsa-with-SHA384: the announced next card (facts 1.8).
    EcdsaP384Sha384,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Rsa2048Sha256, Self::Rsa3072Sha256, Self::EcdsaP256Sha256, Self::EcdsaP384Sha384];

    /// The word for it in settings, messages and stored keys.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rsa2048Sha256 => "rsa-2048-sha256",
            Self::Rsa3072Sha256 => "rsa-3072-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
        }
    }

    /// The algorithm with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word)
    }

    /// The object identifier of the signature algorithm.
    pub(crate) const fn signature_oid(self) -> Oid {
        match self {
            Self::Rsa2048Sha256 | Self::Rsa3072Sha256 => oid::SHA256_WITH_RSA,
            Self::EcdsaP256Sha256 => oid::ECDSA_WITH_SHA256,
            Self::EcdsaP384Sha384 => oid::ECDSA_WITH_SHA384,
        }
    }

    /// The object identifier of the key's AlgorithmIdentifier, and its parameters as DER: NULL for RSA (RFC 3279 §2.3.1), the
    /// curve for ECDSA (RFC 5480 §2.1.1).
    pub(crate) fn public_key_identifier(self) -> (Oid, Vec<u8>) {
        let mut parameters = DerWriter::with_capacity(10);
        let oid = match self {
            Self::Rsa2048Sha256 | Self::Rsa3072Sha256 => {
                parameters.primitive(Tag::NULL, &[]);
                oid::RSA_ENCRYPTION
            }
            Self::EcdsaP256Sha256 => {
                parameters.oid(oid::P256);
                oid::EC_PUBLIC_KEY
            }
            Self::EcdsaP384Sha384 => {
                parameters.oid(oid::P384);
                oid::EC_PUBLIC_KEY
            }
        };
        (oid, parameters.finish())
    }

    /// Writes the signature's AlgorithmIdentifier: parameters NULL for RSA (RFC 4055 §5), absent for ECDSA (RFC 5758 §3.2).
    pub fn write_signature_identifier(self, writer: &mut DerWriter) {
        writer.sequence(|w| {
            w.oid(self.signature_oid());
            match self {
                Self::Rsa2048Sha256 | Self::Rsa3072Sha256 => w.primitive(Tag::NULL, &[]),
                Self::EcdsaP256Sha256 | Self::EcdsaP384Sha384 => {}
            }
        });
    }

    /// The signature's AlgorithmIdentifier as DER.
    pub fn signature_identifier(self) -> Vec<u8> {
        let mut writer = DerWriter::new();
        self.write_signature_identifier(&mut writer);
        writer.finish()
    }

    /// The largest signature value in octets: RSA's modulus, or a DER ECDSA-Sig-Value.
    pub const fn signature_octets_max(self) -> usize {
        match self {
            Self::Rsa2048Sha256 => 256,
            Self::Rsa3072Sha256 => 384,
            Self::EcdsaP256Sha256 => 72,
            Self::EcdsaP384Sha384 => 104,
        }
    }

    fn verification(self) -> &'static dyn signature::VerificationAlgorithm {
        match self {
            Self::Rsa2048Sha256 | Self::Rsa3072Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        }
    }
}

/// Why a public key is not one we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not a SubjectPublicKeyInfo in DER.
    #[error("the public key is not a SubjectPublicKeyInfo in DER")]
    Malformed,
    /// An algorithm, curve or RSA size outside the closed set.
    #[error("the public key's algorithm is not one of: RSA 2048 or 3072, ECDSA P-256 or P-384")]
    UnknownAlgorithm,
    /// An RSA modulus below 2048 bits (施行規則 第2条).
    #[error("the RSA modulus has {bits} bits; at least 2048 are required")]
    ModulusTooShort {
        /// Size of the modulus offered.
        bits: usize,
    },
    /// An RSA public exponent other than 65537.
    #[error("the RSA public exponent is not 65537")]
    BadExponent,
    /// The modulus is even, so no RSA modulus, or the curve point is not on its curve or not in uncompressed form.
    #[error("the key's numbers are not those of a usable key")]
    BadNumbers,
}

/// A public key of the closed set, with its exact SubjectPublicKeyInfo.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    spki_der: Vec<u8>,
    /// Where the BIT STRING's value begins in `spki_der`; it runs to the end.
    key_start: usize,
    key_identifier: [u8; 20],
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.algorithm.word())
    }
}

impl PublicKey {
    /// Reads and judges a SubjectPublicKeyInfo.
    pub fn from_spki(spki_der: &[u8]) -> Result<Self, PublicKeyError> {
        let (algorithm, key) = Self::judge(spki_der)?;
        let (key_start, key_identifier) = (spki_der.len() - key.len(), sha1(key));
        Ok(Self { algorithm, spki_der: spki_der.to_vec(), key_start, key_identifier })
    }

    /// The algorithm of a SubjectPublicKeyInfo that we take, and its key octets.
    pub(crate) fn judge(spki_der: &[u8]) -> Result<(Algorithm, &[u8]), PublicKeyError> {
        let malformed = |_| PublicKeyError::Malformed;
        let mut outer = DerReader::new(spki_der);
        let mut spki = outer.sequence().map_err(malformed)?;
        outer.finish().map_err(malformed)?;
        let mut identifier = spki.sequence().map_err(malformed)?;
        let key = spki.bit_string().map_err(malformed)?;
        spki.finish().map_err(malformed)?;
        let oid = identifier.expect(Tag::OID).map_err(malformed)?.contents;
        let algorithm = if oid == oid::RSA_ENCRYPTION.content() {
            // RFC 3279 §2.3.1: the parameters are NULL.
            identifier.expect(Tag::NULL).map_err(malformed)?;
            rsa_algorithm(key)?
        } else if oid == oid::EC_PUBLIC_KEY.content() {
            let curve = identifier.expect(Tag::OID).map_err(|_| PublicKeyError::UnknownAlgorithm)?.contents;
            ec_algorithm(curve, key)?
        } else {
            return Err(PublicKeyError::UnknownAlgorithm);
        };
        identifier.finish().map_err(malformed)?;
        Ok((algorithm, key))
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo, octet for octet as it came.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The SubjectPublicKeyInfo in PEM (RFC 7468 §13), lines ended by LF.
    pub fn to_pem(&self) -> String {
        crate::pem::encode("PUBLIC KEY", &self.spki_der)
    }

    /// The BIT STRING's value without tag, length and unused-bits octet: what key identifiers and CertIDs hash (R10).
    pub fn key_octets(&self) -> &[u8] {
        &self.spki_der[self.key_start..]
    }

    /// SHA-1 of the key octets: subjectKeyIdentifier as JPKI makes it (facts 1.2, 1.3; RFC 5280 §4.2.1.2 method 1) and
    /// the responder's KeyHash (R13).
    pub const fn key_identifier(&self) -> [u8; 20] {
        self.key_identifier
    }

    /// The signature is this key's over that message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.algorithm.verification().verify_sig(self.key_octets(), message, signature).map_err(|_| BadSignature)
    }

    /// The same for a message that was hashed piece by piece, for a key of this algorithm.
    pub fn verify_digest(&self, digest: &MessageDigest, signature: &[u8]) -> Result<(), BadSignature> {
        if digest.algorithm() != self.algorithm {
            return Err(BadSignature);
        }
        let verification = self.algorithm.verification();
        verification.verify_digest_sig(self.key_octets(), digest.as_digest(), signature).map_err(|_| BadSignature)
    }
}

/// The signature is not that key's over that message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

fn rsa_algorithm(key: &[u8]) -> Result<Algorithm, PublicKeyError> {
    let malformed = |_| PublicKeyError::Malformed;
    let mut outer = DerReader::new(key);
    let mut numbers = outer.sequence().map_err(malformed)?;
    outer.finish().map_err(malformed)?;
    let modulus = numbers.integer_octets().map_err(malformed)?;
    let exponent = numbers.integer_octets().map_err(malformed)?;
    numbers.finish().map_err(malformed)?;
    let magnitude = match modulus {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => return Err(PublicKeyError::BadNumbers),
        _ => modulus,
    };
    let bits = magnitude.len() * 8 - magnitude.first().map_or(0, |octet| octet.leading_zeros() as usize);
    if bits < 2_048 {
        return Err(PublicKeyError::ModulusTooShort { bits });
    }
    if exponent != [1, 0, 1] {
        return Err(PublicKeyError::BadExponent);
    }
    if magnitude.last().is_none_or(|octet| octet % 2 == 0) {
        return Err(PublicKeyError::BadNumbers);
    }
    match bits {
        2_048 => Ok(Algorithm::Rsa2048Sha256),
        3_072 => Ok(Algorithm::Rsa3072Sha256),
        _ => Err(PublicKeyError::UnknownAlgorithm),
    }
}

fn ec_algorithm(curve: &[u8], point: &[u8]) -> Result<Algorithm, PublicKeyError> {
    let (algorithm, octets): (_, usize) = if curve == oid::P256.content() {
        (Algorithm::EcdsaP256Sha256, 65)
    } else if curve == oid::P384.content() {
        (Algorithm::EcdsaP384Sha384, 97)
    } else {
        return Err(PublicKeyError::UnknownAlgorithm);
    };
    // RFC 5480 §2.2: the uncompressed form is the one everybody reads.
    let uncompressed = point.len() == octets && point[0] == 4;
    let on_curve = || signature::ParsedPublicKey::new(algorithm.verification(), point).is_ok();
    if uncompressed && on_curve() { Ok(algorithm) } else { Err(PublicKeyError::BadNumbers) }
}

/// Recognises a signature AlgorithmIdentifier, as it stands in certificates, CRLs and requests. RSA sizes share one
/// identifier, so the answer is whether `algorithm` signs with it.
pub fn is_signature_identifier_of(algorithm: Algorithm, identifier_der: &[u8]) -> bool {
    let mut expected = DerWriter::with_capacity(16);
    algorithm.write_signature_identifier(&mut expected);
    identifier_der == expected.as_slice()
}

/// A digest that CertIDs may be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1: old OCSP clients (L01).
    Sha1,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Digest {
    /// Every digest.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its object identifier.
    pub const fn oid(self) -> Oid {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// Its size in octets.
    pub const fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of that message.
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }
}

/// SHA-1, where the standards still ask for it: key identifiers and old CertIDs.
pub fn sha1(message: &[u8]) -> [u8; 20] {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message).as_ref().try_into().expect("SHA-1 has 20 octets")
}

/// SHA-256.
pub fn sha256(message: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, message).as_ref().try_into().expect("SHA-256 has 32 octets")
}

/// SHA-256 of a message that comes in parts.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The digest of all parts.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish().as_ref().try_into().expect("SHA-256 has 32 octets")
    }
}
