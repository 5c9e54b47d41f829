//! Stage 4: the certificate of a delegated OCSP responder (RFC 6960 §4.2.2.2).
use super::auth::only_purpose;
use super::decoded::{CertificateLint, Decoded};
use super::issued::key_usage_is;
use super::lint;
use super::values::Use;
use crate::certificate::ocsp_responder::VALIDITY_SECONDS_MAX;
use crate::oid;

/// What the CN begins with; a number follows.
const COMMON_NAME_START: &str = "OCSP Responder ";

pub(super) const RESPONDER: &[CertificateLint] = &[
    lint(
        "responder.subject",
        "RFC 5280 §4.1.2.6: a subject is one entity of its CA",
        "a subject that is not the CA's name and a CN",
        subject,
    ),
    lint(
        "responder.common-name",
        "RFC 5280 §4.1.2.6: unique for each entity",
        "a CN that is not `OCSP Responder` and a number",
        number,
    ),
    lint("responder.days", "RFC 6960 §4.2.2.2.1: short-lived; R15, L06, I14", "a life of more than 31 days", days),
    lint("responder.key-usage", "RFC 5280 §4.2.1.3, §4.2.1.12", "a keyUsage other than digitalSignature", |decoded| {
        key_usage_is(decoded, &[Use::DigitalSignature])
    }),
    lint(
        "responder.ext-key-usage",
        "RFC 6960 §4.2.2.2; R08",
        "an extKeyUsage other than id-kp-OCSPSigning",
        |decoded| only_purpose(decoded, oid::KP_OCSP_SIGNING),
    ),
    lint(
        "responder.nocheck",
        "RFC 6960 §4.2.2.2.1: the value SHALL be NULL; R15",
        "an ocsp-nocheck that is not NULL",
        nocheck,
    ),
];

/// `number` refuses a certificate without CN.
fn subject(decoded: &Decoded<'_>) -> bool {
    decoded.common_name.is_none_or(|cn| {
        let expected = decoded.profile.ca_name(decoded.ca()).clone().with(oid::COMMON_NAME, cn.to_owned());
        decoded.tbs.subject.is(&expected)
    })
}

fn number(decoded: &Decoded<'_>) -> bool {
    let number = decoded.common_name.and_then(|cn| cn.strip_prefix(COMMON_NAME_START));
    number.is_some_and(|number| number.parse::<u32>().is_ok_and(|parsed| parsed.to_string() == number))
}

fn days(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.not_after.seconds_since(decoded.tbs.not_before) <= VALIDITY_SECONDS_MAX
}

fn nocheck(decoded: &Decoded<'_>) -> bool {
    let mut found = decoded.extensions().iter().filter(|extension| extension.id.is(oid::OCSP_NOCHECK));
    found.all(|extension| extension.value == [5, 0])
}
