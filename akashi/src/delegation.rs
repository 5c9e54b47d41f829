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
    /// What new ones sign with.
    pub algorithm: Algorithm,
}

impl Delegation {
    /// Puts the recorded delegate of that CA key into service if its certificate is valid, and then a new one if there is
    /// none or it has too little time left. A renewal that fails is tried again next time, as long as there is one in
    /// service. Gives the end of the one in service. To be called at each start and every hour.
    pub fn ensure(&self, issuer: IssuerKey, now: UnixTime) -> Result<UnixTime, DelegationError> {
        let fault = |problem: Problem| DelegationError::Issue { issuer, reason: problem.detail().to_owned() };
        let recorded = self.authority.registry().store().ocsp_key(issuer).map_err(|error| fault(error.into()))?;
        let in_service = recorded.and_then(|record| self.serve_recorded(issuer, record, now));
        if let Some((key_label, not_after)) = &in_service
            && not_after.seconds_since(now) > RENEW_BEFORE_SECONDS
        {
            self.destroy_others(issuer, key_label);
            return Ok(*not_after);
        }
        let renewed = self.renew(issuer).map_err(|error| match error {
            Renewal::Problem(problem) => fault(problem),
            Renewal::Token(source) => DelegationError::Token { issuer, source },
        });
        match (renewed, in_service) {
            (Err(error), Some((_, not_after))) => {
                tracing::warn!(%issuer, %error, %not_after, "the OCSP key could not be renewed; the old one serves on");
                Ok(not_after)
            }
            (renewed, _) => renewed,
        }
    }

    /// Puts the recorded delegate into service, if its certificate is valid and its key is there.
    fn serve_recorded(&self, issuer: IssuerKey, record: OcspKeyRecord, now: UnixTime) -> Option<(KeyLabel, UnixTime)> {
        let not_after = certificate_not_after(&record.certificate).ok().filter(|not_after| *not_after > now)?;
        let key_label = label(&record.token_label);
        match self.serve(issuer, key_label.clone(), record.certificate, not_after) {
            Ok(()) => Some((key_label, not_after)),
            Err(error) => {
                tracing::warn!(%issuer, %error, "the recorded OCSP key cannot be used");
                None
            }
        }
    }

    /// A new key, its certificate, into service. The old key stays for the answers that are being signed with it.
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
        self.serve(issuer, key_label, certificate.der, not_after)?;
        tracing::info!(%issuer, %not_after, "a new OCSP key is in service");
        Ok(not_after)
    }

    /// Destroys the keys of that CA key's delegates but the one in service: those before it, and those of attempts that
    /// did not get to their end. Since they were replaced an hour has gone by, or a start: no answer is being signed with them.
    fn destroy_others(&self, issuer: IssuerKey, in_service: &KeyLabel) {
        let prefix = Labels::ocsp_key_prefix(issuer);
        let destroyed = self.token.labels().and_then(|labels| {
            let others = labels.iter().filter(|label| label.as_str().starts_with(&prefix) && *label != in_service);
            others.map(|old| self.token.destroy(old)).collect::<Result<Vec<_>, _>>()
        });
        if let Err(error) = destroyed {
            tracing::warn!(%issuer, %error, "an old OCSP key could not be destroyed; it is tried again in an hour");
        }
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
