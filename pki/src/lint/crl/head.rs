//! What stands around the entries of a CRL (RFC 5280 §5.1, §5.2).
use std::ops::Range;

use crate::algorithm::is_signature_identifier_of;
use crate::crl::{CrlFrame, CrlHead, CrlKind, CrlScope, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};
use crate::der::{DerError, DerReader, DerWriter, Element, Tag, small_unsigned};
use crate::lint::encoding::is_positive;
use crate::lint::form::SERIAL_OCTETS_MAX;
use crate::lint::names::{GeneralName, Name};
use crate::lint::read::{Extension, Read, algorithm_identifier, once, whole};
use crate::lint::values::{AuthorityKeyIdentifier, Point, PointName};
use crate::lint::{Lint, LintFinding, lint};
use crate::oid::{self, Oid};
use crate::time::UnixTime;

pub(super) const FIELDS: LintFinding = LintFinding {
    lint: "crl.fields",
    clause: "RFC 5280 §5.1",
    refuses: "elements that are not the fields of a TBSCertList in their order",
};

pub(super) const DECODABLE: LintFinding =
    LintFinding { lint: "crl.decodable", clause: "RFC 5280 §5.1", refuses: "fields that are not of their types" };

/// The fields of a tbsCertList, before they are decoded.
pub(super) struct Fields<'a> {
    version: Option<Element<'a>>,
    /// signature and issuer.
    start: [Element<'a>; 2],
    this_update: Element<'a>,
    next_update: Option<Element<'a>>,
    /// Octets of the entries, if there is a revokedCertificates.
    entries_octets: Option<usize>,
    extensions: Option<Element<'a>>,
}

impl<'a> Fields<'a> {
    pub(super) fn split(frame: &'a CrlFrame) -> Option<Self> {
        let mut before = DerReader::new(&frame.before);
        let contents = before.header(Tag::SEQUENCE).ok()?;
        if contents != before.rest().len() + frame.entries_octets + frame.after.len() {
            return None;
        }
        let version = before.optional(Tag::INTEGER).ok()?;
        let start = [before.expect(Tag::SEQUENCE).ok()?, before.expect(Tag::SEQUENCE).ok()?];
        let this_update = time(&mut before)?;
        let next_update = time(&mut before);
        let entries_octets = if before.is_empty() { None } else { Some(before.header(Tag::SEQUENCE).ok()?) };
        let mut after = DerReader::new(&frame.after);
        let extensions = after.optional(Tag::context_constructed(0)).ok()?;
        before.finish().and(after.finish()).ok()?;
        let fields = Self { version, start, this_update, next_update, entries_octets, extensions };
        (entries_octets.unwrap_or(0) == frame.entries_octets).then_some(fields)
    }

    /// The tbsCertList as it would be without its entries.
    pub(super) fn head_der(&self) -> Vec<u8> {
        let Self { version, start, this_update, next_update, entries_octets: _, extensions } = self;
        let fields = version.iter().chain(start).chain([this_update]).chain(next_update).chain(extensions);
        let mut writer = DerWriter::new();
        writer.sequence(|w| fields.for_each(|field| w.raw(field.whole)));
        writer.finish()
    }
}

/// Where in a tbsCertList the octets of its entries lie; at the same place an empty range, if there is no list.
pub(in crate::lint) fn entries_in(tbs_der: &[u8]) -> Option<Range<usize>> {
    let mut fields = DerReader::new(tbs_der).sequence().ok()?;
    fields.optional(Tag::INTEGER).ok()?;
    fields.expect(Tag::SEQUENCE).ok()?;
    fields.expect(Tag::SEQUENCE).ok()?;
    time(&mut fields)?;
    time(&mut fields);
    if fields.peek() == Some(Tag::SEQUENCE) {
        let octets = fields.header(Tag::SEQUENCE).ok()?;
        let start = tbs_der.len().checked_sub(fields.rest().len())?;
        (octets <= fields.rest().len()).then_some(start..start + octets)
    } else {
        let start = tbs_der.len().checked_sub(fields.rest().len())?;
        Some(start..start)
    }
}

