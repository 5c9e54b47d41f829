//! Whose certificates we answer about, and with which delegated key.
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use pki::algorithm::{Digest, PublicKey};
use pki::identity::IssuerKey;
use pki::ocsp::CertId;

use crate::signer::OcspSigner;

/// Every key generation of every CA. All generations of a CA share a name, so name **and** key are compared (I18).
///
/// There are a few of them, so a look-up compares hashes in a row; a map would hash the hashes again.
#[derive(Default)]
pub struct Issuers {
    all: ArcSwap<Vec<Arc<Issuer>>>,
}

/// One CA key: the hashes that CertIDs name it by, and its present delegate.
pub(crate) struct Issuer {
    pub(crate) key: IssuerKey,
    /// Name hash and key hash for each of [`Digest::ALL`] (L01).
    hashes: [(Digest, Vec<u8>, Vec<u8>); Digest::ALL.len()],
    signer: ArcSwapOption<Box<dyn OcspSigner>>,
}

/// A signer came for a CA key that is not served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the responder does not know the CA key {0}")]
pub struct UnknownIssuer(pub IssuerKey);

impl Issuers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves a CA key from now on: with `tryLater` until it has a signer. A key that is known already stays as it is.
    pub fn add(&self, key: IssuerKey, name_der: &[u8], public_key: &PublicKey) {
        let hashes = Digest::ALL.map(|digest| (digest, digest.of(name_der), digest.of(public_key.key_octets())));
        let issuer = Arc::new(Issuer { key, hashes, signer: ArcSwapOption::empty() });
        self.all.rcu(|all| {
            let mut all = Vec::clone(all);
            if all.iter().all(|known| known.key != key) {
                all.push(Arc::clone(&issuer));
            }
            all
        });
    }

    /// From the next request on, answers for the signer's CA key are signed by it; answers under way keep the old one.
    pub fn replace_signer(&self, signer: Box<dyn OcspSigner>) -> Result<(), UnknownIssuer> {
        let key = signer.issuer();
        let all = self.all.load();
        let issuer = all.iter().find(|issuer| issuer.key == key).ok_or(UnknownIssuer(key))?;
        issuer.signer.store(Some(Arc::new(signer)));
        Ok(())
    }

    /// The CA key that a CertID names, by any digest of ours.
    pub fn issuer_key(&self, cert_id: &CertId<'_>) -> Option<IssuerKey> {
        self.find(cert_id).map(|issuer| issuer.key)
    }

    pub(crate) fn find(&self, cert_id: &CertId<'_>) -> Option<Arc<Issuer>> {
        self.all.load().iter().find(|issuer| issuer.is_named_by(cert_id)).map(Arc::clone)
    }
}

impl Issuer {
    /// The CertID names this CA key.
    pub(crate) fn is_named_by(&self, cert_id: &CertId<'_>) -> bool {
        self.hashes.iter().any(|(digest, name_hash, key_hash)| {
            cert_id.digest == Some(*digest)
                && cert_id.issuer_name_hash == name_hash
                && cert_id.issuer_key_hash == key_hash
        })
    }

    /// The delegate of this moment.
    pub(crate) fn signer(&self) -> Option<Arc<Box<dyn OcspSigner>>> {
        self.signer.load_full()
    }
}
