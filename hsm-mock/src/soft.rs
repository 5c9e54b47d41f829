//! The token in software: sealed files, and the keys parsed in memory.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use pki::algorithm::{Algorithm, PublicKey};
use pki::message::{MessageDigest, MessageHasher};
use zeroize::Zeroizing;

use crate::aead;
use crate::directory::{self, TokenDirectory};
use crate::error::{StorageError, TokenError};
use crate::key::{self, Key, SigningKey};
use crate::label::KeyLabel;
use crate::pin::{Pin, PinCost};
use crate::sealing::{MasterKey, Unsealable};
use crate::token::{KeyKind, Operation, SecretPurpose, Token, WRAP_PLAINTEXT_OCTETS_MAX};

/// Where salts, nonces and secret keys come from. Key pairs come from AWS-LC's own source, which takes no other.
pub type Randomness = Arc<dyn SecureRandom + Send + Sync>;

/// A token whose keys are files sealed under a PIN, and ready in memory while it is open. One handle at a time: the
/// folder is locked until this is dropped or the process ends.
pub struct SoftToken {
    directory: TokenDirectory,
    master_key: MasterKey,
    /// The truth while the token is open; the files follow it under `changes`.
    keys: RwLock<BTreeMap<KeyLabel, Arc<Key>>>,
    /// Held while a key is made or destroyed, so that signing goes on meanwhile.
    changes: Mutex<()>,
    randomness: Randomness,
}

impl SoftToken {
    /// Makes a token without keys in a folder that does not exist or is empty, and whose parent exists. Finishes what an
    /// interrupted making began; refuses a folder with a token.
    pub fn create(directory: &Path, pin: &Pin, cost: PinCost, randomness: Randomness) -> Result<Self, TokenError> {
        let directory = TokenDirectory::make(directory)?;
        let (master_key, header) = MasterKey::generate(pin, cost, &*randomness)
            .map_err(|_| TokenError::Failed { operation: Operation::GenerateSecretKey })?;
        directory.write(&directory.header_path(), &header)?;
        Ok(Self::with_keys(directory, master_key, BTreeMap::new(), randomness))
    }

    /// Opens a token and reads all its keys, or none: one bad key file keeps it shut, with an error that names the file.
    /// Blocks for what the PIN costs ([`PinCost`]).
    pub fn open(directory: &Path, pin: &Pin, randomness: Randomness) -> Result<Self, TokenError> {
        let directory = TokenDirectory::enter(directory)?;
        let header_path = directory.header_path();
        let master_key = match MasterKey::open(&directory::read(&header_path)?, pin) {
            Ok(master_key) => master_key,
            Err(Unsealable::NotAuthentic) => return Err(TokenError::WrongPin),
            Err(unsealable) => return Err(refused(unsealable, &header_path).into()),
        };
        directory.sweep()?;
        let mut keys = BTreeMap::new();
        for label in directory.key_labels()? {
            let key = load(&directory, &master_key, &label)?;
            keys.insert(label, Arc::new(key));
        }
        Ok(Self::with_keys(directory, master_key, keys, randomness))
    }

    fn with_keys(
        directory: TokenDirectory,
        master_key: MasterKey,
        keys: BTreeMap<KeyLabel, Arc<Key>>,
        randomness: Randomness,
    ) -> Self {
        Self { directory, master_key, keys: RwLock::new(keys), changes: Mutex::new(()), randomness }
    }

    /// Makes a key: in the files first, then for all to use.
    fn make_key(
        &self,
        label: &KeyLabel,
        kind: KeyKind,
        operation: Operation,
        material: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Unspecified>,
    ) -> Result<Arc<Key>, TokenError> {
        let failed = |_| TokenError::Failed { operation };
        let _one_change_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(label).is_ok() {
            return Err(TokenError::KeyExists { label: label.clone() });
        }
        let material = material().map_err(failed)?;
        // The key that is used is parsed from what is stored, so what is stored can be used.
        let key = Arc::new(Key::from_material(kind, &material).map_err(failed)?);
        let file = self.master_key.seal_key(label, kind, &material, &*self.randomness).map_err(failed)?;
        self.directory.write(&self.directory.key_path(label), &file)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(label.clone(), Arc::clone(&key));
        Ok(key)
    }

