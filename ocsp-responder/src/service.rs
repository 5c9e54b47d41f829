//! Keeps one request from hurting another: panics are caught, signing is bounded, waiting ends.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use pki::identity::{Ca, Serial};
use pki::ocsp::ErrorStatus;
use pki::time::UnixTime;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::answer::Answer;
use crate::decision::{Decided, Decision, Responder};
use crate::line;
use crate::metrics::{Method, OcspMetrics};
use crate::under_way::UnderWay;

/// Locks for those who ask the same at the same time. Others who share one wait for a signature more than they must.
const FLIGHTS: usize = 1_024;

/// Requests about serials that were never issued that may wait or be signed at once: honest ones are few. They are signed one
/// at a time, in turn with the others, so that whoever asks for the next serials (they are sequential) uses up nobody's
/// signatures.
const UNKNOWN_PLACES: usize = 16;

/// The clocks, from outside.
#[derive(Clone)]
pub struct Clocks {
    /// The time of day, for what answers say.
    pub now: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    /// Time since some fixed moment, never going back, for durations.
    pub elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// What signing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningLimits {
    /// Signatures made at once by tokens that may block. Keys in memory sign one at a time on each thread that asks.
    pub concurrent: usize,
    /// Requests that may wait for their turn. Beyond it they are told to try later at once.
    pub waiting: usize,
    /// How long a request waits in all for its signature before it is told to try later.
    pub patience: Duration,
}

/// The responder as a service to doors. Cheap to share in an [`Arc`].
pub struct OcspService {
    responder: Responder,
    pub(crate) clocks: Clocks,
    pub(crate) metrics: OcspMetrics,
    /// One permit for each request that is being signed or waits for it.
    places: Arc<Semaphore>,
    /// One permit for each signature under way.
    turns: Arc<Semaphore>,
    /// One permit for each of these requests that is about a serial never issued; and the one for its signature.
    unknown_places: Arc<Semaphore>,
    unknown_turn: Arc<Semaphore>,
    /// Signatures made at once.
    concurrent: usize,
    /// Of many who ask the same, one has it signed; the others wait here and then find it kept.
    flights: Box<[Mutex<()>]>,
    patience: Duration,
}

/// Among those who wait for a signature, and among those who are told of serials never issued.
type Places = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);
/// The turn among those who ask the same, and among those who are told of serials never issued.
type Held<'a> = (Option<MutexGuard<'a, ()>>, Option<OwnedSemaphorePermit>);

impl OcspService {
    /// A service of that responder.
    pub fn new(responder: Responder, clocks: Clocks, limits: SigningLimits, metrics: OcspMetrics) -> Self {
        let SigningLimits { concurrent, waiting, patience } = limits;
        let (unknown_places, unknown_turn) = (Arc::new(Semaphore::new(UNKNOWN_PLACES)), Arc::new(Semaphore::new(1)));
        let (places, turns) = (Arc::new(Semaphore::new(concurrent + waiting)), Arc::new(Semaphore::new(concurrent)));
        let flights = (0..FLIGHTS).map(|_| Mutex::default()).collect();
        Self { responder, clocks, metrics, places, turns, unknown_places, unknown_turn, concurrent, flights, patience }
    }

    /// The same with another number of requests about serials never issued that may wait or be signed at once.
    #[must_use]
    pub fn with_unknown_places(mut self, places: usize) -> Self {
        self.unknown_places = Arc::new(Semaphore::new(places));
        self
    }

    /// Answers one request that came to `/ocsp/{ca}` at `now`. `method` names the door in metrics.
    pub async fn answer(&self, ca: Ca, method: Method, request: &[u8], now: UnixTime) -> Answer {
        let started = (self.clocks.elapsed)();
        // AssertUnwindSafe: the responder changes nothing, so a panic leaves nothing half-done behind.
        let answer = match catch_unwind(AssertUnwindSafe(|| self.responder.decide(ca, request, now))) {
            Ok(Ok(Decided::Kept(answer))) => Answer::Signed(answer),
            Ok(Ok(Decided::ToSign(decision))) => self.sign(decision, started).await,
            Ok(Err(status)) => Answer::Refused(status),
            Err(_) => self.panicked(),
        };
        let seconds = (self.clocks.elapsed)().saturating_sub(started).as_secs_f64();
        self.metrics.answered(ca, method, &answer, seconds);
        answer
    }

