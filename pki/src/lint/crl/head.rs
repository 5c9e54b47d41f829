//! What stands around the entries of a CRL (RFC 5280 §5.1, §5.2).
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use x509_cert::crl::TbsCertList;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, IssuingDistributionPoint};

use crate::crl::{CrlHead, CrlScope, VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};
use crate::der::{DerReader, DerWriter, Element, Tag};
use crate::lint::decoded::{is_directory_name, is_oid, is_uri, unix_time};
use crate::lint::encoding::is_positive;
use crate::lint::form::{Reading, SERIAL_OCTETS_MAX, once, read};
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
    pub(super) entries: Option<Element<'a>>,
    extensions: Option<Element<'a>>,
}

impl<'a> Fields<'a> {
    pub(super) fn split(tbs_der: &'a [u8]) -> Option<Self> {
        let mut outer = DerReader::new(tbs_der);
        let mut fields = outer.sequence().ok()?;
        let version = fields.optional(Tag::INTEGER).ok()?;
        let start = [fields.expect(Tag::SEQUENCE).ok()?, fields.expect(Tag::SEQUENCE).ok()?];
        let this_update = time(&mut fields)?;
        let next_update = time(&mut fields);
        let entries = fields.optional(Tag::SEQUENCE).ok()?;
        let extensions = fields.optional(Tag::context_constructed(0)).ok()?;
        fields.finish().and(outer.finish()).ok()?;
        Some(Self { version, start, this_update, next_update, entries, extensions })
    }

    /// The tbsCertList as it would be without its entries.
    pub(super) fn head_der(&self) -> Vec<u8> {
        let Self { version, start, this_update, next_update, entries: _, extensions } = self;
        let fields = version.iter().chain(start).chain([this_update]).chain(next_update).chain(extensions);
        let mut writer = DerWriter::new();
        writer.sequence(|w| fields.for_each(|field| w.raw(field.whole)));
        writer.finish()
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
    fields.entries.is_none_or(|list| !list.contents.is_empty())
}

/// What stands around the entries, decoded, beside the plan.
pub(super) struct Decoded<'a> {
    head_der: &'a [u8],
    tbs: TbsCertList,
    plan: &'a CrlHead<'a>,
}

