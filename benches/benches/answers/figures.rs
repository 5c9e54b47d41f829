//! The pairs.
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use benches::measure::machine::{Cores, processor_time_of, thread_processor_time};
use benches::measure::pairs::{Figure, Rule, median};
use benches::{BenchSigner, NOW};
use ocsp_responder::OcspSigner;
use pki::algorithm::Algorithm;
use pki::ocsp::{OcspRequest, ResponseContents, ResponseData, SingleResponse};
use pki::revocation::CertificateStatus;

use crate::load::{as_fast_as_answers_come, each, p99_at, wait_for_nothing};
use crate::peers::peers;
use crate::questions::{Question, questions};
use crate::servers::Server;

/// How much of everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    pairs: usize,
    time: Duration,
    hot_set: usize,
    signatures: usize,
}

impl Scale {
    /// What is recorded.
    pub(crate) const FULL: Self = Self { pairs: 7, time: Duration::from_secs(5), hot_set: 100_000, signatures: 5_000 };
    /// To see whether a change helps.
    pub(crate) const SHORT: Self = Self { pairs: 3, time: Duration::from_secs(2), hot_set: 20_000, signatures: 1_000 };
    /// That it works.
    pub(crate) const SMOKE: Self = Self { pairs: 1, time: Duration::from_millis(50), hot_set: 100, signatures: 10 };

    pub(crate) const fn pairs(self) -> usize {
        self.pairs
    }

    /// How long each of a pair is measured.
    pub(crate) const fn time(self) -> Duration {
        self.time
    }
}

pub(crate) const MICROSECONDS: f64 = 1e6;

/// Kept answers beside files: processor time for GET and POST, and how long the slowest hundredth waits.
pub(crate) fn kept(cores: &Cores, scale: Scale) -> Vec<Figure> {
    // Servers inherit their core from this thread, which then leaves it.
    cores.pin_to_servers();
    let (door, ca_key) = Server::door(Algorithm::Rsa2048Sha256);
    let questions = questions(&ca_key, scale.hot_set);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder below the target folder");
    eprintln!("bench: {} answers are signed, and written for nginx", questions.len());
    let answers = each(door.address, questions.iter().map(|question| &question.post));
    write_files(folder.path(), &questions, &answers);
    let nginx = Server::nginx(folder.path());
    cores.pin_to_clients();
    let Some(nginx) = nginx else {
        assert!(scale == Scale::SMOKE, "there is no nginx: say where by AKASHI_NGINX, or run ops/bench ocsp");
        eprintln!("bench: there is no nginx, so kept answers are asked for and held against nothing");
        let gets = requests(&questions, |question| &question.get);
        as_fast_as_answers_come(door.address, &gets, scale.time);
        return vec![];
    };
    let some = || questions.iter().take(200);
    for (from_door, from_nginx) in [
        (each(door.address, some().map(|question| &question.get)), each(nginx.address, some().map(|q| &q.get_file))),
        (each(door.address, some().map(|question| &question.post)), each(nginx.address, some().map(|q| &q.post_file))),
    ] {
        assert!(from_door == from_nginx && from_door[..] == answers[..from_door.len()], "the same octets from both");
    }
    let mut figures = Vec::new();
    let (mut rates, mut get_rates) = (Vec::new(), (Vec::new(), Vec::new()));
    for (what, most, ours, files) in [
        ("GET", 0.75, requests(&questions, |q| &q.get), requests(&questions, |q| &q.get_file)),
        ("POST", 0.9, requests(&questions, |q| &q.post), requests(&questions, |q| &q.post_file)),
    ] {
        let (mut measured, mut limits, mut door_rates, mut nginx_rates) = (vec![], vec![], vec![], vec![]);
        for pair in 0..scale.pairs {
            eprintln!("bench: kept answers by {what}, pair {} of {}", pair + 1, scale.pairs);
            let (each, rate) = cost_of(&nginx, &files, scale.time);
            limits.push(each);
            nginx_rates.push(rate);
            let (each, rate) = cost_of(&door, &ours, scale.time);
            measured.push(each);
            door_rates.push(rate);
        }
        if what == "GET" {
            rates = [&door_rates[..], &nginx_rates[..]].concat();
            get_rates = (door_rates.clone(), nginx_rates.clone());
        }
        let mut beside = vec![("answers in a second", door_rates), ("of nginx", nginx_rates)];
        if what == "POST" {
            beside.extend(peers(cores, scale, &ca_key, &questions, &answers));
        }
        figures.push(Figure {
            what: format!("kept answers, {what}, {} serials, kept-alive", questions.len()),
            unit: "µs of the server's processor time",
            limit: ("nginx, the same octets as files", limits),
            measured,
            rule: Rule::AtMost(most),
            beside,
        });
    }
    let peak = median(&get_rates.0).min(median(&get_rates.1)).min(median(&rates));
    let (ours, files) = (requests(&questions, |q| &q.get), requests(&questions, |q| &q.get_file));
    let (mut measured, mut limits) = (vec![], vec![]);
    for pair in 0..scale.pairs {
        eprintln!(
            "bench: the slowest hundredth at {:.0} in a second, pair {} of {}",
            peak / 2.0,
            pair + 1,
            scale.pairs
        );
        let p99 = |server: &Server, requests: &[&[u8]]| {
            p99_at(server.address, requests, peak / 2.0, scale.time).as_secs_f64() * MICROSECONDS
        };
        limits.push(p99(&nginx, &files));
        measured.push(p99(&door, &ours));
    }
    figures.push(Figure {
        what: format!("99th percentile at {:.0} GET in a second, half of the slower one's peak", peak / 2.0),
        unit: "µs",
        limit: ("nginx", limits),
        measured,
        rule: Rule::AtMost(1.5),
        beside: vec![],
    });
    figures
}

