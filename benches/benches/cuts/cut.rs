//! Cuts made in a process of their own, by the publisher over the registry, as `akashi serve` makes them.
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use akashi::clock::{SystemClock, monotonic, randomness};
use akashi::config::Config;
use akashi::folder::Folder;
use akashi::keys::{SharedToken, TokenCrlSigner, TokenManifestSigner};
use akashi::ledger::RegistryLedger;
use benches::measure::machine::{peak_memory_mib, processor_time};
use ca::own::issuer_of;
use crl_publisher::ledger::{
    CutCause, CutLedger, FrozenState, LedgerError, LogEnd, PublishedCut, Reservation, WithdrawnCertificate,
    WithdrawnCertificates,
};
use crl_publisher::publish::{Publisher, PublisherParts};
use crl_publisher::signing::CrlSigner;
use hsm_mock::{Pin, SoftToken};
use pki::crl::CrlEntry;
use pki::identity::{Ca, IssuerKey, Serial};
use registry::Registry;
use registry::state::StateReads;
use registry::writer::{Durability, Surroundings};
use serde_json::{Value, json};
use status::StatusIndex;
use status::snapshot::Snapshot;

use crate::nation::{CAS, Nation, layout};

/// The argument that makes this program the one that makes cuts.
pub(crate) const MAKE: &str = "make-cuts";

/// Of so many entries, one more is withdrawn from cut to cut: 30,000 of 15 million.
const NEW_ONE_IN: u64 = 500;

/// What is to be made.
pub(crate) struct Task {
    /// Cuts that are measured; one before them is not.
    pub(crate) cuts: u64,
    /// The card CAs, or the first alone.
    pub(crate) cas: usize,
    /// Municipalities with a CRL; without any, only the full CRLs and deltas are made.
    pub(crate) partitions: usize,
    /// Threads that build and check.
    pub(crate) workers: usize,
    /// The status index is in memory as well.
    pub(crate) with_index: bool,
}

/// What one step of a cut took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Seconds of processor time, of all threads.
    pub(crate) processor: f64,
    /// Seconds of the clock.
    pub(crate) clock: f64,
}

/// What one cut took.
pub(crate) struct Costs {
    pub(crate) plan: Cost,
    pub(crate) build: Cost,
    pub(crate) check: Cost,
    pub(crate) sync: Cost,
    /// From the number to the last sync.
    pub(crate) whole: Cost,
    /// The process's peak so far, in MiB.
    pub(crate) peak_memory_mib: f64,
    /// Octets of all CRLs.
    pub(crate) octets: u64,
    /// Where they lie.
    pub(crate) segment: PathBuf,
}

/// Makes cuts in a new process.
pub(crate) fn costs(nation: &Nation, name: &str, task: &Task) -> Vec<Costs> {
    let told = json!({
        "config": nation.config, "index": task.with_index.then_some(&nation.index), "folder": nation.beside(name),
        "cuts": task.cuts, "cas": task.cas, "partitions": task.partitions, "workers": task.workers,
    });
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([MAKE, &told.to_string()]).stdout(Stdio::piped());
    let output = command.spawn().and_then(std::process::Child::wait_with_output).expect("it runs");
    assert!(output.status.success(), "the cuts were made");
    let lines = String::from_utf8(output.stdout).expect("JSON lines");
    lines.lines().map(|line| read(&serde_json::from_str(line).expect("a line of JSON"))).collect()
}

fn read(line: &Value) -> Costs {
    let number = |of: &str| line[of].as_f64().expect("a number");
    let cost = |of: &str| {
        let [processor, clock] = ["processor", "clock"].map(|what| line[of][what].as_f64().expect("a number"));
        Cost { processor, clock }
    };
    Costs {
        plan: cost("plan"),
        build: cost("build"),
        check: cost("check"),
        sync: cost("sync"),
        whole: cost("whole"),
        peak_memory_mib: number("peak_memory_mib"),
        octets: line["octets"].as_u64().expect("a number"),
        segment: line["segment"].as_str().expect("a path").into(),
    }
}

