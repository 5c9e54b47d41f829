//! Which lints look at which kind of certificate.
use super::{CertificateKind, Lint, form, four_info, layout, subject, values};
use crate::identity::Ca;

/// Those for every certificate.
const ALL: &[Lint] = &[
    form::DER,
    form::EXTENSION_VALUES_DER,
    form::VERSION,
    form::SERIAL,
    form::SERIAL_OF_ISSUER,
    form::SIGNATURE_ALGORITHM,
    form::ISSUER_NAME,
    form::VALIDITY_ENCODING,
    form::VALIDITY_ORDER,
    form::VALIDITY_INSIDE_ISSUERS,
    form::UNIQUE_IDENTIFIERS,
    form::PUBLIC_KEY,
    layout::EXTENSIONS_ONCE,
    layout::EXTENSIONS_PRESENT,
    layout::EXTENSIONS_FOREIGN,
    layout::EXTENSION_ORDER,
    layout::EXTENSION_CRITICALITY,
    subject::KIND_OF_ISSUER,
    values::KEY_USAGE,
    values::SUBJECT_KEY,
];

const ROOT: &[Lint] = &[
    subject::ROOT,
    subject::ROOT_VALIDITY,
    values::CA_ALTERNATIVE_NAME,
    values::BASIC_CONSTRAINTS,
    values::CA_DISTRIBUTION_POINT,
];

const LINK: &[Lint] = &[
    subject::ROOT,
    subject::LINK_VALIDITY,
    values::CA_ALTERNATIVE_NAME,
    values::BASIC_CONSTRAINTS,
    values::CERTIFICATE_POLICY,
    values::AUTHORITY_KEY,
];

const SIGN: &[Lint] = &[
    subject::SIGN,
    subject::LEAF_VALIDITY,
    four_info::OTHER_NAMES,
    four_info::NAME,
    four_info::BIRTH_DATE,
    four_info::SEX,
    four_info::ADDRESS,
    four_info::AGE,
    four_info::LAST_BIRTHDAY,
    values::CERTIFICATE_POLICY,
    values::ISSUER_ALTERNATIVE_NAME,
    values::LEAF_DISTRIBUTION_POINT,
    values::AUTHORITY_INFO_ACCESS,
    values::AUTHORITY_KEY,
];

const AUTH: &[Lint] = &[
    subject::AUTH,
    subject::LEAF_VALIDITY,
    values::EXT_KEY_USAGE_CLIENT,
    values::CERTIFICATE_POLICY,
    values::ISSUER_ALTERNATIVE_NAME,
    values::LEAF_DISTRIBUTION_POINT,
    values::AUTHORITY_INFO_ACCESS,
    values::AUTHORITY_KEY,
];

const OCSP_RESPONDER: &[Lint] = &[
    subject::OCSP_RESPONDER,
    subject::OCSP_RESPONDER_VALIDITY,
    values::EXT_KEY_USAGE_OCSP,
    values::OCSP_NOCHECK,
    values::AUTHORITY_KEY,
];

/// Every lint for a kind, those for every certificate first.
pub(super) fn lints(kind: CertificateKind) -> impl Iterator<Item = &'static Lint> {
    let own = match kind {
        CertificateKind::Root => ROOT,
        CertificateKind::Link => LINK,
        CertificateKind::Leaf(Ca::Sign | Ca::PhoneSign) => SIGN,
        CertificateKind::Leaf(Ca::Auth | Ca::PhoneAuth) => AUTH,
        CertificateKind::OcspResponder => OCSP_RESPONDER,
    };
    ALL.iter().chain(own)
}
