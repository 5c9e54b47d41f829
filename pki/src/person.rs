//! The 4 info of a person (基本4情報): name, sex, date of birth, address, in the forms that a signature certificate's
//! subjectAltName carries (facts 1.5). None of these types shows its value in Debug output, and no error repeats one.
use std::fmt;
use std::str::FromStr;

use crate::text::{CertificateText, TextError};
use crate::time::CivilDate;

mod name;

pub use name::{BesideName, KANA_CHARACTERS_MAX, Kana, NAME_CHARACTERS_MAX, PersonName};

/// The longest address, in characters (facts 1.5).
pub const ADDRESS_CHARACTERS_MAX: usize = 200;
/// What a certificate says of a sex that is not known. Sources dispute `3` and `9` (facts 1.5); this is our setting.
pub const SEX_UNKNOWN_DIGIT: char = '3';

/// The basic 4 info.
#[derive(Clone, PartialEq, Eq)]
pub struct FourInfo {
    /// 氏名
    pub name: PersonName,
    /// 性別
    pub sex: Sex,
    /// 生年月日
    pub birth_date: BirthDate,
    /// 住所
    pub address: Address,
}

/// Says only what kind of value it is, never the value.
macro_rules! redacted_debug {
    ($($kind:ident),+) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($kind), "(..)"))
            }
        }
    )+};
}
redacted_debug!(FourInfo, PersonName, Kana, BesideName, Address, Sex, BirthDate);

/// 住所: prefecture first, no postcode, full-width digits and hyphens (facts 1.5).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(CertificateText);

impl Address {
    /// An address of at most [`ADDRESS_CHARACTERS_MAX`] characters; `substitutions` as in [`CertificateText::new`].
    pub fn new(text: &str, substitutions: Option<&str>) -> Result<Self, TextError> {
        CertificateText::new(text, substitutions, ADDRESS_CHARACTERS_MAX).map(Self)
    }

    /// The check of [`Address::new`] alone.
    pub fn check(text: &str, substitutions: Option<&str>) -> Result<(), TextError> {
        CertificateText::check(text, substitutions, ADDRESS_CHARACTERS_MAX).map(drop)
    }

    /// The address.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// `0` or `1` for each character of the address.
    pub fn substitutions(&self) -> &str {
        self.0.substitutions()
    }
}

/// 性別
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
    /// 不明
    Unknown,
}

impl Sex {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Male, Self::Female, Self::Unknown];

    /// The one character that a certificate carries.
    pub const fn certificate_digit(self) -> char {
        match self {
            Self::Male => '1',
            Self::Female => '2',
            Self::Unknown => SEX_UNKNOWN_DIGIT,
        }
    }

    /// The sex that a certificate says so; `None` if it is no such character.
    pub fn from_certificate_digit(digit: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sex| digit.chars().eq([sex.certificate_digit()]))
    }

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Unknown => "unknown",
        }
    }
}

/// The text is none of the words for a sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sex is one of `male`, `female`, `unknown`")]
pub struct UnknownSexWord;

impl FromStr for Sex {
    type Err = UnknownSexWord;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|sex| sex.word() == text).ok_or(UnknownSexWord)
    }
}

/// 生年月日, whose day, or month and day, may be unknown. Written `1980-02-17`, `1980-02-00` or `1980-00-00`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BirthDate {
    earliest: CivilDate,
    precision: Precision,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Precision {
    Day,
    Month,
    Year,
}

/// Why a date of birth is refused. It holds no part of the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BirthDateError {
    /// Another form, or a day that the calendar has not.
    #[error(
        "not a date of birth; write YYYY-MM-DD for a day of the calendar, YYYY-MM-00 where the day is unknown, YYYY-00-00 where the month is too"
    )]
    Impossible,
    /// Before [`BirthDate::FIRST_YEAR`]: surely a slip.
    #[error("the year of birth is before {}", BirthDate::FIRST_YEAR)]
    TooEarly,
    /// After the day on which it was asked.
    #[error("the date of birth lies in the future")]
    InFuture,
}

/// The first day of each era, newest first, with the certificate's digit (facts 1.5). On the day of a change the new era counts.
const ERAS: [(u32, u32, u32, char); 5] =
    [(2019, 5, 1, '5'), (1989, 1, 8, '4'), (1926, 12, 25, '3'), (1912, 7, 30, '2'), (1868, 1, 25, '1')];
/// 不明: before Meiji, or a date so partly known that it may lie in either of two eras.
const ERA_UNKNOWN: char = '0';

