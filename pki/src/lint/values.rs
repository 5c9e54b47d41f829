//! The values of the extensions that certificates and CRLs have here (RFC 5280 §4.2, §5.2), each read once.
use super::names::{GeneralName, GeneralNames};
use super::read::{Extension, Identifier, Read, list, whole};
use crate::crl::DistributionPoint;
use crate::der::{DerError, DerReader, Element, Tag, is_shortest_integer, small_unsigned};
use crate::oid;

/// What the extensions say. A field is `None` if there is no such extension, or its value is not of its type.
#[derive(Default)]
pub(super) struct Values<'a> {
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) ext_key_usage: Option<Vec<Identifier<'a>>>,
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) subject_alt_name: Option<GeneralNames<'a>>,
    pub(super) issuer_alt_name: Option<GeneralNames<'a>>,
    pub(super) certificate_policies: Option<Vec<PolicyInformation<'a>>>,
    pub(super) distribution_points: Option<Vec<Point<'a>>>,
    pub(super) authority_info_access: Option<Vec<AccessDescription<'a>>>,
    pub(super) authority_key_identifier: Option<AuthorityKeyIdentifier<'a>>,
    pub(super) subject_key_identifier: Option<OctetString<'a>>,
    /// A value is not of the type that its extnID says.
    pub(super) misread: bool,
}

impl<'a> Values<'a> {
    /// Any other extension is the matter of `layout` or, for nocheck, of `responder`.
    pub(super) fn of(extensions: &[Extension<'a>]) -> Self {
        let mut values = Self::default();
        for Extension { id, value, .. } in extensions {
            let fitting = match *id {
                id if id.is(oid::KEY_USAGE) => fill(&mut values.key_usage, value),
                id if id.is(oid::EXT_KEY_USAGE) => fill(&mut values.ext_key_usage, value),
                id if id.is(oid::BASIC_CONSTRAINTS) => fill(&mut values.basic_constraints, value),
                id if id.is(oid::SUBJECT_ALT_NAME) => fill(&mut values.subject_alt_name, value),
                id if id.is(oid::ISSUER_ALT_NAME) => fill(&mut values.issuer_alt_name, value),
                id if id.is(oid::CERTIFICATE_POLICIES) => fill(&mut values.certificate_policies, value),
                id if id.is(oid::CRL_DISTRIBUTION_POINTS) => fill(&mut values.distribution_points, value),
                id if id.is(oid::AUTHORITY_INFO_ACCESS) => fill(&mut values.authority_info_access, value),
                id if id.is(oid::AUTHORITY_KEY_IDENTIFIER) => fill(&mut values.authority_key_identifier, value),
                id if id.is(oid::SUBJECT_KEY_IDENTIFIER) => fill(&mut values.subject_key_identifier, value),
                _ => Ok(()),
            };
            values.misread |= fitting.is_err();
        }
        values
    }
}

/// Where a type is there twice, which a lint refuses, the first one counts.
fn fill<'a, T: Read<'a>>(place: &mut Option<T>, value: &'a [u8]) -> Result<(), DerError> {
    let read = whole(value)?;
    place.get_or_insert(read);
    Ok(())
}

/// A bit of keyUsage (RFC 5280 §4.2.1.3), by its number.
#[derive(Clone, Copy)]
pub(super) enum Use {
    DigitalSignature = 0,
    NonRepudiation = 1,
    KeyCertSign = 5,
    CrlSign = 6,
}

/// keyUsage, bit 0 in the highest place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyUsage(u16);

impl KeyUsage {
    const fn bit(one: Use) -> u16 {
        0x8000 >> one as u16
    }

    pub(super) const fn has(self, one: Use) -> bool {
        self.0 & Self::bit(one) != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These bits and no others.
    pub(super) fn is(self, uses: &[Use]) -> bool {
        self.0 == uses.iter().fold(0, |bits, one| bits | Self::bit(*one))
    }
}

impl<'a> Read<'a> for KeyUsage {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        // The last bit, decipherOnly, is the ninth.
        match *reader.expect(Tag::BIT_STRING)?.contents {
            [0] => Ok(Self(0)),
            [0..=7, first] => Ok(Self(u16::from(first) << 8)),
            [7, first, second] => Ok(Self(u16::from(first) << 8 | u16::from(second))),
            _ => Err(DerError::BadValue),
        }
    }
}

/// basicConstraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy)]
pub(super) struct BasicConstraints {
    /// cA, if it is written.
    written: Option<bool>,
    /// There is a pathLenConstraint.
    pub(super) path_length: bool,
}

impl BasicConstraints {
    pub(super) fn ca(self) -> bool {
        self.written == Some(true)
    }

    /// cA is written although it is FALSE, the DEFAULT.
    pub(super) fn writes_default(self) -> bool {
        self.written == Some(false)
    }
}

impl<'a> Read<'a> for BasicConstraints {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let written = if fields.peek() == Some(Tag::BOOLEAN) { Some(fields.boolean()?) } else { None };
        let path_length = !fields.is_empty();
        if path_length && small_unsigned(fields.integer_octets()?).is_none() {
            return Err(DerError::BadValue);
        }
        fields.finish()?;
        Ok(Self { written, path_length })
    }
}

