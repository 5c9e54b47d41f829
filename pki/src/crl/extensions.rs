//! The extensions of our CRLs, both ways: authorityKeyIdentifier, cRLNumber, deltaCRLIndicator in a delta,
//! issuingDistributionPoint, freshestCRL in a complete CRL that has deltas, in this order.
use crate::crl::{CrlReadError, DistributionPoint};
use crate::der::{DerReader, DerWriter, Tag, small_unsigned};
use crate::name;
use crate::oid::{self, Oid};

/// Whether a CRL lists everything in its scope, or what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlKind<'a> {
    /// A complete CRL.
    Complete {
        /// freshestCRL: the URI of its deltas, if it has any (C12).
        freshest_crl: Option<&'a str>,
    },
    /// A delta CRL: what changed since a complete one (RFC 5280 §5.2.4). It has no freshestCRL (C12).
    Delta {
        /// BaseCRLNumber: cRLNumber of that complete CRL (C10).
        base_crl_number: u64,
    },
}

/// The value of freshestCRL for that URI: one distribution point, without reasons and cRLIssuer (C12).
pub fn freshest_crl_value(uri: &str) -> Vec<u8> {
    let mut writer = DerWriter::new();
    write_freshest_crl(&mut writer, uri);
    writer.finish()
}

fn write_freshest_crl(writer: &mut DerWriter, uri: &str) {
    writer.sequence(|w| {
        w.sequence(|w| {
            // DistributionPointName is a CHOICE, so the outer [0] is EXPLICIT; the inner one is fullName.
            w.constructed(Tag::context_constructed(0), |w| {
                w.constructed(Tag::context_constructed(0), |w| name::write_uri(w, uri));
            });
        });
    });
}

/// Which certificates a CRL speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrlScope {
    /// Every end-entity certificate of the issuer.
    Full,
    /// Those of one municipality: the ones that name this distribution point.
    Partition(DistributionPoint),
    /// Every CA certificate of the issuer: its own and links.
    CaCertificates,
}

impl CrlScope {
    /// The value of issuingDistributionPoint. A verifier compares it with the certificate's own distribution point, and
    /// so does the check before a cut is published (C11, I11).
    pub fn to_issuing_distribution_point(&self) -> Vec<u8> {
        let mut writer = DerWriter::new();
        self.write_issuing_distribution_point(&mut writer);
        writer.finish()
    }

    fn write_issuing_distribution_point(&self, writer: &mut DerWriter) {
        writer.sequence(|w| {
            match self {
                // C11: no distributionPoint, so the CRL must list everything in its scope.
                Self::Full | Self::CaCertificates => {}
                Self::Partition(point) => point.write_distribution_point_name(w),
            }
            // onlyContainsUserCerts [1] or onlyContainsCACerts [2]: no CRL has both kinds. IndirectCRL and the rest stay FALSE
            // (C11, B07).
            let only = match self {
                Self::Full | Self::Partition(_) => 1,
                Self::CaCertificates => 2,
            };
            w.primitive(Tag::context(only), &[0xff]);
        });
    }
}

pub(crate) fn write_extensions(
    writer: &mut DerWriter,
    authority_key_identifier: [u8; 20],
    crl_number: u64,
    kind: CrlKind<'_>,
    scope: &CrlScope,
) {
    writer.constructed(Tag::context_constructed(0), |w| {
        w.sequence(|w| {
            // C07: keyIdentifier [0].
            w.extension(oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
                w.sequence(|w| w.primitive(Tag::context(0), &authority_key_identifier));
            });
            w.extension(oid::CRL_NUMBER, false, |w| w.integer(crl_number)); // C09
            if let CrlKind::Delta { base_crl_number } = kind {
                w.extension(oid::DELTA_CRL_INDICATOR, true, |w| w.integer(base_crl_number)); // C10
            }
            w.extension(oid::ISSUING_DISTRIBUTION_POINT, true, |w| scope.write_issuing_distribution_point(w)); // C11
            if let CrlKind::Complete { freshest_crl: Some(uri) } = kind {
                w.extension(oid::FRESHEST_CRL, false, |w| write_freshest_crl(w, uri)); // C12
            }
        });
    });
}

