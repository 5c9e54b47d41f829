//! What the publisher is to do at an instant. Pure, so that midnights, leap days and stepped clocks are tested as data.
use std::iter::successors;

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

/// When cuts are frozen and flipped, and how long it may take until a publisher that broke works again.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// The instants of flips.
    pub schedule: Schedule,
    /// A scheduled cut is frozen so long before its flip, or at the flip before it where the schedule is denser than that.
    pub lead_seconds: u32,
    /// The longest that a repair takes: until somebody has noticed, come, and put another machine in place.
    pub repair_seconds: u32,
}

impl Timetable {
    /// Decides from the clock and the cut that readers hold.
    pub fn decide(&self, now: UnixTime, served: Option<&PublishedCut>) -> Decision {
        let Some(served) = served else { return Decision::PublishNow { cause: CutCause::NothingServed } };
        if now < served.this_update {
            return Decision::RefuseClock { last_this_update: served.this_update };
        }
        let Some(flip_at) = self.due_after(served.this_update) else { return Decision::ScheduleEnded };
        if flip_at <= now {
            // Late rather than never: after downtime or failed attempts the cut is made at once.
            let due = self.schedule.latest_due(now).unwrap_or(flip_at);
            return Decision::PublishNow { cause: CutCause::Missed { due } };
        }
        let freeze_at = self.freeze_at(flip_at);
        if now < freeze_at { Decision::WaitUntil { until: freeze_at } } else { Decision::BuildFor { flip_at } }
    }

    /// The first flip that a cut of that thisUpdate is not fresh enough for: from then on another is due. A cut made by hand
    /// within the lead is fresh enough for the coming flip as well.
    pub(crate) fn due_after(&self, this_update: UnixTime) -> Option<UnixTime> {
        self.flips_after(this_update).find(|&due| this_update < self.freeze_at(due))
    }

    fn flips_after(&self, now: UnixTime) -> impl Iterator<Item = UnixTime> + '_ {
        successors(self.schedule.next_after(now), |&due| self.schedule.next_after(due))
    }

    /// The earliest thisUpdate that a cut flipped at `due` may have.
    fn freeze_at(&self, due: UnixTime) -> UnixTime {
        let lead = due.plus_seconds(-i64::from(self.lead_seconds));
        self.schedule.latest_due(due.plus_seconds(-1)).map_or(lead, |before| lead.max(before))
    }

    /// Each coming cut is followed by another within seven days, and lives past that one's flip, as long as a second repair
    /// takes when the first was in vain (I24, I9).
    pub fn check(&self, now: UnixTime, validity_seconds: u32) -> Result<(), UnsafeTimetable> {
        for due in self.flips_after(now).take(FLIPS_LOOKED_AT) {
            let this_update = self.freeze_at(due);
            let next_update = this_update.plus_seconds(validity_seconds.into());
            let Some(promised) = self.schedule.next_after(due) else { break };
            if promised.seconds_since(due) > GAP_SECONDS_MAX {
                return Err(UnsafeTimetable::Seldom { due, promised });
            }
            let repaired_by = promised.plus_seconds(2 * i64::from(self.repair_seconds));
            if next_update <= promised || next_update < repaired_by {
                return Err(UnsafeTimetable::ShortLived { this_update, next_update, promised, repaired_by });
            }
        }
        Ok(())
    }
}

/// Readers would be left without a valid or without a fresh CRL although every cut comes on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeTimetable {
    /// A CRL would run out too early.
    #[error(
        "a cut frozen at {this_update} would run out at {next_update}; the one after it is flipped at {promised}, and has until \
         {repaired_by} if the publisher breaks and is repaired twice. Lengthen crl.validity_hours, publish more often, or \
         shorten crl.repair_hours if repairs are that quick"
    )]
    ShortLived {
        /// thisUpdate of the first cut that runs out too early.
        this_update: UnixTime,
        /// Its nextUpdate.
        next_update: UnixTime,
        /// The flip that was promised after it.
        promised: UnixTime,
        /// When it must have taken place.
        repaired_by: UnixTime,
    },
    /// More than seven days would pass between two cuts.
    #[error(
        "after the cut of {due} the next one comes at {promised}; seven days may pass at most. Publish more often (crl.schedule)"
    )]
    Seldom {
        /// A flip.
        due: UnixTime,
        /// The one after it.
        promised: UnixTime,
    },
}

