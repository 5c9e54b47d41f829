//! Choices that can be repeated: SplitMix64 from a seed that each test prints.
use std::hash::{BuildHasher, RandomState};

/// Set to a printed seed, it makes the choices of that run again. What runs side by side still does so in its own order.
const SEED: &str = "AKASHI_CRASH_SEED";

#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// From the seed in the environment, or from a new one; prints it either way.
    pub(crate) fn seeded() -> Self {
        let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(SEED));
        println!("{SEED}={seed}");
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Another one, whose choices have nothing to do with this one's later ones.
    pub(crate) const fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// 0 to `end` - 1. The modulus prefers small values by less than anyone could see here.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).expect("an index")]
    }
}
