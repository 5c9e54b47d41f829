//! Seconds since 1970, civil dates, and Japan Standard Time (UTC+9, no summer time).
use std::fmt;
use std::str::FromStr;

use crate::der::{DerWriter, Tag};

const SECONDS_PER_DAY: i64 = 86_400;
/// Japan Standard Time is nine hours ahead of UTC the whole year round.
pub const JST_OFFSET_SECONDS: i64 = 9 * 3_600;

/// An instant, in whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted. Certificates, CRLs and OCSP
/// answers know nothing finer (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The latest instant with a four-digit year: 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant that many seconds after 1970, held between 1970 and the end of 9999.
    pub const fn from_seconds(seconds: i64) -> Self {
        if seconds < 0 {
            Self(0)
        } else if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// This instant moved by that many seconds, held between 1970 and the end of 9999.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when it is not earlier.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The civil date and time of day (hour, minute, second) in UTC.
    pub fn utc(self) -> (CivilDate, [u8; 3]) {
        Self::civil(self.0)
    }

    /// The civil date and time of day (hour, minute, second) in Japan.
    pub fn jst(self) -> (CivilDate, [u8; 3]) {
        Self::civil(self.0 + JST_OFFSET_SECONDS)
    }

    /// The civil date in Japan.
    pub fn jst_date(self) -> CivilDate {
        self.jst().0
    }

    fn civil(seconds: i64) -> (CivilDate, [u8; 3]) {
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let part = |value: i64| u8::try_from(value).expect("a part of a day is below 60");
        (
            CivilDate::from_days(seconds.div_euclid(SECONDS_PER_DAY)),
            [part(of_day / 3_600), part(of_day / 60 % 60), part(of_day % 60)],
        )
    }

    /// `YYYYMMDDhhmmss` in Japan, as in the subject CN of a signature certificate (facts 1.3).
    pub fn jst_digits(self) -> String {
        ascii(&fourteen_digits(self.jst())).to_owned()
    }

    /// Writes UTCTime through 2049 and GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5, C04).
    pub fn write_der(self, writer: &mut DerWriter) {
        let text = self.generalized();
        if text.as_slice() < b"2050" {
            writer.primitive(Tag::UTC_TIME, &text[2..]);
        } else {
            writer.primitive(Tag::GENERALIZED_TIME, &text);
        }
    }

    /// `YYYYMMDDhhmmssZ`: seconds present, no fraction (RFC 5280 §4.1.2.5.2, R14).
    pub fn generalized_text(self) -> String {
        ascii(&self.generalized()).to_owned()
    }

    /// The same as octets.
    pub(crate) fn generalized(self) -> [u8; 15] {
        let mut text = [b'Z'; 15];
        text[..14].copy_from_slice(&fourteen_digits(self.utc()));
        text
    }

    /// Reads the contents of a UTCTime (`YYMMDDhhmmssZ`, years 1950 to 2049) or GeneralizedTime (`YYYYMMDDhhmmssZ`)
    /// in the only forms RFC 5280 §4.1.2.5 allows.
    pub fn from_der(tag: Tag, contents: &[u8]) -> Option<Self> {
        let (year, rest) = match (tag, contents.len()) {
            (Tag::UTC_TIME, 13) => {
                let year = digits(&contents[..2])?;
                (if year < 50 { 2_000 + year } else { 1_900 + year }, &contents[2..])
            }
            (Tag::GENERALIZED_TIME, 15) => (digits(&contents[..4])?, &contents[4..]),
            _ => return None,
        };
        let pair = |at: usize| digits(&rest[at..at + 2]);
        let date = CivilDate::new(year, pair(0)?, pair(2)?)?;
        let (hour, minute, second) = (pair(4)?, pair(6)?, pair(8)?);
        if rest[10] != b'Z' || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = date.days() * SECONDS_PER_DAY + i64::from(hour * 3_600 + minute * 60 + second);
        (seconds >= 0).then_some(Self(seconds))
    }

    /// The HTTP form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    pub fn http_date(self) -> String {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let utc = self.utc();
        let digits = fourteen_digits(utc);
        let mut text = *b"Day, 00 Mon 0000 00:00:00 GMT";
        let weekday = WEEKDAYS[usize::try_from(self.0.div_euclid(SECONDS_PER_DAY).rem_euclid(7)).expect("below 7")];
        text[..3].copy_from_slice(weekday.as_bytes());
        text[8..11].copy_from_slice(MONTHS[usize::from(utc.0.month()) - 1].as_bytes());
        for (to, from) in [(5..7, 6..8), (12..16, 0..4), (17..19, 8..10), (20..22, 10..12), (23..25, 12..14)] {
            text[to].copy_from_slice(&digits[from]);
        }
        ascii(&text).to_owned()
    }
}

