//! A runtime of one thread for each core: a connection stays on the one that it was given to, so that nothing it needs goes
//! from core to core, and nobody is woken for it.
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A signature under way is waited for no longer, when all else has ended.
const BLOCKING_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The runtimes. They end when this is dropped.
pub struct Cores {
    handles: Vec<Handle>,
    next: AtomicUsize,
    /// Dropped first, each of which ends a thread.
    running: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Cores {
    /// Starts so many.
    pub fn start(count: usize) -> io::Result<Self> {
        let (mut handles, mut running) = (Vec::new(), Vec::new());
        for number in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (end, ended) = oneshot::channel();
            let run = move || {
                // What is spawned on the runtime runs while this waits.
                let _ = runtime.block_on(ended);
                runtime.shutdown_timeout(BLOCKING_ENDS_WITHIN);
            };
            running.push((end, std::thread::Builder::new().name(format!("core {number}")).spawn(run)?));
        }
        Ok(Self { handles, next: AtomicUsize::new(0), running })
    }

    /// Each of them in turn.
    pub(super) fn next(&self) -> &Handle {
        &self.handles[self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len()]
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        for (end, thread) in self.running.drain(..) {
            drop(end);
            // A panic on it has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}
