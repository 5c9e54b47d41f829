//! The few operations on large numbers that making an RSA key from two primes takes.
use std::cmp::Ordering;

const LIMB_OCTETS: usize = 4;

/// A natural number: limbs of 32 bits, the least significant first, the most significant never zero.
#[derive(Clone, PartialEq, Eq)]
pub struct Natural(Vec<u32>);

impl Natural {
    fn of(mut limbs: Vec<u32>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self(limbs)
    }

    /// Of octets, the most significant first.
    pub fn from_octets(octets: &[u8]) -> Self {
        let limb = |octets: &[u8]| octets.iter().fold(0, |limb, octet| limb << 8 | u32::from(*octet));
        Self::of(octets.rchunks(LIMB_OCTETS).map(limb).collect())
    }

    /// The contents of a DER INTEGER.
    pub fn der_octets(&self) -> Vec<u8> {
        let octets: Vec<_> = self.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        let significant = &octets[zeros..];
        let sign = significant.first().is_none_or(|octet| *octet >= 0x80);
        [if sign { &[0][..] } else { &[] }, significant].concat()
    }

    /// `self − 1`, of a number above 0.
    #[must_use]
    pub fn minus_one(&self) -> Self {
        self.minus(&Self(vec![1]))
    }

    /// `self × other`.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let mut product = vec![0; self.0.len() + other.0.len()];
        for (at, left) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (place, right) in product[at..].iter_mut().zip(other.0.iter().chain(std::iter::once(&0))) {
                let sum = u64::from(*left) * u64::from(*right) + u64::from(*place) + carry;
                (*place, carry) = halves(sum);
            }
        }
        Self::of(product)
    }

    /// `self × factor + 1`.
    #[must_use]
    pub fn times_plus_one(&self, factor: u32) -> Self {
        let mut carry = 1;
        let mut limbs = Vec::with_capacity(self.0.len() + 1);
        for limb in self.0.iter().chain(std::iter::once(&0)) {
            let low;
            (low, carry) = halves(u64::from(*limb) * u64::from(factor) + carry);
            limbs.push(low);
        }
        Self::of(limbs)
    }

    /// Quotient and remainder.
    pub fn divided_by(&self, divisor: u32) -> (Self, u32) {
        let mut remainder = 0;
        let mut quotient = vec![0; self.0.len()];
        for (place, limb) in quotient.iter_mut().zip(&self.0).rev() {
            let dividend = u64::from(remainder) << 32 | u64::from(*limb);
            *place = halves(dividend / u64::from(divisor)).0;
            remainder = halves(dividend % u64::from(divisor)).0;
        }
        (Self::of(quotient), remainder)
    }

    /// 1/`self` modulo an odd prime above it: Euclid's algorithm by halving.
    #[must_use]
    pub fn inverse_modulo(&self, prime: &Self) -> Self {
        let one = Self(vec![1]);
        let (mut u, mut v) = (self.clone(), prime.clone());
        let (mut of_u, mut of_v) = (one.clone(), Self(Vec::new()));
        // u = of_u × self and v = of_v × self hold throughout, modulo the prime.
        while u != one && v != one {
            halve_while_even(&mut u, &mut of_u, prime);
            halve_while_even(&mut v, &mut of_v, prime);
            if u >= v {
                u = u.minus(&v);
                of_u = of_u.minus_modulo(&of_v, prime);
            } else {
                v = v.minus(&u);
                of_v = of_v.minus_modulo(&of_u, prime);
            }
        }
        if u == one { of_u } else { of_v }
    }

    fn minus_modulo(&self, other: &Self, modulus: &Self) -> Self {
        if self >= other { self.minus(other) } else { self.plus(modulus).minus(other) }
    }

    fn plus(&self, other: &Self) -> Self {
        let length = self.0.len().max(other.0.len()) + 1;
        let at = |number: &Self, place: usize| u64::from(number.0.get(place).copied().unwrap_or(0));
        let mut carry = 0;
        let mut limbs = Vec::with_capacity(length);
        for place in 0..length {
            let low;
            (low, carry) = halves(at(self, place) + at(other, place) + carry);
            limbs.push(low);
        }
        Self::of(limbs)
    }

    /// `self − other`, which is not larger.
    fn minus(&self, other: &Self) -> Self {
        let mut borrowed = false;
        let mut limbs = self.0.clone();
        for (place, limb) in limbs.iter_mut().enumerate() {
            let (difference, first) = limb.overflowing_sub(other.0.get(place).copied().unwrap_or(0));
            let (difference, second) = difference.overflowing_sub(u32::from(borrowed));
            (*limb, borrowed) = (difference, first || second);
        }
        Self::of(limbs)
    }

    fn is_even(&self) -> bool {
        self.0.first().is_none_or(|limb| limb.is_multiple_of(2))
    }

    fn halve(&mut self) {
        let mut above = 0;
        for limb in self.0.iter_mut().rev() {
            (*limb, above) = (*limb >> 1 | above << 31, *limb & 1);
        }
        if self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn halve_while_even(number: &mut Natural, of_number: &mut Natural, prime: &Natural) {
    while number.is_even() {
        number.halve();
        if !of_number.is_even() {
            *of_number = of_number.plus(prime);
        }
        of_number.halve();
    }
}

/// The low half, and the high half as a carry.
#[expect(clippy::cast_possible_truncation, reason = "the other half is the second of the two")]
const fn halves(sum: u64) -> (u32, u64) {
    (sum as u32, sum >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(value: u128) -> Natural {
        Natural::from_octets(&value.to_be_bytes())
    }

    proptest! {
        #[test]
        fn sums_and_products_are_those_of_the_machine(a: u64, b: u64, c in 1_u32..) {
            let (wide_a, wide_b) = (u128::from(a), u128::from(b));
            let (larger, smaller) = (wide_a.max(wide_b), wide_a.min(wide_b));
            prop_assert!(natural(wide_a).times(&natural(wide_b)) == natural(wide_a * wide_b));
            prop_assert!(natural(wide_a).plus(&natural(wide_b)) == natural(wide_a + wide_b));
            prop_assert!(natural(larger).minus(&natural(smaller)) == natural(larger - smaller));
            prop_assert!(natural(wide_a).times_plus_one(c) == natural(wide_a * u128::from(c) + 1));
            prop_assert_eq!(natural(wide_a).cmp(&natural(wide_b)), a.cmp(&b));
            let (quotient, remainder) = natural(wide_a * wide_b).divided_by(c);
            prop_assert!(quotient == natural(wide_a * wide_b / u128::from(c)));
            prop_assert_eq!(u128::from(remainder), wide_a * wide_b % u128::from(c));
        }

        #[test]
        fn a_number_times_its_inverse_is_one(a in 1_u128..1_000_000_006) {
            let prime = 1_000_000_007;
            let inverse = natural(a).inverse_modulo(&natural(prime));
            let (_, remainder) = inverse.times(&natural(a)).divided_by(1_000_000_007);
            prop_assert_eq!(remainder, 1);
            prop_assert!(inverse < natural(prime));
        }

        #[test]
        fn octets_are_those_of_a_der_integer(value: u128) {
            let mut expected = vec![0];
            expected.extend(value.to_be_bytes());
            while expected.len() > 1 && expected[0] == 0 && expected[1] < 0x80 {
                expected.remove(0);
            }
            prop_assert_eq!(natural(value).der_octets(), expected);
        }
    }
}
