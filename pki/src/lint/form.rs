//! Stage 2: RFC 5280 §4.1 and §4.2, what holds for every certificate, whoever issues it.
use super::decoded::{CertificateLint, Decoded};
use super::encoding::is_positive;
use super::lint;
use super::read::{Extension, once};
use super::values::{BasicConstraints, Use};

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
    decoded.tbs.version != Some(&[0]) && !decoded.extensions().iter().any(Extension::writes_default)
}

/// v3 is 2.
fn version(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.version == Some(&[2])
}

fn serial_positive(decoded: &Decoded<'_>) -> bool {
    is_positive(decoded.tbs.serial)
}

fn serial_octets(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.serial.len() <= SERIAL_OCTETS_MAX
}

fn validity_order(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_before <= decoded.tbs.not_after
}

fn unique_identifiers(decoded: &Decoded<'_>) -> bool {
    !decoded.tbs.unique_identifiers
}

fn extensions_once(decoded: &Decoded<'_>) -> bool {
    once(decoded.extensions())
}

fn extension_values(decoded: &Decoded<'_>) -> bool {
    !decoded.values.misread
}

/// cA is the one DEFAULT in the extensions of our certificates, as stage 1 sees to trimmed bit lists.
fn extension_defaults(decoded: &Decoded<'_>) -> bool {
    !decoded.values.basic_constraints.is_some_and(BasicConstraints::writes_default)
}

fn key_usage_set(decoded: &Decoded<'_>) -> bool {
    decoded.values.key_usage.is_none_or(|usage| !usage.is_empty())
}

fn ca_signs_certificates(decoded: &Decoded<'_>) -> bool {
    let signs = decoded.values.key_usage.is_some_and(|usage| usage.has(Use::KeyCertSign));
    signs == decoded.values.basic_constraints.is_some_and(BasicConstraints::ca)
}

fn path_length(decoded: &Decoded<'_>) -> bool {
    decoded.values.basic_constraints.is_none_or(|constraints| constraints.ca() || !constraints.path_length)
}

fn policies_once(decoded: &Decoded<'_>) -> bool {
    let policies = decoded.policies();
    policies.iter().enumerate().all(|(at, one)| policies[..at].iter().all(|other| other.id != one.id))
}

fn points_named(decoded: &Decoded<'_>) -> bool {
    decoded.points().iter().all(|point| point.name.is_some() || point.crl_issuer)
}

fn authority_pair(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.values.authority_key_identifier.as_ref();
    authority.is_none_or(|authority| authority.issuer.is_some() == authority.serial.is_some())
}
