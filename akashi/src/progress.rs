//! How far long work is, on standard error: one line that changes on a terminal. Elsewhere a sandbox says a line a phase,
//! what has a bar nothing.
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Characters of the bar.
const BAR: usize = 24;

/// One phase.
pub struct Phase {
    name: &'static str,
    of: usize,
    done: AtomicUsize,
    on_terminal: bool,
    /// What is counted, where a bar and a rate are of interest.
    measured: Option<Measured>,
}

/// What is counted, and the time since the beginning.
struct Measured {
    unit: &'static str,
    elapsed: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl Phase {
    /// A phase of a sandbox's making begins, of so many steps.
    pub fn begin(name: &'static str, of: usize) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        if !on_terminal {
            eprintln!("{name} ({of})");
        }
        Self { name, of, done: AtomicUsize::new(0), on_terminal, measured: None }
    }

    /// A batch begins, of so many rows.
    pub fn batch(name: &'static str, of: usize) -> Self {
        Self::measured(name, of, "rows")
    }

    /// Something with a bar begins, of so many of these.
    pub fn measured(name: &'static str, of: usize, unit: &'static str) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let measured = Measured { unit, elapsed: Box::new(crate::clock::monotonic()) };
        Self { name, of, done: AtomicUsize::new(0), on_terminal, measured: Some(measured) }
    }

    /// One step is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // A terminal is not written to for each of a hundred thousand rows.
        let hundredths = |done: usize| done * 100 / self.of.max(1);
        if self.on_terminal && (self.measured.is_none() || hundredths(done) != hundredths(done - 1)) {
            let measured = self.measured.as_ref().map(|Measured { unit, elapsed }| (*unit, elapsed()));
            let line = line(self.name, done, self.of, measured);
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}");
        }
    }
}

fn line(name: &str, done: usize, of: usize, measured: Option<(&str, Duration)>) -> String {
    let Some((unit, elapsed)) = measured else { return format!("{name} {done}/{of}") };
    let full = "#".repeat(done * BAR / of.max(1));
    let rate = u128::from(u64::try_from(done).unwrap_or(u64::MAX)) * 1_000 / elapsed.as_millis().max(1);
    format!("{name} [{full:.<BAR$}] {done}/{of}, {rate} {unit}/s")
}

impl Drop for Phase {
    fn drop(&mut self) {
        if self.on_terminal {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_shows_a_bar_and_its_rate() {
        let told = line("reports", 50, 200, Some(("rows", Duration::from_millis(2_500))));
        assert_eq!(told, "reports [######..................] 50/200, 20 rows/s");
        assert_eq!(line("sandbox: people", 3, 10, None), "sandbox: people 3/10");
        assert_eq!(
            line("snapshot", 0, 0, Some(("pages", Duration::ZERO))),
            "snapshot [........................] 0/0, 0 pages/s"
        );
    }
}
