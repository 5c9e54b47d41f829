//! The durable steps of a cut, in order. A crash after any of them leaves the old cut or the new one published, whole.
mod preview;
mod reconcile;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pki::crl::{VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN};
use pki::time::UnixTime;

use crate::build::{BuildError, build, write_manifest};
use crate::check::{CheckFailure, Demand, check_crls, check_follows, check_manifest};
use crate::generation::Generation;
use crate::ledger::{CutCause, CutLedger, FrozenState, LedgerError, PublishedCut, Reservation};
use crate::plan::{CutFrame, DemandedOfAll, PlanError, PublishPlan};
use crate::signing::{CrlSigner, ManifestSigner};
use crate::slot::CrlLayout;
use crate::store::{PublishedCrls, PublishedStore, StoreError};
pub use preview::{NextCut, preview};

/// Called with a step's name when that step is done. Tests kill the process here.
pub type StepHook = Arc<dyn Fn(&'static str) + Send + Sync>;

/// Everything a publisher works with.
pub struct PublisherParts {
    /// The system of record.
    pub ledger: Arc<dyn CutLedger>,
    /// One signer for each live key of each CA. A key stays here until nothing it signed can be asked for (I10).
    pub crl_signers: Vec<Arc<dyn CrlSigner>>,
    /// The manifest key.
    pub manifest_signer: Arc<dyn ManifestSigner>,
    /// Partitions and names.
    pub layout: CrlLayout,
    /// From thisUpdate to nextUpdate, in seconds.
    pub validity_seconds: u32,
    /// The store's folder.
    pub folder: PathBuf,
    /// How many cuts stay readable under their own URLs, the published one included.
    pub kept_cuts: usize,
    /// Threads that build and check.
    pub worker_count: usize,
    /// See [`StepHook`].
    pub step: StepHook,
}

/// Why no new cut is published. The old one stays.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cut could not be planned.
    #[error("plan: {0}")]
    Plan(#[from] PlanError),
    /// The cut could not be built.
    #[error("build: {0}")]
    Build(#[from] BuildError),
    /// The cut was built and is not right.
    #[error("check {0}")]
    Check(#[from] CheckFailure),
    /// The validity set is one that no CRL is signed with (I14).
    #[error(
        "validity: {seconds} s from thisUpdate to nextUpdate; {VALIDITY_SECONDS_MIN} s to {VALIDITY_SECONDS_MAX} s are allowed"
    )]
    ValidityOutOfBounds {
        /// What is set.
        seconds: u32,
    },
    /// The log is an older copy of the one that the served cut was made from (I25).
    #[error(
        "cut {cut_number} was published from log position {published}, and the log ends at {end}: this is an older copy \
         of the registry, and working on it would bring revoked certificates back to life. Restore the newest one"
    )]
    OlderLog {
        /// The cut that readers hold.
        cut_number: u64,
        /// Its log position.
        published: u64,
        /// Where the log ends.
        end: u64,
    },
    /// The clock was set back after the cut was made and before its flip.
    #[error("the clock shows {now}, which is before the thisUpdate {this_update} of the cut just made; set it right")]
    ClockSetBack {
        /// What it shows.
        now: UnixTime,
        /// What it has shown.
        this_update: UnixTime,
    },
    /// A bug of ours.
    #[error("the publisher panicked")]
    Panicked,
    /// Nobody runs the publisher any more.
    #[error("the publisher has stopped")]
    Stopped,
}

impl PublishError {
    /// One word for what failed: the label of the metric, and what the ledger keeps of a burned number.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "ledger",
            Self::Store(_) => "store",
            Self::Plan(_) => "plan",
            Self::Build(BuildError::Lint { .. }) => "lint",
            Self::Build(_) => "build",
            Self::Check(failure) => failure.word(),
            Self::ValidityOutOfBounds { .. } => "validity",
            Self::OlderLog { .. } => "older-log",
            Self::ClockSetBack { .. } => "clock",
            Self::Panicked => "panic",
            Self::Stopped => "stopped",
        }
    }
}