fn time<'a>(fields: &mut DerReader<'a>) -> Option<Element<'a>> {
    let is_time = matches!(fields.peek(), Some(Tag::UTC_TIME | Tag::GENERALIZED_TIME));
    if is_time { fields.element().ok() } else { None }
}

pub(super) type FieldsLint = Lint<fn(&Fields<'_>) -> bool>;

pub(super) const FORM: &[FieldsLint] = &[
    lint("crl.version", "RFC 5280 §5.1.2.1; C01", "a version other than v2", version),
    lint("crl.next-update", "RFC 5280 §5.1.2.5; C04", "no nextUpdate", |fields| fields.next_update.is_some()),
    lint(
        "crl.list-filled",
        "RFC 5280 §5.1.2.6: absent, not empty; C05",
        "a revokedCertificates without entries",
        list_filled,
    ),
];

fn version(fields: &Fields<'_>) -> bool {
    fields.version.is_some_and(|version| version.contents == [1])
}

fn list_filled(fields: &Fields<'_>) -> bool {
    fields.entries_octets != Some(0)
}

/// What stands around the entries, decoded, beside the plan.
pub(super) struct Decoded<'a> {
    signature: &'a [u8],
    issuer: Name<'a>,
    this_update: UnixTime,
    next_update: UnixTime,
    extensions: Vec<Extension<'a>>,
    values: Values<'a>,
    plan: &'a CrlHead<'a>,
}

/// What the extensions say.
#[derive(Default)]
struct Values<'a> {
    authority: Option<AuthorityKeyIdentifier<'a>>,
    /// Content octets of cRLNumber.
    number: &'a [u8],
    /// Content octets of BaseCRLNumber.
    base: &'a [u8],
    point: Option<IssuingDistributionPoint<'a>>,
    freshest: Vec<Point<'a>>,
    /// A value is not of the type that its extnID says.
    misread: bool,
}

/// IssuingDistributionPoint (RFC 5280 §5.2.5). A flag is `None` if it is not written, which means FALSE, the DEFAULT.
struct IssuingDistributionPoint<'a> {
    name: Option<PointName<'a>>,
    only_user_certificates: Option<bool>,
    only_ca_certificates: Option<bool>,
    /// There is an onlySomeReasons.
    some_reasons: bool,
    indirect: Option<bool>,
    only_attribute_certificates: Option<bool>,
}

impl<'a> Read<'a> for IssuingDistributionPoint<'a> {
    fn read(reader: &mut DerReader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let read = Self {
            name: fields.optional(Tag::context_constructed(0))?.map(PointName::of).transpose()?,
            only_user_certificates: flag(&mut fields, 1)?,
            only_ca_certificates: flag(&mut fields, 2)?,
            some_reasons: fields.optional(Tag::context(3))?.is_some(),
            indirect: flag(&mut fields, 4)?,
            only_attribute_certificates: flag(&mut fields, 5)?,
        };
        fields.finish()?;
        Ok(read)
    }
}

/// A BOOLEAN with that IMPLICIT tag, if it is written.
fn flag(fields: &mut DerReader<'_>, tag: u8) -> Result<Option<bool>, DerError> {
    match fields.optional(Tag::context(tag))?.map(|flag| flag.contents) {
        None => Ok(None),
        Some([0xff]) => Ok(Some(true)),
        Some([0]) => Ok(Some(false)),
        Some(_) => Err(DerError::BadValue),
    }
}

impl IssuingDistributionPoint<'_> {
    fn writes_default(&self) -> bool {
        let Self { only_user_certificates, only_ca_certificates, indirect, only_attribute_certificates, .. } = self;
        [only_user_certificates, only_ca_certificates, indirect, only_attribute_certificates].contains(&&Some(false))
    }
}

