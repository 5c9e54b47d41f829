//! Data keys under year keys, and keyed hashes, over the token.
use ca::seam::{KeyedHash, TokenFailure};
use hsm_mock::{SecretPurpose, TokenError};
use registry::seal::{RetentionYear, Vault, VaultError};
use zeroize::Zeroizing;

use super::{Labels, SharedToken};

/// Binds a wrapped key to its use; the year is in the key's label.
const WRAP_CONTEXT: &[u8] = b"akashi data key";

/// Wraps data keys under the year keys.
pub struct TokenVault(pub SharedToken);

fn failed(error: &TokenError) -> VaultError {
    VaultError::Token(error.to_string())
}

impl Vault for TokenVault {
    fn wrap(&self, year: RetentionYear, data_key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let label = Labels::year_key(year);
        match self.0.wrap(&label, data_key, WRAP_CONTEXT) {
            // The first record of its year. Two at once: the second finds the key made, which is as well.
            Err(TokenError::NoSuchKey { .. }) => match self.0.generate_secret_key(&label, SecretPurpose::Wrap) {
                Ok(()) | Err(TokenError::KeyExists { .. }) => {
                    self.0.wrap(&label, data_key, WRAP_CONTEXT).map_err(|error| failed(&error))
                }
                Err(error) => Err(failed(&error)),
            },
            outcome => outcome.map_err(|error| failed(&error)),
        }
    }

    fn unwrap(&self, year: RetentionYear, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let key = self.0.unwrap(&Labels::year_key(year), wrapped, WRAP_CONTEXT).map_err(|error| match error {
            TokenError::NoSuchKey { .. } => VaultError::Forgotten(year),
            TokenError::NotAuthentic { .. } => VaultError::Altered,
            other => failed(&other),
        })?;
        key.as_slice().try_into().map(Zeroizing::new).map_err(|_| VaultError::Altered)
    }
}

/// Keyed hashes under the token's hash key.
pub struct TokenKeyedHash(pub SharedToken);

impl KeyedHash for TokenKeyedHash {
    fn keyed_hash(&self, domain: &str, octets: &[u8]) -> Result<[u8; 32], TokenFailure> {
        let message = Zeroizing::new([domain.as_bytes(), &[0], octets].concat());
        self.0.mac(&Labels::hash_key(), &message).map_err(|error| TokenFailure(error.to_string()))
    }
}
