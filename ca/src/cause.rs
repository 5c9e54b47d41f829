//! The table cause × CA → effect. The reason follows from what happened; nobody chooses one (I13).
use pki::identity::Ca;
use pki::revocation::RevocationReason;
use registry::event::{Cause, ResidentChange};

/// What a cause does to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// certificateHold.
    Hold,
    /// Revoked for good.
    Revoke(RevocationReason),
}

/// What a cause does to a certificate of that CA (facts 2.1, 2.2).
pub const fn effect(cause: Cause, ca: Ca) -> Effect {
    use RevocationReason as Reason;
    match (cause, ca) {
        // Article 12: a change of the 4 info ends the certificate that carries them, and only that one.
        (Cause::FourInfoChanged, Ca::Sign)
        // Article 13: what the certificate says was never right.
        | (Cause::RecordError, Ca::Sign | Ca::Auth) => Effect::Revoke(Reason::AffiliationChanged),
        (Cause::FourInfoChanged, Ca::Auth) => Effect::None,
        (Cause::DestroyedBeforeHandOver, Ca::Sign | Ca::Auth) => Effect::Revoke(Reason::Unspecified),
        (Cause::KeyCompromise | Cause::CardLost, Ca::Sign | Ca::Auth) => Effect::Revoke(Reason::KeyCompromise),
        (Cause::LossReported, Ca::Sign | Ca::Auth) => Effect::Hold,
        (Cause::Superseded, Ca::Sign | Ca::Auth) => Effect::Revoke(Reason::Superseded),
        // That death and departure are told as cessationOfOperation is an inference (facts 2.1).
        (Cause::PersonRequest | Cause::NoLongerNeeded | Cause::Died | Cause::LeftJapan, Ca::Sign | Ca::Auth) => {
            Effect::Revoke(Reason::CessationOfOperation)
        }
    }
}

/// The cause that a change reported by the resident register is; `None` for one without effect.
pub const fn cause_of(change: ResidentChange) -> Option<Cause> {
    match change {
        ResidentChange::Moved
        | ResidentChange::NameChanged
        | ResidentChange::SexCorrected
        | ResidentChange::BirthDateCorrected => Some(Cause::FourInfoChanged),
        ResidentChange::Died => Some(Cause::Died),
        ResidentChange::LeftJapan => Some(Cause::LeftJapan),
        ResidentChange::MinorAddressCorrection => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_ends_the_signature_certificate_and_leaves_the_user_certificate() {
        let cause = cause_of(ResidentChange::Moved).unwrap();
        assert_eq!(effect(cause, Ca::Sign), Effect::Revoke(RevocationReason::AffiliationChanged));
        assert_eq!(effect(cause, Ca::Auth), Effect::None);
        assert_eq!(cause_of(ResidentChange::MinorAddressCorrection), None);
    }

    #[test]
    fn the_loss_line_holds_and_everything_else_that_acts_revokes() {
        for ca in Ca::ALL {
            assert_eq!(effect(Cause::LossReported, ca), Effect::Hold);
            assert!(matches!(effect(Cause::Died, ca), Effect::Revoke(RevocationReason::CessationOfOperation)));
        }
    }
}
