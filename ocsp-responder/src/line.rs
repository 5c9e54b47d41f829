//! Signatures by keys in memory, made on the very thread that asks for them.
//!
//! To hand one to another thread and back costs nearly as much as a P-256 signature. But a thread that signed and did nothing
//! else would let those wait who need no signature: so each thread has a line, in which one signs after the other, and after
//! [`SLICE`] of it all others go first who are ready by then.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

/// Some thirty P-256 signatures, or two of RSA-2048.
const SLICE: Duration = Duration::from_micros(500);

struct Line {
    turn: Semaphore,
    /// When others last went first, in nanoseconds of the caller's clock.
    rested: AtomicU64,
}

thread_local! {
    static LINE: Arc<Line> = Arc::new(Line { turn: Semaphore::new(1), rested: AtomicU64::new(0) });
}

/// Signs when it is its turn on this thread; is told when that is.
pub(crate) async fn in_turn<T>(elapsed: &(dyn Fn() -> Duration + Send + Sync), sign: impl FnOnce(Duration) -> T) -> T {
    let line = LINE.with(Arc::clone);
    let _turn = line.turn.acquire().await.expect("the semaphore is never closed");
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut now = elapsed();
    if u128::from(nanoseconds(now).abs_diff(line.rested.load(Ordering::Relaxed))) > SLICE.as_nanos() {
        tokio::task::yield_now().await;
        now = elapsed();
        line.rested.store(nanoseconds(now), Ordering::Relaxed);
    }
    sign(now)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn after_half_a_millisecond_of_signing_others_go_first_and_nobody_overtakes() {
        let (clock, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let mut tasks: Vec<_> = (0..8)
            .map(|number| {
                let (clock, done) = (Arc::clone(&clock), Arc::clone(&done));
                tokio::spawn(async move {
                    let micros = Arc::clone(&clock);
                    let elapsed = move || Duration::from_micros(micros.load(Ordering::Relaxed));
                    let sign = |_| {
                        clock.fetch_add(300, Ordering::Relaxed);
                        done.lock().unwrap().push(Some(number));
                    };
                    in_turn(&elapsed, sign).await;
                })
            })
            .collect();
        tasks.push(tokio::spawn({
            let done = Arc::clone(&done);
            async move { done.lock().unwrap().push(None) }
        }));
        for task in tasks {
            task.await.unwrap();
        }
        let done = done.lock().unwrap().clone();
        assert_eq!(done.iter().flatten().copied().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert_eq!(done.iter().position(Option::is_none), Some(2), "{done:?}");
    }
}