/// `YYYYMMDDhhmmss`.
fn fourteen_digits((date, [hour, minute, second]): (CivilDate, [u8; 3])) -> [u8; 14] {
    let year = date.year;
    let century = |number: u16| u8::try_from(number).expect("a year is at most 9999");
    let pairs = [century(year / 100), century(year % 100), date.month, date.day, hour, minute, second];
    std::array::from_fn(|at| {
        let pair = pairs[at / 2];
        b'0' + if at % 2 == 0 { pair / 10 } else { pair % 10 }
    })
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("digits and Z")
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

/// RFC 3339 in Japan, `2026-11-22T07:00:00+09:00`: the form for people and JSON.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, [hour, minute, second]) = self.jst();
        write!(f, "{date}T{hour:02}:{minute:02}:{second:02}+09:00")
    }
}

/// The text is not a second in Japan in the form that [`UnixTime`] is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time; write it as YYYY-MM-DDThh:mm:ss+09:00, for example 2026-11-22T07:00:00+09:00")]
pub struct ImpossibleTime;

/// Reads what `Display` writes, and nothing else.
impl FromStr for UnixTime {
    type Err = ImpossibleTime;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (date, rest) = text.split_once('T').ok_or(ImpossibleTime)?;
        let date: CivilDate = date.parse().map_err(|_| ImpossibleTime)?;
        let time = rest.strip_suffix("+09:00").filter(|time| time.len() == 8).ok_or(ImpossibleTime)?;
        let part = |at: usize, below: u32| {
            digits(&time.as_bytes()[at..at + 2]).filter(|value| *value < below).ok_or(ImpossibleTime)
        };
        let (hour, minute, second) = (part(0, 24)?, part(3, 60)?, part(6, 60)?);
        if (time.as_bytes()[2], time.as_bytes()[5]) != (b':', b':') {
            return Err(ImpossibleTime);
        }
        let of_day = i64::from(hour * 3_600 + minute * 60 + second);
        let seconds = date.days() * SECONDS_PER_DAY - JST_OFFSET_SECONDS + of_day;
        if (0..=Self::MAX.0).contains(&seconds) { Ok(Self(seconds)) } else { Err(ImpossibleTime) }
    }
}

/// A day of the proleptic Gregorian calendar that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate {
    year: u16,
    month: u8,
    day: u8,
}

impl CivilDate {
    /// A date; `None` if the calendar has no such day or the year is outside 1 to 9999.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let valid =
            (1..=9_999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
        valid.then(|| Self {
            year: u16::try_from(year).expect("at most 9999"),
            month: u8::try_from(month).expect("at most 12"),
            day: u8::try_from(day).expect("at most 31"),
        })
    }

    /// Year, 1 to 9999.
    pub fn year(self) -> u32 {
        self.year.into()
    }

    /// Month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01; negative before it.
    pub fn days(self) -> i64 {
        // Count years from March, so that the leap day is the last day of a year and the month lengths follow one rule.
        // In 32 bits without a sign: a nation's CRLs ask 200 million times in one morning.
        let (year, month) = (u32::from(self.year) - u32::from(self.month <= 2), (u32::from(self.month) + 9) % 12);
        let day_of_year = (153 * month + 2) / 5 + u32::from(self.day) - 1;
        i64::from(365 * year + year / 4 - year / 100 + year / 400 + day_of_year) - 719_468
    }

    /// The date that many days after 1970-01-01, held between the years 1 and 9999.
    pub fn from_days(days: i64) -> Self {
        let days = u32::try_from(days.clamp(-719_162, 2_932_896) + 719_468).expect("clamped to the years 1 to 9999");
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + u32::from(month <= 2);
        let small = |value: u32| u8::try_from(value).expect("a month or a day");
        Self { year: u16::try_from(year).expect("at most 9999"), month: small(month), day: small(day) }
    }

    /// 00:00:00 of this day in Japan.
    pub fn jst_start(self) -> UnixTime {
        UnixTime::from_seconds(self.days() * SECONDS_PER_DAY - JST_OFFSET_SECONDS)
    }

    /// 23:59:59 of this day in Japan: the last second of an interval that ends on this day.
    pub fn jst_end(self) -> UnixTime {
        UnixTime::from_seconds((self.days() + 1) * SECONDS_PER_DAY - JST_OFFSET_SECONDS - 1)
    }

    /// The same month and day that many years later. A 29 February is taken as 28 February in common years
    /// (what JPKI does is unverified, facts 1.7).
    #[must_use]
    pub fn plus_years(self, years: u32) -> Self {
        let year = (self.year() + years).min(9_999);
        let last = days_in_month(year, self.month.into());
        Self::new(year, self.month.into(), u32::from(self.day).min(last)).expect("the day is held inside its month")
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from_days(self.days() + 1)
    }

    /// The last day of the quarter in which this day lies.
    #[must_use]
    pub fn quarter_end(self) -> Self {
        let month = u32::from(self.month).div_ceil(3) * 3;
        Self::new(self.year(), month, days_in_month(self.year(), month)).expect("a month's last day exists")
    }
}