fn era_digit(date: CivilDate) -> char {
    let begun = ERAS.iter().find(|era| (era.0, era.1, era.2) <= (date.year(), date.month().into(), date.day().into()));
    begun.map_or(ERA_UNKNOWN, |era| era.3)
}

impl BirthDate {
    /// The first year of Meiji, before which a certificate has no era for a birth.
    pub const FIRST_YEAR: u32 = 1_868;

    /// A wholly known date of birth.
    pub fn of_day(date: CivilDate) -> Result<Self, BirthDateError> {
        Self::checked(date, Precision::Day)
    }

    /// The earliest day that it may be. Validity is counted from it: our setting, as what JPKI does is unverified.
    pub fn earliest(self) -> CivilDate {
        self.earliest
    }

    /// The latest day that it may be.
    pub fn latest(self) -> CivilDate {
        let first = self.earliest;
        let day_before = |year: u32, month: u32| {
            let next = CivilDate::new(year, month, 1).expect("a first of a month exists");
            CivilDate::from_days(next.days() - 1)
        };
        match self.precision {
            Precision::Day => first,
            Precision::Month if first.month() < 12 => day_before(first.year(), u32::from(first.month()) + 1),
            Precision::Month | Precision::Year => {
                CivilDate::new(first.year(), 12, 31).expect("every year has a 31 December")
            }
        }
    }

    /// Nine digits: the era's, then YYYYMMDD of the Gregorian calendar with 00 for what is unknown (facts 1.5). The era's is 0
    /// where the unknown part leaves two eras possible; that JPKI does the same is a guess.
    pub fn certificate_form(self) -> String {
        let [year, month, day] = self.parts();
        format!("{}{year:04}{month:02}{day:02}", self.era())
    }

    fn era(self) -> char {
        match era_digit(self.earliest) {
            era if era == era_digit(self.latest()) => era,
            _ => ERA_UNKNOWN,
        }
    }

    /// The date that a certificate writes so; `None` if it is not such a form.
    pub fn from_certificate_form(form: &str) -> Option<Self> {
        let digits: &[u8; 9] = form.as_bytes().try_into().ok()?;
        let number = |part: &[u8]| {
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
            part.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
        };
        let date = Self::of_parts([number(&digits[1..5])?, number(&digits[5..7])?, number(&digits[7..])?]).ok()?;
        (date.era() == char::from(digits[0])).then_some(date)
    }

    /// Refuses a birth that, at its earliest, would be after `today`, the day in Japan.
    pub fn refuse_future(self, today: CivilDate) -> Result<Self, BirthDateError> {
        if self.earliest > today { Err(BirthDateError::InFuture) } else { Ok(self) }
    }

    fn checked(earliest: CivilDate, precision: Precision) -> Result<Self, BirthDateError> {
        if earliest.year() < Self::FIRST_YEAR {
            Err(BirthDateError::TooEarly)
        } else {
            Ok(Self { earliest, precision })
        }
    }

    /// From year, month and day, 0 for what is unknown.
    fn of_parts([year, month, day]: [u32; 3]) -> Result<Self, BirthDateError> {
        let precision = match (month, day) {
            (0, 0) => Precision::Year,
            (_, 0) => Precision::Month,
            _ => Precision::Day,
        };
        let known = match precision {
            Precision::Day => CivilDate::new(year, month, day),
            Precision::Month => CivilDate::new(year, month, 1),
            Precision::Year => CivilDate::new(year, 1, 1),
        };
        Self::checked(known.ok_or(BirthDateError::Impossible)?, precision)
    }

    /// Year, month and day, 0 for what is unknown.
    fn parts(self) -> [u32; 3] {
        let (year, month, day) = (self.earliest.year(), self.earliest.month().into(), self.earliest.day().into());
        match self.precision {
            Precision::Day => [year, month, day],
            Precision::Month => [year, month, 0],
            Precision::Year => [year, 0, 0],
        }
    }
}

/// `1980-02-17`, `1980-02-00`, `1980-00-00`: the form that is read back. Personal data, unlike Debug output.
impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day] = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for BirthDate {
    type Err = BirthDateError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (known, precision) = if let Some(year) = text.strip_suffix("-00-00") {
            (format!("{year}-01-01"), Precision::Year)
        } else if let Some(month) = text.strip_suffix("-00") {
            (format!("{month}-01"), Precision::Month)
        } else {
            (text.to_owned(), Precision::Day)
        };
        Self::checked(known.parse().map_err(|_| BirthDateError::Impossible)?, precision)
    }
}

#[cfg(test)]
mod tests;
