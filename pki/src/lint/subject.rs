//! Subject names, and how long which subject's certificate lives.
use super::decoded::{common_name, is_name};
use super::form::ensure;
use super::{CertificateKind, Lint};
use crate::certificate::link_validity;
use crate::certificate::ocsp_responder::VALIDITY_SECONDS_MAX;
use crate::der::Tag;
use crate::name::DistinguishedName;
use crate::oid;
use crate::time::UnixTime;
use crate::validity::{ca_not_after, leaf_last_day_max};

pub(super) const KIND_OF_ISSUER: Lint = Lint {
    name: "subject.kind-of-issuer",
    clause: "facts 1.1: two independent hierarchies",
    check: |decoded| match decoded.kind {
        CertificateKind::Leaf(ca) => ensure(ca == decoded.ca(), "the issuer is the other CA"),
        CertificateKind::Link => {
            let same_ca = decoded.linked.issuer.ca == decoded.ca();
            ensure(same_ca && decoded.linked.issuer != decoded.issuer.issuer, "the keys are not two of one CA")
        }
        CertificateKind::Root | CertificateKind::OcspResponder => Ok(()),
    },
};

pub(super) const ROOT: Lint = Lint {
    name: "subject.root",
    clause: "RFC 5280 §4.1.2.6: the subject of a CA is the issuer of what it signs; facts 1.1",
    check: |decoded| ensure(decoded.tbs.subject() == decoded.tbs.issuer(), "the subject is not the issuer"),
};

pub(super) const ROOT_VALIDITY: Lint = Lint {
    name: "subject.root-validity",
    clause: "facts 1.1: ten years, to the end of the day before the anniversary in Japan; I14",
    check: |decoded| {
        let (not_before, not_after) = (decoded.not_before(), decoded.not_after());
        let issuers = not_before == decoded.issuer.not_before && not_after == decoded.issuer.not_after;
        ensure(issuers, "the validity is not the one settled for this CA key")?;
        ensure(not_after == ca_not_after(not_before), "notAfter is not the end of ten years")
    },
};

pub(super) const LINK_VALIDITY: Lint = Lint {
    name: "subject.link-validity",
    clause: "RFC 4210 §4.4.1: from when the certified key was made, until the older of the two ends",
    check: |decoded| {
        let expected = link_validity(decoded.issuer, decoded.linked);
        ensure((decoded.not_before(), decoded.not_after()) == expected, "the validity is not that of these two keys")
    },
};

pub(super) const SIGN: Lint = Lint {
    name: "subject.sign",
    clause: "RFC 5280 §4.1.2.6; facts 1.3",
    check: |decoded| {
        let cn = common_name(decoded.tbs.subject()).ok_or("there is no CN")?;
        let (digits, _desk) = cn.split_at_checked(19).ok_or("the CN is not of 28 characters")?;
        ensure(
            cn.len() == 28 && digits.bytes().all(|byte| byte.is_ascii_digit()),
            "the CN does not begin with 19 digits",
        )?;
        let time = format!("{}Z", &digits[..14]);
        let exists = UnixTime::from_der(Tag::GENERALIZED_TIME, time.as_bytes()).is_some();
        ensure(exists, "the CN does not begin with a time that exists")?;
        let municipality = decoded.municipality().ok_or("the CN does not end in a desk of a known municipality")?;
        let expected = DistinguishedName::japan()
            .with(oid::LOCALITY, municipality.prefecture().dn_text)
            .with(oid::LOCALITY, municipality.dn_text)
            .with(oid::COMMON_NAME, cn);
        ensure(is_name(decoded.tbs.subject(), &expected), "the subject is not C, L, L, CN of the desk's municipality")
    },
};

pub(super) const AUTH: Lint = Lint {
    name: "subject.auth",
    clause: "RFC 5280 §4.1.2.6; facts 1.4: no locality, no 4 info",
    check: |decoded| {
        let cn = common_name(decoded.tbs.subject()).ok_or("there is no CN")?;
        let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        ensure(cn.len() == 23 && cn.bytes().all(plain), "the CN is not of 23 characters of 0-9 and A-Z")?;
        decoded.municipality().ok_or("the CN does not end in a desk of a known municipality")?;
        let expected = DistinguishedName::japan().with(oid::COMMON_NAME, cn);
        ensure(is_name(decoded.tbs.subject(), &expected), "the subject is not C and CN alone")
    },
};

pub(super) const LEAF_VALIDITY: Lint = Lint {
    name: "subject.leaf-validity",
    clause: "facts 1.3, 1.7: the sixth birthday at most, 23:59:59 in Japan; I14",
    check: |decoded| {
        let not_after = decoded.not_after();
        ensure(not_after == not_after.jst_date().jst_end(), "notAfter is not the end of a day in Japan")?;
        let last = leaf_last_day_max(decoded.not_before().jst_date());
        ensure(not_after.jst_date() <= last, "notAfter is later than anybody's sixth birthday after the issue")
    },
};

pub(super) const OCSP_RESPONDER: Lint = Lint {
    name: "subject.ocsp-responder",
    clause: "RFC 5280 §4.1.2.6: a subject is one entity of its CA",
    check: |decoded| {
        let cn = common_name(decoded.tbs.subject()).ok_or("there is no CN")?;
        let number = cn.strip_prefix("OCSP Responder ").ok_or("the CN is not that of an OCSP responder")?;
        let canonical = number.parse::<u32>().is_ok_and(|parsed| parsed.to_string() == number);
        ensure(canonical, "the CN does not end in a number")?;
        let expected = decoded.profile.ca_name(decoded.ca()).with(oid::COMMON_NAME, cn);
        ensure(is_name(decoded.tbs.subject(), &expected), "the subject is not the CA's name and a CN")
    },
};

pub(super) const OCSP_RESPONDER_VALIDITY: Lint = Lint {
    name: "subject.ocsp-responder-validity",
    clause: "RFC 6960 §4.2.2.2.1: nocheck certificates should be short-lived; R15, L06, I14",
    check: |decoded| {
        let seconds = decoded.not_after().seconds_since(decoded.not_before());
        ensure(seconds <= VALIDITY_SECONDS_MAX, "the certificate lives longer than 31 days")
    },
};
