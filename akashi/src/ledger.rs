//! The registry as the publisher sees it.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crl_publisher::ledger::{
    CutCause, CutLedger, FrozenState, LedgerError, LogEnd, PublishedCut, Reservation, WithdrawnCertificate,
    WithdrawnCertificates,
};
use crl_publisher::plan::PublishPlan;
use crl_publisher::publish::{NextCut, PublishError, preview};
use crl_publisher::slot::CrlLayout;
use pki::crl::CrlEntry;
use pki::der::small_unsigned;
use pki::identity::{Ca, IssuerKey, Serial};
use pki::municipality::MunicipalityCode;
use pki::revocation::{RevocationReason, Withdrawal};
use pki::time::UnixTime;
use registry::event::{Actor, Door, Event, PublishedCut as StoredCut};
use registry::state::{StateReads, WithdrawnRecord, certificate_key};
use registry::store::{Family, Frozen, Reads as _};
use registry::{Registry, RegistryError, Store, Transaction};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::serve::parts::cores;

/// The registry as the publisher sees it.
pub struct RegistryLedger(pub Arc<Registry>);

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError(Box::new(error))
}

impl RegistryLedger {
    fn transact<T: Send + 'static>(
        &self,
        rules: impl FnOnce(&mut Transaction<'_>) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.0.transact(Actor::System, Door::Inside, rules).map_err(failed)
    }
}

fn stored(cut: &PublishedCut) -> StoredCut {
    let PublishedCut { cut_number, log_position, tree_head, this_update, next_update, manifest_sha256 } = *cut;
    StoredCut { cut_number, log_position, tree_head, this_update, next_update, manifest_sha256 }
}

fn published(cut: &StoredCut) -> PublishedCut {
    let StoredCut { cut_number, log_position, tree_head, this_update, next_update, manifest_sha256 } = *cut;
    PublishedCut { cut_number, log_position, tree_head, this_update, next_update, manifest_sha256 }
}

impl CutLedger for RegistryLedger {
    fn reserve_cut(&self, because: &CutCause) -> Result<Reservation, LedgerError> {
        let because = because.to_string();
        self.transact(move |transaction| {
            let cut_number = transaction.next_cut()?;
            transaction.append(Event::CutReserved { cut_number, because }, None)?;
            Ok(Reservation { cut_number, reserved_at: transaction.now() })
        })
    }

    fn log_end(&self) -> Result<LogEnd, LedgerError> {
        // The next cut's number first: a reservation in between makes the position later, never the number.
        let store = self.0.store();
        let next_cut = store.next_cut().map_err(failed)?;
        Ok(LogEnd { log_position: store.tree_edge().map_err(failed)?.size(), cut_number: next_cut - 1 })
    }

    fn freeze(&self) -> Result<Box<dyn FrozenState + '_>, LedgerError> {
        FrozenRegistry::read(self.0.store()).map(|frozen| Box::new(frozen) as Box<dyn FrozenState + '_>).map_err(failed)
    }

    fn record_published(&self, cut: &PublishedCut) -> Result<(), LedgerError> {
        let cut = stored(cut);
        self.transact(move |transaction| {
            if transaction.published_cut()?.as_ref() != Some(&cut) {
                transaction.append(Event::CutPublished(cut), None)?;
            }
            Ok(())
        })
    }

    fn record_failed(&self, cut_number: u64, check: &str) -> Result<(), LedgerError> {
        let finding = check.to_owned();
        self.transact(move |transaction| transaction.append(Event::CutFailed { cut_number, finding }, None).map(drop))
    }

    fn last_published(&self) -> Result<Option<PublishedCut>, LedgerError> {
        Ok(self.0.store().published_cut().map_err(failed)?.as_ref().map(published))
    }
}

/// What the next cut would hold, were it made of the log's present end.
pub fn next_plan(
    store: &Store,
    layout: &CrlLayout,
    validity_seconds: u32,
    folder: &Path,
) -> Result<PublishPlan, PublishError> {
    let issuers: Vec<_> = store.issuers().map_err(failed)?.into_iter().map(|(issuer, _)| issuer).collect();
    preview(&NextCut {
        cut_number: store.next_cut().map_err(failed)?,
        frozen: &FrozenRegistry::read(store).map_err(failed)?,
        last_published: store.published_cut().map_err(failed)?.as_ref().map(published),
        issuers: &issuers,
        layout,
        validity_seconds,
        folder,
        worker_count: cores(),
    })
}

