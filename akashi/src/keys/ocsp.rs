//! A delegated OCSP key with its certificate, and what is verified of its signatures before they leave.
use std::sync::atomic::{AtomicU32, Ordering};

use hsm_mock::{KeyLabel, TokenError};
use ocsp_responder::{OcspSigner, SignFailure, SignedResponseData};
use pki::algorithm::{Algorithm, PublicKey};
use pki::identity::IssuerKey;
use pki::ocsp::ResponseData;
use pki::time::UnixTime;

use super::SharedToken;

/// Of answers that echo a nonce, each of which only its asker can use and must verify, one in so many is verified here, too.
/// All of them would cost 5 % of an RSA-2048 signature, and three times a P-256 one.
const NONCED_VERIFIED_EVERY: u32 = 64;
/// So many answers are verified, each of them, after one that was wrong.
const SUSPECTED_AFTER_WRONG: u32 = 4_096;

/// A delegated OCSP key with its certificate.
pub struct TokenOcspSigner {
    token: SharedToken,
    label: KeyLabel,
    issuer: IssuerKey,
    public_key: PublicKey,
    certificate_der: Vec<u8>,
    not_after: UnixTime,
    /// Answers with a nonce so far; going round does no harm.
    nonced: AtomicU32,
    /// How many of the next answers are verified, whichever they are.
    suspected: AtomicU32,
}

impl TokenOcspSigner {
    /// Over the token's key with that label. `public_key` and `not_after` are those of the certificate; a token that has another
    /// key under that label does not have it.
    pub fn new(
        token: SharedToken,
        label: KeyLabel,
        issuer: IssuerKey,
        certificate_der: Vec<u8>,
        (public_key, not_after): (PublicKey, UnixTime),
    ) -> Result<Self, TokenError> {
        if token.public_key(&label)? != public_key {
            return Err(TokenError::NoSuchKey { label });
        }
        let (nonced, suspected) = Default::default();
        Ok(Self { token, label, issuer, public_key, certificate_der, not_after, nonced, suspected })
    }

    /// Whether that answer is looked at before it leaves: each that anybody may keep, and of the others as many as say that
    /// token and certificate belong together, the first among them.
    fn is_verified(&self, data: &ResponseData) -> bool {
        let suspected =
            self.suspected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        let its_turn = || self.nonced.fetch_add(1, Ordering::Relaxed).is_multiple_of(NONCED_VERIFIED_EVERY);
        suspected || !data.has_nonce() || its_turn()
    }
}

impl OcspSigner for TokenOcspSigner {
    fn issuer(&self) -> IssuerKey {
        self.issuer
    }

    fn algorithm(&self) -> Algorithm {
        self.public_key.algorithm()
    }

    fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    fn key_hash(&self) -> [u8; 20] {
        self.public_key.key_identifier()
    }

    fn not_after(&self) -> UnixTime {
        self.not_after
    }

