//! CRLs: the stages in order, and what comes out of them.
//!
//! A full CRL has millions of entries. So the octets that will be signed are read once, where they lie, and nothing is
//! kept of an entry but the one before the next: memory does not grow with the list. What stands around the entries is
//! a few hundred octets; it is copied without them and goes through the stages of a certificate.
//!
//! | module | which lints |
//! |---|---|
//! | `head` | stages 2 to 4 of what stands around the entries (RFC 5280 §5.1, §5.2) |
//! | `entries` | the entries (RFC 5280 §5.1.2.6, §5.3), in one pass |
mod entries;
mod head;

use std::fmt;

use super::{LintFinding, LintRefusal, encoding, stage};
use crate::algorithm::Algorithm;
use crate::crl::{CrlHead, SignedCrl};
use crate::identity::IssuerKey;
use head::{Decoded, Fields};

/// Proof that a tbsCertList passed every lint. Only this module makes one. A signer takes it by value and gives it back
/// when it fails.
#[derive(Clone, PartialEq, Eq)]
pub struct LintedCrl {
    issuer: IssuerKey,
    algorithm: Algorithm,
    tbs_der: Vec<u8>,
}

impl fmt::Debug for LintedCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LintedCrl({}, {} octets)", self.issuer, self.tbs_der.len())
    }
}

/// Lints a tbsCertList; `plan` is what should stand in it besides its entries.
pub fn crl(tbs_der: Vec<u8>, plan: &CrlHead<'_>) -> Result<LintedCrl, LintRefusal> {
    let fields = Fields::split(&tbs_der).ok_or(head::FIELDS)?;
    let head_der = fields.head_der();
    encoding::check(&head_der)?;
    stage(head::FORM, |holds| holds(&fields))?;
    let decoded = Decoded::new(&fields, plan)?;
    stage(head::LAYOUT, |holds| holds(&decoded))?;
    stage(head::CONTENTS, |holds| holds(&decoded))?;
    entries::check(fields.entries, plan)?;
    Ok(LintedCrl { issuer: plan.issuer, algorithm: plan.public_key.algorithm(), tbs_der })
}

impl LintedCrl {
    /// Which key is to sign it.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// The algorithm that the signer must use.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The octets to be signed.
    pub fn tbs_der(&self) -> &[u8] {
        &self.tbs_der
    }

    /// The CRL with its signature: raw RSA octets, or a DER ECDSA-Sig-Value. Whether the signature is right is for the
    /// check before publication to say.
    pub fn assemble(self, signature: &[u8]) -> SignedCrl {
        SignedCrl::assemble(self.issuer, self.algorithm, &self.tbs_der, signature)
    }
}

/// Everything that can be found in a CRL, in the order in which it is looked for.
pub(super) fn findings(elements: impl Iterator<Item = LintFinding>) -> Vec<LintFinding> {
    let form = head::FORM.iter().map(|lint| lint.finding);
    let decoded = head::LAYOUT.iter().chain(head::CONTENTS).map(|lint| lint.finding);
    let entries = entries::ENTRY.iter().map(|lint| lint.finding);
    let first = [head::FIELDS, encoding::ELEMENTS].into_iter().chain(elements).chain(form);
    first.chain([head::DECODABLE]).chain(decoded).chain([entries::FIELDS]).chain(entries).collect()
}
