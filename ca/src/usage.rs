//! Who asked how often for the status of certificates: counted in memory ([`meter`]), recorded as events, told to operators
//! and staff.
//!
//! **Record** (each half minute, and when the process stops): 1 `usage.1-taken`: what was counted becomes a batch with the
//! next number · 2 `usage.2-recorded`: the event is durable. A crash before it loses at most what was counted since the last
//! batch, in the parties' favour; one after it loses nothing, since nobody counts a recorded batch again.
pub mod meter;
pub mod rate;

use std::collections::BTreeMap;

use pki::time::{CivilDate, ImpossibleDate, UnixTime};
use registry::event::{Actor, Door, Event, PartyId, Role};
use registry::state::{Counter, StateReads};
use registry::usage::{Metered, Minute, QueryPurpose, UsageCount};
use registry::{Registry, RegistryError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Answer;
use crate::authority::{Authority, Caller, Ruling};
use crate::doors::forms::{CaWord, PurposeWord};
use crate::problem::{Problem, ProblemKind};
use meter::{Meter, UsageLedger};

/// A month, in which fees are reckoned.
const DAYS_MAX: i64 = 31;

/// Which days.
#[derive(Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParameters {
    /// The first day, in Japan.
    #[param(format = "date", example = "2026-11-01")]
    from: String,
    /// The last day, in Japan: the first one or at most 30 days after it.
    #[param(format = "date", example = "2026-11-30")]
    to: String,
}

/// An operator's usage of OCSP (失効情報の提供件数).
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageAnswer {
    #[schema(format = "date")]
    from: String,
    #[schema(format = "date")]
    to: String,
    /// Only what was asked for is listed.
    usage: Vec<UsageRow>,
}

/// How many certificates' statuses a party was told.
#[derive(Serialize, ToSchema)]
struct UsageRow {
    party: u32,
    ca: CaWord,
    purpose: PurposeWord,
    certificates: u64,
}

impl UsageLedger for Registry {
    fn last_batch(&self) -> Result<u64, RegistryError> {
        self.store().counter(Counter::UsageBatch)
    }

    fn record(&self, batch: u64, counts: Vec<UsageCount>) -> Result<(), RegistryError> {
        self.transact(Actor::System, Door::Inside, move |transaction| {
            transaction.append(Event::UsageRecorded { batch, counts }, None).map(drop)
        })
    }
}

impl Authority {
    /// What counts the answers that operators are given.
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Records what was counted. What cannot be recorded now stays counted.
    pub fn record_usage(&self) -> Result<(), RegistryError> {
        self.meter.write(&**self.registry(), &*self.outside.step)
    }

    /// `GET /operators/v1/usage`: the operator's own, as far as it is recorded.
    pub(crate) fn own_usage(&self, caller: &Caller, parameters: &UsageParameters) -> Ruling {
        self.usage_of(&[caller.party], parameters)
    }

    /// `GET /admin/v1/usage`: every operator's.
    pub(crate) fn all_usage(&self, parameters: &UsageParameters) -> Ruling {
        let parties = self.registry().store().parties()?;
        let operators = parties.iter().filter(|(_, record)| record.role == Role::Operator);
        self.usage_of(&operators.map(|(party, _)| *party).collect::<Vec<_>>(), parameters)
    }

    fn usage_of(&self, parties: &[PartyId], parameters: &UsageParameters) -> Ruling {
        let UsageParameters { from, to } = parameters;
        let (first, last) = (day("from", from)?, day("to", to)?);
        if !(0..DAYS_MAX).contains(&(last.days() - first.days())) {
            let detail = format!("`to` is `from`, or one of the {} days after it", DAYS_MAX - 1);
            return Err(Problem::of_field(ProblemKind::NotInForm, "to", detail));
        }
        let mut sums: BTreeMap<(PartyId, &str, QueryPurpose), u64> = BTreeMap::new();
        for party in parties {
            // Day by day: no more than a day's minutes of one party are in memory.
            for day in (first.days()..=last.days()).map(CivilDate::from_days) {
                let (from, to) = (Minute::of(day.jst_start()), Minute::of(day.jst_end()));
                for UsageCount { metered, certificates } in self.registry().store().usage(*party, from, to)? {
                    let Metered { party, minute: _, ca, purpose } = metered;
                    *sums.entry((party, ca.word(), purpose)).or_default() += certificates;
                }
            }
        }
        let row = |((party, ca, purpose), certificates): ((PartyId, &str, QueryPurpose), u64)| UsageRow {
            party: party.0,
            ca: CaWord(ca.to_owned()),
            purpose: PurposeWord(purpose.word().to_owned()),
            certificates,
        };
        Ok(Answer::ok(UsageAnswer { from: from.clone(), to: to.clone(), usage: sums.into_iter().map(row).collect() }))
    }

    /// The time by which usage is counted.
    pub fn now(&self) -> UnixTime {
        self.outside.clock.now()
    }
}

fn day(field: &'static str, text: &str) -> Result<CivilDate, Problem> {
    text.parse()
        .map_err(|error: ImpossibleDate| Problem::of_field(ProblemKind::ImpossibleDate, field, error.to_string()))
}