    async fn sign(&self, decision: Decision, came: Duration) -> Answer {
        let in_memory = decision.signs_in_memory();
        if !in_memory && self.is_stuck() {
            self.metrics.shed.inc();
            return Answer::Refused(ErrorStatus::TryLater);
        }
        let unknown_place = if decision.tells_unknown() {
            let Ok(place) = Arc::clone(&self.unknown_places).try_acquire_owned() else {
                self.metrics.shed_unknown.inc();
                return Answer::Refused(ErrorStatus::TryLater);
            };
            Some(place)
        } else {
            None
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.shed.inc();
            return Answer::Refused(ErrorStatus::TryLater);
        };
        let places = (place, unknown_place);
        if in_memory {
            self.sign_here(decision, places, came).await
        } else {
            self.sign_by_token(decision, places).await
        }
    }

    /// By a key in memory. Nothing but computations is waited for, so no timer runs: who has waited for too long is told when the
    /// turn comes.
    async fn sign_here(&self, decision: Decision, _places: Places, came: Duration) -> Answer {
        let _held = match self.wait_for_others(&decision).await {
            Ok(held) => held,
            Err(answer) => return answer,
        };
        let sign = |now: Duration| {
            if now.saturating_sub(came) > self.patience {
                self.metrics.overdue.inc();
                return Answer::Refused(ErrorStatus::TryLater);
            }
            catch_unwind(AssertUnwindSafe(|| decision.sign())).unwrap_or_else(|_| self.panicked())
        };
        line::in_turn(&*self.clocks.elapsed, sign).await
    }

    /// By a token that may block, on a thread of its own.
    async fn sign_by_token(&self, decision: Decision, places: Places) -> Answer {
        let under_way = UnderWay::new(self.metrics.stuck.clone());
        let signing = async {
            let (_alone, unknown_turn) = match self.wait_for_others(&decision).await {
                Ok(held) => held,
                Err(answer) => return Ok(answer),
            };
            let turn = turn_of(&self.turns).await;
            // The permits go along: a signature that nobody waits for any more still takes its core until it is done.
            let begun = under_way.begin();
            let work = move || {
                let _permits = (places, turn, unknown_turn, begun);
                decision.sign()
            };
            tokio::task::spawn_blocking(work).await
        };
        match tokio::time::timeout(self.patience, signing).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => self.panicked(),
            Err(_) => {
                self.metrics.overdue.inc();
                under_way.is_given_up();
                Answer::Refused(ErrorStatus::TryLater)
            }
        }
    }

    /// Waits for who asks the same, and, to be told that a serial was never issued, for who is told so. Either what another has
    /// had signed meanwhile, or what is held until this is signed.
    async fn wait_for_others(&self, decision: &Decision) -> Result<Held<'_>, Answer> {
        let mut alone = None;
        if let Some(serial) = decision.asked_about() {
            let (flight, has_waited) = self.fly_alone(serial).await;
            alone = Some(flight);
            if has_waited && let Some(answer) = self.responder.kept_since(decision, (self.clocks.now)()) {
                return Err(Answer::Signed(answer));
            }
        }
        let unknown_turn = if decision.tells_unknown() { Some(turn_of(&self.unknown_turn).await) } else { None };
        Ok((alone, unknown_turn))
    }

    /// The token owes as many signatures as are made at once, each for longer than anybody waits: nobody need wait for it.
    fn is_stuck(&self) -> bool {
        usize::try_from(self.metrics.stuck.get()).is_ok_and(|stuck| stuck >= self.concurrent)
    }

    /// Waits until nobody else has an answer about that serial signed; and whether somebody had.
    async fn fly_alone(&self, serial: Serial) -> (MutexGuard<'_, ()>, bool) {
        let place = serial.get() % FLIGHTS as u64;
        let flight = &self.flights[usize::try_from(place).expect("below the number of flights")];
        match flight.try_lock() {
            Ok(alone) => (alone, false),
            Err(_) => (flight.lock().await, true),
        }
    }

    fn panicked(&self) -> Answer {
        self.metrics.panics.inc();
        tracing::error!("a panic was caught while an OCSP request was answered");
        Answer::Refused(ErrorStatus::InternalError)
    }
}

async fn turn_of(turns: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(turns).acquire_owned().await.expect("the semaphore is never closed")
}
