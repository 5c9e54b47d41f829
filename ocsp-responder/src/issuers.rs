//! Whose certificates we answer about, and with which delegated keys.
use std::sync::Arc;

use arc_swap::ArcSwap;
use pki::algorithm::{Algorithm, Digest, PublicKey};
use pki::identity::IssuerKey;
use pki::ocsp::{CertId, OcspRequest};
use pki::time::UnixTime;

use crate::signer::OcspSigner;

/// A delegate's certificate that ends sooner leaves no room for thisUpdate < end of max-age < nextUpdate (L13).
const SIGNER_SECONDS_LEFT_MIN: i64 = 2;

/// Every key generation of every CA. All generations of a CA share a name, so name **and** key are compared (I18).
///
/// There are a few of them, so a look-up compares hashes in a row; a map would hash the hashes again.
#[derive(Default)]
pub struct Issuers {
    all: ArcSwap<Vec<Arc<Issuer>>>,
}

/// A delegate, shared with the answers that it is signing.
pub(crate) type Signer = Arc<Box<dyn OcspSigner>>;

/// One CA key: the hashes that CertIDs name it by, and its present delegates.
pub(crate) struct Issuer {
    pub(crate) key: IssuerKey,
    /// Name hash and key hash for each of [`Digest::ALL`] (L01).
    hashes: [(Digest, Vec<u8>, Vec<u8>); Digest::ALL.len()],
    /// The CA key's own, which its CRLs are signed with.
    algorithm: Algorithm,
    /// One of each algorithm; first whom a client gets that prefers nothing.
    signers: ArcSwap<Vec<Signer>>,
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
        let issuer = Arc::new(Issuer { key, hashes, algorithm: public_key.algorithm(), signers: ArcSwap::default() });
        self.all.rcu(|all| {
            let mut all = Vec::clone(all);
            if all.iter().all(|known| known.key != key) {
                all.push(Arc::clone(&issuer));
            }
            all
        });
    }

    /// From the next request on, answers for the signer's CA key are signed by it and not by the one before it of the same
    /// algorithm; answers under way keep the old one. Delegates of other algorithms stay beside it.
    pub fn replace_signer(&self, signer: Box<dyn OcspSigner>) -> Result<(), UnknownIssuer> {
        let key = signer.issuer();
        let all = self.all.load();
        let issuer = all.iter().find(|issuer| issuer.key == key).ok_or(UnknownIssuer(key))?;
        issuer.put(&Arc::new(signer));
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

    fn put(&self, signer: &Signer) {
        self.signers.rcu(|signers| {
            let others = signers.iter().filter(|other| other.algorithm() != signer.algorithm());
            let mut signers: Vec<_> = others.chain([signer]).map(Arc::clone).collect();
            signers.sort_by_key(|signer| self.rank(signer.algorithm()));
            signers
        });
    }

    /// In which order delegates come into question for who prefers none of them: that of the CRLs (rule 2 of RFC 6960
    /// §4.4.7.2), the one that every client must understand (rule 5, R17), any.
    fn rank(&self, algorithm: Algorithm) -> u8 {
        match algorithm {
            same if same == self.algorithm => 0,
            Algorithm::Rsa2048Sha256 | Algorithm::Rsa3072Sha256 => 1,
            Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP384Sha384 => 2,
        }
    }

    /// The delegate of this moment whom the request prefers, or else the first; among those whose certificates last (R19).
    /// A wish that no delegate meets counts for nothing, so nobody can wish for a weak algorithm (R21).
    pub(crate) fn signer(&self, request: &OcspRequest<'_>, now: UnixTime) -> Option<Signer> {
        let signers = self.signers.load();
        let mut lasting =
            signers.iter().filter(|signer| signer.not_after().seconds_since(now) >= SIGNER_SECONDS_LEFT_MIN);
        let preferred = request
            .preferred_signature_algorithms()
            .find_map(|wish| lasting.clone().find(|signer| wish.is_met_by(signer.algorithm())));
        preferred.or_else(|| lasting.next()).map(Arc::clone)
    }
}
