//! What a crash left between the steps of an issue, made whole: before the doors open, and when a retry asks.
use pki::identity::IssuerKey;
use pki::lint;
use registry::Transaction;
use registry::event::{Actor, Door, Event, RequestId};
use registry::state::StateReads;

use crate::authority::Authority;
use crate::issue::Intended;
use crate::problem::Problem;
use crate::withdraw::{Found, end_issue};

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
    /// Issues that wait until the token answers again ([`Authority::sign_waiting`]).
    pub left: u32,
}

impl Authority {
    /// Settles every issue that a crash left unfinished. Runs before the doors open.
    pub fn recover(&self) -> Result<Recovered, Problem> {
        let mut recovered = Recovered::default();
        for request in self.pending_requests()? {
            match self.settle_or_give_up(&request) {
                Ok(Settled::Finished) => recovered.finished += 1,
                Ok(Settled::Released) => recovered.released += 1,
                Ok(Settled::Destroyed) => recovered.destroyed += 1,
                Ok(Settled::Nothing) => {}
                Err(problem) if problem.is_temporary() => {
                    self.keep_waiting(&request)?;
                    recovered.left += 1;
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(recovered)
    }

    /// Settles, and gives up what can never be finished: one damaged or forgotten record must not keep everybody else from
    /// being served.
    pub(crate) fn settle_or_give_up(&self, request: &RequestId) -> Result<Settled, Problem> {
        self.settle(request).or_else(|problem| {
            if problem.is_temporary() {
                return Err(problem);
            }
            tracing::error!(problem = problem.kind().slug(), "an unfinished issue cannot be finished");
            self.destroy(request)
        })
    }

    /// The requests whose issues are neither finished nor given up, each once.
    fn pending_requests(&self) -> Result<Vec<RequestId>, Problem> {
        let store = self.registry().store();
        let mut requests: Vec<RequestId> = Vec::new();
        for (ca, serial) in store.pending_issues()? {
            let record = store.certificate(ca, serial)?;
            requests.extend(record.map(|record| record.request).filter(|request| !requests.contains(request)));
        }
        Ok(requests)
    }

    /// Settles issues that a failing token left unfinished while the doors are open, each in its request's turn. What
    /// cannot be settled now is left until the next look.
    pub fn settle_overdue(&self) {
        let now = self.outside.clock.now();
        let store = self.registry().store();
        let pending = self.pending_requests().unwrap_or_else(|problem| {
            tracing::warn!(problem = problem.kind().slug(), "unfinished issues cannot be listed");
            vec![]
        });
        for request in pending {
            let reserved_at =
                store.certificates_of_request(&request).ok().and_then(|issue| Some(issue.first()?.2.reserved_at));
            if reserved_at.is_some_and(|reserved_at| now.seconds_since(reserved_at) > OVERDUE_SECONDS) {
                let _turn = self.turn(&request);
                if let Err(problem) = self.settle(&request) {
                    tracing::warn!(problem = problem.kind().slug(), "an unfinished issue is left");
                }
            }
        }
    }

    /// Brings one pending issue to its end, with all its certificates. The caller has its turn, or is alone.
    pub(crate) fn settle(&self, request: &RequestId) -> Result<Settled, Problem> {
        let issue = self.registry().store().certificates_of_request(request)?;
        let is_pending = |(_, _, record): &&Found| record.issued_row.is_none() && record.withdrawal.is_none();
        let Some((_, _, record)) = issue.iter().find(is_pending) else { return Ok(Settled::Nothing) };
        if record.intended_row.is_none() {
            self.release(request)?;
            return Ok(Settled::Released);
        }
        if self.outside.clock.now().seconds_since(record.reserved_at) > FINISH_WITHIN_SECONDS {
            return self.destroy(request);
        }
        self.sign_what_was_recorded(request, &issue)
    }

    /// Signs exactly the octets of the intents, after linting them again.
    fn sign_what_was_recorded(&self, request: &RequestId, issue: &[Found]) -> Result<Settled, Problem> {
        let mut intended = Vec::new();
        for (ca, serial, record) in issue {
            let mut intent = self.intent_record(*ca, *serial, record)?;
            let issuer = IssuerKey { ca: *ca, key: record.key };
            let signer = self.signer_of(issuer)?;
            match lint::leaf(*ca, std::mem::take(&mut intent.octets), signer.issuer(), &self.outside.profile) {
                Ok(linted) => intended.push(Intended { issuer, serial: *serial, linted, record: intent }),
                Err(refusal) => {
                    tracing::error!(%ca, %serial, %refusal, "a recorded intent does not pass its lint");
                    return self.destroy(request);
                }
            }
        }
        self.finish(intended).map(|_| Settled::Finished)
    }

    /// Gives reservations up on which nothing was built, unless something has ended them meanwhile.
    fn release(&self, request: &RequestId) -> Result<(), Problem> {
        let request = *request;
        self.transact_inside(move |transaction| {
            for (ca, serial, record) in transaction.certificates_of_request(&request)? {
                if record.intended_row.is_none() {
                    transaction.append(Event::ReservationReleased { ca, serial }, None)?;
                }
            }
            Ok(())
        })
    }

    /// Revokes serials under which a certificate may exist that nobody was given.
    fn destroy(&self, request: &RequestId) -> Result<Settled, Problem> {
        let request = *request;
        self.transact_inside(move |transaction| end_issue(transaction, &request, None))?;
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
