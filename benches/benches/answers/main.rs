//! What an OCSP answer costs at the public door, beside a file server that sends the same octets, and beside the signing
//! library alone. `ops/bench ocsp` runs it; what came out is in `benches/RESULTS.md`.
//!
//! The server has a core of its own, the load comes from another. Figure and limit are measured in alternated pairs; what
//! counts is the server's processor time, user's and system's, for each answer.
//!
//! | module | what it does |
//! |---|---|
//! | `questions` | the hot set: who is asked about, and the octets of each request |
//! | `servers` | the door in a process of its own: listener, service and index as in `akashi serve`; nginx with the same answers as files |
//! | `start` | how long a start over a nation's snapshot takes |
//! | `load` | clients on kept-alive connections: as fast as answers come, or at a rate that they hold |
//! | `peers` | other responders over the same corpus |
//! | `figures` | the pairs |
//!
//! With `--test`, or without `--bench` (`cargo test`), it does everything once with few requests, and holds nothing against
//! a limit; with `--signed` or `--start` it measures these figures alone and records nothing. nginx is taken from the PATH or from the folder in `$AKASHI_NGINX`, where `ops/bench` puts it.
mod figures;
mod load;
mod peers;
mod questions;
mod servers;
mod start;

use std::process::ExitCode;

use benches::measure::machine::Cores;
use benches::measure::pairs::{Figure, spread};
use benches::measure::results;
use pki::algorithm::Algorithm;

use figures::Scale;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    if let [word, algorithm] = &arguments[..]
        && word == servers::SERVE
    {
        return servers::serve(Algorithm::from_word(algorithm).expect("the bench wrote it"));
    }
    if let [word, snapshot, issuers] = &arguments[..]
        && word == start::SERVE
    {
        return start::serve(snapshot, issuers);
    }
    let scale = match (is("--bench") && !is("--test"), is("--short")) {
        (true, false) => Scale::FULL,
        (true, true) => Scale::SHORT,
        (false, _) => Scale::SMOKE,
    };
    let cores = Cores::find();
    let mut figures: Vec<Figure> = Vec::new();
    let (signed, start) = (is("--signed"), is("--start"));
    if !signed && !start {
        figures.extend(figures::kept(&cores, scale).into_iter().map(told));
    }
    if !signed {
        let (starts, certificates) = if scale == Scale::SMOKE { (1, 100_000) } else { (3, 250_000_000) };
        figures.push(told(start::first_answer(&cores, starts, certificates)));
    }
    let algorithms = [(Algorithm::Rsa2048Sha256, 0.95), (Algorithm::EcdsaP256Sha256, 0.7)];
    for (algorithm, least) in algorithms.into_iter().filter(|_| !start) {
        figures.push(told(figures::signed(algorithm, least, &cores, scale)));
    }
    if scale == Scale::SMOKE {
        return ExitCode::SUCCESS;
    }
    let page = results::page(&figures, &cores);
    println!("{page}");
    if is("--record") && scale == Scale::FULL && !signed && !start {
        results::record("ocsp", &page);
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells a figure as soon as it is there.
fn told(figure: Figure) -> Figure {
    eprintln!("bench: {}: ratio {}", figure.what, spread(&figure.ratios(), 2));
    figure
}
