//! Stage 4: a link certificate, by which one key of a CA certifies another (RFC 4210 §4.4).
use super::decoded::{CertificateLint, Decoded};
use super::lint;
use crate::certificate::link_validity;

pub(super) const LINK: &[CertificateLint] = &[
    lint("link.one-ca", "RFC 4210 §4.4; facts 1.1: independent hierarchies", "a link to a key of another CA", one_ca),
    lint("link.two-keys", "RFC 4210 §4.4: old with new, new with old", "a link from a key to itself", two_keys),
    lint("link.serial", "RFC 5280 §4.1.2.2: unique; I12", "the serial of the linked key's own certificate", serial),
    lint("link.key", "RFC 4210 §4.4", "a public key that is not that of the linked key", key),
    lint(
        "link.validity",
        "RFC 4210 §4.4.1; I14",
        "a validity other than from when the linked key was made until the older key ends",
        validity,
    ),
];

fn one_ca(decoded: &Decoded<'_>) -> bool {
    decoded.linked.issuer.ca == decoded.ca()
}

fn two_keys(decoded: &Decoded<'_>) -> bool {
    decoded.linked.issuer.key != decoded.issuer.issuer.key
}

fn serial(decoded: &Decoded<'_>) -> bool {
    decoded.serial() != Some(decoded.linked.ca_serial)
}

fn key(decoded: &Decoded<'_>) -> bool {
    decoded.key_algorithm.is_none() || decoded.tbs.public_key_info == decoded.linked.public_key.spki_der()
}

fn validity(decoded: &Decoded<'_>) -> bool {
    (decoded.tbs.not_before, decoded.tbs.not_after) == link_validity(decoded.issuer, decoded.linked)
}
