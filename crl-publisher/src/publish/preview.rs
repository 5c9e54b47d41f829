//! What the next cut would hold, from the ledger and the store as they are, beside a publisher that may be at work.
use std::path::Path;

use pki::identity::IssuerKey;

use crate::generation::Generation;
use crate::ledger::{FrozenState, PublishedCut};
use crate::plan::PublishPlan;
use crate::publish::{PublishError, Publisher};
use crate::slot::CrlLayout;
use crate::store::{current_cut, cut_folder};

/// What the next cut would be made from.
pub struct NextCut<'a> {
    /// The number that it would take.
    pub cut_number: u64,
    /// The state that it would show.
    pub frozen: &'a dyn FrozenState,
    /// The last cut recorded as published.
    pub last_published: Option<PublishedCut>,
    /// The keys that would sign.
    pub issuers: &'a [IssuerKey],
    /// Partitions and names.
    pub layout: &'a CrlLayout,
    /// From thisUpdate to nextUpdate, in seconds.
    pub validity_seconds: u32,
    /// The store's folder.
    pub folder: &'a Path,
    /// Threads that read.
    pub worker_count: usize,
}

/// The plan of that cut. Writes nothing, takes no number and signs nothing.
pub fn preview(next: &NextCut<'_>) -> Result<PublishPlan, PublishError> {
    // As a start judges it: of a cut whose files are damaged nothing is served, and nothing leaves the one after it.
    let readable = |number| {
        let generation = Generation::open(&cut_folder(next.folder, number)).ok()?;
        generation.verify_hashes().ok().map(|()| generation)
    };
    let served = current_cut(next.folder)?.and_then(readable);
    let frame = Publisher::frame(
        next.validity_seconds,
        next.cut_number,
        next.frozen,
        served.as_ref().map(Generation::cut),
        next.last_published.as_ref(),
    );
    Ok(PublishPlan::new(frame, next.frozen, next.issuers, next.layout, served.as_ref(), next.worker_count)?)
}
