//! Reads what stage 1 has found to be DER, where it lies: nothing is copied and nothing is encoded again. Each type is read
//! strictly, field by field; whatever stands there besides is an error.
use std::iter;
use std::marker::PhantomData;

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

/// A SEQUENCE OF. Every element was read when the list was, so reading them again ends at the last.
pub(super) struct List<'a, T> {
    elements: DerReader<'a>,
    of: PhantomData<T>,
}

impl<'a, T: Read<'a>> List<'a, T> {
    /// The elements inside a SEQUENCE OF, which may have an IMPLICIT tag.
    pub(super) fn of(list: Element<'a>) -> Result<Self, DerError> {
        let elements = list.reader();
        let mut rest = elements;
        while !rest.is_empty() {
            T::read(&mut rest)?;
        }
        Ok(Self { elements, of: PhantomData })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut rest = self.elements;
        iter::from_fn(move || T::read(&mut rest).ok())
    }

    pub(super) fn first(&self) -> Option<T> {
        self.iter().next()
    }

    /// The element, if there is one and no second.
    pub(super) fn only(&self) -> Option<T> {
        let mut elements = self.iter();
        elements.next().filter(|_| elements.next().is_none())
    }

    /// The elements, if there are two.
    pub(super) fn pair(&self) -> Option<(T, T)> {
        let mut elements = self.iter();
        let pair = elements.next().zip(elements.next());
        pair.filter(|_| elements.next().is_none())
    }
}

impl<'a, T: Read<'a>> Read<'a> for List<'a, T> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        Self::of(reader.expect(Tag::SEQUENCE)?)
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

/// The extensions in `[tag]` EXPLICIT, at the end of a certificate or CRL.
pub(super) fn extensions<'a>(tagged: Element<'a>) -> Result<Vec<Extension<'a>>, DerError> {
    let list: List<'a, Extension<'a>> = whole(tagged.contents)?;
    Ok(list.iter().collect())
}

/// No two of them have one type.
pub(super) fn once(extensions: &[Extension<'_>]) -> bool {
    extensions.iter().enumerate().all(|(at, one)| extensions[..at].iter().all(|other| other.id != one.id))
}
