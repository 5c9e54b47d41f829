//! Delegated OCSP keys: for each CA key one of each algorithm in service, renewed long before its certificate ends, without a
//! gap.
use std::sync::Arc;

use ca::authority::Authority;
use ca::own::certificate_key_and_end;
use ca::problem::Problem;
use hsm_mock::{KeyLabel, TokenError};
use ocsp_responder::Issuers;
use pki::algorithm::Algorithm;
use pki::identity::IssuerKey;
use pki::time::UnixTime;
use registry::state::{OcspKeyRecord, StateReads};

use crate::keys::{Labels, SharedToken, TokenOcspSigner, label};

const DAY_SECONDS: i64 = 86_400;
/// Short, because nobody can ask whether the certificate was revoked (L06, R15).
const VALIDITY_SECONDS: i64 = 30 * DAY_SECONDS;
/// Renewed with this much left: room for a week without anybody looking.
const RENEW_BEFORE_SECONDS: i64 = 10 * DAY_SECONDS;

/// Why a CA key has no delegate.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// The CA did not issue.
    #[error("the OCSP certificate of {issuer} could not be issued: {reason}")]
    Issue {
        /// For which CA key.
        issuer: IssuerKey,
        /// What the CA says.
        reason: String,
    },
    /// The token failed.
    #[error("the OCSP key of {issuer}: {source}")]
    Token {
        /// For which CA key.
        issuer: IssuerKey,
        /// What the token says.
        source: TokenError,
    },
}

/// What keeps delegates in service.
pub struct Delegation {
    /// Issues their certificates.
    pub authority: Arc<Authority>,
    /// Holds their keys.
    pub token: SharedToken,
    /// Where they serve.
    pub issuers: Arc<Issuers>,
    /// What they sign with: one each.
    pub algorithms: Vec<Algorithm>,
}

