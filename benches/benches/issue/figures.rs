//! The figures, through the functions that the doors call.
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use akashi::clock::monotonic;
use ca::authority::{Asked, Authority};
use ca::rehearsal::Mode;
use pki::identity::{Ca, Serial};
use registry::event::Cause;

use crate::limits::{
    bare_commits_per_second, microseconds_each, per_second, signature_and_verifications, syncs_per_second,
};
use crate::machine::processor_time;
use crate::pairs::{Figure, Rule};
use crate::requests::Application;
use crate::scene::{Desk, Scene};

/// Callers at once: far more than cores, far fewer than the doors let in.
pub(crate) const AT_ONCE: usize = 64;

/// How much of everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Pairs of limit and figure.
    pub(crate) rounds: usize,
    /// People who get their two certificates in each round.
    pub(crate) people: usize,
    /// People who get theirs before anything is measured.
    pub(crate) people_before: usize,
    /// Repetitions of a limit's signatures.
    pub(crate) signatures: usize,
    /// Syncs of the disk.
    pub(crate) syncs: usize,
    /// People who get theirs over mutual TLS in each round.
    pub(crate) people_at_doors: usize,
    /// Rows of the resident register's batch.
    pub(crate) rows: u32,
    /// Certificates under the key that is compromised.
    pub(crate) compromised: u64,
}

impl Scale {
    /// Large enough that a round takes seconds.
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        people: 4_000,
        people_before: 500,
        signatures: 3_000,
        syncs: 2_000,
        people_at_doors: 1_500,
        rows: 100_000,
        compromised: 10_000_000,
    };
    /// Everything once.
    pub(crate) const SMOKE: Self = Self {
        rounds: 1,
        people: 20,
        people_before: 1,
        signatures: 1,
        syncs: 1,
        people_at_doors: 10,
        rows: 300,
        compromised: 5_000,
    };

    /// People with certificates who are in the register's batch: those of the first rounds.
    pub(crate) fn people_reported(self) -> u32 {
        u32::try_from(self.people_before + self.rounds * 2 / 5 * self.people).expect("far fewer")
    }

    /// Certificates that each round revokes: in all of them, those of the people whom the batch did not report.
    const fn certificates_to_revoke(self) -> usize {
        (self.rounds - self.rounds * 2 / 5) * self.people * 2 / self.rounds
    }

    /// Requests that are made in all.
    pub(crate) const fn requests_in_all(self) -> usize {
        (self.people_before + self.rounds * (self.people + self.people_at_doors)) * 2
    }
}

/// Processor time of an issue, all steps of it durable, beside one signature and two verifications.
pub(crate) fn issuance(scene: &mut Scene, scale: Scale) -> Figure {
    let algorithm = scene.kept.algorithm;
    issue_some(scene, scale);
    let (mut limits, mut measured, mut walls) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        let people = scene.requests(scale.people);
        eprintln!("bench: issuance, pair {} of {}", round + 1, scale.rounds);
        limits.push(signature_and_verifications(algorithm, scale.signatures));
        let (elapsed, started) = (monotonic(), processor_time());
        let issued = issue(&scene.authority(), &scene.kept.desks, &people);
        measured.push(microseconds_each(processor_time() - started, issued.len()));
        walls.push(per_second(issued.len(), elapsed()));
        assert_eq!(issued.len(), people.iter().map(Vec::len).sum::<usize>());
        scene.kept.issued.extend(issued);
    }
    Figure {
        what: format!("issuance, {}, {AT_ONCE} at once, durable", algorithm.word()),
        unit: "µs of processor time",
        limit: ("1 signature + 2 verifications", limits),
        measured,
        rule: Rule::AtMost(1.25),
        beside: vec![("certificates a second", walls)],
    }
}

/// Issues what is there before anything is measured.
pub(crate) fn issue_some(scene: &mut Scene, scale: Scale) {
    let before = scene.requests(scale.people_before);
    let issued = issue(&scene.authority(), &scene.kept.desks, &before);
    scene.kept.issued.extend(issued);
}

/// Issues what is revoked, where nothing else is measured.
pub(crate) fn issue_to_revoke(scene: &mut Scene, scale: Scale) {
    let people = scene.requests(scale.rounds * scale.certificates_to_revoke() / 2);
    let issued = issue(&scene.authority(), &scene.kept.desks, &people);
    scene.kept.issued.extend(issued);
}