impl<'a> Values<'a> {
    fn of(extensions: &[Extension<'a>]) -> Self {
        let mut values = Self::default();
        for Extension { id, value, .. } in extensions {
            // `crl.extensions-once` refuses a second one of a type, `crl.extensions-foreign` any other.
            let fitting = match *id {
                id if id.is(oid::AUTHORITY_KEY_IDENTIFIER) => whole(value).map(|read| values.authority = Some(read)),
                id if id.is(oid::CRL_NUMBER) => number(value).map(|read| values.number = read),
                id if id.is(oid::DELTA_CRL_INDICATOR) => number(value).map(|read| values.base = read),
                id if id.is(oid::ISSUING_DISTRIBUTION_POINT) => whole(value).map(|read| values.point = Some(read)),
                id if id.is(oid::FRESHEST_CRL) => whole(value).map(|read| values.freshest = read),
                _ => Ok(()),
            };
            values.misread |= fitting.is_err();
        }
        values
    }
}

/// The content octets of the INTEGER that is the value of a cRLNumber or deltaCRLIndicator.
fn number(value: &[u8]) -> Result<&[u8], DerError> {
    let mut reader = DerReader::new(value);
    let octets = reader.integer_octets()?;
    reader.finish()?;
    Ok(octets)
}

pub(super) type HeadLint = Lint<fn(&Decoded<'_>) -> bool>;

/// The extensions in the order of our CRLs.
const ORDER: [Oid; 5] = [
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::CRL_NUMBER,
    oid::DELTA_CRL_INDICATOR,
    oid::ISSUING_DISTRIBUTION_POINT,
    oid::FRESHEST_CRL,
];

pub(super) const LAYOUT: &[HeadLint] = &[
    lint("crl.defaults", "X.690 §11.5; I4", "a DEFAULT value written out", defaults),
    lint("crl.extensions-once", "RFC 5280 §4.2, §5.2", "an extension that is there twice", |decoded| {
        once(&decoded.extensions)
    }),
    lint(
        "crl.extension-values",
        "RFC 5280 §5.2: of the type that extnID says",
        "an extension whose value is not of its type",
        extension_values,
    ),
    lint(
        "crl.extension-defaults",
        "X.690 §11.5; RFC 5280 §5.2.5",
        "a DEFAULT value written out in an extension",
        extension_defaults,
    ),
    lint("crl.authority-key-present", "RFC 5280 §5.2.1: in all CRLs; C07", "no authorityKeyIdentifier", |decoded| {
        decoded.has(oid::AUTHORITY_KEY_IDENTIFIER)
    }),
    lint("crl.number-present", "RFC 5280 §5.2.3: in all CRLs; C09", "no cRLNumber", |decoded| {
        decoded.has(oid::CRL_NUMBER)
    }),
    lint("crl.point-present", "RFC 5280 §5.2.5; C11", "no issuingDistributionPoint", |decoded| {
        decoded.has(oid::ISSUING_DISTRIBUTION_POINT)
    }),
    lint("crl.extensions-foreign", "RFC 5280 §5.2; C08, C13", "an extension that our CRLs do not have", foreign),
    lint(
        "crl.delta-planned",
        "RFC 5280 §5.2.4: in delta CRLs, and in no others; C10",
        "a deltaCRLIndicator in a complete CRL, or a delta without one",
        delta_planned,
    ),
    lint("crl.freshest-no-delta", "RFC 5280 §5.2.6; C12", "a freshestCRL in a delta", freshest_no_delta),
    lint(
        "crl.freshest-planned",
        "RFC 5280 §5.2.6; C12",
        "a complete CRL that has deltas and no freshestCRL, or the other way round",
        freshest_planned,
    ),
    lint(
        "crl.extension-order",
        "C07, C09, C10, C11, C12: one layout for all CRLs",
        "extensions in another order",
        order,
    ),
    lint(
        "crl.authority-key-not-critical",
        "RFC 5280 §5.2.1, §4.2.1.1; C07",
        "a critical authorityKeyIdentifier",
        |decoded| decoded.critical(oid::AUTHORITY_KEY_IDENTIFIER) != Some(true),
    ),
    lint("crl.number-not-critical", "RFC 5280 §5.2.3; C09", "a critical cRLNumber", |decoded| {
        decoded.critical(oid::CRL_NUMBER) != Some(true)
    }),
    lint("crl.delta-critical", "RFC 5280 §5.2.4; C10", "a deltaCRLIndicator that is not critical", |decoded| {
        decoded.critical(oid::DELTA_CRL_INDICATOR) != Some(false)
    }),
    lint("crl.freshest-not-critical", "RFC 5280 §5.2.6; C12", "a critical freshestCRL", |decoded| {
        decoded.critical(oid::FRESHEST_CRL) != Some(true)
    }),
    lint("crl.point-critical", "RFC 5280 §5.2.5; C11", "an issuingDistributionPoint that is not critical", |decoded| {
        decoded.critical(oid::ISSUING_DISTRIBUTION_POINT) != Some(false)
    }),
];

pub(super) const CONTENTS: &[HeadLint] = &[
    lint(
        "crl.algorithm",
        "RFC 5280 §5.1.1.2, §5.1.2.2; C02",
        "a signature algorithm that is not that of the issuer's key",
        algorithm,
    ),
    lint("crl.issuer", "RFC 5280 §5.1.2.3; C03", "an issuer that is not the CA's name octet for octet", issuer),
    lint("crl.this-update", "RFC 5280 §5.1.2.4; C04", "a thisUpdate that is not the cut's", this_update),
    lint("crl.next-update-planned", "RFC 5280 §5.1.2.5; C04", "a nextUpdate that is not the cut's", next_update),
    lint(
        "crl.validity-least",
        "RFC 5280 §5.1.2.5: nextUpdate is later; I14",
        "a nextUpdate less than an hour after thisUpdate, or before it",
        validity_least,
    ),
    lint("crl.validity-most", "B04; I14", "a nextUpdate more than ten days after thisUpdate", validity_most),
    lint(
        "crl.authority-key",
        "RFC 5280 §5.2.1; C07; I18",
        "a keyIdentifier that is not that of the issuer's key",
        authority_key,
    ),
    lint(
        "crl.authority-key-alone",
        "RFC 5280 §5.2.1: the key identifier method; C07",
        "an authorityCertIssuer or authorityCertSerialNumber",
        authority_key_alone,
    ),
    lint("crl.number-positive", "RFC 5280 §5.2.3; C09", "a cRLNumber of zero or below", number_positive),
    lint(
        "crl.number-octets",
        "RFC 5280 §5.2.3: at most 20 octets; C09",
        "a cRLNumber of more than 20 octets",
        number_octets,
    ),
    lint(
        "crl.number",
        "RFC 5280 §5.2.3: one number for all CRLs of a cut; C09",
        "a cRLNumber that is not the cut's",
        number_planned,
    ),
    lint(
        "crl.base-number",
        "RFC 5280 §5.2.4: it identifies the complete CRL; C10",
        "a BaseCRLNumber that is not that of the base",
        base_planned,
    ),
    lint(
        "crl.base-number-range",
        "RFC 5280 §5.2.4, §5.2.3; C10",
        "a BaseCRLNumber below one or above the cRLNumber",
        base_range,
    ),
    lint(
        "crl.freshest-point",
        "RFC 5280 §5.2.6, §4.2.1.13; C12",
        "a freshestCRL other than one distribution point with the one URI of the deltas",
        freshest_point,
    ),
    lint(
        "crl.freshest-point-alone",
        "RFC 5280 §5.2.6: reasons and cRLIssuer MUST be omitted; C12",
        "a freshestCRL with reasons or a cRLIssuer",
        |decoded| decoded.values.freshest.iter().all(|point| !point.reasons && !point.crl_issuer),
    ),
    lint(
        "crl.point-user-certificates",
        "RFC 5280 §5.2.5: set when true; C11",
        "an issuingDistributionPoint without onlyContainsUserCerts, or with it in a CRL of CA certificates",
        |decoded| decoded.point(|point| (point.only_user_certificates == Some(true)) != is_of_cas(decoded)),
    ),
    lint(
        "crl.point-ca-certificates",
        "RFC 5280 §5.2.5: set when true, at most one of the three; C11",
        "an issuingDistributionPoint with onlyContainsCACerts, or without it in a CRL of CA certificates",
        |decoded| decoded.point(|point| (point.only_ca_certificates == Some(true)) == is_of_cas(decoded)),
    ),
    lint(
        "crl.point-no-attribute-certificates",
        "RFC 5280 §5.2.5: FALSE; C11",
        "onlyContainsAttributeCerts",
        |decoded| decoded.point(|point| point.only_attribute_certificates != Some(true)),
    ),
    lint("crl.point-all-reasons", "RFC 5280 §5.2.5; C11", "onlySomeReasons", |decoded| {
        decoded.point(|point| !point.some_reasons)
    }),
    lint("crl.point-direct", "RFC 5280 §5.2.5: set truthfully; C11, B07", "indirectCRL", |decoded| {
        decoded.point(|point| point.indirect != Some(true))
    }),
    lint(
        "crl.point-name",
        "RFC 5280 §5.2.5: the name in the certificates, or none when it lists all; C11, I8",
        "a distribution point that is not that of this CRL's certificates",
        point_name,
    ),
    lint(
        "crl.point-of-issuer",
        "facts 1.3, 5: C, O and OU are the issuer's",
        "a distribution point whose name does not begin as the issuer's does",
        point_of_issuer,
    ),
];

impl<'a> Decoded<'a> {
    pub(super) fn new(fields: &Fields<'a>, plan: &'a CrlHead<'a>) -> Result<Self, LintFinding> {
        Self::read(fields, plan).map_err(|_| DECODABLE)
    }

    fn read(fields: &Fields<'a>, plan: &'a CrlHead<'a>) -> Result<Self, DerError> {
        let [signature, issuer] = fields.start;
        let extensions =
            fields.extensions.map(|tagged| whole::<Vec<_>>(tagged.contents)).transpose()?.unwrap_or_default();
        let this_update = DerReader::new(fields.this_update.whole).time()?;
        Ok(Self {
            signature: algorithm_identifier(&mut DerReader::new(signature.whole))?,
            issuer: whole(issuer.whole)?,
            this_update,
            // `crl.next-update` has seen that there is one.
            next_update: fields.next_update.map_or(Ok(this_update), |next| DerReader::new(next.whole).time())?,
            values: Values::of(&extensions),
            extensions,
            plan,
        })
    }

    fn find(&self, oid: Oid) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|extension| extension.id.is(oid))
    }

