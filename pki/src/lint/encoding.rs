//! Stage 1: every element of a certificate, or of a CRL without its entries, is the DER of a value of its type. Values of
//! extensions are looked into as well.
use super::names::Attribute;
use super::naming::NAMING;
use super::{Lint, LintFinding, LintRefusal, lint};
use crate::der::{DerError, DerReader, Element, Tag, is_shortest_integer};
use crate::time::UnixTime;

/// How deep elements may nest. Ours reach ten: enough for any name in any extension.
const DEPTH_MAX: usize = 16;

/// An element, and where it was found.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) element: Element<'a>,
    /// It stands in the value of an extension.
    pub(super) in_extension: bool,
    /// The attribute, where the element is an RDN: SETs stand nowhere else.
    pub(super) attribute: Option<Attribute<'a>>,
}

/// Which elements a lint of this stage looks at.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// Those with one of these tags.
    Tags(&'static [Tag]),
    /// Those that hold others.
    Constructed,
}

impl Of {
    const fn has(self, tag: u8) -> bool {
        match self {
            Self::Constructed => tag & CONSTRUCTED != 0,
            Self::Tags(tags) => {
                let mut at = 0;
                while at < tags.len() && tags[at].0 != tag {
                    at += 1;
                }
                at < tags.len()
            }
        }
    }
}

/// The bit of a tag that says that the contents are elements (X.690 §8.1.2.5).
const CONSTRUCTED: u8 = 0x20;

