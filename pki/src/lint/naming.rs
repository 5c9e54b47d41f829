//! Stage 1, too: names, URIs and algorithm identifiers, wherever they stand.
use super::encoding::{ElementLint, Item, URI, of};
use super::names::Attribute;
use crate::der::{DerReader, Tag};
use crate::oid::{self, Oid};

pub(super) const NAMING: &[ElementLint] = &[
    of(
        &[Tag::SET],
        "name.one-attribute",
        "facts 1.1: one attribute in each RDN",
        "an RDN of more than one attribute, or of none",
        one_attribute,
    ),
    of(
        &[Tag::SET],
        "name.string-type",
        "RFC 5280 §4.1.2.4: PrintableString or UTF8String",
        "an attribute of another string type",
        string_type,
    ),
    of(
        &[Tag::SET],
        "name.country",
        "RFC 5280 App. A.1: X520countryName",
        "a country that is no PrintableString of two letters",
        country,
    ),
    of(
        &[Tag::SET],
        "name.length",
        "RFC 5280 App. A.1: ub-common-name, ub-locality-name, ub-organization-name, ub-organizational-unit-name",
        "an attribute longer than its upper bound, or empty",
        length,
    ),
    of(
        &[URI],
        "name.uri",
        "RFC 5280 §4.2.1.6: absolute, with scheme and host",
        "a URI that does not begin with a scheme and a host",
        uri,
    ),
    of(
        &[Tag::SEQUENCE],
        "algorithm.rsa-parameters",
        "RFC 4055 §5; RFC 3279 §2.3.1",
        "an RSA algorithm whose parameters are not NULL",
        rsa_parameters,
    ),
    of(&[Tag::SEQUENCE], "algorithm.ecdsa-parameters", "RFC 5758 §3.2", "ECDSA with parameters", ecdsa_parameters),
    of(
        &[Tag::SEQUENCE],
        "algorithm.curve",
        "RFC 5480 §2.1.1: namedCurve",
        "an EC public key whose parameters are not the OID of a curve",
        curve,
    ),
];

fn one_attribute(item: &Item<'_>) -> bool {
    item.attribute.is_some()
}

fn string_type(item: &Item<'_>) -> bool {
    item.attribute.is_none_or(|Attribute { kind, tag, .. }| {
        kind.is(oid::COUNTRY) || matches!(tag, Tag::PRINTABLE_STRING | Tag::UTF8_STRING)
    })
}

fn country(item: &Item<'_>) -> bool {
    item.attribute.is_none_or(|Attribute { kind, tag, value }| {
        !kind.is(oid::COUNTRY) || tag == Tag::PRINTABLE_STRING && value.len() == 2
    })
}

/// The upper bounds of the attributes that our names have, in characters. `country` judges the country.
const LENGTHS: [(Oid, usize); 4] =
    [(oid::COMMON_NAME, 64), (oid::LOCALITY, 128), (oid::ORGANIZATION, 64), (oid::ORGANIZATIONAL_UNIT, 64)];

fn length(item: &Item<'_>) -> bool {
    item.attribute.is_none_or(|Attribute { kind, value, .. }| {
        let bound = LENGTHS.iter().find(|(attribute, _)| kind.is(*attribute));
        // `encoding` has seen to UTF-8: every character has one octet that does not continue another.
        let characters = || value.iter().filter(|&&octet| octet & 0xc0 != 0x80).count();
        bound.is_none_or(|&(_, most)| (1..=most).contains(&characters()))
    })
}

fn uri(item: &Item<'_>) -> bool {
    let rest = item.element.contents.strip_prefix(b"http").map(|rest| rest.strip_prefix(b"s").unwrap_or(rest));
    let host = rest.and_then(|rest| rest.strip_prefix(b"://"));
    !item.in_extension || host.is_some_and(|host| host.first().is_some_and(|&first| first != b'/'))
}

/// The parameters' octets, if this is the AlgorithmIdentifier of one of these algorithms.
fn parameters<'a>(item: &Item<'a>, of: &[Oid]) -> Option<&'a [u8]> {
    let mut fields = item.element.reader();
    let algorithm = fields.expect(Tag::OID).ok()?.contents;
    of.iter().any(|oid| oid.content() == algorithm).then(|| fields.rest())
}

fn rsa_parameters(item: &Item<'_>) -> bool {
    parameters(item, &[oid::SHA256_WITH_RSA, oid::RSA_ENCRYPTION]).is_none_or(|rest| rest == [5, 0])
}

fn ecdsa_parameters(item: &Item<'_>) -> bool {
    parameters(item, &[oid::ECDSA_WITH_SHA256, oid::ECDSA_WITH_SHA384]).is_none_or(<[u8]>::is_empty)
}

fn curve(item: &Item<'_>) -> bool {
    parameters(item, &[oid::EC_PUBLIC_KEY]).is_none_or(|rest| {
        let mut reader = DerReader::new(rest);
        reader.expect(Tag::OID).is_ok() && reader.is_empty()
    })
}
