//! RFC 5280 §4.1: what every certificate has in common.
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, IssuerAltName, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::time::Time;

use super::decoded::is_name;
use super::{CertificateKind, Lint};
use crate::algorithm::PublicKey;

pub(super) const DER: Lint = Lint {
    name: "form.der",
    clause: "RFC 5280 §4.1, X.690 §10 and §11; I4",
    check: |decoded| match decoded.tbs.to_der() {
        Ok(again) if again == decoded.tbs_der => Ok(()),
        Ok(_) | Err(_) => Err("encoded again, the certificate has other octets"),
    },
};

pub(super) const EXTENSION_VALUES_DER: Lint = Lint {
    name: "form.extension-values-der",
    clause: "RFC 5280 §4.2: extnValue contains the DER encoding; I4",
    check: |decoded| {
        let round_trips = |extension: &x509_cert::ext::Extension| {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id {
                KeyUsage::OID => round_trips::<KeyUsage>(value),
                ExtendedKeyUsage::OID => round_trips::<ExtendedKeyUsage>(value),
                BasicConstraints::OID => round_trips::<BasicConstraints>(value),
                SubjectAltName::OID => round_trips::<SubjectAltName>(value),
                IssuerAltName::OID => round_trips::<IssuerAltName>(value),
                CertificatePolicies::OID => round_trips::<CertificatePolicies>(value),
                CrlDistributionPoints::OID => round_trips::<CrlDistributionPoints>(value),
                AuthorityInfoAccessSyntax::OID => round_trips::<AuthorityInfoAccessSyntax>(value),
                AuthorityKeyIdentifier::OID => round_trips::<AuthorityKeyIdentifier>(value),
                SubjectKeyIdentifier::OID => round_trips::<SubjectKeyIdentifier>(value),
                // Any other extension is the matter of `layout` or, for nocheck, of `values`.
                _ => true,
            }
        };
        ensure(decoded.extensions().iter().all(round_trips), "encoded again, an extension's value has other octets")
    },
};

fn round_trips<T: for<'a> Decode<'a> + Encode>(value: &[u8]) -> bool {
    T::from_der(value).is_ok_and(|decoded| decoded.to_der().is_ok_and(|again| again == value))
}

pub(super) const VERSION: Lint = Lint {
    name: "form.version",
    clause: "RFC 5280 §4.1.2.1",
    check: |decoded| ensure(decoded.tbs.version() == Version::V3, "the version is not v3, though there are extensions"),
};

pub(super) const SERIAL: Lint = Lint {
    name: "form.serial",
    clause: "RFC 5280 §4.1.2.2; facts 1.3",
    check: |decoded| ensure(decoded.serial().is_some(), "the serial is not a positive INTEGER of at most eight octets"),
};

pub(super) const SERIAL_OF_ISSUER: Lint = Lint {
    name: "form.serial-of-issuer",
    clause: "RFC 5280 §4.1.2.2; facts 1.1; I12",
    check: |decoded| {
        let is_issuers = decoded.serial() == Some(decoded.issuer.ca_serial);
        match decoded.kind {
            CertificateKind::Root => ensure(is_issuers, "the serial is not the one reserved for this CA certificate"),
            CertificateKind::Link => {
                let is_linked = decoded.serial() == Some(decoded.linked.ca_serial);
                ensure(!is_issuers && !is_linked, "the serial is that of one of the two keys' own certificates")
            }
            CertificateKind::Leaf(_) | CertificateKind::OcspResponder => {
                ensure(!is_issuers, "the serial is that of the CA's own certificate")
            }
        }
    },
};

pub(super) const SIGNATURE_ALGORITHM: Lint = Lint {
    name: "form.signature-algorithm",
    clause: "RFC 5280 §4.1.1.2, §4.1.2.3",
    check: |decoded| {
        let expected = decoded.issuer.public_key.algorithm().signature_identifier();
        let same = decoded.tbs.signature().to_der().is_ok_and(|found| found == expected);
        ensure(same, "the signature algorithm is not the one that belongs to the issuer's key")
    },
};