pub(super) type ElementLint = Lint<(Of, fn(&Item<'_>) -> bool)>;

/// [`lint`] of the elements with one of these tags.
pub(super) const fn of(
    tags: &'static [Tag],
    name: &'static str,
    clause: &'static str,
    refuses: &'static str,
    holds: fn(&Item<'_>) -> bool,
) -> ElementLint {
    lint(name, clause, refuses, (Of::Tags(tags), holds))
}

pub(super) const ELEMENTS: LintFinding = LintFinding {
    lint: "encoding.elements",
    clause: "X.690 §8.1, §10.1; RFC 5280 §4.1, §5.1: DER",
    refuses: "an element cut short, octets after the end, or a length not in its shortest definite form",
};

pub(super) const ENCODING: &[ElementLint] = &[
    of(&[Tag::BOOLEAN], "encoding.boolean", "X.690 §11.1", "a BOOLEAN other than 00 or FF", boolean),
    of(
        &[Tag::INTEGER, Tag::ENUMERATED],
        "encoding.integer",
        "X.690 §8.3.2",
        "an INTEGER not in its fewest octets",
        |item| is_shortest_integer(item.element.contents),
    ),
    of(&[Tag::NULL], "encoding.null", "X.690 §8.8.2", "a NULL with contents", |item| item.element.contents.is_empty()),
    of(&[Tag::OID], "encoding.oid", "X.690 §8.19.2", "an OBJECT IDENTIFIER with an arc cut short or padded", oid),
    of(
        &[Tag::BIT_STRING],
        "encoding.bit-string",
        "X.690 §8.6.2, §11.2.1",
        "a BIT STRING whose unused bits are not zero",
        bit_string,
    ),
    of(
        &[Tag::BIT_STRING],
        "encoding.named-bits",
        "X.690 §11.2.2; RFC 5280 §4.2.1.3",
        "a named bit list with zero bits at its end",
        named_bits,
    ),
    of(
        &[Tag::UTF8_STRING],
        "encoding.utf8-string",
        "RFC 5280 §4.1.2.4: UTF8String; RFC 3629",
        "a UTF8String that is not UTF-8",
        |item| std::str::from_utf8(item.element.contents).is_ok(),
    ),
    of(
        &[Tag::PRINTABLE_STRING],
        "encoding.printable-string",
        "X.680 §41.4",
        "a PrintableString with other characters",
        printable_string,
    ),
    of(
        &[Tag::IA5_STRING, URI],
        "encoding.ia5-string",
        "RFC 5280 §4.2.1.6: IA5String",
        "an IA5String or URI outside ASCII",
        ia5_string,
    ),
    of(
        &[Tag::UTC_TIME],
        "encoding.utc-time",
        "RFC 5280 §4.1.2.5.1",
        "a UTCTime that is no YYMMDDHHMMSSZ of a real second",
        time,
    ),
    of(
        &[Tag::GENERALIZED_TIME],
        "encoding.generalized-time",
        "RFC 5280 §4.1.2.5.2",
        "a GeneralizedTime that is no YYYYMMDDHHMMSSZ of a real second",
        time,
    ),
    of(
        &[Tag::GENERALIZED_TIME],
        "encoding.time-type",
        "RFC 5280 §4.1.2.5, §5.1.2.4; C04",
        "a GeneralizedTime before 2050",
        |item| item.element.contents >= b"2050",
    ),
    lint(
        "encoding.nothing-empty",
        "RFC 5280 §4.1, §5.1: SIZE (1..MAX); §4.1.2.4, §4.1.2.6, §5.1.2.3: names; §5.2.5; C03, C11",
        "a SEQUENCE, SET or other constructed element with nothing in it",
        (Of::Constructed, |item| !item.element.contents.is_empty()),
    ),
];

/// uniformResourceIdentifier in the value of an extension. No other extension of ours has a [6].
pub(super) const URI: Tag = Tag::context(6);

/// How many lints the stage has.
const COUNT: usize = ENCODING.len() + NAMING.len();
const _: () = assert!(COUNT <= u32::BITS as usize, "one bit each");

const fn nth(at: usize) -> &'static ElementLint {
    if at < ENCODING.len() { &ENCODING[at] } else { &NAMING[at - ENCODING.len()] }
}

/// For each tag, a bit for every lint that looks at it: most elements are the matter of one or two.
static BY_TAG: [u32; 256] = {
    let mut by_tag = [0; 256];
    let mut at = 0;
    while at < COUNT {
        let mut tag = 0_u8;
        loop {
            if nth(at).holds.0.has(tag) {
                by_tag[tag as usize] |= 1 << at;
            }
            if tag == u8::MAX {
                break;
            }
            tag += 1;
        }
        at += 1;
    }
    by_tag
};

/// Reads every element once and lets the lints of its tag look at it.
pub(super) fn check(der: &[u8]) -> Result<(), LintRefusal> {
    let mut broken = 0;
    let mut reader = DerReader::new(der);
    let element = reader.element().map_err(|_| ELEMENTS)?;
    walk(element, false, DEPTH_MAX, &mut broken).map_err(|_| ELEMENTS)?;
    reader.finish().map_err(|_| ELEMENTS)?;
    if broken == 0 {
        return Ok(());
    }
    Err(LintRefusal { findings: (0..COUNT).filter(|at| broken >> at & 1 == 1).map(|at| nth(at).finding).collect() })
}

/// The element and every element in it; `broken` has a bit for every lint that found something.
fn walk(element: Element<'_>, in_extension: bool, depth: usize, broken: &mut u32) -> Result<(), DerError> {
    let deeper = depth.checked_sub(1).ok_or(DerError::BadValue)?;
    *broken |= look_at(element, in_extension);
    // Outside extensions an OCTET STRING is an extnValue (RFC 5280 §4.1); inside, it holds no DER.
    let extension_value = element.tag == Tag::OCTET_STRING && !in_extension;
    if element.tag.0 & CONSTRUCTED == 0 && !extension_value {
        return Ok(());
    }
    let mut inner = element.reader();
    while !inner.is_empty() {
        walk(inner.element()?, in_extension || extension_value, deeper, broken)?;
    }
    Ok(())
}

fn look_at(element: Element<'_>, in_extension: bool) -> u32 {
    let attribute = if element.tag == Tag::SET { Attribute::of(element).ok() } else { None };
    let item = Item { element, in_extension, attribute };
    let (mut left, mut broken) = (BY_TAG[usize::from(element.tag.0)], 0);
    while left != 0 {
        let at = left.trailing_zeros();
        left &= left - 1;
        let (_, holds) = nth(at as usize).holds;
        broken |= u32::from(!holds(&item)) << at;
    }
    broken
}

fn boolean(item: &Item<'_>) -> bool {
    matches!(item.element.contents, [0 | 0xff])
}

fn oid(item: &Item<'_>) -> bool {
    // An arc begins where the octet before it ended one, and its first octet is not 80: that would be padding.
    let mut begins = true;
    let mut padded = false;
    for &octet in item.element.contents {
        padded |= begins && octet == 0x80;
        begins = octet < 0x80;
    }
    !item.element.contents.is_empty() && begins && !padded
}

fn bit_string(item: &Item<'_>) -> bool {
    match *item.element.contents {
        [unused] => unused == 0,
        [unused @ 0..=7, .., last] => last.trailing_zeros() >= u32::from(unused),
        _ => false,
    }
}

/// Every BIT STRING in an extension of ours is a named bit list.
fn named_bits(item: &Item<'_>) -> bool {
    match *item.element.contents {
        [unused @ 0..=7, .., last] => !item.in_extension || last.trailing_zeros() <= u32::from(unused),
        // `bit_string` refuses what is neither empty nor of this form.
        _ => true,
    }
}

fn printable_string(item: &Item<'_>) -> bool {
    let printable = |octet: &u8| octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(octet);
    item.element.contents.iter().all(printable)
}

/// In names, where there is none of ours, `name.string-type` refuses each.
fn ia5_string(item: &Item<'_>) -> bool {
    !item.in_extension || item.element.contents.is_ascii()
}

fn time(item: &Item<'_>) -> bool {
    UnixTime::from_der(item.element.tag, item.element.contents).is_some()
}

/// An INTEGER's content octets, shortest as stage 1 demands, are those of a number above zero.
pub(super) fn is_positive(octets: &[u8]) -> bool {
    octets.first().is_some_and(|&first| first < 0x80) && octets != [0]
}
