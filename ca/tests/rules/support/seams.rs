//! What the rules need from outside, over the software token, and switches for the stories.
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ca::seam::{KeyedHash, LeafSigner, PartyCa, PartyCaError, TokenFailure, Visibility};
use hsm_mock::{FaultyToken, KeyLabel, Randomness, SecretPurpose, SoftToken, Token, TokenError};
use pki::algorithm::PublicKey;
use pki::certificate::{Certificate, Issuer};
use pki::identity::IssuerKey;
use pki::lint::LintedCertificate;
use pki::time::UnixTime;
use registry::Clock;
use registry::seal::{RetentionYear, Vault, VaultError};
use zeroize::Zeroizing;

pub(crate) type TestToken = FaultyToken<SoftToken>;

#[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
pub(super) fn randomness() -> Randomness {
    Arc::new(aws_lc_rs::rand::SystemRandom::new())
}

/// Stands until it is moved.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(super) const fn at(time: UnixTime) -> Self {
        Self(AtomicI64::new(time.as_seconds()))
    }

    pub(crate) fn set(&self, time: UnixTime) {
        self.0.store(time.as_seconds(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// The OCSP nodes in service, all of which lag or none.
#[derive(Default)]
pub(crate) struct Nodes {
    lag: AtomicBool,
}

impl Nodes {
    pub(crate) fn set_lag(&self, lag: bool) {
        self.lag.store(lag, Ordering::SeqCst);
    }
}

impl Visibility for Nodes {
    fn wait_until_visible(&self, _row: u64, _at_most: Duration) -> bool {
        !self.lag.load(Ordering::SeqCst)
    }
}

type Action = Box<dyn FnOnce() + Send>;

/// What a story wants done once, when a numbered durable step is reached.
#[derive(Default)]
pub(crate) struct Steps(Mutex<Option<(&'static str, Action)>>);

impl Steps {
    pub(crate) fn at(&self, step: &'static str, action: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some((step, Box::new(action)));
    }

    pub(super) fn reached(&self, step: &'static str) {
        let action = self.0.lock().unwrap().take_if(|(at, _)| *at == step);
        if let Some((_, action)) = action {
            action();
        }
    }
}

fn label(text: &str) -> KeyLabel {
    KeyLabel::new(text).unwrap()
}

pub(super) fn hash_label() -> KeyLabel {
    label("keyed-hash")
}

pub(super) fn ca_label(issuer: IssuerKey) -> KeyLabel {
    label(&format!("ca-{}-{}", issuer.ca, issuer.key))
}

fn year_label(year: RetentionYear) -> KeyLabel {
    label(&format!("year-{}", year.0))
}

pub(super) fn sign(
    token: &TestToken,
    label: &KeyLabel,
    public_key: &PublicKey,
    linted: LintedCertificate,
) -> Result<Certificate, (LintedCertificate, TokenFailure)> {
    match token.sign(label, linted.tbs_der()) {
        Ok(signature) => linted
            .into_certificate(public_key.algorithm(), &signature, public_key)
            .map_err(|(linted, bad)| (linted, TokenFailure(bad.to_string()))),
        Err(error) => Err((linted, TokenFailure(error.to_string()))),
    }
}

pub(super) struct Signer {
    token: Arc<TestToken>,
    issuer: Issuer,
}

impl Signer {
    pub(super) const fn new(token: Arc<TestToken>, issuer: Issuer) -> Self {
        Self { token, issuer }
    }
}

impl LeafSigner for Signer {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn sign(&self, linted: LintedCertificate) -> Result<Certificate, (LintedCertificate, TokenFailure)> {
        sign(&self.token, &ca_label(self.issuer.issuer), &self.issuer.public_key, linted)
    }
}

/// Keyed hashes and year keys.
pub(super) struct TokenSeams(pub(super) Arc<TestToken>, pub(super) Arc<Steps>);

const WRAP_CONTEXT: &[u8] = b"data key";

impl KeyedHash for TokenSeams {
    fn keyed_hash(&self, domain: &str, octets: &[u8]) -> Result<[u8; 32], TokenFailure> {
        let message = [domain.as_bytes(), &[0], octets].concat();
        self.0.mac(&hash_label(), &message).map_err(|error| TokenFailure(error.to_string()))
    }
}

impl Vault for TokenSeams {
    fn wrap(&self, year: RetentionYear, data_key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let wrap = || self.0.wrap(&year_label(year), data_key, WRAP_CONTEXT);
        let wrapped = match wrap() {
            Err(TokenError::NoSuchKey { .. }) => {
                match self.0.generate_secret_key(&year_label(year), SecretPurpose::Wrap) {
                    Ok(()) | Err(TokenError::KeyExists { .. }) => wrap(),
                    Err(error) => Err(error),
                }
            }
            wrapped => wrapped,
        };
        wrapped.map_err(|error| VaultError::Token(error.to_string()))
    }

    fn unwrap(&self, year: RetentionYear, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        // Whatever the token takes its time for.
        self.1.reached("vault.unwrap");
        let key = self.0.unwrap(&year_label(year), wrapped, WRAP_CONTEXT).map_err(|error| match error {
            TokenError::NoSuchKey { .. } => VaultError::Forgotten(year),
            TokenError::NotAuthentic { .. } => VaultError::Altered,
            other => VaultError::Token(other.to_string()),
        })?;
        key.as_slice().try_into().map(Zeroizing::new).map_err(|_| VaultError::Altered)
    }
}

/// A party CA whose client certificates are the names in them: TLS is not what these stories are about.
pub(super) struct PartyNames;

impl PartyCa for PartyNames {
    fn issue(&self, csr_pem: &str, common_name: &str) -> Result<Vec<u8>, PartyCaError> {
        // Two parties of one role have one common name; a request with something in it tells them apart.
        Ok(if csr_pem.is_empty() { common_name } else { csr_pem }.as_bytes().to_vec())
    }
}
