//! What happens to whom in a sandbox: so many of each kind that whoever integrates meets every state.
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

/// The fate of each person, in the order of their numbers. `revoked` is how many of a hundred certificates become
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
}
