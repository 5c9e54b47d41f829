//! How long certificates live (facts 1.1, 1.7). Every interval is inclusive and a day ends at 23:59:59 in Japan.
//!
//! Birth dates are the earliest possible ones (`pki::person::BirthDate::earliest`): an unknown month or day of birth
//! never makes a certificate live longer.
use crate::time::{CivilDate, UnixTime};

/// A new certificate ends on the 5th birthday after its issue (facts 1.7).
const BIRTHDAYS_NEW: u32 = 5;
/// A renewed one on the 6th, so that nobody loses what was left by coming early (facts 1.7).
const BIRTHDAYS_RENEWAL: u32 = 6;
/// The renewal window opens this many months before notAfter (facts 1.7, 7).
const RENEWAL_WINDOW_MONTHS: u32 = 3;
/// A CA certificate lives this long (facts 1.1).
const CA_YEARS: u32 = 10;
/// Below this age there is no signature certificate (facts 1.7).
const SIGNATURE_AGE_YEARS: u32 = 15;

/// Everything that decides when a leaf certificate ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ValidityInputs {
    /// The day of issue in Japan. A birthday on this day is not counted.
    pub issued_on: CivilDate,
    /// The earliest possible date of birth.
    pub birth_date: CivilDate,
    /// The application came within the last three months of a certificate of the same kind ([`is_renewal`]).
    pub renewal: bool,
    /// The card's last day.
    pub card_expires_on: Option<CivilDate>,
    /// The last day of a foreign resident's limited stay.
    pub stay_ends_on: Option<CivilDate>,
    /// notAfter of the user certificate on the same card; for signature certificates only.
    pub paired_user_certificate_not_after: Option<UnixTime>,
}

/// By hand: dates of birth stay out of logs and panic messages.
impl std::fmt::Debug for ValidityInputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValidityInputs").field("issued_on", &self.issued_on).finish_non_exhaustive()
    }
}

/// Why no certificate can be issued. The texts name no date of the person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidityError {
    /// The date of birth lies after the day of issue.
    #[error("the date of birth is after the day of issue")]
    NotYetBorn,
    /// The card does not last through the day of issue.
    #[error("the card has expired or expires before the day of issue ends")]
    CardExpired,
    /// The permitted stay does not last through the day of issue.
    #[error("the period of stay has ended or ends before the day of issue ends")]
    StayEnded,
    /// The paired user certificate does not last through the day of issue.
    #[error("the user certificate on the same card has expired or expires before the day of issue ends")]
    PairedCertificateExpired,
}

/// notAfter of a leaf certificate: the end of the 5th (on renewal 6th) birthday after the day of issue, cut by card,
/// stay and paired user certificate (facts 1.7). Each of these must last through the day of issue at least.
pub fn leaf_not_after(inputs: &ValidityInputs) -> Result<UnixTime, ValidityError> {
    let ValidityInputs {
        issued_on,
        birth_date,
        renewal,
        card_expires_on,
        stay_ends_on,
        paired_user_certificate_not_after,
    } = *inputs;
    if birth_date > issued_on {
        return Err(ValidityError::NotYetBorn);
    }
    let birthdays = if renewal { BIRTHDAYS_RENEWAL } else { BIRTHDAYS_NEW };
    let last_birthday = birth_date.plus_years(next_age(birth_date, issued_on) + birthdays - 1);
    let limits = [
        (card_expires_on.map(CivilDate::jst_end), ValidityError::CardExpired),
        (stay_ends_on.map(CivilDate::jst_end), ValidityError::StayEnded),
        (paired_user_certificate_not_after, ValidityError::PairedCertificateExpired),
    ];
    limits.into_iter().try_fold(last_birthday.jst_end(), |not_after, (limit, error)| match limit {
        Some(limit) if limit < issued_on.jst_end() => Err(error),
        Some(limit) => Ok(not_after.min(limit)),
        None => Ok(not_after),
    })
}

/// The age that is reached on the first birthday after that day.
fn next_age(birth_date: CivilDate, day: CivilDate) -> u32 {
    let this_year = day.year() - birth_date.year();
    if birth_date.plus_years(this_year) > day { this_year } else { this_year + 1 }
}

/// The application is a renewal: made while the earlier certificate still lives and within its last three months, the
/// first day included (facts 1.7).
pub fn is_renewal(earlier_not_after: UnixTime, applied_on: CivilDate) -> bool {
    is_in_last_months(earlier_not_after, RENEWAL_WINDOW_MONTHS, applied_on)
}

/// The day is one of the certificate's last months, the first day and the last included. In a month without that day, the
/// window opens on the month's last day.
pub fn is_in_last_months(not_after: UnixTime, months: u32, day: CivilDate) -> bool {
    let last_day = not_after.jst_date();
    let months = last_day.year() * 12 + u32::from(last_day.month()) - 1 - months;
    let opens_on = (1..=u32::from(last_day.day()))
        .rev()
        .find_map(|day| CivilDate::new(months / 12, months % 12 + 1, day))
        .expect("every month has a first day");
    (opens_on..=last_day).contains(&day)
}

