//! What the extensions say.
use der::flagset::FlagSet;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, IssuerAltName, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::decoded::{Decoded, is_directory_name, is_oid, is_uri};
use super::form::ensure;
use super::{CertificateKind, Lint};
use crate::algorithm::sha1;
use crate::certificate::Layout;
use crate::der::{DerReader, small_unsigned};
use crate::identity::Ca;
use crate::oid::{self, Oid};

pub(super) const KEY_USAGE: Lint = Lint {
    name: "values.key-usage",
    clause: "RFC 5280 §4.2.1.3; facts 1.2 to 1.4",
    check: |decoded| {
        let expected: FlagSet<KeyUsages> = match decoded.kind {
            CertificateKind::Root | CertificateKind::Link => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign) => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
            CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth) | CertificateKind::OcspResponder => {
                KeyUsages::DigitalSignature.into()
            }
        };
        ensure(decoded.extension::<KeyUsage>()?.0 == expected, "the key may be used for more or less than it should")
    },
};

pub(super) const EXT_KEY_USAGE_CLIENT: Lint = Lint {
    name: "values.ext-key-usage-client",
    clause: "RFC 5280 §4.2.1.12; facts 1.4",
    check: |decoded| only_purpose(decoded, oid::KP_CLIENT_AUTH),
};

pub(super) const EXT_KEY_USAGE_OCSP: Lint = Lint {
    name: "values.ext-key-usage-ocsp",
    clause: "RFC 6960 §4.2.2.2; R08",
    check: |decoded| only_purpose(decoded, oid::KP_OCSP_SIGNING),
};

fn only_purpose(decoded: &Decoded<'_>, purpose: Oid) -> Result<(), &'static str> {
    let purposes = decoded.extension::<ExtendedKeyUsage>()?.0;
    ensure(matches!(purposes[..], [found] if is_oid(found, purpose)), "the purpose is not this kind's one purpose")
}

pub(super) const OCSP_NOCHECK: Lint = Lint {
    name: "values.ocsp-nocheck",
    clause: "RFC 6960 §4.2.2.2.1: the value SHALL be NULL; R15",
    check: |decoded| {
        let mut nocheck = decoded.extensions().iter().filter(|extension| is_oid(extension.extn_id, oid::OCSP_NOCHECK));
        ensure(nocheck.all(|extension| extension.extn_value.as_bytes() == [5, 0]), "nocheck is not NULL")
    },
};

pub(super) const BASIC_CONSTRAINTS: Lint = Lint {
    name: "values.basic-constraints",
    clause: "RFC 5280 §4.2.1.9; facts 1.2",
    check: |decoded| {
        let BasicConstraints { ca, path_len_constraint } = decoded.extension()?;
        ensure(ca && path_len_constraint.is_none(), "not cA TRUE without a path length")
    },
};

pub(super) const CA_ALTERNATIVE_NAME: Lint = Lint {
    name: "values.ca-subject-alt-name",
    clause: "RFC 5280 §4.2.1.6; facts 1.2",
    check: |decoded| {
        let SubjectAltName(names) = decoded.extension()?;
        let expected = decoded.profile.ca_alternative_name(decoded.ca());
        ensure(matches!(&names[..], [name] if is_directory_name(name, &expected)), "not the CA's name in Japanese")
    },
};

pub(super) const ISSUER_ALTERNATIVE_NAME: Lint = Lint {
    name: "values.issuer-alt-name",
    clause: "RFC 5280 §4.2.1.7; facts 1.3, 1.4",
    check: |decoded| {
        let IssuerAltName(names) = decoded.extension()?;
        let expected = decoded.profile.ca_alternative_name(decoded.ca());
        ensure(matches!(&names[..], [name] if is_directory_name(name, &expected)), "not the CA's name in Japanese")
    },
};

pub(super) const CERTIFICATE_POLICY: Lint = Lint {
    name: "values.certificate-policy",
    clause: "RFC 5280 §4.2.1.4; facts 1.3, 1.4, 1.6",
    check: |decoded| {
        let CertificatePolicies(policies) = decoded.extension()?;
        let [policy] = &policies[..] else { return Err("not exactly one policy") };
        let settled = is_oid(policy.policy_identifier, decoded.profile.policy(decoded.ca()));
        ensure(settled, "the policy is not the profile's for this CA")?;
        let [qualifier] = policy.policy_qualifiers.as_deref().unwrap_or(&[]) else {
            return Err("not exactly one policy qualifier");
        };
        let uri = qualifier.qualifier.as_ref().and_then(|any| any.decode_as::<der::asn1::Ia5StringRef<'_>>().ok());
        let right = is_oid(qualifier.policy_qualifier_id, oid::QUALIFIER_CPS)
            && uri.is_some_and(|uri| uri.as_str() == decoded.profile.cps_uri());
        ensure(right, "the qualifier is not the profile's practice statement as IA5String")
    },
};

pub(super) const CA_DISTRIBUTION_POINT: Lint = Lint {
    name: "values.ca-distribution-point",
    clause: "RFC 5280 §4.2.1.13; facts 1.2",
    check: |decoded| {
        let own = &decoded.issuer.name;
        full_name(decoded, |names| matches!(names, [name] if is_directory_name(name, own)))
    },
};

pub(super) const LEAF_DISTRIBUTION_POINT: Lint = Lint {
    name: "values.leaf-distribution-point",
    clause: "RFC 5280 §4.2.1.13; facts 1.3, 1.4; C11, I8",
    check: |decoded| {
        let municipality = decoded.municipality().ok_or("the subject CN leads to no municipality")?;
        let point = decoded.profile.distribution_point(decoded.issuer.issuer, municipality);
        // C, O and OU are those of the issuer (facts 1.3); the two names are made in different places.
        let same_start = point.directory_name.attributes()[..3] == decoded.issuer.name.attributes()[..3];
        ensure(same_start, "the distribution point's name does not begin as the issuer's does")?;
        full_name(decoded, |names| match (names, &point.uri) {
            ([name], None) => is_directory_name(name, &point.directory_name),
            ([name, location], Some(uri)) => is_directory_name(name, &point.directory_name) && is_uri(location, uri),
            _ => false,
        })
    },
};

/// There is one distribution point, for all reasons and of this issuer, and its full name is as expected.
fn full_name(
    decoded: &Decoded<'_>,
    expected: impl Fn(&[x509_cert::ext::pkix::name::GeneralName]) -> bool,
) -> Result<(), &'static str> {
    let CrlDistributionPoints(points) = decoded.extension()?;
    let [point] = &points[..] else { return Err("not exactly one distribution point") };
    ensure(point.reasons.is_none() && point.crl_issuer.is_none(), "the distribution point has reasons or a cRLIssuer")?;
    match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) if expected(names) => Ok(()),
        Some(_) | None => Err("the distribution point is not the one that belongs to this certificate"),
    }
}