/// What delegates sign with where CA keys are of that algorithm: the same, what every client must understand (R17), and what
/// is quickest. Of two that a client cannot wish for separately there is one.
pub fn delegate_algorithms(of_ca_keys: Algorithm) -> Vec<Algorithm> {
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for algorithm in [of_ca_keys, Algorithm::Rsa2048Sha256, Algorithm::EcdsaP256Sha256] {
        if algorithms.iter().all(|other| other.signature_identifier() != algorithm.signature_identifier()) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}

/// A delegate in service.
struct InService {
    key_label: KeyLabel,
    not_after: UnixTime,
    is_new: bool,
}

impl Delegation {
    /// Puts the recorded delegates of that CA key into service whose certificates are valid, and then a new one of each
    /// algorithm of which there is none or which has too little time left. What fails is tried again next time, as long as
    /// there is one in service. Gives the first end of those in service. To be called at each start and every hour.
    pub fn ensure(&self, issuer: IssuerKey, now: UnixTime) -> Result<UnixTime, DelegationError> {
        let recorded = self.authority.registry().store().ocsp_keys(issuer);
        let recorded = recorded.map_err(|error| fault(issuer, &error.into()))?;
        let (mut in_service, mut failed) = (Vec::new(), None);
        for algorithm in &self.algorithms {
            match self.ensure_one(issuer, *algorithm, &recorded, now) {
                Ok(delegate) => in_service.push(delegate),
                Err(error) => {
                    tracing::warn!(%issuer, algorithm = algorithm.word(), %error, "there is no OCSP key of that algorithm");
                    failed = Some(error);
                }
            }
        }
        let is_settled = failed.is_none() && in_service.iter().all(|delegate| !delegate.is_new);
        if is_settled {
            self.destroy_others(issuer, &in_service);
        }
        match (in_service.iter().map(|delegate| delegate.not_after).min(), failed) {
            (None, Some(error)) => Err(error),
            (not_after, _) => Ok(not_after.expect("there is an algorithm")),
        }
    }

    fn ensure_one(
        &self,
        issuer: IssuerKey,
        algorithm: Algorithm,
        recorded: &[OcspKeyRecord],
        now: UnixTime,
    ) -> Result<InService, DelegationError> {
        let in_service = self.serve_recorded(issuer, algorithm, recorded, now);
        if let Some(delegate) = in_service.as_ref()
            && delegate.not_after.seconds_since(now) > RENEW_BEFORE_SECONDS
        {
            return Ok(in_service.expect("it was looked at"));
        }
        let renewed = self.renew(issuer, algorithm).map_err(|error| error.of(issuer));
        match (renewed, in_service) {
            (Err(error), Some(delegate)) => {
                let not_after = delegate.not_after;
                tracing::warn!(%issuer, %error, %not_after, "the OCSP key could not be renewed; the old one serves on");
                Ok(delegate)
            }
            (renewed, _) => renewed,
        }
    }

    /// Puts the last recorded delegate of that algorithm into service, if its certificate is valid and its key is there.
    fn serve_recorded(
        &self,
        issuer: IssuerKey,
        algorithm: Algorithm,
        recorded: &[OcspKeyRecord],
        now: UnixTime,
    ) -> Option<InService> {
        let record = recorded.iter().rev().find_map(|record| {
            let (public_key, not_after) = certificate_key_and_end(&record.certificate).ok()?;
            (public_key.algorithm() == algorithm).then(|| (not_after > now).then_some(record))
        })??;
        let key_label = label(&record.token_label);
        match self.serve(issuer, key_label.clone(), record.certificate.clone()) {
            Ok(not_after) => Some(InService { key_label, not_after, is_new: false }),
            Err(error) => {
                let error = error.of(issuer);
                tracing::warn!(%issuer, %error, "the recorded OCSP key cannot be used");
                None
            }
        }
    }

    /// A new key, its certificate, into service. The old key stays for the answers that are being signed with it.
    fn renew(&self, issuer: IssuerKey, algorithm: Algorithm) -> Result<InService, Renewal> {
        let position = self.authority.registry().store().tree_edge().map_err(Problem::from)?.size();
        let key_label = Labels::ocsp_key(issuer, position, algorithm);
        let public_key = match self.token.generate_signing_key(&key_label, algorithm) {
            // Nothing was recorded since an earlier attempt that got this far.
            Err(TokenError::KeyExists { .. }) => self.token.public_key(&key_label)?,
            outcome => outcome?,
        };
        let token_label = key_label.as_str().to_owned();
        let certificate = self.authority.issue_ocsp_certificate(issuer, &public_key, token_label, VALIDITY_SECONDS)?;
        let not_after = self.serve(issuer, key_label.clone(), certificate.der)?;
        tracing::info!(%issuer, algorithm = algorithm.word(), %not_after, "a new OCSP key is in service");
        Ok(InService { key_label, not_after, is_new: true })
    }

    /// Destroys the keys of that CA key's delegates but those in service: those before them, and those of attempts that did
    /// not get to their end. Since they were replaced an hour has gone by, or a start: no answer is being signed with them.
    fn destroy_others(&self, issuer: IssuerKey, in_service: &[InService]) {
        let prefix = Labels::ocsp_key_prefix(issuer);
        let serves = |label: &KeyLabel| in_service.iter().any(|delegate| delegate.key_label == *label);
        let destroyed = self.token.labels().and_then(|labels| {
            let others = labels.iter().filter(|label| label.as_str().starts_with(&prefix) && !serves(label));
            others.map(|old| self.token.destroy(old)).collect::<Result<Vec<_>, _>>()
        });
        if let Err(error) = destroyed {
            tracing::warn!(%issuer, %error, "an old OCSP key could not be destroyed; it is tried again in an hour");
        }
    }

    /// Puts it into service, and gives its certificate's end.
    fn serve(&self, issuer: IssuerKey, key_label: KeyLabel, certificate: Vec<u8>) -> Result<UnixTime, Renewal> {
        let (public_key, not_after) = certificate_key_and_end(&certificate)?;
        let parts = (public_key, not_after);
        let signer = TokenOcspSigner::new(Arc::clone(&self.token), key_label, issuer, certificate, parts)?;
        self.issuers.replace_signer(Box::new(signer)).expect("every CA key is added before its delegate");
        Ok(not_after)
    }
}

fn fault(issuer: IssuerKey, problem: &Problem) -> DelegationError {
    DelegationError::Issue { issuer, reason: problem.detail().to_owned() }
}

enum Renewal {
    Problem(Problem),
    Token(TokenError),
}

impl Renewal {
    fn of(self, issuer: IssuerKey) -> DelegationError {
        match self {
            Self::Problem(problem) => fault(issuer, &problem),
            Self::Token(source) => DelegationError::Token { issuer, source },
        }
    }
}

impl From<Problem> for Renewal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<TokenError> for Renewal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}
