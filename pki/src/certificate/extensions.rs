//! How each extension is written. The order in a certificate is its builder's.
use super::issuer::Issuer;
use super::profile::{Layout, Profile};
use crate::algorithm::PublicKey;
use crate::crl::DistributionPoint;
use crate::der::{DerWriter, Tag};
use crate::identity::{Ca, Purpose, Serial};
use crate::name;
use crate::oid::{self, Oid};

/// What a key may be used for (RFC 5280 §4.2.1.3): the combinations that exist here.
#[derive(Clone, Copy)]
pub(super) enum KeyUsage {
    /// keyCertSign and cRLSign.
    CertificatesAndCrls,
    /// digitalSignature and nonRepudiation.
    Signature,
    /// digitalSignature.
    DigitalSignature,
}

/// keyUsage, always critical (facts 1.2 to 1.4).
pub(super) fn key_usage(w: &mut DerWriter, usage: KeyUsage) {
    // A named bit list in DER: how many bits of the octet are unused, then the octet (X.690 §11.2.2).
    let bits = match usage {
        KeyUsage::CertificatesAndCrls => [1, 0b0000_0110],
        KeyUsage::Signature => [6, 0b1100_0000],
        KeyUsage::DigitalSignature => [7, 0b1000_0000],
    };
    w.extension(oid::KEY_USAGE, true, |w| w.primitive(Tag::BIT_STRING, &bits));
}

/// extKeyUsage with one purpose, non-critical: JPKI's choice for user certificates (facts 1.4). RFC 5280 §4.2.1.12 leaves
/// it open and RFC 6960 §4.2.2.2 asks nothing more of OCSP certificates, so both are alike.
pub(super) fn ext_key_usage(w: &mut DerWriter, purpose: Oid) {
    w.extension(oid::EXT_KEY_USAGE, false, |w| w.sequence(|w| w.oid(purpose)));
}

/// basicConstraints of a CA, critical, cA TRUE without pathLenConstraint (facts 1.2).
pub(super) fn basic_constraints_ca(w: &mut DerWriter) {
    w.extension(oid::BASIC_CONSTRAINTS, true, |w| w.sequence(DerWriter::boolean_true));
}

/// subjectAltName of a CA: its name in Japanese (facts 1.2).
pub(super) fn ca_subject_alt_name(w: &mut DerWriter, profile: &Profile, ca: Ca) {
    let name = profile.ca_alternative_name(ca);
    w.extension(oid::SUBJECT_ALT_NAME, false, |w| w.sequence(|w| name.write_directory_name(w)));
}

/// issuerAltName of a leaf: its CA's name in Japanese (facts 1.3).
pub(super) fn issuer_alt_name(w: &mut DerWriter, profile: &Profile, ca: Ca) {
    let name = profile.ca_alternative_name(ca);
    w.extension(oid::ISSUER_ALT_NAME, false, |w| w.sequence(|w| name.write_directory_name(w)));
}

/// One otherName with a UTF8String under `[0]` EXPLICIT (facts 1.5, RFC 5280 §4.2.1.6).
pub(super) fn other_name(w: &mut DerWriter, type_id: Oid, text: &str) {
    // GeneralName's [0] is IMPLICIT over OtherName's SEQUENCE.
    w.constructed(Tag::context_constructed(0), |w| {
        w.oid(type_id);
        w.constructed(Tag::context_constructed(0), |w| w.primitive(Tag::UTF8_STRING, text.as_bytes()));
    });
}

/// certificatePolicies, critical: one policy with its practice statement (facts 1.3, 1.4).
pub(super) fn certificate_policies(w: &mut DerWriter, profile: &Profile, ca: Ca) {
    w.extension(oid::CERTIFICATE_POLICIES, true, |w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(profile.policy(ca));
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.oid(oid::QUALIFIER_CPS);
                        w.primitive(Tag::IA5_STRING, profile.cps_uri().as_bytes());
                    });
                });
            });
        });
    });
}