/// How many coming flips are looked at: more than a year of daily ones, so every gap between weekdays is among them.
const FLIPS_LOOKED_AT: usize = 400;
/// A CRL is made at least every seven days (Baseline Requirements 4.9.7).
const GAP_SECONDS_MAX: i64 = 7 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::jst;

    const LEAD_SECONDS: u32 = 300;
    const DAILY: &str = "0 0 7 * * *";

    fn at(now: UnixTime, served_at: Option<UnixTime>) -> Decision {
        at_with(DAILY, now, served_at)
    }

    fn at_with(expression: &str, now: UnixTime, served_at: Option<UnixTime>) -> Decision {
        let served = served_at.map(|this_update| PublishedCut {
            cut_number: 1,
            log_position: 1,
            tree_head: [0; 32],
            this_update,
            next_update: this_update.plus_seconds(48 * 3_600),
            manifest_sha256: [0; 32],
        });
        timetable(expression, 0).decide(now, served.as_ref())
    }

    fn timetable(expression: &str, repair_seconds: u32) -> Timetable {
        let schedule = Schedule::parse(expression, "Asia/Tokyo").unwrap();
        Timetable { schedule, lead_seconds: LEAD_SECONDS, repair_seconds }
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
        let daily = timetable(DAILY, 0);
        let a_day_and_the_lead = 86_400 + LEAD_SECONDS;
        let end = jst("2026-11-24", 7, 0, 0);
        let refused = UnsafeTimetable::ShortLived {
            this_update: jst("2026-11-23", 6, 55, 0),
            next_update: end,
            promised: end,
            repaired_by: end,
        };
        assert_eq!(daily.check(now, a_day_and_the_lead), Err(refused));
        assert_eq!(daily.check(now, a_day_and_the_lead + 1), Ok(()));
        // Over a weekend two days are too short.
        let refused = timetable("0 0 7 * * Mon-Fri", 0).check(now, 48 * 3_600).unwrap_err();
        let promised = jst("2026-11-30", 7, 0, 0);
        assert!(matches!(refused, UnsafeTimetable::ShortLived { promised: found, .. } if found == promised));
    }

    #[test]
    fn a_validity_that_leaves_no_time_for_a_second_repair_is_refused_to_the_second() {
        let now = jst("2026-11-22", 12, 0, 0);
        let repaired_twice = 86_400 + LEAD_SECONDS + 2 * 8 * 3_600;
        let daily = timetable(DAILY, 8 * 3_600);
        assert_eq!(daily.check(now, repaired_twice), Ok(()));
        let refused = daily.check(now, repaired_twice - 1).unwrap_err();
        let by = jst("2026-11-24", 23, 0, 0);
        assert!(matches!(refused, UnsafeTimetable::ShortLived { repaired_by, .. } if repaired_by == by), "{refused}");
        assert!(refused.to_string().contains("2026-11-24T23:00:00+09:00"), "{refused}");
    }

    #[test]
    fn a_schedule_with_more_than_seven_days_between_two_cuts_is_refused() {
        let now = jst("2026-11-22", 12, 0, 0);
        assert_eq!(timetable("0 0 7 * * Mon", 0).check(now, 8 * 86_400), Ok(()));
        let refused = timetable("0 0 7 1,9,17,25 * *", 0).check(now, 10 * 86_400);
        let (due, promised) = (jst("2026-12-01", 7, 0, 0), jst("2026-12-09", 7, 0, 0));
        assert_eq!(refused, Err(UnsafeTimetable::Seldom { due, promised }));
    }
}
