//! A tbsCertificate as `x509-cert` reads it, beside what it is judged by.
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use der::{Decode, Encode, Tag as TheirTag, Tagged};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::{CertificateKind, LintFinding};
use crate::certificate::{DeskId, Issuer, Profile};
use crate::der::{DerReader, small_unsigned};
use crate::identity::{Ca, Serial};
use crate::municipality::{self, Municipality};
use crate::name::DistinguishedName;
use crate::oid::{self, Oid};
use crate::time::UnixTime;

/// What every lint looks at.
pub(super) struct Decoded<'a> {
    pub(super) kind: CertificateKind,
    pub(super) tbs_der: &'a [u8],
    pub(super) tbs: TbsCertificate,
    pub(super) issuer: &'a Issuer,
    /// Whose key a link certifies; of every other kind, the issuer.
    pub(super) linked: &'a Issuer,
    pub(super) profile: &'a Profile,
}

impl<'a> Decoded<'a> {
    pub(super) fn new(
        kind: CertificateKind,
        tbs_der: &'a [u8],
        (issuer, linked): (&'a Issuer, &'a Issuer),
        profile: &'a Profile,
    ) -> Result<Self, LintFinding> {
        match TbsCertificate::from_der(tbs_der) {
            Ok(tbs) => Ok(Self { kind, tbs_der, tbs, issuer, linked, profile }),
            // The decoder's error may quote octets of the input, so it is not passed on.
            Err(_) => Err(LintFinding {
                lint: "form.decodable",
                clause: "RFC 5280 §4.1",
                message: "the octets are not a TBSCertificate in DER",
            }),
        }
    }

    /// The CA that the issuer is.
    pub(super) fn ca(&self) -> Ca {
        self.issuer.issuer.ca
    }

    /// serialNumber, if it is one of ours: positive and at most eight octets.
    pub(super) fn serial(&self) -> Option<Serial> {
        let serial_der = self.tbs.serial_number().to_der().ok()?;
        small_unsigned(DerReader::new(&serial_der).integer_octets().ok()?).and_then(Serial::new)
    }

    pub(super) fn not_before(&self) -> UnixTime {
        unix_time(&self.tbs.validity().not_before)
    }

    pub(super) fn not_after(&self) -> UnixTime {
        unix_time(&self.tbs.validity().not_after)
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        self.tbs.extensions().map_or(&[], |extensions| extensions)
    }

    /// The one extension of that type, decoded.
    pub(super) fn extension<T>(&self) -> Result<T, &'static str>
    where
        T: for<'b> Decode<'b> + AssociatedOid,
    {
        let mut found = self.extensions().iter().filter(|extension| extension.extn_id == T::OID);
        match (found.next(), found.next()) {
            (Some(extension), None) => {
                T::from_der(extension.extn_value.as_bytes()).map_err(|_| "the extension's value is not of its type")
            }
            (None, _) => Err("the extension is absent"),
            (Some(_), Some(_)) => Err("the extension is repeated"),
        }
    }

    /// The desk that the subject CN ends in.
    pub(super) fn desk(&self) -> Option<DeskId> {
        let common_name = common_name(self.tbs.subject())?;
        let start = common_name.len().checked_sub(DeskId::OCTETS)?;
        common_name.get(start..)?.parse().ok()
    }

    /// The municipality of that desk: the partition to which the certificate says it belongs (I8).
    pub(super) fn municipality(&self) -> Option<&'static Municipality> {
        municipality::find(self.desk()?.municipality())
    }
}

fn unix_time(time: &Time) -> UnixTime {
    UnixTime::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

/// The decoder's form of one of our identifiers.
pub(super) fn is_oid(theirs: ObjectIdentifier, ours: Oid) -> bool {
    theirs.as_bytes() == ours.content()
}

/// The name has these attributes, one in each RDN, C as PrintableString and the rest as UTF8String (facts 1.1).
pub(super) fn is_name(theirs: &Name, ours: &DistinguishedName) -> bool {
    let expected = ours.attributes();
    theirs.iter_rdn().count() == expected.len()
        && theirs.iter_rdn().zip(expected).all(|(rdn, (attribute, value))| {
            let mut attributes = rdn.iter();
            let (Some(found), None) = (attributes.next(), attributes.next()) else { return false };
            let tag = if *attribute == oid::COUNTRY { TheirTag::PrintableString } else { TheirTag::Utf8String };
            is_oid(found.oid, *attribute) && found.value.tag() == tag && found.value.value() == value.as_bytes()
        })
}

/// The general name is a directoryName with that name.
pub(super) fn is_directory_name(theirs: &GeneralName, ours: &DistinguishedName) -> bool {
    matches!(theirs, GeneralName::DirectoryName(name) if is_name(name, ours))
}

/// The general name is that URI.
pub(super) fn is_uri(theirs: &GeneralName, ours: &str) -> bool {
    matches!(theirs, GeneralName::UniformResourceIdentifier(uri) if uri.as_str() == ours)
}

/// The value of the last CN, as far as it is text.
pub(super) fn common_name(name: &Name) -> Option<&str> {
    let last = name.iter().filter(|attribute| is_oid(attribute.oid, oid::COMMON_NAME)).last()?;
    std::str::from_utf8(last.value.value()).ok()
}