pub(super) const AUTHORITY_INFO_ACCESS: Lint = Lint {
    name: "values.authority-info-access",
    clause: "RFC 5280 §4.2.2.1; R09; facts 1.4",
    check: |decoded| {
        let (profile, ca) = (decoded.profile, decoded.ca());
        let ocsp = (oid::AD_OCSP, profile.ocsp_url(ca));
        let expected = match (profile.layout(), decoded.kind) {
            (Layout::Default, _) => vec![ocsp, (oid::AD_CA_ISSUERS, profile.ca_issuers_url(decoded.issuer.issuer))],
            (Layout::JpkiExact, CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth)) => vec![ocsp],
            // `layout` refuses the extension here.
            (Layout::JpkiExact, _) => return Ok(()),
        };
        let AuthorityInfoAccessSyntax(found) = decoded.extension()?;
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, (method, uri))| {
                is_oid(found.access_method, *method) && is_uri(&found.access_location, uri)
            });
        ensure(same, "the locations are not those of the profile for this issuer")
    },
};

pub(super) const AUTHORITY_KEY: Lint = Lint {
    name: "values.authority-key-identifier",
    clause: "RFC 5280 §4.2.1.1; facts 1.3; I18",
    check: |decoded| {
        let AuthorityKeyIdentifier { key_identifier, authority_cert_issuer, authority_cert_serial_number } =
            decoded.extension()?;
        let issuer = decoded.issuer;
        let key = key_identifier.ok_or("the key identifier is missing")?;
        ensure(
            key.as_bytes() == issuer.public_key.key_identifier(),
            "the key identifier is not that of the issuer's key",
        )?;
        // A verifier would take no link certificate for an issuer that is named by its self-signed one's serial.
        if (decoded.profile.layout(), matches!(decoded.kind, CertificateKind::Leaf(_))) != (Layout::JpkiExact, true) {
            let alone = authority_cert_issuer.is_none() && authority_cert_serial_number.is_none();
            return ensure(alone, "the issuer's own certificate is named beside its key");
        }
        let names = authority_cert_issuer.ok_or("the issuer's name is missing")?;
        ensure(
            matches!(&names[..], [name] if is_directory_name(name, &issuer.name)),
            "the name is not that of the issuer's issuer",
        )?;
        let serial = authority_cert_serial_number.ok_or("the issuer's serial is missing")?;
        let serial_der = der::Encode::to_der(&serial).unwrap_or_default();
        let number = DerReader::new(&serial_der).integer_octets().ok().and_then(small_unsigned);
        ensure(number == Some(issuer.ca_serial.get()), "the serial is not that of the issuer's certificate")
    },
};

pub(super) const SUBJECT_KEY: Lint = Lint {
    name: "values.subject-key-identifier",
    clause: "RFC 5280 §4.2.1.2 (1); facts 1.2, 1.3",
    check: |decoded| {
        let SubjectKeyIdentifier(found) = decoded.extension()?;
        let key = decoded.tbs.subject_public_key_info().subject_public_key.raw_bytes();
        ensure(found.as_bytes() == sha1(key), "the key identifier is not SHA-1 of the subject's public key")
    },
};
