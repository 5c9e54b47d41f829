//! The 4 info in the subjectAltName of a signature certificate (facts 1.5). The texts of these findings are fixed, as
//! everywhere here; what the person is called is never said.
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Lint;
use super::decoded::{Decoded, is_oid};
use super::form::ensure;
use crate::oid::{self, Oid};
use crate::person::{Address, BirthDate, PersonName, Sex};
use crate::validity::{ValidityInputs, leaf_not_after, may_hold_signature_certificate};

/// JPKI's order (facts 1.3).
const ORDER: [Oid; 6] = [
    oid::JPKI_NAME,
    oid::JPKI_BIRTH_DATE,
    oid::JPKI_SEX,
    oid::JPKI_ADDRESS,
    oid::JPKI_NAME_SUBSTITUTIONS,
    oid::JPKI_ADDRESS_SUBSTITUTIONS,
];

pub(super) const OTHER_NAMES: Lint = Lint {
    name: "four-info.other-names",
    clause: "facts 1.3, 1.5: six otherNames in the order 1, 4, 3, 5, 2, 6, each a UTF8String",
    check: |decoded| {
        let SubjectAltName(names) = decoded.extension()?;
        ensure(names.len() == ORDER.len(), "not exactly six names")?;
        let in_order = names.iter().zip(ORDER).all(|(name, oid)| {
            matches!(name, GeneralName::OtherName(other) if is_oid(other.type_id, oid) && utf8(&other.value).is_some())
        });
        ensure(in_order, "the names are not the six otherNames in JPKI's order, each with a UTF8String")
    },
};

pub(super) const NAME: Lint = Lint {
    name: "four-info.name",
    clause: "facts 1.5, .1 and .2; facts 10",
    check: |decoded| {
        let (text, flags) = (value(decoded, oid::JPKI_NAME)?, value(decoded, oid::JPKI_NAME_SUBSTITUTIONS)?);
        let fit = PersonName::new(&text, Some(&flags)).is_ok_and(|name| name.text() == text);
        ensure(fit, "the text has characters that a certificate may not carry, or not one flag for each character")
    },
};

pub(super) const ADDRESS: Lint = Lint {
    name: "four-info.address",
    clause: "facts 1.5, .5 and .6; facts 10",
    check: |decoded| {
        let (text, flags) = (value(decoded, oid::JPKI_ADDRESS)?, value(decoded, oid::JPKI_ADDRESS_SUBSTITUTIONS)?);
        let fit = Address::new(&text, Some(&flags)).is_ok_and(|address| address.text() == text);
        ensure(fit, "the text has characters that a certificate may not carry, or not one flag for each character")
    },
};

pub(super) const SEX: Lint = Lint {
    name: "four-info.sex",
    clause: "facts 1.5, .3",
    check: |decoded| {
        let text = value(decoded, oid::JPKI_SEX)?;
        let known = Sex::ALL.into_iter().any(|sex| text.chars().eq([sex.certificate_digit()]));
        ensure(known, "not one of the digits for it")
    },
};

pub(super) const BIRTH_DATE: Lint = Lint {
    name: "four-info.birth-date",
    clause: "facts 1.5, .4: an era digit and YYYYMMDD",
    check: |decoded| birth_date(decoded).map(drop),
};

pub(super) const AGE: Lint = Lint {
    name: "four-info.age",
    clause: "facts 1.7: no signature certificate below 15",
    check: |decoded| {
        let issued_on = decoded.not_before().jst_date();
        let old_enough = may_hold_signature_certificate(birth_date(decoded)?.earliest(), issued_on);
        ensure(old_enough, "the person is below 15 on the day of issue")
    },
};

pub(super) const LAST_BIRTHDAY: Lint = Lint {
    name: "four-info.last-birthday",
    clause: "facts 1.7: the sixth birthday after the day of issue at most; I14",
    check: |decoded| {
        let longest = ValidityInputs {
            issued_on: decoded.not_before().jst_date(),
            birth_date: birth_date(decoded)?.earliest(),
            renewal: true,
            card_expires_on: None,
            stay_ends_on: None,
            paired_user_certificate_not_after: None,
        };
        let limit = leaf_not_after(&longest).map_err(|_| "the person is not yet born")?;
        ensure(decoded.not_after() <= limit, "notAfter is later than the sixth birthday")
    },
};

/// The date of birth, if it is written as the certificate of a person born then has it.
fn birth_date(decoded: &Decoded<'_>) -> Result<BirthDate, &'static str> {
    let text = value(decoded, oid::JPKI_BIRTH_DATE)?;
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let date = format!("{}-{}-{}", part(1, 5), part(5, 7), part(7, 9)).parse::<BirthDate>();
    date.ok()
        .filter(|date| date.certificate_form() == text)
        .ok_or("not the era digit and the eight digits of a date of birth")
}

/// The value of the first otherName of that type.
fn value(decoded: &Decoded<'_>, type_id: Oid) -> Result<String, &'static str> {
    let SubjectAltName(names) = decoded.extension()?;
    let other = names.iter().find_map(|name| match name {
        GeneralName::OtherName(other) if is_oid(other.type_id, type_id) => Some(other),
        _ => None,
    });
    other.and_then(|other| utf8(&other.value)).ok_or("the value is absent or no UTF8String")
}

fn utf8(value: &der::Any) -> Option<String> {
    value.decode_as::<String>().ok().filter(|_| der::Tagged::tag(value) == der::Tag::Utf8String)
}
