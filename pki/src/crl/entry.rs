//! One entry of revokedCertificates, in the one small form that all our CRLs use, complete ones and deltas.
mod quick;

use crate::der::{DerReader, Element, Tag, element_size, small_unsigned};
use crate::identity::Serial;
use crate::revocation::{CERTIFICATE_HOLD, RevocationReason, Withdrawal};
use crate::time::UnixTime;

/// One held or revoked certificate, as a CRL tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CrlEntry {
    /// userCertificate.
    pub serial: Serial,
    /// revocationDate and reasonCode.
    pub withdrawal: Withdrawal,
}

/// One entry of a delta CRL: what became of one certificate since the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeltaEntry {
    /// It is listed now: newly, or otherwise than in the base.
    Listed(CrlEntry),
    /// removeFromCRL (8): the base lists it, and it is listed no more. Its hold was released, or it expired (C10).
    Removed {
        /// userCertificate.
        serial: Serial,
        /// revocationDate: that of the entry which ends.
        since: UnixTime,
    },
}

/// CRLReason removeFromCRL (8), which delta CRLs alone may have (RFC 5280 §5.3.1; C14).
pub(crate) const REMOVE_FROM_CRL: u8 = 8;

/// Octets of the largest entry: its header, a serial of 8 octets, a GeneralizedTime, and the reason code.
pub const ENTRY_OCTETS_MAX: usize = 2 + (2 + 8) + (2 + 15) + REASON_OCTETS;

/// 2050-01-01T00:00:00Z.
const GENERALIZED_FROM: UnixTime = UnixTime::from_seconds(2_524_608_000);

/// Octets of `crlEntryExtensions` with a reasonCode, which has one length only.
const REASON_OCTETS: usize = 14;

/// `SEQUENCE { SEQUENCE { reasonCode (2.5.29.21), OCTET STRING { ENUMERATED … } } }`, up to the reason's number.
const REASON_PREFIX: [u8; REASON_OCTETS - 1] = [0x30, 0x0c, 0x30, 0x0a, 0x06, 3, 0x55, 0x1d, 0x15, 0x04, 3, 0x0a, 1];

/// An entry as DER, on the stack.
pub struct EncodedEntry {
    octets: [u8; ENTRY_OCTETS_MAX],
    length: usize,
}

impl EncodedEntry {
    /// The entry's octets.
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    fn push(&mut self, octets: &[u8]) {
        self.octets[self.length..self.length + octets.len()].copy_from_slice(octets);
        self.length += octets.len();
    }
}

impl CrlEntry {
    /// This entry as DER.
    pub fn encode(self) -> EncodedEntry {
        DeltaEntry::Listed(self).encode()
    }
}

impl From<CrlEntry> for DeltaEntry {
    fn from(entry: CrlEntry) -> Self {
        Self::Listed(entry)
    }
}

impl DeltaEntry {
    /// userCertificate.
    pub const fn serial(self) -> Serial {
        match self {
            Self::Listed(CrlEntry { serial, .. }) | Self::Removed { serial, .. } => serial,
        }
    }

    /// revocationDate.
    pub const fn since(self) -> UnixTime {
        match self {
            Self::Listed(CrlEntry { withdrawal, .. }) => withdrawal.since(),
            Self::Removed { since, .. } => since,
        }
    }

    const fn reason_code(self) -> u8 {
        match self {
            Self::Listed(CrlEntry { withdrawal, .. }) => withdrawal.reason_code(),
            Self::Removed { .. } => REMOVE_FROM_CRL,
        }
    }

    /// Octets of [`DeltaEntry::encode`].
    pub fn size(self) -> usize {
        let (serial, since) = (self.serial().get(), self.since());
        // X.690 §8.3.2: as few octets as leave the first bit zero.
        let serial = (u64::BITS - serial.leading_zeros()) as usize / 8 + 1;
        let date = if is_utc_time(since) { 13 } else { 15 };
        let reason = if self.reason_code() == RevocationReason::Unspecified.code() { 0 } else { REASON_OCTETS };
        2 + (2 + serial) + (2 + date) + reason
    }

