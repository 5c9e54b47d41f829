//! The 47 prefectures and 1,741 municipalities of Japan. The 5-digit code is a municipality's identity: it names the CRL
//! partition, the desk and the URL, while romaji is not unique (江差町 01361 and 枝幸町 01514 are both Esashi-cho).
//!
//! The rows are committed under `data/`, with their origin in `data/README.md`, and are read once. [`crate::romaji`] says how DN text
//! is made. Where it would repeat another's in the same prefecture, the row that came later to the table (today: the higher code)
//! has its code added, `Esashi-cho (01514)`: valid in UTF8String, readable, and settled for ever when the row is committed.
//!
//! Wards of designated cities are desks of their city and stand in no row; the 23 special wards of Tokyo are municipalities.
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::time::CivilDate;

mod table;

static PREFECTURES: LazyLock<Vec<Prefecture>> = LazyLock::new(table::prefectures);
static MUNICIPALITIES: LazyLock<Vec<Municipality>> = LazyLock::new(table::municipalities);

/// The number of prefectures; JIS X 0401 counts them from 1.
pub const PREFECTURE_COUNT: u8 = 47;

/// A municipality's code as JIS X 0401 (two digits) and JIS X 0402 (three digits) form it. A value need not be in the table:
/// ask [`find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MunicipalityCode(u32);

impl MunicipalityCode {
    /// A code from its number; `None` unless it is a prefecture's number from 1 to 47 and three digits that are not 000
    /// (000 is the prefecture itself).
    pub const fn new(number: u32) -> Option<Self> {
        let prefecture = number / 1_000;
        if prefecture >= 1 && prefecture <= PREFECTURE_COUNT as u32 && !number.is_multiple_of(1_000) {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number, 1001 to 47999.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number of its prefecture, 1 to 47.
    pub fn prefecture_code(self) -> u8 {
        u8::try_from(self.0 / 1_000).expect("at most 47")
    }

    /// The sixth digit of 全国地方公共団体コード.
    pub fn check_digit(self) -> u8 {
        check_digit(self.0)
    }
}

/// (11 − (6a + 5b + 4c + 3d + 2e) mod 11) mod 10 of the five digits of a prefecture's or municipality's number.
fn check_digit(number: u32) -> u8 {
    let sum: u32 = (0..5).map(|place| (place + 2) * (number / 10_u32.pow(place) % 10)).sum();
    u8::try_from((11 - sum % 11) % 10).expect("below 10")
}

/// Five digits, `01361`.
impl fmt::Display for MunicipalityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// The text is not a municipality's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a municipality's code is five digits without the check digit, for example 13221; the first two are a prefecture, 01 to 47"
)]
pub struct BadMunicipalityCode;

impl FromStr for MunicipalityCode {
    type Err = BadMunicipalityCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let five_digits = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| five_digits).and_then(Self::new).ok_or(BadMunicipalityCode)
    }
}

/// A prefecture. Its `dn_text` is the first L of a signature certificate's subject and an OU of the CRL's name (facts 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefecture {
    /// JIS X 0401: 1 to 47.
    pub code: u8,
    /// 東京都
    pub name: &'static str,
    /// Full-width katakana, トウキョウト.
    pub kana: &'static str,
    /// Latin text for distinguished names, `Tokyo-to`.
    pub dn_text: &'static str,
}

impl Prefecture {
    /// All of them, in the order of their codes.
    pub fn all() -> &'static [Self] {
        &PREFECTURES
    }
}

/// A city, town, village, or special ward of Tokyo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Municipality {
    /// What it is known by everywhere in the system.
    pub code: MunicipalityCode,
    /// 清瀬市
    pub name: &'static str,
    /// Full-width katakana, キヨセシ.
    pub kana: &'static str,
    /// Latin text for distinguished names, `Kiyose-shi`; no two of a prefecture are the same.
    pub dn_text: &'static str,
    /// The first day in force; `None` where the start is not recorded.
    pub from: Option<CivilDate>,
    /// The last day in force; `None` while it is. An abolished municipality keeps its row, because its CRL lives on (I10).
    pub to: Option<CivilDate>,
}

impl Municipality {
    /// The prefecture it lies in.
    pub fn prefecture(&self) -> &'static Prefecture {
        &PREFECTURES[usize::from(self.code.prefecture_code()) - 1]
    }

    /// Whether it exists on that day. Both ends count (I20).
    pub fn in_force_on(&self, date: CivilDate) -> bool {
        self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
    }
}