/// cRLDistributionPoints with one distribution point, non-critical (facts 1.2 to 1.4).
pub(super) fn crl_distribution_points(w: &mut DerWriter, point: &DistributionPoint) {
    w.extension(oid::CRL_DISTRIBUTION_POINTS, false, |w| point.write_crl_distribution_points(w));
}

/// authorityInfoAccess of a leaf (R09). JPKI has OCSP in user certificates and none in signature certificates (facts 1.3,
/// 1.4); the default layout has OCSP and caIssuers in both.
pub(super) fn leaf_authority_info_access(w: &mut DerWriter, profile: &Profile, issuer: &Issuer) {
    let ca = issuer.issuer.ca;
    let ca_issuers = match (profile.layout(), ca.purpose()) {
        (Layout::Default, Purpose::Signature | Purpose::Authentication) => Some(profile.ca_issuers_url(issuer.issuer)),
        (Layout::JpkiExact, Purpose::Authentication) => None,
        (Layout::JpkiExact, Purpose::Signature) => return,
    };
    let ca_issuers = ca_issuers.as_deref().map(|url| (oid::AD_CA_ISSUERS, url));
    w.extension(oid::AUTHORITY_INFO_ACCESS, false, |w| {
        w.sequence(|w| {
            for (method, location) in [(oid::AD_OCSP, profile.ocsp_url(ca))].into_iter().chain(ca_issuers) {
                w.sequence(|w| {
                    w.oid(method);
                    name::write_uri(w, location);
                });
            }
        });
    });
}

/// authorityKeyIdentifier with the key identifier alone (RFC 5280 §4.2.1.1): key generations share a name, so it tells
/// whose key signed (I18), whichever certificate of that key, self-signed or link, the path goes through.
pub(super) fn authority_key_identifier(w: &mut DerWriter, issuer: &Issuer) {
    w.extension(oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
        w.sequence(|w| w.primitive(Tag::context(0), &issuer.public_key.key_identifier()));
    });
}

/// authorityKeyIdentifier of a leaf. JPKI's has all three parts (facts 1.3). Name and serial pin the path to the
/// self-signed certificate: strict verifiers then take no link for it, so the default layout leaves them out.
pub(super) fn leaf_authority_key_identifier(w: &mut DerWriter, profile: &Profile, issuer: &Issuer) {
    match profile.layout() {
        Layout::Default => authority_key_identifier(w, issuer),
        Layout::JpkiExact => authority_key_identifier_in_full(w, issuer),
    }
}

fn authority_key_identifier_in_full(w: &mut DerWriter, issuer: &Issuer) {
    w.extension(oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
        w.sequence(|w| {
            w.primitive(Tag::context(0), &issuer.public_key.key_identifier());
            // The CA certificates are self-signed, so the issuer of the issuer's certificate is the issuer.
            w.constructed(Tag::context_constructed(1), |w| issuer.name.write_directory_name(w));
            w.primitive(Tag::context(2), &integer_contents(issuer.ca_serial));
        });
    });
}

/// A serial's INTEGER without tag and length, for an IMPLICIT tag.
fn integer_contents(serial: Serial) -> Vec<u8> {
    let mut writer = DerWriter::new();
    writer.integer(serial.get());
    // Nine octets at most, so tag and length are one octet each.
    writer.finish().split_off(2)
}

/// subjectKeyIdentifier: SHA-1 of the key octets (facts 1.2, 1.3).
pub(super) fn subject_key_identifier(w: &mut DerWriter, public_key: &PublicKey) {
    w.extension(oid::SUBJECT_KEY_IDENTIFIER, false, |w| w.primitive(Tag::OCTET_STRING, &public_key.key_identifier()));
}

/// id-pkix-ocsp-nocheck: NULL, non-critical (R15).
pub(super) fn ocsp_nocheck(w: &mut DerWriter) {
    w.extension(oid::OCSP_NOCHECK, false, |w| w.primitive(Tag::NULL, &[]));
}
