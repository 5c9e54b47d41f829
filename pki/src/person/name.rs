//! 氏名, and what is kept beside it: 旧氏 and フリガナ.
use crate::text::{CertificateText, Repertoire, TextError, check, check_single_spaces};

/// The longest name, in characters. JPKI's own limit is unknown; this is our setting, half an address's limit.
pub const NAME_CHARACTERS_MAX: usize = 100;
/// The longest reading of a name, in characters: two for each of the longest name. Our setting.
pub const KANA_CHARACTERS_MAX: usize = 2 * NAME_CHARACTERS_MAX;

/// 氏名: full-width, its parts parted by one U+3000 each. A person may have one part, or more than two.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(CertificateText);

impl PersonName {
    /// A name of at most [`NAME_CHARACTERS_MAX`] characters; `substitutions` as in [`CertificateText::new`].
    pub fn new(text: &str, substitutions: Option<&str>) -> Result<Self, TextError> {
        let checked = CertificateText::new(text, substitutions, NAME_CHARACTERS_MAX)?;
        check_single_spaces(text)?;
        Ok(Self(checked))
    }

    /// The check of [`PersonName::new`] alone.
    pub fn check(text: &str, substitutions: Option<&str>) -> Result<(), TextError> {
        CertificateText::check(text, substitutions, NAME_CHARACTERS_MAX)?;
        check_single_spaces(text)
    }

    /// The name.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// `0` or `1` for each character of the name.
    pub fn substitutions(&self) -> &str {
        self.0.substitutions()
    }
}

/// フリガナ of a name: full-width katakana, its parts parted by one U+3000 each, as the name's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Kana(String);

impl Kana {
    /// A reading of at most [`KANA_CHARACTERS_MAX`] characters of [`Repertoire::Reading`].
    pub fn new(text: &str) -> Result<Self, TextError> {
        check(text, Repertoire::Reading, KANA_CHARACTERS_MAX)?;
        check_single_spaces(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The reading.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What belongs to the item 氏名 of the latest 4 info besides the name (facts 4.2). No certificate carries it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BesideName {
    /// 氏名のフリガナ
    pub kana: Option<Kana>,
    /// 旧氏, in the characters of a certificate.
    pub former_name: Option<PersonName>,
    /// 旧氏のフリガナ
    pub former_name_kana: Option<Kana>,
}
