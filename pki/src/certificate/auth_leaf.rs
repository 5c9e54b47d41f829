//! 利用者証明用電子証明書: the user certificate, fields and extensions in the order of facts 1.4.
use super::extensions::{self, KeyUsage};
use super::{AuthCommonName, Fields, Issuer, Profile, tbs_certificate};
use crate::algorithm::PublicKey;
use crate::identity::Serial;
use crate::municipality::Municipality;
use crate::name::DistinguishedName;
use crate::oid;
use crate::time::UnixTime;

/// A user certificate. There is no person in it, so none can get into it by mistake; the municipality names the
/// partition of the CRL only.
#[derive(Clone, Debug)]
pub struct AuthLeaf<'a> {
    /// 発行番号.
    pub serial: Serial,
    /// The public key of the card or phone.
    pub public_key: &'a PublicKey,
    /// The partition of the CRL.
    pub municipality: &'a Municipality,
    /// The subject's CN.
    pub common_name: AuthCommonName,
    /// The instant of issue.
    pub not_before: UnixTime,
    /// From `pki::validity::leaf_not_after`.
    pub not_after: UnixTime,
}

impl AuthLeaf<'_> {
    /// Its tbsCertificate, to be signed by that key of a CA for user authentication.
    pub fn tbs_der(&self, issuer: &Issuer, profile: &Profile) -> Vec<u8> {
        let Self { serial, public_key, municipality, common_name, not_before, not_after } = self;
        let subject = DistinguishedName::japan().with(oid::COMMON_NAME, common_name.to_string());
        let fields =
            Fields { serial: *serial, subject: &subject, public_key, not_before: *not_before, not_after: *not_after };
        let point = profile.distribution_point(issuer.issuer, municipality);
        tbs_certificate(issuer, &fields, |w| {
            extensions::key_usage(w, KeyUsage::DigitalSignature);
            extensions::ext_key_usage(w, oid::KP_CLIENT_AUTH);
            extensions::certificate_policies(w, profile, issuer.issuer.ca);
            extensions::issuer_alt_name(w, profile, issuer.issuer.ca);
            extensions::crl_distribution_points(w, &point);
            extensions::leaf_authority_info_access(w, profile, issuer);
            extensions::leaf_authority_key_identifier(w, profile, issuer);
            extensions::subject_key_identifier(w, public_key);
        })
    }
}
