//! The table cause × CA → effect. The reason follows from what happened; nobody chooses one (I13). `docs/effects.md` is
//! this table, printed.
use std::fmt::Write as _;

use pki::identity::{Ca, Device, Purpose};
use pki::revocation::RevocationReason;
use registry::event::{Cause, ResidentChange};

use crate::doors::forms::HOLD_WORD;

/// What a cause does to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// certificateHold.
    Hold,
    /// A hold ends, and the certificate is good again. What is not held stays as it is.
    Release,
    /// Revoked for good.
    Revoke(RevocationReason),
}

/// A cause, and the device that it happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// What happened.
    pub cause: Cause,
    /// To what; without meaning for causes that concern the person or the CA.
    pub at: Device,
}

impl Occasion {
    /// A certificate of that CA was destroyed before hand-over.
    pub const fn at_hand_over(ca: Ca) -> Self {
        Self { cause: Cause::DestroyedBeforeHandOver, at: ca.device() }
    }
}

/// Every row of the table: each cause, once for each device where that makes a difference.
const ROWS: [(Cause, Option<Device>, &str); 25] = [
    (Cause::FourInfoChanged, None, "change or correction of name, sex, date of birth or address (article 12)"),
    (Cause::MinorAddressCorrection, None, "minor correction of the address (article 12)"),
    (Cause::Died, None, "death (article 12)"),
    (Cause::LeftJapan, None, "departure abroad (article 12)"),
    (Cause::OverseasContinuation, None, "departure abroad, the card goes on (article 12)"),
    (Cause::CaKeyCompromise, None, "compromise of the CA's key (article 14); its own certificates alone"),
    (Cause::PersonRequest, Some(Device::Card), "request by the person (article 9)"),
    (Cause::PersonRequest, Some(Device::Phone), "request by the person (article 9)"),
    (Cause::KeyCompromise, Some(Device::Card), "the person's key leaked (article 10)"),
    (Cause::KeyCompromise, Some(Device::Phone), "the person's key leaked (article 10)"),
    (Cause::DeviceLost, Some(Device::Card), "the card is lost, told at the desk (article 10)"),
    (Cause::DeviceLost, Some(Device::Phone), "the phone is lost, told at the desk (article 10)"),
    (Cause::LossReported, Some(Device::Card), "the card's loss is told to the loss line"),
    (Cause::LossReported, Some(Device::Phone), "the phone's loss is told to the loss line"),
    (Cause::Found, Some(Device::Card), "the card is found"),
    (Cause::Found, Some(Device::Phone), "the phone is found"),
    (Cause::RecordError, Some(Device::Card), "error or omission in the record (article 13)"),
    (Cause::RecordError, Some(Device::Phone), "error or omission in the record (article 13)"),
    (Cause::NoLongerNeeded, Some(Device::Card), "no longer needed; the card lost its effect (article 15)"),
    (Cause::NoLongerNeeded, Some(Device::Phone), "no longer needed"),
    (Cause::Superseded, Some(Device::Card), "a newer certificate of the kind: renewal, re-issue, replacement"),
    (Cause::Superseded, Some(Device::Phone), "a newer certificate of the kind in the same phone"),
    (Cause::PhoneReplaced, Some(Device::Phone), "another phone took this one's place"),
    (Cause::DestroyedBeforeHandOver, Some(Device::Card), "destroyed before hand-over"),
    (Cause::DestroyedBeforeHandOver, Some(Device::Phone), "destroyed before hand-over"),
];

