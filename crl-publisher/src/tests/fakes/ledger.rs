//! A ledger in memory.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use pki::crl::CrlEntry;
use pki::identity::{Ca, IssuerKey, Serial};
use pki::municipality::MunicipalityCode;
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;

use super::clock::FakeClock;
use super::{code, serial};
use crate::ledger::{
    CutCause, CutLedger, FrozenState, LedgerError, LogEnd, PublishedCut, Reservation, WithdrawnCertificate,
    WithdrawnCertificates,
};
use crate::run::Clock as _;

#[derive(Clone, Default)]
pub(crate) struct LedgerState {
    pub(crate) position: u64,
    pub(crate) last_number: u64,
    pub(crate) withdrawn: [BTreeMap<Serial, WithdrawnCertificate>; Ca::ALL.len()],
    pub(crate) released: BTreeSet<(Ca, Serial)>,
    pub(crate) of_cas: BTreeMap<IssuerKey, Vec<CrlEntry>>,
    pub(crate) published: Vec<PublishedCut>,
    pub(crate) failed: Vec<(u64, String)>,
    pub(crate) causes: Vec<CutCause>,
    /// Reading the entries breaks off after that many.
    pub(crate) breaks_after: Option<usize>,
}

pub(crate) struct FakeLedger {
    state: Mutex<LedgerState>,
    clock: Arc<FakeClock>,
}

impl FakeLedger {
    pub(crate) fn new(clock: Arc<FakeClock>) -> Self {
        Self { state: Mutex::default(), clock }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, LedgerState> {
        self.state.lock().unwrap()
    }

    pub(crate) fn revoke(&self, ca: Ca, number: u64, municipality: u32, leave_day: &str) {
        let withdrawal = Withdrawal::Revoked { since: self.clock.now(), reason: RevocationReason::AffiliationChanged };
        self.withdraw(ca, number, Some(code(municipality)), withdrawal, leave_day);
    }

    pub(crate) fn hold(&self, ca: Ca, number: u64, municipality: u32, leave_day: &str) {
        self.withdraw(ca, number, Some(code(municipality)), Withdrawal::Held { since: self.clock.now() }, leave_day);
    }

    pub(crate) fn withdraw(
        &self,
        ca: Ca,
        number: u64,
        municipality: Option<MunicipalityCode>,
        withdrawal: Withdrawal,
        leave_day: &str,
    ) {
        let (serial, leave_day) = (serial(number), leave_day.parse().unwrap());
        let mut state = self.state();
        state.position += 1;
        state.withdrawn[ca.index()]
            .insert(serial, WithdrawnCertificate { serial, withdrawal, municipality, leave_day });
    }

    pub(crate) fn release(&self, ca: Ca, number: u64) {
        let mut state = self.state();
        state.position += 1;
        state.withdrawn[ca.index()].remove(&serial(number));
        state.released.insert((ca, serial(number)));
    }
}

impl CutLedger for FakeLedger {
    fn reserve_cut(&self, because: &CutCause) -> Result<Reservation, LedgerError> {
        let mut state = self.state();
        state.position += 1;
        state.last_number += 1;
        state.causes.push(because.clone());
        Ok(Reservation { cut_number: state.last_number, reserved_at: self.clock.now() })
    }

    fn log_end(&self) -> Result<LogEnd, LedgerError> {
        let state = self.state();
        Ok(LogEnd { log_position: state.position, cut_number: state.last_number })
    }

    fn freeze(&self) -> Result<Box<dyn FrozenState + '_>, LedgerError> {
        Ok(Box::new(Frozen { state: self.state().clone(), at: self.clock.now() }))
    }

    fn record_published(&self, cut: &PublishedCut) -> Result<(), LedgerError> {
        let mut state = self.state();
        if state.published.last() != Some(cut) {
            state.published.push(*cut);
        }
        Ok(())
    }

    fn record_failed(&self, cut_number: u64, check: &str) -> Result<(), LedgerError> {
        self.state().failed.push((cut_number, check.to_owned()));
        Ok(())
    }

    fn last_published(&self) -> Result<Option<PublishedCut>, LedgerError> {
        Ok(self.state().published.last().copied())
    }
}

pub(crate) struct Frozen {
    pub(crate) state: LedgerState,
    pub(crate) at: UnixTime,
}

impl FrozenState for Frozen {
    fn log_position(&self) -> u64 {
        self.state.position
    }

    fn tree_head(&self) -> [u8; 32] {
        pki::algorithm::sha256(&self.state.position.to_be_bytes())
    }

    fn frozen_at(&self) -> UnixTime {
        self.at
    }

    fn withdrawn(&self, ca: Ca) -> WithdrawnCertificates<'_> {
        let certificates = self.state.withdrawn[ca.index()].values().copied().map(Ok);
        match self.state.breaks_after {
            None => Box::new(certificates),
            Some(count) => Box::new(certificates.take(count).chain([Err(LedgerError("the disk is gone".into()))])),
        }
    }

    fn withdrawn_certificate(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnCertificate>, LedgerError> {
        Ok(self.state.withdrawn[ca.index()].get(&serial).copied())
    }

    fn revoked_ca_certificates(&self, issuer: IssuerKey) -> Result<Vec<CrlEntry>, LedgerError> {
        Ok(self.state.of_cas.get(&issuer).cloned().unwrap_or_default())
    }

    fn was_released(&self, ca: Ca, serial: Serial) -> Result<bool, LedgerError> {
        Ok(self.state.released.contains(&(ca, serial)))
    }
}
