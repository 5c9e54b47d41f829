//! When cuts are flipped: a cron expression in an IANA time zone.
use std::str::FromStr as _;

use chrono::{DateTime, TimeZone as _};
use chrono_tz::Tz;
use pki::time::UnixTime;

/// The instants of flips.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: cron::Schedule,
    zone: Tz,
}

/// Why a schedule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// An ordinary crontab line, without seconds.
    #[error("`{found}` has five fields, as in a crontab; here the first field is seconds. Write `0 {found}`")]
    FiveFields {
        /// What was written, with single spaces.
        found: String,
    },
    /// Neither five nor six fields.
    #[error(
        "a schedule has six fields (second minute hour day-of-month month day-of-week), for example `0 0 7 * * *`; this one has {count}"
    )]
    FieldCount {
        /// How many there are.
        count: usize,
    },
    /// A weekday as a digit.
    #[error(
        "write weekdays as names (Mon, Tue-Fri): crontabs count Monday as 1, other programs Sunday, so `{found}` could be misread"
    )]
    WeekdayDigit {
        /// The field.
        found: String,
    },
    /// A field that is not one.
    #[error("the schedule cannot be read: {message}")]
    Unreadable {
        /// What the reader said.
        message: String,
    },
    /// Not the name of a time zone.
    #[error("`{found}` is not an IANA time zone; an example is Asia/Tokyo")]
    UnknownZone {
        /// What was written.
        found: String,
    },
    /// No instant in the future matches, for example 30 February.
    #[error("no day matches `{found}`")]
    NeverDue {
        /// The expression.
        found: String,
    },
}

impl Schedule {
    /// Reads an expression with six fields (second minute hour day-of-month month day-of-week) and a zone's name.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let found = fields.join(" ");
        match fields[..] {
            [_, _, _, _, _, weekday] => {
                // A digit after `#` or `/` is a count, but nothing here needs them; so every digit is refused.
                if weekday.bytes().any(|octet| octet.is_ascii_digit()) {
                    return Err(ScheduleError::WeekdayDigit { found: weekday.to_owned() });
                }
            }
            [_, _, _, _, _] => return Err(ScheduleError::FiveFields { found }),
            _ => return Err(ScheduleError::FieldCount { count: fields.len() }),
        }
        let cron = cron::Schedule::from_str(&found)
            .map_err(|error| ScheduleError::Unreadable { message: error.to_string() })?;
        let zone = zone.parse().map_err(|_| ScheduleError::UnknownZone { found: zone.to_owned() })?;
        let schedule = Self { cron, zone };
        if schedule.next_after(UnixTime::EPOCH).is_none() {
            return Err(ScheduleError::NeverDue { found });
        }
        Ok(schedule)
    }

    /// The first instant of the schedule after `now`; `None` when none comes before the year 2100, where `cron` stops.
    pub fn next_after(&self, now: UnixTime) -> Option<UnixTime> {
        self.cron.after(&self.local(now)?).next().map(|due| UnixTime::from_seconds(due.timestamp()))
    }

    /// The last instant of the schedule that is not after `now`.
    pub fn latest_due(&self, now: UnixTime) -> Option<UnixTime> {
        // `next_back` looks strictly before, and `now` itself may be due.
        self.cron
            .after(&self.local(now.plus_seconds(1))?)
            .next_back()
            .map(|due| UnixTime::from_seconds(due.timestamp()))
    }

    fn local(&self, time: UnixTime) -> Option<DateTime<Tz>> {
        self.zone.timestamp_opt(time.as_seconds(), 0).single()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::jst;

    fn seven() -> Schedule {
        Schedule::parse("0 0 7 * * *", "Asia/Tokyo").unwrap()
    }

    #[test]
    fn seven_in_the_morning_is_due_at_that_second_and_not_one_before() {
        let due = jst("2026-11-22", 7, 0, 0);
        let yesterday = jst("2026-11-21", 7, 0, 0);
        for (now, latest, next) in [
            (due.plus_seconds(-1), yesterday, due),
            (due, due, jst("2026-11-23", 7, 0, 0)),
            (due.plus_seconds(1), due, jst("2026-11-23", 7, 0, 0)),
        ] {
            assert_eq!((seven().latest_due(now), seven().next_after(now)), (Some(latest), Some(next)), "{now}");
        }
    }

    #[test]
    fn it_is_due_every_day_across_leap_days_and_years() {
        for [now, next] in [["2028-02-28", "2028-02-29"], ["2028-02-29", "2028-03-01"], ["2049-12-31", "2050-01-01"]] {
            assert_eq!(seven().next_after(jst(now, 7, 0, 0)), Some(jst(next, 7, 0, 0)));
            assert_eq!(seven().latest_due(jst(next, 6, 59, 59)), Some(jst(now, 7, 0, 0)));
        }
    }

    #[test]
    fn weekdays_by_name_are_those_days() {
        // 22 November 2026 is a Sunday.
        let weekdays = Schedule::parse("0 0 7 * * Mon-Fri", "Asia/Tokyo").unwrap();
        assert_eq!(weekdays.next_after(jst("2026-11-20", 7, 0, 0)), Some(jst("2026-11-23", 7, 0, 0)));
        assert_eq!(weekdays.latest_due(jst("2026-11-22", 12, 0, 0)), Some(jst("2026-11-20", 7, 0, 0)));
    }

    #[test]
    fn refusals_say_what_to_write() {
        let refusal = |expression: &str, zone: &str| Schedule::parse(expression, zone).unwrap_err().to_string();
        assert_eq!(
            refusal(" 0 7  * * *", "Asia/Tokyo"),
            "`0 7 * * *` has five fields, as in a crontab; here the first field is seconds. Write `0 0 7 * * *`"
        );
        assert!(refusal("0 0 7 * *  1", "Asia/Tokyo").contains("write weekdays as names"));
        assert!(refusal("0 0 7 * * Mon,3", "Asia/Tokyo").contains("write weekdays as names"));
        assert!(refusal("7", "Asia/Tokyo").contains("this one has 1"));
        assert!(refusal("0 0 7 * * * 2027", "Asia/Tokyo").contains("this one has 7"));
        assert!(refusal("0 61 7 * * *", "Asia/Tokyo").starts_with("the schedule cannot be read"));
        assert_eq!(refusal("0 0 7 * * *", "Asia/Edo"), "`Asia/Edo` is not an IANA time zone; an example is Asia/Tokyo");
        assert_eq!(refusal("0 0 7 30 2 *", "Asia/Tokyo"), "no day matches `0 0 7 30 2 *`");
    }
}
