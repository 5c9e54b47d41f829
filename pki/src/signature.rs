//! A person's detached signature over octets: bare, or in CMS as cards' software and `openssl cms -sign` make it.
mod cms;

use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::algorithm::{Algorithm, Digest, PublicKey};

/// How a detached signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// The signature value of the key's one algorithm, nothing around it.
    Raw,
    /// A CMS SignedData (RFC 5652 §5) in DER, without the content.
    Cms,
}

impl SignatureForm {
    /// The word for it in JSON and stored records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Cms => "cms",
        }
    }
}

/// Why a detached signature is refused. It holds no part of the content or of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a SignedData in DER, or one with a part that detached signatures do not have.
    #[error("it is not a CMS SignedData in DER, without CRLs and unsigned attributes")]
    Malformed,
    /// contentType is not signedData, or eContentType not id-data.
    #[error("its content type is not data, signed")]
    ContentType,
    /// The content is inside.
    #[error("it is not detached: the content stands inside")]
    Attached,
    /// None, or more than one SignerInfo.
    #[error("it does not have exactly one signer")]
    SignerCount,
    /// sid names another certificate.
    #[error("its signer is not the certificate that was sent with it")]
    OtherSigner,
    /// Another digest than the one that the key's algorithm uses.
    #[error("its digest algorithm is not the one of the signer's key")]
    DigestAlgorithm,
    /// Another signature algorithm than the one that the key is used with.
    #[error("its signature algorithm is not the one of the signer's key")]
    SignatureAlgorithm,
    /// Not in DER's order, one repeated, or contentType or messageDigest missing.
    #[error("its signed attributes are not a set in DER with one content type and one message digest")]
    SignedAttributes,
    /// messageDigest is of other octets.
    #[error("it signs other octets")]
    OtherContent,
    /// The signature value is not that of the key.
    #[error("the signature does not verify under the certificate's key")]
    BadSignature,
}

/// The certificate that a signature is judged by.
#[derive(Clone)]
pub struct SignerCertificate {
    issuer_der: Vec<u8>,
    /// Content octets of the serial number's INTEGER.
    serial: Vec<u8>,
    key_identifier: Option<Vec<u8>>,
    public_key: PublicKey,
}

impl SignerCertificate {
    /// Reads a certificate in DER; `None` if it is none, or its key is outside the closed set.
    pub fn from_der(certificate_der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(certificate_der).ok()?;
        let tbs = certificate.tbs_certificate();
        let key_identifier = tbs.get_extension::<SubjectKeyIdentifier>().ok()?;
        Some(Self {
            issuer_der: tbs.issuer().to_der().ok()?,
            serial: tbs.serial_number().as_bytes().to_vec(),
            key_identifier: key_identifier.map(|(_, identifier)| identifier.0.as_bytes().to_vec()),
            public_key: PublicKey::from_spki(&tbs.subject_public_key_info().to_der().ok()?).ok()?,
        })
    }

    /// Its key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

/// The detached signature is the certificate's key's over exactly that content.
pub fn verify_detached(
    form: SignatureForm,
    signature: &[u8],
    content: &[u8],
    signer: &SignerCertificate,
) -> Result<(), SignatureError> {
    match form {
        SignatureForm::Raw => signer.public_key.verify(content, signature).map_err(|_| SignatureError::BadSignature),
        SignatureForm::Cms => cms::verify(signature, content, signer),
    }
}

/// The one digest that keys of this algorithm sign with.
const fn digest_of(algorithm: Algorithm) -> Digest {
    match algorithm {
        Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 | Algorithm::EcdsaP256Sha256 => Digest::Sha256,
        Algorithm::EcdsaP384Sha384 => Digest::Sha384,
    }
}

#[cfg(test)]
mod tests;
