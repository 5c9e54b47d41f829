//! Desk ids (受付窓口識別記号) and the subject CNs that end in them.
use std::fmt;
use std::str::FromStr;

use crate::municipality::MunicipalityCode;
use crate::time::UnixTime;

/// 受付窓口識別記号: a 5-digit municipality code and four characters of `0-9A-Z`, for example `13221003A` (facts 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeskId {
    municipality: MunicipalityCode,
    desk: [u8; 4],
}

/// The text is not a desk id, or not its last four characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a desk id is a 5-digit municipality code and four characters of 0-9 and A-Z, for example 13221003A")]
pub struct BadDeskId;

impl DeskId {
    /// Octets of the written form.
    pub const OCTETS: usize = 9;

    /// A desk of that municipality, from the four characters that tell its desks apart.
    pub fn new(municipality: MunicipalityCode, desk: &str) -> Result<Self, BadDeskId> {
        let desk: [u8; 4] = desk.as_bytes().try_into().map_err(|_| BadDeskId)?;
        let fit = desk.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if fit { Ok(Self { municipality, desk }) } else { Err(BadDeskId) }
    }

    /// Whose desk.
    pub const fn municipality(&self) -> MunicipalityCode {
        self.municipality
    }

    /// The four characters that tell the municipality's desks apart.
    pub fn desk(&self) -> &str {
        std::str::from_utf8(&self.desk).expect("ASCII by construction")
    }
}

impl fmt::Display for DeskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.municipality, self.desk())
    }
}

impl FromStr for DeskId {
    type Err = BadDeskId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (code, desk) = text.split_at_checked(5).ok_or(BadDeskId)?;
        Self::new(code.parse().map_err(|_| BadDeskId)?, desk)
    }
}

/// Subject CN of a signature certificate: 14 digits of the time of request in Japan, 5 digits of a counter, the desk id
/// (facts 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignCommonName {
    requested_at: UnixTime,
    counter: u64,
    desk: DeskId,
}

impl SignCommonName {
    /// From the time of request, a counter of requests, of which the last five digits are used, and the desk.
    pub const fn new(requested_at: UnixTime, counter: u64, desk: DeskId) -> Self {
        Self { requested_at, counter, desk }
    }
}

impl fmt::Display for SignCommonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:05}{}", self.requested_at.jst_digits(), self.counter % 100_000, self.desk)
    }
}

/// Subject CN of a user certificate: 14 random characters of `0-9A-Z`, which tell nothing about the person, and the desk
/// id (facts 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthCommonName {
    random: [u8; Self::RANDOM_CHARACTERS],
    desk: DeskId,
}

impl AuthCommonName {
    const RANDOM_CHARACTERS: usize = 14;
    const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// From 16 octets of a good random source: 128 bits for the 72.4 that the characters hold, so no character is
    /// noticeably likelier than another.
    pub fn from_random(random: [u8; 16], desk: DeskId) -> Self {
        let mut number = u128::from_be_bytes(random);
        let random = std::array::from_fn(|_| {
            let digit = usize::try_from(number % 36).expect("below 36");
            number /= 36;
            Self::ALPHABET[digit]
        });
        Self { random, desk }
    }
}

impl fmt::Display for AuthCommonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", std::str::from_utf8(&self.random).expect("ASCII by construction"), self.desk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn desk() -> DeskId {
        "13221003A".parse().unwrap()
    }

    #[test]
    fn the_desk_of_the_test_card_is_read_and_written() {
        assert_eq!(desk().to_string(), "13221003A");
        assert_eq!(desk().municipality().to_string(), "13221");
        assert_eq!(DeskId::new("13221".parse().unwrap(), "003A"), Ok(desk()));
        for bad in ["", "13221", "13221003", "13221003a", "13221003AB", "1322１003A", "13221-03A", "x3221003A"] {
            assert_eq!(bad.parse::<DeskId>(), Err(BadDeskId), "{bad}");
        }
    }

    #[test]
    fn a_signature_cn_has_the_28_characters_of_facts_1_3() {
        let requested_at = "2025-10-16".parse::<crate::time::CivilDate>().unwrap().jst_start().plus_seconds(3_661);
        let cn = SignCommonName::new(requested_at, 1_000_042, desk()).to_string();
        assert_eq!(cn, "202510160101010004213221003A");
        assert_eq!(cn.len(), 28);
    }

    #[test]
    fn a_user_cn_has_the_23_characters_of_facts_1_4() {
        assert_eq!(AuthCommonName::from_random([0; 16], desk()).to_string(), "0000000000000013221003A");
        let mut random = [0; 16];
        random[15] = 35;
        assert_eq!(AuthCommonName::from_random(random, desk()).to_string(), "Z000000000000013221003A");
    }

    proptest! {
        #[test]
        fn random_characters_are_digits_and_capitals(random: [u8; 16]) {
            let cn = AuthCommonName::from_random(random, desk()).to_string();
            prop_assert_eq!(cn.len(), 23);
            prop_assert!(cn.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
        }
    }
}
