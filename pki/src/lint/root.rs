//! Stage 4: a CA's own certificate (facts 1.1, 1.2).
use super::decoded::{CertificateLint, Decoded};
use super::issued::{is_ca_alternative_name, key_usage_is, point_is};
use super::lint;
use super::values::Use;
use crate::crl::DistributionPoint;
use crate::validity::ca_not_after;

/// Those for links as well.
pub(super) const CA: &[CertificateLint] = &[
    lint(
        "ca.subject",
        "RFC 5280 §4.1.2.6: the subject is the issuer of what it signs; facts 1.1",
        "a subject that is not the issuer",
        subject,
    ),
    lint(
        "ca.key-usage",
        "RFC 5280 §4.2.1.3; facts 1.2, 1",
        "a keyUsage other than keyCertSign and cRLSign",
        |decoded| key_usage_is(decoded, &[Use::KeyCertSign, Use::CrlSign]),
    ),
    lint(
        "ca.subject-alt-name",
        "RFC 5280 §4.2.1.6; facts 1.2, 2",
        "a subjectAltName that is not the CA's name in Japanese",
        subject_alt_name,
    ),
    lint("ca.no-path-length", "RFC 5280 §4.2.1.9; facts 1.2, 3", "a pathLenConstraint", no_path_length),
];

pub(super) const ROOT: &[CertificateLint] = &[
    lint(
        "root.serial",
        "RFC 5280 §4.1.2.2; facts 1.1; I12",
        "a serial that is not the one reserved for this CA certificate",
        serial,
    ),
    lint("root.key", "facts 1.1: self-signed", "a public key that is not that of the CA key", key),
    lint(
        "root.validity-settled",
        "facts 1.1; I14",
        "a validity that is not the one settled for this CA key",
        validity_settled,
    ),
    lint(
        "root.ten-years",
        "facts 1.1: ten years, to 23:59:59 in Japan the day before the anniversary; I14",
        "a notAfter that is not the end of ten years",
        ten_years,
    ),
    lint(
        "root.distribution-point",
        "RFC 5280 §4.2.1.13; facts 1.2, 4",
        "a distribution point that is not the CA's own name",
        distribution_point,
    ),
];

fn serial(decoded: &Decoded<'_>) -> bool {
    decoded.serial() == Some(decoded.issuer.ca_serial)
}

fn subject(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.subject.der() == decoded.tbs.issuer.der()
}

fn key(decoded: &Decoded<'_>) -> bool {
    decoded.key_algorithm.is_none() || decoded.tbs.public_key_info == decoded.issuer.public_key.spki_der()
}

fn validity_settled(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_before == decoded.issuer.not_before && decoded.tbs.not_after == decoded.issuer.not_after
}

fn ten_years(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_after == ca_not_after(decoded.tbs.not_before)
}

fn subject_alt_name(decoded: &Decoded<'_>) -> bool {
    is_ca_alternative_name(decoded, decoded.values.subject_alt_name.as_deref())
}

fn no_path_length(decoded: &Decoded<'_>) -> bool {
    decoded.values.basic_constraints.is_some_and(|constraints| !constraints.path_length)
}

fn distribution_point(decoded: &Decoded<'_>) -> bool {
    let expected = DistributionPoint { directory_name: decoded.issuer.name.clone(), uri: None };
    point_is(decoded, &expected)
}
