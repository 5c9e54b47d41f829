//! The signed list of a cut's files: with it a reader proves that all the CRLs it holds are of one cut.
//!
//! It is a JWS in flattened JSON serialisation (RFC 7515 §7.2.2); its payload is [`Manifest`] as JSON.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use pki::algorithm::{Algorithm, PublicKey};
use pki::der::{DerReader, DerWriter};
use pki::time::{CivilDate, UnixTime};
use serde::{Deserialize, Serialize};

use crate::ledger::PublishedCut;
use crate::slot::CrlSlot;

/// The payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The cut's number.
    pub cut_number: u64,
    /// The log position whose state it shows.
    pub log_position: u64,
    /// The root of the log's Merkle tree there, in hexadecimal.
    pub tree_head: String,
    /// thisUpdate of every CRL, RFC 3339 in Japan.
    pub this_update: String,
    /// nextUpdate of every CRL, RFC 3339 in Japan.
    pub next_update: String,
    /// The CRLs.
    pub files: Vec<ManifestFile>,
}

/// One CRL in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// `sign`, `auth`, `phone-sign` or `phone-auth`.
    pub ca: String,
    /// The key generation's number.
    pub key: u16,
    /// `full`, `delta`, `ca`, or the 5-digit code of the municipality.
    pub partition: String,
    /// Path of a URL whose contents never change.
    pub url: String,
    /// Octets.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// cRLNumber.
    pub crl_number: u64,
    /// Of a delta alone: the cRLNumber of the full CRL that it goes with, or of a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_crl_number: Option<u64>,
}

impl ManifestFile {
    /// Which CRL it is; `None` if the words name none.
    pub fn slot(&self) -> Option<CrlSlot> {
        CrlSlot::from_words(&self.ca, &self.key.to_string(), &self.partition)
    }
}

/// Why a manifest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not a flattened JWS, or its payload is not a manifest.
    #[error("the manifest is not a flattened JWS over a manifest; its {part} cannot be read")]
    Malformed {
        /// Where reading stopped.
        part: &'static str,
    },
    /// The algorithm named is not the key's.
    #[error("the manifest names another algorithm than its key's")]
    WrongAlgorithm,
    /// The signature is not the manifest key's.
    #[error("the manifest's signature does not verify")]
    BadSignature,
}

#[derive(Serialize, Deserialize)]
struct FlattenedJws {
    payload: String,
    protected: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
struct ProtectedHeader {
    alg: String,
    kid: String,
}

/// A manifest ready for its signature; only [`Manifest::to_be_signed`] makes one.
#[derive(Clone, Debug)]
pub struct ManifestToBeSigned {
    /// `protected.payload`, the JWS signing input (RFC 7515 §5.1).
    signing_input: String,
    algorithm: Algorithm,
}

impl Manifest {
    /// The manifest with its JWS header for that key.
    pub fn to_be_signed(&self, key: &PublicKey) -> ManifestToBeSigned {
        let header =
            ProtectedHeader { alg: jws_algorithm(key.algorithm()).to_owned(), kid: hex(&key.key_identifier()) };
        let json = |value| BASE64URL.encode(value);
        let protected = json(serde_json::to_vec(&header).expect("a header of two strings is JSON"));
        let payload = json(serde_json::to_vec(self).expect("a manifest of strings and numbers is JSON"));
        ManifestToBeSigned { signing_input: format!("{protected}.{payload}"), algorithm: key.algorithm() }
    }

    /// Reads a manifest without judging its signature; for our own files, whose hashes are judged instead.
    pub fn read(jws: &[u8]) -> Result<Self, ManifestError> {
        let malformed = |part| move |_| ManifestError::Malformed { part };
        let jws: FlattenedJws = serde_json::from_slice(jws).map_err(malformed("JWS"))?;
        let payload = BASE64URL.decode(jws.payload).map_err(|_| ManifestError::Malformed { part: "payload" })?;
        serde_json::from_slice(&payload).map_err(malformed("payload"))
    }

