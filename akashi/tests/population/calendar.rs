//! Days in Japan, counted one by one from a first of January: no formula to be wrong in the same way as another.
use std::sync::LazyLock;

pub(crate) const DAY_SECONDS: i64 = 86_400;
const JST_SECONDS: i64 = 9 * 3_600;
const FIRST_YEAR: i64 = 1_900;
const LAST_YEAR: i64 = 2_150;
/// 1900-01-01 is that many days before 1970-01-01: 70 years, 17 of them leap years.
const FIRST_DAY: i64 = -(70 * 365 + 17);

/// Year, month and day.
pub(crate) type Civil = (i64, i64, i64);

static DAYS: LazyLock<Vec<Civil>> = LazyLock::new(|| {
    let year = |year| (1..=12).flat_map(move |month| (1..=month_days(year, month)).map(move |day| (year, month, day)));
    (FIRST_YEAR..=LAST_YEAR).flat_map(year).collect()
});

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01.
pub(crate) fn day_of(civil: Civil) -> i64 {
    FIRST_DAY + i64::try_from(DAYS.binary_search(&civil).expect("a day of the calendar")).unwrap()
}

pub(crate) fn civil(day: i64) -> Civil {
    DAYS[usize::try_from(day - FIRST_DAY).unwrap()]
}

/// The day in Japan at that second since 1970.
pub(crate) fn day_at(seconds: i64) -> i64 {
    (seconds + JST_SECONDS).div_euclid(DAY_SECONDS)
}

pub(crate) fn first_second(day: i64) -> i64 {
    day * DAY_SECONDS - JST_SECONDS
}

pub(crate) fn last_second(day: i64) -> i64 {
    first_second(day + 1) - 1
}

/// That day of the year, or the last of its month if the year has no such.
pub(crate) fn in_year((_, month, day): Civil, year: i64) -> i64 {
    day_of((year, month, day.min(month_days(year, month))))
}

/// So many months before, at most twelve.
pub(crate) fn months_before(day: i64, months: i64) -> i64 {
    let (year, month, of_month) = civil(day);
    let (year, month) = if month > months { (year, month - months) } else { (year - 1, month + 12 - months) };
    day_of((year, month, of_month.min(month_days(year, month))))
}

pub(crate) fn end_of_quarter(day: i64) -> i64 {
    let (year, month, _) = civil(day);
    let month = (month + 2) / 3 * 3;
    day_of((year, month, month_days(year, month)))
}

/// `2026-11-22`
pub(crate) fn text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-22T07:00:00`, in Japan.
pub(crate) fn text_at(seconds: i64) -> String {
    let of_day = (seconds + JST_SECONDS).rem_euclid(DAY_SECONDS);
    format!("{}T{:02}:{:02}:{:02}", text(day_at(seconds)), of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[test]
fn the_calendar_is_the_calendar() {
    assert_eq!(civil(0), (1970, 1, 1));
    assert_eq!(text_at(1_795_300_000), "2026-11-22T07:26:40");
    assert_eq!(text(months_before(day_of((2030, 5, 31)), 3)), "2030-02-28");
    assert_eq!(text(in_year((2000, 2, 29), 2027)), "2027-02-28");
    assert_eq!(text(end_of_quarter(day_of((2030, 2, 17)))), "2030-03-31");
}
