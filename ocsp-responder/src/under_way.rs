//! Counts the signatures that a token owes and nobody waits for any more.
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use prometheus::IntGauge;

/// One signature, from the side of who waits for it.
pub(crate) struct UnderWay {
    /// Once it has begun.
    state: OnceLock<Arc<Mutex<State>>>,
    stuck: IntGauge,
}

/// The same, from the side of who makes it: it is over when this is dropped, however that comes about.
pub(crate) struct Begun {
    state: Arc<Mutex<State>>,
    stuck: IntGauge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begun,
    GivenUp,
    Over,
}

impl UnderWay {
    /// Not begun. `stuck` counts those that are given up and not over.
    pub(crate) const fn new(stuck: IntGauge) -> Self {
        Self { state: OnceLock::new(), stuck }
    }

    pub(crate) fn begin(&self) -> Begun {
        let state = self.state.get_or_init(|| Arc::new(Mutex::new(State::Begun)));
        Begun { state: Arc::clone(state), stuck: self.stuck.clone() }
    }

    /// Nobody waits for it any more.
    pub(crate) fn is_given_up(&self) {
        let Some(mut state) = self.state.get().map(|state| lock(state)) else { return };
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
