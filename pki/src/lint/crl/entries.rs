//! The entries of a CRL (RFC 5280 §5.1.2.6, §5.3), read once, one after the other, without allocation.
use crate::crl::{CrlHead, CrlKind, REMOVE_FROM_CRL};
use crate::der::{DerReader, Element, Tag};
use crate::lint::encoding::is_positive;
use crate::lint::{Lint, LintFinding, LintRefusal, lint};
use crate::oid;
use crate::revocation::{CERTIFICATE_HOLD, RevocationReason};
use crate::time::UnixTime;

/// One entry beside the one before it.
pub(super) struct Entry<'a> {
    /// Content octets of userCertificate.
    serial: &'a [u8],
    /// Those of the entry before it.
    previous: Option<&'a [u8]>,
    /// revocationDate, and what it says if it is a second that exists.
    date: Element<'a>,
    since: Option<UnixTime>,
    plan: &'a CrlHead<'a>,
    extensions: Option<Extensions<'a>>,
}

/// crlEntryExtensions, as far as the lints ask.
#[derive(Default)]
struct Extensions<'a> {
    count: usize,
    reasons: usize,
    /// The critical flag of a reasonCode, if it is written.
    critical: Option<&'a [u8]>,
    /// The value of the last reasonCode.
    reason: &'a [u8],
}

type EntryLint = Lint<fn(&Entry<'_>) -> bool>;

pub(super) const FIELDS: LintFinding = LintFinding {
    lint: "crl-entry.fields",
    clause: "RFC 5280 §5.1; X.690 §10.1",
    refuses: "an entry that is not userCertificate, revocationDate and crlEntryExtensions in DER",
};

pub(super) const ENTRY: &[EntryLint] = &[
    lint("crl-entry.serial-shortest", "X.690 §8.3.2", "a serial not in its fewest octets", serial_shortest),
    lint("crl-entry.serial-positive", "RFC 5280 §4.1.2.2", "a serial of zero or below", |entry| {
        is_positive(entry.serial)
    }),
    lint("crl-entry.serial-range", "RFC 5280 §4.1.2.2; facts 1.3", "a serial of more than eight octets", |entry| {
        entry.serial.len() <= 8
    }),
    lint(
        "crl-entry.ascending",
        "RFC 5280 §5.1.2.6: by their serials; I12",
        "a serial that is not above the one before it",
        ascending,
    ),
    lint(
        "crl-entry.date",
        "RFC 5280 §5.1.2.6, §4.1.2.5; C04",
        "a revocationDate that is no second that exists, with seconds and Z",
        date,
    ),
    lint(
        "crl-entry.date-type",
        "RFC 5280 §5.1.2.6, §5.1.2.4; C04",
        "a revocationDate before 2050 as GeneralizedTime",
        date_type,
    ),
    lint(
        "crl-entry.date-past",
        "RFC 5280 §5.1.2.6: when it was revoked; I11",
        "a revocationDate after thisUpdate",
        date_past,
    ),
    lint(
        "crl-entry.extensions-filled",
        "RFC 5280 §5.1: SIZE (1..MAX)",
        "a crlEntryExtensions without an extension",
        extensions_filled,
    ),
    lint(
        "crl-entry.extensions-foreign",
        "RFC 5280 §5.3; C15, C16",
        "an extension other than reasonCode",
        extensions_foreign,
    ),
    lint("crl-entry.reason-once", "RFC 5280 §4.2, §5.3", "a reasonCode that is there twice", |entry| {
        entry.reasons(|reasons| reasons < 2)
    }),
    lint("crl-entry.reason-not-critical", "RFC 5280 §5.3.1; C14", "a critical reasonCode", |entry| {
        entry.critical() != Some(&[0xff])
    }),
    lint(
        "crl-entry.defaults",
        "X.690 §11.5",
        "a critical flag that is written out as FALSE, or is no BOOLEAN",
        defaults,
    ),
    lint(
        "crl-entry.reason-value",
        "RFC 5280 §5.3.1: ENUMERATED",
        "a reasonCode that is not an ENUMERATED of one octet",
        reason_value,
    ),
    lint(
        "crl-entry.reason-stated",
        "RFC 5280 §5.3.1: absent instead of unspecified; C14",
        "a reasonCode of unspecified (0)",
        |entry| entry.reason() != Some(0),
    ),
    lint(
        "crl-entry.reason-not-removed",
        "RFC 5280 §5.3.1: only in delta CRLs; C14",
        "a reasonCode of removeFromCRL (8) in a complete CRL",
        reason_not_removed,
    ),
    lint(
        "crl-entry.reason-known",
        "RFC 5280 §5.3.1: 7 is not used; facts 2.1; C14",
        "a reasonCode that is none of keyCompromise (1) to certificateHold (6), nor removeFromCRL (8)",
        reason_known,
    ),
];

/// What is known of the entries so far.
#[derive(Default)]
pub(super) struct Entries {
    broken: [bool; ENTRY.len()],
    /// Content octets of the last entry's serial; empty before the first entry.
    previous: Vec<u8>,
}

impl Entries {
    /// Reads the next entries and lets every lint look at each.
    pub(super) fn read(&mut self, octets: &[u8], plan: &CrlHead<'_>) -> Result<(), LintRefusal> {
        let mut entries = DerReader::new(octets);
        let mut previous = (!self.previous.is_empty()).then_some(&self.previous[..]);
        while !entries.is_empty() {
            let entry = Entry::read(&mut entries, previous, plan).ok_or(FIELDS)?;
            for (broken, lint) in self.broken.iter_mut().zip(ENTRY) {
                *broken |= !(lint.holds)(&entry);
            }
            previous = Some(entry.serial);
        }
        self.previous = previous.unwrap_or_default().to_vec();
        Ok(())
    }

    /// What was found.
    pub(super) fn finish(self) -> Result<(), LintRefusal> {
        let broken = ENTRY.iter().zip(self.broken).filter(|(_, broken)| *broken);
        let findings: Vec<_> = broken.map(|(lint, _)| lint.finding).collect();
        if findings.is_empty() { Ok(()) } else { Err(LintRefusal { findings }) }
    }
}

impl<'a> Entry<'a> {
    fn read(entries: &mut DerReader<'a>, previous: Option<&'a [u8]>, plan: &'a CrlHead<'a>) -> Option<Self> {
        let mut fields = entries.sequence().ok()?;
        let serial = fields.expect(Tag::INTEGER).ok()?.contents;
        let date = fields.element().ok()?;
        let extensions = fields.optional(Tag::SEQUENCE).ok()?;
        fields.finish().ok()?;
        let extensions = match extensions {
            Some(list) => Some(Extensions::read(list)?),
            None => None,
        };
        let since = UnixTime::from_der(date.tag, date.contents);
        Some(Self { serial, previous, date, since, plan, extensions })
    }

    fn reasons(&self, holds: impl FnOnce(usize) -> bool) -> bool {
        self.extensions.as_ref().is_none_or(|extensions| holds(extensions.reasons))
    }

    fn critical(&self) -> Option<&'a [u8]> {
        self.extensions.as_ref()?.critical
    }

    /// The reason's number, if there is one in a reasonCode of the right form.
    fn reason(&self) -> Option<u8> {
        match self.extensions.as_ref()?.reason {
            [0x0a, 1, code] => Some(*code),
            _ => None,
        }
    }
}

