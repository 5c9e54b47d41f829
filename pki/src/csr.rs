//! Certification requests from desks: PKCS #10 (RFC 2986), proof of possession and key strength.
//!
//! Only the public key is taken from a request. The requested subject and attributes are read so that the form is known
//! to be right, and then ignored: the resident register names the person, not the card.
use der::Decode;
use x509_cert::request::CertReq;

use crate::algorithm::{PublicKey, PublicKeyError, is_signature_identifier_of};
use crate::der::{DerError, DerReader, Tag};

/// A request with an RSA-3072 key takes about 1 KiB; attributes may make it longer, but not without end.
pub const REQUEST_OCTETS_MAX: usize = 8 * 1_024;
/// PEM takes four octets for three, line ends and two boundary lines; some tools put the request as text before it.
pub const PEM_OCTETS_MAX: usize = 2 * REQUEST_OCTETS_MAX;
const _: () = assert!(PEM_OCTETS_MAX > REQUEST_OCTETS_MAX / 3 * 4 + REQUEST_OCTETS_MAX / 64 * 3 + 100);

/// RFC 7468 §7; the second is what older tools write.
const PEM_LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// More octets than any honest request has.
    #[error("the request has {octets} octets; at most {octets_max} are taken")]
    TooLarge {
        /// Size of what came.
        octets: usize,
        /// The limit that applies to its form, DER or PEM.
        octets_max: usize,
    },
    /// Neither DER nor PEM with the label of a request.
    #[error("the request is not PEM with the label CERTIFICATE REQUEST")]
    NotPem,
    /// DER, but not of the form that RFC 2986 §4 describes.
    #[error("the request is not a PKCS #10 CertificationRequest in DER: {0}")]
    Malformed(DerError),
    /// The names or attributes inside are not of their types.
    #[error("the subject or the attributes of the request are not in the form of RFC 2986")]
    MalformedContents,
    /// The public key is not one we take.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// Signed with another algorithm than the one that belongs to the key.
    #[error("the request is not signed with {expected}, the algorithm that belongs to its key")]
    SignatureAlgorithm {
        /// The word of the algorithm that belongs to the key.
        expected: &'static str,
    },
    /// The signature is not that of the key inside: no proof that the asker holds the private key.
    #[error("the request's signature is not that of the public key inside it")]
    BadSignature,
}

/// A request whose sender holds the private key. There is no other way to get one.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificationRequest {
    public_key: PublicKey,
}

/// By hand: a requested subject may hold a name, and nothing of it is kept anyway.
impl std::fmt::Debug for CertificationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CertificationRequest({})", self.public_key.algorithm().word())
    }
}

impl CertificationRequest {
    /// Reads and judges a request in DER or PEM.
    pub fn from_pem_or_der(octets: &[u8]) -> Result<Self, CsrError> {
        if octets.first() == Some(&Tag::SEQUENCE.0) { Self::from_der(octets) } else { Self::from_pem(octets) }
    }

    /// Reads and judges a request in PEM (RFC 7468). Text before the first boundary is skipped, as the RFC allows.
    pub fn from_pem(octets: &[u8]) -> Result<Self, CsrError> {
        if octets.len() > PEM_OCTETS_MAX {
            return Err(CsrError::TooLarge { octets: octets.len(), octets_max: PEM_OCTETS_MAX });
        }
        let (label, request_der) = der::pem::decode_vec(octets.trim_ascii_end()).map_err(|_| CsrError::NotPem)?;
        if !PEM_LABELS.contains(&label) {
            return Err(CsrError::NotPem);
        }
        Self::from_der(&request_der)
    }

    /// Reads and judges a request in DER.
    pub fn from_der(request_der: &[u8]) -> Result<Self, CsrError> {
        if request_der.len() > REQUEST_OCTETS_MAX {
            return Err(CsrError::TooLarge { octets: request_der.len(), octets_max: REQUEST_OCTETS_MAX });
        }
        let parts = Parts::read(request_der).map_err(CsrError::Malformed)?;
        CertReq::from_der(request_der).map_err(|_| CsrError::MalformedContents)?;
        // The key before the signature: someone with an RSA-1024 key is told so, not that "the signature" is wrong.
        let public_key = PublicKey::from_spki(parts.spki)?;
        let algorithm = public_key.algorithm();
        if !is_signature_identifier_of(algorithm, parts.signature_identifier) {
            return Err(CsrError::SignatureAlgorithm { expected: algorithm.word() });
        }
        public_key.verify(parts.request_info, parts.signature).map_err(|_| CsrError::BadSignature)?;
        Ok(Self { public_key })
    }

    /// The key that the sender holds.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

/// The octets of a request that are judged one by one.
struct Parts<'a> {
    /// CertificationRequestInfo as it was signed.
    request_info: &'a [u8],
    spki: &'a [u8],
    signature_identifier: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(request_der: &'a [u8]) -> Result<Self, DerError> {
        let mut outer = DerReader::new(request_der);
        let mut request = outer.sequence()?;
        outer.finish()?;
        let request_info = request.expect(Tag::SEQUENCE)?;
        let signature_identifier = request.expect(Tag::SEQUENCE)?.whole;
        let signature = request.bit_string()?;
        request.finish()?;

        let mut info = request_info.reader();
        // RFC 2986 §4.1: the version is v1(0).
        if info.integer_octets()? != [0] {
            return Err(DerError::BadValue);
        }
        info.expect(Tag::SEQUENCE)?;
        let spki = info.expect(Tag::SEQUENCE)?.whole;
        info.expect(Tag::context_constructed(0))?;
        info.finish()?;
        Ok(Self { request_info: request_info.whole, spki, signature_identifier, signature })
    }
}

#[cfg(test)]
mod tests;
