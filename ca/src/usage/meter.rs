//! Counts in memory, and hands what was counted to the log in numbered batches, each once.
//!
//! A batch keeps its number and its counts until the log has it: an attempt of which nobody knows how it ended is followed by
//! a look at the log, and only what is not there is tried again, under the same number, which the log takes once.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use registry::RegistryError;
use registry::usage::{Metered, UsageCount};

/// Counts of one event: some 60 KB.
const COUNTS_PER_BATCH_MAX: usize = 4_096;
/// Kinds of counts in memory, some 100 octets each: a day's minutes of a dozen busy parties. More are not counted, which is in
/// the parties' favour, and seen in a metric.
const OPEN_MAX: usize = 1 << 16;

/// Where batches are recorded.
pub trait UsageLedger {
    /// The number of the last batch; 0 before the first.
    fn last_batch(&self) -> Result<u64, RegistryError>;

    /// Records a batch, durably; refuses every number but the next.
    fn record(&self, batch: u64, counts: Vec<UsageCount>) -> Result<(), RegistryError>;
}

/// The meter.
#[derive(Default)]
pub struct Meter {
    counted: Mutex<Counted>,
    /// The batch that the log does not have yet, for all that is known. Held while one is written: one at a time is.
    batch: Mutex<Option<Batch>>,
}

#[derive(Default)]
struct Counted {
    open: BTreeMap<Metered, u64>,
    unwritten: u64,
    lost: u64,
}

struct Batch {
    number: u64,
    counts: Vec<UsageCount>,
}

impl Meter {
    /// Counts that so many certificates' statuses were told.
    pub fn count(&self, metered: Metered, certificates: u64) {
        if certificates == 0 {
            return;
        }
        let mut counted = self.counted();
        let has_place = counted.open.len() < OPEN_MAX || counted.open.contains_key(&metered);
        if has_place {
            *counted.open.entry(metered).or_default() += certificates;
            counted.unwritten += certificates;
        } else {
            counted.lost += certificates;
        }
    }