/// What the extensions of a CRL say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadExtensions<'a> {
    pub(crate) authority_key_identifier: [u8; 20],
    pub(crate) crl_number: u64,
    /// Of a delta CRL alone.
    pub(crate) base_crl_number: Option<u64>,
    pub(crate) issuing_distribution_point: &'a [u8],
    pub(crate) freshest_crl: Option<&'a [u8]>,
}

/// Reads `Extensions`, which must be exactly ours, each with its criticality.
pub(crate) fn read_extensions(mut extensions: DerReader<'_>) -> Result<ReadExtensions<'_>, CrlReadError> {
    let key = read_extension(&mut extensions, oid::AUTHORITY_KEY_IDENTIFIER, false)?;
    let number = read_extension(&mut extensions, oid::CRL_NUMBER, false)?;
    let base = if comes_next(&extensions, oid::DELTA_CRL_INDICATOR) {
        Some(read_extension(&mut extensions, oid::DELTA_CRL_INDICATOR, true)?)
    } else {
        None
    };
    let issuing_distribution_point = read_extension(&mut extensions, oid::ISSUING_DISTRIBUTION_POINT, true)?;
    // C12: a delta has no freshestCRL.
    let freshest_crl = if base.is_none() && comes_next(&extensions, oid::FRESHEST_CRL) {
        Some(read_extension(&mut extensions, oid::FRESHEST_CRL, false)?)
    } else {
        None
    };
    if !extensions.is_empty() {
        let unknown =
            extensions.element().map_err(|source| CrlReadError::Malformed { field: "crlExtensions", source })?;
        return Err(CrlReadError::UnknownExtension { expected: None, found: name_of(unknown.contents) });
    }
    let number_in = |extension, value| read_number(value).ok_or(CrlReadError::BadExtension { extension });
    Ok(ReadExtensions {
        authority_key_identifier: read_key_identifier(key)
            .ok_or(CrlReadError::BadExtension { extension: oid::AUTHORITY_KEY_IDENTIFIER })?,
        crl_number: number_in(oid::CRL_NUMBER, number)?,
        base_crl_number: base.map(|base| number_in(oid::DELTA_CRL_INDICATOR, base)).transpose()?,
        issuing_distribution_point,
        freshest_crl,
    })
}

/// The next `Extension` is that one.
fn comes_next(extensions: &DerReader<'_>, oid: Oid) -> bool {
    let next = extensions.clone().sequence().and_then(|mut extension| extension.expect(Tag::OID));
    next.is_ok_and(|found| found.contents == oid.content())
}

/// Takes one `Extension`, which must be that one, and gives the contents of extnValue.
fn read_extension<'a>(extensions: &mut DerReader<'a>, expected: Oid, critical: bool) -> Result<&'a [u8], CrlReadError> {
    let malformed = |_| CrlReadError::BadExtension { extension: expected };
    let mut extension = extensions.sequence().map_err(|_| CrlReadError::MissingExtension { extension: expected })?;
    let whole = extension.rest();
    let found = extension.expect(Tag::OID).map_err(malformed)?.contents;
    if found != expected.content() {
        return Err(CrlReadError::UnknownExtension { expected: Some(expected), found: name_of(whole) });
    }
    let marked = extension.optional(Tag::BOOLEAN).map_err(malformed)?.map(|flag| flag.contents);
    // X.690 §11.5: FALSE is the default and is not written.
    if marked != critical.then_some(&[0xff][..]) {
        return Err(CrlReadError::WrongCriticality { extension: expected, critical });
    }
    let value = extension.expect(Tag::OCTET_STRING).map_err(malformed)?.contents;
    extension.finish().map_err(malformed)?;
    Ok(value)
}

fn read_key_identifier(value: &[u8]) -> Option<[u8; 20]> {
    let mut outer = DerReader::new(value);
    let mut fields = outer.sequence().ok()?;
    let identifier = fields.expect(Tag::context(0)).ok()?.contents;
    fields.finish().and(outer.finish()).ok()?;
    identifier.try_into().ok()
}

fn read_number(value: &[u8]) -> Option<u64> {
    let mut reader = DerReader::new(value);
    let number = reader.integer_octets().ok().and_then(small_unsigned)?;
    reader.finish().ok()?;
    Some(number)
}

/// The OID of an extension, as [`CrlReadError::UnknownExtension`] shows it.
fn name_of(extension: &[u8]) -> String {
    let octets = DerReader::new(extension).expect(Tag::OID).map_or(&[][..], |oid| oid.contents);
    format!("{octets:02x?}")
}
