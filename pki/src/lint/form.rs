//! Stage 2: RFC 5280 §4.1 and §4.2, what holds for every certificate, whoever issues it.
use der::flagset::FlagSet;
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, IssuerAltName, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::decoded::{CertificateLint, Decoded};
use super::encoding::is_positive;
use super::lint;

/// RFC 5280 §4.1.2.2.
pub(super) const SERIAL_OCTETS_MAX: usize = 20;

pub(super) const FORM: &[CertificateLint] = &[
    lint("form.defaults", "X.690 §11.5; I4", "a DEFAULT value written out", defaults),
    lint("form.version", "RFC 5280 §4.1.2.1", "a version other than v3", version),
    lint("form.serial-positive", "RFC 5280 §4.1.2.2: positive", "a serial of zero or below", serial_positive),
    lint(
        "form.serial-octets",
        "RFC 5280 §4.1.2.2: at most 20 octets",
        "a serial of more than 20 octets",
        serial_octets,
    ),
    lint("form.validity-order", "RFC 5280 §4.1.2.5", "a notAfter before notBefore", validity_order),
    lint("form.unique-identifiers", "RFC 5280 §4.1.2.8", "a unique identifier", unique_identifiers),
    lint("form.extensions-once", "RFC 5280 §4.2", "an extension that is there twice", extensions_once),
    lint(
        "form.extension-values",
        "RFC 5280 §4.2: of the type that extnID says",
        "an extension whose value is not of its type",
        extension_values,
    ),
    lint(
        "form.extension-defaults",
        "X.690 §11.5; RFC 5280 §4.2: the DER encoding",
        "a DEFAULT value written out in an extension",
        extension_defaults,
    ),
    lint(
        "form.key-usage-set",
        "RFC 5280 §4.2.1.3: at least one of the bits",
        "a keyUsage without a use",
        key_usage_set,
    ),
    lint(
        "form.ca-signs-certificates",
        "RFC 5280 §4.2.1.3, §4.2.1.9",
        "keyCertSign without cA TRUE, or cA TRUE without it",
        ca_signs_certificates,
    ),
    lint("form.path-length", "RFC 5280 §4.2.1.9: only with cA", "a pathLenConstraint without cA TRUE", path_length),
    lint("form.policies-once", "RFC 5280 §4.2.1.4", "a policy that is there twice", policies_once),
    lint("form.points-named", "RFC 5280 §4.2.1.13", "a distribution point of reasons alone", points_named),
    lint(
        "form.authority-pair",
        "RFC 5280 §4.2.1.1: both present or both absent",
        "authorityCertIssuer without authorityCertSerialNumber, or the other way round",
        authority_pair,
    ),
];

fn defaults(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.to_der().is_ok_and(|again| again == decoded.tbs_der)
}

fn version(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.version() == Version::V3
}

fn serial_positive(decoded: &Decoded<'_>) -> bool {
    is_positive(&decoded.serial_octets())
}

fn serial_octets(decoded: &Decoded<'_>) -> bool {
    decoded.serial_octets().len() <= SERIAL_OCTETS_MAX
}

fn validity_order(decoded: &Decoded<'_>) -> bool {
    decoded.not_before() <= decoded.not_after()
}

fn unique_identifiers(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.issuer_unique_id().is_none() && decoded.tbs.subject_unique_id().is_none()
}

fn extensions_once(decoded: &Decoded<'_>) -> bool {
    once(decoded.extensions())
}

/// No two of them have one type.
pub(super) fn once(extensions: &[Extension]) -> bool {
    let mut places = extensions.iter().enumerate();
    places.all(|(at, one)| extensions.iter().position(|other| other.extn_id == one.extn_id) == Some(at))
}

/// How a value reads: as no value of its type, as one with other octets when encoded again, or as it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    NotOfItsType,
    EncodedOtherwise,
    AsItStands,
}

fn reading(extension: &Extension) -> Reading {
    let value = extension.extn_value.as_bytes();
    match extension.extn_id {
        KeyUsage::OID => read::<KeyUsage>(value),
        ExtendedKeyUsage::OID => read::<ExtendedKeyUsage>(value),
        BasicConstraints::OID => read::<BasicConstraints>(value),
        SubjectAltName::OID => read::<SubjectAltName>(value),
        IssuerAltName::OID => read::<IssuerAltName>(value),
        CertificatePolicies::OID => read::<CertificatePolicies>(value),
        CrlDistributionPoints::OID => read::<CrlDistributionPoints>(value),
        AuthorityInfoAccessSyntax::OID => read::<AuthorityInfoAccessSyntax>(value),
        AuthorityKeyIdentifier::OID => read::<AuthorityKeyIdentifier>(value),
        SubjectKeyIdentifier::OID => read::<SubjectKeyIdentifier>(value),
        // Any other is the matter of `layout` or, for nocheck, of `responder`.
        _ => Reading::AsItStands,
    }
}

pub(super) fn read<T: for<'a> Decode<'a> + Encode>(value: &[u8]) -> Reading {
    match T::from_der(value).map(|decoded| decoded.to_der()) {
        Err(_) => Reading::NotOfItsType,
        Ok(again) if again.as_deref() == Ok(value) => Reading::AsItStands,
        Ok(_) => Reading::EncodedOtherwise,
    }
}

fn extension_values(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| reading(extension) != Reading::NotOfItsType)
}

fn extension_defaults(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| reading(extension) != Reading::EncodedOtherwise)
}

fn key_usage_set(decoded: &Decoded<'_>) -> bool {
    decoded.extension::<KeyUsage>().is_none_or(|usage| usage.0 != FlagSet::default())
}

fn ca_signs_certificates(decoded: &Decoded<'_>) -> bool {
    let signs = decoded.extension::<KeyUsage>().is_some_and(|usage| usage.0.contains(KeyUsages::KeyCertSign));
    signs == decoded.extension::<BasicConstraints>().is_some_and(|constraints| constraints.ca)
}

fn path_length(decoded: &Decoded<'_>) -> bool {
    let constraints = decoded.extension::<BasicConstraints>();
    constraints.is_none_or(|constraints| constraints.ca || constraints.path_len_constraint.is_none())
}

fn policies_once(decoded: &Decoded<'_>) -> bool {
    let CertificatePolicies(policies) = decoded.extension().unwrap_or(CertificatePolicies(Vec::new()));
    let mut places = policies.iter().enumerate();
    places
        .all(|(at, one)| policies.iter().position(|other| other.policy_identifier == one.policy_identifier) == Some(at))
}

fn points_named(decoded: &Decoded<'_>) -> bool {
    let CrlDistributionPoints(points) = decoded.extension().unwrap_or(CrlDistributionPoints(Vec::new()));
    points.iter().all(|point| point.distribution_point.is_some() || point.crl_issuer.is_some())
}

fn authority_pair(decoded: &Decoded<'_>) -> bool {
    decoded.extension::<AuthorityKeyIdentifier>().is_none_or(|authority| {
        authority.authority_cert_issuer.is_some() == authority.authority_cert_serial_number.is_some()
    })
}