/// A cut that is built, checked and durable, and waits for its flip. Only [`Publisher::prepare`] makes one.
#[derive(Debug)]
pub struct ReadyCut {
    generation: Arc<Generation>,
}

impl ReadyCut {
    /// The cut.
    pub fn cut(&self) -> &PublishedCut {
        self.generation.cut()
    }
}

/// Makes cuts and publishes them. One process has one.
pub struct Publisher {
    parts: PublisherParts,
    store: PublishedStore,
    /// Held while anything is written: a cut is made by one thread at a time.
    writing: Mutex<()>,
}

impl Publisher {
    /// Opens the store and brings it in line with the ledger, so that what was published is served again. Call it before
    /// the first request is answered.
    pub fn open(parts: PublisherParts) -> Result<Self, PublishError> {
        let seconds = parts.validity_seconds;
        if !(VALIDITY_SECONDS_MIN..=VALIDITY_SECONDS_MAX).contains(&seconds.into()) {
            return Err(PublishError::ValidityOutOfBounds { seconds });
        }
        let store = PublishedStore::open(parts.folder.clone(), parts.kept_cuts)?;
        let publisher = Self { parts, store, writing: Mutex::new(()) };
        publisher.reconcile()?;
        Ok(publisher)
    }

    /// What readers see.
    pub const fn published(&self) -> &Arc<PublishedCrls> {
        self.store.published()
    }

    /// From thisUpdate to nextUpdate, in seconds.
    pub const fn validity_seconds(&self) -> u32 {
        self.parts.validity_seconds
    }

    /// The cut that readers hold now.
    pub fn served(&self) -> Option<PublishedCut> {
        self.published().load().current.as_ref().map(|generation| *generation.cut())
    }