/// Makes the cuts of that task, and tells a line of JSON for each that is measured.
pub(crate) fn make(task: &str) -> ExitCode {
    let task: Value = serde_json::from_str(task).expect("the bench wrote it");
    let number = |of: &str| usize::try_from(task[of].as_u64().expect("a number")).expect("it fits");
    let path = |of: &str| PathBuf::from(task[of].as_str().expect("a path"));
    let config = Config::load(&path("config")).expect("a configuration");
    let index = task["index"].is_string().then(|| index(&path("index")));
    let data = Folder::new(&config.data_dir);
    let surroundings = Surroundings {
        clock: Arc::new(SystemClock::REAL),
        randomness: randomness(),
        on_fatal: Box::new(|error| panic!("{error}")),
        durability: Durability::Synced,
    };
    let (registry, _) = Registry::open(&data.registry(), surroundings).expect("nobody else has it open");
    let registry = Arc::new(registry);
    let pin = Pin::from_file(&config.pin_file).expect("akashi init read it");
    let token: SharedToken = Arc::new(SoftToken::open(&data.token(), &pin, randomness()).expect("the token"));
    let signers = registry.store().issuers().expect("they read").into_iter().map(|(issuer, certificate)| {
        let issuer = issuer_of(issuer, &certificate, &config.profile).expect("one of ours");
        Arc::new(TokenCrlSigner::new(Arc::clone(&token), issuer)) as Arc<dyn CrlSigner>
    });
    let partitions = number("partitions");
    let ledger = Arc::new(Growing {
        ledger: RegistryLedger(Arc::clone(&registry)),
        cut: Mutex::new(0),
        with_municipalities: partitions > 0,
    });
    let (elapsed, steps) = (monotonic(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&steps);
    let publisher = Publisher::open(PublisherParts {
        ledger: Arc::clone(&ledger) as Arc<dyn CutLedger>,
        crl_signers: signers.filter(|signer| CAS[..number("cas")].contains(&signer.issuer().ca)).collect(),
        manifest_signer: Arc::new(TokenManifestSigner::new(token).expect("the manifest key")),
        layout: layout(&config, partitions),
        validity_seconds: config.crl_validity_seconds,
        folder: path("folder"),
        kept_cuts: 1,
        worker_count: number("workers"),
        step: Arc::new(move |step| {
            let at = Cost { processor: processor_time(), clock: elapsed().as_secs_f64() };
            noted.lock().expect("nobody panics").push((step, at));
        }),
    })
    .expect("an empty folder is a store");
    for cut in 0..=number("cuts") {
        *ledger.cut.lock().expect("nobody panics") = cut as u64;
        steps.lock().expect("nobody panics").clear();
        let ready = publisher.prepare(&CutCause::NothingServed).expect("it is right");
        let at = steps.lock().expect("nobody panics").clone();
        let published = publisher.flip(ready).expect("it is flipped");
        if cut > 0 {
            println!("{}", tell(&at, &path("folder"), published.cut_number));
        }
        // Two cuts have two thisUpdates, and those have seconds.
        std::thread::sleep(Duration::from_secs(1));
    }
    drop(index);
    registry.close();
    ExitCode::SUCCESS
}

fn tell(steps: &[(&'static str, Cost)], folder: &Path, cut_number: u64) -> Value {
    let at = |step: &str| steps.iter().find(|(name, _)| *name == step).expect("each step is told of").1;
    let between = |from: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        json!({ "processor": to.processor - from.processor, "clock": to.clock - from.clock })
    };
    let segment = folder.join("cuts").join(cut_number.to_string()).join("segment.crls");
    json!({
        "plan": between("publish.1-reserved", "publish.3-planned"),
        "build": between("publish.3-planned", "publish.4-built"),
        "check": between("publish.4-built", "publish.5-checked"),
        "sync": between("publish.5-checked", "publish.6-synced"),
        "whole": between("publish.1-reserved", "publish.6-synced"),
        "peak_memory_mib": peak_memory_mib(),
        "octets": std::fs::metadata(&segment).expect("it was published").len(),
        "segment": segment,
    })
}

fn index(snapshot: &Path) -> StatusIndex {
    let file = std::fs::File::open(snapshot).expect("the bench made it");
    Snapshot::open(std::io::BufReader::new(file)).and_then(Snapshot::load).expect("it is whole")
}

/// The registry, in which some entries more are withdrawn with each cut, as on every day.
struct Growing {
    ledger: RegistryLedger,
    cut: Mutex<u64>,
    with_municipalities: bool,
}

struct GrowingState<'a> {
    frozen: Box<dyn FrozenState + 'a>,
    cut: u64,
    with_municipalities: bool,
}

impl GrowingState<'_> {
    fn told(&self, certificate: WithdrawnCertificate) -> Option<WithdrawnCertificate> {
        let comes_with = certificate.serial.get() % NEW_ONE_IN;
        let municipality = certificate.municipality.filter(|_| self.with_municipalities);
        let is_there = comes_with >= 10 || comes_with <= self.cut;
        is_there.then_some(WithdrawnCertificate { municipality, ..certificate })
    }
}

impl FrozenState for GrowingState<'_> {
    fn log_position(&self) -> u64 {
        self.frozen.log_position()
    }

    fn tree_head(&self) -> [u8; 32] {
        self.frozen.tree_head()
    }

    fn frozen_at(&self) -> pki::time::UnixTime {
        self.frozen.frozen_at()
    }

    fn withdrawn(&self, ca: Ca) -> WithdrawnCertificates<'_> {
        Box::new(self.frozen.withdrawn(ca).filter_map(|certificate| match certificate {
            Ok(certificate) => self.told(certificate).map(Ok),
            Err(error) => Some(Err(error)),
        }))
    }

    fn withdrawn_certificate(&self, ca: Ca, serial: Serial) -> Result<Option<WithdrawnCertificate>, LedgerError> {
        Ok(self.frozen.withdrawn_certificate(ca, serial)?.and_then(|certificate| self.told(certificate)))
    }

    fn revoked_ca_certificates(&self, issuer: IssuerKey) -> Result<Vec<CrlEntry>, LedgerError> {
        self.frozen.revoked_ca_certificates(issuer)
    }

    fn was_released(&self, ca: Ca, serial: Serial) -> Result<bool, LedgerError> {
        self.frozen.was_released(ca, serial)
    }
}

impl CutLedger for Growing {
    fn reserve_cut(&self, because: &CutCause) -> Result<Reservation, LedgerError> {
        self.ledger.reserve_cut(because)
    }

    fn log_end(&self) -> Result<LogEnd, LedgerError> {
        self.ledger.log_end()
    }

    fn freeze(&self) -> Result<Box<dyn FrozenState + '_>, LedgerError> {
        let cut = *self.cut.lock().expect("nobody panics");
        let with_municipalities = self.with_municipalities;
        Ok(Box::new(GrowingState { frozen: self.ledger.freeze()?, cut, with_municipalities }))
    }

    fn record_published(&self, cut: &PublishedCut) -> Result<(), LedgerError> {
        self.ledger.record_published(cut)
    }

    fn record_failed(&self, cut_number: u64, check: &str) -> Result<(), LedgerError> {
        self.ledger.record_failed(cut_number, check)
    }

    fn last_published(&self) -> Result<Option<PublishedCut>, LedgerError> {
        self.ledger.last_published()
    }
}