    fn find(&self, label: &KeyLabel) -> Result<Arc<Key>, TokenError> {
        // A panic elsewhere leaves the map as whole as it was: each change to it is one call.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(label).cloned().ok_or_else(|| TokenError::NoSuchKey { label: label.clone() })
    }
}

impl Token for SoftToken {
    fn generate_signing_key(&self, label: &KeyLabel, algorithm: Algorithm) -> Result<PublicKey, TokenError> {
        let operation = Operation::GenerateSigningKey;
        let kind = KeyKind::Signing(algorithm);
        let key = self.make_key(label, kind, operation, || key::generate_pkcs8(algorithm))?;
        signing(label, &key, operation).map(|key| key.public_key().clone())
    }

    fn generate_secret_key(&self, label: &KeyLabel, purpose: SecretPurpose) -> Result<(), TokenError> {
        let kind = KeyKind::Secret(purpose);
        self.make_key(label, kind, Operation::GenerateSecretKey, || {
            aead::random_key(&*self.randomness).map(|octets| Zeroizing::new(octets.to_vec()))
        })?;
        Ok(())
    }

    fn public_key(&self, label: &KeyLabel) -> Result<PublicKey, TokenError> {
        signing(label, &*self.find(label)?, Operation::PublicKey).map(|key| key.public_key().clone())
    }

    fn labels(&self) -> Result<Vec<KeyLabel>, TokenError> {
        Ok(self.keys.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect())
    }

    /// Keys are in memory, and the lock on them is held to look one up, or to put in or take out one whose file is written.
    fn signs_in_memory(&self) -> bool {
        true
    }

    fn sign(&self, label: &KeyLabel, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let operation = Operation::Sign;
        let key = self.find(label)?;
        let key = signing(label, &key, operation)?;
        let mut hasher = MessageHasher::new(key.public_key().algorithm());
        hasher.update(message);
        key.sign(&hasher.finish()).map_err(|_| TokenError::Failed { operation })
    }

    fn sign_digest(&self, label: &KeyLabel, digest: &MessageDigest) -> Result<Vec<u8>, TokenError> {
        let operation = Operation::SignDigest;
        let key = self.find(label)?;
        let key = signing(label, &key, operation)?;
        let algorithm = key.public_key().algorithm();
        if digest.algorithm() != algorithm {
            return Err(TokenError::WrongDigest { label: label.clone(), key: algorithm, digest: digest.algorithm() });
        }
        key.sign(digest).map_err(|_| TokenError::Failed { operation })
    }

    fn wrap(&self, label: &KeyLabel, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, TokenError> {
        let operation = Operation::Wrap;
        let key = self.find(label)?;
        let Key::Wrap(wrapping) = &*key else { return Err(wrong_use(label, &key, operation)) };
        if plaintext.len() > WRAP_PLAINTEXT_OCTETS_MAX {
            return Err(TokenError::TooLong { octets: plaintext.len(), octets_max: WRAP_PLAINTEXT_OCTETS_MAX });
        }
        aead::seal(wrapping, &*self.randomness, context, plaintext).map_err(|_| TokenError::Failed { operation })
    }

    fn unwrap(&self, label: &KeyLabel, wrapped: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let key = self.find(label)?;
        let Key::Wrap(wrapping) = &*key else { return Err(wrong_use(label, &key, Operation::Unwrap)) };
        aead::open(wrapping, context, wrapped).map_err(|_| TokenError::NotAuthentic { label: label.clone() })
    }

    fn mac(&self, label: &KeyLabel, message: &[u8]) -> Result<[u8; 32], TokenError> {
        let key = self.find(label)?;
        let Key::Mac(mac) = &*key else { return Err(wrong_use(label, &key, Operation::Mac)) };
        Ok(hmac::sign(mac, message).as_ref().try_into().expect("HMAC-SHA-256 has 32 octets"))
    }

    fn destroy(&self, label: &KeyLabel) -> Result<(), TokenError> {
        let _one_change_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        self.find(label)?;
        // The files first: if they fail, the key is still known here and the call can be made again.
        self.directory.destroy_key(label)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(label);
        Ok(())
    }
}

impl std::fmt::Debug for SoftToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.write_str("SoftToken ")?;
        f.debug_set().entries(keys.keys()).finish()
    }
}

