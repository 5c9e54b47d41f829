//! Every target with its seeds, and with those changed by a fixed seed of randomness: on any machine, the same each time.
//! `ops/fuzz` goes on from here.
use fuzz::{Outcome, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How a few octets become others.
#[derive(Clone, Debug)]
enum Change {
    Put(Vec<u8>),
    /// These bits of one octet.
    Flip(u8),
    Cut(usize),
    Insert(Vec<u8>),
    Repeat(usize),
    /// From here on another seed.
    Cross(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let few = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..9),
        // Lengths and numbers that lie at an edge.
        prop::sample::select(vec![
            vec![0],
            vec![0xff],
            vec![0x7f],
            vec![0x80],
            vec![0x81, 0x80],
            vec![0x82, 1, 0],
            vec![0xff; 4],
            vec![0xff; 8]
        ]),
    ];
    let change = prop_oneof![
        few.clone().prop_map(Change::Put),
        (1..=255_u8).prop_map(Change::Flip),
        (1..40_usize).prop_map(Change::Cut),
        few.prop_map(Change::Insert),
        (1..40_usize).prop_map(Change::Repeat),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(seed, at)| Change::Cross(seed, at)),
    ];
    (any::<prop::sample::Index>(), change)
}

fn apply(octets: &mut Vec<u8>, at: prop::sample::Index, change: Change, seeds: &[Vec<u8>]) {
    let at = at.index(octets.len() + 1);
    let end = |length: usize| (at + length).min(octets.len());
    match change {
        Change::Put(few) => {
            let end = end(few.len());
            octets.splice(at..end, few);
        }
        Change::Flip(bits) => octets.iter_mut().skip(at).take(1).for_each(|octet| *octet ^= bits),
        Change::Cut(length) => {
            let end = end(length);
            octets.drain(at..end);
        }
        Change::Insert(few) => {
            octets.splice(at..at, few);
        }
        Change::Repeat(length) => {
            let again = octets[at..end(length)].to_vec();
            octets.splice(at..at, again);
        }
        Change::Cross(seed, from) => {
            let other = &seeds[seed.index(seeds.len())];
            octets.truncate(at);
            octets.extend(&other[from.index(other.len() + 1)..]);
        }
    }
}

/// Runs the seeds, which are taken, and so many that were made from them.
fn smoke(target: Target, cases: u32) {
    let seeds = target.seeds();
    for (number, seed) in seeds.iter().enumerate() {
        assert_eq!(target.run(seed), Outcome::Taken, "{}, seed {number}", target.word());
    }
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, random);
    let strategy = (any::<prop::sample::Index>(), prop::collection::vec(change(), 1..5));
    let outcome = runner.run(&strategy, |(seed, changes)| {
        let mut octets = seeds[seed.index(seeds.len())].clone();
        for (at, change) in changes {
            apply(&mut octets, at, change, &seeds);
        }
        target.run(&octets);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{}: {error}", target.word());
    }
}

#[test]
fn ocsp_requests_get_an_error_or_a_true_answer() {
    smoke(Target::OcspRequest, 16_000);
}

#[test]
fn both_ways_to_answer_a_path_say_the_same() {
    smoke(Target::OcspPath, 8_000);
}

#[test]
fn connections_get_an_error_a_4xx_or_a_true_answer() {
    smoke(Target::OcspConnection, 8_000);
}

#[test]
fn snapshots_are_refused_or_can_be_told_again() {
    smoke(Target::Snapshot, 4_000);
}

#[test]
fn rows_of_the_log_are_refused_or_read_alike_again() {
    smoke(Target::LogRow, 16_000);
}

#[test]
fn certification_requests_are_refused_or_prove_a_key() {
    smoke(Target::CertificationRequest, 8_000);
}

#[test]
fn applications_are_refused_or_of_one_kind() {
    smoke(Target::Application, 16_000);
}

#[test]
fn cms_signatures_sign_one_content_at_most() {
    smoke(Target::Cms, 8_000);
}

#[test]
fn certificates_and_keys_are_refused_or_of_the_closed_set() {
    smoke(Target::Certificate, 16_000);
}

#[test]
fn crls_are_refused_or_read_alike_by_others() {
    smoke(Target::Crl, 16_000);
}

#[test]
fn manifests_are_refused_or_read_alike_again() {
    smoke(Target::Manifest, 16_000);
}

#[test]
fn batches_are_refused_or_have_rows_that_are_read_alike_again() {
    smoke(Target::BatchFile, 16_000);
}

#[test]
fn configurations_are_refused_by_name_or_within_bounds() {
    smoke(Target::Configuration, 4_000);
}
