//! Stage 4: the 4 info in the subjectAltName of a signature certificate (facts 1.5). What the person is called is never
//! said.
use x509_cert::ext::pkix::name::GeneralName;

use super::decoded::{CertificateLint, Decoded, is_oid};
use super::issued::subject_alternative_names;
use super::lint;
use crate::oid::{self, Oid};
use crate::person::{Address, BirthDate, PersonName, Sex};
use crate::validity::{ValidityInputs, leaf_not_after, may_hold_signature_certificate};

pub(super) const FOUR_INFO: &[CertificateLint] = &[
    lint(
        "four-info.names",
        "facts 1.3, 2; facts 1.5: otherNames in the order 1, 4, 3, 5, 2, 6",
        "names that are not the six otherNames in JPKI's order",
        names,
    ),
    lint("four-info.strings", "facts 1.5: UTF8String", "an otherName that is not a UTF8String", strings),
    lint("four-info.name", "facts 1.5, .1; facts 10", "a name with characters that a certificate may not carry", name),
    lint("four-info.name-flags", "facts 1.5, .2", "not one flag of 0 or 1 for each character of the name", name_flags),
    lint("four-info.sex", "facts 1.5, .3", "a sex that is not one of the digits for it", sex),
    lint(
        "four-info.birth-date",
        "facts 1.5, .4",
        "a date of birth that is not the digit of its era and YYYYMMDD",
        birth_date_form,
    ),
    lint(
        "four-info.address",
        "facts 1.5, .5; facts 10",
        "an address with characters that a certificate may not carry",
        address,
    ),
    lint(
        "four-info.address-flags",
        "facts 1.5, .6",
        "not one flag of 0 or 1 for each character of the address",
        address_flags,
    ),
    lint("four-info.age", "facts 1.7: none for under-15s", "a person below 15 on the day of issue", age),
    lint(
        "four-info.last-birthday",
        "facts 1.7: the sixth birthday at most; I14",
        "a notAfter later than the person's sixth birthday after the issue",
        last_birthday,
    ),
];

/// JPKI's order (facts 1.3).
const ORDER: [Oid; 6] = [
    oid::JPKI_NAME,
    oid::JPKI_BIRTH_DATE,
    oid::JPKI_SEX,
    oid::JPKI_ADDRESS,
    oid::JPKI_NAME_SUBSTITUTIONS,
    oid::JPKI_ADDRESS_SUBSTITUTIONS,
];

fn names(decoded: &Decoded<'_>) -> bool {
    let names = subject_alternative_names(decoded);
    names.len() == ORDER.len()
        && names
            .iter()
            .zip(ORDER)
            .all(|(name, oid)| matches!(name, GeneralName::OtherName(other) if is_oid(other.type_id, oid)))
}

fn strings(decoded: &Decoded<'_>) -> bool {
    subject_alternative_names(decoded).iter().all(|name| match name {
        GeneralName::OtherName(other) => utf8(&other.value).is_some(),
        // `names` refuses any other.
        _ => true,
    })
}

/// These are the two lints before: `names` sees that the value is there, `strings` that it is text.
fn holds_of(decoded: &Decoded<'_>, type_id: Oid, holds: impl FnOnce(&str) -> bool) -> bool {
    value(decoded, type_id).is_none_or(|text| holds(&text))
}

fn name(decoded: &Decoded<'_>) -> bool {
    holds_of(decoded, oid::JPKI_NAME, |text| PersonName::new(text, None).is_ok_and(|name| name.text() == text))
}

fn name_flags(decoded: &Decoded<'_>) -> bool {
    let text = value(decoded, oid::JPKI_NAME).filter(|text| PersonName::new(text, None).is_ok());
    holds_of(decoded, oid::JPKI_NAME_SUBSTITUTIONS, |flags| {
        text.is_none_or(|text| PersonName::new(&text, Some(flags)).is_ok_and(|name| name.substitutions() == flags))
    })
}

fn address(decoded: &Decoded<'_>) -> bool {
    holds_of(decoded, oid::JPKI_ADDRESS, |text| Address::new(text, None).is_ok_and(|address| address.text() == text))
}

fn address_flags(decoded: &Decoded<'_>) -> bool {
    let text = value(decoded, oid::JPKI_ADDRESS).filter(|text| Address::new(text, None).is_ok());
    holds_of(decoded, oid::JPKI_ADDRESS_SUBSTITUTIONS, |flags| {
        text.is_none_or(|text| Address::new(&text, Some(flags)).is_ok_and(|address| address.substitutions() == flags))
    })
}

fn sex(decoded: &Decoded<'_>) -> bool {
    let known = |text: &str| Sex::ALL.into_iter().any(|sex| text.chars().eq([sex.certificate_digit()]));
    holds_of(decoded, oid::JPKI_SEX, known)
}

fn birth_date_form(decoded: &Decoded<'_>) -> bool {
    holds_of(decoded, oid::JPKI_BIRTH_DATE, |text| birth_date(text).is_some())
}

fn age(decoded: &Decoded<'_>) -> bool {
    let issued_on = decoded.not_before().jst_date();
    holds_of(decoded, oid::JPKI_BIRTH_DATE, |text| {
        birth_date(text).is_none_or(|date| may_hold_signature_certificate(date.earliest(), issued_on))
    })
}

fn last_birthday(decoded: &Decoded<'_>) -> bool {
    let limit = |birth_date: BirthDate| {
        let longest = ValidityInputs {
            issued_on: decoded.not_before().jst_date(),
            birth_date: birth_date.earliest(),
            renewal: true,
            card_expires_on: None,
            stay_ends_on: None,
            paired_user_certificate_not_after: None,
        };
        leaf_not_after(&longest).ok()
    };
    holds_of(decoded, oid::JPKI_BIRTH_DATE, |text| {
        // A person not yet born is below 15, which `age` finds.
        birth_date(text).and_then(limit).is_none_or(|limit| decoded.not_after() <= limit)
    })
}

/// The date of birth, if it is written as the certificate of a person born then has it.
fn birth_date(text: &str) -> Option<BirthDate> {
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let date: BirthDate = format!("{}-{}-{}", part(1, 5), part(5, 7), part(7, 9)).parse().ok()?;
    (date.certificate_form() == text).then_some(date)
}

/// The value of the first otherName of that type.
fn value(decoded: &Decoded<'_>, type_id: Oid) -> Option<String> {
    subject_alternative_names(decoded).iter().find_map(|name| match name {
        GeneralName::OtherName(other) if is_oid(other.type_id, type_id) => utf8(&other.value),
        _ => None,
    })
}

fn utf8(value: &der::Any) -> Option<String> {
    value.decode_as::<String>().ok().filter(|_| der::Tagged::tag(value) == der::Tag::Utf8String)
}