impl<'a> Extensions<'a> {
    fn read(list: Element<'a>) -> Option<Self> {
        let mut rest = list.reader();
        let mut read = Self::default();
        while !rest.is_empty() {
            let mut extension = rest.sequence().ok()?;
            let kind = extension.expect(Tag::OID).ok()?.contents;
            let critical = extension.optional(Tag::BOOLEAN).ok()?.map(|flag| flag.contents);
            let value = extension.expect(Tag::OCTET_STRING).ok()?.contents;
            extension.finish().ok()?;
            read.count += 1;
            if kind == oid::REASON_CODE.content() {
                read.reasons += 1;
                (read.critical, read.reason) = (critical, value);
            }
        }
        Some(read)
    }
}

/// One below zero is left to the next lint.
fn serial_shortest(entry: &Entry<'_>) -> bool {
    !matches!(entry.serial, [0, 0..=0x7f, ..])
}

/// Of two positive INTEGERs in their fewest octets the longer is the larger. Others have lints of their own.
fn ascending(entry: &Entry<'_>) -> bool {
    entry.previous.is_none_or(|previous| (previous.len(), previous) < (entry.serial.len(), entry.serial))
}

fn date(entry: &Entry<'_>) -> bool {
    entry.since.is_some()
}

fn date_type(entry: &Entry<'_>) -> bool {
    entry.date.tag != Tag::GENERALIZED_TIME || entry.date.contents >= b"2050"
}

fn date_past(entry: &Entry<'_>) -> bool {
    entry.since.is_none_or(|date| date <= entry.plan.this_update)
}

fn extensions_filled(entry: &Entry<'_>) -> bool {
    entry.extensions.as_ref().is_none_or(|extensions| extensions.count > 0)
}

fn extensions_foreign(entry: &Entry<'_>) -> bool {
    entry.extensions.as_ref().is_none_or(|extensions| extensions.count == extensions.reasons)
}

fn defaults(entry: &Entry<'_>) -> bool {
    entry.critical().is_none_or(|flag| flag == [0xff])
}

fn reason_value(entry: &Entry<'_>) -> bool {
    entry.reasons(|reasons| reasons == 0 || entry.reason().is_some())
}

fn reason_not_removed(entry: &Entry<'_>) -> bool {
    entry.reason() != Some(REMOVE_FROM_CRL) || matches!(entry.plan.kind, CrlKind::Delta { .. })
}

/// The two that have lints of their own are left to them.
fn reason_known(entry: &Entry<'_>) -> bool {
    entry.reason().is_none_or(|code| {
        matches!(code, 0 | REMOVE_FROM_CRL | CERTIFICATE_HOLD) || RevocationReason::from_code(code).is_some()
    })
}