pub(super) const ISSUER_NAME: Lint = Lint {
    name: "form.issuer-name",
    clause: "RFC 5280 §4.1.2.4; facts 1.1; R10",
    check: |decoded| {
        let same = decoded.tbs.issuer().to_der().is_ok_and(|found| found == decoded.issuer.name.to_der());
        let settled = is_name(decoded.tbs.issuer(), &decoded.profile.ca_name(decoded.ca()));
        ensure(same && settled, "the issuer is not the CA's name octet for octet")
    },
};

pub(super) const VALIDITY_ENCODING: Lint = Lint {
    name: "form.validity-encoding",
    clause: "RFC 5280 §4.1.2.5: UTCTime through the year 2049, GeneralizedTime from 2050; C04",
    check: |decoded| {
        let validity = decoded.tbs.validity();
        let right = |time: &Time| match time {
            Time::UtcTime(time) => time.to_date_time().year() < 2050,
            Time::GeneralTime(time) => time.to_date_time().year() >= 2050,
        };
        ensure(
            right(&validity.not_before) && right(&validity.not_after),
            "a time has the type of the other half-century",
        )
    },
};

pub(super) const VALIDITY_ORDER: Lint = Lint {
    name: "form.validity-order",
    clause: "RFC 5280 §4.1.2.5",
    check: |decoded| ensure(decoded.not_before() <= decoded.not_after(), "notAfter is before notBefore"),
};

pub(super) const VALIDITY_INSIDE_ISSUERS: Lint = Lint {
    name: "form.validity-inside-issuers",
    clause: "RFC 5280 §6.1.3 (a)(2): every certificate of the path is valid at the time; facts 1.1; I14",
    check: |decoded| {
        let issuer = decoded.issuer;
        // RFC 4210 §4.4.1: an old key's link begins with the old key, before the new one that signs it.
        let begins = decoded.kind == CertificateKind::Link || decoded.not_before() >= issuer.not_before;
        let inside = begins && decoded.not_after() <= issuer.not_after;
        ensure(inside, "the validity reaches outside that of the issuer's own certificate")
    },
};

pub(super) const UNIQUE_IDENTIFIERS: Lint = Lint {
    name: "form.unique-identifiers",
    clause: "RFC 5280 §4.1.2.8: CAs MUST NOT generate certificates with unique identifiers",
    check: |decoded| {
        let absent = decoded.tbs.issuer_unique_id().is_none() && decoded.tbs.subject_unique_id().is_none();
        ensure(absent, "there is a unique identifier")
    },
};

pub(super) const PUBLIC_KEY: Lint = Lint {
    name: "form.public-key",
    clause: "RFC 5280 §4.1.2.7; 施行規則 第2条",
    check: |decoded| {
        let spki = decoded.tbs.subject_public_key_info().to_der().ok();
        let Some(key) = spki.and_then(|spki| PublicKey::from_spki(&spki).ok()) else {
            return Err("the subject's public key is not one that we take");
        };
        let is_issuers = key == decoded.issuer.public_key;
        match decoded.kind {
            CertificateKind::Root => ensure(is_issuers, "the subject's public key is not that of the CA key"),
            CertificateKind::Link => ensure(
                key == decoded.linked.public_key,
                "the subject's public key is not that of the CA key to be linked",
            ),
            CertificateKind::OcspResponder => ensure(!is_issuers, "the subject's public key is that of the CA"),
            CertificateKind::Leaf(_) => {
                ensure(!is_issuers, "the subject's public key is that of the CA")?;
                let settled = key.algorithm() == decoded.profile.algorithm();
                ensure(settled, "the subject's public key is not of the profile's algorithm")
            }
        }
    },
};

/// The condition holds, or that is what is wrong.
pub(super) fn ensure(holds: bool, wrong: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(wrong) }
}
