//! The same work for many CRLs, on several threads.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Finished results that may wait for their turn, for each worker.
const WAITING_PER_WORKER: usize = 4;

/// Runs `work` for each item on `worker_count` threads and hands the results to `take` in the items' order. A failure
/// ends it: what follows is not begun. Of several failures the one that comes first in the items' order is handed back,
/// whichever thread met its own first.
pub(crate) fn in_order<I: Sync, R: Send, E: Send>(
    items: &[I],
    worker_count: usize,
    work: impl Fn(&I) -> Result<R, E> + Sync,
    mut take: impl FnMut(&I, R) -> Result<(), E>,
) -> Result<(), E> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel(worker_count.max(1) * WAITING_PER_WORKER);
    std::thread::scope(|scope| {
        for _ in 0..worker_count.max(1) {
            let sender = sender.clone();
            let (next, stopped, work) = (&next, &stopped, &work);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = work(item);
                    if result.is_err() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    // A send fails when the taker has given up; then there is nothing left to do.
                    if sender.send((at, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut turn = 0;
        let outcome = receiver.iter().try_for_each(|(at, result)| {
            waiting.insert(at, result);
            // All that stands before a failure was begun before it, so its turn comes.
            while let Some(result) = waiting.remove(&turn) {
                take(&items[turn], result?)?;
                turn += 1;
            }
            Ok(())
        });
        stopped.store(true, Ordering::Relaxed);
        drop(receiver);
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_items_order_on_any_number_of_workers() {
        let items: Vec<u32> = (0..500).collect();
        for workers in [0, 1, 2, 7] {
            let mut taken = Vec::new();
            let outcome: Result<(), ()> = in_order(
                &items,
                workers,
                |item| Ok(item * 2),
                |_, result| {
                    taken.push(result);
                    Ok(())
                },
            );
            assert_eq!(outcome, Ok(()));
            assert_eq!(taken, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failure_on_either_side_ends_it_and_is_handed_back() {
        let items: Vec<u32> = (0..500).collect();
        let refused = in_order(&items, 2, |&item| if item == 40 { Err("work") } else { Ok(item) }, |_, _| Ok(()));
        assert_eq!(refused, Err("work"));
        let refused =
            in_order(&items, 2, |&item| Ok(item), |_, result| if result == 40 { Err("take") } else { Ok(()) });
        assert_eq!(refused, Err("take"));
    }

    #[test]
    fn of_two_failures_the_first_in_the_items_order_is_handed_back_though_the_other_was_met_before_it() {
        let met = std::sync::Barrier::new(2);
        let failing = |&item: &u32| {
            if item == 1 {
                met.wait();
                return Err(1);
            }
            met.wait();
            // The other thread has failed by now, or is about to; this one takes its time.
            (0..1_000).for_each(|_| std::thread::yield_now());
            Err(0)
        };
        let refused: Result<(), u32> = in_order(&[0, 1], 2, failing, |_, ()| Ok(()));
        assert_eq!(refused, Err(0));
    }
}
