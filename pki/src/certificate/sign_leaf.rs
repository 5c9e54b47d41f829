//! 署名用電子証明書: the signature certificate, fields and extensions in the order of facts 1.3.
use super::extensions::{self, KeyUsage};
use super::{Fields, Issuer, Profile, SignCommonName, tbs_certificate};
use crate::algorithm::PublicKey;
use crate::identity::Serial;
use crate::municipality::Municipality;
use crate::name::DistinguishedName;
use crate::oid;
use crate::person::FourInfo;
use crate::time::UnixTime;

/// A signature certificate: the 4 info of a person bound to a key.
pub struct SignLeaf<'a> {
    /// 発行番号.
    pub serial: Serial,
    /// The public key of the card or phone.
    pub public_key: &'a PublicKey,
    /// The 4 info.
    pub person: &'a FourInfo,
    /// Where the person lives: the two L of the subject and the partition of the CRL.
    pub municipality: &'a Municipality,
    /// The subject's CN.
    pub common_name: SignCommonName,
    /// The instant of issue.
    pub not_before: UnixTime,
    /// From `pki::validity::leaf_not_after`.
    pub not_after: UnixTime,
}

impl SignLeaf<'_> {
    /// Its tbsCertificate, to be signed by that key of a CA for signatures.
    pub fn tbs_der(&self, issuer: &Issuer, profile: &Profile) -> Vec<u8> {
        let Self { serial, public_key, person, municipality, common_name, not_before, not_after } = self;
        let subject = DistinguishedName::japan()
            .with(oid::LOCALITY, municipality.prefecture().dn_text)
            .with(oid::LOCALITY, municipality.dn_text)
            .with(oid::COMMON_NAME, common_name.to_string());
        let fields =
            Fields { serial: *serial, subject: &subject, public_key, not_before: *not_before, not_after: *not_after };
        let point = profile.distribution_point(issuer.issuer, municipality);
        tbs_certificate(issuer, &fields, |w| {
            extensions::key_usage(w, KeyUsage::Signature);
            w.extension(oid::SUBJECT_ALT_NAME, false, |w| w.sequence(|w| write_four_info(w, person)));
            extensions::certificate_policies(w, profile, issuer.issuer.ca);
            extensions::issuer_alt_name(w, profile, issuer.issuer.ca);
            extensions::crl_distribution_points(w, &point);
            extensions::leaf_authority_info_access(w, profile, issuer);
            extensions::leaf_authority_key_identifier(w, profile, issuer);
            extensions::subject_key_identifier(w, public_key);
        })
    }
}

/// The six otherNames, in JPKI's order 1, 4, 3, 5, 2, 6 (facts 1.3, 1.5).
fn write_four_info(w: &mut crate::der::DerWriter, person: &FourInfo) {
    let FourInfo { name, sex, birth_date, address } = person;
    extensions::other_name(w, oid::JPKI_NAME, name.text());
    extensions::other_name(w, oid::JPKI_BIRTH_DATE, &birth_date.certificate_form());
    extensions::other_name(w, oid::JPKI_SEX, sex.certificate_digit().encode_utf8(&mut [0; 4]));
    extensions::other_name(w, oid::JPKI_ADDRESS, address.text());
    extensions::other_name(w, oid::JPKI_NAME_SUBSTITUTIONS, name.substitutions());
    extensions::other_name(w, oid::JPKI_ADDRESS_SUBSTITUTIONS, address.substitutions());
}
