//! A CA on surroundings that a story commands.
mod calls;
mod consents;
mod documented;
mod people;
mod phones;
mod seams;

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use ca::authority::{Asked, Authority, Caller, Ruling, Surroundings};
use ca::own::{activate_ca_key, activate_next_ca_key, issuer_of};
use ca::parties::register_first_administrator;
use ca::phone::hours::PhoneHours;
use ca::record::IssueRecord;
use ca::seam::{KeyedHash, LeafSigner};
use hsm_mock::{Pin, PinCost, SecretPurpose, SoftToken, Token};
use pki::algorithm::{Algorithm, sha256};
use pki::certificate::{Layout, Profile, ProfileSettings};
use pki::csr::CertificationRequest;
use pki::identity::{Ca, IssuerKey, KeyNumber, Serial};
use pki::oid::Oid;
use pki::time::UnixTime;
use registry::event::{Actor, Door, Event, FixedSettings, RequestId};
use registry::row::Open;
use registry::seal::{DataKey, VaultError};
use registry::state::{CertificateRecord, Counter, StateReads};
use registry::writer::Durability;
use registry::{Clock, Registry, RegistryError, Store, Transaction};
use serde_json::Value;

pub(crate) use calls::{Doors, Reply};
pub(crate) use consents::{BANK, Card, SHOP, base64, consent_to, withdrawal_of};
pub(crate) use documented::assert_documented;
pub(crate) use people::{
    Party, application, application_for_both, certification_request, change, jst, rsa_certification_request,
};
pub(crate) use phones::{BOTH, paper, phone_application, phone_found, phone_key, phone_retired};
pub(crate) use seams::{Nodes, Steps, TestClock, TestToken};
use seams::{PartyNames, Signer, TokenSeams, ca_label, hash_label, randomness, sign};

/// What a stopped process is told by: a panic that no panic hook reports.
struct Stopped;

/// A CA and everything it stands on.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) token: Arc<TestToken>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) steps: Arc<Steps>,
    profile: Profile,
    doors: Option<Doors>,
    folder: tempfile::TempDir,
}

fn profile(algorithm: Algorithm) -> Profile {
    let settings = ProfileSettings {
        layout: Layout::Default,
        organization: "JPKI-TEST".to_owned(),
        cps_uri: "http://www.jpki.go.jp/cps.html".to_owned(),
        sign_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.20").unwrap(),
        auth_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.30").unwrap(),
        phone_sign_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.40").unwrap(),
        phone_auth_policy: Oid::from_dotted("1.2.392.200149.8.5.1.0.50").unwrap(),
        public_base_url: "http://127.0.0.1:8080".to_owned(),
        algorithm,
    };
    Profile::new(settings).unwrap()
}

impl World {
    /// A CA with all its parties at noon of 2026-11-21 in Japan. P-256, so that a story takes no time.
    pub(crate) fn new() -> Self {
        Self::with_algorithm(Algorithm::EcdsaP256Sha256)
    }

    pub(crate) fn with_algorithm(algorithm: Algorithm) -> Self {
        Self::founded(algorithm, jst("2026-11-21", 12, 0, 0))
    }

    /// The same, founded at that time: its CA certificates live ten years from then.
    pub(crate) fn founded_at(time: UnixTime) -> Self {
        Self::founded(Algorithm::EcdsaP256Sha256, time)
    }

    fn founded(algorithm: Algorithm, time: UnixTime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pin = Pin::new(b"correct horse battery").unwrap();
        let token =
            SoftToken::create(&folder.path().join("token"), &pin, PinCost::WEAK_FOR_TESTS, randomness()).unwrap();
        let mut world = Self {
            clock: Arc::new(TestClock::at(time)),
            token: Arc::new(TestToken::new(token)),
            nodes: Arc::default(),
            steps: Arc::default(),
            profile: profile(algorithm),
            doors: None,
            folder,
        };
        world.found();
        world.start();
        world.register_parties();
        world
    }

    fn found(&self) {
        let settings = FixedSettings {
            organization: "JPKI-TEST".to_owned(),
            layout: "default".to_owned(),
            cps_uri: "http://www.jpki.go.jp/cps.html".to_owned(),
            sign_policy: "1.2.392.200149.8.5.1.0.20".to_owned(),
            auth_policy: "1.2.392.200149.8.5.1.0.30".to_owned(),
            public_base_url: "http://127.0.0.1:8080".to_owned(),
            algorithm: self.profile.algorithm().word().to_owned(),
            phone_policies: None,
        };
        let registry = self.open_registry();
        let founded: Result<u64, RegistryError> = registry.transact(Actor::System, Door::Inside, |transaction| {
            transaction.append(Event::Initialised(settings), None)
        });
        founded.unwrap();
        self.token.generate_secret_key(&hash_label(), SecretPurpose::Mac).unwrap();
        for ca in Ca::ALL {
            let issuer = IssuerKey { ca, key: KeyNumber::FIRST };
            let label = ca_label(issuer);
            let public_key = self.token.generate_signing_key(&label, self.profile.algorithm()).unwrap();
            let sign = |linted| sign(&self.token, &label, &public_key, linted);
            activate_ca_key(&registry, &self.profile, issuer, &public_key, sign).unwrap();
        }
        register_first_administrator(&registry, Party::Admin.certificate()).unwrap();
    }

