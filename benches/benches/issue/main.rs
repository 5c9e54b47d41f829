//! What issuing and revoking cost, beside what they cannot do without. `ops/bench issue` runs it; what came out is in
//! `benches/RESULTS.md`.
//!
//! Each figure is measured in five pairs with its limit, one after the other in the same process and on the same core, so
//! that what else the machine does touches both. Costs are processor time, user's and system's, of all threads.
//!
//! | module | what it does |
//! |---|---|
//! | `scene` | an authority as `akashi init` and `akashi serve` make it, on a disk; its desks |
//! | `requests` | requests with their keys, made beforehand |
//! | `figures` | the figures; `limits` what they are held against |
//! | `national` | a day's batch of the resident register; a CA key's compromise with millions of certificates under it |
//! | `doors` | the same over mutual TLS, the server in a process and on a core of its own |
//! | `benches::measure` | alternated pairs, medians; clocks and cores; the page |
//!
//! With `--test`, or without `--bench` (`cargo test`), it does everything once with few requests, and holds nothing against
//! a limit.
mod doors;
mod figures;
mod limits;
mod national;
mod requests;
mod scene;

use std::process::ExitCode;

use benches::measure::{machine, pairs, results};
use pki::algorithm::Algorithm;

use figures::Scale;
use machine::Cores;
use pairs::{Figure, spread};
use scene::Scene;

/// What today's cards have, and what is announced for the next (facts 1.1, 1.8).
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rsa2048Sha256, Algorithm::EcdsaP384Sha384];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    if let [word, config] = &arguments[..]
        && word == doors::SERVE
    {
        return doors::serve(config);
    }
    let scale = if is("--bench") && !is("--test") { Scale::FULL } else { Scale::SMOKE };
    let cores = Cores::find();
    let mut figures = Vec::new();
    if is("--compromise") {
        let mut scene = Scene::make(ALGORITHMS[0], scale);
        figures::issue_some(&mut scene, scale);
        figures.extend(national::compromise(&scene.stop(), scale).map(told));
    }
    if is("--revocation") {
        cores.pin_to_servers();
        let mut scene = Scene::make(ALGORITHMS[0], scale);
        figures::issue_to_revoke(&mut scene, scale);
        figures.push(told(figures::revocation(&mut scene, scale)));
    }
    let alone = is("--compromise") || is("--revocation");
    for algorithm in ALGORITHMS.into_iter().filter(|_| !alone) {
        cores.pin_to_servers();
        let mut scene = Scene::make(algorithm, scale);
        figures.push(told(figures::issuance(&mut scene, scale)));
        let is_todays = algorithm == ALGORITHMS[0];
        if is_todays {
            figures.push(told(national::register_batch(&scene, scale)));
            figures.push(told(figures::revocation(&mut scene, scale)));
        }
        let mut kept = scene.stop();
        if !is("--no-doors") {
            figures.extend(doors::figures(&mut kept, &cores, scale).map(told));
        }
        if is_todays {
            // It has the whole machine, with the doors' calls beside it.
            cores.pin_to_all();
            figures.extend(national::compromise(&kept, scale).map(told));
        }
    }
    let held = figures.iter().all(Figure::holds);
    if scale == Scale::FULL && is("--revocation") {
        println!("{}", results::page(&figures, &cores));
    }
    if scale == Scale::FULL && !alone {
        let page = results::page(&figures, &cores);
        println!("{page}");
        if is("--record") {
            results::record("issue", &page);
        }
    }
    if held || scale == Scale::SMOKE { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells a figure as soon as it is there.
fn told(figure: Figure) -> Figure {
    eprintln!("bench: {}: ratio {}", figure.what, spread(&figure.ratios(), 2));
    figure
}
