//! The one writer: numbers and times events, commits one synced batch for all who wait, and only then tells followers
//! and callers.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use aws_lc_rs::rand::SecureRandom;
use pki::time::UnixTime;
use rocksdb::{WriteBatch, WriteOptions};

use crate::blinds::Blinds;
use crate::event::{Actor, Door};
use crate::known::Known;
use crate::reply::{Unanswered, reply};
use crate::staged::Staged;
use crate::state;
use crate::store::{Family, RegistryError, Store, TREE_EDGE, storage};
use crate::transaction::{Batch, Committed, Transaction};

/// The time now. Only the binary owns the real one.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// Learns of every event once it is durable, in order, before the caller who made it is answered.
pub trait Follower: Send {
    /// Takes the next events.
    fn follow(&mut self, committed: &[Committed]);
}

/// What a transaction may fail with, besides what its own rules refuse.
pub trait TransactError: From<RegistryError> + Send + 'static {}
impl<E: From<RegistryError> + Send + 'static> TransactError for E {}

/// What a commit does to durability. Everything but a test that shows why syncing matters syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The write-ahead log is synced before anyone is told.
    Synced,
    /// Not synced: an acknowledged event may be lost with the machine. For tests of the tests alone.
    Unsynced,
}

/// What becomes of a transaction whose rules agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    Commits,
    Drops,
}

/// At most this many transactions share one commit: enough to fill a sync, few enough to keep the first one's wait short.
const TRANSACTIONS_PER_COMMIT_MAX: usize = 256;

type Job = Box<dyn FnOnce(&Store, &mut Batch, Result<UnixTime, RegistryError>, &dyn SecureRandom) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), RegistryError>) + Send>;

/// What the registry is opened with.
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for commitments.
    pub randomness: Arc<dyn SecureRandom + Send + Sync>,
    /// Told once, with the error, when a commit fails: what was durable is unknown then, and the process should end.
    pub on_fatal: Box<dyn Fn(&RegistryError) + Send>,
    /// Whether commits are synced.
    pub durability: Durability,
}

/// The registry: reads at any time, writes through the one writer.
pub struct Registry {
    store: Arc<Store>,
    jobs: Mutex<Option<Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Registry {
    /// Opens the registry in that folder and starts its writer. Followers hear of events after the store's position.
    pub fn open(path: &Path, surroundings: Surroundings) -> Result<(Self, Arc<Followers>), RegistryError> {
        let store = Arc::new(Store::open(path)?);
        state::index_once(&store)?;
        state::gather_once(&store)?;
        let last_time = last_time(&store)?;
        let edge = store.tree_edge()?;
        let (sender, receiver) = channel();
        let followers = Arc::new(Followers::default());
        let writer = Writer {
            store: Arc::clone(&store),
            batch: Batch {
                staged: Staged::default(),
                known: Known::default(),
                blinds: Blinds::default(),
                edge,
                events: Vec::new(),
            },
            last_time,
            followers: Arc::clone(&followers),
            surroundings,
            poisoned: false,
        };
        let thread = std::thread::Builder::new()
            .name("registry-writer".to_owned())
            .spawn(move || writer.run_to_the_end(&receiver))
            .map_err(|error| RegistryError::Open { path: path.to_owned(), reason: error.to_string() })?;
        Ok((Self { store, jobs: Mutex::new(Some(sender)), writer: Mutex::new(Some(thread)) }, followers))
    }

    /// The store, for reading.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Runs `rules` in the writer. If they give `Ok`, all their events are durable and every follower has them when this
    /// returns; if `Err`, nothing of them is recorded. Blocks; call it where blocking is allowed.
    pub fn transact<T: Send + 'static, E: TransactError>(
        &self,
        actor: Actor,
        door: Door,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.run(actor, door, Keeping::Commits, rules)
    }

    /// Runs `rules` in the writer exactly as [`Registry::transact`] does, and records nothing of it. It tells what would
    /// be so at this moment.
    pub fn rehearse<T: Send + 'static, E: TransactError>(
        &self,
        actor: Actor,
        door: Door,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.run(actor, door, Keeping::Drops, rules)
    }

    fn run<T: Send + 'static, E: TransactError>(
        &self,
        actor: Actor,
        door: Door,
        keeping: Keeping,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (answerer, awaited) = reply();
        let job: Job = Box::new(move |store, batch, now, randomness| {
            let outcome = now.map_err(E::from).and_then(|now| {
                let mut transaction = Transaction::new(store, batch, now, (actor, door), randomness);
                let value = rules(&mut transaction)?;
                Ok((value, transaction.into_parts()))
            });
            let outcome = outcome.map(|(value, (staged, edge, events))| {
                match keeping {
                    Keeping::Commits => {
                        batch.staged.extend(staged);
                        batch.edge = edge;
                        batch.events.extend(events);
                    }
                    Keeping::Drops => {}
                }
                value
            });
            // A refusal waits for the commit, too: it may rest on what others in the batch did.
            Box::new(move |committed| answerer.answer(committed.map_err(E::from).and(outcome)))
        });
        let sent = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|jobs| jobs.send(job));
        match sent {
            Some(Ok(())) => awaited.wait().unwrap_or_else(|Unanswered| Err(E::from(RegistryError::Stopped))),
            Some(Err(_)) | None => Err(E::from(RegistryError::Stopped)),
        }
    }

    /// Lets the writer finish what it was given, and stops it. Later transactions are refused.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The writer catches panics of the rules; a panic of its own has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.close();
    }
}

