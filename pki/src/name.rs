//! Distinguished names in the forms JPKI uses: one attribute in each RDN, C as PrintableString, every other value as
//! UTF8String (facts 1.1).
use std::borrow::Cow;

use crate::der::{DerWriter, Tag};
use crate::oid::{self, Oid};

/// A distinguished name, in encoding order (C first).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    attributes: Vec<(Oid, Cow<'static, str>)>,
}

impl DistinguishedName {
    /// `C=JP`, to which the rest is added. Every JPKI name begins with it.
    pub fn japan() -> Self {
        // Six attributes are the most that a name of ours has.
        let mut attributes = Vec::with_capacity(6);
        attributes.push((oid::COUNTRY, Cow::Borrowed("JP")));
        Self { attributes }
    }

    /// This name with one RDN more.
    #[must_use]
    pub fn with(mut self, attribute: Oid, value: impl Into<Cow<'static, str>>) -> Self {
        self.attributes.push((attribute, value.into()));
        self
    }

    /// The attributes in encoding order.
    pub fn attributes(&self) -> &[(Oid, Cow<'static, str>)] {
        &self.attributes
    }

    /// Writes the `Name` (RFC 5280 §4.1.2.4).
    pub fn write_der(&self, writer: &mut DerWriter) {
        writer.sequence(|w| {
            for (attribute, value) in &self.attributes {
                let tag = if *attribute == oid::COUNTRY { Tag::PRINTABLE_STRING } else { Tag::UTF8_STRING };
                w.constructed(Tag::SET, |w| {
                    w.sequence(|w| {
                        w.oid(*attribute);
                        w.primitive(tag, value.as_bytes());
                    });
                });
            }
        });
    }

    /// The `Name` as DER. Its exact octets are what CertIDs hash (R10).
    pub fn to_der(&self) -> Vec<u8> {
        let mut writer = DerWriter::new();
        self.write_der(&mut writer);
        writer.finish()
    }

    /// Writes a `GeneralName` of the form directoryName, `[4]` EXPLICIT because Name is a CHOICE.
    pub fn write_directory_name(&self, writer: &mut DerWriter) {
        writer.constructed(Tag::context_constructed(4), |w| self.write_der(w));
    }
}

/// Writes a `GeneralName` of the form uniformResourceIdentifier.
pub fn write_uri(writer: &mut DerWriter, uri: &str) {
    writer.primitive(Tag::context(6), uri.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_name_is_that_of_the_test_card() {
        let name = DistinguishedName::japan()
            .with(oid::ORGANIZATION, "JPKI-TEST")
            .with(oid::ORGANIZATIONAL_UNIT, "JPKI for digital signature");
        let theirs = <x509_cert::name::Name as der::Decode>::from_der(&name.to_der()).unwrap();
        assert_eq!(theirs.to_string(), "OU=JPKI for digital signature,O=JPKI-TEST,C=JP");
        assert!(name.to_der().windows(4).any(|part| part == [0x13, 2, b'J', b'P']));
    }
}
