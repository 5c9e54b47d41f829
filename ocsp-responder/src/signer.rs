//! The one thing that can sign here, and only response data.
use pki::algorithm::Algorithm;
use pki::identity::IssuerKey;
use pki::ocsp::ResponseData;
use pki::time::UnixTime;
use prometheus::{IntCounter, IntCounterVec, Opts};

/// A delegated OCSP key of one CA key, with its certificate. Implemented over the token by the binary; whoever holds
/// this can have response data signed and nothing else.
pub trait OcspSigner: Send + Sync {
    /// The CA key that issued the certificate, and for whose certificates alone it may answer (R08).
    fn issuer(&self) -> IssuerKey;
    /// What it signs with. [`Algorithm`] has no member too weak to answer with, so a client cannot ask for one (R21).
    fn algorithm(&self) -> Algorithm;
    /// The delegate's certificate in DER, sent with each answer (L06).
    fn certificate_der(&self) -> &[u8];
    /// SHA-1 of the delegate's key: the ResponderID (R13, L07).
    fn key_hash(&self) -> [u8; 20];
    /// The certificate's last second. No answer promises anything beyond it.
    fn not_after(&self) -> UnixTime;
    /// Whether [`Self::sign`] does nothing but compute, for a millisecond or less: it waits for no device, no disk, no network,
    /// and for no lock that is held over one of these. It is then called where the answer is waited for; else on a thread that
    /// may block. The type that signs knows which, so there is no default.
    fn signs_in_memory(&self) -> bool;
    /// Signs the data. On failure it comes back, so that another try is possible. May block for as long as a token does.
    fn sign(&self, data: ResponseData) -> Result<SignedResponseData, (ResponseData, SignFailure)>;
}

/// Response data with the signature over exactly it.
#[derive(Clone, Debug)]
pub struct SignedResponseData {
    data: ResponseData,
    signature: Vec<u8>,
}

impl SignedResponseData {
    /// Joins the data and the signature's value: for RSA the modulus-sized number, for ECDSA an ECDSA-Sig-Value in DER.
    pub const fn new(data: ResponseData, signature: Vec<u8>) -> Self {
        Self { data, signature }
    }

    /// What was signed.
    pub const fn data(&self) -> &ResponseData {
        &self.data
    }

    /// The signature's value.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFailure {
    /// The token did not do it this time; it may the next.
    #[error("the token did not sign")]
    TokenUnavailable,
    /// What the token gave is not the delegate's signature over the data; it may be the next time.
    #[error("the token's signature does not verify")]
    WrongSignature,
    /// The token does not have the key (any more): asking again is no use.
    #[error("the token does not have the key")]
    KeyGone,
}

impl SignFailure {
    const ALL: [Self; 3] = [Self::TokenUnavailable, Self::WrongSignature, Self::KeyGone];

    const fn word(self) -> &'static str {
        match self {
            Self::TokenUnavailable => "token_unavailable",
            Self::WrongSignature => "wrong_signature",
            Self::KeyGone => "key_gone",
        }
    }
}

/// How often nothing was signed, by the reason: each try counts.
pub(crate) struct SignFailures {
    pub(crate) all: IntCounterVec,
    by_reason: [IntCounter; SignFailure::ALL.len()],
}

impl SignFailures {
    pub(crate) fn new() -> Self {
        let help = "Tries to have an answer signed that failed, by reason.";
        let all = IntCounterVec::new(Opts::new("ocsp_sign_failures_total", help), &["reason"]);
        let all = all.expect("name and label are well-formed");
        let by_reason = SignFailure::ALL.map(|failure| all.with_label_values(&[failure.word()]));
        Self { all, by_reason }
    }

    pub(crate) fn count(&self, failure: SignFailure) {
        self.by_reason[failure as usize].inc();
    }
}