    /// This entry as DER. Without allocation, because a nation has 30 million of them in one morning.
    pub fn encode(self) -> EncodedEntry {
        let (serial, since, reason_code) = (self.serial(), self.since(), self.reason_code());
        let mut entry = EncodedEntry { octets: [0; ENTRY_OCTETS_MAX], length: 2 };
        entry.octets[0] = Tag::SEQUENCE.0;
        let serial = serial.get().to_be_bytes();
        let first = serial.iter().position(|&octet| octet != 0).expect("a serial is not zero");
        // X.690 §8.3.3: a leading one bit would make it negative. Serial::MAX leaves room for the sign octet.
        let first = if serial[first] >= 0x80 { first - 1 } else { first };
        entry.push(&[Tag::INTEGER.0, octet(8 - first)]);
        entry.push(&serial[first..]);
        if is_utc_time(since) {
            entry.push(&quick::utc_time(since));
        } else {
            entry.push(&[Tag::GENERALIZED_TIME.0, 15]);
            entry.push(&generalized_digits(since));
        }
        // C14: unspecified (0) is told by leaving the extension out.
        if reason_code != RevocationReason::Unspecified.code() {
            entry.push(&REASON_PREFIX);
            entry.push(&[reason_code]);
        }
        entry.octets[1] = octet(entry.length - 2);
        entry
    }

    /// Reads an entry; `None` unless it is exactly what [`DeltaEntry::encode`] writes.
    pub fn decode(element: Element<'_>) -> Option<Self> {
        let mut fields = element.reader();
        let serial = small_unsigned(fields.integer_octets().ok()?).and_then(Serial::new)?;
        let since = fields.time().ok()?;
        let reason = match fields.rest() {
            [] => RevocationReason::Unspecified.code(),
            rest => *rest.strip_prefix(&REASON_PREFIX)?.first()?,
        };
        let listed = |withdrawal| Self::Listed(CrlEntry { serial, withdrawal });
        let entry = match reason {
            CERTIFICATE_HOLD => listed(Withdrawal::Held { since }),
            REMOVE_FROM_CRL => Self::Removed { serial, since },
            // C14: 7 belongs nowhere; from_code does not know it.
            code => listed(Withdrawal::Revoked { since, reason: RevocationReason::from_code(code)? }),
        };
        // I4: what was read must be written again octet for octet; this also refuses a reason 0 that is spelled out and
        // a date before 2050 as GeneralizedTime.
        (entry.encode().as_slice() == element.whole).then_some(entry)
    }
}

/// Reads the next entry; see [`DeltaEntry::decode`].
#[inline]
pub(crate) fn next_entry(entries: &mut DerReader<'_>) -> Option<DeltaEntry> {
    if let Some((entry, size)) = quick::read(entries.rest()) {
        *entries = DerReader::new(&entries.rest()[size..]);
        return Some(entry);
    }
    entries.expect(Tag::SEQUENCE).ok().and_then(DeltaEntry::decode)
}

/// `YYYYMMDDhhmmssZ`, as [`UnixTime::generalized_text`] but on the stack.
fn generalized_digits(time: UnixTime) -> [u8; 15] {
    let (date, [hour, minute, second]) = time.utc();
    let year = date.year();
    let pair = |value: u32| [b'0' + octet(value as usize / 10), b'0' + octet(value as usize % 10)];
    let pairs = [
        year / 100,
        year % 100,
        u32::from(date.month()),
        u32::from(date.day()),
        u32::from(hour),
        u32::from(minute),
        u32::from(second),
    ];
    let mut digits = [b'Z'; 15];
    for (place, value) in digits.chunks_exact_mut(2).zip(pairs) {
        place.copy_from_slice(&pair(value));
    }
    digits
}

/// RFC 5280 §5.1.2.6: through 2049.
fn is_utc_time(since: UnixTime) -> bool {
    since < GENERALIZED_FROM
}

fn octet(value: usize) -> u8 {
    u8::try_from(value).expect("lengths and digits of an entry are below 256")
}