    fn has(&self, oid: Oid) -> bool {
        self.find(oid).is_some()
    }

    fn critical(&self, oid: Oid) -> Option<bool> {
        self.find(oid).map(Extension::critical)
    }

    fn point(&self, holds: impl FnOnce(&IssuingDistributionPoint<'_>) -> bool) -> bool {
        self.values.point.as_ref().is_some_and(holds)
    }

    fn validity_seconds(&self) -> i64 {
        self.next_update.seconds_since(self.this_update)
    }
}

fn defaults(decoded: &Decoded<'_>) -> bool {
    !decoded.extensions.iter().any(Extension::writes_default)
}

fn extension_values(decoded: &Decoded<'_>) -> bool {
    !decoded.values.misread
}

fn extension_defaults(decoded: &Decoded<'_>) -> bool {
    decoded.values.point.as_ref().is_none_or(|point| !point.writes_default())
}

fn place(extension: &Extension<'_>) -> Option<usize> {
    ORDER.iter().position(|oid| extension.id.is(*oid))
}

fn foreign(decoded: &Decoded<'_>) -> bool {
    decoded.extensions.iter().all(|extension| place(extension).is_some())
}

fn order(decoded: &Decoded<'_>) -> bool {
    decoded.extensions.iter().filter_map(place).is_sorted()
}

fn delta_planned(decoded: &Decoded<'_>) -> bool {
    decoded.has(oid::DELTA_CRL_INDICATOR) == matches!(decoded.plan.kind, CrlKind::Delta { .. })
}

fn freshest_no_delta(decoded: &Decoded<'_>) -> bool {
    !(decoded.has(oid::FRESHEST_CRL) && matches!(decoded.plan.kind, CrlKind::Delta { .. }))
}

/// A delta is left to the lint before this one.
fn freshest_planned(decoded: &Decoded<'_>) -> bool {
    match decoded.plan.kind {
        CrlKind::Complete { freshest_crl } => decoded.has(oid::FRESHEST_CRL) == freshest_crl.is_some(),
        CrlKind::Delta { .. } => true,
    }
}

fn algorithm(decoded: &Decoded<'_>) -> bool {
    is_signature_identifier_of(decoded.plan.public_key.algorithm(), decoded.signature)
}

fn issuer(decoded: &Decoded<'_>) -> bool {
    decoded.issuer.is(decoded.plan.issuer_name)
}

fn this_update(decoded: &Decoded<'_>) -> bool {
    decoded.this_update == decoded.plan.this_update
}

fn next_update(decoded: &Decoded<'_>) -> bool {
    decoded.next_update == decoded.plan.next_update
}

fn validity_least(decoded: &Decoded<'_>) -> bool {
    decoded.validity_seconds() >= VALIDITY_SECONDS_MIN
}

fn validity_most(decoded: &Decoded<'_>) -> bool {
    decoded.validity_seconds() <= VALIDITY_SECONDS_MAX
}

fn authority_key(decoded: &Decoded<'_>) -> bool {
    let key = decoded.values.authority.as_ref().and_then(|authority| authority.key);
    key.is_some_and(|key| key == decoded.plan.public_key.key_identifier())
}

fn authority_key_alone(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.values.authority.as_ref();
    authority.is_some_and(|authority| authority.issuer.is_none() && authority.serial.is_none())
}

fn number_positive(decoded: &Decoded<'_>) -> bool {
    is_positive(decoded.values.number)
}

fn number_octets(decoded: &Decoded<'_>) -> bool {
    decoded.values.number.len() <= SERIAL_OCTETS_MAX
}

/// What the two lints before this one refuse is left to them.
fn number_planned(decoded: &Decoded<'_>) -> bool {
    let octets = decoded.values.number;
    !is_positive(octets) || octets.len() > SERIAL_OCTETS_MAX || is_number(octets, decoded.plan.crl_number)
}

/// They are the content octets of that INTEGER.
fn is_number(octets: &[u8], number: u64) -> bool {
    let mut writer = DerWriter::new();
    writer.integer(number);
    writer.as_slice()[2..] == *octets
}

fn base_planned(decoded: &Decoded<'_>) -> bool {
    match decoded.plan.kind {
        CrlKind::Complete { .. } => true,
        CrlKind::Delta { base_crl_number } => is_number(decoded.values.base, base_crl_number),
    }
}

/// What is no number of ours is left to the lint before this one and to those of cRLNumber.
fn base_range(decoded: &Decoded<'_>) -> bool {
    let Values { base, number, .. } = &decoded.values;
    let is_delta = matches!(decoded.plan.kind, CrlKind::Delta { .. });
    let (base, number) = (small_unsigned(base), small_unsigned(number));
    !is_delta || base.zip(number).is_none_or(|(base, number)| (1..=number).contains(&base))
}

fn freshest_point(decoded: &Decoded<'_>) -> bool {
    match decoded.plan.kind {
        CrlKind::Complete { freshest_crl: Some(uri) } => match &decoded.values.freshest[..] {
            [Point { name: Some(PointName::FullName(names)), .. }] => matches!(names[..], [name] if name.is_uri(uri)),
            _ => false,
        },
        CrlKind::Complete { freshest_crl: None } | CrlKind::Delta { .. } => true,
    }
}

fn is_of_cas(decoded: &Decoded<'_>) -> bool {
    matches!(decoded.plan.scope, CrlScope::CaCertificates)
}

fn point_name(decoded: &Decoded<'_>) -> bool {
    decoded.point(|point| match (decoded.plan.scope, &point.name) {
        (CrlScope::Full | CrlScope::CaCertificates, None) => true,
        (CrlScope::Partition(planned), Some(name)) => name.is(planned),
        (CrlScope::Full | CrlScope::CaCertificates, Some(_)) | (CrlScope::Partition(_), None) => false,
    })
}

/// C, O and OU of the directoryName and of the issuer are the same: the two names are made in different places.
fn point_of_issuer(decoded: &Decoded<'_>) -> bool {
    decoded.point(|point| match &point.name {
        Some(PointName::FullName(names)) => names.iter().all(|name| match name {
            GeneralName::DirectoryName(name) => name.attributes().take(3).eq(decoded.issuer.attributes().take(3)),
            // `crl.point-name` refuses any other but a URI.
            GeneralName::OtherName { .. } | GeneralName::Uri(_) | GeneralName::Foreign => true,
        }),
        Some(PointName::Relative) | None => true,
    })
}
