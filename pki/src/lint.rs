//! The only way from octets to something that a CA key signs.
//!
//! 1. A tbsCertificate or tbsCertList comes in as octets: fresh from a builder, or from a recorded intent.
//! 2. It is read where it lies, by a reader that knows nothing of our writer and refuses whatever is not a field of its type,
//!    and every lint of its kind looks at what was read. A lint needs the octets, the issuer and the profile (for a CRL: the
//!    plan), nothing else. That the reader lets nothing through that `x509-cert` does not read the same way is a test.
//! 3. Only if none finds anything, a [`LintedCertificate`] or [`LintedCrl`] comes out. Signers take nothing else.
//! 4. After signing, [`LintedCertificate::into_certificate`] verifies the signature before a certificate exists.
//!
//! Lints stand in stages. Each leans on what the one before it made sure of, so the first stage that finds something
//! ends the matter, and a bad thing is found by the lint that is about it.
//!
//! | stage | module | which lints |
//! |---|---|---|
//! | 1 | `encoding`, `naming` | DER, names, URIs and algorithm identifiers, element by element, wherever they stand |
//! | 2 | `form` | RFC 5280 §4.1 and §4.2: what holds for every certificate of anybody |
//! | 3 | `layout` | which extensions, in which order, how critical (facts 1.2 to 1.4) |
//! | 4 | `issued`, `root`, `link`, `leaf`, `sign`, `four_info`, `auth`, `responder` | what this kind of certificate says |
//! | | `kinds` | which lints of stage 4 look at which kind of certificate |
//! | | `crl` | the stages of a CRL, and its entries in one pass |
//! | | `catalogue` | all of them as the table of docs/lints.md |
//! | | `decoded`, `values`, `names`, `read` | what was read: the fields, the extensions' values, names, and how |
mod auth;
mod catalogue;
mod certificate;
mod crl;
mod decoded;
mod encoding;
mod form;
mod four_info;
mod issued;
mod kinds;
mod layout;
mod leaf;
mod link;
mod names;
mod naming;
mod read;
mod responder;
mod root;
mod sign;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;

pub use catalogue::table;
pub use certificate::{CertificateKind, LintedCertificate, leaf, link, ocsp_responder, root};
pub use crl::{CrlLinter, LintedCrl, crl};

/// One rule that was broken. Fixed texts alone, so that no value from a certificate, which may be personal, is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// Name of the lint.
    pub lint: &'static str,
    /// The clause it enforces.
    pub clause: &'static str,
    /// What it refuses.
    pub refuses: &'static str,
}

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.lint, self.clause, self.refuses)
    }
}

/// The rules that were broken; never empty.
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

impl From<LintFinding> for LintRefusal {
    fn from(finding: LintFinding) -> Self {
        Self { findings: vec![finding] }
    }
}

impl fmt::Display for LintRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it was not signed, because it breaks {} rule(s)", self.findings.len())?;
        self.findings.iter().try_for_each(|finding| write!(f, "; {finding}"))
    }
}

impl std::error::Error for LintRefusal {}

/// One rule: what is found when it is broken, and the function that says whether it holds.
struct Lint<F> {
    finding: LintFinding,
    holds: F,
}

const fn lint<F: Copy>(lint: &'static str, clause: &'static str, refuses: &'static str, holds: F) -> Lint<F> {
    Lint { finding: LintFinding { lint, clause, refuses }, holds }
}

/// Whatever of one stage does not hold.
fn stage<'a, F: Copy + 'a>(
    lints: impl IntoIterator<Item = &'a Lint<F>>,
    holds: impl Fn(F) -> bool,
) -> Result<(), LintRefusal> {
    let broken = lints.into_iter().filter(|lint| !holds(lint.holds));
    let findings: Vec<_> = broken.map(|lint| lint.finding).collect();
    if findings.is_empty() { Ok(()) } else { Err(LintRefusal { findings }) }
}