/// Has everything issued, [`AT_ONCE`] people at a time, and gives what was issued with its desk.
fn issue(authority: &Authority, desks: &[Desk], people: &[Vec<Application>]) -> Vec<(usize, Ca, Serial)> {
    let one = |person: &Vec<Application>| {
        let issue = |application: &Application| {
            let Application { desk, idempotency_key, body } = application;
            let asked = Asked { path: "/desk/v1/certificates", idempotency_key, body: body.as_bytes() };
            let answer = authority.issue(&desks[*desk].caller, &asked).expect("the certificate is issued");
            let location = answer.location.expect("a new certificate has its place");
            (*desk, place(&location))
        };
        person.iter().map(issue).map(|(desk, (ca, serial))| (desk, ca, serial)).collect::<Vec<_>>()
    };
    at_once(people, one).into_iter().flatten().collect()
}

/// CA and serial of a certificate's path.
pub(crate) fn place(location: &str) -> (Ca, Serial) {
    let mut parts = location.rsplit('/');
    let serial = parts.next().and_then(|serial| serial.parse().ok()).expect("a serial");
    (parts.next().and_then(|ca| ca.parse().ok()).expect("a CA"), serial)
}

/// Does the work on each, from [`AT_ONCE`] threads.
fn at_once<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(all.len())));
    let worker = || {
        let mut own = Vec::new();
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            own.push(work(one));
        }
        done.lock().expect("nobody panics while holding it").append(&mut own);
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            // Named, for whoever looks where the time goes.
            std::thread::Builder::new().name("caller".to_owned()).spawn_scoped(scope, worker).expect("a thread");
        }
    });
    done.into_inner().expect("nobody panicked")
}

/// Revocations in a second, beside what the store alone commits.
pub(crate) fn revocation(scene: &mut Scene, scale: Scale) -> Figure {
    let (mut limits, mut measured, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare_time, mut own_time) = (Vec::new(), Vec::new());
    let authority = scene.authority();
    let each = scale.certificates_to_revoke();
    for round in 0..scale.rounds {
        let at = scene.kept.issued.len().saturating_sub(each);
        let certificates = scene.kept.issued.split_off(at);
        eprintln!("bench: revocation, pair {} of {}", round + 1, scale.rounds);
        let started = processor_time();
        limits.push(bare_commits_per_second(&scene.kept.beside("bare"), each));
        bare_time.push(microseconds_each(processor_time() - started, each));
        syncs.push(syncs_per_second(&scene.kept.beside("syncs"), scale.syncs));
        let (elapsed, started) = (monotonic(), processor_time());
        revoke(&authority, &scene.kept.desks, &certificates);
        measured.push(per_second(certificates.len(), elapsed()));
        own_time.push(microseconds_each(processor_time() - started, certificates.len()));
    }
    Figure {
        what: format!("revocation, {AT_ONCE} at once, durable"),
        unit: "in a second",
        limit: ("synced RocksDB commits of one record", limits),
        measured,
        rule: Rule::AtLeast(0.6),
        beside: vec![
            ("fdatasync in a second, one after the other", syncs),
            ("µs of processor time for a bare commit", bare_time),
            ("µs of processor time for a revocation", own_time),
        ],
    }
}

fn revoke(authority: &Authority, desks: &[Desk], certificates: &[(usize, Ca, Serial)]) {
    let one = |&(desk, ca, serial): &(usize, Ca, Serial)| {
        let (path, key) = revocation_call(ca, serial);
        let asked = Asked { path: &path, idempotency_key: &key, body: REVOCATION_BODY.as_bytes() };
        let answer =
            authority.revoke_at_desk(&desks[desk].caller, &asked, (ca, serial), Cause::PersonRequest, Mode::Records);
        assert_eq!(answer.expect("it is revoked").status, 200, "durable and visible");
    };
    at_once(certificates, one);
}

/// What a desk sends.
pub(crate) const REVOCATION_BODY: &str = r#"{"cause":"person_request"}"#;

/// Path and idempotency key of a revocation.
pub(crate) fn revocation_call(ca: Ca, serial: Serial) -> (String, String) {
    (format!("/desk/v1/certificates/{ca}/{serial}/revocation"), format!("revoke-{ca}-{serial}"))
}
