//! What a crash left between the steps of an issue, made whole: before the doors open, and when a retry asks.
use pki::identity::{Ca, IssuerKey, Serial};
use pki::lint;
use registry::Transaction;
use registry::event::{Actor, Door, Event};
use registry::state::{CertificateRecord, StateReads};

use crate::authority::Authority;
use crate::cause::Occasion;
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::apply_occasion;

/// An issue older than this is not finished any more: nobody waits at the counter.
const FINISH_WITHIN_SECONDS: i64 = 24 * 3_600;

/// A request under way takes milliseconds; after this long nobody works on it.
const OVERDUE_SECONDS: i64 = 300;

/// What recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Issues finished from their recorded octets.
    pub finished: u32,
    /// Reservations freed, because nothing was built on them.
    pub released: u32,
    /// Serials revoked, because a signature may exist and the request is too old.
    pub destroyed: u32,
    /// Issues left as they are until the token answers again.
    pub left: u32,
}

impl Authority {
    /// Settles every issue that a crash left unfinished. Runs before the doors open.
    pub fn recover(&self) -> Result<Recovered, Problem> {
        let mut recovered = Recovered::default();
        for (ca, serial) in self.registry().store().pending_issues()? {
            match self.settle(ca, serial) {
                Ok(Settled::Finished) => recovered.finished += 1,
                Ok(Settled::Released) => recovered.released += 1,
                Ok(Settled::Destroyed) => recovered.destroyed += 1,
                Ok(Settled::Nothing) => {}
                Err(problem) if problem.is_temporary() => recovered.left += 1,
                // One damaged or forgotten record must not keep everybody else from being served.
                Err(problem) => {
                    tracing::error!(%ca, %serial, problem = problem.kind().slug(), "an unfinished issue cannot be finished");
                    self.destroy(ca, serial)?;
                    recovered.destroyed += 1;
                }
            }
        }
        Ok(recovered)
    }

    /// Settles issues that a failing token left unfinished while the doors are open, each in its request's turn. What
    /// cannot be settled now is left until the next look.
    pub fn settle_overdue(&self) {
        let now = self.outside.clock.now();
        let store = self.registry().store();
        let pending = store.pending_issues().unwrap_or_else(|error| {
            tracing::warn!(%error, "unfinished issues cannot be listed");
            vec![]
        });
        for (ca, serial) in pending {
            let Ok(Some(record)) = store.certificate(ca, serial) else { continue };
            if now.seconds_since(record.reserved_at) > OVERDUE_SECONDS {
                let _turn = self.turn(&record.request);
                if let Err(problem) = self.settle(ca, serial) {
                    tracing::warn!(%ca, %serial, problem = problem.kind().slug(), "an unfinished issue is left");
                }
            }
        }
    }

    /// Brings one pending issue to its end. The caller has its turn, or is alone.
    pub(crate) fn settle(&self, ca: Ca, serial: Serial) -> Result<Settled, Problem> {
        let Some(record) = self.registry().store().certificate(ca, serial)? else { return Ok(Settled::Nothing) };
        if record.issued_row.is_some() || record.withdrawal.is_some() {
            return Ok(Settled::Nothing);
        }
        if record.intended_row.is_none() {
            self.release(ca, serial)?;
            return Ok(Settled::Released);
        }
        if self.outside.clock.now().seconds_since(record.reserved_at) > FINISH_WITHIN_SECONDS {
            return self.destroy(ca, serial);
        }
        self.sign_what_was_recorded(ca, serial, &record)
    }

    /// Signs exactly the octets of the intent, after linting them again.
    fn sign_what_was_recorded(&self, ca: Ca, serial: Serial, record: &CertificateRecord) -> Result<Settled, Problem> {
        let intent = self.intent_record(ca, serial, record)?;
        let issuer = IssuerKey { ca, key: record.key };
        let signer = self.signer_of(issuer)?;
        match lint::leaf(ca, intent.octets.clone(), signer.issuer(), &self.outside.profile) {
            Ok(linted) => self.finish(issuer, serial, linted, &intent).map(|_| Settled::Finished),
            Err(refusal) => {
                tracing::error!(%ca, %serial, %refusal, "a recorded intent does not pass its lint");
                self.destroy(ca, serial)
            }
        }
    }

    /// Gives a reservation up on which nothing was built, unless something has ended it meanwhile.
    pub(crate) fn release(&self, ca: Ca, serial: Serial) -> Result<(), Problem> {
        self.transact_inside(move |transaction| {
            if transaction.certificate(ca, serial)?.is_some_and(|record| record.intended_row.is_none()) {
                transaction.append(Event::ReservationReleased { ca, serial }, None)?;
            }
            Ok(())
        })
    }

    /// Revokes a serial under which a certificate may exist that nobody was given.
    fn destroy(&self, ca: Ca, serial: Serial) -> Result<Settled, Problem> {
        self.transact_inside(move |transaction| {
            let gone = || Problem::new(ProblemKind::Internal, "a pending issue lost its record");
            let record = transaction.certificate(ca, serial)?.ok_or_else(gone)?;
            apply_occasion(transaction, &(ca, serial, record), Occasion::at_hand_over(ca))
        })?;
        Ok(Settled::Destroyed)
    }

    /// A transaction of Akashi itself.
    pub(crate) fn transact_inside<T: Send + 'static>(
        &self,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.registry().transact(Actor::System, Door::Inside, rules)
    }
}

/// How a pending issue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It was not pending.
    Nothing,
    /// Signed and issued.
    Finished,
    /// Freed.
    Released,
    /// Revoked.
    Destroyed,
}
