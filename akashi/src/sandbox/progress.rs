//! How far the making of a sandbox is, on standard error: one line that changes on a terminal, else a line a phase.
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// One phase.
pub struct Phase {
    name: &'static str,
    of: usize,
    done: AtomicUsize,
    on_terminal: bool,
}

impl Phase {
    /// A phase of so many steps begins.
    pub fn begin(name: &'static str, of: usize) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let phase = Self { name, of, done: AtomicUsize::new(0), on_terminal };
        if !on_terminal {
            eprintln!("sandbox: {name} ({of})");
        }
        phase
    }

    /// One step is done.
    pub fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.on_terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[Ksandbox: {} {done}/{}", self.name, self.of);
        }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if self.on_terminal {
            eprintln!();
        }
    }
}
