//! Stage 4: the user certificate (facts 1.4).
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsages};

use super::decoded::{CertificateLint, Decoded, common_name, is_name, is_oid};
use super::issued::key_usage_is;
use super::lint;
use crate::name::DistinguishedName;
use crate::oid::{self, Oid};

pub(super) const AUTH: &[CertificateLint] = &[
    lint(
        "auth.subject",
        "RFC 5280 §4.1.2.6; facts 1.4: no locality, no 4 info",
        "a subject that is not C and CN alone",
        subject,
    ),
    lint(
        "auth.common-name",
        "facts 1.4: 23 characters",
        "a CN that is not 14 characters of 0-9 and A-Z and a desk",
        characters,
    ),
    lint("auth.key-usage", "RFC 5280 §4.2.1.3; facts 1.4, 1", "a keyUsage other than digitalSignature", |decoded| {
        key_usage_is(decoded, &[KeyUsages::DigitalSignature])
    }),
    lint(
        "auth.ext-key-usage",
        "RFC 5280 §4.2.1.12; facts 1.4, 2",
        "an extKeyUsage other than id-kp-clientAuth",
        |decoded| only_purpose(decoded, oid::KP_CLIENT_AUTH),
    ),
];

/// `leaf.desk` refuses a certificate without CN.
fn subject(decoded: &Decoded<'_>) -> bool {
    common_name(decoded.tbs.subject())
        .is_none_or(|cn| is_name(decoded.tbs.subject(), &DistinguishedName::japan().with(oid::COMMON_NAME, cn)))
}

fn characters(decoded: &Decoded<'_>) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    common_name(decoded.tbs.subject()).is_none_or(|cn| cn.len() == 23 && cn.bytes().take(14).all(plain))
}

/// extKeyUsage has this purpose and no other.
pub(super) fn only_purpose(decoded: &Decoded<'_>, purpose: Oid) -> bool {
    let found = decoded.extension::<ExtendedKeyUsage>();
    found.is_some_and(|ExtendedKeyUsage(purposes)| matches!(purposes[..], [found] if is_oid(found, purpose)))
}
