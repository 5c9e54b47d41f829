//! DER, both ways, for the messages we build ourselves: a writer into one buffer and a borrowed, allocation-free reader
//! that refuses everything BER allows and DER does not (X.690 §10, §11).

/// A tag octet. Only tag numbers below 31 occur in PKIX messages, so one octet is the whole tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag(pub u8);

impl Tag {
    /// BOOLEAN
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING
    pub const OCTET_STRING: Self = Self(0x04);
    /// NULL
    pub const NULL: Self = Self(0x05);
    /// OBJECT IDENTIFIER
    pub const OID: Self = Self(0x06);
    /// ENUMERATED
    pub const ENUMERATED: Self = Self(0x0a);
    /// UTF8String
    pub const UTF8_STRING: Self = Self(0x0c);
    /// PrintableString
    pub const PRINTABLE_STRING: Self = Self(0x13);
    /// IA5String
    pub const IA5_STRING: Self = Self(0x16);
    /// UTCTime
    pub const UTC_TIME: Self = Self(0x17);
    /// GeneralizedTime
    pub const GENERALIZED_TIME: Self = Self(0x18);
    /// SEQUENCE and SEQUENCE OF
    pub const SEQUENCE: Self = Self(0x30);
    /// SET and SET OF
    pub const SET: Self = Self(0x31);

    /// `[number]` holding a primitive value (IMPLICIT).
    pub const fn context(number: u8) -> Self {
        assert!(number < 31, "one-octet tags only");
        Self(0x80 | number)
    }

    /// `[number]` holding other elements (EXPLICIT, or IMPLICIT over a constructed type).
    pub const fn context_constructed(number: u8) -> Self {
        assert!(number < 31, "one-octet tags only");
        Self(0xa0 | number)
    }
}

/// How many octets the length field takes for contents of that many octets.
pub const fn length_octets(contents: usize) -> usize {
    match contents {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xff_ffff => 4,
        _ => 5,
    }
}

/// Size of a whole element whose contents take that many octets.
pub const fn element_size(contents: usize) -> usize {
    1 + length_octets(contents) + contents
}

/// Writes DER into one growing buffer.
#[derive(Default)]
pub struct DerWriter {
    buffer: Vec<u8>,
}

impl DerWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer that will not grow before that many octets.
    pub fn with_capacity(octets: usize) -> Self {
        Self { buffer: Vec::with_capacity(octets) }
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.buffer
    }

    /// What was written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// Tag and length of an element whose contents, of exactly that many octets, will follow.
    pub fn header(&mut self, tag: Tag, contents: usize) {
        self.buffer.push(tag.0);
        let octets = u32::try_from(contents).expect("no message of ours reaches 4 GiB").to_be_bytes();
        match length_octets(contents) - 1 {
            0 => self.buffer.push(octets[3]),
            count => {
                self.buffer.push(0x80 | u8::try_from(count).expect("at most 4"));
                self.buffer.extend_from_slice(&octets[4 - count..]);
            }
        }
    }

    /// A whole element with these contents.
    pub fn primitive(&mut self, tag: Tag, contents: &[u8]) {
        self.header(tag, contents.len());
        self.buffer.extend_from_slice(contents);
    }

    /// Octets that are DER already.
    pub fn raw(&mut self, der: &[u8]) {
        self.buffer.extend_from_slice(der);
    }

    /// An element whose contents are what `write` writes.
    pub fn constructed(&mut self, tag: Tag, write: impl FnOnce(&mut Self)) {
        self.buffer.push(tag.0);
        let start = self.buffer.len();
        // One octet is enough for most; longer contents are moved once to make room.
        self.buffer.push(0);
        write(self);
        let contents = self.buffer.len() - start - 1;
        let octets = u32::try_from(contents).expect("no message of ours reaches 4 GiB").to_be_bytes();
        match length_octets(contents) - 1 {
            0 => self.buffer[start] = octets[3],
            count => {
                self.buffer[start] = 0x80 | u8::try_from(count).expect("at most 4");
                self.buffer.extend_from_slice(&octets[4 - count..]);
                self.buffer[start + 1..].rotate_right(count);
            }
        }
    }

    /// SEQUENCE
    pub fn sequence(&mut self, write: impl FnOnce(&mut Self)) {
        self.constructed(Tag::SEQUENCE, write);
    }

    /// A non-negative INTEGER in the fewest octets (X.690 §8.3.2).
    pub fn integer(&mut self, value: u64) {
        let octets = value.to_be_bytes();
        let skipped = (usize::try_from(value.leading_zeros()).expect("at most 64") / 8).min(7);
        let sign = octets[skipped] >= 0x80;
        self.header(Tag::INTEGER, 8 - skipped + usize::from(sign));
        if sign {
            self.buffer.push(0);
        }
        self.buffer.extend_from_slice(&octets[skipped..]);
    }

    /// A BIT STRING of whole octets.
    pub fn bit_string(&mut self, octets: &[u8]) {
        self.header(Tag::BIT_STRING, octets.len() + 1);
        self.buffer.push(0);
        self.buffer.extend_from_slice(octets);
    }

    /// BOOLEAN TRUE. FALSE is never written: it is the DEFAULT wherever we use BOOLEAN (X.690 §11.5).
    pub fn boolean_true(&mut self) {
        self.primitive(Tag::BOOLEAN, &[0xff]);
    }

    /// An OBJECT IDENTIFIER from its content octets.
    pub fn oid(&mut self, oid: crate::oid::Oid) {
        self.primitive(Tag::OID, oid.content());
    }

    /// One `Extension` (RFC 5280 §4.1): `write` writes what goes inside extnValue's OCTET STRING.
    pub fn extension(&mut self, oid: crate::oid::Oid, critical: bool, write: impl FnOnce(&mut Self)) {
        self.sequence(|w| {
            w.oid(oid);
            if critical {
                w.boolean_true();
            }
            w.constructed(Tag::OCTET_STRING, write);
        });
    }
}