/// Answers with a nonce beside signatures alone on the same core: how much of the core is signing.
pub(crate) fn signed(algorithm: Algorithm, least: f64, cores: &Cores, scale: Scale) -> Figure {
    cores.pin_to_servers();
    let (door, ca_key) = Server::door(algorithm);
    let questions = questions(&ca_key, 1_000.min(scale.hot_set));
    let signer = BenchSigner::new(algorithm);
    let data = response_data(&questions[0], &signer);
    let nonces = requests(&questions, |question| &question.nonce);
    let (mut measured, mut limits) = (vec![], vec![]);
    for pair in 0..scale.pairs {
        eprintln!("bench: answers with nonce, {}, pair {} of {}", algorithm.word(), pair + 1, scale.pairs);
        cores.pin_to_servers();
        limits.push(beside_a_client(cores, door.address, || {
            let started = thread_processor_time();
            for _ in 0..scale.signatures {
                assert!(signer.sign(data.clone()).is_ok(), "a key in memory signs");
            }
            count(scale.signatures) / (thread_processor_time() - started)
        }));
        cores.pin_to_clients();
        measured.push(MICROSECONDS / cost_of(&door, &nonces, scale.time).0);
    }
    Figure {
        what: format!("answers with nonce, {}, each signed", algorithm.word()),
        unit: "in a second of the server's processor time",
        limit: ("signatures alone", limits),
        measured,
        rule: Rule::AtLeast(least),
        beside: vec![],
    }
}

/// Does that while the other core works as it does for a client who waits for an answer: a processor with a core at work is
/// slower on the others, whatever these do.
fn beside_a_client<T>(cores: &Cores, address: SocketAddr, what: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            cores.pin_to_clients();
            wait_for_nothing(address, &done);
        });
        let measured = what();
        done.store(true, Ordering::Relaxed);
        measured
    })
}

/// Processor time of the server for each answer, in microseconds; and answers in a second.
pub(crate) fn cost_of(server: &Server, requests: &[&[u8]], time: Duration) -> (f64, f64) {
    let started = processor_time_of(server.id());
    let (answers, took) = as_fast_as_answers_come(server.address, requests, time);
    let spent = processor_time_of(server.id()) - started;
    (spent * MICROSECONDS / count(answers), count(answers) / took.as_secs_f64())
}

pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("fewer than 2^32"))
}

pub(crate) fn requests(questions: &[Question], of: impl Fn(&Question) -> &Vec<u8>) -> Vec<&[u8]> {
    questions.iter().map(|question| &of(question)[..]).collect()
}

fn write_files(folder: &Path, questions: &[Question], answers: &[Vec<u8>]) {
    let files = folder.join("files/ocsp/sign");
    std::fs::create_dir_all(&files).expect("a folder");
    for (question, answer) in questions.iter().zip(answers) {
        std::fs::write(files.join(&question.file), answer).expect("a file");
    }
}

/// What the door signs for that question.
fn response_data(question: &Question, signer: &BenchSigner) -> ResponseData {
    let at = question.nonce.windows(4).position(|octets| octets == b"\r\n\r\n").expect("a head");
    let request = OcspRequest::from_der(&question.nonce[at + 4..]).expect("a request");
    let cert_id_der = request.cert_ids().next().expect("one").der;
    let (status, next_update) = (CertificateStatus::Good, NOW.plus_seconds(28_800));
    let responses = &[SingleResponse { cert_id_der, status, this_update: NOW, next_update, archive_cutoff: None }];
    let contents =
        ResponseContents { responder_key_hash: signer.key_hash(), produced_at: NOW, responses, nonce: request.nonce() };
    ResponseData::encode(&contents).expect("times in order")
}