/// The leave-day: notAfter's day in Japan rounded up to the end of its quarter. notAfter is a birthday; this is not, so
/// it may be known outside the registry.
pub fn leave_day(not_after: UnixTime) -> CivilDate {
    not_after.jst_date().quarter_end()
}

/// notAfter of a CA certificate: 23:59:59 in Japan of the day before the tenth anniversary (facts 1.1).
pub fn ca_not_after(not_before: UnixTime) -> UnixTime {
    not_before.jst_date().plus_years(CA_YEARS).jst_start().plus_seconds(-1)
}

/// The latest day on which a leaf certificate issued on that day can end, whoever the holder: the sixth birthday is six
/// years away at most, and one day more when 28 February stood for the 29th.
pub fn leaf_last_day_max(issued_on: CivilDate) -> CivilDate {
    issued_on.plus_years(BIRTHDAYS_RENEWAL).next()
}

/// Old enough for a signature certificate: from the 15th birthday on (facts 1.7).
pub fn may_hold_signature_certificate(birth_date: CivilDate, on: CivilDate) -> bool {
    on >= birth_date.plus_years(SIGNATURE_AGE_YEARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::Tag;
    use proptest::prelude::*;

    fn date(text: &str) -> CivilDate {
        text.parse().unwrap()
    }

    fn utc(text: &str) -> UnixTime {
        UnixTime::from_der(Tag::GENERALIZED_TIME, text.as_bytes()).unwrap()
    }

    fn inputs(birth_date: &str, issued_on: &str) -> ValidityInputs {
        ValidityInputs {
            issued_on: date(issued_on),
            birth_date: date(birth_date),
            renewal: false,
            card_expires_on: None,
            stay_ends_on: None,
            paired_user_certificate_not_after: None,
        }
    }

    fn last_day(inputs: &ValidityInputs) -> String {
        let not_after = leaf_not_after(inputs).unwrap();
        assert_eq!(not_after, not_after.jst_date().jst_end(), "a day ends at 23:59:59 in Japan");
        not_after.jst_date().to_string()
    }

    #[test]
    fn the_test_card_ends_on_its_fifth_birthday() {
        let not_after = leaf_not_after(&inputs("1980-02-17", "2025-10-27")).unwrap();
        assert_eq!(not_after, utc("20300217145959Z"));
    }

    #[test]
    fn a_birthday_on_the_day_of_issue_is_not_counted() {
        assert_eq!(last_day(&inputs("1980-02-17", "2026-02-16")), "2030-02-17");
        assert_eq!(last_day(&inputs("1980-02-17", "2026-02-17")), "2031-02-17");
        assert_eq!(last_day(&inputs("1980-02-17", "2026-02-18")), "2031-02-17");
    }

    #[test]
    fn a_second_before_midnight_in_japan_is_another_day_of_issue_than_a_second_after() {
        let midnight = date("2026-02-17").jst_start();
        let issued_at =
            |time: UnixTime| ValidityInputs { issued_on: time.jst_date(), ..inputs("1980-02-17", "2026-01-01") };
        assert_eq!(last_day(&issued_at(midnight.plus_seconds(-1))), "2030-02-17");
        assert_eq!(last_day(&issued_at(midnight)), "2031-02-17");
        assert_eq!(last_day(&issued_at(midnight.plus_seconds(1))), "2031-02-17");
    }

    #[test]
    fn a_child_born_today_lives_its_first_five_birthdays_and_one_born_tomorrow_none() {
        assert_eq!(last_day(&inputs("2026-11-21", "2026-11-21")), "2031-11-21");
        assert_eq!(leaf_not_after(&inputs("2026-11-22", "2026-11-21")), Err(ValidityError::NotYetBorn));
    }

    #[test]
    fn a_renewal_lives_to_the_sixth_birthday() {
        let renewal = ValidityInputs { renewal: true, ..inputs("1980-02-17", "2029-11-17") };
        assert_eq!(last_day(&renewal), "2035-02-17");
    }

    #[test]
    fn the_renewal_window_is_three_months_with_its_first_and_last_day() {
        let end = date("2030-02-17").jst_end();
        for (applied_on, renewal) in
            [("2029-11-16", false), ("2029-11-17", true), ("2030-02-17", true), ("2030-02-18", false)]
        {
            assert_eq!(is_renewal(end, date(applied_on)), renewal, "{applied_on}");
        }
        assert!(!is_renewal(date("2030-05-31").jst_end(), date("2030-02-27")));
        assert!(is_renewal(date("2030-05-31").jst_end(), date("2030-02-28")));
        assert!(is_renewal(date("2028-05-30").jst_end(), date("2028-02-29")));
    }

    #[test]
    fn a_leap_day_birthday_is_28_february_in_common_years() {
        assert_eq!(last_day(&inputs("2000-02-29", "2024-02-28")), "2028-02-29");
        assert_eq!(last_day(&inputs("2000-02-29", "2024-02-29")), "2029-02-28");
        assert_eq!(last_day(&inputs("2000-02-29", "2025-02-27")), "2029-02-28");
        assert_eq!(last_day(&inputs("2000-02-29", "2025-02-28")), "2030-02-28");
    }

    #[test]
    fn the_nearest_of_card_stay_and_pair_cuts_and_a_later_one_does_not() {
        let free = inputs("1980-02-17", "2025-10-27");
        let card = |day| ValidityInputs { card_expires_on: Some(date(day)), ..free };
        assert_eq!(last_day(&card("2030-02-16")), "2030-02-16");
        assert_eq!(last_day(&card("2030-02-18")), "2030-02-17");
        let stay = ValidityInputs { stay_ends_on: Some(date("2027-03-31")), ..card("2028-01-01") };
        assert_eq!(last_day(&stay), "2027-03-31");
        let pair = ValidityInputs { paired_user_certificate_not_after: Some(date("2026-12-31").jst_end()), ..stay };
        assert_eq!(last_day(&pair), "2026-12-31");
    }

    #[test]
    fn what_ends_before_the_day_of_issue_ends_is_refused_to_the_second() {
        let free = inputs("1980-02-17", "2025-10-27");
        let card = |day| leaf_not_after(&ValidityInputs { card_expires_on: Some(date(day)), ..free });
        assert_eq!(card("2025-10-27"), Ok(date("2025-10-27").jst_end()));
        assert_eq!(card("2025-10-26"), Err(ValidityError::CardExpired));
        let stay = ValidityInputs { stay_ends_on: Some(date("2025-10-26")), ..free };
        assert_eq!(leaf_not_after(&stay), Err(ValidityError::StayEnded));
        let pair = |seconds| {
            let paired_user_certificate_not_after = Some(date("2025-10-27").jst_end().plus_seconds(seconds));
            leaf_not_after(&ValidityInputs { paired_user_certificate_not_after, ..free })
        };
        assert_eq!(pair(0), Ok(date("2025-10-27").jst_end()));
        assert_eq!(pair(-1), Err(ValidityError::PairedCertificateExpired));
    }

    #[test]
    fn certificates_cross_the_end_of_utc_time() {
        let mut writer = crate::der::DerWriter::new();
        leaf_not_after(&inputs("1980-12-31", "2045-06-01")).unwrap().write_der(&mut writer);
        leaf_not_after(&inputs("1980-01-01", "2045-06-01")).unwrap().write_der(&mut writer);
        leaf_not_after(&inputs("1980-01-02", "2045-06-01")).unwrap().write_der(&mut writer);
        // The first of January 2050 ends at 23:59:59 in Japan, 14:59:59 in Greenwich: already GeneralizedTime.
        assert_eq!(writer.finish(), b"\x17\x0d491231145959Z\x18\x0f20500101145959Z\x18\x0f20500102145959Z");
    }

    #[test]
    fn ca_certificates_end_as_the_six_production_roots_do() {
        // Facts 1.1, the table of production roots.
        for (not_before, not_after) in [
            ("20151020024028Z", "20251019145959Z"),
            ("20190914234156Z", "20290914145959Z"),
            ("20230716005027Z", "20330715145959Z"),
            ("20151020030813Z", "20251019145959Z"),
            ("20190914234159Z", "20290914145959Z"),
            ("20230716010104Z", "20330715145959Z"),
        ] {
            assert_eq!(ca_not_after(utc(not_before)), utc(not_after));
        }
    }

    #[test]
    fn a_leave_day_is_the_last_day_of_the_quarter_in_japan() {
        assert_eq!(leave_day(utc("20300217145959Z")), date("2030-03-31"));
        assert_eq!(leave_day(date("2030-03-31").jst_end()), date("2030-03-31"));
        assert_eq!(leave_day(date("2030-03-31").jst_end().plus_seconds(1)), date("2030-06-30"));
        assert_eq!(leave_day(date("2049-12-31").jst_end().plus_seconds(1)), date("2050-03-31"));
    }

    #[test]
    fn a_signature_certificate_needs_fifteen_years() {
        assert!(!may_hold_signature_certificate(date("2011-11-22"), date("2026-11-21")));
        assert!(may_hold_signature_certificate(date("2011-11-21"), date("2026-11-21")));
        assert!(!may_hold_signature_certificate(date("2012-02-29"), date("2027-02-27")));
        assert!(may_hold_signature_certificate(date("2012-02-29"), date("2027-02-28")));
    }

    proptest! {
        #[test]
        fn exactly_five_or_six_birthdays_fall_into_the_life(birth in 0_i64..20_000, age in 0_i64..36_500, renewal: bool) {
            let (birth_date, issued_on) = (CivilDate::from_days(birth), CivilDate::from_days(birth + age));
            let free = inputs("1980-02-17", "2025-10-27");
            let last = leaf_not_after(&ValidityInputs { issued_on, birth_date, renewal, ..free }).unwrap().jst_date();
            let birthdays = (0..200).map(|years| birth_date.plus_years(years)).filter(|day| *day > issued_on && *day <= last);
            prop_assert_eq!(birthdays.count(), if renewal { 6 } else { 5 });
            prop_assert!(last <= leaf_last_day_max(issued_on));
            prop_assert!(leave_day(last.jst_end()) >= last);
        }
    }
}
