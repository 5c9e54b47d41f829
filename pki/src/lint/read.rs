//! Reads what stage 1 has found to be DER, where it lies: no octet is copied and nothing is encoded again. Each type is read
//! strictly, field by field; whatever stands there besides is an error.
use crate::der::{DerError, DerReader, Element, Tag};

/// A type of ASN.1.
pub(super) trait Read<'a>: Sized {
    /// Takes the next element, which must be a value of the type.
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError>;
}

/// The octets are one value of the type, and nothing follows.
pub(super) fn whole<'a, T: Read<'a>>(octets: &'a [u8]) -> Result<T, DerError> {
    let mut reader = DerReader::new(octets);
    let value = T::read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// The elements inside a SEQUENCE OF, which may have an IMPLICIT tag.
pub(super) fn list<'a, T: Read<'a>>(list: Element<'a>) -> Result<Vec<T>, DerError> {
    let (mut elements, mut rest) = (Vec::new(), list.reader());
    while !rest.is_empty() {
        elements.push(T::read(&mut rest)?);
    }
    Ok(elements)
}

/// SEQUENCE OF
impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        list(reader.expect(Tag::SEQUENCE)?)
    }
}

/// The content octets of an OBJECT IDENTIFIER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identifier<'a>(pub(super) &'a [u8]);

impl Identifier<'_> {
    pub(super) fn is(self, ours: crate::oid::Oid) -> bool {
        self.0 == ours.content()
    }
}

impl<'a> Read<'a> for Identifier<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        reader.expect(Tag::OID).map(|element| Self(element.contents))
    }
}

/// AlgorithmIdentifier (RFC 5280 §4.1.1.2): its octets.
pub(super) fn algorithm_identifier<'a>(reader: &mut DerReader<'a>) -> Result<&'a [u8], DerError> {
    let element = reader.expect(Tag::SEQUENCE)?;
    let mut fields = element.reader();
    fields.expect(Tag::OID)?;
    if !fields.is_empty() {
        fields.element()?;
    }
    fields.finish()?;
    Ok(element.whole)
}

/// `Extension` (RFC 5280 §4.1).
#[derive(Clone, Copy)]
pub(super) struct Extension<'a> {
    pub(super) id: Identifier<'a>,
    /// critical, if it is written.
    written: Option<bool>,
    pub(super) value: &'a [u8],
}

impl Extension<'_> {
    pub(super) fn critical(&self) -> bool {
        self.written == Some(true)
    }

    /// critical is written although it is FALSE, the DEFAULT.
    pub(super) fn writes_default(&self) -> bool {
        self.written == Some(false)
    }
}

impl<'a> Read<'a> for Extension<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let id = Identifier::read(&mut fields)?;
        let written = if fields.peek() == Some(Tag::BOOLEAN) { Some(fields.boolean()?) } else { None };
        let value = fields.expect(Tag::OCTET_STRING)?.contents;
        fields.finish()?;
        Ok(Self { id, written, value })
    }
}

/// No two of them have one type.
pub(super) fn once(extensions: &[Extension<'_>]) -> bool {
    extensions.iter().enumerate().all(|(at, one)| extensions[..at].iter().all(|other| other.id != one.id))
}
