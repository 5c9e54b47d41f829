//! The gate before issuing. So many issues are at work at once; who waits is let in turn by turn from each desk, so that
//! a desk which sends a hundred requests waits behind another's one at most once.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{Sender, channel};

/// Who waits: SHA-256 of the client certificate, of which each desk has one.
type Desk = [u8; 32];

/// How many may be at work, and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueLimits {
    /// Issues at work at once, over all desks; at least 1.
    pub at_work_max: usize,
    /// Requests of one desk that wait.
    pub waiting_per_desk_max: usize,
}

impl Default for IssueLimits {
    /// What a small machine does, and a desk's few counters with some to spare.
    fn default() -> Self {
        Self { at_work_max: 32, waiting_per_desk_max: 64 }
    }
}

/// So many of the desk's requests wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The gate.
pub struct Gate {
    limits: IssueLimits,
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    at_work: usize,
    waiting: BTreeMap<Desk, VecDeque<Sender<Pass>>>,
    /// Desks with somebody waiting, the next one first, each once.
    turns: VecDeque<Desk>,
}

/// Leave to work, until dropped.
pub(super) struct Pass(Option<Arc<Gate>>);

impl Gate {
    pub(super) fn new(limits: IssueLimits) -> Self {
        Self { limits, queues: Mutex::default() }
    }

    /// Waits for a pass. Whoever stops waiting gives the place up.
    pub(super) async fn enter(self: &Arc<Self>, desk: Desk) -> Result<Pass, Full> {
        let waiting = {
            let mut queues = self.lock();
            if queues.at_work < self.limits.at_work_max {
                queues.at_work += 1;
                return Ok(Pass(Some(Arc::clone(self))));
            }
            queues.wait(desk, self.limits.waiting_per_desk_max)?
        };
        Ok(waiting.await.expect("the gate keeps who waits until it gives the pass"))
    }

