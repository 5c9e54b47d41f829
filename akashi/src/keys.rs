//! The handles through which rules reach keys: one type for one kind of message, each over one key of the token. No
//! handle signs octets of unknown meaning, and each gives the value back when the token fails.
mod labels;
mod ocsp;
mod party_ca;
mod vault;

pub use labels::{Labels, label};
pub use ocsp::TokenOcspSigner;
pub use party_ca::PartyAuthority;
pub use vault::{TokenKeyedHash, TokenVault};

use std::sync::Arc;

use ca::seam::{LeafSigner, TokenFailure};
use crl_publisher::manifest::{ManifestToBeSigned, SignedManifest};
use crl_publisher::signing::{CrlSigner, ManifestSigner};
use hsm_mock::{KeyLabel, Token, TokenError};
use pki::algorithm::PublicKey;
use pki::certificate::{Certificate, Issuer};
use pki::crl::SignedCrl;
use pki::identity::IssuerKey;
use pki::lint::{LintedCertificate, LintedCrl};
use pki::name::DistinguishedName;

/// The token, shared.
pub type SharedToken = Arc<dyn Token>;

/// One CA key, as a signer of linted certificates.
pub struct TokenLeafSigner {
    token: SharedToken,
    label: KeyLabel,
    issuer: Issuer,
}

impl TokenLeafSigner {
    /// Over the token's key for that issuer.
    pub fn new(token: SharedToken, issuer: Issuer) -> Self {
        Self { label: Labels::ca_key(issuer.issuer), token, issuer }
    }
}

impl LeafSigner for TokenLeafSigner {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sign(&self, linted: LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)> {
        sign_certificate(&*self.token, &self.label, &self.issuer.public_key, linted)
    }
}

/// Signs a linted certificate with a CA key, and verifies the signature before the certificate exists.
pub fn sign_certificate(
    token: &dyn Token,
    label: &KeyLabel,
    public_key: &PublicKey,
    linted: LintedCertificate,
) -> Result<Certificate, (LintedCertificate, TokenFailure)> {
    match token.sign(label, linted.tbs_der()) {
        Ok(signature) => linted
            .into_certificate(public_key.algorithm(), &signature, public_key)
            .map_err(|(linted, bad)| (linted, TokenFailure(bad.to_string()))),
        Err(error) => Err((linted, TokenFailure(error.to_string()))),
    }
}

/// One CA key, as a signer of CRLs.
pub struct TokenCrlSigner {
    token: SharedToken,
    label: KeyLabel,
    issuer: Issuer,
}

impl TokenCrlSigner {
    /// Over the token's key for that issuer.
    pub fn new(token: SharedToken, issuer: Issuer) -> Self {
        Self { label: Labels::ca_key(issuer.issuer), token, issuer }
    }
}

fn crl_failure(error: &impl ToString) -> crl_publisher::signing::SignFailure {
    crl_publisher::signing::SignFailure { reason: error.to_string() }
}

impl CrlSigner for TokenCrlSigner {
    fn issuer(&self) -> IssuerKey {
        self.issuer.issuer
    }

    fn issuer_name(&self) -> &DistinguishedName {
        &self.issuer.name
    }

    fn public_key(&self) -> &PublicKey {
        &self.issuer.public_key
    }

    fn sign(&self, linted: LintedCrl) -> Result<SignedCrl, (LintedCrl, crl_publisher::signing::SignFailure)> {
        if linted.issuer() != self.issuer.issuer {
            return Err((linted, crl_failure(&"the CRL is for another key")));
        }
        match self.token.sign_digest(&self.label, linted.digest()) {
            Ok(signature) => Ok(linted.assemble(&signature)),
            Err(error) => Err((linted, crl_failure(&error))),
        }
    }
}

/// The manifest key.
pub struct TokenManifestSigner {
    token: SharedToken,
    public_key: PublicKey,
}

impl TokenManifestSigner {
    /// Over the token's manifest key.
    pub fn new(token: SharedToken) -> Result<Self, TokenError> {
        let public_key = token.public_key(&Labels::manifest_key())?;
        Ok(Self { token, public_key })
    }
}

impl ManifestSigner for TokenManifestSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(
        &self,
        to_be_signed: ManifestToBeSigned,
    ) -> Result<SignedManifest, (ManifestToBeSigned, crl_publisher::signing::SignFailure)> {
        match self.token.sign(&Labels::manifest_key(), to_be_signed.signing_input()) {
            Ok(signature) => match to_be_signed.assemble(&signature) {
                Some(signed) => Ok(signed),
                None => Err((to_be_signed, crl_failure(&"the token's signature is not of its algorithm's form"))),
            },
            Err(error) => Err((to_be_signed, crl_failure(&error))),
        }
    }
}