    fn signs_in_memory(&self) -> bool {
        self.token.signs_in_memory()
    }

    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)> {
        let signature = match self.token.sign(&self.label, data.as_der()) {
            Ok(signature) => signature,
            Err(TokenError::NoSuchKey { .. }) => return Err((data, SignFailure::KeyGone)),
            Err(_) => return Err((data, SignFailure::TokenUnavailable)),
        };
        if self.is_verified(&data) && self.public_key.verify(data.as_der(), &signature).is_err() {
            self.suspected.store(SUSPECTED_AFTER_WRONG, Ordering::Relaxed);
            return Err((data, SignFailure::WrongSignature)); // I4c
        }
        Ok(SignedResponseData::new(data, signature))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use hsm_mock::{FaultyToken, Operation, Pin, PinCost, SoftToken, Token};
    use ocsp_responder::{
        Answer, Clocks, Issuers, Method, OcspMetrics, OcspService, OcspSettings, Responder, SigningLimits,
    };
    use pki::algorithm::Digest;
    use pki::identity::{Ca, KeyNumber, Serial};
    use pki::ocsp::{ErrorStatus, RequestWriter, ResponseContents, SingleResponse, write_cert_id};
    use pki::revocation::CertificateStatus;
    use status::{Change, StatusIndex};

    use super::super::Labels;
    use super::*;
    use crate::clock::randomness;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
    const ISSUER: IssuerKey = IssuerKey { ca: Ca::Sign, key: KeyNumber::FIRST };

    fn signer(algorithm: Algorithm, folder: &std::path::Path) -> (TokenOcspSigner, Arc<FaultyToken<SoftToken>>) {
        let pin = Pin::new(b"a PIN of some length").unwrap();
        let token = SoftToken::create(&folder.join("token"), &pin, PinCost::WEAK_FOR_TESTS, randomness()).unwrap();
        let token = Arc::new(FaultyToken::new(token));
        let label = Labels::ocsp_key(ISSUER, 7, algorithm);
        let public_key = token.generate_signing_key(&label, algorithm).unwrap();
        let parts = (public_key, NOW.plus_seconds(1_000_000));
        (TokenOcspSigner::new(Arc::clone(&token) as _, label, ISSUER, vec![0x30, 0], parts).unwrap(), token)
    }

    fn data(nonce: Option<&[u8]>) -> ResponseData {
        let cert_id = write_cert_id(Digest::Sha256, b"name", b"key", Serial::FIRST);
        let single = SingleResponse {
            cert_id_der: &cert_id,
            status: CertificateStatus::Good,
            this_update: NOW,
            next_update: NOW.plus_seconds(1_000),
            archive_cutoff: None,
        };
        let contents = ResponseContents { responder_key_hash: [7; 20], produced_at: NOW, responses: &[single], nonce };
        ResponseData::encode(&contents).unwrap()
    }

    fn is_wrong(signer: &TokenOcspSigner, nonce: Option<&[u8]>) -> bool {
        match signer.sign(data(nonce)) {
            Ok(signed) => {
                assert_eq!(signed.data(), &data(nonce));
                false
            }
            Err((returned, failure)) => {
                assert_eq!((returned, failure), (data(nonce), SignFailure::WrongSignature));
                true
            }
        }
    }

    #[test]
    fn no_answer_that_may_be_kept_leaves_with_a_wrong_signature() {
        for algorithm in [Algorithm::Rsa2048Sha256, Algorithm::EcdsaP256Sha256] {
            let folder = tempfile::tempdir().unwrap();
            let (signer, token) = signer(algorithm, folder.path());
            for _ in 0..3 {
                assert!(!is_wrong(&signer, None));
                token.sign_wrongly(1);
                assert!(is_wrong(&signer, None));
            }
        }
    }

    #[test]
    fn a_token_that_signs_wrongly_is_found_out_by_the_first_answer_or_one_in_64_and_then_always() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, token) = signer(Algorithm::EcdsaP256Sha256, folder.path());
        let nonce = Some(&[9; 32][..]);
        token.sign_wrongly(1);
        assert!(is_wrong(&signer, nonce), "the first");
        // From then on each one.
        for _ in 0..SUSPECTED_AFTER_WRONG / 1_024 {
            token.sign_wrongly(1);
            assert!(is_wrong(&signer, nonce));
            assert!(!is_wrong(&signer, nonce));
        }
        signer.suspected.store(0, Ordering::Relaxed);
        token.sign_wrongly(u32::MAX);
        let found_after = (0..NONCED_VERIFIED_EVERY).find(|_| is_wrong(&signer, nonce));
        assert!(found_after.is_some());
        assert!((0..100).all(|_| is_wrong(&signer, nonce)));
        assert!(token.calls(Operation::Sign) > 100);
    }

    /// The responder as it is served, over this signer alone; a certificate of serial 1 is good.
    fn service(signer: TokenOcspSigner) -> (OcspService, Vec<u8>) {
        let (name, issuers, index) = (b"name", Issuers::new(), StatusIndex::new());
        let (ca, serial, key) = (ISSUER.ca, Serial::FIRST, ISSUER.key);
        index.apply(1, &[Change::KeyRange { ca, first_serial: serial, key }, Change::Issued { ca, serial }]).unwrap();
        issuers.add(ISSUER, name, &signer.public_key);
        let cert_id = write_cert_id(Digest::Sha256, name, signer.public_key.key_octets(), serial);
        issuers.replace_signer(Box::new(signer)).unwrap();
        let responder = Responder::new(Arc::new(issuers), Arc::new(index), OcspSettings::new(300, 28_800).unwrap());
        let metrics = OcspMetrics::register(&prometheus::Registry::new(), &responder).unwrap();
        let clocks = Clocks { now: Arc::new(|| NOW), elapsed: Arc::new(|| Duration::ZERO) };
        let limits = SigningLimits { concurrent: 1, waiting: 4, patience: Duration::from_millis(50) };
        (OcspService::new(responder, clocks, limits, metrics), RequestWriter::new().cert_id(&cert_id).finish())
    }

    #[tokio::test]
    async fn a_token_that_hangs_or_fails_ends_in_try_later_and_when_it_is_back_all_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, token) = signer(Algorithm::EcdsaP256Sha256, folder.path());
        let (service, request) = service(signer);
        let ask = || service.answer(ISSUER.ca, Method::Post, &request, NOW);
        let is_try_later = |answer| matches!(answer, Answer::Refused(ErrorStatus::TryLater));
        // It neither signs nor fails until it is let go.
        let (go, let_go) = std::sync::mpsc::channel::<()>();
        let let_go = std::sync::Mutex::new(let_go);
        token.fail_while(move |operation| {
            // An error of the channel is its end: let go for good.
            operation == Operation::Sign && let_go.lock().unwrap().recv().is_ok()
        });
        assert!(is_try_later(ask().await), "the first is given up after its patience");
        assert_eq!(token.calls(Operation::Sign), 0, "the token has it still");
        for _ in 0..20 {
            assert!(is_try_later(ask().await), "while it hangs nobody waits");
        }
        // It fails now, and so does the second attempt of the same answer; then it is as before.
        go.send(()).unwrap();
        go.send(()).unwrap();
        drop(go);
        while token.calls(Operation::Sign) < 2 {
            tokio::task::yield_now().await;
        }
        while is_try_later(ask().await) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(ask().await, Answer::Signed(_)));
    }

    #[test]
    fn another_key_under_its_label_is_not_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, token) = signer(Algorithm::EcdsaP256Sha256, folder.path());
        let other = Labels::ocsp_key(ISSUER, 8, Algorithm::EcdsaP256Sha256);
        token.generate_signing_key(&other, Algorithm::EcdsaP256Sha256).unwrap();
        let parts = (signer.public_key.clone(), NOW);
        assert!(TokenOcspSigner::new(token, other, ISSUER, Vec::new(), parts).is_err());
    }
}
