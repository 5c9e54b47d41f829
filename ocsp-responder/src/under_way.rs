//! Counts the signatures that a token owes and nobody waits for any more.
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus::IntGauge;

/// One signature, from the side of who waits for it.
pub(crate) struct UnderWay {
    state: Arc<Mutex<State>>,
    stuck: IntGauge,
}

/// The same, from the side of who makes it: it is over when this is dropped, however that comes about.
pub(crate) struct Begun {
    state: Arc<Mutex<State>>,
    stuck: IntGauge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotBegun,
    Begun,
    GivenUp,
    Over,
}

impl UnderWay {
    /// Not begun. `stuck` counts those that are given up and not over.
    pub(crate) fn new(stuck: IntGauge) -> Self {
        Self { state: Arc::new(Mutex::new(State::NotBegun)), stuck }
    }

    pub(crate) fn begin(&self) -> Begun {
        *lock(&self.state) = State::Begun;
        Begun { state: Arc::clone(&self.state), stuck: self.stuck.clone() }
    }

    /// Nobody waits for it any more.
    pub(crate) fn is_given_up(&self) {
        let mut state = lock(&self.state);
        if *state == State::Begun {
            *state = State::GivenUp;
            self.stuck.inc();
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if *state == State::GivenUp {
            self.stuck.dec();
        }
        *state = State::Over;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nothing panics while it is held")
}
