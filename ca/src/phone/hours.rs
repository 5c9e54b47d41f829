//! When applications for phones are done (facts 5: those after 19:30 on the next morning).
use pki::time::UnixTime;

const DAY_SECONDS: u32 = 86_400;

/// Seconds of a day in Japan: from the first to the last one, both open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneHours {
    opens_at: u32,
    closes_at: u32,
}

impl PhoneHours {
    /// 08:30 to 19:30. The opening is taken, not known.
    pub const DEFAULT: Self = Self { opens_at: (8 * 60 + 30) * 60, closes_at: (19 * 60 + 30) * 60 };

    /// From and until these times of day, `HH:MM`; `24:00` is the end of a day. `None` unless both are times and the first
    /// is before the second.
    pub fn parse(opens_at: &str, closes_at: &str) -> Option<Self> {
        let closes_at = if closes_at == "24:00" { DAY_SECONDS } else { seconds(closes_at)? };
        let hours = Self { opens_at: seconds(opens_at)?, closes_at };
        (hours.opens_at < hours.closes_at).then_some(hours)
    }

    /// Applications are done at that second.
    pub fn are_open(self, at: UnixTime) -> bool {
        let second = at.seconds_since(at.jst_date().jst_start());
        (i64::from(self.opens_at)..=i64::from(self.closes_at)).contains(&second)
    }
}

fn seconds(time: &str) -> Option<u32> {
    let (hour, minute) = time.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse().ok().filter(|number: &u32| digits && *number < below)
    };
    Some((number(hour, 24)? * 60 + number(minute, 60)?) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_two_digits_each_and_the_opening_comes_first() {
        assert_eq!(PhoneHours::parse("08:30", "19:30"), Some(PhoneHours::DEFAULT));
        let always = PhoneHours::parse("00:00", "24:00").unwrap();
        let midnight = UnixTime::from_seconds(15 * 3_600);
        assert!(always.are_open(midnight) && always.are_open(midnight.plus_seconds(-1)));
        for (opens_at, closes_at) in [
            ("8:30", "19:30"),
            ("08:30", "24:01"),
            ("24:00", "24:00"),
            ("08:60", "19:30"),
            ("19:30", "19:30"),
            ("+8:30", "19:30"),
            ("", ""),
        ] {
            assert_eq!(PhoneHours::parse(opens_at, closes_at), None, "{opens_at} to {closes_at}");
        }
    }

    #[test]
    fn the_first_and_the_last_second_are_open() {
        let day: pki::time::CivilDate = "2026-11-21".parse().unwrap();
        let at = |seconds: i64| PhoneHours::DEFAULT.are_open(day.jst_start().plus_seconds(seconds));
        let (opening, closing) = ((8 * 60 + 30) * 60, (19 * 60 + 30) * 60);
        assert_eq!([at(opening - 1), at(opening), at(closing), at(closing + 1)], [false, true, true, false]);
    }
}
