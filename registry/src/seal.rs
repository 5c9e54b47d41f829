//! Personal data at rest: every record under its own data key, that key wrapped by the token key of the year in which
//! the record's retention ends. Destroying that year's token key forgets the record in files, replicas and backups.
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SecureRandom;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// The year in which a record's retention ends; names the token key that wraps its data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RetentionYear(#[n(0)] pub u16);

/// Wraps data keys. The binary implements it over the token.
pub trait Vault: Send + Sync {
    /// Wraps a data key under that year's token key, making the key if it is the first record of its year.
    fn wrap(&self, year: RetentionYear, data_key: &[u8; 32]) -> Result<Vec<u8>, VaultError>;
    /// Unwraps a data key.
    fn unwrap(&self, year: RetentionYear, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError>;
}

/// Why a sealed record could not be made or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The year's token key was destroyed: its records are forgotten.
    #[error("the records whose retention ended in {} are forgotten: their key was destroyed", .0.0)]
    Forgotten(RetentionYear),
    /// The token is not answering, or refused.
    #[error("the token cannot be used now: {0}")]
    Token(String),
    /// The record, its wrapped key or its commitment was altered, or belongs elsewhere.
    #[error("a sealed record does not open: it was altered, or belongs to another place")]
    Altered,
}

/// A sealed record: what is stored of personal data.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Sealed {
    /// Whose token key wraps the data key.
    #[n(0)]
    pub year: RetentionYear,
    #[cbor(n(1), with = "minicbor::bytes")]
    wrapped_key: Vec<u8>,
    /// AES-256-GCM of salt and record. Each data key seals one record once, so the nonce is constant.
    #[cbor(n(2), with = "minicbor::bytes")]
    ciphertext: Vec<u8>,
    /// SHA-256 of salt and record: what the log's leaf hash covers, so that the log verifies without opening anything.
    #[cbor(n(3), with = "minicbor::bytes")]
    commitment: [u8; 32],
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {} octets)", self.year.0, self.ciphertext.len())
    }
}

const SALT_OCTETS: usize = 32;

/// What one record is sealed with, made and wrapped before: sealing itself needs no token and no randomness, so it can be
/// done where nothing may wait. It seals once, for the nonce is constant.
pub struct DataKey {
    year: RetentionYear,
    key: Zeroizing<[u8; 32]>,
    salt: Zeroizing<[u8; SALT_OCTETS]>,
    wrapped: Vec<u8>,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.year.0)
    }
}

impl DataKey {
    /// A new one for a record whose retention ends in that year, wrapped under the year's token key.
    pub fn make(vault: &dyn Vault, randomness: &dyn SecureRandom, year: RetentionYear) -> Result<Self, VaultError> {
        let failed = |_| VaultError::Token("no randomness".to_owned());
        // Drawn at once: asking costs more than the octets do.
        let mut drawn = Zeroizing::new([[0; SALT_OCTETS]; 2]);
        randomness.fill(drawn.as_flattened_mut()).map_err(failed)?;
        let (key, salt) = (Zeroizing::new(drawn[0]), Zeroizing::new(drawn[1]));
        let wrapped = vault.wrap(year, &key)?;
        Ok(Self { year, key, salt, wrapped })
    }

    /// The year in which the retention of what it seals ends.
    pub const fn year(&self) -> RetentionYear {
        self.year
    }

    /// Seals a record. `place` says where it belongs (for example `sign/12/issued`); it opens nowhere else.
    pub fn seal(self, place: &str, record: &[u8]) -> Sealed {
        let Self { year, key, salt, wrapped } = self;
        // Room for the tag, too: what is moved to make room would leave a copy behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(SALT_OCTETS + record.len() + AES_256_GCM.tag_len()));
        octets.extend_from_slice(&*salt);
        octets.extend_from_slice(record);
        let commitment = pki::algorithm::sha256(&octets);
        cipher(&key)
            .seal_in_place_append_tag(nonce(), Aad::from(place.as_bytes()), &mut *octets)
            .expect("a record is far shorter than AES-GCM's limit of 64 GiB");
        let ciphertext = std::mem::take(&mut *octets);
        Sealed { year, wrapped_key: wrapped, ciphertext, commitment }
    }
}