/// PolicyInformation (RFC 5280 §4.2.1.4).
pub(super) struct PolicyInformation<'a> {
    pub(super) id: Identifier<'a>,
    pub(super) qualifiers: Option<Vec<PolicyQualifier<'a>>>,
}

impl<'a> Read<'a> for PolicyInformation<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let id = Identifier::read(&mut fields)?;
        let qualifiers = fields.optional(Tag::SEQUENCE)?.map(list).transpose()?;
        fields.finish()?;
        Ok(Self { id, qualifiers })
    }
}

/// PolicyQualifierInfo (RFC 5280 §4.2.1.4).
pub(super) struct PolicyQualifier<'a> {
    pub(super) id: Identifier<'a>,
    pub(super) qualifier: Element<'a>,
}

impl<'a> Read<'a> for PolicyQualifier<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let (id, qualifier) = (Identifier::read(&mut fields)?, fields.element()?);
        fields.finish()?;
        Ok(Self { id, qualifier })
    }
}

/// DistributionPointName (RFC 5280 §4.2.1.13).
pub(super) enum PointName<'a> {
    FullName(GeneralNames<'a>),
    /// nameRelativeToCRLIssuer, which nothing of ours has.
    Relative,
}

impl<'a> PointName<'a> {
    /// From the `[0]` around it, EXPLICIT because it is a CHOICE.
    pub(super) fn of(tagged: Element<'a>) -> Result<Self, DerError> {
        const FULL_NAME: Tag = Tag::context_constructed(0);
        const RELATIVE: Tag = Tag::context_constructed(1);
        let mut explicit = tagged.reader();
        let name = explicit.element()?;
        explicit.finish()?;
        match name.tag {
            FULL_NAME => list(name).map(Self::FullName),
            RELATIVE => Ok(Self::Relative),
            _ => Err(DerError::BadValue),
        }
    }

    /// It is the full name of that distribution point.
    pub(super) fn is(&self, point: &DistributionPoint) -> bool {
        match (self, &point.uri) {
            (Self::FullName(names), None) => {
                matches!(names[..], [name] if name.is_directory_name(&point.directory_name))
            }
            (Self::FullName(names), Some(uri)) => {
                matches!(names[..], [name, location]
                    if name.is_directory_name(&point.directory_name) && location.is_uri(uri))
            }
            (Self::Relative, _) => false,
        }
    }
}

/// DistributionPoint (RFC 5280 §4.2.1.13).
pub(super) struct Point<'a> {
    pub(super) name: Option<PointName<'a>>,
    /// It has reasons.
    pub(super) reasons: bool,
    /// It has a cRLIssuer.
    pub(super) crl_issuer: bool,
}

impl<'a> Read<'a> for Point<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let name = fields.optional(Tag::context_constructed(0))?.map(PointName::of).transpose()?;
        let reasons = fields.optional(Tag::context(1))?;
        let crl_issuer = fields.optional(Tag::context_constructed(2))?;
        fields.finish()?;
        crl_issuer.map(list::<GeneralName<'_>>).transpose()?;
        Ok(Self { name, reasons: reasons.is_some(), crl_issuer: crl_issuer.is_some() })
    }
}

/// AccessDescription (RFC 5280 §4.2.2.1).
pub(super) struct AccessDescription<'a> {
    pub(super) method: Identifier<'a>,
    pub(super) location: GeneralName<'a>,
}

impl<'a> Read<'a> for AccessDescription<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let (method, location) = (Identifier::read(&mut fields)?, GeneralName::read(&mut fields)?);
        fields.finish()?;
        Ok(Self { method, location })
    }
}

/// AuthorityKeyIdentifier (RFC 5280 §4.2.1.1).
pub(super) struct AuthorityKeyIdentifier<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) issuer: Option<GeneralNames<'a>>,
    /// Content octets of authorityCertSerialNumber.
    pub(super) serial: Option<&'a [u8]>,
}

impl<'a> Read<'a> for AuthorityKeyIdentifier<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let key = fields.optional(Tag::context(0))?.map(|key| key.contents);
        let issuer = fields.optional(Tag::context_constructed(1))?.map(list).transpose()?;
        let serial = fields.optional(Tag::context(2))?.map(|serial| serial.contents);
        fields.finish()?;
        if serial.is_some_and(|serial| !is_shortest_integer(serial)) {
            return Err(DerError::BadValue);
        }
        Ok(Self { key, issuer, serial })
    }
}

/// The contents of an OCTET STRING.
#[derive(Clone, Copy)]
pub(super) struct OctetString<'a>(pub(super) &'a [u8]);

impl<'a> Read<'a> for OctetString<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        reader.expect(Tag::OCTET_STRING).map(|element| Self(element.contents))
    }
}
