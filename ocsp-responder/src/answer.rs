//! What a request gets.
use pki::algorithm::Digest;
use pki::ocsp::ErrorStatus;
use pki::revocation::{CertificateStatus, Withdrawal};
use pki::time::UnixTime;

/// The answer to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A signed one.
    Signed(SignedAnswer),
    /// An error, unsigned and never cached (I15, L14).
    Refused(ErrorStatus),
}

impl Answer {
    /// The OCSPResponse in DER.
    pub fn der(&self) -> &[u8] {
        match self {
            Self::Signed(answer) => &answer.der,
            Self::Refused(status) => status.der(),
        }
    }
}

/// A signed answer with what HTTP says about it.
#[derive(Clone, Debug)]
pub struct SignedAnswer {
    /// The OCSPResponse in DER.
    pub der: Vec<u8>,
    /// thisUpdate of all its single responses.
    pub this_update: UnixTime,
    /// The earliest nextUpdate of its single responses.
    pub next_update: UnixTime,
    /// For how many seconds a cache may keep it; ends before nextUpdate (L13).
    pub max_age_seconds: i64,
    /// What it says, counted.
    pub tally: Tally,
}

/// How many certificates of an answer were asked about by each digest (L04) and have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([[u8; Self::STATUSES.len()]; Digest::ALL.len()]);

impl Tally {
    /// The words for the statuses, in the order in which they are counted.
    pub const STATUSES: [&'static str; 4] = ["good", "held", "revoked", "unknown"];

    pub(crate) fn add(&mut self, digest: Digest, status: CertificateStatus) {
        let status = match status {
            CertificateStatus::Good => 0,
            CertificateStatus::Withdrawn(Withdrawal::Held { .. }) => 1,
            CertificateStatus::Withdrawn(Withdrawal::Revoked { .. }) => 2,
            CertificateStatus::NotIssued => 3,
        };
        self.0[digest as usize][status] += 1;
    }

    /// Each digest and word of a status that occurs, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (Digest, &'static str, u8)> + '_ {
        Digest::ALL.into_iter().flat_map(move |digest| {
            let row = Self::STATUSES.into_iter().zip(self.0[digest as usize]);
            row.filter(|(_, count)| *count > 0).map(move |(status, count)| (digest, status, count))
        })
    }
}

const _: () = assert!(pki::ocsp::CERT_IDS_PER_REQUEST_MAX <= u8::MAX as usize, "a tally counts in octets");
