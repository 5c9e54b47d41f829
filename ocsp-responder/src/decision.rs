//! From the octets of a request to what is signed, or to an error.
use std::sync::Arc;

use pki::identity::{Ca, Serial};
use pki::ocsp::{BasicResponse, CertId, ErrorStatus, OcspRequest, ResponseContents, ResponseData, SingleResponse};
use pki::revocation::CertificateStatus;
use pki::time::UnixTime;
use status::{Generation, StatusIndex};

use crate::answer::{Answer, SignedAnswer, Tally};
use crate::issuers::{Issuer, Issuers, Signer};
use crate::kept::{KeptAnswers, KeptKey};
use crate::settings::{OcspSettings, UNKNOWN_SECONDS};
use crate::signer::{SignFailure, SignFailures};

/// A token that fails once may have had to open a new session; one that fails twice is away.
const SIGN_ATTEMPTS_MAX: usize = 2;

/// Decides and signs. Knows no HTTP, no clock and no thread.
pub struct Responder {
    issuers: Arc<Issuers>,
    index: Arc<StatusIndex>,
    settings: OcspSettings,
    kept: Arc<KeptAnswers>,
    sign_failures: Arc<SignFailures>,
}

/// What a request gets that no error answers.
pub enum Decided {
    /// What was signed for an earlier request, and still holds.
    Kept(Arc<SignedAnswer>),
    /// What must be signed.
    ToSign(Decision),
}

/// An answer that only lacks its signature.
pub struct Decision {
    data: ResponseData,
    keeping: Option<Keeping>,
    signer: Signer,
    this_update: UnixTime,
    next_update: UnixTime,
    max_age_seconds: i64,
    tally: Tally,
    tells_unknown: bool,
    failures: Arc<SignFailures>,
}

/// Where an answer is kept once it is signed.
struct Keeping {
    kept: Arc<KeptAnswers>,
    key: KeptKey,
    /// From before the status was looked up.
    generation: Generation,
}

impl Responder {
    /// A responder over that index, for those issuers.
    pub fn new(issuers: Arc<Issuers>, index: Arc<StatusIndex>, settings: OcspSettings) -> Self {
        let kept = Arc::new(KeptAnswers::new(settings.kept_answers_max()));
        Self { issuers, index, settings, kept, sign_failures: Arc::new(SignFailures::new()) }
    }

    /// The issuers, for adding keys and replacing signers.
    pub const fn issuers(&self) -> &Arc<Issuers> {
        &self.issuers
    }

    /// The kept answers, for their metrics.
    pub(crate) const fn kept(&self) -> &Arc<KeptAnswers> {
        &self.kept
    }

    /// What went wrong with the token, for the metrics.
    pub(crate) const fn sign_failures(&self) -> &Arc<SignFailures> {
        &self.sign_failures
    }

    /// The whole way: decides, and signs if there is something to sign. May block for as long as a token does.
    pub fn answer(&self, ca: Ca, request: &[u8], now: UnixTime) -> Answer {
        match self.decide(ca, request, now) {
            Ok(Decided::Kept(answer)) => Answer::Signed(answer),
            Ok(Decided::ToSign(decision)) => decision.sign(),
            Err(status) => Answer::Refused(status),
        }
    }

