//! The process dies after each numbered step; the next start finds the old cut or the new one, whole, and goes on.
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pki::identity::Ca;

use super::fakes::*;
use crate::ledger::CutCause;
use crate::publish::{PublishError, Publisher};

const STEPS: [&str; 8] = [
    "publish.1-reserved",
    "publish.2-frozen",
    "publish.3-planned",
    "publish.4-built",
    "publish.5-checked",
    "publish.6-synced",
    "publish.7-flipped",
    "publish.8-recorded",
];

/// Cut 1 is published with serial 5; while cut 2 with serials 5 and 6 is made, the process dies after that step.
fn died_after(step: &'static str) -> World {
    let world = World::new();
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2030-03-31");
    world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    world.clock.set(jst("2026-11-23", 6, 54, 0));
    world.ledger.revoke(Ca::Sign, 6, KIYOSE, "2030-03-31");
    let hook = move |done| {
        if done == step {
            std::panic::panic_any("the machine lost power");
        }
    };
    let publisher = world.open_with(Arc::new(hook)).unwrap();
    let died = catch_unwind(AssertUnwindSafe(|| world.publish(&publisher, jst("2026-11-23", 6, 55, 0)))).unwrap_err();
    assert_eq!(died.downcast_ref(), Some(&"the machine lost power"));
    world
}

#[test]
fn after_a_crash_at_any_step_one_whole_cut_is_served_and_ledger_and_disk_agree() {
    for step in STEPS {
        let world = died_after(step);
        let publisher = world.open();
        let expected = if step >= "publish.7" { 2 } else { 1 };
        let cut = publisher.served().unwrap();
        assert_eq!(cut.cut_number, expected, "{step}");
        let serials = serials(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Sign, 1, Some(KIYOSE)));
        assert_eq!(serials.len(), usize::try_from(expected).unwrap(), "{step}");
        assert_eq!(world.ledger.state().published.last(), Some(&cut), "{step}");
        assert_eq!(world.ledger.state().published.len(), usize::try_from(expected).unwrap(), "{step}: recorded once");
        assert_eq!(
            world.folder.path().join("cuts/2").exists(),
            expected == 2,
            "{step}: what was never published is gone"
        );
        // I21: the number of the cut that died is never used again.
        assert_eq!(world.publish(&publisher, jst("2026-11-23", 6, 56, 0)).unwrap().cut_number, 3, "{step}");
    }
}

#[test]
fn a_cut_that_was_recorded_and_is_not_current_is_flipped_to() {
    let world = World::new();
    let publisher = world.open();
    world.publish(&publisher, jst("2026-11-22", 6, 55, 0)).unwrap();
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    drop(publisher);
    fs::write(world.folder.path().join("current"), "1\n").unwrap();
    assert_eq!(world.open().served().unwrap().cut_number, 2);
    assert_eq!(fs::read_to_string(world.folder.path().join("current")).unwrap(), "2\n");
}

#[test]
fn when_the_current_cuts_files_are_damaged_nothing_leaves_the_next_one() {
    let world = World::new();
    // Its leave-day is long past and a cut has carried it, so the next cut would drop it.
    world.ledger.revoke(Ca::Sign, 5, KIYOSE, "2026-09-30");
    world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    fs::write(world.folder.path().join("cuts/1/segment.crls"), "torn").unwrap();
    let publisher = world.open();
    assert_eq!(publisher.served(), None);
    world.publish(&publisher, jst("2026-11-23", 6, 55, 0)).unwrap();
    let carried = || serials(publisher.published().load().current.as_ref().unwrap(), slot(Ca::Sign, 1, None));
    assert_eq!(carried(), [5]);
    world.publish(&publisher, jst("2026-11-24", 6, 55, 0)).unwrap();
    assert!(carried().is_empty(), "now a cut that can be read has carried it");
}