pub(super) type HeadLint = Lint<fn(&Decoded<'_>) -> bool>;

/// The extensions in the order of our CRLs.
const ORDER: [Oid; 3] = [oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_NUMBER, oid::ISSUING_DISTRIBUTION_POINT];

pub(super) const LAYOUT: &[HeadLint] = &[
    lint("crl.defaults", "X.690 §11.5; I4", "a DEFAULT value written out", defaults),
    lint("crl.extensions-once", "RFC 5280 §4.2, §5.2", "an extension that is there twice", |decoded| {
        once(decoded.extensions())
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
    lint(
        "crl.extensions-foreign",
        "RFC 5280 §5.2; C08, C10, C12, C13",
        "an extension that our CRLs do not have, deltaCRLIndicator among them",
        foreign,
    ),
    lint("crl.extension-order", "C07, C09, C11: one layout for all CRLs", "extensions in another order", order),
    lint(
        "crl.authority-key-not-critical",
        "RFC 5280 §5.2.1, §4.2.1.1; C07",
        "a critical authorityKeyIdentifier",
        |decoded| decoded.critical(oid::AUTHORITY_KEY_IDENTIFIER) != Some(true),
    ),
    lint("crl.number-not-critical", "RFC 5280 §5.2.3; C09", "a critical cRLNumber", |decoded| {
        decoded.critical(oid::CRL_NUMBER) != Some(true)
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
        number,
    ),
    lint(
        "crl.point-user-certificates",
        "RFC 5280 §5.2.5: set when true; C11",
        "an issuingDistributionPoint without onlyContainsUserCerts",
        |decoded| decoded.point(|point| point.only_contains_user_certs),
    ),
    lint(
        "crl.point-no-ca-certificates",
        "RFC 5280 §5.2.5: at most one of the three; C11",
        "onlyContainsCACerts",
        |decoded| decoded.point(|point| !point.only_contains_ca_certs),
    ),
    lint(
        "crl.point-no-attribute-certificates",
        "RFC 5280 §5.2.5: FALSE; C11",
        "onlyContainsAttributeCerts",
        |decoded| decoded.point(|point| !point.only_contains_attribute_certs),
    ),
    lint("crl.point-all-reasons", "RFC 5280 §5.2.5; C11", "onlySomeReasons", |decoded| {
        decoded.point(|point| point.only_some_reasons.is_none())
    }),
    lint("crl.point-direct", "RFC 5280 §5.2.5: set truthfully; C11, B07", "indirectCRL", |decoded| {
        decoded.point(|point| !point.indirect_crl)
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
    pub(super) fn new(head_der: &'a [u8], plan: &'a CrlHead<'a>) -> Result<Self, LintFinding> {
        let tbs = TbsCertList::from_der(head_der).map_err(|_| DECODABLE)?;
        Ok(Self { head_der, tbs, plan })
    }

    fn extensions(&self) -> &[Extension] {
        self.tbs.crl_extensions.as_deref().unwrap_or_default()
    }

    fn find(&self, oid: Oid) -> Option<&Extension> {
        self.extensions().iter().find(|extension| is_oid(extension.extn_id, oid))
    }

    fn has(&self, oid: Oid) -> bool {
        self.find(oid).is_some()
    }

    fn critical(&self, oid: Oid) -> Option<bool> {
        self.find(oid).map(|extension| extension.critical)
    }

    fn value<T: for<'b> Decode<'b>>(&self, oid: Oid) -> Option<T> {
        T::from_der(self.find(oid)?.extn_value.as_bytes()).ok()
    }

    fn point(&self, holds: impl FnOnce(&IssuingDistributionPoint) -> bool) -> bool {
        self.value(oid::ISSUING_DISTRIBUTION_POINT).is_some_and(|point| holds(&point))
    }

    fn validity(&self) -> [UnixTime; 2] {
        let this_update = unix_time(&self.tbs.this_update);
        // `crl.next-update` has seen that there is one.
        [this_update, self.tbs.next_update.as_ref().map_or(this_update, unix_time)]
    }

    fn validity_seconds(&self) -> i64 {
        let [this_update, next_update] = self.validity();
        next_update.seconds_since(this_update)
    }

    /// The content octets of cRLNumber.
    fn number_octets(&self) -> Vec<u8> {
        let extension = self.find(oid::CRL_NUMBER).map(|extension| extension.extn_value.as_bytes());
        DerReader::new(extension.unwrap_or_default()).integer_octets().unwrap_or_default().to_vec()
    }
}

fn defaults(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.to_der().is_ok_and(|again| again == decoded.head_der)
}

fn reading(extension: &Extension) -> Reading {
    let value = extension.extn_value.as_bytes();
    if extension.extn_id == AuthorityKeyIdentifier::OID {
        read::<AuthorityKeyIdentifier>(value)
    } else if extension.extn_id == CrlNumber::OID {
        read::<CrlNumber>(value)
    } else if is_oid(extension.extn_id, oid::ISSUING_DISTRIBUTION_POINT) {
        read::<IssuingDistributionPoint>(value)
    } else {
        // `crl.extensions-foreign` refuses it.
        Reading::AsItStands
    }
}

fn extension_values(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| reading(extension) != Reading::NotOfItsType)
}

fn extension_defaults(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| reading(extension) != Reading::EncodedOtherwise)
}

fn place(extension: &Extension) -> Option<usize> {
    ORDER.iter().position(|oid| is_oid(extension.extn_id, *oid))
}

fn foreign(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().all(|extension| place(extension).is_some())
}

fn order(decoded: &Decoded<'_>) -> bool {
    decoded.extensions().iter().filter_map(place).is_sorted()
}

fn algorithm(decoded: &Decoded<'_>) -> bool {
    let expected = decoded.plan.public_key.algorithm().signature_identifier();
    decoded.tbs.signature.to_der().is_ok_and(|found| found == expected)
}

fn issuer(decoded: &Decoded<'_>) -> bool {
    decoded.tbs.issuer.to_der().is_ok_and(|found| found == decoded.plan.issuer_name.to_der())
}

fn this_update(decoded: &Decoded<'_>) -> bool {
    decoded.validity()[0] == decoded.plan.this_update
}

fn next_update(decoded: &Decoded<'_>) -> bool {
    decoded.validity()[1] == decoded.plan.next_update
}

fn validity_least(decoded: &Decoded<'_>) -> bool {
    decoded.validity_seconds() >= VALIDITY_SECONDS_MIN
}

fn validity_most(decoded: &Decoded<'_>) -> bool {
    decoded.validity_seconds() <= VALIDITY_SECONDS_MAX
}

fn authority_key(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.value::<AuthorityKeyIdentifier>(oid::AUTHORITY_KEY_IDENTIFIER);
    let key = authority.and_then(|authority| authority.key_identifier);
    key.is_some_and(|key| key.as_bytes() == decoded.plan.public_key.key_identifier())
}

fn authority_key_alone(decoded: &Decoded<'_>) -> bool {
    let authority = decoded.value::<AuthorityKeyIdentifier>(oid::AUTHORITY_KEY_IDENTIFIER);
    authority.is_some_and(|authority| {
        authority.authority_cert_issuer.is_none() && authority.authority_cert_serial_number.is_none()
    })
}

fn number_positive(decoded: &Decoded<'_>) -> bool {
    is_positive(&decoded.number_octets())
}

fn number_octets(decoded: &Decoded<'_>) -> bool {
    decoded.number_octets().len() <= SERIAL_OCTETS_MAX
}

/// What the two lints before this one refuse is left to them.
fn number(decoded: &Decoded<'_>) -> bool {
    let octets = decoded.number_octets();
    let mut planned = DerWriter::new();
    planned.integer(decoded.plan.crl_number);
    !is_positive(&octets) || octets.len() > SERIAL_OCTETS_MAX || planned.as_slice()[2..] == octets
}

fn point_name(decoded: &Decoded<'_>) -> bool {
    decoded.point(|point| match (decoded.plan.scope, &point.distribution_point) {
        (CrlScope::Full, None) => true,
        (CrlScope::Partition(planned), Some(DistributionPointName::FullName(names))) => {
            match (&names[..], &planned.uri) {
                ([name], None) => is_directory_name(name, &planned.directory_name),
                ([name, location], Some(uri)) => {
                    is_directory_name(name, &planned.directory_name) && is_uri(location, uri)
                }
                _ => false,
            }
        }
        (CrlScope::Full, Some(_)) | (CrlScope::Partition(_), _) => false,
    })
}

/// C, O and OU of the directoryName and of the issuer are the same: the two names are made in different places.
fn point_of_issuer(decoded: &Decoded<'_>) -> bool {
    decoded.point(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => names.iter().all(|name| match name {
            GeneralName::DirectoryName(name) => name.iter_rdn().take(3).eq(decoded.tbs.issuer.iter_rdn().take(3)),
            // `crl.point-name` refuses any other but a URI.
            _ => true,
        }),
        _ => true,
    })
}
