//! The certificates that exist here, as JPKI makes them (facts 1.1 to 1.6). Each builder gives the octets of a
//! tbsCertificate; only [`crate::lint`] turns octets into something signable.
//!
//! | module | what it holds |
//! |---|---|
//! | [`profile`] | [`Profile`]: the settings behind every certificate, and the one place where URLs and CA names are made |
//! | [`issuer`] | [`Issuer`]: one key generation of one CA |
//! | [`root`] | the self-signed CA certificate (facts 1.2) |
//! | [`link`] | one key generation's certificate by another's key |
//! | [`sign_leaf`], [`auth_leaf`] | the two certificates of a person (facts 1.3, 1.4); only the first has a person in it |
//! | [`ocsp_responder`] | the short-lived delegated OCSP certificate |
//! | [`desk`] | desk ids and the subject CNs that end in them |
//! | `extensions` | how each extension is written |
pub mod auth_leaf;
pub mod desk;
mod extensions;
pub mod issuer;
pub mod link;
pub mod ocsp_responder;
pub mod profile;
pub mod root;
pub mod sign_leaf;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod openssl_tests;
#[cfg(test)]
mod tests;

pub use auth_leaf::AuthLeaf;
pub use desk::{AuthCommonName, DeskId, SignCommonName};
pub use issuer::Issuer;
pub use link::{Link, link_validity};
pub use ocsp_responder::OcspResponderLeaf;
pub use profile::{Layout, Profile, ProfileError, ProfileSettings};
pub use sign_leaf::SignLeaf;

use crate::algorithm::{Algorithm, PublicKey};
use crate::der::{DerReader, DerWriter, Tag};
use crate::identity::{IssuerKey, Serial};
use crate::name::DistinguishedName;
use crate::time::UnixTime;

/// What differs in the fields before the extensions.
struct Fields<'a> {
    serial: Serial,
    subject: &'a DistinguishedName,
    public_key: &'a PublicKey,
    not_before: UnixTime,
    not_after: UnixTime,
}

/// TBSCertificate (RFC 5280 §4.1), v3, without unique identifiers.
fn tbs_certificate(issuer: &Issuer, fields: &Fields<'_>, extensions: impl FnOnce(&mut DerWriter)) -> Vec<u8> {
    let mut writer = DerWriter::with_capacity(2_048);
    writer.sequence(|w| {
        w.constructed(Tag::context_constructed(0), |w| w.integer(2));
        w.integer(fields.serial.get());
        issuer.public_key.algorithm().write_signature_identifier(w);
        issuer.name.write_der(w);
        w.sequence(|w| {
            fields.not_before.write_der(w);
            fields.not_after.write_der(w);
        });
        fields.subject.write_der(w);
        w.raw(fields.public_key.spki_der());
        w.constructed(Tag::context_constructed(3), |w| w.sequence(extensions));
    });
    writer.finish()
}

/// A signed certificate whose signature was verified. Only [`crate::lint::LintedCertificate::into_certificate`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    issuer: IssuerKey,
    serial: Serial,
    der: Vec<u8>,
    after_tbs: Vec<u8>,
}

/// By hand: a signature certificate holds the 4 info.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({} serial {})", self.issuer, self.serial)
    }
}

impl Certificate {
    /// Puts the three parts of a Certificate together (RFC 5280 §4.1.1). The caller has verified the signature.
    pub(crate) fn assemble(
        issuer: IssuerKey,
        serial: Serial,
        tbs: &[u8],
        algorithm: Algorithm,
        signature: &[u8],
    ) -> Self {
        let mut writer = DerWriter::with_capacity(signature.len() + 64);
        algorithm.write_signature_identifier(&mut writer);
        writer.bit_string(signature);
        let after_tbs = writer.finish();
        Self { issuer, serial, der: joined(tbs, &after_tbs), after_tbs }
    }

    /// Which key signed it.
    pub const fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    /// 発行番号.
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What stands in it after the TBSCertificate: the algorithm and the signature. [`joined`] makes it whole again.
    pub fn after_tbs(&self) -> &[u8] {
        &self.after_tbs
    }

    /// The certificate in DER, moved out.
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }
}

/// A certificate in DER, of its TBSCertificate and what stands after it.
pub fn joined(tbs_der: &[u8], after_tbs: &[u8]) -> Vec<u8> {
    let mut writer = DerWriter::with_capacity(tbs_der.len() + after_tbs.len() + 8);
    writer.sequence(|w| {
        w.raw(tbs_der);
        w.raw(after_tbs);
    });
    writer.finish()
}

/// The octets of the TBSCertificate inside a certificate in DER: what was signed. `None` if it is no SEQUENCE of one.
pub fn tbs_of(certificate_der: &[u8]) -> Option<&[u8]> {
    let mut outer = DerReader::new(certificate_der);
    let mut certificate = outer.sequence().ok()?;
    outer.finish().ok()?;
    Some(certificate.expect(Tag::SEQUENCE).ok()?.whole)
}

/// A certificate in PEM (RFC 7468 §5), lines ended by LF.
pub fn pem(certificate_der: &[u8]) -> String {
    crate::pem::encode("CERTIFICATE", certificate_der)
}