    /// Decides what to say at `/ocsp/{ca}`. `now` must have been read before this is called: the index is looked at
    /// after it, so what is said was true at `now` or later, and thisUpdate never claims too much (R06).
    pub fn decide(&self, ca: Ca, request: &[u8], now: UnixTime) -> Result<Decided, ErrorStatus> {
        let request = OcspRequest::from_der(request).map_err(|_| ErrorStatus::MalformedRequest)?; // R01
        let issuer = self.issuer_of(ca, &request)?;
        let signer = issuer.signer(&request, now); // R19
        let nonce = request.nonce().filter(|_| self.settings.echoes_nonces());
        let delegate = signer.as_ref().filter(|_| nonce.is_none());
        let kept_key = delegate.and_then(|delegate| kept_key(&request, &issuer, delegate.key_hash()));
        let keeping = kept_key.map(|key| (key, self.index.generation(ca, key.serial)));
        if let Some(answer) = keeping.and_then(|(key, generation)| self.kept.find(&key, generation, now)) {
            return Ok(Decided::Kept(answer));
        }
        let found: Vec<(CertId<'_>, CertificateStatus)> =
            request.cert_ids().map(|cert_id| (cert_id, self.status(&issuer, &cert_id))).collect();
        let is_unknown = |(_, status): &(CertId<'_>, CertificateStatus)| *status == CertificateStatus::NotIssued;
        if !self.settings.signs_unknown() && found.iter().all(is_unknown) {
            // L08: no authoritative record. Unsigned, so that nobody can keep it beyond the certificate's issue (I22).
            return Err(ErrorStatus::Unauthorized);
        }
        let tells_unknown = found.iter().any(is_unknown);
        let signer = signer.ok_or(ErrorStatus::TryLater)?;
        // What says unknown is not kept: strangers could fill the memory with it.
        let keeping = keeping.filter(|_| !tells_unknown);
        let keeping = keeping.map(|(key, generation)| Keeping { kept: Arc::clone(&self.kept), key, generation });
        Ok(Decided::ToSign(Decision { keeping, tells_unknown, ..self.compose(&found, nonce, signer, now)? }))
    }

    /// What another request has had signed since that decision, if it asked the same.
    pub(crate) fn kept_since(&self, decision: &Decision, now: UnixTime) -> Option<Arc<SignedAnswer>> {
        let key = &decision.keeping.as_ref()?.key;
        self.kept.find(key, self.index.generation(key.issuer.ca, key.serial), now)
    }

    /// The one CA key that all CertIDs name, which must be a key of that CA: a delegate answers for the key that issued
    /// it and no other (R08).
    fn issuer_of(&self, ca: Ca, request: &OcspRequest<'_>) -> Result<Arc<Issuer>, ErrorStatus> {
        let mut cert_ids = request.cert_ids();
        let first = cert_ids.next().ok_or(ErrorStatus::MalformedRequest)?;
        let issuer = self.issuers.find(&first).filter(|issuer| issuer.key.ca == ca).ok_or(ErrorStatus::Unauthorized)?;
        if cert_ids.all(|cert_id| issuer.is_named_by(&cert_id)) { Ok(issuer) } else { Err(ErrorStatus::Unauthorized) }
    }

    fn status(&self, issuer: &Issuer, cert_id: &CertId<'_>) -> CertificateStatus {
        cert_id.serial().map_or(CertificateStatus::NotIssued, |serial| self.index.status(issuer.key, serial))
    }

    fn compose(
        &self,
        found: &[(CertId<'_>, CertificateStatus)],
        nonce: Option<&[u8]>,
        signer: Signer,
        now: UnixTime,
    ) -> Result<Decision, ErrorStatus> {
        let mut tally = Tally::default();
        let (mut next_update, mut max_age_seconds) = (UnixTime::MAX, i64::MAX);
        let mut responses = Vec::with_capacity(found.len());
        for (cert_id, status) in found {
            let single = self.single_response(cert_id, *status, signer.not_after(), now);
            let serial = cert_id.serial().map_or(0, Serial::get);
            let room = single.next_update.seconds_since(now) - 1; // L13: max-age ends before nextUpdate
            max_age_seconds = max_age_seconds.min(self.settings.max_age_seconds(serial)).min(room);
            next_update = next_update.min(single.next_update);
            if let Some(digest) = cert_id.digest {
                tally.add(digest, *status);
            }
            responses.push(single);
        }
        let data = ResponseData::encode(&ResponseContents {
            responder_key_hash: signer.key_hash(),
            produced_at: now,
            responses: &responses,
            nonce, // N02, N04
        });
        let data = data.map_err(|error| {
            tracing::error!(%error, "an OCSP answer was refused by the encoder");
            ErrorStatus::InternalError
        })?;
        let (keeping, tells_unknown, failures) = (None, false, Arc::clone(&self.sign_failures));
        let this_update = now;
        Ok(Decision {
            data,
            keeping,
            signer,
            this_update,
            next_update,
            max_age_seconds,
            tally,
            tells_unknown,
            failures,
        })
    }

    fn single_response<'a>(
        &self,
        cert_id: &CertId<'a>,
        status: CertificateStatus,
        not_after: UnixTime,
        now: UnixTime,
    ) -> SingleResponse<'a> {
        let serial = cert_id.serial().map_or(0, Serial::get);
        let (validity_seconds, retention_seconds) = match status {
            CertificateStatus::NotIssued => (UNKNOWN_SECONDS, None),
            CertificateStatus::Good | CertificateStatus::Withdrawn(_) => {
                (self.settings.validity_seconds(serial), self.settings.archive_retention_seconds())
            }
        };
        SingleResponse {
            cert_id_der: cert_id.der,
            status,
            // The index holds every acknowledged change, so the status is right as of now (R06).
            this_update: now,
            next_update: now.plus_seconds(validity_seconds).min(not_after),
            archive_cutoff: retention_seconds.map(|seconds| now.plus_seconds(-i64::from(seconds))), // R18
        }
    }
}

/// Answers about one certificate are kept, if they echo no nonce: others are not asked for again.
fn kept_key(request: &OcspRequest<'_>, issuer: &Issuer, delegate: [u8; 20]) -> Option<KeptKey> {
    if request.cert_id_count() != 1 {
        return None;
    }
    let cert_id = request.cert_ids().next()?;
    let (serial, digest, cert_id_octets) = (cert_id.serial()?, cert_id.digest?, cert_id.der.len());
    Some(KeptKey { issuer: issuer.key, serial, digest, cert_id_octets, delegate })
}

impl Decision {
    /// The one certificate that it is about, if its answer will do for others that ask the same; else `None`.
    pub(crate) fn asked_about(&self) -> Option<Serial> {
        self.keeping.as_ref().map(|keeping| keeping.key.serial)
    }

    /// It says of a serial that it was never issued. Those who ask for such have a signing budget of their own.
    pub(crate) const fn tells_unknown(&self) -> bool {
        self.tells_unknown
    }

    /// See [`OcspSigner::signs_in_memory`](crate::OcspSigner::signs_in_memory).
    pub(crate) fn signs_in_memory(&self) -> bool {
        self.signer.signs_in_memory()
    }

    /// Signs and assembles, and keeps what may be kept. A failing token is asked once more, then the client is told to try
    /// later.
    pub fn sign(self) -> Answer {
        let Self { mut data, keeping, signer, this_update, next_update, max_age_seconds, tally, failures, .. } = self;
        for attempt in 1..=SIGN_ATTEMPTS_MAX {
            match signer.sign(data) {
                Ok(signed) => {
                    let (data, certificate_der) = (signed.data(), signer.certificate_der());
                    let response =
                        BasicResponse::assemble(data, signer.algorithm(), signed.signature(), certificate_der);
                    let (der, nonced) = (response.into_der(), data.has_nonce());
                    let answer = SignedAnswer::new(der, nonced, this_update, next_update, max_age_seconds, tally);
                    let answer = Arc::new(answer);
                    if let Some(Keeping { kept, key, generation }) = keeping {
                        kept.keep(key, generation, Arc::clone(&answer));
                    }
                    return Answer::Signed(answer);
                }
                Err((returned, failure)) => {
                    failures.count(failure);
                    tracing::warn!(issuer = %signer.issuer(), attempt, %failure, "an OCSP answer was not signed");
                    match failure {
                        SignFailure::TokenUnavailable | SignFailure::WrongSignature => data = returned,
                        SignFailure::KeyGone => break,
                    }
                }
            }
        }
        Answer::Refused(ErrorStatus::TryLater)
    }
}
