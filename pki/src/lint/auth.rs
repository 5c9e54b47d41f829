//! Stage 4: the user certificate (facts 1.4).
use super::decoded::{CertificateLint, Decoded};
use super::issued::key_usage_is;
use super::lint;
use super::values::Use;
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
        key_usage_is(decoded, &[Use::DigitalSignature])
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
    let named = |cn| decoded.tbs.subject.has([(oid::COUNTRY, "JP"), (oid::COMMON_NAME, cn)]);
    decoded.common_name.is_none_or(named)
}

fn characters(decoded: &Decoded<'_>) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    decoded.common_name.is_none_or(|cn| cn.len() == 23 && cn.bytes().take(14).all(plain))
}

/// extKeyUsage has this purpose and no other.
pub(super) fn only_purpose(decoded: &Decoded<'_>, purpose: Oid) -> bool {
    matches!(decoded.values.ext_key_usage.as_deref(), Some([found]) if found.is(purpose))
}
