//! libFuzzer around one target, which `AKASHI_FUZZ_TARGET` names; `AKASHI_FUZZ_SEEDS` is a folder for the octets to begin with.
//! `ops/fuzz` builds and calls it.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn begin() {
    let word = std::env::var("AKASHI_FUZZ_TARGET").unwrap_or_default();
    let target = Target::ALL.into_iter().find(|target| target.word() == word);
    let words = Target::ALL.map(Target::word).join(", ");
    let target = target.unwrap_or_else(|| panic!("AKASHI_FUZZ_TARGET is none of {words}"));
    if let Ok(folder) = std::env::var("AKASHI_FUZZ_SEEDS") {
        for (number, seed) in target.seeds().iter().enumerate() {
            std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("the folder can be written");
        }
    }
    TARGET.set(target).expect("libFuzzer begins once");
}

libfuzzer_sys::fuzz_target!(init: begin(), |octets: &[u8]| {
    TARGET.get().expect("it has begun").run(octets);
});