/// The octets are not the DER that was expected here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerError {
    /// The input ended inside an element.
    #[error("the input ends inside an element")]
    Truncated,
    /// Octets follow where nothing may follow.
    #[error("octets follow after the end")]
    TrailingOctets,
    /// A length not in its shortest form, or indefinite, or beyond 4 GiB.
    #[error("a length is not in its shortest definite form")]
    BadLength,
    /// A tag number of 31 or more.
    #[error("a tag takes more than one octet")]
    LongTag,
    /// Another element than the one that belongs here.
    #[error("expected tag {expected:#04x}, found {found:#04x}")]
    UnexpectedTag {
        /// The tag that belongs here.
        expected: u8,
        /// The tag that stands here.
        found: u8,
    },
    /// The contents are not a DER value of their type.
    #[error("the contents are not a value of their type")]
    BadValue,
}

/// One element: its tag, its contents, and the whole of its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Tag.
    pub tag: Tag,
    /// Contents octets.
    pub contents: &'a [u8],
    /// Tag, length and contents octets as they stood.
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader over the contents.
    pub fn reader(self) -> DerReader<'a> {
        DerReader::new(self.contents)
    }
}

/// Reads elements one after the other from a slice, without copying.
#[derive(Clone, Copy, Debug)]
pub struct DerReader<'a> {
    rest: &'a [u8],
}

impl<'a> DerReader<'a> {
    /// A reader over these octets.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, without taking it.
    pub fn peek(&self) -> Option<Tag> {
        self.rest.first().map(|&octet| Tag(octet))
    }

    /// Takes the header of an element with that tag, and gives the length of its contents, which need not be here whole.
    pub fn header(&mut self, tag: Tag) -> Result<usize, DerError> {
        match self.peek() {
            Some(found) if found == tag => {
                let (length, header) = self.length()?;
                self.rest = &self.rest[header..];
                Ok(length)
            }
            Some(found) => Err(DerError::UnexpectedTag { expected: tag.0, found: found.0 }),
            None => Err(DerError::Truncated),
        }
    }

    /// Octets of the next element's contents, and of its header.
    #[inline]
    fn length(&self) -> Result<(usize, usize), DerError> {
        let [tag, first, ..] = *self.rest else { return Err(DerError::Truncated) };
        if tag & 0x1f == 0x1f {
            return Err(DerError::LongTag);
        }
        match first {
            0..=0x7f => Ok((usize::from(first), 2)),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let octets = self.rest.get(2..2 + count).ok_or(DerError::Truncated)?;
                let length = octets.iter().fold(0_usize, |length, &octet| length << 8 | usize::from(octet));
                if length_octets(length) != count + 1 {
                    return Err(DerError::BadLength);
                }
                Ok((length, 2 + count))
            }
            _ => Err(DerError::BadLength),
        }
    }

    /// Takes the next element, whatever it is.
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DerError> {
        let (length, header) = self.length()?;
        if self.rest.len() - header < length {
            return Err(DerError::Truncated);
        }
        let (whole, rest) = self.rest.split_at(header + length);
        self.rest = rest;
        Ok(Element { tag: Tag(whole[0]), contents: &whole[header..], whole })
    }

    /// Takes the next element, which must have that tag.
    pub fn expect(&mut self, tag: Tag) -> Result<Element<'a>, DerError> {
        match self.peek() {
            Some(found) if found == tag => self.element(),
            Some(found) => Err(DerError::UnexpectedTag { expected: tag.0, found: found.0 }),
            None => Err(DerError::Truncated),
        }
    }

    /// Takes the next element if it has that tag.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>, DerError> {
        if self.peek() == Some(tag) { self.element().map(Some) } else { Ok(None) }
    }

    /// Takes a SEQUENCE and gives a reader over its contents.
    pub fn sequence(&mut self) -> Result<Self, DerError> {
        self.expect(Tag::SEQUENCE).map(Element::reader)
    }

    /// Nothing may be left.
    pub const fn finish(self) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError::TrailingOctets) }
    }

    /// Takes an INTEGER and gives its content octets, checked to be the shortest form (X.690 §8.3.2).
    pub fn integer_octets(&mut self) -> Result<&'a [u8], DerError> {
        let octets = self.expect(Tag::INTEGER)?.contents;
        if is_shortest_integer(octets) { Ok(octets) } else { Err(DerError::BadValue) }
    }

    /// Takes a BOOLEAN (X.690 §11.1: TRUE is 0xff).
    pub fn boolean(&mut self) -> Result<bool, DerError> {
        match *self.expect(Tag::BOOLEAN)?.contents {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(DerError::BadValue),
        }
    }

    /// Takes a BIT STRING of whole octets.
    pub fn bit_string(&mut self) -> Result<&'a [u8], DerError> {
        match self.expect(Tag::BIT_STRING)?.contents {
            [0, octets @ ..] => Ok(octets),
            _ => Err(DerError::BadValue),
        }
    }

    /// Takes a UTCTime or GeneralizedTime in a form of RFC 5280 §4.1.2.5.
    pub fn time(&mut self) -> Result<crate::time::UnixTime, DerError> {
        let element = self.element()?;
        crate::time::UnixTime::from_der(element.tag, element.contents).ok_or(DerError::BadValue)
    }
}