/// Who hears of events.
#[derive(Default)]
pub struct Followers(Mutex<Vec<Box<dyn Follower>>>);

impl Followers {
    /// Adds a follower. `catch_up` is run while no commit can be told, so that it misses nothing and hears nothing twice.
    pub fn add<F: Follower + 'static, E>(&self, catch_up: impl FnOnce() -> Result<F, E>) -> Result<(), E> {
        let mut followers = self.hold();
        followers.push(Box::new(catch_up()?));
        Ok(())
    }

    /// Held over a commit and the telling of it, so that nobody can catch up between the two.
    fn hold(&self) -> MutexGuard<'_, Vec<Box<dyn Follower>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_time(store: &Store) -> Result<UnixTime, RegistryError> {
    let Some(last) = store.tree_edge()?.size().checked_sub(1) else { return Ok(UnixTime::EPOCH) };
    let damaged = |reason: String| RegistryError::Damaged { place: format!("log row {last}"), reason };
    let row = store.row(last)?.ok_or_else(|| damaged("the tree's edge counts a row that is not there".to_owned()))?;
    Ok(row.decode().map_err(|error| damaged(error.to_string()))?.time)
}

struct Writer {
    store: Arc<Store>,
    batch: Batch,
    last_time: UnixTime,
    followers: Arc<Followers>,
    surroundings: Surroundings,
    poisoned: bool,
}

impl Writer {
    /// A panic between a commit and the telling of it (our bug, a follower's mostly) leaves followers without events that
    /// are durable. Nobody may go on answering from them.
    fn run_to_the_end(mut self, jobs: &Receiver<Job>) {
        if catch_unwind(AssertUnwindSafe(|| self.run(jobs))).is_err() {
            (self.surroundings.on_fatal)(&RegistryError::Poisoned);
        }
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut replies = Vec::new();
            for job in std::iter::once(first).chain(jobs.try_iter().take(TRANSACTIONS_PER_COMMIT_MAX - 1)) {
                replies.extend(self.take(job));
            }
            let committed = self.commit();
            for reply in replies {
                reply(committed.clone());
            }
        }
    }

    /// Runs one caller's rules. A panic in them is that caller's alone: its staged changes are dropped, and dropping its
    /// reply tells it so.
    fn take(&mut self, job: Job) -> Option<Reply> {
        let now = self.now();
        let (store, batch, randomness) = (&self.store, &mut self.batch, &*self.surroundings.randomness);
        catch_unwind(AssertUnwindSafe(|| job(store, batch, now, randomness))).ok()
    }

    fn now(&mut self) -> Result<UnixTime, RegistryError> {
        if self.poisoned {
            return Err(RegistryError::Poisoned);
        }
        let now = self.surroundings.clock.now();
        if now < self.last_time {
            return Err(RegistryError::ClockBehind { seconds: self.last_time.seconds_since(now) });
        }
        self.last_time = now;
        Ok(now)
    }

    /// What was staged, and the tree's edge after it.
    fn writes(&self, staged: &Staged) -> WriteBatch {
        /// Of RocksDB's record in a batch: its kind, its family, two lengths.
        const RECORD_OVERHEAD_OCTETS: usize = 12;
        let edge = minicbor::to_vec(&self.batch.edge).expect("writing to memory does not fail");
        let octets = |key: &[u8], value: &[u8]| key.len() + value.len() + RECORD_OVERHEAD_OCTETS;
        let of_all = staged.iter().map(|(_, key, value)| octets(key, value.as_deref().unwrap_or_default()));
        // Made large enough at once: a batch that grows is copied again and again.
        let mut writes = WriteBatch::with_capacity_bytes(of_all.sum::<usize>() + octets(TREE_EDGE, &edge));
        for (family, key, value) in staged.iter() {
            match value {
                Some(value) => writes.put_cf(self.store.family(family), key, value),
                None => writes.delete_cf(self.store.family(family), key),
            }
        }
        writes.put_cf(self.store.family(Family::Meta), TREE_EDGE, edge);
        writes
    }

    fn commit(&mut self) -> Result<(), RegistryError> {
        if self.poisoned {
            return Err(RegistryError::Poisoned);
        }
        if self.batch.events.is_empty() {
            return Ok(());
        }
        let staged = std::mem::take(&mut self.batch.staged);
        let writes = self.writes(&staged);
        let mut options = WriteOptions::default();
        options.set_sync(match self.surroundings.durability {
            Durability::Synced => true,
            Durability::Unsynced => false,
        });
        let mut followers = self.followers.hold();
        if let Err(error) = self.store.db().write_opt(writes, &options).map_err(storage("commit")) {
            // After a failed sync nobody knows what the disk holds, and trying again would not tell.
            self.poisoned = true;
            (self.surroundings.on_fatal)(&error);
            return Err(error);
        }
        for (family, key, value) in staged {
            self.batch.known.learn(family, key, value);
        }
        let committed = std::mem::take(&mut self.batch.events);
        for follower in followers.iter_mut() {
            follower.follow(&committed);
        }
        Ok(())
    }
}