const _: () = assert!(element_size(ENTRY_OCTETS_MAX - 2) == ENTRY_OCTETS_MAX, "an entry's length takes one octet");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crl::strategies::any_delta_entry;
    use crate::der::DerWriter;
    use crate::oid;
    use proptest::prelude::*;

    #[test]
    fn an_entry_has_the_octets_worked_out_by_hand() {
        let since = UnixTime::from_der(Tag::UTC_TIME, b"261121215500Z").unwrap();
        let held = CrlEntry { serial: Serial::new(0x1e_e607).unwrap(), withdrawal: Withdrawal::Held { since } };
        let mut expected = b"\x30\x22\x02\x03\x1e\xe6\x07\x17\x0d261121215500Z".to_vec();
        expected.extend_from_slice(&[0x30, 12, 0x30, 10, 6, 3, 0x55, 0x1d, 0x15, 4, 3, 10, 1, 6]);
        assert_eq!(held.encode().as_slice(), expected);
        let destroyed = Withdrawal::Revoked { since, reason: RevocationReason::Unspecified };
        let destroyed = CrlEntry { serial: Serial::new(0x80).unwrap(), withdrawal: destroyed };
        assert_eq!(destroyed.encode().as_slice(), b"\x30\x13\x02\x02\x00\x80\x17\x0d261121215500Z");
        let removed = DeltaEntry::Removed { serial: held.serial, since };
        *expected.last_mut().unwrap() = 8;
        assert_eq!(removed.encode().as_slice(), expected);
    }

    #[test]
    fn other_forms_of_an_entry_are_refused() {
        let refused: [&[u8]; 6] = [
            // Reason 0 spelled out, reason 7, reason 9.
            b"\x30\x20\x02\x01\x05\x17\x0d261121215500Z\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x00",
            b"\x30\x20\x02\x01\x05\x17\x0d261121215500Z\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x07",
            b"\x30\x20\x02\x01\x05\x17\x0d261121215500Z\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x09",
            // A date before 2050 as GeneralizedTime, serial zero, a negative serial.
            b"\x30\x14\x02\x01\x05\x18\x0f20261121215500Z",
            b"\x30\x12\x02\x01\x00\x17\x0d261121215500Z",
            b"\x30\x12\x02\x01\x80\x17\x0d261121215500Z",
        ];
        for octets in refused {
            let element = DerReader::new(octets).element().unwrap();
            assert_eq!(element.whole, octets, "the example itself is whole");
            assert_eq!(DeltaEntry::decode(element), None, "{octets:02x?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        /// I4: what is taken is written again octet for octet, and the quick way takes nothing else than the general one.
        #[test]
        fn whatever_is_taken_is_written_again_and_both_ways_take_the_same(
            entry in any_delta_entry(), at: prop::sample::Index, change in 1_u8.., cut: prop::sample::Index, whole: bool,
        ) {
            let mut octets = entry.encode().as_slice().to_vec();
            let place = at.index(octets.len());
            octets[place] ^= change;
            if !whole {
                octets.truncate(cut.index(octets.len()));
            }
            let general = DerReader::new(&octets).expect(Tag::SEQUENCE).ok().and_then(DeltaEntry::decode);
            let quick = quick::read(&octets);
            if let Some((quick, size)) = quick {
                prop_assert_eq!(Some(quick), general);
                let written = quick.encode();
                prop_assert_eq!(written.as_slice(), &octets[..size]);
            }
            prop_assert_eq!(next_entry(&mut DerReader::new(&octets)), general);
            if let Some(general) = general {
                prop_assert!(octets.starts_with(general.encode().as_slice()));
                prop_assert_eq!(quick.is_some(), is_utc_time(general.since()));
            }
        }

        #[test]
        fn entries_are_read_back_and_match_the_general_writer(entry in any_delta_entry()) {
            let encoded = entry.encode();
            prop_assert_eq!(next_entry(&mut DerReader::new(encoded.as_slice())), Some(entry));
            let mut writer = DerWriter::new();
            writer.sequence(|w| {
                w.integer(entry.serial().get());
                entry.since().write_der(w);
                if entry.reason_code() != 0 {
                    w.sequence(|w| w.extension(oid::REASON_CODE, false, |w| w.primitive(Tag::ENUMERATED, &[entry.reason_code()])));
                }
            });
            prop_assert_eq!(encoded.as_slice(), writer.as_slice());
            prop_assert_eq!(entry.size(), encoded.as_slice().len());
            prop_assert_eq!(quick::read(&[encoded.as_slice(), &[0x30, 9]].concat()).is_some(), is_utc_time(entry.since()));
        }
    }
}