/// What an occasion does to a certificate of that CA (facts 2.1, 2.2, 5).
pub const fn effect(occasion: Occasion, ca: Ca) -> Effect {
    use RevocationReason as Reason;
    let Occasion { cause, at } = occasion;
    match (cause, ca.purpose()) {
        // Article 12: a change of the 4 info ends the certificates that carry them, and only those.
        (Cause::FourInfoChanged | Cause::OverseasContinuation, Purpose::Signature) => {
            Effect::Revoke(Reason::AffiliationChanged)
        }
        (Cause::FourInfoChanged | Cause::OverseasContinuation, Purpose::Authentication)
        | (Cause::MinorAddressCorrection, _) => Effect::None,
        // That death and departure are told as cessationOfOperation is an inference (facts 2.1).
        (Cause::Died | Cause::LeftJapan, _) => Effect::Revoke(Reason::CessationOfOperation),
        (Cause::CaKeyCompromise, _) => Effect::Revoke(Reason::CaCompromise),
        (
            Cause::PersonRequest
            | Cause::KeyCompromise
            | Cause::DeviceLost
            | Cause::LossReported
            | Cause::Found
            | Cause::RecordError
            | Cause::NoLongerNeeded
            | Cause::Superseded
            | Cause::PhoneReplaced
            | Cause::DestroyedBeforeHandOver,
            purpose,
        ) => match (at, ca.device()) {
            (Device::Card, Device::Card) | (Device::Phone, Device::Phone) => at_its_place(cause, at, purpose),
            (Device::Card, Device::Phone) => following_the_card(cause),
            // What happens to the phone never reaches the card.
            (Device::Phone, Device::Card) => Effect::None,
        },
    }
}

/// What happens to a device does this to its own certificate of that purpose.
const fn at_its_place(cause: Cause, device: Device, purpose: Purpose) -> Effect {
    use RevocationReason as Reason;
    match (cause, device, purpose) {
        (Cause::KeyCompromise | Cause::DeviceLost, _, _) => Effect::Revoke(Reason::KeyCompromise),
        (Cause::LossReported, _, _) => Effect::Hold,
        // Facts 5: at a found card both are revoked; at a found phone one is released, the other issued anew.
        (Cause::Found, Device::Phone, Purpose::Authentication) => Effect::Release,
        (Cause::Found, Device::Phone, Purpose::Signature) | (Cause::Superseded, _, _) => {
            Effect::Revoke(Reason::Superseded)
        }
        // Article 13: what the certificate says was never right.
        (Cause::RecordError, _, _) => Effect::Revoke(Reason::AffiliationChanged),
        (Cause::DestroyedBeforeHandOver, _, _) => Effect::Revoke(Reason::Unspecified),
        (Cause::PhoneReplaced, Device::Card, _) => Effect::None,
        (Cause::Found, Device::Card, _)
        | (Cause::PhoneReplaced, Device::Phone, _)
        | (
            Cause::PersonRequest
            | Cause::NoLongerNeeded
            | Cause::FourInfoChanged
            | Cause::OverseasContinuation
            | Cause::MinorAddressCorrection
            | Cause::Died
            | Cause::LeftJapan
            | Cause::CaKeyCompromise,
            _,
            _,
        ) => Effect::Revoke(Reason::CessationOfOperation),
    }
}

/// What happens to the card's certificate does this to the phone's of the same purpose, which stands on it. That a
/// revocation is passed on is implied by the law's text on phones, not read in it (facts 5).
const fn following_the_card(cause: Cause) -> Effect {
    use RevocationReason as Reason;
    match cause {
        // The phone is in its holder's hand; the new card's certificate asks for a new one in the phone anyway.
        Cause::LossReported | Cause::PhoneReplaced | Cause::DestroyedBeforeHandOver => Effect::None,
        Cause::Superseded => Effect::Revoke(Reason::Superseded),
        Cause::RecordError => Effect::Revoke(Reason::AffiliationChanged),
        Cause::PersonRequest
        | Cause::KeyCompromise
        | Cause::DeviceLost
        | Cause::Found
        | Cause::NoLongerNeeded
        | Cause::FourInfoChanged
        | Cause::OverseasContinuation
        | Cause::MinorAddressCorrection
        | Cause::Died
        | Cause::LeftJapan
        | Cause::CaKeyCompromise => Effect::Revoke(Reason::CessationOfOperation),
    }
}

