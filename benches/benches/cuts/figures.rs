//! What is held against what.
use std::path::Path;
use std::process::Command;

use akashi::clock::monotonic;
use benches::measure::pairs::{Figure, Rule};

use crate::cut::{Cost, Costs, Task, costs};
use crate::nation::{CAS, Nation};

/// How much is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Of each card CA.
    pub(crate) certificates: usize,
    /// Of them.
    pub(crate) withdrawn: usize,
    /// Municipalities with a CRL.
    pub(crate) partitions: usize,
    /// Cuts that are measured.
    cuts: u64,
}

impl Scale {
    pub(crate) const NATION: Self =
        Self { certificates: 125_000_000, withdrawn: 15_000_000, partitions: usize::MAX, cuts: 3 };
    pub(crate) const SMOKE: Self = Self { certificates: 20_000, withdrawn: 2_000, partitions: 5, cuts: 1 };
}

/// What the municipal CRLs may take, in seconds of processor time.
const BUILD_SECONDS: f64 = 4.0;
const CHECK_SECONDS: f64 = 3.0;
/// What the whole cut may take.
const WHOLE_PROCESSOR_SECONDS: f64 = 15.0;
const WHOLE_CLOCK_SECONDS: f64 = 20.0;
const MEMORY_MIB: f64 = 1_000_000_000.0 / 1_048_576.0;

/// Everything.
pub(crate) fn all(scale: Scale) -> Vec<Figure> {
    let nation = Nation::make(scale);
    let (cas, cuts, partitions) = (CAS.len(), scale.cuts, scale.partitions);
    eprintln!("bench: whole cuts");
    let whole = costs(&nation, "whole", &Task { cuts, cas, partitions, workers: 2, with_index: true });
    std::fs::remove_dir_all(nation.beside("whole")).expect("it is the bench's own");
    eprintln!("bench: cuts without municipal CRLs");
    let without = costs(&nation, "without", &Task { cuts, cas, partitions: 0, workers: 2, with_index: false });
    std::fs::remove_dir_all(nation.beside("without")).expect("it is the bench's own");
    eprintln!("bench: one full CRL");
    let one = costs(&nation, "one", &Task { cuts, cas: 1, partitions: 0, workers: 1, with_index: false });
    let last = one.last().expect("one was made");
    let digests: Vec<f64> = (0..cuts).map(|_| digest_milliseconds(&last.segment)).collect();
    let municipal = |of: fn(&Costs) -> Cost| -> Vec<f64> {
        whole.iter().zip(&without).map(|(whole, without)| of(whole).processor - of(without).processor).collect()
    };
    let seconds = |limit: f64| vec![limit; whole.len()];
    let of = |what: fn(&Costs) -> f64| whole.iter().map(what).collect::<Vec<f64>>();
    let figure = |what: String, unit, limit: (&'static str, Vec<f64>), measured, most: f64, beside| Figure {
        what,
        unit,
        limit,
        measured,
        rule: Rule::AtMost(most),
        beside,
    };
    let entries = scale.withdrawn * cas;
    let limit = "seconds of processor time";
    vec![
        figure(
            format!("municipal CRLs of {cas} CAs, {entries} entries, signed and written"),
            "s of processor time",
            (limit, seconds(BUILD_SECONDS)),
            municipal(|costs| costs.build),
            1.0,
            vec![],
        ),
        figure(
            format!("municipal CRLs of {cas} CAs, {entries} entries, checked"),
            "s of processor time",
            (limit, seconds(CHECK_SECONDS)),
            municipal(|costs| costs.check),
            1.0,
            vec![],
        ),
        figure(
            format!("a whole cut with full CRLs and deltas, {entries} certificates withdrawn, checked and durable"),
            "s of processor time",
            (limit, seconds(WHOLE_PROCESSOR_SECONDS)),
            of(|costs| costs.whole.processor),
            1.0,
            vec![
                ("s of processor time: read and planned", of(|costs| costs.plan.processor)),
                ("signed and written", of(|costs| costs.build.processor)),
                ("checked", of(|costs| costs.check.processor)),
                ("made durable", of(|costs| costs.sync.processor)),
                ("MB of CRLs", whole.iter().map(|costs| megabytes(costs.octets)).collect()),
            ],
        ),
        figure(
            "the same by the clock".to_owned(),
            "s",
            ("seconds", seconds(WHOLE_CLOCK_SECONDS)),
            of(|costs| costs.whole.clock),
            1.0,
            vec![
                ("s: read and planned", of(|costs| costs.plan.clock)),
                ("signed and written", of(|costs| costs.build.clock)),
                ("checked", of(|costs| costs.check.clock)),
                ("made durable", of(|costs| costs.sync.clock)),
            ],
        ),
        figure(
            "the most memory that it had, with the status index".to_owned(),
            "MiB",
            ("1 GB", seconds(MEMORY_MIB)),
            of(|costs| costs.peak_memory_mib),
            1.0,
            vec![],
        ),
        figure(
            format!("one full CRL of {} entries, judged, signed and written on one core", scale.withdrawn),
            "ms",
            ("openssl dgst -sha256 over its octets", digests),
            one.iter().map(|costs| costs.build.clock * 1e3).collect(),
            3.0,
            vec![
                ("ms of processor time", one.iter().map(|costs| costs.build.processor * 1e3).collect()),
                ("MB", one.iter().map(|costs| megabytes(costs.octets)).collect()),
            ],
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(octets: u64) -> f64 {
    octets as f64 / 1e6
}

/// What OpenSSL takes to read and hash a file, in milliseconds of the clock.
fn digest_milliseconds(file: &Path) -> f64 {
    let elapsed = monotonic();
    let output = Command::new("openssl").args(["dgst", "-sha256"]).arg(file).output().expect("openssl is there");
    assert!(output.status.success(), "it hashes");
    elapsed().as_secs_f64() * 1e3
}
