//! Stage 4: what ties a certificate to the key that issues it.
use x509_cert::ext::pkix::certpolicy::{PolicyInformation, PolicyQualifierInfo};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CertificatePolicies, CrlDistributionPoints, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};

use der::Encode;

use super::decoded::{CertificateLint, Decoded, is_directory_name, is_oid};
use super::{CertificateKind, lint};
use crate::algorithm::sha1;
use crate::certificate::Layout;
use crate::der::{DerReader, small_unsigned};
use crate::oid;

/// Those for every certificate.
pub(super) const EVERY: &[CertificateLint] = &[
    lint("serial.range", "facts 1.3: a small number", "a serial of more than eight octets", serial_range),
    lint(
        "issuer.algorithm",
        "RFC 5280 §4.1.1.2, §4.1.2.3; facts 1.3",
        "a signature algorithm that is not that of the issuer's key",
        algorithm,
    ),
    lint("issuer.name", "RFC 5280 §4.1.2.4; R10", "an issuer that is not the CA's name octet for octet", name),
    lint("issuer.name-settled", "facts 1.1", "an issuer whose name is not the one settled for this CA", name_settled),
    lint(
        "validity.inside-issuers",
        "RFC 5280 §6.1.3 (a)(2); facts 1.1; I14",
        "a validity that reaches outside that of the issuer's certificate",
        inside_issuers,
    ),
    lint(
        "key.known",
        "RFC 5280 §4.1.2.7; facts 1.7: 施行規則 第2条",
        "a public key that is not one we take",
        key_known,
    ),
    lint(
        "key.identifier",
        "RFC 5280 §4.2.1.2 (1); facts 1.2, 1.3",
        "a subjectKeyIdentifier that is not SHA-1 of the public key",
        key_identifier,
    ),
];

/// Those for every certificate but a CA's own.
pub(super) const NOT_OWN: &[CertificateLint] = &[
    lint(
        "serial.not-issuers",
        "RFC 5280 §4.1.2.2: unique; facts 1.1; I12",
        "the serial of the CA's own certificate",
        serial_not_issuers,
    ),
    lint(
        "key.not-issuers",
        "RFC 5280 §4.1.2.6: the subject is another entity",
        "the public key of the CA",
        key_not_issuers,
    ),
    lint(
        "authority.key",
        "RFC 5280 §4.2.1.1; facts 1.3; I18",
        "a keyIdentifier that is not that of the issuer's key",
        authority_key,
    ),
    lint(
        "authority.alone",
        "RFC 5280 §4.2.1.1; I18",
        "an authorityCertIssuer or authorityCertSerialNumber, with which no link would do",
        authority_alone,
    ),
    lint(
        "authority.name",
        "RFC 5280 §4.2.1.1; facts 1.3, 6",
        "in the test card's layout an authorityCertIssuer that is not the name of the CA alone",
        authority_name,
    ),
    lint(
        "authority.serial",
        "RFC 5280 §4.2.1.1; facts 1.3, 6",
        "in the test card's layout an authorityCertSerialNumber that is not that of the issuer's certificate",
        authority_serial,
    ),
];

/// Those for every certificate with a policy.
pub(super) const POLICY: &[CertificateLint] = &[
    lint("policy.only-one", "facts 1.3, 3; facts 1.4, 3", "more than one policy", one_policy),
    lint("policy.settled", "RFC 5280 §4.2.1.4; facts 1.6", "a policy that is not the profile's for this CA", policy),
    lint(
        "policy.practice-statement",
        "RFC 5280 §4.2.1.4: CPSuri; facts 1.3, 3",
        "qualifiers other than the profile's practice statement as IA5String",
        practice_statement,
    ),
];

/// Those for every certificate with cRLDistributionPoints.
pub(super) const POINT: &[CertificateLint] = &[
    lint("point.only-one", "facts 1.2, 1.3: one DP", "more than one distribution point", point_only_one),
    lint(
        "point.all-reasons",
        "RFC 5280 §4.2.1.13: segmenting by reasons is not recommended; facts 1.2, 1.3",
        "a distribution point with reasons",
        point_all_reasons,
    ),
    lint(
        "point.no-crl-issuer",
        "RFC 5280 §4.2.1.13: cRLIssuer is omitted when it is the issuer; B07",
        "a distribution point with a cRLIssuer",
        point_no_crl_issuer,
    ),
];

fn serial_range(decoded: &Decoded<'_>) -> bool {
    decoded.serial().is_some()
}

fn algorithm(decoded: &Decoded<'_>) -> bool {
    let expected = decoded.issuer.public_key.algorithm().signature_identifier();
    decoded.tbs.signature().to_der().is_ok_and(|found| found == expected)
}

fn name(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.issuer().to_der().is_ok_and(|found| found == decoded.issuer.name.to_der())
}

fn name_settled(decoded: &Decoded<'_>) -> bool {
    decoded.issuer.name == decoded.profile.ca_name(decoded.ca())
}

fn inside_issuers(decoded: &Decoded<'_>) -> bool {
    let issuer = decoded.issuer;
    // RFC 4210 §4.4.1: an old key's link begins with the old key, before the new one that signs it.
    let begins = decoded.kind == CertificateKind::Link || decoded.not_before() >= issuer.not_before;
    begins && decoded.not_after() <= issuer.not_after
}