    /// Requests that wait now, over all desks.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.values().map(VecDeque::len).sum()
    }

    /// Issues at work now.
    pub fn at_work(&self) -> usize {
        self.lock().at_work
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Nothing panics while the queues are held.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn wait(&mut self, desk: Desk, waiting_max: usize) -> Result<tokio::sync::oneshot::Receiver<Pass>, Full> {
        let queue = self.waiting.entry(desk).or_default();
        queue.retain(|waiting| !waiting.is_closed());
        if queue.len() >= waiting_max {
            return Err(Full);
        }
        let (sender, receiver) = channel();
        queue.push_back(sender);
        if !self.turns.contains(&desk) {
            self.turns.push_back(desk);
        }
        Ok(receiver)
    }

    /// Who is next: the first to wait of the desk whose turn it is. Its desk's next turn comes after all others'.
    fn next(&mut self) -> Option<Sender<Pass>> {
        while let Some(desk) = self.turns.pop_front() {
            let Some(queue) = self.waiting.get_mut(&desk) else { continue };
            // One who is gone takes no turn of the desk's.
            queue.retain(|waiting| !waiting.is_closed());
            let next = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&desk);
            } else {
                self.turns.push_back(desk);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Pass {
    /// The pass goes to who is next. It comes back from one who stopped waiting, and goes to the one after.
    fn drop(&mut self) {
        let Some(gate) = self.0.take() else { return };
        loop {
            let next = {
                let mut queues = gate.lock();
                let next = queues.next();
                if next.is_none() {
                    queues.at_work -= 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Pass(Some(Arc::clone(&gate)))) {
                Ok(()) => return,
                Err(mut pass) => pass.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Pass, Full>>>>;

    /// Requests of desks, each polled until it has its pass.
    struct Scene {
        gate: Arc<Gate>,
        waiting: Vec<(u8, Waiting)>,
        at_work: Vec<(u8, Pass)>,
    }

    impl Scene {
        fn new(at_work_max: usize, waiting_per_desk_max: usize) -> Self {
            let gate = Arc::new(Gate::new(IssueLimits { at_work_max, waiting_per_desk_max }));
            Self { gate, waiting: vec![], at_work: vec![] }
        }

        /// A request of that desk; `false` if it is refused.
        fn asks(&mut self, desk: u8) -> bool {
            let gate = Arc::clone(&self.gate);
            let mut asked: Waiting = Box::pin(async move { gate.enter([desk; 32]).await });
            match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(pass)) => self.at_work.push((desk, pass)),
                Poll::Ready(Err(Full)) => return false,
                Poll::Pending => self.waiting.push((desk, asked)),
            }
            true
        }

        /// The oldest at work is done. Whose turn came?
        fn finishes(&mut self) -> Option<u8> {
            drop(self.at_work.remove(0).1);
            let mut came = None;
            self.waiting.retain_mut(|(desk, asked)| {
                match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(pass)) => {
                        assert!(came.replace(*desk).is_none(), "one pass, one turn");
                        self.at_work.push((*desk, pass));
                        false
                    }
                    Poll::Ready(Err(Full)) => panic!("who waits is not refused"),
                    Poll::Pending => true,
                }
            });
            came
        }
    }

    #[test]
    fn a_desk_that_floods_the_gate_does_not_starve_another() {
        let mut scene = Scene::new(1, 64);
        assert!((0..60).all(|_| scene.asks(1)));
        assert!(scene.asks(2) && scene.asks(2) && scene.asks(3));
        let order: Vec<_> = (0..6).map(|_| scene.finishes().unwrap()).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 1]);
    }

    #[test]
    fn a_desk_waits_with_so_many_and_is_refused_the_next_which_keeps_nobody_else_out() {
        let mut scene = Scene::new(2, 3);
        assert!((0..5).all(|_| scene.asks(1)));
        assert!(!scene.asks(1));
        assert!(scene.asks(2));
        assert_eq!((scene.gate.at_work(), scene.gate.waiting()), (2, 4));
        scene.finishes();
        assert!(scene.asks(1), "one of the three has its turn");
    }

    #[test]
    fn who_stops_waiting_leaves_the_place_to_others() {
        let mut scene = Scene::new(1, 2);
        assert!((0..3).all(|_| scene.asks(1)));
        assert!(!scene.asks(1));
        drop(scene.waiting.remove(0));
        assert!(scene.asks(1) && scene.asks(2));
        drop(scene.waiting.remove(0));
        assert_eq!(scene.finishes(), Some(1), "the pass passes those by who are gone");
        assert_eq!(scene.finishes(), Some(2));
        assert_eq!(scene.finishes(), None);
        assert_eq!((scene.gate.at_work(), scene.gate.waiting()), (0, 0));
    }

    #[test]
    fn a_pass_that_nobody_came_to_take_is_not_lost() {
        let mut scene = Scene::new(1, 2);
        assert!(scene.asks(1) && scene.asks(2) && scene.asks(3));
        drop(scene.at_work.remove(0));
        // The second has its pass, and is gone before it looked.
        drop(scene.waiting.remove(0));
        assert_eq!(scene.gate.at_work(), 1);
        let (_, mut third) = scene.waiting.remove(0);
        assert!(third.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(scene.gate.at_work(), 0);
    }

    proptest! {
        /// Whatever comes in whatever order: no more than the limit at work, nobody idle while somebody waits, and between
        /// two turns of one desk every other desk that waited had one.
        #[test]
        fn turns_go_round(doings in proptest::collection::vec(prop_oneof![3 => (1_u8..5).prop_map(Some), 2 => Just(None)], 1..200)) {
            let mut scene = Scene::new(2, 4);
            let mut since: BTreeMap<u8, BTreeMap<u8, u32>> = BTreeMap::new();
            for doing in doings {
                match doing {
                    Some(desk) => {
                        let before = scene.waiting.len();
                        scene.asks(desk);
                        if scene.waiting.len() > before {
                            since.entry(desk).or_default();
                        }
                    }
                    None if scene.at_work.is_empty() => {}
                    None => {
                        let Some(came) = scene.finishes() else { continue };
                        for (waiter, others) in &mut since {
                            let turns = others.entry(came).or_default();
                            *turns += 1;
                            prop_assert!(*waiter == came || *turns <= 1, "{came} had two turns while {waiter} waited");
                        }
                        since.remove(&came);
                        if scene.waiting.iter().any(|(desk, _)| *desk == came) {
                            since.insert(came, BTreeMap::new());
                        }
                    }
                }
                prop_assert!(scene.at_work.len() <= 2);
                prop_assert!(scene.waiting.is_empty() || scene.at_work.len() == 2);
                prop_assert_eq!(scene.gate.waiting(), scene.waiting.len());
            }
        }
    }
}
