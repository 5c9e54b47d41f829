//! CRLs: the stages in order, and what comes out of them.
//!
//! A full CRL has millions of entries. So they are read once, a piece at a time, hashed as they are for the signature, and
//! nothing is kept of an entry but the serial of the one before the next: memory does not grow with the list. What stands
//! around the entries is a few hundred octets; it is copied without them and goes through the stages of a certificate.
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
use crate::crl::{CrlFrame, CrlHead, SignedCrl};
use crate::identity::IssuerKey;
use crate::message::{MessageDigest, MessageHasher};
use entries::Entries;
#[cfg(test)]
pub(super) use head::entries_in;
use head::{Decoded, Fields};

/// Proof that a tbsCertList passed every lint. Only this module makes one. A signer takes it by value and gives it back
/// when it fails.
#[derive(Clone, PartialEq, Eq)]
pub struct LintedCrl {
    issuer: IssuerKey,
    frame: CrlFrame,
    /// In a box, because a digest has room for the longest there is, and this is handed to and fro.
    digest: Box<MessageDigest>,
}

impl fmt::Debug for LintedCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LintedCrl({}, {} octets)", self.issuer, self.frame.size())
    }
}

/// Lints a tbsCertList whose entries come in pieces; `plan` is what should stand in it besides them.
pub struct CrlLinter<'a> {
    plan: &'a CrlHead<'a>,
    frame: CrlFrame,
    entries: Entries,
    hasher: MessageHasher,
    /// Octets of entries that have not come yet.
    left: usize,
}

impl<'a> CrlLinter<'a> {
    /// Judges what stands around the entries.
    pub fn new(frame: CrlFrame, plan: &'a CrlHead<'a>) -> Result<Self, LintRefusal> {
        let fields = Fields::split(&frame).ok_or(head::FIELDS)?;
        let head_der = fields.head_der();
        encoding::check(&head_der)?;
        stage(head::FORM, |holds| holds(&fields))?;
        let decoded = Decoded::new(&fields, plan)?;
        stage(head::LAYOUT, |holds| holds(&decoded))?;
        stage(head::CONTENTS, |holds| holds(&decoded))?;
        let mut hasher = MessageHasher::new(plan.public_key.algorithm());
        hasher.update(&frame.before);
        let left = frame.entries_octets;
        Ok(Self { plan, frame, entries: Entries::default(), hasher, left })
    }

    /// Judges the next entries: whole ones.
    pub fn entries(&mut self, octets: &[u8]) -> Result<(), LintRefusal> {
        self.left = self.left.checked_sub(octets.len()).ok_or(head::FIELDS)?;
        self.hasher.update(octets);
        self.entries.read(octets, self.plan)
    }

    /// All entries have come.
    pub fn finish(mut self) -> Result<LintedCrl, LintRefusal> {
        if self.left > 0 {
            return Err(head::FIELDS.into());
        }
        self.entries.finish()?;
        self.hasher.update(&self.frame.after);
        Ok(LintedCrl { issuer: self.plan.issuer, frame: self.frame, digest: Box::new(self.hasher.finish()) })
    }
}

/// Lints a tbsCertList that is in memory whole.
pub fn crl(tbs_der: &[u8], plan: &CrlHead<'_>) -> Result<LintedCrl, LintRefusal> {
    let entries = head::entries_in(tbs_der).ok_or(head::FIELDS)?;
    let (before, after) = (tbs_der[..entries.start].to_vec(), tbs_der[entries.end..].to_vec());
    let frame = CrlFrame { before, entries_octets: entries.len(), after };
    let mut linter = CrlLinter::new(frame, plan)?;
    linter.entries(&tbs_der[entries])?;
    linter.finish()
}

impl LintedCrl {
    /// Which key is to sign it.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// The algorithm that the signer must use.
    pub fn algorithm(&self) -> Algorithm {
        self.digest.algorithm()
    }

    /// The digest of the octets to be signed.
    pub fn digest(&self) -> &MessageDigest {
        &self.digest
    }

    /// The CRL with its signature: raw RSA octets, or a DER ECDSA-Sig-Value. Whether the signature is right is for the
    /// check before publication to say.
    pub fn assemble(self, signature: &[u8]) -> SignedCrl {
        SignedCrl::assemble(self.issuer, self.digest.algorithm(), &self.frame, signature)
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
