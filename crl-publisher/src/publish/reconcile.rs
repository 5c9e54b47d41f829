//! After a crash, a lost file or a restored backup: what the disk says and what the ledger says are compared, and the
//! missing one of steps 7 and 8 is completed.
use std::sync::Arc;

use crate::generation::{Generation, GenerationError};
use crate::ledger::{LogEnd, PublishedCut};
use crate::publish::{PublishError, Publisher};

impl Publisher {
    /// Compares `current` with the ledger (steps 7 and 8), completes the one that is missing, serves what is published
    /// and removes what never was.
    pub(super) fn reconcile(&self) -> Result<(), PublishError> {
        let Self { parts, store, writing: _ } = self;
        let recorded = parts.ledger.last_published()?;
        let current = store.current()?;
        let served = self.served().map(|cut| cut.cut_number);
        let recorded_number = recorded.as_ref().map(|cut| cut.cut_number);
        if current == served && served == recorded_number {
            return Ok(store.prune()?);
        }
        if let Some(generation) = current.and_then(|number| self.readable(number)) {
            let cut = *generation.cut();
            self.refuse_older_log(&cut)?;
            store.serve(Arc::new(generation));
            if recorded_number.is_none_or(|recorded| recorded < cut.cut_number) {
                tracing::warn!(cut_number = cut.cut_number, "the cut was flipped and not recorded; recording it");
                parts.ledger.record_published(&cut)?;
            }
        }
        // The ledger may be ahead when `current` was lost, or brought back from an old backup.
        let ahead = recorded_number.filter(|&recorded| current.is_none_or(|current| current < recorded));
        if let Some(generation) = ahead.and_then(|number| self.readable(number)) {
            tracing::warn!(
                cut_number = generation.cut().cut_number,
                "the cut was recorded and is not current; flipping to it"
            );
            store.make_durable(generation.cut().cut_number)?;
            store.flip(Arc::new(generation))?;
        }
        self.serve_earlier()?;
        Ok(store.prune()?)
    }

    /// The cut was made from this log, or nothing is recorded in it: neither its number nor its position lies beyond the
    /// log's end (I21, I25).
    fn refuse_older_log(&self, cut: &PublishedCut) -> Result<(), PublishError> {
        let LogEnd { log_position: end, cut_number } = self.parts.ledger.log_end()?;
        if cut.log_position <= end && cut.cut_number <= cut_number {
            return Ok(());
        }
        Err(PublishError::OlderLog { cut_number: cut.cut_number, published: cut.log_position, end })
    }

    /// Shows the cuts before the current one again under their own numbers, as many as are kept.
    fn serve_earlier(&self) -> Result<(), PublishError> {
        let Some(current) = self.served().map(|cut| cut.cut_number) else { return Ok(()) };
        let earlier = self.store.numbers()?.into_iter().filter(|&number| number < current);
        for number in earlier.rev().take(self.parts.kept_cuts.saturating_sub(1)) {
            self.readable(number).into_iter().for_each(|generation| self.store.serve_earlier(generation));
        }
        Ok(())
    }

    /// A cut from disk, if every octet of it is as it was checked. Otherwise an alarm, and a new cut in which nothing leaves.
    fn readable(&self, cut_number: u64) -> Option<Generation> {
        let opened = Generation::open(&self.store.cut_folder(cut_number)).and_then(|generation| {
            generation.verify_hashes()?;
            Ok(generation)
        });
        let opened = opened.and_then(|generation| match generation.cut().cut_number {
            found if found == cut_number => Ok(generation),
            _ => Err(GenerationError::BadField { path: self.store.cut_folder(cut_number), field: "cut_number" }),
        });
        opened
            .inspect_err(
                |error| tracing::error!(cut_number, %error, "a published cut's files are damaged; it is not served"),
            )
            .ok()
    }
}
