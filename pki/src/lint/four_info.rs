//! Stage 4: the 4 info in the subjectAltName of a signature certificate (facts 1.5). What the person is called is never
//! said.
use super::decoded::{CertificateLint, Decoded};
use super::lint;
use super::names::GeneralName;
use crate::der::{Element, Tag};
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

/// What the otherNames say, as far as they are text; of two of one type the first counts.
#[derive(Default)]
pub(super) struct FourInfoTexts<'a> {
    name: Option<&'a str>,
    name_flags: Option<&'a str>,
    sex: Option<&'a str>,
    birth_date: Option<&'a str>,
    address: Option<&'a str>,
    address_flags: Option<&'a str>,
}

impl<'a> FourInfoTexts<'a> {
    pub(super) fn of(names: &[GeneralName<'a>]) -> Self {
        let mut texts = Self::default();
        for name in names {
            let GeneralName::OtherName { type_id, value } = *name else { continue };
            let place = match type_id {
                id if id.is(oid::JPKI_NAME) => &mut texts.name,
                id if id.is(oid::JPKI_NAME_SUBSTITUTIONS) => &mut texts.name_flags,
                id if id.is(oid::JPKI_SEX) => &mut texts.sex,
                id if id.is(oid::JPKI_BIRTH_DATE) => &mut texts.birth_date,
                id if id.is(oid::JPKI_ADDRESS) => &mut texts.address,
                // Of the address's substitutions: `names` refuses any other.
                _ => &mut texts.address_flags,
            };
            *place = place.or_else(|| utf8(value));
        }
        texts
    }
}

fn utf8(value: Element<'_>) -> Option<&str> {
    Some(value).filter(|value| value.tag == Tag::UTF8_STRING).and_then(|value| std::str::from_utf8(value.contents).ok())
}

fn names(decoded: &Decoded<'_>) -> bool {
    let mut names = decoded.values.subject_alt_name.iter().flatten();
    let mut next_is = |oid| matches!(names.next(), Some(GeneralName::OtherName { type_id, .. }) if type_id.is(oid));
    ORDER.into_iter().all(&mut next_is) && names.next().is_none()
}

fn strings(decoded: &Decoded<'_>) -> bool {
    decoded.values.subject_alt_name.iter().flatten().all(|name| match name {
        GeneralName::OtherName { value, .. } => utf8(*value).is_some(),
        // `names` refuses any other.
        GeneralName::DirectoryName(_) | GeneralName::Uri(_) | GeneralName::Foreign => true,
    })
}

// In what follows, that a text is there is the matter of the two lints before.

fn name(decoded: &Decoded<'_>) -> bool {
    decoded.four_info.name.is_none_or(|text| PersonName::check(text, None).is_ok())
}

fn name_flags(decoded: &Decoded<'_>) -> bool {
    let FourInfoTexts { name, name_flags, .. } = decoded.four_info;
    // A name that is wrong without them is the lint before's.
    let right = |(text, flags)| PersonName::check(text, None).is_err() || PersonName::check(text, Some(flags)).is_ok();
    name.zip(name_flags).is_none_or(right)
}

fn address(decoded: &Decoded<'_>) -> bool {
    decoded.four_info.address.is_none_or(|text| Address::check(text, None).is_ok())
}

fn address_flags(decoded: &Decoded<'_>) -> bool {
    let FourInfoTexts { address, address_flags, .. } = decoded.four_info;
    let right = |(text, flags)| Address::check(text, None).is_err() || Address::check(text, Some(flags)).is_ok();
    address.zip(address_flags).is_none_or(right)
}

fn sex(decoded: &Decoded<'_>) -> bool {
    decoded.four_info.sex.is_none_or(|digit| Sex::from_certificate_digit(digit).is_some())
}

fn birth_date_form(decoded: &Decoded<'_>) -> bool {
    decoded.four_info.birth_date.is_none_or(|form| BirthDate::from_certificate_form(form).is_some())
}

/// The date of birth, if it has the form that the lint before demands.
fn birth_date(decoded: &Decoded<'_>) -> Option<BirthDate> {
    BirthDate::from_certificate_form(decoded.four_info.birth_date?)
}

fn age(decoded: &Decoded<'_>) -> bool {
    let issued_on = decoded.tbs.not_before.jst_date();
    birth_date(decoded).is_none_or(|date| may_hold_signature_certificate(date.earliest(), issued_on))
}

fn last_birthday(decoded: &Decoded<'_>) -> bool {
    let limit = |birth_date: BirthDate| {
        let longest = ValidityInputs {
            issued_on: decoded.tbs.not_before.jst_date(),
            birth_date: birth_date.earliest(),
            renewal: true,
            card_expires_on: None,
            stay_ends_on: None,
            paired_user_certificate_not_after: None,
        };
        leaf_not_after(&longest).ok()
    };
    // A person not yet born is below 15, which `age` finds.
    birth_date(decoded).and_then(limit).is_none_or(|limit| decoded.tbs.not_after <= limit)
}
