//! Delegated OCSP keys: one in service for each CA key, renewed long before its certificate ends, without a gap.
use std::sync::Arc;

use ca::authority::Authority;
use ca::own::certificate_not_after;
use ca::problem::Problem;
use hsm_mock::{KeyLabel, TokenError};
use ocsp_responder::Issuers;
use pki::algorithm::Algorithm;
use pki::identity::IssuerKey;
use pki::time::UnixTime;
use registry::state::StateReads;

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
    /// What new ones sign with.
    pub algorithm: Algorithm,
}

impl Delegation {
    /// Puts the recorded delegate of that CA key into service, or a new one if it has too little time left or its key
    /// is gone. Gives the end of the one in service.
    pub fn ensure(&self, issuer: IssuerKey, now: UnixTime) -> Result<UnixTime, DelegationError> {
        let fault = |problem: Problem| DelegationError::Issue { issuer, reason: problem.detail().to_owned() };
        let recorded = self.authority.registry().store().ocsp_key(issuer).map_err(|error| fault(error.into()))?;
        if let Some(record) = recorded {
            let not_after = certificate_not_after(&record.certificate).map_err(fault)?;
            let fresh = not_after.seconds_since(now) > RENEW_BEFORE_SECONDS;
            if fresh && self.serve(issuer, label(&record.token_label), record.certificate, not_after).is_ok() {
                return Ok(not_after);
            }
        }
        self.renew(issuer).map_err(|error| match error {
            Renewal::Problem(problem) => fault(problem),
            Renewal::Token(source) => DelegationError::Token { issuer, source },
        })
    }

    /// A new key, its certificate, into service; then the keys that no record names any more are destroyed, those of
    /// attempts that a crash cut short among them.
    fn renew(&self, issuer: IssuerKey) -> Result<UnixTime, Renewal> {
        let position = self.authority.registry().store().tree_edge().map_err(Problem::from)?.size();
        let key_label = Labels::ocsp_key(issuer, position);
        let public_key = match self.token.generate_signing_key(&key_label, self.algorithm) {
            // Nothing was recorded since an earlier attempt that got this far.
            Err(TokenError::KeyExists { .. }) => self.token.public_key(&key_label)?,
            outcome => outcome?,
        };
        let token_label = key_label.as_str().to_owned();
        let certificate = self.authority.issue_ocsp_certificate(issuer, &public_key, token_label, VALIDITY_SECONDS)?;
        let not_after = certificate_not_after(&certificate.der)?;
        self.serve(issuer, key_label.clone(), certificate.der, not_after)?;
        let prefix = Labels::ocsp_key_prefix(issuer);
        for old in self.token.labels()? {
            if old.as_str().starts_with(&prefix) && old != key_label {
                self.token.destroy(&old)?;
            }
        }
        tracing::info!(%issuer, %not_after, "a new OCSP key is in service");
        Ok(not_after)
    }

    fn serve(
        &self,
        issuer: IssuerKey,
        key_label: KeyLabel,
        certificate: Vec<u8>,
        not_after: UnixTime,
    ) -> Result<(), TokenError> {
        let signer = TokenOcspSigner::new(Arc::clone(&self.token), key_label, issuer, certificate, not_after)?;
        self.issuers.replace_signer(Box::new(signer)).expect("every CA key is added before its delegate");
        Ok(())
    }
}

enum Renewal {
    Problem(Problem),
    Token(TokenError),
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
