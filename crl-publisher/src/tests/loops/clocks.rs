//! Mornings across the calendar, and clocks that jump, back and forth, in each phase of a cut.
use std::sync::Mutex;

use super::*;

#[tokio::test]
async fn each_morning_is_flipped_at_seven_whatever_day_it_is() {
    for days in [
        &["2026-11-22", "2026-11-23"][..],
        &["2027-02-27", "2027-02-28", "2027-03-01"],
        &["2028-02-27", "2028-02-28", "2028-02-29", "2028-03-01"],
        &["2049-12-30", "2049-12-31", "2050-01-01", "2050-01-02"],
    ] {
        let world = World::new();
        world.clock.set(jst(days[0], 7, 0, 0));
        let running = Running::start(world).await;
        for (day, number) in days[1..].iter().zip(1..) {
            for (hour, minute, second, held) in [
                // Midnight in Japan, and nine hours later that of UTC, are seconds like others.
                (0, 0, 0, number),
                (6, 54, 59, number),
                (6, 55, 0, number),
                (6, 59, 59, number),
                (7, 0, 0, number + 1),
                (7, 0, 1, number + 1),
                (9, 0, 0, number + 1),
                (23, 59, 59, number + 1),
            ] {
                let now = jst(day, hour, minute, second);
                assert_eq!(running.at(now).await, Some(held), "{now}");
            }
            let generations = running.publisher.published().load();
            let generation = generations.current.as_ref().unwrap();
            let der = generation.read(slot(Ca::Sign, 1, None)).unwrap().unwrap();
            let times = CrlReader::new(&der).unwrap();
            let frozen_at = jst(day, 6, 55, 0);
            assert_eq!((times.this_update(), times.next_update()), (frozen_at, frozen_at.plus_seconds(48 * 3_600)));
        }
        let state = running.world.ledger.state();
        assert_eq!((state.failed.len(), state.causes.len()), (0, days.len()), "one number a morning");
    }
}

#[tokio::test]
async fn a_clock_set_back_while_a_cut_waits_raises_the_alarm_and_the_cut_is_flipped_when_its_time_has_come() {
    let running = Running::start(World::new()).await;
    assert_eq!(running.at(jst("2026-11-23", 6, 55, 0)).await, Some(1));
    for (hour, minute, second, behind) in
        [(6, 54, 59, 1.0), (0, 0, 0, 1.0), (6, 55, 0, 0.0), (6, 54, 0, 1.0), (6, 59, 59, 0.0)]
    {
        assert_eq!(running.at(jst("2026-11-23", hour, minute, second)).await, Some(1));
        assert_eq!(running.metric("akashi_crl_clock_behind"), Some(behind), "{hour}:{minute}:{second}");
    }
    assert_eq!(running.at(jst("2026-11-23", 7, 0, 0)).await, Some(2));
    assert_eq!(running.world.ledger.state().failed, [], "no number was burned");
}

#[tokio::test]
async fn a_clock_set_forward_over_the_flip_flips_at_once_and_one_set_back_after_it_raises_the_alarm() {
    let running = Running::start(World::new()).await;
    running.at(jst("2026-11-23", 6, 55, 0)).await;
    assert_eq!(running.at(jst("2026-11-23", 9, 0, 0)).await, Some(2));
    for (now, behind) in [(jst("2026-11-23", 6, 54, 59), 1.0), (jst("2026-11-23", 6, 55, 0), 0.0)] {
        assert_eq!(running.at(now).await, Some(2));
        assert_eq!(running.metric("akashi_crl_clock_behind"), Some(behind), "{now}");
    }
    // What readers hold is that of 7:00 already.
    assert_eq!(running.at(jst("2026-11-23", 7, 0, 0)).await, Some(2));
    assert_eq!(running.at(jst("2026-11-24", 6, 55, 0)).await, Some(2));
    assert_eq!(running.at(jst("2026-11-24", 7, 0, 0)).await, Some(3));
}

#[tokio::test]
async fn a_cut_that_ran_out_while_it_waited_is_never_shown() {
    let running = Running::start(World::new()).await;
    running.at(jst("2026-11-23", 6, 55, 0)).await;
    assert_eq!(running.at(jst("2026-11-25", 6, 55, 0)).await, Some(3));
    assert_eq!(running.world.ledger.state().failed, [(2, "superseded".to_owned())]);
    assert_eq!(running.at(jst("2026-11-25", 7, 0, 0)).await, Some(3));
    assert_eq!(running.at(jst("2026-11-26", 7, 0, 0)).await, Some(4), "made late, as the freeze was passed over");
}

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

/// The clock jumps to that instant when that step is done, once.
async fn jumping(after: &'static str, to: UnixTime) -> Running {
    let world = World::new();
    let (clock, jumps) = (Arc::clone(&world.clock), Mutex::new(0));
    let step = move |step: &'static str| {
        let mut seen = jumps.lock().unwrap();
        *seen += i32::from(step == after);
        // The first time is that of the first start.
        if step == after && *seen == 2 {
            clock.set(to);
        }
    };
    Running::start_with(world, Arc::new(step)).await
}

