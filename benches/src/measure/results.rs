//! The page of results.
use std::fmt::Write;
use std::path::Path;

use crate::measure::machine::{Cores, memory_gib};
use crate::measure::pairs::{Figure, Rule, median, spread};

/// The figures as a table.
pub fn page(figures: &[Figure], cores: &Cores) -> String {
    let mut page = String::new();
    let _ = writeln!(
        page,
        "Median (smallest to largest) of the pairs. {} cores of {}, {} GiB; what is measured has a core of its own{}.\n",
        cores.count(),
        std::env::consts::ARCH,
        memory_gib(),
        if cores.count() == 1 { ", which it shares with who asks" } else { "" },
    );
    page.push_str("| what | measured | held against | ratio | asked | |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let (asked, verdict) = match figure.rule {
            Rule::AtMost(most) => (format!("≤ {most}"), if figure.holds() { "holds" } else { "**does not hold**" }),
            Rule::AtLeast(least) => (format!("≥ {least}"), if figure.holds() { "holds" } else { "**does not hold**" }),
            Rule::Told => ("told".to_owned(), ""),
        };
        let decimals = usize::from(median(&figure.measured) < 1_000.0);
        let (measured, limit) = (spread(&figure.measured, decimals), spread(&figure.limit.1, decimals));
        let (what, unit, against, ratio) = (&figure.what, figure.unit, figure.limit.0, spread(&figure.ratios(), 2));
        let _ = writeln!(page, "| {what} | {measured} {unit} | {against}: {limit} | {ratio} | {asked} | {verdict} |");
        for (what, values) in &figure.beside {
            let decimals = usize::from(median(values) < 1_000.0);
            let _ = writeln!(page, "| · beside: {what} | {} | | | | |", spread(values, decimals));
        }
    }
    page
}

/// Puts the page of that bench into `benches/RESULTS.md`, in the place of the one before.
pub fn record(bench: &str, page: &str) {
    let [begin, end] = ["begin", "end"].map(|word| format!("<!-- ops/bench {bench}: {word} -->"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let text = std::fs::read_to_string(&path).expect("the page is in the repository");
    let (before, rest) = text.split_once(&begin).expect("the page says where the figures begin");
    let (_, after) = rest.split_once(&end).expect("the page says where the figures end");
    std::fs::write(&path, format!("{before}{begin}\n{page}{end}{after}")).expect("the page can be written");
}
