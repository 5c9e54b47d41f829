//! Which lints of the last stage look at which kind of certificate.
use super::CertificateKind;
use super::auth::AUTH;
use super::decoded::CertificateLint;
use super::four_info::FOUR_INFO;
use super::issued::{EVERY, NOT_OWN, POINT, POLICY};
use super::leaf::LEAF;
use super::link::LINK;
use super::responder::RESPONDER;
use super::root::{CA, ROOT};
use super::sign::SIGN;
use crate::identity::Ca;

/// What certificates of that kind say.
pub(super) fn contents(kind: CertificateKind) -> impl Iterator<Item = &'static CertificateLint> {
    let groups: &[&[CertificateLint]] = match kind {
        CertificateKind::Root => &[EVERY, POINT, CA, ROOT],
        CertificateKind::Link => &[EVERY, NOT_OWN, POLICY, CA, LINK],
        CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign) => &[EVERY, NOT_OWN, POLICY, POINT, LEAF, SIGN, FOUR_INFO],
        CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth) => &[EVERY, NOT_OWN, POLICY, POINT, LEAF, AUTH],
        CertificateKind::OcspResponder => &[EVERY, NOT_OWN, RESPONDER],
    };
    groups.iter().copied().flatten()
}
