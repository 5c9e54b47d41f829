//! What a request gets.
use std::sync::Arc;

use bytes::Bytes;
use pki::algorithm::Digest;
use pki::ocsp::ErrorStatus;
use pki::revocation::{CertificateStatus, Withdrawal};
use pki::time::UnixTime;

use crate::http::headers;

/// The answer to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A signed one, perhaps kept from an earlier request.
    Signed(Arc<SignedAnswer>),
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

    /// Every header of an HTTP response with it, but `Date`; each with its line's end.
    pub fn headers(&self) -> &[u8] {
        match self {
            Self::Signed(answer) => answer.headers.as_bytes(),
            Self::Refused(_) => headers::OF_REFUSED.as_bytes(),
        }
    }
}

/// A signed answer with what HTTP says about it.
#[derive(Clone, Debug)]
pub struct SignedAnswer {
    /// The OCSPResponse in DER.
    pub der: Bytes,
    /// thisUpdate of all its single responses.
    pub this_update: UnixTime,
    /// The earliest nextUpdate of its single responses.
    pub next_update: UnixTime,
    /// For how many seconds a cache may keep it; ends before nextUpdate (L13).
    pub max_age_seconds: i64,
    /// What it says, counted.
    pub tally: Tally,
    /// Every HTTP header but `Date`, which alone changes while it is kept; each with its line's end.
    pub(crate) headers: String,
}

impl SignedAnswer {
    pub(crate) fn new(
        der: Vec<u8>,
        echoes_nonce: bool,
        this_update: UnixTime,
        next_update: UnixTime,
        max_age_seconds: i64,
        tally: Tally,
    ) -> Self {
        let headers = headers::of_signed(&der, echoes_nonce, this_update, next_update, max_age_seconds);
        Self { der: der.into(), this_update, next_update, max_age_seconds, tally, headers }
    }

    /// It is younger than its max-age, and whoever keeps it from `now` for as long as that lets go of it before nextUpdate
    /// (L13). Before thisUpdate, on a clock that was set back, it is not given (I23).
    pub(crate) fn may_be_given_again(&self, now: UnixTime) -> bool {
        let age = now.seconds_since(self.this_update);
        (0..self.max_age_seconds).contains(&age) && now.plus_seconds(self.max_age_seconds) < self.next_update
    }
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

    /// Certificates of which the answer tells a definitive status: all but unknown ones.
    pub fn definitive(&self) -> u64 {
        self.counts()
            .filter(|(_, status, _)| Self::STATUSES[*status] != "unknown")
            .map(|(.., count)| u64::from(count))
            .sum()
    }

    /// Each digest and status that occurs, as its place in [`Self::STATUSES`], with how often.
    pub fn counts(&self) -> impl Iterator<Item = (Digest, usize, u8)> + '_ {
        Digest::ALL.into_iter().flat_map(move |digest| {
            let row = self.0[digest as usize].into_iter().enumerate();
            row.filter(|(_, count)| *count > 0).map(move |(status, count)| (digest, status, count))
        })
    }
}

const _: () = assert!(pki::ocsp::CERT_IDS_PER_REQUEST_MAX <= u8::MAX as usize, "a tally counts in octets");

#[cfg(test)]
mod tests {
    use pki::revocation::RevocationReason;

    use super::*;

    #[test]
    fn good_held_and_revoked_are_definitive_and_unknown_is_not() {
        let (mut tally, since) = (Tally::default(), UnixTime::from_seconds(1_795_000_000));
        assert_eq!(tally.definitive(), 0);
        let revoked = Withdrawal::Revoked { since, reason: RevocationReason::KeyCompromise };
        for (status, definitive) in [
            (CertificateStatus::NotIssued, 0),
            (CertificateStatus::Good, 1),
            (CertificateStatus::Withdrawn(Withdrawal::Held { since }), 2),
            (CertificateStatus::NotIssued, 2),
            (CertificateStatus::Withdrawn(revoked), 3),
        ] {
            tally.add(Digest::Sha256, status);
            assert_eq!(tally.definitive(), definitive);
        }
        tally.add(Digest::Sha1, CertificateStatus::Good);
        assert_eq!(tally.definitive(), 4);
    }
}
