//! Stage 4: what both kinds of persons' certificates say (facts 1.3, 1.4).
use super::decoded::{CertificateLint, Decoded};
use super::issued::{is_ca_alternative_name, point_is};
use super::{CertificateKind, lint};
use crate::certificate::Layout;
use crate::identity::Purpose;
use crate::oid;
use crate::validity::leaf_last_day_max;

pub(super) const LEAF: &[CertificateLint] = &[
    lint("leaf.hierarchy", "facts 1.1: independent hierarchies", "a certificate of another CA's kind", hierarchy),
    lint(
        "leaf.day-end",
        "facts 1.3, 1.7: 23:59:59 in Japan",
        "a notAfter that is not the end of a day in Japan",
        day_end,
    ),
    lint(
        "leaf.sixth-birthday",
        "facts 1.7: the sixth birthday at most; I14",
        "a notAfter later than anybody's sixth birthday after the issue",
        sixth_birthday,
    ),
    lint("leaf.key-algorithm", "facts 1.3, 1.8", "a public key that is not of the profile's algorithm", key_algorithm),
    lint("leaf.desk", "facts 1.3, 1.4; I8", "a CN that does not end in a desk of a known municipality", desk),
    lint(
        "leaf.issuer-alt-name",
        "RFC 5280 §4.2.1.7; facts 1.3, 4; facts 1.4, 4",
        "an issuerAltName that is not the CA's name in Japanese",
        issuer_alt_name,
    ),
    lint(
        "leaf.distribution-point",
        "RFC 5280 §4.2.1.13; facts 1.3, 5; facts 1.4, 5; C11, I8",
        "a distribution point that is not the one of the desk's municipality",
        distribution_point,
    ),
    lint(
        "leaf.distribution-point-of-issuer",
        "facts 1.3, 5: C, O and OU are the issuer's",
        "a distribution point whose name does not begin as the issuer's does",
        point_of_issuer,
    ),
    lint(
        "leaf.authority-info-access",
        "RFC 5280 §4.2.2.1; R09; facts 1.4, 6",
        "locations other than the profile's for this issuer",
        authority_info_access,
    ),
];

fn hierarchy(decoded: &Decoded<'_>) -> bool {
    decoded.kind == CertificateKind::Leaf(decoded.ca())
}

fn day_end(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_after == decoded.tbs.not_after.jst_date().jst_end()
}

fn sixth_birthday(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_after.jst_date() <= leaf_last_day_max(decoded.tbs.not_before.jst_date())
}

fn key_algorithm(decoded: &Decoded<'_>) -> bool {
    decoded.key_algorithm.is_none_or(|found| found == decoded.profile.algorithm())
}

fn desk(decoded: &Decoded<'_>) -> bool {
    decoded.municipality.is_some()
}

fn issuer_alt_name(decoded: &Decoded<'_>) -> bool {
    is_ca_alternative_name(decoded, decoded.values.issuer_alt_name.as_deref())
}

/// `leaf.desk` refuses a certificate of no municipality.
fn distribution_point(decoded: &Decoded<'_>) -> bool {
    decoded.point.as_ref().is_none_or(|expected| point_is(decoded, expected))
}

/// The two names are made in different places.
fn point_of_issuer(decoded: &Decoded<'_>) -> bool {
    let issuer = decoded.issuer.name.attributes();
    decoded.point.as_ref().is_none_or(|point| point.directory_name.attributes()[..3] == issuer[..3])
}

fn authority_info_access(decoded: &Decoded<'_>) -> bool {
    let (profile, ca) = (decoded.profile, decoded.ca());
    let mut found = decoded.values.authority_info_access.iter().flatten();
    let mut next_is =
        |method, uri: &str| found.next().is_some_and(|found| found.method.is(method) && found.location.is_uri(uri));
    let all = match (profile.layout(), ca.purpose()) {
        (Layout::Default, Purpose::Signature | Purpose::Authentication) => {
            next_is(oid::AD_OCSP, profile.ocsp_url(ca))
                && next_is(oid::AD_CA_ISSUERS, &profile.ca_issuers_url(decoded.issuer.issuer))
        }
        (Layout::JpkiExact, Purpose::Authentication) => next_is(oid::AD_OCSP, profile.ocsp_url(ca)),
        // `layout` refuses the extension here.
        (Layout::JpkiExact, Purpose::Signature) => true,
    };
    all && found.next().is_none()
}
