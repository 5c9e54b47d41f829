//! What the rules need from outside, as traits that the binary implements: keys, time, visibility. The rules never see
//! a key, and no signer takes octets of unknown meaning.
use std::time::Duration;

use pki::certificate::{Certificate, Issuer};
use pki::csr::CsrError;
use pki::lint::LintedCertificate;

/// The token did not sign, or does not answer. The text holds no key and no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token did not do its work: {0}")]
pub struct TokenFailure(pub String);

/// Signs certificates with one key of one CA.
pub trait LeafSigner: Send + Sync {
    /// The CA key it signs with, and that key's own certificate.
    fn issuer(&self) -> &Issuer;

    /// Signs what was linted, and verifies the signature before it gives the certificate out. On failure the linted
    /// certificate comes back, so that the same octets can be tried again.
    fn sign(&self, linted: LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)>;
}

/// Hashes under a token key what must be found again but not guessed from a stolen registry.
pub trait KeyedHash: Send + Sync {
    /// The keyed hash. `domain` keeps hashes of different things apart.
    fn keyed_hash(&self, domain: &str, octets: &[u8]) -> Result<[u8; 32], TokenFailure>;
}

/// The party CA: issues TLS client certificates to parties.
pub trait PartyCa: Send + Sync {
    /// A client certificate (DER) for the key of that certification request, under that name.
    fn issue(&self, csr_pem: &str, common_name: &str) -> Result<Vec<u8>, PartyCaError>;
}

/// Why a party got no client certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyCaError {
    /// The request cannot be read, or its key or signature will not do.
    #[error(transparent)]
    Request(#[from] CsrError),
    /// The token did not sign.
    #[error(transparent)]
    Token(#[from] TokenFailure),
}

/// Tells when every OCSP node in service has passed a position of the log.
pub trait Visibility: Send + Sync {
    /// Waits until all of them have events up to and including that row, at most that long. `true` when they have.
    fn wait_until_visible(&self, row: u64, at_most: Duration) -> bool;
}

/// Is told after each numbered durable step; tests stop the process there.
pub type StepHook = std::sync::Arc<dyn Fn(&'static str) + Send + Sync>;
