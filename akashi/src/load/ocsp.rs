//! The responder as `akashi serve` has it, over a snapshot alone, with throw-away issuers and delegates.
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use ocsp_responder::{
    Issuers, OcspDoor, OcspMetrics, OcspSettings, OcspSigner, Responder, SignFailure, SignedResponseData,
};
use pki::algorithm::{Algorithm, PublicKey};
use pki::identity::{Ca, IssuerKey};
use pki::ocsp::ResponseData;
use pki::time::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, RsaKeySize, SigningKey,
};
use registry::Clock;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use x509_cert::der::{Decode, Encode};

use crate::clock::{SystemClock, monotonic};
use crate::failure::Failure;
use crate::listen::cores::Cores;
use crate::listen::descriptors::{connections_each, raise_limit};
use crate::listen::{Limits, Security, Served, serve as listen};
use crate::output::print;
use crate::serve::parts::{cores, ocsp_service};
use crate::snapshot::open;

/// As by default in `akashi.toml`.
const MAX_AGE_SECONDS: u32 = 300;
const VALIDITY_SECONDS: u32 = 8 * 3_600;
/// Issuers and delegates are gone before.
const LIVES_SECONDS: i64 = 30 * 86_400;

/// Serves OCSP over that snapshot until told to stop. The issuers' certificates are written into that folder.
pub fn ocsp(snapshot: &Path, address: SocketAddr, folder: &Path, algorithm: Algorithm) -> Result<(), Failure> {
    let elapsed = monotonic();
    let of_snapshot = |error| Failure::Load(format!("{}: {error}", snapshot.display()));
    let index = open(snapshot).and_then(status::snapshot::Snapshot::load).map_err(of_snapshot)?;
    std::fs::create_dir_all(folder)?;
    let issuers = Issuers::new();
    for ca in Ca::ALL {
        let mut keys: Vec<_> = index.keys(ca).ranges.iter().map(|(_, key)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let throw_away = ThrowAway::new(IssuerKey { ca, key }, algorithm)?;
            issuers.add(throw_away.issuer, &throw_away.name_der, &throw_away.public_key);
            std::fs::write(folder.join(format!("{ca}-{key}.pem")), &throw_away.issuer_pem)?;
            issuers.replace_signer(Box::new(throw_away.delegate)).expect("the issuer was added just now");
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::REAL);
    let settings = OcspSettings::new(MAX_AGE_SECONDS, VALIDITY_SECONDS).expect("the defaults are within bounds");
    let responder = Responder::new(Arc::new(issuers), Arc::new(index), settings);
    let metrics = OcspMetrics::register(&prometheus::Registry::new(), &responder)?;
    let ocsp = Some(Arc::new(OcspDoor::new(Arc::new(ocsp_service(responder, &clock, metrics)))));
    let served = Served { ocsp, routes: Router::new() };
    let cores = Arc::new(Cores::start(cores())?);
    let limits = Limits::with_connections(connections_each(raise_limit(), 1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| Failure::Listen { key: "--listen", address, source })?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (address, ready_in) = (listener.local_addr()?, elapsed().as_millis());
        let (stop, stopped) = watch::channel(false);
        let listening = tokio::spawn(listen(listener, Security::Plain, served, limits, Some(cores), stopped));
        print(&format!("ready ocsp=http://{address}/ocsp/ issuers={} ready_in_ms={ready_in}\n", folder.display()))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        // A panic in it has been reported by the panic hook.
        let _ = listening.await;
        Ok(())
    })
}

/// An issuer that nobody relies on, and its delegate.
struct ThrowAway {
    issuer: IssuerKey,
    name_der: Vec<u8>,
    public_key: PublicKey,
    issuer_pem: String,
    delegate: Delegate,
}

impl ThrowAway {
    fn new(issuer: IssuerKey, algorithm: Algorithm) -> Result<Self, Failure> {
        let now = SystemClock::REAL.now();
        let not_after = now.plus_seconds(LIVES_SECONDS);
        let impossible = |error: &dyn std::fmt::Display| Failure::Load(format!("a throw-away key: {error}"));
        let key = generate(algorithm)?;
        let mut params = named(&format!("{issuer} for load tests"), now, not_after);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?;
        let read = x509_cert::Certificate::from_der(certificate.der());
        let name_der = read.and_then(|read| read.tbs_certificate().subject().to_der()).map_err(|e| impossible(&e))?;
        let public_key = public_key(&key)?;

        let delegate_key = generate(algorithm)?;
        let mut delegate_params = named(&format!("{issuer}'s delegate for load tests"), now, not_after);
        delegate_params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        delegate_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        delegate_params.use_authority_key_identifier_extension = true;
        let signed = delegate_params.signed_by(&delegate_key, &rcgen::Issuer::new(params, key))?;
        let delegate = Delegate {
            issuer,
            public_key: self::public_key(&delegate_key)?,
            key: delegate_key,
            certificate_der: signed.der().to_vec(),
            not_after,
        };
        Ok(Self { issuer, name_der, public_key, issuer_pem: certificate.pem(), delegate })
    }
}

fn generate(algorithm: Algorithm) -> Result<KeyPair, rcgen::Error> {
    match algorithm {
        Algorithm::Rsa2048Sha256 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        Algorithm::Rsa3072Sha256 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
        Algorithm::EcdsaP256Sha256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        Algorithm::EcdsaP384Sha384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
    }
}

fn public_key(key: &KeyPair) -> Result<PublicKey, Failure> {
    let read = PublicKey::from_spki(&key.subject_public_key_info());
    read.map_err(|error| Failure::Load(format!("a throw-away key: {error}")))
}

fn named(name: &str, now: UnixTime, not_after: UnixTime) -> CertificateParams {
    let time = |at: UnixTime| {
        time::OffsetDateTime::from_unix_timestamp(at.as_seconds()).expect("four-digit years are in its range")
    };
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    (params.not_before, params.not_after) = (time(now.plus_seconds(-300)), time(not_after));
    params
}

/// A delegate whose key lives in memory alone.
struct Delegate {
    issuer: IssuerKey,
    key: KeyPair,
    public_key: PublicKey,
    certificate_der: Vec<u8>,
    not_after: UnixTime,
}

impl OcspSigner for Delegate {
    fn issuer(&self) -> IssuerKey {
        self.issuer
    }
    fn algorithm(&self) -> Algorithm {
        self.public_key.algorithm()
    }
    fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }
    fn key_hash(&self) -> [u8; 20] {
        self.public_key.key_identifier()
    }
    fn not_after(&self) -> UnixTime {
        self.not_after
    }
    fn signs_in_memory(&self) -> bool {
        true
    }
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        match self.key.sign(data.as_der()) {
            Ok(signature) => Ok(SignedResponseData::new(data, signature)),
            Err(_) => Err((data, SignFailure::TokenUnavailable)),
        }
    }
}
