//! Stage 1: every element of a certificate, or of a CRL without its entries, is the DER of a value of its type. Values of
//! extensions are looked into as well.
use super::{Lint, LintFinding, LintRefusal, lint, naming, stage};
use crate::der::{DerError, DerReader, Element, Tag};
use crate::time::UnixTime;

/// How deep elements may nest. Ours reach ten: enough for any name in any extension.
const DEPTH_MAX: usize = 16;

/// An element, and where it was found.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) element: Element<'a>,
    /// It stands in the value of an extension.
    pub(super) in_extension: bool,
}

pub(super) type ElementLint = Lint<fn(Item<'_>) -> bool>;

pub(super) const ELEMENTS: LintFinding = LintFinding {
    lint: "encoding.elements",
    clause: "X.690 §8.1, §10.1; RFC 5280 §4.1, §5.1: DER",
    refuses: "an element cut short, octets after the end, or a length not in its shortest definite form",
};

pub(super) const ENCODING: &[ElementLint] = &[
    lint("encoding.boolean", "X.690 §11.1", "a BOOLEAN other than 00 or FF", boolean),
    lint("encoding.integer", "X.690 §8.3.2", "an INTEGER not in its fewest octets", integer),
    lint("encoding.null", "X.690 §8.8.2", "a NULL with contents", null),
    lint("encoding.oid", "X.690 §8.19.2", "an OBJECT IDENTIFIER with an arc cut short or padded", oid),
    lint("encoding.bit-string", "X.690 §8.6.2, §11.2.1", "a BIT STRING whose unused bits are not zero", bit_string),
    lint(
        "encoding.named-bits",
        "X.690 §11.2.2; RFC 5280 §4.2.1.3",
        "a named bit list with zero bits at its end",
        named_bits,
    ),
    lint(
        "encoding.utf8-string",
        "RFC 5280 §4.1.2.4: UTF8String; RFC 3629",
        "a UTF8String that is not UTF-8",
        utf8_string,
    ),
    lint("encoding.printable-string", "X.680 §41.4", "a PrintableString with other characters", printable_string),
    lint("encoding.ia5-string", "RFC 5280 §4.2.1.6: IA5String", "an IA5String or URI outside ASCII", ia5_string),
    lint("encoding.utc-time", "RFC 5280 §4.1.2.5.1", "a UTCTime that is no YYMMDDHHMMSSZ of a real second", utc_time),
    lint(
        "encoding.generalized-time",
        "RFC 5280 §4.1.2.5.2",
        "a GeneralizedTime that is no YYYYMMDDHHMMSSZ of a real second",
        generalized_time,
    ),
    lint("encoding.time-type", "RFC 5280 §4.1.2.5, §5.1.2.4; C04", "a GeneralizedTime before 2050", time_type),
    lint(
        "encoding.nothing-empty",
        "RFC 5280 §4.1, §5.1: SIZE (1..MAX); §4.1.2.4, §4.1.2.6, §5.1.2.3: names; §5.2.5; C03, C11",
        "a SEQUENCE, SET or other constructed element with nothing in it",
        nothing_empty,
    ),
];

/// Reads every element and lets every lint of the stage look at it.
pub(super) fn check(der: &[u8]) -> Result<(), LintRefusal> {
    let items = items(der).map_err(|_| ELEMENTS)?;
    let lints = ENCODING.iter().chain(naming::NAMING);
    stage(lints, |holds| items.iter().all(|item| holds(*item)))
}

/// The one element that these octets are, and every element in it.
fn items(der: &[u8]) -> Result<Vec<Item<'_>>, DerError> {
    let mut items = Vec::new();
    let mut reader = DerReader::new(der);
    walk(reader.element()?, false, DEPTH_MAX, &mut items)?;
    reader.finish()?;
    Ok(items)
}

