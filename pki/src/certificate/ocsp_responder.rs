//! The certificate with which a CA key lets another key answer OCSP requests about what it signed (R08).
use super::extensions::{self, KeyUsage};
use super::{Fields, Issuer, tbs_certificate};
use crate::algorithm::PublicKey;
use crate::identity::Serial;
use crate::oid;
use crate::time::UnixTime;

/// R15, L06: with nocheck nobody asks whether it was revoked, so it lives shortly. A month lets a machine that nobody
/// looks after for a long holiday go on answering.
pub const VALIDITY_SECONDS_MAX: i64 = 31 * 86_400;

/// A delegated OCSP certificate.
#[derive(Clone, Debug)]
pub struct OcspResponderLeaf<'a> {
    /// Its serial, drawn from the counter of its CA.
    pub serial: Serial,
    /// The responder's public key, of any algorithm of the closed set.
    pub public_key: &'a PublicKey,
    /// Tells the delegates of one CA apart in their common name.
    pub number: u32,
    /// notBefore.
    pub not_before: UnixTime,
    /// notAfter, at most [`VALIDITY_SECONDS_MAX`] later.
    pub not_after: UnixTime,
}

impl OcspResponderLeaf<'_> {
    /// Its tbsCertificate, to be signed by that issuer, the key that signed the certificates it answers for (R08).
    ///
    /// Nothing leads to its own revocation status: no cRLDistributionPoints and no AIA (L06).
    pub fn tbs_der(&self, issuer: &Issuer) -> Vec<u8> {
        let Self { serial, public_key, number, not_before, not_after } = self;
        let subject = issuer.name.clone().with(oid::COMMON_NAME, format!("OCSP Responder {number}"));
        let fields =
            Fields { serial: *serial, subject: &subject, public_key, not_before: *not_before, not_after: *not_after };
        tbs_certificate(issuer, &fields, |w| {
            extensions::key_usage(w, KeyUsage::DigitalSignature);
            extensions::ext_key_usage(w, oid::KP_OCSP_SIGNING);
            extensions::ocsp_nocheck(w);
            extensions::authority_key_identifier(w, issuer);
            extensions::subject_key_identifier(w, public_key);
        })
    }
}
