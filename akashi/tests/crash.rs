//! Nothing that was acknowledged is ever missing, whatever moment the process or the machine dies at.
//!
//! | module | what it does |
//! |---|---|
//! | `town` | a server and its clients: work, death, restart, check |
//! | `client`, `check`, `status` | one client: what it asks, what it remembers, what it finds afterwards |
//! | `cuts`, `events` | the same for cuts; the log as it lies on disk |
//! | `power` | a power failure, by the shim that notes what was synced |
//! | `random` | choices that can be repeated from a printed seed |
//! | `signer_away` | what is asked for while the signer is away, and a death meanwhile |
//! | `issue_steps`, `phone_steps`, `revoke_steps`, `publish_steps`, `snapshot_steps` | a death right after each numbered durable step |
#[path = "crash/check.rs"]
mod check;
#[path = "crash/client.rs"]
mod client;
#[path = "crash/cuts.rs"]
mod cuts;
#[path = "crash/events.rs"]
mod events;
#[path = "crash/issue_steps.rs"]
mod issue_steps;
#[path = "crash/phone_steps.rs"]
mod phone_steps;
#[path = "crash/power.rs"]
mod power;
#[path = "crash/publish_steps.rs"]
mod publish_steps;
#[path = "crash/random.rs"]
mod random;
#[path = "crash/revoke_steps.rs"]
mod revoke_steps;
#[path = "crash/signer_away.rs"]
mod signer_away;
#[path = "crash/snapshot_steps.rs"]
mod snapshot_steps;
#[path = "crash/status.rs"]
mod status;
mod support;
#[path = "crash/town.rs"]
mod town;

use power::Witness;
use town::Town;

const KILLS: u32 = 50;
const POWER_FAILURES: u32 = 12;
/// Enough that certificates are among what was answered.
const ANSWERS: u64 = 20;

#[test]
fn nothing_acknowledged_is_missing_after_fifty_random_kills() {
    let mut town = Town::found(None);
    for kill in 1..=KILLS {
        assert_eq!(town.round(), Vec::<String>::new(), "after kill {kill}");
    }
    assert_eq!(town.check_everything(), Vec::<String>::new());
    println!("{KILLS} kills, {}", town.summary());
}

#[test]
fn nothing_acknowledged_is_missing_when_the_power_fails_and_only_what_was_synced_stays() {
    let mut town = Town::found(Some(Witness::compile()));
    for failure in 1..=POWER_FAILURES {
        assert_eq!(town.round(), Vec::<String>::new(), "after power failure {failure}");
    }
    assert_eq!(town.check_everything(), Vec::<String>::new());
    println!("{POWER_FAILURES} power failures, {}", town.summary());
}

/// The test of the test above: with syncing off in the registry, the same power failure loses what was acknowledged.
#[test]
fn an_unsynced_registry_loses_acknowledged_certificates_and_the_check_sees_it() {
    let mut town = Town::found(Some(Witness::compile()));
    assert_eq!(town.round_without_cut(ANSWERS), Vec::<String>::new(), "synced");
    // With a cut published, none is due: a log that ends before the published cut's position would not even be opened.
    town.publish_cut();
    town.restart_with(&[("AKASHI_UNSYNCED", "1")]);
    let findings = town.round_without_cut(ANSWERS);
    println!("not synced, and lost:\n{}", findings.join("\n"));
    let missing = findings.iter().filter(|finding| finding.contains("was acknowledged, and /desk/v1/requests/"));
    assert!(missing.count() > 0, "{findings:?}");
}

/// The same with a disk that says that it synced and did not: the registry refuses to run on what is left.
#[test]
fn a_disk_that_lies_about_syncing_is_noticed() {
    let mut town = Town::found(Some(Witness::compile()));
    assert_eq!(town.round_without_cut(ANSWERS), Vec::<String>::new(), "synced");
    town.restart_with(&[("AKASHI_SYNC_DROP", "1")]);
    let findings = town.round_without_cut(ANSWERS);
    println!("synced by a liar:\n{}", findings.join("\n"));
    assert!(findings.iter().any(|finding| finding.starts_with("it does not start again")), "{findings:?}");
}
