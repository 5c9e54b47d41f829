//! Stage 4: the signature certificate (facts 1.3); the 4 info is in `four_info`.
use super::decoded::{CertificateLint, Decoded};
use super::issued::key_usage_is;
use super::lint;
use super::values::Use;
use crate::der::Tag;
use crate::oid;
use crate::time::UnixTime;

pub(super) const SIGN: &[CertificateLint] = &[
    lint(
        "sign.subject",
        "RFC 5280 §4.1.2.6; facts 1.3",
        "a subject that is not C, L, L, CN of the desk's municipality",
        subject,
    ),
    lint("sign.common-name", "facts 1.3: 28 characters", "a CN that is not 19 digits and a desk", digits),
    lint(
        "sign.common-name-time",
        "facts 1.3: the time of the request",
        "a CN that does not begin with a time that exists",
        time,
    ),
    lint(
        "sign.key-usage",
        "RFC 5280 §4.2.1.3; facts 1.3, 1",
        "a keyUsage other than digitalSignature and nonRepudiation",
        |decoded| key_usage_is(decoded, &[Use::DigitalSignature, Use::NonRepudiation]),
    ),
];

/// `leaf.desk` refuses a certificate of no municipality.
fn subject(decoded: &Decoded<'_>) -> bool {
    decoded.municipality.zip(decoded.common_name).is_none_or(|(municipality, cn)| {
        decoded.tbs.subject.has([
            (oid::COUNTRY, "JP"),
            (oid::LOCALITY, municipality.prefecture().dn_text),
            (oid::LOCALITY, municipality.dn_text),
            (oid::COMMON_NAME, cn),
        ])
    })
}

fn digits(decoded: &Decoded<'_>) -> bool {
    decoded.common_name.is_none_or(|cn| cn.len() == 28 && cn.bytes().take(19).all(|byte| byte.is_ascii_digit()))
}

fn time(decoded: &Decoded<'_>) -> bool {
    let mut time = *b"00000000000000Z";
    decoded.common_name.and_then(|cn| cn.as_bytes().first_chunk::<14>()).is_none_or(|start| {
        time[..14].copy_from_slice(start);
        // Whether they are digits is for the lint before this one.
        let digital = start.iter().all(u8::is_ascii_digit);
        !digital || UnixTime::from_der(Tag::GENERALIZED_TIME, &time).is_some()
    })
}
