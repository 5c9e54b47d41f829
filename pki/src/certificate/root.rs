//! The self-signed certificate of a CA key, extensions in the order of facts 1.2.
use super::extensions::{self, KeyUsage};
use super::{Fields, Issuer, Profile, tbs_certificate};
use crate::crl::DistributionPoint;

/// The tbsCertificate of that issuer's own certificate, to be signed with its own key.
pub fn tbs_der(issuer: &Issuer, profile: &Profile) -> Vec<u8> {
    let Issuer { issuer: issuer_key, ca_serial, public_key, name, not_before, not_after } = issuer;
    let fields =
        Fields { serial: *ca_serial, subject: name, public_key, not_before: *not_before, not_after: *not_after };
    tbs_certificate(issuer, &fields, |w| {
        extensions::key_usage(w, KeyUsage::CertificatesAndCrls);
        extensions::ca_subject_alt_name(w, profile, issuer_key.ca);
        extensions::basic_constraints_ca(w);
        // Where a list of revoked CA certificates would be: at the CA's own directory entry (facts 1.2).
        extensions::crl_distribution_points(w, &DistributionPoint { directory_name: name.clone(), uri: None });
        extensions::subject_key_identifier(w, public_key);
    })
}
