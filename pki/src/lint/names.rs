//! Names as they stand in certificates and CRLs, and whether they are the ones expected.
use std::iter;

use super::read::{Identifier, Read};
use crate::der::{DerError, DerReader, Element, Tag};
use crate::name::DistinguishedName;
use crate::oid;

/// The attribute that is an RDN: stage 1 (`name.one-attribute`) allows one in each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) kind: Identifier<'a>,
    pub(super) tag: Tag,
    pub(super) value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// From the SET.
    pub(super) fn of(rdn: Element<'a>) -> Result<Self, DerError> {
        let mut set = rdn.reader();
        let mut fields = set.sequence()?;
        let (kind, value) = (Identifier::read(&mut fields)?, fields.element()?);
        fields.finish()?;
        set.finish()?;
        Ok(Self { kind, tag: value.tag, value: value.contents })
    }
}

impl<'a> Read<'a> for Attribute<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        Self::of(reader.expect(Tag::SET)?)
    }
}

/// `Name` (RFC 5280 §4.1.2.4).
#[derive(Clone, Copy)]
pub(super) struct Name<'a>(Element<'a>);

impl<'a> Read<'a> for Name<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let name = reader.expect(Tag::SEQUENCE)?;
        let mut rdns = name.reader();
        while !rdns.is_empty() {
            Attribute::read(&mut rdns)?;
        }
        Ok(Self(name))
    }
}

impl<'a> Name<'a> {
    /// Its octets.
    pub(super) fn der(self) -> &'a [u8] {
        self.0.whole
    }

    /// All of them: each was read when the name was.
    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        let mut rdns = self.0.reader();
        iter::from_fn(move || Attribute::read(&mut rdns).ok())
    }

    /// It has these attributes, one in each RDN, C as PrintableString and the rest as UTF8String (facts 1.1). As its
    /// octets are DER, they are those of this name, too.
    pub(super) fn is(self, ours: &DistinguishedName) -> bool {
        let expected = ours.attributes().iter().map(|(kind, value)| (*kind, value.as_ref()));
        self.has(expected)
    }

    /// The same, from the attributes.
    pub(super) fn has<'b>(self, expected: impl IntoIterator<Item = (oid::Oid, &'b str)>) -> bool {
        let mut found = self.attributes();
        let same = expected.into_iter().all(|(kind, value)| {
            let tag = if kind == oid::COUNTRY { Tag::PRINTABLE_STRING } else { Tag::UTF8_STRING };
            found.next().is_some_and(|found| found.kind.is(kind) && found.tag == tag && found.value == value.as_bytes())
        });
        same && found.next().is_none()
    }

    /// The value of the last CN, as far as it is text.
    pub(super) fn common_name(self) -> Option<&'a str> {
        let last = self.attributes().filter(|attribute| attribute.kind.is(oid::COMMON_NAME)).last()?;
        std::str::from_utf8(last.value).ok()
    }
}

/// `GeneralName` (RFC 5280 §4.2.1.6).
#[derive(Clone, Copy)]
pub(super) enum GeneralName<'a> {
    OtherName {
        type_id: Identifier<'a>,
        value: Element<'a>,
    },
    DirectoryName(Name<'a>),
    /// uniformResourceIdentifier
    Uri(&'a [u8]),
    /// A form that no certificate or CRL of ours has, so that none of its lints takes it.
    Foreign,
}

pub(super) type GeneralNames<'a> = Vec<GeneralName<'a>>;

impl<'a> Read<'a> for GeneralName<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        const OTHER_NAME: Tag = Tag::context_constructed(0);
        const DIRECTORY_NAME: Tag = Tag::context_constructed(4);
        const URI: Tag = Tag::context(6);
        // rfc822Name, dNSName, ediPartyName, iPAddress, registeredID
        const FOREIGN: [Tag; 5] =
            [Tag::context(1), Tag::context(2), Tag::context_constructed(5), Tag::context(7), Tag::context(8)];
        let element = reader.element()?;
        match element.tag {
            OTHER_NAME => {
                let mut fields = element.reader();
                let type_id = Identifier::read(&mut fields)?;
                let mut explicit = fields.expect(Tag::context_constructed(0))?.reader();
                fields.finish()?;
                let value = explicit.element()?;
                explicit.finish()?;
                Ok(Self::OtherName { type_id, value })
            }
            // Name is a CHOICE, so the [4] is EXPLICIT.
            DIRECTORY_NAME => super::read::whole(element.contents).map(Self::DirectoryName),
            URI => Ok(Self::Uri(element.contents)),
            tag if FOREIGN.contains(&tag) => Ok(Self::Foreign),
            _ => Err(DerError::BadValue),
        }
    }
}

impl GeneralName<'_> {
    /// It is a directoryName with that name.
    pub(super) fn is_directory_name(self, ours: &DistinguishedName) -> bool {
        matches!(self, Self::DirectoryName(name) if name.is(ours))
    }

    /// It is that URI.
    pub(super) fn is_uri(self, ours: &str) -> bool {
        matches!(self, Self::Uri(uri) if uri == ours.as_bytes())
    }
}