/// ISO 8601, `2026-11-22`.
impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The text is not a day of the calendar in the form `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day of the calendar; write it as YYYY-MM-DD, for example 1980-02-17")]
pub struct ImpossibleDate;

impl FromStr for CivilDate {
    type Err = ImpossibleDate;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(ImpossibleDate);
        }
        let part = |range: std::ops::Range<usize>| digits(&bytes[range]).ok_or(ImpossibleDate);
        Self::new(part(0..4)?, part(5..7)?, part(8..10)?).ok_or(ImpossibleDate)
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> UnixTime {
        UnixTime::from_der(Tag::GENERALIZED_TIME, text.as_bytes()).unwrap()
    }

    #[test]
    fn the_test_card_ends_at_the_last_second_of_its_day_in_japan() {
        // Facts 1.3: notAfter 300217145959Z is 23:59:59 JST of 2030-02-17.
        let end: CivilDate = "2030-02-17".parse().unwrap();
        assert_eq!(end.jst_end().generalized_text(), "20300217145959Z");
        assert_eq!(end.jst_start(), "2030-02-16".parse::<CivilDate>().unwrap().jst_end().plus_seconds(1));
        assert_eq!(end.jst_end().to_string(), "2030-02-17T23:59:59+09:00");
    }

    #[test]
    fn utc_time_ends_with_2049() {
        let mut writer = DerWriter::new();
        time("20491231235959Z").write_der(&mut writer);
        time("20500101000000Z").write_der(&mut writer);
        assert_eq!(writer.finish(), b"\x17\x0d491231235959Z\x18\x0f20500101000000Z");
    }

    #[test]
    fn only_the_forms_of_rfc_5280_are_read() {
        for bad in [
            "20261131000000Z",
            "20261121240000Z",
            "20261121000060Z",
            "20261121000000+",
            "2026112100000Z",
            "20261121000000.5Z",
        ] {
            assert_eq!(UnixTime::from_der(Tag::GENERALIZED_TIME, bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(UnixTime::from_der(Tag::UTC_TIME, b"700101000000Z"), Some(UnixTime::EPOCH));
        assert_eq!(UnixTime::from_der(Tag::UTC_TIME, b"491231235959Z"), Some(time("20491231235959Z")));
    }

    #[test]
    fn http_dates_are_those_of_rfc_9110() {
        assert_eq!(UnixTime::from_seconds(784_111_777).http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_second_that_no_day_has_is_no_time() {
        assert_eq!("1970-01-01T09:00:00+09:00".parse(), Ok(UnixTime::EPOCH));
        for text in [
            "1970-01-01T08:59:59+09:00",
            "2026-11-21T24:00:00+09:00",
            "2026-11-21T23:60:00+09:00",
            "2026-11-21T23:59:60+09:00",
            "2026-11-31T00:00:00+09:00",
            "2026-11-21T10:00:00Z",
            "2026-11-21T10:00:00+00:00",
            "2026-11-21 10:00:00+09:00",
        ] {
            assert_eq!(text.parse::<UnixTime>(), Err(ImpossibleTime), "{text}");
        }
    }

    #[test]
    fn a_leap_day_is_28_february_in_common_years() {
        let leap: CivilDate = "2024-02-29".parse().unwrap();
        assert_eq!(leap.plus_years(1).to_string(), "2025-02-28");
        assert_eq!(leap.plus_years(4).to_string(), "2028-02-29");
        assert_eq!("1900-02-29".parse::<CivilDate>(), Err(ImpossibleDate));
        assert_eq!("2000-02-29".parse::<CivilDate>().unwrap().quarter_end().to_string(), "2000-03-31");
    }

    proptest! {
        #[test]
        fn days_and_dates_agree(days in -719_162_i64..=2_932_896) {
            let date = CivilDate::from_days(days);
            prop_assert_eq!(date.days(), days);
            prop_assert_eq!(date.to_string().parse(), Ok(date));
            if days < 2_932_896 {
                prop_assert!(date.next() > date);
            }
        }

        #[test]
        fn shown_times_are_read_back_and_nothing_that_differs(seconds in 0_i64..=253_402_267_199, at in 0_usize..25) {
            let text = UnixTime(seconds).to_string();
            prop_assert_eq!(text.parse(), Ok(UnixTime(seconds)));
            prop_assert_eq!(text[..at].parse::<UnixTime>(), Err(ImpossibleTime));
            let mut other = text.clone();
            other.replace_range(at..=at, "?");
            prop_assert_eq!(other.parse::<UnixTime>(), Err(ImpossibleTime));
        }

        #[test]
        fn der_times_are_read_back(seconds in 0_i64..=253_402_300_799) {
            let time = UnixTime::from_seconds(seconds);
            let mut writer = DerWriter::new();
            time.write_der(&mut writer);
            let bytes = writer.finish();
            let element = crate::der::DerReader::new(&bytes).element().unwrap();
            prop_assert_eq!(UnixTime::from_der(element.tag, element.contents), Some(time));
        }
    }
}