#[test]
fn a_current_file_that_is_no_number_is_refused_with_what_to_do() {
    let world = World::new();
    world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    fs::write(world.folder.path().join("current"), "1").unwrap();
    let refused = world.open_with(Arc::new(|_| ())).err().unwrap().to_string();
    assert!(
        refused.ends_with("does not hold a cut number; remove it, and the last cut in the ledger is published again"),
        "{refused}"
    );
    fs::remove_file(world.folder.path().join("current")).unwrap();
    assert_eq!(world.open().served().unwrap().cut_number, 1);
}

#[test]
fn the_last_three_cuts_stay_readable_under_their_numbers_across_a_restart() {
    let world = World::new();
    let publisher = world.open();
    for second in 0..5 {
        world.publish(&publisher, jst("2026-11-22", 6, 55, second)).unwrap();
    }
    let check = |publisher: &Publisher| {
        let generations = publisher.published().load();
        assert_eq!(generations.by_number.keys().copied().collect::<Vec<_>>(), [3, 4, 5]);
        for (&number, generation) in &generations.by_number {
            assert_eq!(generation.cut().cut_number, number);
            generation.verify_hashes().unwrap();
        }
    };
    check(&publisher);
    drop(publisher);
    check(&world.open());
    assert!(!world.folder.path().join("cuts/2").exists());
}

#[test]
fn a_cut_given_up_before_its_flip_leaves_only_its_burned_number() {
    let world = World::new();
    let publisher = world.open();
    let ready = publisher.prepare(&CutCause::Scheduled { due: jst("2026-11-22", 7, 0, 0) }).unwrap();
    assert_eq!(publisher.served(), None, "nobody sees a cut before its flip");
    publisher.discard(ready, "superseded").unwrap();
    assert_eq!(world.ledger.state().failed, [(1, "superseded".to_owned())]);
    assert_eq!(world.publish(&publisher, jst("2026-11-22", 6, 58, 0)).unwrap().cut_number, 2);
    assert!(!world.folder.path().join("cuts/1").exists());
}

#[test]
fn a_validity_that_no_signer_accepts_is_refused_at_the_start() {
    for (validity_seconds, word) in
        [(3_599, Some("validity")), (3_600, None), (864_000, None), (864_001, Some("validity"))]
    {
        let world = World { validity_seconds, ..World::new() };
        assert_eq!(world.open_with(Arc::new(|_| ())).err().map(|error| error.word()), word, "{validity_seconds}");
    }
}

#[test]
fn an_older_copy_of_the_log_is_refused_each_time_and_nothing_is_recorded_in_it() {
    let world = World::new();
    let backup = world.ledger.state().clone();
    world.publish(&world.open(), jst("2026-11-22", 6, 55, 0)).unwrap();
    *world.ledger.state() = backup.clone();
    // Each refused start leaves the log as it was, or a few starts later it would look long enough.
    for _ in 0..3 {
        let refused = world.open_with(Arc::new(|_| ())).err().unwrap();
        assert!(matches!(refused, PublishError::OlderLog { cut_number: 1, .. }), "{refused}");
        assert!(world.ledger.state().published.is_empty());
    }
    // Other events made it long enough; the cut's number, never reserved in it, tells all the same.
    world.ledger.state().position += 100;
    assert!(matches!(world.open_with(Arc::new(|_| ())).err().unwrap(), PublishError::OlderLog { .. }));
}

#[test]
fn of_two_publishers_over_one_folder_one_publishes() {
    let world = World::new();
    let first = world.open();
    let refused = world.open_with(Arc::new(|_| ())).err().expect("refused").to_string();
    let folder = world.folder.path().display().to_string();
    assert!(refused.starts_with(&folder) && refused.contains("Stop the other `akashi serve`"), "{refused}");
    let at = jst("2026-11-22", 6, 55, 0);
    assert_eq!(world.publish(&first, at).unwrap().cut_number, 1);
    // Whoever stops, or dies, leaves the folder to the next.
    drop(first);
    let second = world.open();
    assert_eq!(second.served().unwrap().cut_number, 1);
    assert_eq!(world.publish(&second, at.plus_seconds(1)).unwrap().cut_number, 2);
}