fn walk<'a>(element: Element<'a>, in_extension: bool, depth: usize, items: &mut Vec<Item<'a>>) -> Result<(), DerError> {
    let deeper = depth.checked_sub(1).ok_or(DerError::BadValue)?;
    items.push(Item { element, in_extension });
    // Outside extensions an OCTET STRING is an extnValue (RFC 5280 §4.1); inside, it holds no DER.
    let extension_value = element.tag == Tag::OCTET_STRING && !in_extension;
    if element.tag.0 & 0x20 == 0 && !extension_value {
        return Ok(());
    }
    let mut inner = element.reader();
    while !inner.is_empty() {
        walk(inner.element()?, in_extension || extension_value, deeper, items)?;
    }
    Ok(())
}

fn boolean(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::BOOLEAN || matches!(element.contents, [0 | 0xff])
}

fn integer(Item { element, .. }: Item<'_>) -> bool {
    let shortest = match *element.contents {
        [] => false,
        [0, next, ..] => next >= 0x80,
        [0xff, next, ..] => next < 0x80,
        _ => true,
    };
    !matches!(element.tag, Tag::INTEGER | Tag::ENUMERATED) || shortest
}

fn null(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::NULL || element.contents.is_empty()
}

fn oid(Item { element, .. }: Item<'_>) -> bool {
    // An arc begins where the octet before it ended one, and its first octet is not 80: that would be padding.
    let padded = |at: usize| element.contents[at] == 0x80 && (at == 0 || element.contents[at - 1] < 0x80);
    let ends = element.contents.last().is_some_and(|&last| last < 0x80);
    element.tag != Tag::OID || ends && !(0..element.contents.len()).any(padded)
}

fn bit_string(Item { element, .. }: Item<'_>) -> bool {
    let right = match *element.contents {
        [unused] => unused == 0,
        [unused @ 0..=7, .., last] => last.trailing_zeros() >= u32::from(unused),
        _ => false,
    };
    element.tag != Tag::BIT_STRING || right
}

/// Every BIT STRING in an extension of ours is a named bit list.
fn named_bits(Item { element, in_extension }: Item<'_>) -> bool {
    let trimmed = match *element.contents {
        [unused @ 0..=7, .., last] => last.trailing_zeros() <= u32::from(unused),
        // `bit_string` refuses what is neither empty nor of this form.
        _ => true,
    };
    element.tag != Tag::BIT_STRING || !in_extension || trimmed
}

fn utf8_string(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::UTF8_STRING || std::str::from_utf8(element.contents).is_ok()
}

fn printable_string(Item { element, .. }: Item<'_>) -> bool {
    let printable = |octet: &u8| octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(octet);
    element.tag != Tag::PRINTABLE_STRING || element.contents.iter().all(printable)
}

fn ia5_string(item: Item<'_>) -> bool {
    let ia5 = item.element.tag == Tag::IA5_STRING || item.is_uri();
    !ia5 || item.element.contents.is_ascii()
}

fn utc_time(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::UTC_TIME || UnixTime::from_der(element.tag, element.contents).is_some()
}

fn generalized_time(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::GENERALIZED_TIME || UnixTime::from_der(element.tag, element.contents).is_some()
}

fn time_type(Item { element, .. }: Item<'_>) -> bool {
    element.tag != Tag::GENERALIZED_TIME || element.contents >= b"2050"
}

fn nothing_empty(Item { element, .. }: Item<'_>) -> bool {
    element.tag.0 & 0x20 == 0 || !element.contents.is_empty()
}

impl Item<'_> {
    /// A uniformResourceIdentifier: [6] in the value of an extension. No other extension of ours has a [6].
    pub(super) fn is_uri(self) -> bool {
        self.in_extension && self.element.tag == Tag::context(6)
    }
}

/// An INTEGER's content octets, shortest as stage 1 demands, are those of a number above zero.
pub(super) fn is_positive(octets: &[u8]) -> bool {
    octets.first().is_some_and(|&first| first < 0x80) && octets != [0]
}
