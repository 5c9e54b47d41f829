//! The only way from octets to something that a CA key signs.
//!
//! 1. A tbsCertificate comes in as octets: fresh from a builder, or from a recorded intent during recovery.
//! 2. It is decoded by `x509-cert`, which knows nothing of our writer, and every lint of its kind looks at it. A lint
//!    needs the octets, the issuer and the profile, nothing else.
//! 3. Only if none finds anything, a [`LintedCertificate`] comes out. Signers take nothing else.
//! 4. After signing, [`LintedCertificate::into_certificate`] verifies the signature before a certificate exists.
//!
//! | module | which lints |
//! |---|---|
//! | `form` | RFC 5280 §4.1: version, serial, names, times, DER |
//! | `layout` | which extensions, in which order, how critical (facts 1.2 to 1.4) |
//! | `values` | what the extensions say |
//! | `subject` | subject names and the municipality behind them |
//! | `four_info` | the six otherNames (facts 1.5) |
//! | `kinds` | which lints look at which kind of certificate |
mod decoded;
mod form;
mod four_info;
mod kinds;
mod layout;
mod subject;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::algorithm::{Algorithm, BadSignature, PublicKey};
use crate::certificate::{Certificate, Issuer, Profile};
use crate::identity::{Ca, IssuerKey, Serial};
use decoded::Decoded;

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

/// One rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// Name of the lint.
    pub lint: &'static str,
    /// The clause it enforces.
    pub clause: &'static str,
    /// What is wrong: a fixed text, so that no value from the certificate, which may be personal, can be in it.
    pub message: &'static str,
}

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.lint, self.clause, self.message)
    }
}

/// Every rule that a certificate breaks; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintRefusal {
    findings: Vec<LintFinding>,
}

impl LintRefusal {
    /// The findings, in the order of the lints.
    pub fn findings(&self) -> &[LintFinding] {
        &self.findings
    }
}

impl fmt::Display for LintRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate was not signed, because it breaks {} rule(s)", self.findings.len())?;
        self.findings.iter().try_for_each(|finding| write!(f, "; {finding}"))
    }
}

impl std::error::Error for LintRefusal {}

/// One rule.
struct Lint {
    name: &'static str,
    clause: &'static str,
    check: fn(&Decoded<'_>) -> Result<(), &'static str>,
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
    lint(CertificateKind::Root, tbs_der, issuer, profile)
}

/// Lints a link certificate, by which `signer` certifies the key of `linked`.
pub fn link(
    tbs_der: Vec<u8>,
    signer: &Issuer,
    linked: &Issuer,
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    lint_linked(CertificateKind::Link, tbs_der, (signer, linked), profile)
}

/// Lints a person's certificate, a signature certificate or a user certificate as `ca` says.
pub fn leaf(ca: Ca, tbs_der: Vec<u8>, issuer: &Issuer, profile: &Profile) -> Result<LintedCertificate, LintRefusal> {
    lint(CertificateKind::Leaf(ca), tbs_der, issuer, profile)
}

/// Lints a delegated OCSP certificate.
pub fn ocsp_responder(tbs_der: Vec<u8>, issuer: &Issuer, profile: &Profile) -> Result<LintedCertificate, LintRefusal> {
    lint(CertificateKind::OcspResponder, tbs_der, issuer, profile)
}

fn lint(
    kind: CertificateKind,
    tbs_der: Vec<u8>,
    issuer: &Issuer,
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    lint_linked(kind, tbs_der, (issuer, issuer), profile)
}

fn lint_linked(
    kind: CertificateKind,
    tbs_der: Vec<u8>,
    (issuer, linked): (&Issuer, &Issuer),
    profile: &Profile,
) -> Result<LintedCertificate, LintRefusal> {
    let decoded = Decoded::new(kind, &tbs_der, (issuer, linked), profile)
        .map_err(|finding| LintRefusal { findings: vec![finding] })?;
    let findings: Vec<_> = kinds::lints(kind)
        .filter_map(|Lint { name, clause, check }| {
            let message = check(&decoded).err()?;
            Some(LintFinding { lint: name, clause, message })
        })
        .collect();
    match decoded.serial() {
        Some(serial) if findings.is_empty() => Ok(LintedCertificate {
            serial,
            issuer: issuer.issuer,
            issuer_key_identifier: issuer.public_key.key_identifier(),
            kind,
            tbs_der,
        }),
        // Without a serial there is a finding: `form` has a lint for it.
        Some(_) | None => Err(LintRefusal { findings }),
    }
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
