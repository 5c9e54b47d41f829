//! The real thing in one process: rules, registry, token, index, publisher and responder as the binary puts them
//! together, on a clock that stands where a life sets it.
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use akashi::clock::randomness;
use akashi::feed::{InProcessVisibility, IndexFollower, load};
use akashi::keys::{
    Labels, SharedToken, TokenCrlSigner, TokenKeyedHash, TokenLeafSigner, TokenManifestSigner, TokenVault,
    sign_certificate,
};
use akashi::ledger::RegistryLedger;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use ca::authority::{Asked, Authority, Caller, Ruling, Surroundings};
use ca::doors::{DoorState, PeerCertificate, calls};
use ca::own::{Sign, activate_ca_key, activate_next_ca_key, issuer_of};
use ca::parties::register_first_administrator;
use ca::phone::hours::PhoneHours;
use ca::residents::batch::{BatchName, Line};
use ca::seam::{LeafSigner, PartyCa, PartyCaError};
use crl_publisher::publish::{Publisher, PublisherParts};
use crl_publisher::signing::CrlSigner;
use crl_publisher::slot::{CrlLayout, Partition};
use hsm_mock::{Pin, PinCost, SecretPurpose, SoftToken};
use http_body_util::BodyExt as _;
use pki::algorithm::Algorithm;
use pki::certificate::{Issuer, Layout, Profile, ProfileSettings};
use pki::identity::{Ca, IssuerKey, KeyNumber};
use pki::municipality::{MunicipalityCode, find};
use pki::oid::Oid;
use pki::time::UnixTime;
use registry::event::{Actor, Door, Event, FixedSettings};
use registry::row::Open;
use registry::state::StateReads as _;
use registry::writer::Durability;
use registry::{Clock, Registry, RegistryError, Store};
use serde_json::{Value, json};
use status::StatusIndex;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Where everybody lives; each has a desk.
pub(crate) const MUNICIPALITIES: [u32; 4] = [1_100, 13_221, 14_100, 47_201];

const ORGANIZATION: &str = "JPKI-TEST";
const BASE_URL: &str = "http://127.0.0.1:8080";
const CPS_URI: &str = "http://www.jpki.go.jp/cps.html";
const DAY_SECONDS: u32 = 86_400;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Admin,
    Desk(u32),
    Hotline,
    Register,
    /// The phones' portal.
    Portal,
}

impl Party {
    fn certificate(self) -> Vec<u8> {
        match self {
            Self::Admin => b"first administrator".to_vec(),
            Self::Desk(code) => format!("desk {code:05}0001").into_bytes(),
            Self::Hotline => b"hotline".to_vec(),
            Self::Register => b"residents".to_vec(),
            Self::Portal => b"portal".to_vec(),
        }
    }
}

/// Client certificates are the names in them: TLS is not what this is about.
struct PartyNames;

impl PartyCa for PartyNames {
    fn issue(&self, _csr_pem: &str, common_name: &str) -> Result<Vec<u8>, PartyCaError> {
        Ok(common_name.as_bytes().to_vec())
    }
}

pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// What a stopped process is told by: a panic that no hook reports.
struct Stopped;

type Action = Box<dyn FnOnce() + Send>;