    /// Records everything that was counted before the call. What is not recorded when this fails is recorded by a later one.
    pub fn write(&self, ledger: &impl UsageLedger, step: &dyn Fn(&'static str)) -> Result<(), RegistryError> {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle(&mut batch, ledger, step)?;
        loop {
            // Before anything is taken: what was taken without a number would be lost if there is none.
            let number = ledger.last_batch()? + 1;
            let counts = self.take_some();
            if counts.is_empty() {
                return Ok(());
            }
            let there_is_more = counts.len() == COUNTS_PER_BATCH_MAX;
            *batch = Some(Batch { number, counts });
            step("usage.1-taken");
            self.settle(&mut batch, ledger, step)?;
            if !there_is_more {
                return Ok(());
            }
        }
    }

    /// Records the batch that was taken, unless an earlier attempt did.
    fn settle(
        &self,
        batch: &mut Option<Batch>,
        ledger: &impl UsageLedger,
        step: &dyn Fn(&'static str),
    ) -> Result<(), RegistryError> {
        let Some(Batch { number, counts }) = batch else { return Ok(()) };
        if ledger.last_batch()? < *number {
            ledger.record(*number, counts.clone())?;
            step("usage.2-recorded");
        }
        let written: u64 = counts.iter().map(|count| count.certificates).sum();
        self.counted().unwritten -= written;
        *batch = None;
        Ok(())
    }

    fn take_some(&self) -> Vec<UsageCount> {
        let mut counted = self.counted();
        let after = counted.open.keys().nth(COUNTS_PER_BATCH_MAX).copied();
        let rest = after.map(|after| counted.open.split_off(&after)).unwrap_or_default();
        let taken = std::mem::replace(&mut counted.open, rest);
        taken.into_iter().map(|(metered, certificates)| UsageCount { metered, certificates }).collect()
    }

    /// Certificates counted and not recorded yet.
    pub fn unwritten(&self) -> u64 {
        self.counted().unwritten
    }

    /// Certificates that were not counted, for want of memory.
    pub fn lost(&self) -> u64 {
        self.counted().lost
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Nothing panics while it is held.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pki::identity::Ca;
    use proptest::prelude::*;
    use registry::event::PartyId;
    use registry::usage::{Minute, QueryPurpose};

    use super::*;

    /// What becomes of an attempt to record a batch.
    #[derive(Clone, Copy, Debug)]
    enum Attempt {
        Works,
        Fails,
        /// It is recorded, and nobody is told.
        WorksUntold,
    }

    /// A log that refuses every number but the next, as the registry does.
    #[derive(Default)]
    struct Log {
        batches: RefCell<Vec<Vec<UsageCount>>>,
        attempts: RefCell<Vec<Attempt>>,
    }

    impl UsageLedger for Log {
        fn last_batch(&self) -> Result<u64, RegistryError> {
            Ok(self.batches.borrow().len() as u64)
        }

        fn record(&self, batch: u64, counts: Vec<UsageCount>) -> Result<(), RegistryError> {
            if batch != self.batches.borrow().len() as u64 + 1 {
                return Err(RegistryError::Illegal("not the next"));
            }
            let attempt = self.attempts.borrow_mut().pop().unwrap_or(Attempt::Works);
            match attempt {
                Attempt::Fails => return Err(RegistryError::ClockBehind { seconds: 1 }),
                Attempt::Works | Attempt::WorksUntold => self.batches.borrow_mut().push(counts),
            }
            match attempt {
                Attempt::WorksUntold => Err(RegistryError::Stopped),
                Attempt::Works | Attempt::Fails => Ok(()),
            }
        }
    }

    impl Log {
        fn sums(&self) -> BTreeMap<Metered, u64> {
            let mut sums = BTreeMap::new();
            for UsageCount { metered, certificates } in self.batches.borrow().iter().flatten() {
                *sums.entry(*metered).or_default() += certificates;
            }
            sums
        }
    }

    const NOTHING: &dyn Fn(&'static str) = &|_| {};

    fn metered(party: u32, minute: u32) -> Metered {
        Metered { party: PartyId(party), minute: Minute(minute), ca: Ca::Auth, purpose: QueryPurpose::Login }
    }

    #[derive(Clone, Debug)]
    enum Doing {
        Count(Metered, u64),
        Write(Attempt),
        Crash,
    }

    fn doings() -> impl Strategy<Value = Vec<Doing>> {
        let attempts = prop_oneof![Just(Attempt::Works), Just(Attempt::Fails), Just(Attempt::WorksUntold)];
        let doing = prop_oneof![
            6 => (1_u32..4, 0_u32..4, 0_u64..5).prop_map(|(party, minute, count)| Doing::Count(metered(party, minute), count)),
            3 => attempts.prop_map(Doing::Write),
            1 => Just(Doing::Crash),
        ];
        proptest::collection::vec(doing, 0..80)
    }

    proptest! {
        /// Whatever is counted, written, lost and told in whatever order: the log never has more than was given, and all of
        /// it if nothing crashed. A crash loses what no write had recorded before it, and nothing else.
        #[test]
        fn what_was_given_is_recorded_once_or_lost_in_a_crash(doings in doings()) {
            let (log, mut meter) = (Log::default(), Meter::default());
            let (mut given, mut lost) = (BTreeMap::<Metered, u64>::new(), 0);
            for doing in doings {
                match doing {
                    Doing::Count(metered, certificates) => {
                        meter.count(metered, certificates);
                        if certificates > 0 {
                            *given.entry(metered).or_default() += certificates;
                        }
                    }
                    Doing::Write(attempt) => {
                        log.attempts.borrow_mut().push(attempt);
                        let _ = meter.write(&log, NOTHING);
                        log.attempts.borrow_mut().clear();
                    }
                    Doing::Crash => {
                        meter = Meter::default();
                        lost = given.values().sum::<u64>() - log.sums().values().sum::<u64>();
                    }
                }
                let recorded = log.sums();
                for (metered, certificates) in &recorded {
                    prop_assert!(certificates <= given.get(metered).unwrap_or(&0), "{metered:?} was counted twice");
                }
            }
            meter.write(&log, NOTHING).unwrap();
            let sum = |sums: &BTreeMap<Metered, u64>| sums.values().sum::<u64>();
            prop_assert_eq!(sum(&log.sums()) + lost, sum(&given));
            prop_assert!(lost > 0 || log.sums() == given);
            prop_assert_eq!((meter.unwritten(), meter.lost()), (0, 0));
        }
    }

    #[test]
    fn a_batch_has_so_many_counts_and_more_become_further_batches() {
        let (log, meter) = (Log::default(), Meter::default());
        let many = u32::try_from(COUNTS_PER_BATCH_MAX).unwrap();
        (0..=2 * many).for_each(|minute| meter.count(metered(1, minute), 2));
        meter.write(&log, NOTHING).unwrap();
        let sizes: Vec<_> = log.batches.borrow().iter().map(Vec::len).collect();
        assert_eq!(sizes, [COUNTS_PER_BATCH_MAX, COUNTS_PER_BATCH_MAX, 1]);
    }

    #[test]
    fn beyond_its_memory_a_new_kind_is_lost_and_a_known_one_goes_on() {
        let meter = Meter::default();
        let many = u32::try_from(OPEN_MAX).unwrap();
        (0..many).for_each(|minute| meter.count(metered(1, minute), 1));
        meter.count(metered(2, 0), 3);
        meter.count(metered(1, 0), 5);
        assert_eq!((meter.unwritten(), meter.lost()), (u64::from(many) + 5, 3));
    }
}
