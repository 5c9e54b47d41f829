//! Data keys that the token has wrapped ahead, so that a record can be sealed while it does not wrap, and without waiting for it.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::SecureRandom;
use registry::seal::{DataKey, RetentionYear, Vault, VaultError};

use crate::authority::Authority;
use crate::doors::ISSUES_AT_ONCE_MAX;
use crate::problem::Problem;

/// What the issues that can be at work at once take: two certificates each, each with an intent and an issued record. Some 70 KB.
const DATA_KEYS_OF_A_YEAR: usize = 4 * ISSUES_AT_ONCE_MAX;

/// By the year in which the retention ends of what they will seal; the years are those that were asked for.
#[derive(Default)]
pub(crate) struct DataKeys(Mutex<BTreeMap<RetentionYear, Vec<DataKey>>>);

impl DataKeys {
    // Nothing can panic while it is held.
    fn hold(&self) -> MutexGuard<'_, BTreeMap<RetentionYear, Vec<DataKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is ready, or a new one.
    fn take(&self, vault: &dyn Vault, random: &dyn SecureRandom, year: RetentionYear) -> Result<DataKey, VaultError> {
        let ready = self.hold().entry(year).or_default().pop();
        ready.map_or_else(|| DataKey::make(vault, random, year), Ok)
    }

    /// Makes what is lacking, until the token fails.
    fn top_up(&self, vault: &dyn Vault, random: &dyn SecureRandom) -> Result<(), VaultError> {
        let lacking: Vec<_> = self.hold().iter().map(|(year, ready)| (*year, ready.len())).collect();
        for (year, ready) in lacking {
            for _ in ready..DATA_KEYS_OF_A_YEAR {
                // The token is asked while nobody has to wait.
                let made = DataKey::make(vault, random, year)?;
                self.hold().entry(year).or_default().push(made);
            }
        }
        Ok(())
    }
}

impl Authority {
    /// A data key for one record whose retention ends in that year.
    pub(crate) fn data_key(&self, year: RetentionYear) -> Result<DataKey, Problem> {
        Ok(self.data_keys.take(&*self.outside.vault, &*self.outside.randomness, year)?)
    }

    /// Has data keys wrapped ahead; to be called again and again. What the token refuses is made when it is needed.
    pub fn wrap_data_keys_ahead(&self) {
        if let Err(error) = self.data_keys.top_up(&*self.outside.vault, &*self.outside.randomness) {
            tracing::debug!(%error, "no data keys are wrapped ahead now");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use zeroize::Zeroizing;

    use super::*;

    /// Counts what it wraps, unless it is away.
    #[derive(Default)]
    struct CountingVault {
        away: AtomicBool,
        wrapped: AtomicUsize,
    }

    impl Vault for CountingVault {
        fn wrap(&self, _: RetentionYear, data_key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
            if self.away.load(Ordering::SeqCst) {
                return Err(VaultError::Token("away".to_owned()));
            }
            self.wrapped.fetch_add(1, Ordering::SeqCst);
            Ok(data_key.to_vec())
        }

        fn unwrap(&self, _: RetentionYear, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
            wrapped.try_into().map(Zeroizing::new).map_err(|_| VaultError::Altered)
        }
    }

    #[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
    fn random() -> aws_lc_rs::rand::SystemRandom {
        aws_lc_rs::rand::SystemRandom::new()
    }

    #[test]
    fn what_was_wrapped_ahead_is_there_while_the_token_is_away_each_once_and_no_more() {
        let (vault, keys, year) = (CountingVault::default(), DataKeys::default(), RetentionYear(2041));
        keys.top_up(&vault, &random()).unwrap();
        assert_eq!(vault.wrapped.load(Ordering::SeqCst), 0, "no year was asked for yet");
        keys.take(&vault, &random(), year).unwrap();
        keys.top_up(&vault, &random()).unwrap();
        keys.top_up(&vault, &random()).unwrap();
        assert_eq!(vault.wrapped.load(Ordering::SeqCst), 1 + DATA_KEYS_OF_A_YEAR, "it is full, and stays so");

        vault.away.store(true, Ordering::SeqCst);
        let mut commitments = std::collections::BTreeSet::new();
        for _ in 0..DATA_KEYS_OF_A_YEAR {
            let key = keys.take(&vault, &random(), year).unwrap();
            assert_eq!(key.year(), year);
            let sealed = key.seal("place", b"record");
            assert_eq!(sealed.open(&vault, "place").unwrap().as_slice(), b"record");
            commitments.insert(sealed.commitment());
        }
        assert_eq!(commitments.len(), DATA_KEYS_OF_A_YEAR, "no key, and no salt, twice");
        assert!(keys.take(&vault, &random(), year).is_err() && keys.top_up(&vault, &random()).is_err());
        assert!(keys.take(&vault, &random(), RetentionYear(2042)).is_err());
        vault.away.store(false, Ordering::SeqCst);
        keys.top_up(&vault, &random()).unwrap();
        assert_eq!(vault.wrapped.load(Ordering::SeqCst), 1 + 3 * DATA_KEYS_OF_A_YEAR, "of both years");
    }
}
