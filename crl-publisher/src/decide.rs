//! What the publisher is to do at an instant. Pure, so that midnights, leap days and stepped clocks are tested as data.
use pki::time::UnixTime;

use crate::ledger::{CutCause, PublishedCut};
use crate::schedule::Schedule;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Build a cut and flip it as soon as it is checked.
    PublishNow {
        /// Why.
        cause: CutCause,
    },
    /// Freeze and build a cut now; flip it at that instant.
    BuildFor {
        /// When to flip.
        flip_at: UnixTime,
    },
    /// Nothing until then.
    WaitUntil {
        /// When to decide again.
        until: UnixTime,
    },
    /// The clock is behind the last cut's thisUpdate. Raise an alarm and publish nothing: a CRL made now would seem older
    /// than the one it follows (C04).
    RefuseClock {
        /// thisUpdate of the last cut.
        last_this_update: UnixTime,
    },
    /// The schedule has no more instants.
    ScheduleEnded,
}

/// Decides from the clock, the schedule and the cut that readers hold. A scheduled cut is frozen `lead_seconds` before its
/// flip, or at the flip before it where the schedule is denser than that.
pub fn decide(now: UnixTime, schedule: &Schedule, served: Option<&PublishedCut>, lead_seconds: u32) -> Decision {
    let Some(served) = served else { return Decision::PublishNow { cause: CutCause::NothingServed } };
    if now < served.this_update {
        return Decision::RefuseClock { last_this_update: served.this_update };
    }
    // Late rather than never: after downtime or failed attempts the cut is made at once.
    if let Some(due) = schedule.latest_due(now)
        && served.this_update < freeze_at(schedule, due, lead_seconds)
    {
        return Decision::PublishNow { cause: CutCause::Missed { due } };
    }
    // A cut made by hand within the lead is fresh enough for the coming flip as well.
    let mut due = schedule.next_after(now);
    while let Some(flip_at) = due {
        let freeze_at = freeze_at(schedule, flip_at, lead_seconds);
        if served.this_update < freeze_at {
            return if now < freeze_at {
                Decision::WaitUntil { until: freeze_at }
            } else {
                Decision::BuildFor { flip_at }
            };
        }
        due = schedule.next_after(flip_at);
    }
    Decision::ScheduleEnded
}

/// The earliest thisUpdate that a cut flipped at `due` may have.
pub(crate) fn freeze_at(schedule: &Schedule, due: UnixTime, lead_seconds: u32) -> UnixTime {
    let lead = due.plus_seconds(-i64::from(lead_seconds));
    schedule.latest_due(due.plus_seconds(-1)).map_or(lead, |before| lead.max(before))
}

/// Readers would be left without a valid CRL although every cut comes on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a cut frozen at {this_update} would run out at {next_update}, before the one after it is flipped at {promised}; make the validity longer"
)]
pub struct ValidityTooShort {
    /// thisUpdate of the first cut that runs out too early.
    pub this_update: UnixTime,
    /// Its nextUpdate.
    pub next_update: UnixTime,
    /// The flip that was promised after it.
    pub promised: UnixTime,
}

/// How many coming flips are looked at: more than a year of daily ones, so every gap between weekdays is among them.
const FLIPS_LOOKED_AT: usize = 400;