fn certificate_of(serial: Serial, record: WithdrawnRecord) -> WithdrawnCertificate {
    WithdrawnCertificate {
        serial,
        withdrawal: Withdrawal::from(record.withdrawal),
        municipality: MunicipalityCode::new(record.municipality),
        leave_day: record.leave_day,
    }
}

/// The state at one position. Certificates are read from it as often as they are asked for, and never all in memory.
struct FrozenRegistry<'a> {
    log_position: u64,
    tree_head: [u8; 32],
    frozen_at: UnixTime,
    frozen: Frozen<'a>,
    of_cas: BTreeMap<IssuerKey, Vec<CrlEntry>>,
}

/// The revoked CA certificates by the key that signed them: those in which a compromised key vouches or is vouched for, since
/// the first of its compromises.
fn revoked_ca_certificates(frozen: &Frozen<'_>) -> Result<BTreeMap<IssuerKey, Vec<CrlEntry>>, RegistryError> {
    let compromised: BTreeMap<_, _> = frozen.compromises()?.into_iter().collect();
    let own = frozen.issuers()?.into_iter().map(|(issuer, der)| (issuer, issuer, der));
    let links = frozen.links()?.into_iter().map(|link| {
        let of = |key| IssuerKey { ca: link.ca, key };
        (of(link.with), of(link.linked), link.certificate)
    });
    let mut revoked: BTreeMap<IssuerKey, Vec<CrlEntry>> = BTreeMap::new();
    for (signer, subject, der) in own.chain(links) {
        let since = [signer, subject].into_iter().filter_map(|key| Some(compromised.get(&key)?.since)).min();
        if let Some(since) = since {
            let damaged = || RegistryError::Damaged {
                place: format!("a CA certificate of {signer}"),
                reason: "it does not read".to_owned(),
            };
            let certificate = Certificate::from_der(&der).map_err(|_| damaged())?;
            let serial = small_unsigned(certificate.tbs_certificate().serial_number().as_bytes()).and_then(Serial::new);
            let withdrawal = Withdrawal::Revoked { since, reason: RevocationReason::CaCompromise };
            revoked.entry(signer).or_default().push(CrlEntry { serial: serial.ok_or_else(damaged)?, withdrawal });
        }
    }
    for entries in revoked.values_mut() {
        entries.sort_by_key(|entry| entry.serial);
    }
    Ok(revoked)
}

impl<'a> FrozenRegistry<'a> {
    fn read(store: &'a Store) -> Result<Self, RegistryError> {
        let frozen = store.freeze();
        let edge = frozen.tree_edge()?;
        let damaged = |reason: &str| RegistryError::Damaged { place: "log".to_owned(), reason: reason.to_owned() };
        let last = edge.size().checked_sub(1).ok_or_else(|| damaged("it is empty"))?;
        let row = store.row(last)?.ok_or_else(|| damaged("its last row is missing"))?;
        let open = row.decode().map_err(|_| damaged("its last row does not decode"))?;
        let of_cas = revoked_ca_certificates(&frozen)?;
        Ok(Self { log_position: edge.size(), tree_head: edge.root(), frozen_at: open.time, frozen, of_cas })
    }
}

impl FrozenState for FrozenRegistry<'_> {
    fn log_position(&self) -> u64 {
        self.log_position
    }

    fn tree_head(&self) -> [u8; 32] {
        self.tree_head
    }

    fn frozen_at(&self) -> UnixTime {
        self.frozen_at
    }

    fn withdrawn(&self, ca: Ca) -> WithdrawnCertificates<'_> {
        match self.frozen.withdrawn_of(ca) {
            Ok(rows) => Box::new(rows.map(|row| {
                let (serial, record) = row.map_err(failed)?;
                Ok(certificate_of(serial, record))
            })),
            Err(error) => Box::new(std::iter::once(Err(failed(error)))),
        }
    }

    fn withdrawn_certificate(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnCertificate>, LedgerError> {
        let record = self.frozen.withdrawn_as_counted(ca, serial).map_err(failed)?;
        Ok(record.map(|record| certificate_of(serial, record)))
    }

    fn revoked_ca_certificates(&self, issuer: IssuerKey) -> Result<Vec<CrlEntry>, LedgerError> {
        Ok(self.of_cas.get(&issuer).cloned().unwrap_or_default())
    }

    fn was_released(&self, ca: Ca, serial: Serial) -> Result<bool, LedgerError> {
        Ok(self.frozen.get(Family::Released, &certificate_key(ca, serial)).map_err(failed)?.is_some())
    }
}
