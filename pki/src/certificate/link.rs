//! Link certificates: one key generation of a CA vouches for another (RFC 4210 §4.4), so that who trusts only one of the
//! roots can verify what the other's key signed.
use super::extensions::{self, KeyUsage};
use super::{Fields, Issuer, Profile, tbs_certificate};
use crate::identity::Serial;
use crate::time::UnixTime;

/// The key of one generation, to be certified by the key of another generation of the same CA. Subject and issuer have
/// one name; only the keys differ.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Its own serial, drawn from the counter of its CA.
    pub serial: Serial,
    /// Whose key is certified.
    pub linked: &'a Issuer,
}

/// notBefore and notAfter (RFC 4210 §4.4.1). New with old: from when the new key was made; old with new: from when the old
/// one was. Both end with the old key.
pub fn link_validity(signer: &Issuer, linked: &Issuer) -> (UnixTime, UnixTime) {
    (linked.not_before, signer.not_after.min(linked.not_after))
}

impl Link<'_> {
    /// Its tbsCertificate, to be signed by that issuer.
    ///
    /// It has the CA's policy: a path through a CA certificate without policies is valid under none (RFC 5280 §6.1.3 (e)),
    /// and verifiers of these certificates ask for theirs. It has no distribution point: no list of revoked CA
    /// certificates exists.
    pub fn tbs_der(&self, signer: &Issuer, profile: &Profile) -> Vec<u8> {
        let Self { serial, linked } = *self;
        let (not_before, not_after) = link_validity(signer, linked);
        let fields = Fields { serial, subject: &linked.name, public_key: &linked.public_key, not_before, not_after };
        tbs_certificate(signer, &fields, |w| {
            extensions::key_usage(w, KeyUsage::CertificatesAndCrls);
            extensions::ca_subject_alt_name(w, profile, linked.issuer.ca);
            extensions::basic_constraints_ca(w);
            extensions::certificate_policies(w, profile, linked.issuer.ca);
            extensions::authority_key_identifier(w, signer);
            extensions::subject_key_identifier(w, &linked.public_key);
        })
    }
}