/// What is done once, when a durable step is reached.
#[derive(Default)]
struct Steps(Mutex<Option<(&'static str, Action)>>);

impl Steps {
    fn reached(&self, step: &'static str) {
        let action = self.0.lock().unwrap().take_if(|(at, _)| *at == step);
        if let Some((_, action)) = action {
            action();
        }
    }
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Reply {
    /// Status and the end of the problem's type.
    pub(crate) fn problem(&self) -> (u16, &str) {
        let slug = self.body["type"].as_str().and_then(|text| text.strip_prefix("urn:akashi:problem:"));
        (self.status, slug.unwrap_or("no problem"))
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) party: Party,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

/// The doors.
pub(crate) struct Doors(Router, Runtime);

impl Doors {
    fn new(router: Router) -> Self {
        Self(router, Builder::new_current_thread().enable_time().build().unwrap())
    }

    /// The same doors, for another thread.
    pub(crate) fn for_another_thread(&self) -> Self {
        Self::new(self.0.clone())
    }

    pub(crate) fn post(&self, call: &Call) -> Reply {
        let request = Request::builder().method("POST").uri(&call.path).header("idempotency-key", &call.key);
        self.send(request, call.party, call.body.clone())
    }

    pub(crate) fn get(&self, party: Party, path: &str) -> Reply {
        self.send(Request::builder().method("GET").uri(path), party, String::new())
    }

    /// JSON Lines, with what each line is answered.
    pub(crate) fn post_lines(&self, party: Party, path: &str, body: String) -> Vec<Value> {
        let (status, octets) = self.octets(Request::builder().method("POST").uri(path), party, body);
        let text = String::from_utf8(octets).unwrap();
        assert_eq!(status, 200, "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn send(&self, request: axum::http::request::Builder, party: Party, body: String) -> Reply {
        let (status, octets) = self.octets(request, party, body);
        Reply { status, body: serde_json::from_slice(&octets).unwrap() }
    }

    fn octets(&self, request: axum::http::request::Builder, party: Party, body: String) -> (u16, Vec<u8>) {
        let request = request.extension(PeerCertificate(party.certificate().into())).body(Body::from(body)).unwrap();
        self.1.block_on(async {
            let response = self.0.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
        })
    }
}

/// What ends with the process.
pub(crate) struct Process {
    pub(crate) authority: Arc<Authority>,
    pub(crate) doors: Doors,
    pub(crate) index: Arc<StatusIndex>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) publisher: Publisher,
}

pub(crate) struct World {
    pub(crate) clock: Arc<SetClock>,
    pub(crate) token: SharedToken,
    pub(crate) layout: CrlLayout,
    steps: Arc<Steps>,
    profile: Profile,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

fn profile() -> Profile {
    let policy = |last: u32| Oid::from_dotted(&format!("1.2.392.200149.8.5.1.0.{last}")).unwrap();
    let settings = ProfileSettings {
        layout: Layout::Default,
        organization: ORGANIZATION.to_owned(),
        cps_uri: CPS_URI.to_owned(),
        sign_policy: policy(20),
        auth_policy: policy(30),
        phone_sign_policy: policy(40),
        phone_auth_policy: policy(50),
        public_base_url: BASE_URL.to_owned(),
        algorithm: Algorithm::EcdsaP256Sha256,
    };
    Profile::new(settings).unwrap()
}

/// Only the municipalities where somebody lives, so that a cut takes no time.
fn layout() -> CrlLayout {
    let partitions = MUNICIPALITIES.map(|code| {
        let municipality = find(MunicipalityCode::new(code).unwrap()).unwrap();
        let prefecture_dn_text = municipality.prefecture().dn_text.to_owned();
        Partition { code: municipality.code, prefecture_dn_text, dn_text: municipality.dn_text.to_owned() }
    });
    CrlLayout::new(ORGANIZATION.to_owned(), Some(BASE_URL.to_owned()), partitions)
}

impl World {
    /// A CA with one key for each kind of certificate, and its parties.
    pub(crate) fn founded_at(seconds: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pin = Pin::new(b"correct horse battery").unwrap();
        let path = folder.path().join("token");
        let token = SoftToken::create(&path, &pin, PinCost::WEAK_FOR_TESTS, randomness()).unwrap();
        let mut world = Self {
            clock: Arc::new(SetClock(AtomicI64::new(seconds))),
            token: Arc::new(token),
            layout: layout(),
            steps: Arc::default(),
            profile: profile(),
            folder,
            process: None,
        };
        world.found();
        world.start();
        world.register_parties();
        world
    }

    fn found(&self) {
        let registry = self.open_registry().0;
        let settings = FixedSettings {
            organization: ORGANIZATION.to_owned(),
            layout: "default".to_owned(),
            cps_uri: CPS_URI.to_owned(),
            sign_policy: "1.2.392.200149.8.5.1.0.20".to_owned(),
            auth_policy: "1.2.392.200149.8.5.1.0.30".to_owned(),
            public_base_url: BASE_URL.to_owned(),
            algorithm: self.profile.algorithm().word().to_owned(),
            phone_policies: None,
        };
        let founded: Result<u64, RegistryError> = registry.transact(Actor::System, Door::Inside, |transaction| {
            transaction.append(Event::Initialised(settings), None)
        });
        founded.unwrap();
        self.token.generate_secret_key(&Labels::hash_key(), SecretPurpose::Mac).unwrap();
        self.token.generate_signing_key(&Labels::manifest_key(), Algorithm::EcdsaP256Sha256).unwrap();
        for ca in Ca::ALL {
            self.activate_first_key(&registry, IssuerKey { ca, key: KeyNumber::FIRST });
        }
        register_first_administrator(&registry, Party::Admin.certificate()).unwrap();
    }

    fn activate_first_key(&self, registry: &Registry, issuer: IssuerKey) {
        let label = Labels::ca_key(issuer);
        let public_key = self.token.generate_signing_key(&label, self.profile.algorithm()).unwrap();
        let sign = |linted| sign_certificate(&*self.token, &label, &public_key, linted);
        activate_ca_key(registry, &self.profile, issuer, &public_key, sign).unwrap();
    }

    /// The CA's next key, linked with an older one if there is one that can vouch for it, comes into use at the next start.
    pub(crate) fn add_key(&self, issuer: IssuerKey, older: Option<IssuerKey>) {
        let Some(older) = older else { return self.activate_first_key(&self.process().registry, issuer) };
        let older = self.process().issuers.iter().find(|known| known.issuer == older).unwrap();
        let (label, older_label) = (Labels::ca_key(issuer), Labels::ca_key(older.issuer));
        let public_key = self.token.generate_signing_key(&label, self.profile.algorithm()).unwrap();
        let sign = |linted| sign_certificate(&*self.token, &label, &public_key, linted);
        let sign_older = |linted| sign_certificate(&*self.token, &older_label, &older.public_key, linted);
        let newer = (issuer, &public_key, &sign as Sign<'_>);
        let registry = &self.process().registry;
        activate_next_ca_key(registry, &self.profile, newer, (older, &sign_older), &|_| {}).unwrap();
    }

    fn open_registry(&self) -> (Registry, Arc<registry::writer::Followers>) {
        let surroundings = registry::writer::Surroundings {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            randomness: randomness(),
            on_fatal: Box::new(|error| panic!("{error}")),
            // The folder outlives the process, and the machine is not what stops here.
            durability: Durability::Unsynced,
        };
        Registry::open(&self.folder.path().join("registry"), surroundings).unwrap()
    }

    /// As `akashi serve` starts; recovery included.
    pub(crate) fn start(&mut self) {
        let (registry, followers) = self.open_registry();
        let registry = Arc::new(registry);
        let index = Arc::new(load(registry.store()).unwrap());
        let on_fatal = Box::new(|error: &status::ApplyError| panic!("the log does not fit the index: {error}"));
        let follower = IndexFollower::of(Arc::clone(&index), on_fatal);
        followers.add(|| Ok::<_, RegistryError>(follower)).unwrap();
        let issuers = registry.store().issuers().unwrap();
        let issuers: Vec<_> =
            issuers.iter().map(|(issuer, der)| issuer_of(*issuer, der, &self.profile).unwrap()).collect();
        let publisher = self.open_publisher(&registry, &issuers);
        let leaf_signer = |issuer: &Issuer| {
            Arc::new(TokenLeafSigner::new(Arc::clone(&self.token), issuer.clone())) as Arc<dyn LeafSigner>
        };
        let steps = Arc::clone(&self.steps);
        let authority = Arc::new(Authority::new(Surroundings {
            signers: issuers.iter().map(leaf_signer).collect(),
            registry: Arc::clone(&registry),
            profile: Arc::new(self.profile.clone()),
            vault: Arc::new(TokenVault(Arc::clone(&self.token))),
            keyed_hash: Arc::new(TokenKeyedHash(Arc::clone(&self.token))),
            party_ca: Arc::new(PartyNames),
            visibility: Arc::new(InProcessVisibility(Arc::clone(&index))),
            clock: self.clock.clone(),
            randomness: randomness(),
            step: Arc::new(move |step| steps.reached(step)),
            refusals_per_minute_max: u32::MAX,
            phone_hours: PhoneHours::DEFAULT,
        }));
        authority.recover().unwrap();
        authority.work_queue().unwrap();
        let state = DoorState::new(Arc::clone(&authority), Arc::new(|_, _, _| {}));
        let open = [Door::Desk, Door::Hotline, Door::Residents, Door::Admin, Door::Phone];
        let router = open.into_iter().fold(Router::new(), |router, door| router.merge(Router::from(calls(door))));
        let doors = Doors::new(router.with_state(state));
        self.process = Some(Process { authority, doors, index, registry, issuers, publisher });
    }

    fn open_publisher(&self, registry: &Arc<Registry>, issuers: &[Issuer]) -> Publisher {
        let crl_signer = |issuer: &Issuer| {
            Arc::new(TokenCrlSigner::new(Arc::clone(&self.token), issuer.clone())) as Arc<dyn CrlSigner>
        };
        let parts = PublisherParts {
            ledger: Arc::new(RegistryLedger(Arc::clone(registry))),
            crl_signers: issuers.iter().map(crl_signer).collect(),
            manifest_signer: Arc::new(TokenManifestSigner::new(Arc::clone(&self.token)).unwrap()),
            layout: self.layout.clone(),
            validity_seconds: 2 * DAY_SECONDS,
            folder: self.folder.path().join("crl"),
            kept_cuts: 1,
            worker_count: 1,
            step: Arc::new(|_| {}),
        };
        Publisher::open(parts).unwrap()
    }

    /// Ends the process: nothing but the folder and the token is left.
    pub(crate) fn stop(&mut self) {
        let Process { authority, doors, registry, publisher, index, issuers: _ } = self.process.take().unwrap();
        drop((authority, doors, publisher, index));
        drop(Arc::into_inner(registry).expect("nobody else holds the process"));
    }

    fn register_parties(&self) {
        let desk = |code: u32| json!({ "role": "desk", "name": format!("{code:05}"), "municipality": format!("{code:05}"), "desk": "0001", "csr": "" });
        let other = |role: &str| json!({ "role": role, "name": role, "csr": "" });
        let bodies = MUNICIPALITIES.map(desk).into_iter().chain(["hotline", "residents", "portal"].map(other));
        for (number, body) in bodies.enumerate() {
            let (path, key) = ("/admin/v1/parties".to_owned(), format!("party-{number}"));
            let reply = self.doors().post(&Call { party: Party::Admin, path, key, body: body.to_string() });
            assert_eq!(reply.status, 201, "{:?}", reply.body);
        }
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().expect("the process runs")
    }

    pub(crate) fn doors(&self) -> &Doors {
        &self.process().doors
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        self.process().registry.store()
    }

    /// The number of rows in the log.
    pub(crate) fn position(&self) -> u64 {
        self.store().tree_edge().unwrap().size()
    }

    pub(crate) fn rows_since(&self, position: u64) -> Vec<Open> {
        self.store().rows(position).map(|row| row.unwrap().1.decode().unwrap()).collect()
    }

    /// A desk asks for a certificate, and the process stops at that step.
    pub(crate) fn issue_stopped_at(&self, step: &'static str, call: &Call) {
        self.stopped_at(step, call, Door::Desk, Authority::issue);
    }

    /// The register reports, and the process stops when that is recorded.
    pub(crate) fn report_stopped(&self, call: &Call) {
        self.stopped_at("revoke.2-recorded", call, Door::Residents, Authority::report_change);
    }

    /// The register sends lines of a batch, and the process stops when they are recorded.
    pub(crate) fn batch_stopped(&self, batch: &BatchName, lines: &[Line]) {
        self.stopped("batch.2-recorded", Party::Register, Door::Residents, |authority, caller| {
            authority.report_batch_rows(caller, batch, lines);
        });
    }

    /// A person applies for certificates in a phone, and the process stops at that step.
    pub(crate) fn application_stopped_at(&self, step: &'static str, call: &Call) {
        self.stopped_at(step, call, Door::Phone, Authority::apply_for_phone);
    }

    /// The rules without the doors, which would answer a panic.
    fn stopped_at(
        &self,
        step: &'static str,
        call: &Call,
        door: Door,
        rule: impl FnOnce(&Authority, &Caller, &Asked<'_>) -> Ruling,
    ) {
        let asked = Asked { path: &call.path, idempotency_key: &call.key, body: call.body.as_bytes() };
        self.stopped(step, call.party, door, |authority, caller| drop(rule(authority, caller, &asked)));
    }

    fn stopped(&self, step: &'static str, party: Party, door: Door, rule: impl FnOnce(&Authority, &Caller)) {
        *self.steps.0.lock().unwrap() = Some((step, Box::new(|| resume_unwind(Box::new(Stopped)))));
        let authority = &self.process().authority;
        let caller = authority.recognise(&party.certificate(), door).unwrap();
        let stopped = catch_unwind(AssertUnwindSafe(|| rule(authority, &caller)));
        assert!(stopped.is_err_and(|payload| payload.is::<Stopped>()), "the process stops at {step}");
    }

    /// That is done when the next call reaches that step.
    pub(crate) fn meanwhile(&self, step: &'static str, action: impl FnOnce() + Send + 'static) {
        *self.steps.0.lock().unwrap() = Some((step, Box::new(action)));
    }
}
