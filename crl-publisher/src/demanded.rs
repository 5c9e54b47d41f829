//! What must stand in each CRL of one CA, as the ledger tells it: counted and hashed record by record while the ledger is read,
//! before the plan makes anything of it (I6).
use pki::algorithm::Sha256;
use pki::crl::CrlEntry;
use pki::municipality::MunicipalityCode;

use crate::codes::CodeNumbers;
use crate::ledger::WithdrawnCertificate;
use crate::plan::CutFrame;

/// Octets that are hashed at once: one entry alone costs most of a block of SHA-256.
const HASHED_AT_ONCE: usize = 1_024;
/// Octets of an entry as it is hashed.
const ENTRY_OCTETS: usize = 8 + 8 + 1;

/// A set of entries in ascending order of serials, to be counted and hashed.
#[derive(Clone, Default)]
pub(crate) struct EntrySet {
    count: u64,
    waiting: Vec<u8>,
    hash: Sha256,
}

/// How many entries a set has, and their hash.
pub(crate) type CountAndHash = (u64, [u8; 32]);

impl EntrySet {
    pub(crate) fn add(&mut self, entry: CrlEntry) {
        let CrlEntry { serial, withdrawal } = entry;
        self.count += 1;
        let mut octets = [withdrawal.reason_code(); ENTRY_OCTETS];
        octets[..8].copy_from_slice(&serial.get().to_be_bytes());
        octets[8..16].copy_from_slice(&withdrawal.since().as_seconds().to_be_bytes());
        self.waiting.extend_from_slice(&octets);
        if self.waiting.len() >= HASHED_AT_ONCE {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
    }

    pub(crate) fn finish(mut self) -> CountAndHash {
        self.hash.update(&self.waiting);
        (self.count, self.hash.finish())
    }
}

/// The sets of one CA's CRLs; all its live keys sign the same.
#[derive(Default)]
pub(crate) struct Demanded {
    full: EntrySet,
    numbers: CodeNumbers,
    by_municipality: Vec<EntrySet>,
}

impl Demanded {
    /// Adds what the ledger tells next.
    pub(crate) fn add(&mut self, frame: &CutFrame, certificate: &WithdrawnCertificate) {
        if !frame.keeps(certificate.leave_day) {
            return;
        }
        let entry = CrlEntry { serial: certificate.serial, withdrawal: certificate.withdrawal };
        self.full.add(entry);
        if let Some(code) = certificate.municipality {
            let number = self.numbers.get_or_add(code);
            if number == self.by_municipality.len() {
                self.by_municipality.push(EntrySet::default());
            }
            self.by_municipality[number].add(entry);
        }
    }

    /// What must stand in the full CRL.
    pub(crate) fn of_full(&self) -> CountAndHash {
        self.full.clone().finish()
    }

    /// What must stand in a municipality's.
    pub(crate) fn of_municipality(&self, code: MunicipalityCode) -> CountAndHash {
        self.numbers.get(code).map_or_else(EntrySet::default, |number| self.by_municipality[number].clone()).finish()
    }
}
