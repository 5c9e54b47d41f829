//! Random lives of a few residents against a small model of the law: the registry's status of each certificate is the
//! model's, and a status index fed from the log agrees.
mod model;

use std::sync::atomic::{AtomicU64, Ordering};

use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::revocation::{CertificateStatus, RevocationReason as Reason, Withdrawal};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use registry::event::Event;
use registry::state::StateReads;
use status::{Change, StatusIndex};

use crate::support::{Doors, World, application};
use model::{Model, after, effect};

const CASES: u32 = 64;
const RESIDENTS: u8 = 3;
const DAY_SECONDS: i64 = 86_400;

/// Something that happens to a resident.
#[derive(Clone, Debug)]
enum Turn {
    Issue(Ca),
    /// The process stops at that step; the next start comes within a day or later.
    Stopped(Ca, &'static str, bool),
    /// The register or the loss line reports that.
    Reported(&'static str),
    /// The same, while an issue stands at that step.
    Meanwhile(Ca, &'static str, &'static str),
    /// One of the resident's certificates of that kind is revoked.
    Revoked(Ca, Index, &'static str),
    Passes(i64),
}

const STEPS: [&str; 5] = ["issue.2-reserved", "issue.3-built", "issue.4-intended", "issue.5-signed", "issue.6-issued"];
const REPORTS: [&str; 6] = ["moved", "name_changed", "died", "left_japan", "minor_address_correction", "held"];
const CAUSES: [&str; 5] = ["person_request", "key_compromise", "card_lost", "record_error", "no_longer_needed"];

fn turn() -> impl Strategy<Value = Turn> {
    let (ca, step, report) = (|| select(&Ca::CARD), || select(&STEPS), || select(&REPORTS));
    prop_oneof![
        4 => ca().prop_map(Turn::Issue),
        2 => (ca(), step(), any::<bool>()).prop_map(|(ca, step, late)| Turn::Stopped(ca, step, late)),
        3 => report().prop_map(Turn::Reported),
        2 => (ca(), step(), report()).prop_map(|(ca, step, report)| Turn::Meanwhile(ca, step, report)),
        2 => (ca(), any::<Index>(), select(&CAUSES)).prop_map(|(ca, which, cause)| Turn::Revoked(ca, which, cause)),
        1 => (0..=DAY_SECONDS).prop_map(Turn::Passes),
    ]
}

fn report(doors: &Doors, key: &str, resident_code: &str, what: &str) {
    if what == "held" {
        // The loss line is told when there is nothing to hold.
        assert!([200, 404].contains(&doors.hold(key, resident_code).status));
    } else {
        assert_eq!(doors.report(key, resident_code, what).status, 200);
    }
}

/// Serial that the next reservation takes.
fn next_serial(world: &World, ca: Ca) -> Serial {
    world.store().next_serial(ca).unwrap().unwrap()
}

/// Does it in the world and in the model. No other turn has that name, no other resident that code.
fn take(world: &World, model: &mut Model, name: &str, (resident, code): (u8, &str), turn: &Turn) {
    if let Turn::Issue(ca) | Turn::Stopped(ca, _, _) | Turn::Meanwhile(ca, _, _) = turn
        && let Some(problem) = model.refuses(resident, *ca)
    {
        assert_eq!(world.issue(name, &application(*ca, code)).problem(), (409, problem));
        return;
    }
    match turn {
        Turn::Issue(ca) => model.issued(world, resident, *ca, world.issued(name, &application(*ca, code))),
        Turn::Stopped(ca, step, late) => {
            let serial = next_serial(world, *ca);
            world.issue_stopped_at(step, name, &application(*ca, code));
            if *step == "issue.6-issued" {
                model.issued(world, resident, *ca, serial);
            }
            world.clock.advance(if *late { DAY_SECONDS + 1 } else { DAY_SECONDS });
            world.0.recover().unwrap();
            match (*step, late) {
                ("issue.4-intended" | "issue.5-signed", false) => model.issued(world, resident, *ca, serial),
                ("issue.4-intended" | "issue.5-signed", true) => {
                    let given_up = Withdrawal::Revoked { since: world.now(), reason: Reason::Unspecified };
                    model.ended(resident, *ca, serial, CertificateStatus::Withdrawn(given_up));
                }
                _ => {}
            }
        }
        Turn::Reported(what) => {
            model.report(world, resident, what);
            report(world, name, code, what);
        }
        Turn::Meanwhile(ca, step, what) => {
            let serial = next_serial(world, *ca);
            let (doors, key, of, reported) = (Doors::clone(world), format!("{name} meanwhile"), code.to_owned(), *what);
            let call = move || report(&doors, &key, &of, reported);
            world.steps.at(step, || std::thread::spawn(call).join().unwrap());
            let reply = world.issue(name, &application(*ca, code));
            if *step == "issue.6-issued" {
                model.issued(world, resident, *ca, serial);
            }
            model.report(world, resident, what);
            match (*step, after(CertificateStatus::NotIssued, &effect(what, *ca), world.now())) {
                ("issue.6-issued", _) => assert_eq!(reply.status, 201),
                (_, CertificateStatus::NotIssued) => model.issued(world, resident, *ca, reply.serial()),
                ("issue.2-reserved" | "issue.3-built", _) => assert_eq!(reply.status, 409),
                (_, _) => {
                    assert_eq!(reply.status, 409);
                    // Whatever the cause, nobody was given it.
                    let given_up = Withdrawal::Revoked { since: world.now(), reason: Reason::Unspecified };
                    model.ended(resident, *ca, serial, CertificateStatus::Withdrawn(given_up));
                }
            }
        }
        Turn::Revoked(ca, which, cause) => {
            if let Some(serial) = model.nth(resident, *ca, *which) {
                model.apply(world, cause, |_, of, this| (of, this) == (*ca, serial));
                assert_eq!(world.revoke(name, (*ca, serial), cause).status, 200);
            }
        }
        Turn::Passes(seconds) => world.clock.advance(*seconds),
    }
}

/// Feeds an index with what the log has that the index has not.
fn feed(world: &World, index: &StatusIndex) {
    for row in world.store().rows(index.position()) {
        let (number, row) = row.unwrap();
        let change = match row.decode().unwrap().event {
            Event::OwnSerialReserved { ca, key, serial } => Some(Change::KeyRange { ca, first_serial: serial, key }),
            Event::Issued { ca, serial } => Some(Change::Issued { ca, serial }),
            Event::HoldReleased { ca, serial, .. } => Some(Change::Released { ca, serial }),
            Event::Withdrawn { ca, serial, withdrawal, .. } => {
                Some(Change::Withdrawn { ca, serial, withdrawal: withdrawal.into() })
            }
            _ => None,
        };
        index.apply(number + 1, change.as_slice()).unwrap();
    }
}

/// What the registry says of a certificate.
fn status(world: &World, ca: Ca, serial: Serial) -> CertificateStatus {
    let record = world.record(ca, serial);
    match (record.withdrawal(), record.issued_row) {
        (Some(withdrawal), _) => CertificateStatus::Withdrawn(withdrawal),
        (None, Some(_)) => CertificateStatus::Good,
        (None, None) => CertificateStatus::NotIssued,
    }
}

#[test]
fn after_any_life_registry_and_index_say_what_the_law_says() {
    let world = World::new();
    let index = StatusIndex::new();
    // One world for all lives, as in a country: each has residents of its own.
    let lives = AtomicU64::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let turns = prop::collection::vec((0..RESIDENTS, turn()), 1..12);
    let outcome = runner.run(&turns, |turns| {
        let life = lives.fetch_add(1, Ordering::Relaxed);
        let mut model = Model::default();
        for (number, (resident, turn)) in turns.iter().enumerate() {
            let code = format!("{:011}", life * u64::from(RESIDENTS) + u64::from(*resident));
            take(&world, &mut model, &format!("{life}-{number}"), (*resident, &code), turn);
        }
        feed(&world, &index);
        for ((_, ca, serial), expected) in &model.certificates {
            prop_assert_eq!(&status(&world, *ca, *serial), expected, "registry, {}/{}", ca, serial);
            let issuer = IssuerKey { ca: *ca, key: KeyNumber::FIRST };
            prop_assert_eq!(&index.status(issuer, *serial), expected, "index, {}/{}", ca, serial);
        }
        Ok(())
    });
    outcome.unwrap();
    for ca in Ca::ALL {
        let good = u64::try_from(world.good(ca).len()).unwrap();
        assert_eq!(index.counts(ca).good, good, "nothing is good of which no model knows");
    }
    world.verify_log();
}