/// Content octets are an INTEGER's in the fewest octets (X.690 §8.3.2).
pub const fn is_shortest_integer(octets: &[u8]) -> bool {
    match *octets {
        [] => false,
        [0, next, ..] => next >= 0x80,
        [0xff, next, ..] => next < 0x80,
        _ => true,
    }
}

/// An INTEGER's content octets as a number; `None` if negative or above 2^63 - 1.
pub fn small_unsigned(octets: &[u8]) -> Option<u64> {
    let value = match octets {
        [0, rest @ ..] => rest,
        _ => octets,
    };
    if octets.first().is_none_or(|&first| first >= 0x80) || value.len() > 8 {
        return None;
    }
    let number = value.iter().fold(0_u64, |number, &octet| number << 8 | u64::from(octet));
    (i64::try_from(number).is_ok()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_are_those_of_the_der_crate(value: u64) {
            let mut writer = DerWriter::new();
            writer.integer(value);
            let ours = writer.finish();
            prop_assert_eq!(&ours, &der::Encode::to_der(&value).unwrap());
            let mut reader = DerReader::new(&ours);
            prop_assert_eq!(small_unsigned(reader.integer_octets().unwrap()), i64::try_from(value).is_ok().then_some(value));
        }

        #[test]
        fn lengths_are_those_of_the_der_crate(size in prop_oneof![0_usize..300, 65_500_usize..65_600]) {
            let contents = vec![7; size];
            let theirs = der::Encode::to_der(&der::asn1::OctetString::new(contents.clone()).unwrap()).unwrap();
            let mut writer = DerWriter::new();
            writer.constructed(Tag::OCTET_STRING, |w| w.raw(&contents));
            prop_assert_eq!(writer.as_slice(), &theirs[..]);
            prop_assert_eq!(theirs.len(), element_size(size));
            let mut writer = DerWriter::new();
            writer.primitive(Tag::OCTET_STRING, &contents);
            prop_assert_eq!(writer.finish(), theirs);
        }

        #[test]
        fn reading_never_panics_and_keeps_every_octet(octets: Vec<u8>) {
            let mut reader = DerReader::new(&octets);
            let mut seen = 0;
            while let Ok(element) = reader.element() {
                seen += element.whole.len();
            }
            prop_assert_eq!(seen + reader.rest().len(), octets.len());
        }
    }

    #[test]
    fn what_ber_allows_is_refused() {
        let refusals: [(&[u8], DerError); 6] = [
            (&[0x30, 0x80, 0, 0], DerError::BadLength),
            (&[0x04, 0x81, 0x01, 0], DerError::BadLength),
            (&[0x04, 0x82, 0x00, 0x80], DerError::BadLength),
            (&[0x04, 0x85, 0, 0, 0, 0, 1, 0], DerError::BadLength),
            (&[0x1f, 0x81, 0x01], DerError::LongTag),
            (&[0x04, 0x02, 0x01], DerError::Truncated),
        ];
        for (octets, error) in refusals {
            assert_eq!(DerReader::new(octets).element(), Err(error), "{octets:02x?}");
        }
        assert_eq!(DerReader::new(&[2, 2, 0, 1]).integer_octets(), Err(DerError::BadValue));
        assert_eq!(DerReader::new(&[1, 1, 1]).boolean(), Err(DerError::BadValue));
        assert_eq!(small_unsigned(&[0x80]), None);
        assert_eq!(small_unsigned(&[]), None);
    }
}
