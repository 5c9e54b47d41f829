//! An authority as `akashi init` and `akashi serve` make it, on a disk: the same token, registry, index and rules.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use akashi::clock::SystemClock;
use akashi::config::Config;
use akashi::init::{Kind, init};
use akashi::sandbox::people::TOWNS;
use akashi::sandbox::place::{CONFIG, Place, free_ports};
use akashi::serve::parts::Parts;
use ca::authority::{Asked, Authority, Caller};
use pki::algorithm::Algorithm;
use pki::certificate::Layout;
use pki::identity::{Ca, Serial};
use rcgen::{CertificateParams, KeyPair};
use registry::event::{Door, PartyId};
use serde_json::json;
use tempfile::TempDir;

use crate::figures::Scale;
use crate::requests::{Application, Maker};

/// A desk in each town of the sandboxes.
pub(crate) struct Desk {
    /// As the rules know it.
    pub(crate) caller: Caller,
    /// Its client certificate, PEM.
    pub(crate) certificate_pem: String,
    /// The key, PEM.
    pub(crate) key_pem: String,
}

/// An authority in this process.
pub(crate) struct Scene {
    /// What comes with it when it stops.
    pub(crate) kept: Kept,
    parts: Parts,
}

/// What is left when the authority stops.
pub(crate) struct Kept {
    /// The algorithm of all keys.
    pub(crate) algorithm: Algorithm,
    /// The desks.
    pub(crate) desks: Vec<Desk>,
    /// Makes requests, each once.
    pub(crate) maker: Maker,
    /// Whatever was issued and not revoked yet, with its desk.
    pub(crate) issued: Vec<(usize, Ca, Serial)>,
    /// The configuration.
    pub(crate) config: Config,
    folder: TempDir,
}

impl Scene {
    /// Makes an authority and everything for its requests.
    pub(crate) fn make(algorithm: Algorithm, scale: Scale) -> Self {
        // Below the target folder: on a disk, as a registry is.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder below the target folder");
        let config = configure(folder.path(), algorithm);
        eprintln!("bench: an authority with {}", algorithm.word());
        init(&config, Kind::Lasting).expect("an authority can be made");
        let parts = Parts::start(&config, SystemClock::REAL).expect("it starts");
        let desks = TOWNS.iter().enumerate().map(|(town, _)| desk(parts.door_state().authority(), town)).collect();
        let maker = Maker::new(algorithm, scale.requests_in_all());
        Self { kept: Kept { algorithm, desks, maker, issued: Vec::new(), config, folder }, parts }
    }

    /// The rules that the doors call.
    pub(crate) fn authority(&self) -> Arc<Authority> {
        Arc::clone(self.parts.door_state().authority())
    }

    /// Requests that were not made yet.
    pub(crate) fn requests(&mut self, people: usize) -> Vec<Vec<Application>> {
        self.kept.maker.next(people)
    }

    /// Stops the authority; what is on disk stays.
    pub(crate) fn stop(self) -> Kept {
        self.parts.registry.close();
        self.kept
    }
}

impl Kept {
    /// Where the configuration is.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("authority").join(CONFIG)
    }

    /// A folder beside the authority's, on the same disk.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that the authority made.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.config.data_dir.join(name)).expect("akashi init wrote it")
    }
}

fn configure(folder: &Path, algorithm: Algorithm) -> Config {
    let path = folder.join("authority");
    let place = Place::take(&path).expect("a new folder");
    place.configure(free_ports(None).expect("free ports"), Layout::Default).expect("a configuration");
    let text = place.read(CONFIG).expect("written just now");
    let default = format!("algorithm = \"{}\"", Algorithm::Rsa2048Sha256.word());
    assert!(text.contains(&default), "the example sets the algorithm");
    let text = text.replace(&default, &format!("algorithm = \"{}\"", algorithm.word()));
    std::fs::write(path.join(CONFIG), text).expect("it can be written");
    Config::load(&path.join(CONFIG)).expect("a configuration")
}

fn desk(authority: &Authority, town: usize) -> Desk {
    let administrator = Caller { party: PartyId(1), door: Door::Admin, desk: None };
    let key = KeyPair::generate().expect("a P-256 key");
    let csr = CertificateParams::default().serialize_request(&key).and_then(|csr| csr.pem()).expect("a request");
    let (name, code) = (TOWNS[town].desk_name, TOWNS[town].code);
    let body = json!({ "role": "desk", "name": name, "municipality": code, "desk": "001A", "csr": csr }).to_string();
    let asked = Asked { path: "/admin/v1/parties", idempotency_key: code, body: body.as_bytes() };
    let answer = authority.register_party(&administrator, &asked).expect("the desk is registered");
    let body = answer.body.value();
    let certificate_pem = body["certificate"].as_str().expect("its certificate").to_owned();
    let (_, der) = x509_cert::der::pem::decode_vec(certificate_pem.as_bytes()).expect("PEM");
    let caller = authority.recognise(&der, Door::Desk).expect("the desk is recognised");
    Desk { caller, certificate_pem, key_pem: key.serialize_pem() }
}
