//! What the law makes of certificates, written down a second time from the facts and the table in docs/effects.md, and
//! sharing nothing with the rules.
use pki::identity::Ca;
use pki::revocation::{CertificateStatus, RevocationReason as Reason, Withdrawal};
use pki::time::UnixTime;

use crate::calendar::{Civil, civil, day_at, day_of, end_of_quarter, in_year, last_second, months_before};

/// What happened → what it does to `sign`, `auth`, `phone-sign`, `phone-auth` (docs/effects.md).
const EFFECTS: [(&str, [&str; 4]); 27] = [
    ("moved", ["changed", "", "changed", ""]),
    ("name_changed", ["changed", "", "changed", ""]),
    ("sex_corrected", ["changed", "", "changed", ""]),
    ("birth_date_corrected", ["changed", "", "changed", ""]),
    ("minor_address_correction", ["", "", "", ""]),
    ("died", ["ceased", "ceased", "ceased", "ceased"]),
    ("left_japan", ["ceased", "ceased", "ceased", "ceased"]),
    ("left_japan_keeping_card", ["changed", "", "changed", ""]),
    ("card person_request", ["ceased", "ceased", "ceased", "ceased"]),
    ("phone person_request", ["", "", "ceased", "ceased"]),
    ("card key_compromise", ["leaked", "leaked", "ceased", "ceased"]),
    ("phone key_compromise", ["", "", "leaked", "leaked"]),
    ("card card_lost", ["leaked", "leaked", "ceased", "ceased"]),
    ("card card_found", ["ceased", "ceased", "ceased", "ceased"]),
    ("phone phone_lost", ["", "", "leaked", "leaked"]),
    ("card held", ["hold", "hold", "", ""]),
    ("phone held", ["", "", "hold", "hold"]),
    ("card record_error", ["changed", "changed", "changed", "changed"]),
    ("phone record_error", ["", "", "changed", "changed"]),
    ("card no_longer_needed", ["ceased", "ceased", "ceased", "ceased"]),
    ("phone no_longer_needed", ["", "", "ceased", "ceased"]),
    ("card superseded", ["superseded", "superseded", "superseded", "superseded"]),
    ("ca_key_compromise", ["compromised", "compromised", "compromised", "compromised"]),
    ("phone superseded", ["", "", "superseded", "superseded"]),
    ("phone phone_replaced", ["", "", "ceased", "ceased"]),
    ("phone phone_found", ["", "", "superseded", "release"]),
    ("given up", ["unspecified", "unspecified", "unspecified", "unspecified"]),
];

/// What a certificate of that CA is after it.
pub(crate) fn after(what: &str, ca: Ca, before: CertificateStatus, now: i64) -> CertificateStatus {
    use CertificateStatus::{Good, NotIssued, Withdrawn};
    let (_, row) = EFFECTS.iter().find(|(name, _)| *name == what).unwrap_or_else(|| panic!("the law knows no {what}"));
    let now = UnixTime::from_seconds(now);
    let reason = match row[ca as usize] {
        "hold" if before == Good => return Withdrawn(Withdrawal::Held { since: now }),
        "release" if matches!(before, Withdrawn(Withdrawal::Held { .. })) => return Good,
        "" | "hold" | "release" => return before,
        "changed" => Reason::AffiliationChanged,
        "ceased" => Reason::CessationOfOperation,
        "leaked" => Reason::KeyCompromise,
        "superseded" => Reason::Superseded,
        "compromised" => Reason::CaCompromise,
        "unspecified" => Reason::Unspecified,
        other => panic!("{other} is no effect"),
    };
    match before {
        Good | NotIssued => Withdrawn(Withdrawal::Revoked { since: now, reason }),
        Withdrawn(Withdrawal::Held { since }) => Withdrawn(Withdrawal::Revoked { since, reason }),
        Withdrawn(Withdrawal::Revoked { .. }) => before,
    }
}

/// A date of birth as the register has it: month and day are 0 where they are not known.
pub(crate) type Birth = Civil;

pub(crate) fn birth_text((year, month, day): Birth) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

fn earliest((year, month, day): Birth) -> Civil {
    (year, month.max(1), day.max(1))
}

fn latest((year, month, day): Birth) -> Civil {
    let month = if month == 0 { 12 } else { month };
    (year, month, if day == 0 { crate::calendar::month_days(year, month) } else { day })
}

/// Born, at the earliest, after that day.
pub(crate) fn unborn(birth: Birth, today: i64) -> bool {
    day_of(earliest(birth)) > today
}

/// A signature certificate is for those who are 15 for certain (facts 1.7).
pub(crate) fn under_fifteen(birth: Birth, today: i64) -> bool {
    today < in_year(latest(birth), birth.0 + 15)
}

/// What cuts a life short: last days of card and stay, last second of the paired user certificate.
pub(crate) struct Cuts {
    pub(crate) card: Option<i64>,
    pub(crate) stay: Option<i64>,
    pub(crate) paired: Option<i64>,
}

/// The last second of a certificate (facts 1.7): the fifth birthday after its issue, on renewal the sixth, cut by what
/// ends before. `None` if that does not even last through the day of issue.
pub(crate) fn not_after(birth: Birth, issued_at: i64, renewal: bool, cuts: &Cuts) -> Option<i64> {
    let today = day_at(issued_at);
    let (this_year, _, _) = civil(today);
    let birthdays = (this_year..).map(|year| in_year(earliest(birth), year)).filter(|day| *day > today);
    let last_birthday = birthdays.take(if renewal { 6 } else { 5 }).last().unwrap();
    let ends = [cuts.card.map(last_second), cuts.stay.map(last_second), cuts.paired];
    let end = ends.into_iter().flatten().chain([last_second(last_birthday)]).min().unwrap();
    (end >= last_second(today)).then_some(end)
}

/// The last second of a certificate in a phone (facts 5): that of the card's that it stands on, and a signature
/// certificate's at most that of the user certificate beside it. `None` if that is over.
pub(crate) fn phone_not_after(card: i64, paired: Option<i64>, issued_at: i64) -> Option<i64> {
    let end = paired.map_or(card, |paired| paired.min(card));
    (end >= issued_at).then_some(end)
}

/// Applications for phones are done from 08:30:00 to 19:30:00 (facts 5).
pub(crate) fn phone_hours(day: i64) -> std::ops::RangeInclusive<i64> {
    let midnight = crate::calendar::first_second(day);
    midnight + 8 * 3_600 + 1_800..=midnight + 19 * 3_600 + 1_800
}

/// From this day to its last a certificate can be renewed (facts 1.7).
pub(crate) fn renewable_from(not_after: i64) -> i64 {
    *last_months(not_after, 3).start()
}

/// The days of its last months, that many.
pub(crate) fn last_months(not_after: i64, months: i64) -> std::ops::RangeInclusive<i64> {
    let last = day_at(not_after);
    months_before(last, months)..=last
}

/// The last day on which a CRL must carry it.
pub(crate) fn leave_day(not_after: i64) -> i64 {
    end_of_quarter(day_at(not_after))
}

/// A CA key's certificate ends before its tenth anniversary begins (facts 1.1).
pub(crate) fn ca_not_after(activated_at: i64) -> i64 {
    let made = civil(day_at(activated_at));
    last_second(in_year(made, made.0 + 10) - 1)
}