#[tokio::test]
async fn a_clock_set_back_during_any_step_never_shows_a_cut_from_the_future() {
    for step in STEPS {
        let running = jumping(step, jst("2026-11-23", 1, 0, 0)).await;
        let before_the_flip = step < "publish.7";
        running.at(jst("2026-11-23", 6, 55, 0)).await;
        if !before_the_flip {
            running.at(jst("2026-11-23", 7, 0, 0)).await;
        }
        assert_eq!(running.world.clock.now(), jst("2026-11-23", 1, 0, 0), "it jumped after {step}");
        let held = running.publisher.served().unwrap();
        assert_eq!(held.cut_number, if before_the_flip { 1 } else { 2 }, "{step}");
        // Frozen before the jump, it has the time before the jump.
        let behind = if step == "publish.1-reserved" { 0.0 } else { 1.0 };
        assert_eq!(running.metric("akashi_crl_clock_behind"), Some(behind), "{step}");
        // The clock is set right.
        running.at(jst("2026-11-23", 6, 56, 0)).await;
        running.at(jst("2026-11-23", 6, 57, 1)).await;
        running.at(jst("2026-11-23", 7, 0, 0)).await;
        let held = running.publisher.served().unwrap();
        assert!(held.cut_number >= 2 && held.this_update >= jst("2026-11-23", 6, 55, 0), "{step}: {held:?}");
        assert_eq!(running.metric("akashi_crl_clock_behind"), Some(0.0), "{step}");
    }
}

#[tokio::test]
async fn a_clock_set_back_during_any_step_of_a_cut_asked_for_refuses_it_before_its_flip() {
    for step in &STEPS[1..6] {
        let running = jumping(step, jst("2026-11-22", 1, 0, 0)).await;
        running.at(jst("2026-11-22", 12, 0, 0)).await;
        let refused = running.handle.publish_now("a test".to_owned()).await.unwrap_err();
        assert_eq!(refused.word(), "clock", "{step}: {refused}");
        assert!(refused.to_string().contains("2026-11-22T12:00:00+09:00"), "{refused}");
        assert_eq!(running.publisher.served().unwrap().cut_number, 1);
        assert_eq!(running.world.ledger.state().failed, [(2, "clock".to_owned())]);
        assert!(!running.world.folder.path().join("cuts/2").exists());
        running.settle().await;
        assert_eq!(running.metric("akashi_crl_clock_behind"), Some(1.0));
    }
}

#[tokio::test]
async fn a_clock_set_forward_during_any_step_flips_at_once_and_goes_on_with_the_new_time() {
    for step in STEPS {
        let running = jumping(step, jst("2026-11-23", 8, 0, 0)).await;
        running.at(jst("2026-11-23", 6, 55, 0)).await;
        if step >= "publish.7" {
            running.at(jst("2026-11-23", 7, 0, 0)).await;
        }
        assert_eq!(running.world.clock.now(), jst("2026-11-23", 8, 0, 0), "it jumped after {step}");
        assert_eq!(running.publisher.served().unwrap().cut_number, 2, "{step}");
        assert_eq!(running.at(jst("2026-11-24", 6, 55, 0)).await, Some(2));
        assert_eq!(running.at(jst("2026-11-24", 7, 0, 0)).await, Some(3), "{step}");
    }
}

#[tokio::test]
async fn how_long_a_flip_is_overdue_is_told_by_whoever_asks_whatever_the_publisher_does() {
    let running = Running::start(World::new()).await;
    let overdue = |now: UnixTime| {
        running.world.clock.set(now);
        running.metric("akashi_crl_overdue_seconds")
    };
    // It hangs: nothing of it runs any more.
    running.task.abort();
    for (now, seconds) in [
        (jst("2026-11-22", 7, 0, 0), -86_400.0),
        (jst("2026-11-23", 6, 59, 59), -1.0),
        (jst("2026-11-23", 7, 0, 0), 0.0),
        (jst("2026-11-23", 7, 0, 1), 1.0),
        // The next morning is not a new start.
        (jst("2026-11-24", 7, 0, 0), 86_400.0),
    ] {
        assert_eq!(overdue(now), Some(seconds), "{now}");
    }
}

#[tokio::test]
async fn a_first_cut_that_does_not_come_is_overdue_from_the_start_on() {
    let world = World::new();
    world.signers[0].misbehave(Mischief::OtherKey);
    let running = Running::start(world).await;
    assert_eq!(running.metric("akashi_crl_cut_number"), None);
    assert_eq!(running.metric("akashi_crl_overdue_seconds"), Some(0.0));
    assert_eq!(running.at(jst("2026-11-22", 6, 55, 59)).await, None);
    assert_eq!(running.metric("akashi_crl_overdue_seconds"), Some(59.0));
    running.world.signers[0].behave();
    assert_eq!(running.at(jst("2026-11-22", 6, 56, 0)).await, Some(2));
    assert_eq!(running.metric("akashi_crl_overdue_seconds"), Some(-86_640.0));
}