    /// The ceremony of the CA's next key, between two runs of the process. A compromised key is not linked.
    pub(crate) fn next_key(&mut self, ca: Ca) {
        self.stop();
        let registry = self.open_registry();
        let keys = registry.store().issuers().unwrap();
        let (last, der) =
            keys.iter().filter(|(issuer, _)| issuer.ca == ca).max_by_key(|(issuer, _)| issuer.key).unwrap();
        let older = issuer_of(*last, der, &self.profile).unwrap();
        let issuer = IssuerKey { ca, key: KeyNumber::new(last.key.get() + 1).unwrap() };
        let (label, older_label) = (ca_label(issuer), ca_label(*last));
        let public_key = self.token.generate_signing_key(&label, self.profile.algorithm()).unwrap();
        let sign_new = |linted| sign(&self.token, &label, &public_key, linted);
        if registry.store().compromise(*last).unwrap().is_some() {
            activate_ca_key(&registry, &self.profile, issuer, &public_key, sign_new).unwrap();
        } else {
            let sign_old = |linted| sign(&self.token, &older_label, &older.public_key, linted);
            let newer = (issuer, &public_key, &sign_new as _);
            activate_next_ca_key(&registry, &self.profile, newer, (&older, &sign_old), &|_| {}).unwrap();
        }
        drop(registry);
        self.start();
    }

    fn open_registry(&self) -> Registry {
        let surroundings = registry::writer::Surroundings {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            randomness: randomness(),
            on_fatal: Box::new(|error| panic!("{error}")),
            durability: Durability::Synced,
        };
        Registry::open(&self.registry_folder(), surroundings).unwrap().0
    }