fn load(directory: &TokenDirectory, master_key: &MasterKey, label: &KeyLabel) -> Result<Key, StorageError> {
    let path = directory.key_path(label);
    let (kind, material) =
        master_key.open_key(label, &directory::read(&path)?).map_err(|unsealable| refused(unsealable, &path))?;
    Key::from_material(kind, &material).map_err(|_| StorageError::Malformed { path })
}

fn refused(unsealable: Unsealable, path: &Path) -> StorageError {
    let path = path.to_owned();
    match unsealable {
        Unsealable::Malformed => StorageError::Malformed { path },
        Unsealable::UnknownFormat(format) => StorageError::UnknownFormat { path, format },
        Unsealable::NotAuthentic => StorageError::NotAuthentic { path },
        Unsealable::Renamed(holds) => StorageError::Renamed { path, holds },
    }
}

fn signing<'key>(label: &KeyLabel, key: &'key Key, operation: Operation) -> Result<&'key SigningKey, TokenError> {
    match key {
        Key::Signing(signing) => Ok(signing),
        Key::Wrap(_) | Key::Mac(_) => Err(wrong_use(label, key, operation)),
    }
}

fn wrong_use(label: &KeyLabel, key: &Key, operation: Operation) -> TokenError {
    TokenError::WrongUse { label: label.clone(), kind: key.kind(), operation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[expect(clippy::disallowed_methods, reason = "a test has no binary to give it randomness")]
    fn randomness() -> Randomness {
        Arc::new(aws_lc_rs::rand::SystemRandom::new())
    }

    /// Whether any sixteen octets of the material, cut in a row, stand anywhere in the octets.
    fn shows(octets: &[u8], material: &[u8]) -> bool {
        material.chunks_exact(16).any(|part| octets.windows(16).any(|window| window == part))
    }

    #[test]
    fn no_file_ever_holds_a_key_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("token");
        let pin = Pin::new(b"correct horse battery").unwrap();
        let token = SoftToken::create(&directory, &pin, PinCost::WEAK_FOR_TESTS, randomness()).unwrap();
        let pairs = Algorithm::ALL.map(|made| (KeyKind::Signing(made), key::generate_pkcs8(made).unwrap()));
        let secrets = [SecretPurpose::Wrap, SecretPurpose::Mac]
            .map(|made| (KeyKind::Secret(made), aead::random_key(&*token.randomness).unwrap().to_vec().into()));
        let materials: Vec<(KeyKind, Zeroizing<Vec<u8>>)> = pairs.into_iter().chain(secrets).collect();
        for (kind, material) in &materials {
            let label = KeyLabel::new(kind.word()).unwrap();
            token.make_key(&label, *kind, Operation::GenerateSecretKey, || Ok(material.clone())).unwrap();
        }
        let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), materials.len() + 2, "a key file each, the header and the lock");
        for file in files {
            let contents = fs::read(&file).unwrap();
            for (kind, material) in &materials {
                assert!(!shows(&contents, material), "{} shows the key {kind:?}", file.display());
                assert!(shows(&[&contents[..], material].concat(), material), "the search finds what is there");
            }
            assert!(!contents.windows(pin.octets().len()).any(|window| window == pin.octets()));
        }
    }
}
