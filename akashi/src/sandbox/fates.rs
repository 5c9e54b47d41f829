//! What happens to whom in a sandbox: so many of each kind that whoever integrates meets every state.
use std::collections::HashMap;

use super::people::Sequence;

/// What happens to one person's certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Both certificates stay good.
    Nothing,
    /// Under 15: a user certificate alone.
    Child,
    /// The card ended the day before yesterday.
    Expires,
    /// Consented, then moved: a new signature certificate elsewhere.
    Moves,
    /// Consented, and nothing else.
    Consents,
    /// Consented, and took it back.
    Withdraws,
    /// The card was reported lost: both certificates held.
    LosesCard,
    /// One certificate was reported: held alone.
    IsHeldOnce,
    /// The desk was told.
    TellsDesk(&'static str),
    /// The register reported.
    IsReported(&'static str),
}

/// Causes given at the desk, about one certificate.
const DESK_CAUSES: [&str; 5] = ["person_request", "key_compromise", "card_lost", "record_error", "no_longer_needed"];
/// Changes reported by the register, with how many certificates each revokes.
const CHANGES: [(&str, usize); 4] = [("died", 2), ("name_changed", 1), ("left_japan", 2), ("birth_date_corrected", 1)];

/// The fate of each person, in the order of their numbers. `revoked` is how many of a hundred of the cards become
/// revoked, the moved ones among them; fewer if there are too few people for it.
pub fn fates(people: usize, revoked: usize) -> Vec<Fate> {
    let share = |of_hundred: usize| (people * of_hundred).div_ceil(100);
    let children = share(4);
    let certificates = (people - children) * 2 + children;
    let mut left_to_revoke = (certificates * revoked).div_ceil(100);
    let moves = share(5).min(left_to_revoke);
    left_to_revoke -= moves;

    let mut fates = Vec::with_capacity(people);
    let mut add = |fate, count| fates.extend(std::iter::repeat_n(fate, count));
    add(Fate::Child, children);
    add(Fate::Expires, share(4));
    add(Fate::Moves, moves);
    add(Fate::Consents, share(5));
    add(Fate::Withdraws, share(2));
    add(Fate::LosesCard, share(2));
    add(Fate::IsHeldOnce, share(2));
    let mut causes = (0..).map(|at: usize| {
        if at % 3 == 2 {
            let (change, count) = CHANGES[at / 3 % CHANGES.len()];
            (Fate::IsReported(change), count)
        } else {
            (Fate::TellsDesk(DESK_CAUSES[(at - at / 3) % DESK_CAUSES.len()]), 1)
        }
    });
    while left_to_revoke > 0 && fates.len() < people {
        let (fate, count) = causes.next().expect("causes come again");
        left_to_revoke = left_to_revoke.saturating_sub(count);
        fates.push(fate);
    }
    fates.resize(people, Fate::Nothing);
    shuffle(&mut fates);
    fates
}

/// Of so many people one has certificates in a phone.
const ONE_IN: usize = 3;

/// What happens to a phone with certificates in it, besides what happens to the card that they stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneFate {
    /// Nothing.
    Kept,
    /// Reported lost: both certificates held.
    Lost,
    /// Lost and found again: its user certificate is released, its signature certificate is issued anew.
    Found,
    /// Its holder wanted no certificates in it any more.
    Retired,
}

/// Who has such a phone, in the order of their numbers: of the grown people of each fate every third, the first among them.
pub fn phones(fates: &[Fate]) -> Vec<Option<PhoneFate>> {
    let mut seen = HashMap::new();
    let of_next = |fate: &Fate| {
        let seen: &mut usize = seen.entry(std::mem::discriminant(fate)).or_default();
        *seen += 1;
        (*seen % ONE_IN == 1).then(|| phone(*fate, *seen / ONE_IN)).flatten()
    };
    fates.iter().map(of_next).collect()
}

fn phone(of: Fate, turn: usize) -> Option<PhoneFate> {
    match of {
        Fate::Child => None,
        Fate::LosesCard => Some(PhoneFate::Lost),
        Fate::Withdraws => Some(PhoneFate::Found),
        Fate::Expires | Fate::Moves | Fate::Consents | Fate::IsHeldOnce | Fate::TellsDesk(_) | Fate::IsReported(_) => {
            Some(PhoneFate::Kept)
        }
        Fate::Nothing => Some(match turn % 8 {
            0 => PhoneFate::Retired,
            1 => PhoneFate::Found,
            2 => PhoneFate::Lost,
            _ => PhoneFate::Kept,
        }),
    }
}

/// The same way in each run (Fisher and Yates).
fn shuffle(fates: &mut [Fate]) {
    let mut sequence = Sequence::of(0);
    for at in (1..fates.len()).rev() {
        fates.swap(at, sequence.below(at + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoked(fates: &[Fate]) -> usize {
        let of = |fate: &Fate| match fate {
            Fate::Moves | Fate::TellsDesk(_) => 1,
            Fate::IsReported(change) => CHANGES.iter().find(|(word, _)| word == change).unwrap().1,
            Fate::Nothing
            | Fate::Child
            | Fate::Expires
            | Fate::Consents
            | Fate::Withdraws
            | Fate::LosesCard
            | Fate::IsHeldOnce => 0,
        };
        fates.iter().map(of).sum()
    }

    #[test]
    fn a_small_sandbox_has_some_of_everything_and_as_many_revoked_as_asked_for() {
        for people in [10, 20, 100, 1_000] {
            let fates = fates(people, 10);
            assert_eq!(fates.len(), people);
            for fate in [Fate::Child, Fate::Expires, Fate::Moves, Fate::Consents, Fate::Withdraws, Fate::LosesCard] {
                assert!(fates.contains(&fate), "{people}: {fate:?}");
            }
            let wanted = (people * 196).div_ceil(1_000);
            assert!(
                (wanted.saturating_sub(1)..=wanted + 2).contains(&revoked(&fates)),
                "{people}: {}",
                revoked(&fates)
            );
        }
        assert_eq!(revoked(&fates(100, 0)), 0);
        assert!((78..=81).contains(&revoked(&fates(100, 40))));
    }

    #[test]
    fn a_third_has_phones_even_of_few_and_no_child_and_every_state_is_met() {
        for people in [10, 20, 100, 1_000] {
            let fates = fates(people, 10);
            let phones = phones(&fates);
            let count = phones.iter().flatten().count();
            assert!((people * 3 / 10..=people * 8 / 10).contains(&count), "{people}: {count}");
            for fate in [PhoneFate::Kept, PhoneFate::Lost, PhoneFate::Found, PhoneFate::Retired] {
                assert!(phones.contains(&Some(fate)), "{people}: {fate:?}");
            }
            let of = |fate| fates.iter().zip(&phones).filter(move |(of, _)| **of == fate).map(|(_, phone)| *phone);
            assert!(of(Fate::Child).all(|phone| phone.is_none()));
            assert!(of(Fate::Expires).any(|phone| phone.is_some()), "{people}: none ends");
            assert!(of(Fate::Moves).any(|phone| phone.is_some()), "{people}: no card's fate reaches a phone");
        }
    }
}