/// Every municipality of the table, those no longer in force too, in the order of their codes.
pub fn all() -> &'static [Municipality] {
    &MUNICIPALITIES
}

/// The municipality with that code, in force or not.
pub fn find(code: MunicipalityCode) -> Option<&'static Municipality> {
    let position = MUNICIPALITIES.binary_search_by_key(&code, |row| row.code).ok()?;
    Some(&MUNICIPALITIES[position])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn municipality(code: &str) -> &'static Municipality {
        find(code.parse().unwrap()).unwrap()
    }

    #[test]
    fn kiyose_is_found_by_its_code() {
        let kiyose = municipality("13221");
        assert_eq!((kiyose.name, kiyose.kana, kiyose.dn_text), ("清瀬市", "キヨセシ", "Kiyose-shi"));
        assert_eq!((kiyose.prefecture().name, kiyose.prefecture().dn_text), ("東京都", "Tokyo-to"));
        assert_eq!(kiyose.code.check_digit(), 7);
    }

    #[test]
    fn wards_of_designated_cities_and_villages_of_the_northern_territories_are_not_in_the_table() {
        for code in ["14101", "27102", "01101", "01695", "01696", "01697", "01698", "01699", "01700"] {
            assert_eq!(find(code.parse().unwrap()), None, "{code}");
        }
    }

    #[test]
    fn codes_are_five_digits_of_a_prefecture_and_a_municipality() {
        for text in ["", "1361", "013617", "+1361", "13 21", "13000", "00101", "48101", "1322１", "99999"] {
            assert_eq!(text.parse::<MunicipalityCode>(), Err(BadMunicipalityCode), "{text:?}");
        }
        assert_eq!("01361".parse::<MunicipalityCode>().unwrap().to_string(), "01361");
        assert_eq!(MunicipalityCode::new(13_000), None);
        assert_eq!(MunicipalityCode::new(u32::MAX), None);
    }

    #[test]
    fn dn_text_is_unique_in_its_prefecture_and_made_of_a_few_characters() {
        let pairs: HashSet<_> = all().iter().map(|row| (row.prefecture().dn_text, row.dn_text)).collect();
        assert_eq!(pairs.len(), all().len());
        for row in all() {
            assert!(
                row.dn_text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"- ()".contains(&byte)),
                "{}",
                row.dn_text
            );
        }
    }

    #[test]
    fn only_the_second_esashi_needs_its_code() {
        assert_eq!((municipality("01361").name, municipality("01361").dn_text), ("江差町", "Esashi-cho"));
        assert_eq!((municipality("01514").name, municipality("01514").dn_text), ("枝幸町", "Esashi-cho (01514)"));
        assert_eq!(all().iter().filter(|row| row.dn_text.contains('(')).count(), 1);
    }

    #[test]
    fn a_municipality_is_in_force_on_its_first_and_its_last_day() {
        let date = |text: &str| text.parse::<CivilDate>().unwrap();
        let row = Municipality {
            from: Some(date("2005-10-01")),
            to: Some(date("2026-03-31")),
            ..municipality("13221").clone()
        };
        for (day, expected) in
            [("2005-09-30", false), ("2005-10-01", true), ("2026-03-31", true), ("2026-04-01", false)]
        {
            assert_eq!(row.in_force_on(date(day)), expected, "{day}");
        }
        assert!(all().iter().all(|row| row.in_force_on(date("2026-11-22"))));
    }

    proptest! {
        #[test]
        fn a_code_is_read_back_from_its_five_digits(number in 0_u32..=110_000) {
            let code = MunicipalityCode::new(number);
            prop_assert_eq!(code, format!("{number:05}").parse().ok());
            if let Some(code) = code {
                prop_assert_eq!(code.to_string().parse(), Ok(code));
                prop_assert_eq!(find(code).map_or(code, |row| row.code), code);
            }
        }

        #[test]
        fn one_wrong_digit_changes_the_check_digit_unless_it_is_1(position in 0..1_741_usize, place in 0..5_u32, shift in 1..10_u32) {
            // The last step, mod 10, gives 1 for the remainders 0 and 10 of eleven; all others are told apart.
            let right = all()[position].code.get();
            let digit = right / 10_u32.pow(place) % 10;
            let wrong = right - digit * 10_u32.pow(place) + (digit + shift) % 10 * 10_u32.pow(place);
            let (right, wrong) = (check_digit(right), check_digit(wrong));
            prop_assert!(right != wrong || right == 1);
        }
    }
}