/// The cause that a change reported by the resident register is.
pub const fn cause_of(change: ResidentChange) -> Cause {
    match change {
        ResidentChange::Moved
        | ResidentChange::NameChanged
        | ResidentChange::SexCorrected
        | ResidentChange::BirthDateCorrected => Cause::FourInfoChanged,
        ResidentChange::Died => Cause::Died,
        ResidentChange::LeftJapan => Cause::LeftJapan,
        ResidentChange::LeftJapanKeepingCard => Cause::OverseasContinuation,
        ResidentChange::MinorAddressCorrection => Cause::MinorAddressCorrection,
    }
}

/// The table in Markdown.
pub fn table() -> String {
    let cell = |effect: Effect| match effect {
        Effect::None => "none".to_owned(),
        Effect::Hold => format!("hold ({HOLD_WORD})"),
        Effect::Release => "release".to_owned(),
        Effect::Revoke(reason) => format!("revoke ({})", reason.word()),
    };
    let mut table = "| what happened | at |".to_owned();
    for ca in Ca::ALL {
        let _ = write!(table, " `{ca}` |");
    }
    table += "\n|---|---|---|---|---|---|\n";
    for (cause, at, what) in ROWS {
        let occasion = Occasion { cause, at: at.unwrap_or(Device::Card) };
        let _ = write!(table, "| {what} | {} |", at.map_or("", Device::word));
        for ca in Ca::ALL {
            let _ = write!(table, " {} |", cell(effect(occasion, ca)));
        }
        table += "\n";
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const CESSATION: Effect = Effect::Revoke(RevocationReason::CessationOfOperation);

    fn effects(cause: Cause, at: Device) -> [Effect; 4] {
        Ca::ALL.map(|ca| effect(Occasion { cause, at }, ca))
    }

    #[test]
    fn a_move_ends_both_signature_certificates_and_leaves_both_user_certificates() {
        let changed = Effect::Revoke(RevocationReason::AffiliationChanged);
        for change in [ResidentChange::Moved, ResidentChange::BirthDateCorrected, ResidentChange::LeftJapanKeepingCard]
        {
            assert_eq!(effects(cause_of(change), Device::Card), [changed, Effect::None, changed, Effect::None]);
        }
        assert_eq!(effects(cause_of(ResidentChange::MinorAddressCorrection), Device::Card), [Effect::None; 4]);
    }

    #[test]
    fn the_loss_line_holds_one_device_and_only_a_phones_user_certificate_is_ever_released() {
        let (none, hold) = (Effect::None, Effect::Hold);
        assert_eq!(effects(Cause::LossReported, Device::Card), [hold, hold, none, none]);
        assert_eq!(effects(Cause::LossReported, Device::Phone), [none, none, hold, hold]);
        assert_eq!(effects(Cause::Found, Device::Card), [CESSATION; 4]);
        let superseded = Effect::Revoke(RevocationReason::Superseded);
        assert_eq!(effects(Cause::Found, Device::Phone), [none, none, superseded, Effect::Release]);
    }

    #[test]
    fn what_happens_to_the_phone_never_reaches_the_card_and_a_phone_says_of_its_key_only_what_happened_to_it() {
        for (cause, _, _) in ROWS.iter().filter(|(_, at, _)| *at == Some(Device::Phone)) {
            assert_eq!(effects(*cause, Device::Phone)[..2], [Effect::None; 2], "{cause:?}");
        }
        let leaked = Effect::Revoke(RevocationReason::KeyCompromise);
        assert_eq!(effects(Cause::DeviceLost, Device::Card), [leaked, leaked, CESSATION, CESSATION]);
        assert_eq!(effects(Cause::DeviceLost, Device::Phone), [Effect::None, Effect::None, leaked, leaked]);
    }

    #[test]
    fn the_page_is_the_table() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/effects.md")).unwrap();
        assert!(page.contains(&table()), "docs/effects.md has another table than this one:\n{}", table());
    }
}
