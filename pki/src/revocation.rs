//! Why certificates are held or revoked, and what a certificate's status can be.
use crate::time::UnixTime;

/// CRLReason (RFC 5280 §5.3.1), the values JPKI's practice statements use (facts 2.1) and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationReason {
    /// unspecified (0): destroyed before hand-over. Never encoded: the extension is left out (C14).
    Unspecified,
    /// keyCompromise (1): the person's private key was compromised.
    KeyCompromise,
    /// cACompromise (2): the CA's key was compromised.
    CaCompromise,
    /// affiliationChanged (3): the certificate's content changed.
    AffiliationChanged,
    /// superseded (4): renewed.
    Superseded,
    /// cessationOfOperation (5): no longer needed.
    CessationOfOperation,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
    ];

    /// The CRLReason number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }

    /// The reason with that CRLReason number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The identifier in RFC 5280.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
        }
    }
}

/// CRLReason certificateHold (6).
pub const CERTIFICATE_HOLD: u8 = 6;

/// A certificate that is not good, as CRLs and OCSP answers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Withdrawal {
    /// certificateHold: its safety is doubted.
    Held {
        /// When the hold was recorded.
        since: UnixTime,
    },
    /// Revoked for good.
    Revoked {
        /// revocationDate: when it was recorded; the hold's date if a hold went before.
        since: UnixTime,
        /// Why.
        reason: RevocationReason,
    },
}

impl Withdrawal {
    /// revocationDate.
    pub const fn since(self) -> UnixTime {
        match self {
            Self::Held { since } | Self::Revoked { since, .. } => since,
        }
    }

    /// The CRLReason number, certificateHold included.
    pub const fn reason_code(self) -> u8 {
        match self {
            Self::Held { .. } => CERTIFICATE_HOLD,
            Self::Revoked { reason, .. } => reason.code(),
        }
    }
}

/// What is known of a serial. There is no default, and nothing turns "not issued" into "good" (I22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateStatus {
    /// No certificate with this serial was issued under this key.
    NotIssued,
    /// Issued, neither held nor revoked. It may have expired.
    Good,
    /// Held or revoked.
    Withdrawn(Withdrawal),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_no_full_crl_has_are_none() {
        for reason in RevocationReason::ALL {
            assert_eq!(RevocationReason::from_code(reason.code()), Some(reason));
        }
        // C14: 6 is a hold, 7 is nobody's, 8 belongs in delta CRLs, 9 and 10 are not JPKI's.
        for code in 6..=u8::MAX {
            assert_eq!(RevocationReason::from_code(code), None, "{code}");
        }
    }
}