    /// Steps 1 to 6: a cut ready for its flip. On failure its number is burned and its files are gone.
    pub fn prepare(&self, cause: &CutCause) -> Result<ReadyCut, PublishError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.reconcile()?;
        let parts = &self.parts;
        // Step 1: the number is taken before anything carries it. A crash from here on burns it (I21).
        let reservation = parts.ledger.reserve_cut(cause)?;
        (parts.step)("publish.1-reserved");
        let cut_number = reservation.cut_number;
        tracing::info!(cut_number, cause = cause.word(), "cut begun");
        self.make(reservation).inspect_err(|error| {
            // The failure is already on its way to the caller. If recording fails as well, a reserved number without an
            // outcome reads as burned.
            let recorded = parts.ledger.record_failed(cut_number, error.word()).err().map(|error| error.to_string());
            tracing::error!(cut_number, check = error.word(), %error, recorded, "cut not published; the one before it stays");
        })
    }

    fn make(&self, reservation: Reservation) -> Result<ReadyCut, PublishError> {
        let Self { parts, store, writing: _ } = self;
        // Step 2: from here on the state does not move, whatever the log does.
        let frozen = parts.ledger.freeze()?;
        (parts.step)("publish.2-frozen");
        // Step 3: what is to be written, without writing.
        let served = self.published().load().current.clone();
        let last_published = parts.ledger.last_published()?;
        let cut_number = reservation.cut_number;
        let frame = Self::frame(
            parts.validity_seconds,
            cut_number,
            frozen.as_ref(),
            served.as_deref().map(Generation::cut),
            last_published.as_ref(),
        );
        let issuers: Vec<_> = parts.crl_signers.iter().map(|signer| signer.issuer()).collect();
        let demand = Demand {
            frame: &frame,
            reserved_at: reservation.reserved_at,
            frozen: frozen.as_ref(),
            layout: &parts.layout,
            issuers: &parts.crl_signers,
            manifest_key: parts.manifest_signer.public_key(),
            last_published: last_published.as_ref(),
            served: served.as_deref(),
            worker_count: parts.worker_count,
        };
        // Judged before anything is written, so that a number given twice can touch no file of the cut that has it.
        check_follows(&demand)?;
        let (plan, demanded) = PublishPlan::with_demanded(
            frame,
            demand.frozen,
            &issuers,
            &parts.layout,
            demand.served,
            parts.worker_count,
        )?;
        tracing::debug!("{plan}");
        (parts.step)("publish.3-planned");
        let folder = store.begin(cut_number)?;
        self.build_and_check(&folder, &plan, &demand, &demanded).inspect_err(|_| {
            if let Err(error) = store.remove(cut_number) {
                tracing::error!(cut_number, %error, "the failed cut's folder stays until the next cut");
            }
        })
    }

    fn build_and_check(
        &self,
        folder: &Path,
        plan: &PublishPlan,
        demand: &Demand<'_>,
        demanded: &DemandedOfAll,
    ) -> Result<ReadyCut, PublishError> {
        let Self { parts, store, writing: _ } = self;
        // Step 4: all files under a name that was never used and that no reader knows.
        let segment = build(folder, plan, &parts.layout, &parts.crl_signers, parts.worker_count)?;
        (parts.step)("publish.4-built");
        // Step 5: the files are judged, not the plan; and the manifest names what was read of them.
        let hashes = check_crls(&segment, demand, demanded)?;
        write_manifest(folder, plan, &segment, &hashes, parts.manifest_signer.as_ref())?;
        let generation = Generation::open(folder).map_err(CheckFailure::from)?;
        check_manifest(&generation, demand, &hashes)?;
        (parts.step)("publish.5-checked");
        // Step 6: durable, so that the flip is one rename.
        store.make_durable(plan.frame().cut_number)?;
        (parts.step)("publish.6-synced");
        Ok(ReadyCut { generation: Arc::new(generation) })
    }

    fn frame(
        validity_seconds: u32,
        cut_number: u64,
        frozen: &dyn FrozenState,
        served: Option<&PublishedCut>,
        last: Option<&PublishedCut>,
    ) -> CutFrame {
        let this_update = frozen.frozen_at();
        // C04: nextUpdate does not go back, not even after the validity was set shorter.
        let next_update = this_update
            .plus_seconds(validity_seconds.into())
            .max(last.map_or(UnixTime::EPOCH, |last| last.next_update));
        CutFrame {
            cut_number,
            log_position: frozen.log_position(),
            tree_head: frozen.tree_head(),
            this_update,
            next_update,
            carried_at: served.map(|served| served.this_update),
        }
    }

    /// Steps 7 and 8. After an error the disk may hold either cut as the current one; the next [`Publisher::prepare`], or
    /// the next start, finds out and completes what is missing.
    pub fn flip(&self, ready: ReadyCut) -> Result<PublishedCut, PublishError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Self { parts, store, writing: _ } = self;
        let cut = *ready.cut();
        // Step 7: the instant at which the whole country's CRLs change.
        store.flip(ready.generation)?;
        (parts.step)("publish.7-flipped");
        // Step 8: a crash before it is seen at the next start, because `current` is ahead of the ledger.
        parts.ledger.record_published(&cut)?;
        (parts.step)("publish.8-recorded");
        tracing::info!(cut_number = cut.cut_number, log_position = cut.log_position, this_update = %cut.this_update, "cut published");
        store.prune()?;
        Ok(cut)
    }

    /// Gives up a cut that was ready, because a newer one takes its place before its flip.
    pub fn discard(&self, ready: ReadyCut, because: &str) -> Result<(), PublishError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let ReadyCut { generation } = ready;
        let cut_number = generation.cut().cut_number;
        // Taken by value, so that what was given up cannot be flipped.
        drop(generation);
        self.store.remove(cut_number)?;
        Ok(self.parts.ledger.record_failed(cut_number, because)?)
    }
}
