//! The two handles that the publisher signs with. Each takes one kind of value, by value, and gives it back on failure.
use pki::algorithm::PublicKey;
use pki::crl::SignedCrl;
use pki::identity::IssuerKey;
use pki::lint::LintedCrl;
use pki::name::DistinguishedName;

use crate::manifest::{ManifestToBeSigned, SignedManifest};

/// The key did not sign: the token is gone, locked, or refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing failed: {reason}")]
pub struct SignFailure {
    /// What the token said. Never key material.
    pub reason: String,
}

/// Signs CRLs of one key of one CA. An implementation refuses a CRL made for another key.
///
/// What it gets has passed every lint of CRLs, the hard bounds on validity among them (I14): nothing else makes a
/// [`LintedCrl`].
pub trait CrlSigner: Send + Sync {
    /// Which key of which CA.
    fn issuer(&self) -> IssuerKey;

    /// The CA's name as in its certificates.
    fn issuer_name(&self) -> &DistinguishedName;

    /// The CA's public key.
    fn public_key(&self) -> &PublicKey;

    /// Signs, or gives the CRL back.
    fn sign(&self, linted: LintedCrl) -> Result<SignedCrl, (LintedCrl, SignFailure)>;
}

/// Signs manifests and nothing else.
pub trait ManifestSigner: Send + Sync {
    /// The manifest key's public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs, or gives the manifest back.
    fn sign(&self, to_be_signed: ManifestToBeSigned) -> Result<SignedManifest, (ManifestToBeSigned, SignFailure)>;
}
