//! Stage 3: which extensions a certificate has, in which order, and how critical they are.
use super::decoded::{CertificateLint, Decoded};
use super::read::{Extension, Identifier};
use super::{CertificateKind, lint};
use crate::certificate::Layout;
use crate::identity::Ca;
use crate::oid::{self, Oid};

/// An extension and whether it is critical.
type Place = (Oid, bool);

/// Facts 1.2, the whole table.
const ROOT: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::SUBJECT_ALT_NAME, false),
    (oid::BASIC_CONSTRAINTS, true),
    (oid::CRL_DISTRIBUTION_POINTS, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

/// Facts 1.2 with the policy and the issuer's key of a certificate that another key signed, and without a distribution
/// point.
const LINK: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::SUBJECT_ALT_NAME, false),
    (oid::BASIC_CONSTRAINTS, true),
    (oid::CERTIFICATE_POLICIES, true),
    (oid::AUTHORITY_KEY_IDENTIFIER, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

/// Facts 1.3, the whole table.
const SIGN_EXACT: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::SUBJECT_ALT_NAME, false),
    (oid::CERTIFICATE_POLICIES, true),
    (oid::ISSUER_ALT_NAME, false),
    (oid::CRL_DISTRIBUTION_POINTS, false),
    (oid::AUTHORITY_KEY_IDENTIFIER, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

/// Facts 1.3 with AIA at the place where the user certificate has it.
const SIGN_DEFAULT: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::SUBJECT_ALT_NAME, false),
    (oid::CERTIFICATE_POLICIES, true),
    (oid::ISSUER_ALT_NAME, false),
    (oid::CRL_DISTRIBUTION_POINTS, false),
    (oid::AUTHORITY_INFO_ACCESS, false),
    (oid::AUTHORITY_KEY_IDENTIFIER, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

/// Facts 1.4, the whole table, in both layouts.
const AUTH: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::EXT_KEY_USAGE, false),
    (oid::CERTIFICATE_POLICIES, true),
    (oid::ISSUER_ALT_NAME, false),
    (oid::CRL_DISTRIBUTION_POINTS, false),
    (oid::AUTHORITY_INFO_ACCESS, false),
    (oid::AUTHORITY_KEY_IDENTIFIER, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

/// R08, R15; without cRLDistributionPoints and AIA (L06).
const OCSP_RESPONDER: &[Place] = &[
    (oid::KEY_USAGE, true),
    (oid::EXT_KEY_USAGE, false),
    (oid::OCSP_NOCHECK, false),
    (oid::AUTHORITY_KEY_IDENTIFIER, false),
    (oid::SUBJECT_KEY_IDENTIFIER, false),
];

fn expected(decoded: &Decoded<'_>) -> &'static [Place] {
    match (decoded.kind, decoded.profile.layout()) {
        (CertificateKind::Root, Layout::Default | Layout::JpkiExact) => ROOT,
        (CertificateKind::Link, Layout::Default | Layout::JpkiExact) => LINK,
        (CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign), Layout::JpkiExact) => SIGN_EXACT,
        (CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign), Layout::Default) => SIGN_DEFAULT,
        (CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth), Layout::Default | Layout::JpkiExact) => AUTH,
        (CertificateKind::OcspResponder, Layout::Default | Layout::JpkiExact) => OCSP_RESPONDER,
    }
}

pub(super) const LAYOUT: &[CertificateLint] = &[
    lint(
        "layout.extensions-present",
        "facts 1.2 to 1.4; RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.1.9; R08, R15",
        "a certificate without one of its kind's extensions",
        present,
    ),
    lint("layout.extensions-foreign", "facts 1.2 to 1.4; L06", "an extension that its kind does not have", foreign),
    lint("layout.extension-order", "facts 1.2 to 1.4", "extensions in another order", order),
    lint(
        "layout.extension-criticality",
        "facts 1.2 to 1.4; RFC 5280 §4.2.1, §4.2.2.1; R15",
        "an extension whose critical flag is the wrong way round",
        criticality,
    ),
];

/// Where among the places an extension of that type belongs.
fn place(places: &[Place], id: Identifier<'_>) -> Option<usize> {
    places.iter().position(|(oid, _)| id.is(*oid))
}

fn present(decoded: &Decoded<'_>) -> bool {
    let has = |oid: Oid| decoded.extensions().iter().any(|extension| extension.id.is(oid));
    expected(decoded).iter().all(|(oid, _)| has(*oid))
}

fn foreign(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| place(expected(decoded), extension.id).is_some())
}

fn order(decoded: &Decoded<'_>) -> bool {
    // Those that are missing or foreign have lints of their own.
    decoded.extensions().iter().filter_map(|extension| place(expected(decoded), extension.id)).is_sorted()
}

fn criticality(decoded: &Decoded<'_>) -> bool {
    let places = expected(decoded);
    let right =
        |extension: &Extension<'_>| place(places, extension.id).is_none_or(|at| extension.critical() == places[at].1);
    decoded.extensions().iter().all(right)
}
