//! Stage 4: what ties a certificate to the key that issues it.
use super::decoded::{CertificateLint, Decoded};
use super::names::GeneralName;
use super::values::{PolicyQualifier, Use};
use super::{CertificateKind, lint};
use crate::algorithm::{is_signature_identifier_of, sha1};
use crate::certificate::Layout;
use crate::crl::DistributionPoint;
use crate::der::{Tag, small_unsigned};
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
    is_signature_identifier_of(decoded.issuer.public_key.algorithm(), decoded.tbs.signature)
}

fn name(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.issuer.is(&decoded.issuer.name)
}

fn name_settled(decoded: &Decoded<'_>) -> bool {
    decoded.issuer.name == *decoded.profile.ca_name(decoded.ca())
}

fn inside_issuers(decoded: &Decoded<'_>) -> bool {
    let issuer = decoded.issuer;
    // RFC 4210 §4.4.1: an old key's link begins with the old key, before the new one that signs it.
    let begins = decoded.kind == CertificateKind::Link || decoded.tbs.not_before >= issuer.not_before;
    begins && decoded.tbs.not_after <= issuer.not_after
}

fn key_known(decoded: &Decoded<'_>) -> bool {
    decoded.key_algorithm.is_some()
}

fn key_identifier(decoded: &Decoded<'_>) -> bool {
    decoded.values.subject_key_identifier.is_some_and(|found| found.0 == sha1(decoded.tbs.key))
}

fn serial_not_issuers(decoded: &Decoded<'_>) -> bool {
    decoded.serial() != Some(decoded.issuer.ca_serial)
}

fn key_not_issuers(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.public_key_info != decoded.issuer.public_key.spki_der()
}

fn authority_key(decoded: &Decoded<'_>) -> bool {
    let found = decoded.values.authority_key_identifier.as_ref().and_then(|authority| authority.key);
    found.is_some_and(|key| key == decoded.issuer.public_key.key_identifier())
}

/// Name and serial pin a path to the self-signed certificate; the layout of the test card's leaves does so.
fn pins_its_issuer(decoded: &Decoded<'_>) -> bool {
    decoded.profile.layout() == Layout::JpkiExact && matches!(decoded.kind, CertificateKind::Leaf(_))
}

fn authority_alone(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.values.authority_key_identifier.as_ref();
    // `form.authority-pair` has seen that the two come together.
    pins_its_issuer(decoded) || authority.is_some_and(|authority| authority.issuer.is_none())
}

fn authority_name(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.values.authority_key_identifier.as_ref();
    let names = authority.and_then(|authority| authority.issuer.as_deref());
    !pins_its_issuer(decoded) || matches!(names, Some([name]) if name.is_directory_name(&decoded.issuer.name))
}

fn authority_serial(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.values.authority_key_identifier.as_ref();
    let number = authority.and_then(|authority| small_unsigned(authority.serial?));
    !pins_its_issuer(decoded) || number == Some(decoded.issuer.ca_serial.get())
}

fn one_policy(decoded: &Decoded<'_>) -> bool {
    decoded.policies().len() == 1
}

fn policy(decoded: &Decoded<'_>) -> bool {
    decoded.policies().first().is_some_and(|policy| policy.id.is(decoded.profile.policy(decoded.ca())))
}

fn practice_statement(decoded: &Decoded<'_>) -> bool {
    let right = |PolicyQualifier { id, qualifier }: &PolicyQualifier<'_>| {
        let uri = decoded.profile.cps_uri().as_bytes();
        id.is(oid::QUALIFIER_CPS) && qualifier.tag == Tag::IA5_STRING && qualifier.contents == uri
    };
    let qualifiers = decoded.policies().first().and_then(|policy| policy.qualifiers.as_deref());
    matches!(qualifiers, Some([qualifier]) if right(qualifier))
}

fn point_only_one(decoded: &Decoded<'_>) -> bool {
    decoded.points().len() == 1
}

fn point_all_reasons(decoded: &Decoded<'_>) -> bool {
    !decoded.points().iter().any(|point| point.reasons)
}

fn point_no_crl_issuer(decoded: &Decoded<'_>) -> bool {
    !decoded.points().iter().any(|point| point.crl_issuer)
}

/// The first distribution point's name is that of this one.
pub(super) fn point_is(decoded: &Decoded<'_>, expected: &DistributionPoint) -> bool {
    let name = decoded.points().first().and_then(|point| point.name.as_ref());
    name.is_some_and(|name| name.is(expected))
}

/// The key may be used for this and nothing else.
pub(super) fn key_usage_is(decoded: &Decoded<'_>, expected: &[Use]) -> bool {
    decoded.values.key_usage.is_some_and(|usage| usage.is(expected))
}

/// The alternative name is the CA's in Japanese and nothing else.
pub(super) fn is_ca_alternative_name(decoded: &Decoded<'_>, names: Option<&[GeneralName<'_>]>) -> bool {
    let expected = decoded.profile.ca_alternative_name(decoded.ca());
    matches!(names, Some([name]) if name.is_directory_name(expected))
}
