//! Certificates: the stages in order, and what comes out of them.
use std::fmt;

use super::decoded::{DECODABLE, Decoded};
use super::{LintRefusal, encoding, form, kinds, layout, stage};
use crate::algorithm::{Algorithm, BadSignature, PublicKey};
use crate::certificate::{Certificate, Issuer, Profile};
use crate::identity::{Ca, IssuerKey, Serial};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateKind {
    /// A CA's own.
    Root,
    /// Of one of a CA's keys, by another of its keys.
    Link,
    /// A person's, of that CA.
    Leaf(Ca),
    /// A delegated OCSP responder's.
    OcspResponder,
}

/// Proof that a certificate passed every lint of its kind. Only this module makes one; it is moved into a certificate,
/// so it is signed at most once.
#[derive(PartialEq, Eq)]
pub struct LintedCertificate {
    tbs_der: Vec<u8>,
    issuer: IssuerKey,
    issuer_key_identifier: [u8; 20],
    serial: Serial,
    kind: CertificateKind,
}

/// By hand: a signature certificate holds the 4 info.
impl fmt::Debug for LintedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LintedCertificate({:?} of {} serial {})", self.kind, self.issuer, self.serial)
    }
}

/// Lints the certificate of a CA key; `issuer` is what that key is to become.
pub fn root(tbs_der: Vec<u8>, issuer: &Issuer, profile: &Profile) -> Result<LintedCertificate, LintRefusal> {
    certificate(CertificateKind::Root, tbs_der, (issuer, issuer), profile)
}

/// Lints a link certificate, by which `signer` certifies the key of `linked`.
pub fn link(
    tbs_der: Vec<u8>,
    signer: &Issuer,
    linked: &Issuer,
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    certificate(CertificateKind::Link, tbs_der, (signer, linked), profile)
}

/// Lints a person's certificate, a signature certificate or a user certificate as `ca` says.
pub fn leaf(ca: Ca, tbs_der: Vec<u8>, issuer: &Issuer, profile: &Profile) -> Result<LintedCertificate, LintRefusal> {
    certificate(CertificateKind::Leaf(ca), tbs_der, (issuer, issuer), profile)
}

/// Lints a delegated OCSP certificate.
pub fn ocsp_responder(tbs_der: Vec<u8>, issuer: &Issuer, profile: &Profile) -> Result<LintedCertificate, LintRefusal> {
    certificate(CertificateKind::OcspResponder, tbs_der, (issuer, issuer), profile)
}

pub(super) fn certificate(
    kind: CertificateKind,
    tbs_der: Vec<u8>,
    (issuer, linked): (&Issuer, &Issuer),
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    encoding::check(&tbs_der)?;
    let decoded = Decoded::new(kind, &tbs_der, (issuer, linked), profile)?;
    stage(form::FORM, |holds| holds(&decoded))?;
    stage(layout::LAYOUT, |holds| holds(&decoded))?;
    stage(kinds::contents(kind), |holds| holds(&decoded))?;
    // `serial.range` holds, so this refuses nothing; it only spares a panic.
    let serial = decoded.serial().ok_or(DECODABLE)?;
    Ok(LintedCertificate {
        serial,
        issuer: issuer.issuer,
        issuer_key_identifier: issuer.public_key.key_identifier(),
        kind,
        tbs_der,
    })
}

impl LintedCertificate {
    /// The octets to be signed.
    pub fn tbs_der(&self) -> &[u8] {
        &self.tbs_der
    }

    /// The key that is to sign them.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// Its serial.
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// What it is for.
    pub const fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// A CA's own certificate.
    pub fn is_root(&self) -> bool {
        self.kind == CertificateKind::Root
    }

    /// Puts the certificate together, after verifying the signature with the issuer's public key (step 6
    /// of an issue). On failure the value comes back, so that another attempt at signing is possible.
    pub fn into_certificate(
        self,
        algorithm: Algorithm,
        signature: &[u8],
        issuer_public_key: &PublicKey,
    ) -> Result<Certificate, (Self, BadSignature)> {
        // The key must be the one that the lints knew, and RFC 5280 §4.1.1.2: the algorithm outside is the one inside, which
        // a lint tied to that key.
        let same_key = issuer_public_key.key_identifier() == self.issuer_key_identifier;
        let verified = if same_key && issuer_public_key.algorithm() == algorithm {
            issuer_public_key.verify(&self.tbs_der, signature)
        } else {
            Err(BadSignature)
        };
        match verified {
            Ok(()) => Ok(Certificate::assemble(self.issuer, self.serial, &self.tbs_der, algorithm, signature)),
            Err(bad) => Err((self, bad)),
        }
    }
}
