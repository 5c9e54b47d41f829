//! What the 7:00 cut of a nation costs: 125 million certificates and 15 million revoked ones for each of the two card CAs, by the
//! real publisher over the real registry. `ops/bench crl` runs it; what came out is in `benches/RESULTS.md`.
//!
//! | module | what it does |
//! |---|---|
//! | `nation` | an authority on a disk whose registry holds that many withdrawn certificates |
//! | `cut` | cuts made in a process of its own, which holds the status index as well: processor time and wall-clock of each step, peak memory |
//! | `figures` | what is held against what |
//!
//! With `--test`, or without `--bench` (`cargo test`), it does everything once with a small town, and holds nothing against a limit.
mod cut;
mod figures;
mod nation;

use std::process::ExitCode;

use benches::measure::machine::Cores;
use benches::measure::pairs::Figure;
use benches::measure::results;

use figures::Scale;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, task] = &arguments[..]
        && word == cut::MAKE
    {
        return cut::make(task);
    }
    let is = |word: &str| arguments.iter().any(|argument| argument == word);
    let scale = if is("--bench") && !is("--test") { Scale::NATION } else { Scale::SMOKE };
    let figures = figures::all(scale);
    if scale == Scale::SMOKE {
        return ExitCode::SUCCESS;
    }
    let page = results::page(&figures, &Cores::find());
    println!("{page}");
    if is("--record") {
        results::record("crl", &page);
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