fn key_known(decoded: &Decoded<'_>) -> bool {
    decoded.public_key().is_some()
}

fn key_identifier(decoded: &Decoded<'_>) -> bool {
    let key = decoded.tbs.subject_public_key_info().subject_public_key.raw_bytes();
    decoded.extension().is_some_and(|SubjectKeyIdentifier(found)| found.as_bytes() == sha1(key))
}

fn serial_not_issuers(decoded: &Decoded<'_>) -> bool {
    decoded.serial() != Some(decoded.issuer.ca_serial)
}

fn key_not_issuers(decoded: &Decoded<'_>) -> bool {
    decoded.public_key().is_none_or(|key| key != decoded.issuer.public_key)
}

fn authority_key(decoded: &Decoded<'_>) -> bool {
    let found = decoded.extension::<AuthorityKeyIdentifier>().and_then(|authority| authority.key_identifier);
    found.is_some_and(|key| key.as_bytes() == decoded.issuer.public_key.key_identifier())
}

/// Name and serial pin a path to the self-signed certificate; the layout of the test card's leaves does so.
fn pins_its_issuer(decoded: &Decoded<'_>) -> bool {
    decoded.profile.layout() == Layout::JpkiExact && matches!(decoded.kind, CertificateKind::Leaf(_))
}

fn authority_alone(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.extension::<AuthorityKeyIdentifier>();
    // `form.authority-pair` has seen that the two come together.
    pins_its_issuer(decoded) || authority.is_some_and(|authority| authority.authority_cert_issuer.is_none())
}

fn authority_name(decoded: &Decoded<'_>) -> bool {
    let found = decoded.extension::<AuthorityKeyIdentifier>().and_then(|authority| authority.authority_cert_issuer);
    let right = |names: Vec<GeneralName>| matches!(&names[..], [name] if is_directory_name(name, &decoded.issuer.name));
    !pins_its_issuer(decoded) || found.is_some_and(right)
}

fn authority_serial(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.extension::<AuthorityKeyIdentifier>();
    let serial_der = authority.and_then(|authority| authority.authority_cert_serial_number?.to_der().ok());
    let number = serial_der.and_then(|der| small_unsigned(DerReader::new(&der).integer_octets().ok()?));
    !pins_its_issuer(decoded) || number == Some(decoded.issuer.ca_serial.get())
}

fn policies(decoded: &Decoded<'_>) -> Vec<PolicyInformation> {
    decoded.extension().map_or_else(Vec::new, |CertificatePolicies(policies)| policies)
}

fn one_policy(decoded: &Decoded<'_>) -> bool {
    policies(decoded).len() == 1
}

fn policy(decoded: &Decoded<'_>) -> bool {
    let settled = decoded.profile.policy(decoded.ca());
    policies(decoded).first().is_some_and(|policy| is_oid(policy.policy_identifier, settled))
}

fn practice_statement(decoded: &Decoded<'_>) -> bool {
    let right = |qualifier: &PolicyQualifierInfo| {
        let uri = qualifier.qualifier.as_ref().and_then(|any| any.decode_as::<der::asn1::Ia5StringRef<'_>>().ok());
        is_oid(qualifier.policy_qualifier_id, oid::QUALIFIER_CPS)
            && uri.is_some_and(|uri| uri.as_str() == decoded.profile.cps_uri())
    };
    let policies = policies(decoded);
    let qualifiers = policies.first().and_then(|policy| policy.policy_qualifiers.as_deref());
    matches!(qualifiers, Some([qualifier]) if right(qualifier))
}

fn points(decoded: &Decoded<'_>) -> CrlDistributionPoints {
    decoded.extension().unwrap_or(CrlDistributionPoints(Vec::new()))
}

fn point_only_one(decoded: &Decoded<'_>) -> bool {
    points(decoded).0.len() == 1
}

fn point_all_reasons(decoded: &Decoded<'_>) -> bool {
    points(decoded).0.iter().all(|point| point.reasons.is_none())
}

fn point_no_crl_issuer(decoded: &Decoded<'_>) -> bool {
    points(decoded).0.iter().all(|point| point.crl_issuer.is_none())
}

/// The first distribution point's full name is as expected.
pub(super) fn point_is(decoded: &Decoded<'_>, expected: impl Fn(&[GeneralName]) -> bool) -> bool {
    let points = points(decoded).0;
    let name = points.first().and_then(|point| point.distribution_point.as_ref());
    matches!(name, Some(DistributionPointName::FullName(names)) if expected(names))
}

/// The key may be used for this and nothing else.
pub(super) fn key_usage_is(decoded: &Decoded<'_>, expected: &[KeyUsages]) -> bool {
    let found = decoded.extension::<KeyUsage>();
    found.is_some_and(|usage| usage.0.into_iter().eq(expected.iter().copied()))
}

/// The alternative name is the CA's in Japanese and nothing else.
pub(super) fn is_ca_alternative_name(decoded: &Decoded<'_>, names: &[GeneralName]) -> bool {
    let expected = decoded.profile.ca_alternative_name(decoded.ca());
    matches!(names, [name] if is_directory_name(name, &expected))
}

/// The CA's subjectAltName.
pub(super) fn subject_alternative_names(decoded: &Decoded<'_>) -> Vec<GeneralName> {
    decoded.extension().map_or_else(Vec::new, |SubjectAltName(names)| names)
}
