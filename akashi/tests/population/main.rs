//! Random lives of many people against a small model of the law: after every step registry, index, OCSP, full and
//! municipal CRLs say what the model says; what was refused left nothing, what was acknowledged is never lost.
//!
//! `AKASHI_LIVES_SEED` repeats a country that failed (its number is printed), `AKASHI_LIVES_TURNS` and
//! `AKASHI_LIVES_COUNTRIES` make them longer or more.
mod artifacts;
mod batches;
mod births;
mod calendar;
mod compare;
mod counters;
mod deaths;
mod dice;
mod law;
mod life;
mod model;
mod people;
mod phones;
mod queue;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use life::Life;

const COUNTRIES: u64 = 20;
const TURNS: u32 = 1_100;
const SEED: u64 = 20_261_122;
const STEPS_MIN: u64 = 20_000;
const EACH_KIND_MIN: u64 = 100;

/// Kinds of events. A refusal's is the end of its problem's type.
const KINDS: [&str; 96] = [
    "CA key compromise",
    "CA key generation",
    "application-stale",
    "application-used",
    "auth issued",
    "batch",
    "batch again",
    "batch row again",
    "batch row done",
    "batch row refused",
    "birth_date_corrected",
    "card card_found",
    "card card_lost",
    "card key_compromise",
    "card no_longer_needed",
    "card person_request",
    "card record_error",
    "character-not-allowed",
    "compromise filled in",
    "crash after a report",
    "crash in a batch",
    "crash in a phone application",
    "crash in an issue",
    "csr-malformed",
    "csr-signature",
    "cut published",
    "died",
    "empty list of what expires",
    "expired",
    "first issue",
    "given up before hand-over",
    "held",
    "hold by serial",
    "hold of a card",
    "hold of a phone",
    "holder born on 29 February",
    "holder with an unknown birthday",
    "idempotency-key-reused",
    "impossible-date",
    "key-algorithm",
    "key-seen-before",
    "left_japan",
    "left_japan_keeping_card",
    "list of what expires",
    "look-up",
    "malformed-body",
    "marked as notified",
    "marking refused",
    "minor_address_correction",
    "moved",
    "name_changed",
    "no-time-left",
    "not-in-form",
    "not-your-municipality",
    "notice refused",
    "phone application forged",
    "phone application queued",
    "phone application refused",
    "phone application refused in its turn",
    "phone found",
    "phone key_compromise",
    "phone no_longer_needed",
    "phone person_request",
    "phone phone_found",
    "phone phone_lost",
    "phone record_error",
    "phone replaced",
    "phone retired",
    "phone-auth issued",
    "phone-sign issued",
    "queue worked",
    "re-issue after a change",
    "receipt",
    "receipt refused",
    "renewal",
    "replacement",
    "report in an issue",
    "reported before the intent",
    "resident-changed",
    "resident-gone",
    "restart",
    "retry",
    "revocation by a wrong desk",
    "search",
    "search that finds nothing",
    "sex_corrected",
    "sign issued",
    "time passes",
    "trial of a revocation",
    "trial of an issue",
    "trial refused",
    "under-fifteen",
    "unknown-certificate",
    "unknown-municipality",
    "waiting application ended",
    "wrong-role",
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn live(seed: u64, turns: u32) -> std::thread::Result<BTreeMap<&'static str, u64>> {
    let mut life = Life::new(seed);
    catch_unwind(AssertUnwindSafe(|| life.live(turns))).inspect_err(|_| {
        let told = life.last_turns();
        eprintln!("AKASHI_LIVES_COUNTRIES=1 AKASHI_LIVES_SEED={seed} repeats it. What happened last:\n  {told}");
    })
}

#[test]
fn after_any_life_of_anybody_all_that_relying_parties_can_ask_says_what_the_law_says() {
    let countries = setting("AKASHI_LIVES_COUNTRIES").unwrap_or(COUNTRIES);
    let turns = setting("AKASHI_LIVES_TURNS").map_or(TURNS, |turns| u32::try_from(turns).unwrap());
    let seed = setting("AKASHI_LIVES_SEED").unwrap_or(SEED);
    let (next, counts) = (AtomicU64::new(0), Mutex::new(BTreeMap::<&'static str, u64>::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= countries {
                return;
            }
            let of_country = live(seed + number, turns).unwrap_or_else(|panic| {
                // One failure is enough to look at.
                next.store(countries, Ordering::Relaxed);
                resume_unwind(panic)
            });
            for (kind, count) in of_country {
                *counts.lock().unwrap().entry(kind).or_default() += count;
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let counts = counts.into_inner().unwrap();
    let steps = countries * u64::from(turns);
    let table: Vec<_> = counts.iter().map(|(kind, count)| format!("{count:>7} {kind}")).collect();
    println!("{steps} steps in {countries} countries, from seed {seed}\n{}", table.join("\n"));
    let unlisted: Vec<_> = counts.keys().filter(|kind| !KINDS.contains(kind)).collect();
    assert!(unlisted.is_empty(), "not among the kinds: {unlisted:?}");
    if (countries, turns, seed) == (COUNTRIES, TURNS, SEED) {
        assert!(steps >= STEPS_MIN);
        let seldom = |kind: &&&str| counts.get(**kind).is_none_or(|count| *count < EACH_KIND_MIN);
        let seldom: Vec<_> = KINDS.iter().filter(seldom).collect();
        assert!(seldom.is_empty(), "each kind of event is there {EACH_KIND_MIN} times, but not {seldom:?}");
    }
}
