//! A tbsCertificate as `x509-cert` reads it, beside what it is judged by.
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use der::{Decode, Encode, Tag as TheirTag, Tagged};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::{CertificateKind, Lint, LintFinding};
use crate::algorithm::PublicKey;
use crate::certificate::{DeskId, Issuer, Profile};
use crate::der::{DerReader, small_unsigned};
use crate::identity::{Ca, Serial};
use crate::municipality::{self, Municipality};
use crate::name::DistinguishedName;
use crate::oid::{self, Oid};
use crate::time::UnixTime;

/// A rule for certificates.
pub(super) type CertificateLint = Lint<fn(&Decoded<'_>) -> bool>;

pub(super) const DECODABLE: LintFinding = LintFinding {
    lint: "form.decodable",
    clause: "RFC 5280 §4.1",
    refuses: "elements that are not the fields of a TBSCertificate",
};

/// What the lints after stage 1 look at.
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
        // The decoder's error may quote octets of the input, so it is not passed on.
        let tbs = TbsCertificate::from_der(tbs_der).map_err(|_| DECODABLE)?;
        Ok(Self { kind, tbs_der, tbs, issuer, linked, profile })
    }

    /// The CA that the issuer is.
    pub(super) fn ca(&self) -> Ca {
        self.issuer.issuer.ca
    }

    /// The content octets of serialNumber.
    pub(super) fn serial_octets(&self) -> Vec<u8> {
        let serial_der = self.tbs.serial_number().to_der().unwrap_or_default();
        DerReader::new(&serial_der).integer_octets().unwrap_or_default().to_vec()
    }

    /// serialNumber, if it is one of ours: positive and at most eight octets.
    pub(super) fn serial(&self) -> Option<Serial> {
        small_unsigned(&self.serial_octets()).and_then(Serial::new)
    }

    /// The subject's public key, if it is one that we take.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        let spki = self.tbs.subject_public_key_info().to_der().ok()?;
        PublicKey::from_spki(&spki).ok()
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

    /// The extension of that type. `form` and `layout` have made sure that there is one and that it decodes, where a lint
    /// of a later stage asks; that lint does not hold when there is none.
    pub(super) fn extension<T>(&self) -> Option<T>
    where
        T: for<'b> Decode<'b> + AssociatedOid,
    {
        let extension = self.extensions().iter().find(|extension| extension.extn_id == T::OID)?;
        T::from_der(extension.extn_value.as_bytes()).ok()
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

pub(super) fn unix_time(time: &Time) -> UnixTime {
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