    /// Reads a manifest as a stranger would, who has nothing but the manifest key.
    pub fn verify(jws: &[u8], key: &PublicKey) -> Result<Self, ManifestError> {
        let malformed = |part| ManifestError::Malformed { part };
        let flat: FlattenedJws = serde_json::from_slice(jws).map_err(|_| malformed("JWS"))?;
        let header = BASE64URL.decode(&flat.protected).map_err(|_| malformed("protected header"))?;
        let header: ProtectedHeader = serde_json::from_slice(&header).map_err(|_| malformed("protected header"))?;
        if header.alg != jws_algorithm(key.algorithm()) {
            return Err(ManifestError::WrongAlgorithm);
        }
        let signature = BASE64URL.decode(&flat.signature).map_err(|_| malformed("signature"))?;
        let signature = from_jws_signature(key.algorithm(), signature).ok_or(ManifestError::BadSignature)?;
        let signing_input = format!("{}.{}", flat.protected, flat.payload);
        key.verify(signing_input.as_bytes(), &signature).map_err(|_| ManifestError::BadSignature)?;
        Self::read(jws)
    }

    /// What the manifest says of its cut; `None` if a time or the tree head cannot be read.
    pub(crate) fn cut(&self, manifest_sha256: [u8; 32]) -> Option<PublishedCut> {
        Some(PublishedCut {
            cut_number: self.cut_number,
            log_position: self.log_position,
            tree_head: from_hex(&self.tree_head)?,
            this_update: from_rfc_3339(&self.this_update)?,
            next_update: from_rfc_3339(&self.next_update)?,
            manifest_sha256,
        })
    }
}

impl ManifestToBeSigned {
    /// The octets to be signed.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The algorithm that the signer must use.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The manifest with its signature: raw RSA octets or a DER ECDSA-Sig-Value, or `None` if it is neither.
    pub fn assemble(&self, signature: &[u8]) -> Option<SignedManifest> {
        let (protected, payload) = self.signing_input.split_once('.').expect("made with one full stop");
        let signature = BASE64URL.encode(to_jws_signature(self.algorithm, signature)?);
        let flat = FlattenedJws { payload: payload.to_owned(), protected: protected.to_owned(), signature };
        Some(SignedManifest { jws: serde_json::to_vec(&flat).expect("three strings are JSON") })
    }
}

/// A manifest with a signature on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedManifest {
    jws: Vec<u8>,
}

impl SignedManifest {
    /// The JWS as it is served.
    pub fn jws(&self) -> &[u8] {
        &self.jws
    }
}

/// RFC 7518 §3.1.
const fn jws_algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 => "RS256",
        Algorithm::EcdsaP256Sha256 => "ES256",
        Algorithm::EcdsaP384Sha384 => "ES384",
    }
}

/// Octets of r and of s in a JWS signature (RFC 7518 §3.4); `None` for RSA, which has one number.
const fn coordinate_octets(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 => None,
        Algorithm::EcdsaP256Sha256 => Some(32),
        Algorithm::EcdsaP384Sha384 => Some(48),
    }
}

fn to_jws_signature(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    let Some(width) = coordinate_octets(algorithm) else { return Some(signature.to_vec()) };
    let mut outer = DerReader::new(signature);
    let mut numbers = outer.sequence().ok()?;
    let mut raw = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let number = numbers.integer_octets().ok()?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        raw.resize(raw.len() + width.checked_sub(number.len())?, 0);
        raw.extend_from_slice(number);
    }
    numbers.finish().and(outer.finish()).ok()?;
    Some(raw)
}

fn from_jws_signature(algorithm: Algorithm, signature: Vec<u8>) -> Option<Vec<u8>> {
    let Some(width) = coordinate_octets(algorithm) else { return Some(signature) };
    if signature.len() != 2 * width {
        return None;
    }
    let mut writer = DerWriter::new();
    writer.sequence(|w| {
        for number in signature.chunks_exact(width) {
            let first = number.iter().position(|&octet| octet != 0).unwrap_or(width - 1);
            let sign: &[u8] = if number[first] >= 0x80 { &[0] } else { &[] };
            w.primitive(pki::der::Tag::INTEGER, &[sign, &number[first..]].concat());
        }
    });
    Some(writer.finish())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("four bits are one digit");
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0f)]).collect()
}

/// The 32 octets of a SHA-256 in lower-case hexadecimal.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut octets = [0; 32];
    if text.len() != 2 * octets.len() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(octets)
}

/// Reads what [`UnixTime`]'s Display writes.
fn from_rfc_3339(text: &str) -> Option<UnixTime> {
    let (date, time) = text.strip_suffix("+09:00")?.split_once('T')?;
    let date: CivilDate = date.parse().ok()?;
    let mut parts = time.split(':').map(str::parse::<i64>);
    let mut part = || parts.next()?.ok();
    let instant = date.jst_start().plus_seconds(part()? * 3_600 + part()? * 60 + part()?);
    (instant.to_string() == text).then_some(instant)
}
