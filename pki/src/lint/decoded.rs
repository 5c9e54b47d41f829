//! A tbsCertificate taken apart once, beside what it is judged by.
use super::four_info::FourInfoTexts;
use super::names::Name;
use super::read::{Extension, Read, algorithm_identifier, whole};
use super::values::{Point, PolicyInformation, Values};
use super::{CertificateKind, Lint, LintFinding};
use crate::algorithm::{Algorithm, PublicKey};
use crate::certificate::{DeskId, Issuer, Profile};
use crate::crl::DistributionPoint;
use crate::der::{DerError, DerReader, Tag, small_unsigned};
use crate::identity::{Ca, Serial};
use crate::municipality::{self, Municipality};
use crate::time::UnixTime;

/// A rule for certificates.
pub(super) type CertificateLint = Lint<fn(&Decoded<'_>) -> bool>;

pub(super) const DECODABLE: LintFinding = LintFinding {
    lint: "form.decodable",
    clause: "RFC 5280 §4.1",
    refuses: "elements that are not the fields of a TBSCertificate",
};

/// The fields of a TBSCertificate (RFC 5280 §4.1).
pub(super) struct Fields<'a> {
    /// Content octets of version, if it is written.
    pub(super) version: Option<&'a [u8]>,
    /// Content octets of serialNumber.
    pub(super) serial: &'a [u8],
    /// The octets of signature.
    pub(super) signature: &'a [u8],
    pub(super) issuer: Name<'a>,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) subject: Name<'a>,
    /// The octets of subjectPublicKeyInfo, and of the key in its BIT STRING.
    pub(super) public_key_info: &'a [u8],
    pub(super) key: &'a [u8],
    /// There is an issuerUniqueID or a subjectUniqueID.
    pub(super) unique_identifiers: bool,
    pub(super) extensions: Vec<Extension<'a>>,
}

impl<'a> Fields<'a> {
    fn read(tbs_der: &'a [u8]) -> Result<Self, DerError> {
        let mut outer = DerReader::new(tbs_der);
        let mut fields = outer.sequence()?;
        outer.finish()?;
        let version = version(&mut fields)?;
        let serial = fields.integer_octets()?;
        let signature = algorithm_identifier(&mut fields)?;
        let issuer = Name::read(&mut fields)?;
        let mut validity = fields.sequence()?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.finish()?;
        let subject = Name::read(&mut fields)?;
        let public_key_info = fields.expect(Tag::SEQUENCE)?;
        let unique_identifiers = [fields.optional(Tag::context(1))?, fields.optional(Tag::context(2))?];
        let extensions =
            fields.optional(Tag::context_constructed(3))?.map(|tagged| whole(tagged.contents)).transpose()?;
        fields.finish()?;
        let mut info = public_key_info.reader();
        algorithm_identifier(&mut info)?;
        let [_, key @ ..] = info.expect(Tag::BIT_STRING)?.contents else { return Err(DerError::BadValue) };
        info.finish()?;
        Ok(Self {
            version,
            serial,
            signature,
            issuer,
            not_before,
            not_after,
            subject,
            public_key_info: public_key_info.whole,
            key,
            unique_identifiers: unique_identifiers.iter().any(Option::is_some),
            extensions: extensions.unwrap_or_default(),
        })
    }
}

/// v1(0), v2(1) or v3(2), if one is written.
fn version<'a>(fields: &mut DerReader<'a>) -> Result<Option<&'a [u8]>, DerError> {
    let Some(tagged) = fields.optional(Tag::context_constructed(0))? else { return Ok(None) };
    let mut explicit = tagged.reader();
    let version = explicit.integer_octets()?;
    explicit.finish()?;
    if matches!(version, [0..=2]) { Ok(Some(version)) } else { Err(DerError::BadValue) }
}

/// What the lints after stage 1 look at. Whatever several of them ask for is read or made once.
pub(super) struct Decoded<'a> {
    pub(super) kind: CertificateKind,
    pub(super) tbs: Fields<'a>,
    pub(super) values: Values<'a>,
    pub(super) issuer: &'a Issuer,
    /// Whose key a link certifies; of every other kind, the issuer.
    pub(super) linked: &'a Issuer,
    pub(super) profile: &'a Profile,
    /// The algorithm of the subject's public key, if it is one that we take.
    pub(super) key_algorithm: Option<Algorithm>,
    pub(super) common_name: Option<&'a str>,
    /// The municipality of the desk that the CN ends in: the partition to which the certificate says it belongs (I8).
    pub(super) municipality: Option<&'static Municipality>,
    /// The distribution point of that municipality.
    pub(super) point: Option<DistributionPoint>,
    pub(super) four_info: FourInfoTexts<'a>,
}

impl<'a> Decoded<'a> {
    pub(super) fn new(
        kind: CertificateKind,
        tbs_der: &'a [u8],
        (issuer, linked): (&'a Issuer, &'a Issuer),
        profile: &'a Profile,
    ) -> Result<Self, LintFinding> {
        let tbs = Fields::read(tbs_der).map_err(|_| DECODABLE)?;
        let values = Values::of(&tbs.extensions);
        let common_name = tbs.subject.common_name();
        let municipality = common_name.and_then(desk).and_then(|desk| municipality::find(desk.municipality()));
        Ok(Self {
            kind,
            issuer,
            linked,
            profile,
            key_algorithm: PublicKey::judge(tbs.public_key_info).ok().map(|(algorithm, _)| algorithm),
            common_name,
            municipality,
            point: municipality.map(|municipality| profile.distribution_point(issuer.issuer, municipality)),
            four_info: FourInfoTexts::of(values.subject_alt_name.as_deref().unwrap_or_default()),
            tbs,
            values,
        })
    }

    /// The CA that the issuer is.
    pub(super) fn ca(&self) -> Ca {
        self.issuer.issuer.ca
    }

    /// serialNumber, if it is one of ours: positive and at most eight octets.
    pub(super) fn serial(&self) -> Option<Serial> {
        small_unsigned(self.tbs.serial).and_then(Serial::new)
    }

    pub(super) fn policies(&self) -> &[PolicyInformation<'a>] {
        self.values.certificate_policies.as_deref().unwrap_or_default()
    }

    pub(super) fn points(&self) -> &[Point<'a>] {
        self.values.distribution_points.as_deref().unwrap_or_default()
    }

    pub(super) fn extensions(&self) -> &[Extension<'a>] {
        &self.tbs.extensions
    }
}

/// The desk that a CN ends in.
fn desk(common_name: &str) -> Option<DeskId> {
    let start = common_name.len().checked_sub(DeskId::OCTETS)?;
    common_name.get(start..)?.parse().ok()
}
