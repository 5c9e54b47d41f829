//! The tasks that must run for as long as the process does.
use std::pin::Pin;
use std::task::Poll;

use tokio::task::JoinHandle;

/// Running tasks, each with the name by which a failure speaks of it.
#[derive(Default)]
pub struct Tasks(Vec<(&'static str, JoinHandle<()>)>);

impl Tasks {
    /// Starts one.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push((name, tokio::spawn(task)));
    }

    /// Waits for the first one to end, by returning or by a panic; its name. With no task at all it waits for ever.
    pub async fn one_ends(&mut self) -> &'static str {
        let ended = std::future::poll_fn(|context| {
            let found = self.0.iter_mut().position(|(_, task)| Pin::new(task).poll(context).is_ready());
            found.map_or(Poll::Pending, Poll::Ready)
        });
        let ended = ended.await;
        self.0.swap_remove(ended).0
    }

    /// Waits until all have ended.
    pub async fn all_end(&mut self) {
        for (_, task) in self.0.drain(..) {
            // A panic has been reported by the panic hook.
            let _ = task.await;
        }
    }

    /// Ends them where they stand.
    pub fn abort(&self) {
        for (_, task) in &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_returns_and_one_that_panics_are_named_while_others_run() {
        let mut tasks = Tasks::default();
        tasks.spawn("that stays", std::future::pending());
        tasks.spawn("that returns", async {});
        assert_eq!(tasks.one_ends().await, "that returns");
        tasks.spawn("that panics", async { panic!("as a test wants") });
        assert_eq!(tasks.one_ends().await, "that panics");
        tasks.abort();
        tasks.all_end().await;
    }
}