/// nextUpdate of each coming cut lies past the flip of the cut after it (I24).
pub fn check_validity(
    now: UnixTime,
    schedule: &Schedule,
    lead_seconds: u32,
    validity_seconds: u32,
) -> Result<(), ValidityTooShort> {
    let flips = std::iter::successors(schedule.next_after(now), |&due| schedule.next_after(due)).take(FLIPS_LOOKED_AT);
    for due in flips {
        let this_update = freeze_at(schedule, due, lead_seconds);
        let next_update = this_update.plus_seconds(validity_seconds.into());
        if let Some(promised) = schedule.next_after(due).filter(|&promised| next_update <= promised) {
            return Err(ValidityTooShort { this_update, next_update, promised });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::jst;

    const LEAD_SECONDS: u32 = 300;

    fn at(now: UnixTime, served_at: Option<UnixTime>) -> Decision {
        at_with("0 0 7 * * *", now, served_at)
    }

    fn at_with(expression: &str, now: UnixTime, served_at: Option<UnixTime>) -> Decision {
        let schedule = Schedule::parse(expression, "Asia/Tokyo").unwrap();
        let served = served_at.map(|this_update| PublishedCut {
            cut_number: 1,
            log_position: 1,
            tree_head: [0; 32],
            this_update,
            next_update: this_update.plus_seconds(48 * 3_600),
            manifest_sha256: [0; 32],
        });
        decide(now, &schedule, served.as_ref(), LEAD_SECONDS)
    }

    fn missed(due: UnixTime) -> Decision {
        Decision::PublishNow { cause: CutCause::Missed { due } }
    }

    #[test]
    fn with_nothing_served_a_cut_is_made_at_once() {
        assert_eq!(at(jst("2026-11-22", 3, 0, 0), None), Decision::PublishNow { cause: CutCause::NothingServed });
    }

    #[test]
    fn a_day_goes_by_to_the_second() {
        let (yesterday, flip_at) = (jst("2026-11-21", 6, 55, 0), jst("2026-11-22", 7, 0, 0));
        let freeze = jst("2026-11-22", 6, 55, 0);
        assert_eq!(at(jst("2026-11-21", 7, 0, 0), Some(yesterday)), Decision::WaitUntil { until: freeze });
        assert_eq!(at(freeze.plus_seconds(-1), Some(yesterday)), Decision::WaitUntil { until: freeze });
        assert_eq!(at(freeze, Some(yesterday)), Decision::BuildFor { flip_at });
        assert_eq!(at(flip_at.plus_seconds(-1), Some(yesterday)), Decision::BuildFor { flip_at });
        assert_eq!(at(flip_at, Some(yesterday)), missed(flip_at));
        assert_eq!(at(flip_at, Some(freeze)), Decision::WaitUntil { until: jst("2026-11-23", 6, 55, 0) });
    }

    #[test]
    fn a_machine_that_was_down_publishes_as_soon_as_it_is_up() {
        let long_ago = jst("2026-11-18", 6, 55, 0);
        assert_eq!(at(jst("2026-11-22", 6, 0, 0), Some(long_ago)), missed(jst("2026-11-21", 7, 0, 0)));
        assert_eq!(at(jst("2026-11-22", 7, 0, 1), Some(long_ago)), missed(jst("2026-11-22", 7, 0, 0)));
    }

    #[test]
    fn a_cut_by_hand_counts_for_the_flip_only_if_it_is_fresh_enough() {
        let now = jst("2026-11-22", 6, 58, 0);
        assert_eq!(
            at(now, Some(jst("2026-11-22", 6, 54, 59))),
            Decision::BuildFor { flip_at: jst("2026-11-22", 7, 0, 0) }
        );
        assert_eq!(
            at(now, Some(jst("2026-11-22", 6, 55, 0))),
            Decision::WaitUntil { until: jst("2026-11-23", 6, 55, 0) }
        );
    }

    #[test]
    fn a_clock_behind_the_last_cut_is_refused() {
        let last_this_update = jst("2026-11-22", 6, 55, 0);
        assert_eq!(
            at(last_this_update.plus_seconds(-1), Some(last_this_update)),
            Decision::RefuseClock { last_this_update }
        );
        assert_eq!(
            at(last_this_update, Some(last_this_update)),
            Decision::WaitUntil { until: jst("2026-11-23", 6, 55, 0) }
        );
    }

    #[test]
    fn a_schedule_denser_than_the_lead_still_gives_a_cut_for_each_flip() {
        let every_minute = "0 * * * * *";
        let flip_at = jst("2026-11-22", 7, 1, 0);
        let served = jst("2026-11-22", 6, 59, 30);
        let at_seven = at_with(every_minute, jst("2026-11-22", 7, 0, 0), Some(served));
        assert_eq!(at_seven, Decision::BuildFor { flip_at });
    }

    #[test]
    fn a_validity_that_ends_before_the_next_flip_is_refused_to_the_second() {
        let now = jst("2026-11-22", 12, 0, 0);
        let daily = Schedule::parse("0 0 7 * * *", "Asia/Tokyo").unwrap();
        let a_day_and_the_lead = 86_400 + LEAD_SECONDS;
        let refused = check_validity(now, &daily, LEAD_SECONDS, a_day_and_the_lead).unwrap_err();
        assert_eq!((refused.next_update, refused.promised), (jst("2026-11-24", 7, 0, 0), jst("2026-11-24", 7, 0, 0)));
        assert_eq!(check_validity(now, &daily, LEAD_SECONDS, a_day_and_the_lead + 1), Ok(()));
        // Over a weekend two days are too short.
        let weekdays = Schedule::parse("0 0 7 * * Mon-Fri", "Asia/Tokyo").unwrap();
        assert_eq!(
            check_validity(now, &weekdays, LEAD_SECONDS, 48 * 3_600).unwrap_err().promised,
            jst("2026-11-30", 7, 0, 0)
        );
    }
}
