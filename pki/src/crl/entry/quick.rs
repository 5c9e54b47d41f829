//! Entries with a date through 2049, which are all that a CRL has today, by table: an entry is written and read some 60 million
//! times in one morning. What is read here is exactly what is written; the rest is for the general way.
use std::sync::LazyLock;

use super::{CrlEntry, DeltaEntry, REASON_OCTETS, REASON_PREFIX, REMOVE_FROM_CRL};
use crate::der::Tag;
use crate::identity::Serial;
use crate::revocation::{CERTIFICATE_HOLD, RevocationReason, Withdrawal};
use crate::time::{CivilDate, UnixTime};

const SECONDS_PER_DAY: u32 = 86_400;
/// Octets of a UTCTime.
const DATE_OCTETS: usize = 2 + 13;
/// From 1970 to 2049.
const DAYS: usize = 29_220;

/// `YYMMDD` of each day from 1970 on, and on which day each month begins.
struct Calendar {
    digits: Vec<[u8; 6]>,
    months: Vec<u16>,
}

static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| {
    let (mut digits, mut months) = (Vec::with_capacity(DAYS), Vec::new());
    for (day, number) in (0..).zip(0_u16..).take(DAYS) {
        let date = CivilDate::from_days(day);
        if date.day() == 1 {
            months.push(number);
        }
        let mut text = [0; 6];
        let parts = [date.year() % 100, date.month().into(), date.day().into()];
        for (place, value) in text.chunks_exact_mut(2).zip(parts) {
            place.copy_from_slice(&pair(value));
        }
        digits.push(text);
    }
    Calendar { digits, months }
});

const fn pair(value: u32) -> [u8; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "two digits")]
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

/// A date before 2050 as a whole UTCTime.
#[inline]
pub(super) fn utc_time(since: UnixTime) -> [u8; DATE_OCTETS] {
    let seconds = u32::try_from(since.as_seconds()).expect("before 2050");
    let (day, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let mut date = [b'Z'; DATE_OCTETS];
    date[..2].copy_from_slice(&[Tag::UTC_TIME.0, 13]);
    date[2..8].copy_from_slice(&CALENDAR.digits[day as usize]);
    date[8..10].copy_from_slice(&pair(second / 3_600));
    date[10..12].copy_from_slice(&pair(second / 60 % 60));
    date[12..14].copy_from_slice(&pair(second % 60));
    date
}

/// Reads an entry in front of others, and gives its size. `None`: it is none, or not for here.
#[inline]
pub(super) fn read(octets: &[u8]) -> Option<(DeltaEntry, usize)> {
    let [0x30, length, 0x02, serial_length @ 1..=8, rest @ ..] = octets else { return None };
    let (serial, rest) = rest.split_at_checked(usize::from(*serial_length))?;
    let (date, rest) = rest.split_first_chunk::<DATE_OCTETS>()?;
    let without_reason = 2 + serial.len() + DATE_OCTETS;
    let serial = self::serial(serial)?;
    let since = self::date(date)?;
    let reason = match usize::from(*length).checked_sub(without_reason)? {
        0 => RevocationReason::Unspecified.code(),
        REASON_OCTETS => *rest.strip_prefix(&REASON_PREFIX)?.first().filter(|code| **code != 0)?,
        _ => return None,
    };
    let listed = |withdrawal| DeltaEntry::Listed(CrlEntry { serial, withdrawal });
    let entry = match reason {
        CERTIFICATE_HOLD => listed(Withdrawal::Held { since }),
        REMOVE_FROM_CRL => DeltaEntry::Removed { serial, since },
        code => listed(Withdrawal::Revoked { since, reason: RevocationReason::from_code(code)? }),
    };
    Some((entry, 2 + usize::from(*length)))
}

/// A positive INTEGER in its fewest octets.
#[inline]
fn serial(octets: &[u8]) -> Option<Serial> {
    if matches!(octets, [0x80..=0xff, ..] | [0, 0..=0x7f, ..]) {
        return None;
    }
    Serial::new(octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

#[inline]
fn date(octets: &[u8; DATE_OCTETS]) -> Option<UnixTime> {
    let digit = |at: usize| octets[at].wrapping_sub(b'0');
    let two = |at: usize| u32::from(digit(at)) * 10 + u32::from(digit(at + 1));
    let (year, month, day) = (two(2), two(4), two(6));
    // Below 50 it is this century (RFC 5280 §4.1.2.5.1). Octets that are no digits do not come back out of the calendar.
    let months = (if year < 50 { year + 30 } else { year.checked_sub(70)? }) * 12 + month.checked_sub(1)?;
    let day = u32::from(*CALENDAR.months.get(months as usize)?) + day.checked_sub(1)?;
    if CALENDAR.digits.get(day as usize)? != &octets[2..8] {
        return None;
    }
    let (hour, minute, second) = (two(8), two(10), two(12));
    let seconds = day * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    let since = UnixTime::from_seconds(seconds.into());
    (hour < 24 && minute < 60 && second < 60 && utc_time(since) == *octets).then_some(since)
}