impl Sealed {
    /// How long it is, without CBOR's heads.
    pub(crate) const fn octets(&self) -> usize {
        self.wrapped_key.len() + self.ciphertext.len() + self.commitment.len()
    }

    /// Opens the record, and checks it against the commitment that the log's leaf hash covers.
    pub fn open(&self, vault: &dyn Vault, place: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let data_key = vault.unwrap(self.year, &self.wrapped_key)?;
        let mut octets = Zeroizing::new(self.ciphertext.clone());
        let length = cipher(&data_key)
            .open_in_place(nonce(), Aad::from(place.as_bytes()), &mut octets)
            .map_err(|_| VaultError::Altered)?
            .len();
        octets.truncate(length);
        if length < SALT_OCTETS || pki::algorithm::sha256(&octets) != self.commitment {
            return Err(VaultError::Altered);
        }
        octets.drain(..SALT_OCTETS);
        Ok(octets)
    }

    /// The commitment.
    pub const fn commitment(&self) -> [u8; 32] {
        self.commitment
    }
}

fn cipher(data_key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, data_key).expect("32 octets are an AES-256 key"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A vault whose year key is the year; only for tests of what lies around it.
    pub(crate) struct PlainVault {
        pub(crate) forgotten: Option<RetentionYear>,
    }

    impl Vault for PlainVault {
        fn wrap(&self, year: RetentionYear, data_key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
            Ok(data_key.iter().map(|octet| octet ^ year.0.to_be_bytes()[1]).collect())
        }
        fn unwrap(&self, year: RetentionYear, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
            if self.forgotten == Some(year) {
                return Err(VaultError::Forgotten(year));
            }
            let octets: Vec<u8> = wrapped.iter().map(|octet| octet ^ year.0.to_be_bytes()[1]).collect();
            octets.try_into().map(Zeroizing::new).map_err(|_| VaultError::Altered)
        }
    }

    #[expect(clippy::disallowed_methods, reason = "tests own their randomness")]
    pub(crate) fn randomness() -> aws_lc_rs::rand::SystemRandom {
        aws_lc_rs::rand::SystemRandom::new()
    }

    pub(crate) fn seal(vault: &PlainVault, place: &str, record: &[u8]) -> Sealed {
        DataKey::make(vault, &randomness(), RetentionYear(2041)).unwrap().seal(place, record)
    }

    #[test]
    fn a_sealed_record_opens_only_unaltered_and_in_its_place() {
        let vault = PlainVault { forgotten: None };
        let sealed = seal(&vault, "sign/12", b"record");
        assert_eq!(sealed.open(&vault, "sign/12").unwrap().as_slice(), b"record");
        assert_eq!(sealed.open(&vault, "sign/13"), Err(VaultError::Altered));
        for at in 0..sealed.ciphertext.len() {
            let mut altered = sealed.clone();
            altered.ciphertext[at] ^= 1;
            assert_eq!(altered.open(&vault, "sign/12"), Err(VaultError::Altered));
        }
        let mut other = sealed.clone();
        other.commitment[0] ^= 1;
        assert_eq!(other.open(&vault, "sign/12"), Err(VaultError::Altered));
        let forgetful = PlainVault { forgotten: Some(RetentionYear(2041)) };
        assert_eq!(sealed.open(&forgetful, "sign/12"), Err(VaultError::Forgotten(RetentionYear(2041))));
    }

    #[test]
    fn equal_records_have_unequal_commitments() {
        let vault = PlainVault { forgotten: None };
        let commitment = || seal(&vault, "a", b"1980-02-17").commitment();
        assert_ne!(commitment(), commitment());
    }
}