    pub(crate) fn registry_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("registry")
    }

    /// The rules over the registry as it lies in its folder.
    pub(crate) fn start(&mut self) {
        let registry = self.open_registry();
        let issuers = registry.store().issuers().unwrap();
        let signer = |(issuer, der): &(IssuerKey, Vec<u8>)| {
            let issuer = issuer_of(*issuer, der, &self.profile).unwrap();
            Arc::new(Signer::new(Arc::clone(&self.token), issuer)) as Arc<dyn LeafSigner>
        };
        let seams = Arc::new(self.seams());
        let steps = Arc::clone(&self.steps);
        let authority = Authority::new(Surroundings {
            signers: issuers.iter().map(signer).collect(),
            registry: Arc::new(registry),
            profile: Arc::new(self.profile.clone()),
            vault: seams.clone(),
            keyed_hash: seams,
            party_ca: Arc::new(PartyNames),
            visibility: self.nodes.clone(),
            clock: self.clock.clone(),
            randomness: randomness(),
            step: Arc::new(move |step| steps.reached(step)),
            refusals_per_minute_max: 120,
            phone_hours: PhoneHours::DEFAULT,
        });
        self.doors = Some(Doors::new(Arc::new(authority)));
    }

    fn seams(&self) -> TokenSeams {
        TokenSeams(Arc::clone(&self.token), Arc::clone(&self.steps))
    }

    fn register_parties(&self) {
        for party in Party::REGISTERED {
            let reply = self.post(Party::Admin, "/admin/v1/parties", party.common_name(), &party.registration());
            assert_eq!(reply.status, 201, "{:?}", reply.body);
        }
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        self.0.registry().store()
    }

    /// Ends the process: nothing but the folder and the token is left.
    pub(crate) fn stop(&mut self) {
        let Doors(authority, router) = self.doors.take().expect("the process runs");
        drop(router);
        drop(Arc::into_inner(authority).expect("nobody else holds the process"));
    }

    /// Ends the process and starts another one on the same folder. Recovery is the story's business.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// The rules without the doors, which would answer a panic: Kiyose's desk asks, and the process stops at that step.
    pub(crate) fn issue_stopped_at(&self, step: &'static str, key: &str, body: &Value) {
        self.stopped_at(step, || self.rule(key, body));
    }

    /// The same of any rule.
    pub(crate) fn stopped_at(&self, step: &'static str, rule: impl FnOnce() -> Ruling) {
        self.steps.at(step, || resume_unwind(Box::new(Stopped)));
        let payload = catch_unwind(AssertUnwindSafe(rule)).expect_err("the process stops");
        assert!(payload.is::<Stopped>(), "the process stops at {step} and nowhere else");
    }

    pub(crate) fn rule(&self, key: &str, body: &Value) -> Ruling {
        let body = body.to_string();
        let key = key.replace(' ', "-");
        let asked = Asked { path: "/desk/v1/certificates", idempotency_key: &key, body: body.as_bytes() };
        self.0.issue(&self.caller(Party::Kiyose, Door::Desk), &asked)
    }

    /// What an akashi that reserved in a batch of its own left when it stopped after it: Kiyose's desk asked, and nothing is
    /// intended.
    pub(crate) fn left_reserved(&self, key: &str, body: &Value) {
        let ca: Ca = body["ca"].as_str().unwrap().parse().unwrap();
        let (seams, caller) = (self.seams(), self.caller(Party::Kiyose, Door::Desk));
        let asked = [b"/desk/v1/certificates\0", body.to_string().as_bytes()].concat();
        let request = RequestId {
            party: caller.party,
            key_hash: sha256(key.as_bytes()),
            request_hash: seams.keyed_hash("request", &asked).unwrap(),
        };
        let resident = seams.keyed_hash("resident", body["resident_code"].as_str().unwrap().as_bytes()).unwrap();
        let csr = CertificationRequest::from_pem(body["csr"].as_str().unwrap().as_bytes()).unwrap();
        let public_key = sha256(csr.public_key().spki_der());
        let reserved = move |transaction: &mut Transaction<'_>| {
            let serial = transaction.next_serial(ca)?.unwrap();
            let (key, municipality, card, phone) = (KeyNumber::FIRST, 13_221, None, None);
            let event = Event::Reserved { request, ca, key, serial, public_key, resident, municipality, card, phone };
            transaction.append(event, None).map(drop)
        };
        self.0.registry().transact::<(), RegistryError>(caller.actor(), Door::Desk, reserved).unwrap();
    }

    /// What an akashi that kept a certificate whole, and not beside its intent, recorded when it was signed.
    pub(crate) fn left_whole(&self, ca: Ca, serial: Serial, certificate: &[u8]) {
        let (seams, row) = (self.seams(), self.record(ca, serial).intended_row.unwrap());
        let intent = self.opened(row, &format!("{ca}/{serial}/intended")).unwrap();
        let mut record: IssueRecord = minicbor::decode(&intent).unwrap();
        record.octets = certificate.to_vec();
        let data_key = DataKey::make(&seams, &*randomness(), record.retention_year()).unwrap();
        let sealed = data_key.seal(&format!("{ca}/{serial}/issued"), &minicbor::to_vec(&record).unwrap());
        let issued = move |transaction: &mut Transaction<'_>| {
            transaction.append(Event::Issued { ca, serial }, Some(sealed)).map(drop)
        };
        self.0.registry().transact::<(), RegistryError>(Actor::System, Door::Inside, issued).unwrap();
    }

    pub(crate) fn caller(&self, party: Party, door: Door) -> Caller {
        self.0.recognise(&party.certificate(), door).unwrap()
    }

    /// The record of a certificate that must have one.
    pub(crate) fn record(&self, ca: Ca, serial: Serial) -> CertificateRecord {
        self.store().certificate(ca, serial).unwrap().expect("the certificate has a record")
    }

    /// The octets that the intent of an issue recorded.
    pub(crate) fn recorded_intent(&self, ca: Ca, serial: Serial) -> Vec<u8> {
        let row = self.store().row(self.record(ca, serial).intended_row.unwrap()).unwrap().unwrap();
        let seams = self.seams();
        let record = row.sealed.unwrap().open(&seams, &format!("{ca}/{serial}/intended")).unwrap();
        let record: IssueRecord = minicbor::decode(&record).unwrap();
        record.octets.clone()
    }

    /// What the sealed part of a row opens to in that place.
    pub(crate) fn opened(&self, row: u64, place: &str) -> Result<Vec<u8>, VaultError> {
        let sealed = self.store().row(row).unwrap().unwrap().sealed.expect("the row has a sealed part");
        sealed.open(&self.seams(), place).map(|octets| octets.to_vec())
    }

    /// Serials of that CA that are issued and neither held nor revoked.
    pub(crate) fn good(&self, ca: Ca) -> Vec<Serial> {
        let last = self.store().counter(Counter::Serial(ca)).unwrap();
        let serials = (1..=last).filter_map(Serial::new);
        let good = |record: CertificateRecord| record.issued_row.is_some() && record.withdrawal.is_none();
        serials.filter(|serial| self.store().certificate(ca, *serial).unwrap().is_some_and(good)).collect()
    }

    /// The log's position.
    pub(crate) fn position(&self) -> u64 {
        self.store().tree_edge().unwrap().size()
    }

    /// What was recorded from that position on.
    pub(crate) fn recorded_since(&self, position: u64) -> Vec<Open> {
        self.store().rows(position).map(|row| row.unwrap().1.decode().unwrap()).collect()
    }

    /// Verifies the whole log.
    pub(crate) fn verify_log(&self) {
        let verified = registry::audit::verify(self.store(), |_, _| {}).unwrap();
        assert_eq!(verified.rows, self.position());
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }
}

/// Whoever holds a world can make calls.
impl Deref for World {
    type Target = Doors;
    fn deref(&self) -> &Doors {
        self.doors.as_ref().expect("the process runs")
    }
}
