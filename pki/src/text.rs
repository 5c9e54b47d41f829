//! Text of names and addresses in certificates: JIS X 0208 levels 1 and 2 and JIS X 0212, in full-width forms ([`charset`]).
//!
//! 1. What is outside is substituted by the desk's own choice and flagged, position by position (代替文字使用位置情報, facts 1.5).
//!    Nothing is dropped, replaced or normalised here: a text is taken as it is, or refused, with the place of each
//!    character that is refused ([`refused`]) and what may take its place ([`candidates`]).
//! 2. An error's words hold code points, positions and counts. They never repeat the text, so they may be logged and answered.
use std::fmt;

mod candidates;
pub mod charset;
mod refused;

pub use refused::{RefusedCharacter, RefusedCharacters};

/// Which characters a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repertoire {
    /// What a certificate may carry: JIS X 0208 and JIS X 0212 (facts 10).
    Certificate,
    /// What a reading (フリガナ) is written with: full-width katakana, ー, ・ and U+3000. JPKI's own rule is unverified; this
    /// is our setting.
    Reading,
}

impl Repertoire {
    /// Whether the text may have the character.
    pub fn has(self, character: char) -> bool {
        match self {
            Self::Certificate => charset::is_allowed(character),
            Self::Reading => matches!(character, 'ァ'..='ヶ' | 'ー' | '・' | IDEOGRAPHIC_SPACE),
        }
    }
}

/// Text that a certificate may carry, and which of its characters stand for others.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CertificateText {
    text: String,
    substitutions: String,
}

impl CertificateText {
    /// Checks a text of 1 to `characters_max` characters. `substitutions` has one digit for each character: 1 where the desk
    /// substituted, else 0; `None` means that nothing was substituted. A substitute must itself be allowed.
    pub fn new(text: &str, substitutions: Option<&str>, characters_max: usize) -> Result<Self, TextError> {
        let characters = Self::check(text, substitutions, characters_max)?;
        let substitutions = substitutions.map_or_else(|| "0".repeat(characters), str::to_owned);
        Ok(Self { text: text.to_owned(), substitutions })
    }

    /// The check of [`CertificateText::new`] alone; counts the characters.
    pub(crate) fn check(text: &str, substitutions: Option<&str>, characters_max: usize) -> Result<usize, TextError> {
        let characters = check(text, Repertoire::Certificate, characters_max)?;
        substitutions.map_or(Ok(()), |flags| check_flags(flags, characters))?;
        Ok(characters)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `0` or `1` for each character of the text.
    pub fn substitutions(&self) -> &str {
        &self.substitutions
    }
}

/// U+3000, the full-width space.
pub const IDEOGRAPHIC_SPACE: char = '\u{3000}';

/// Refuses a text that is empty, too long, has characters outside the repertoire, or a full-width space at its edge. Counts
/// its characters.
pub(crate) fn check(text: &str, repertoire: Repertoire, characters_max: usize) -> Result<usize, TextError> {
    let characters = text.chars().count();
    if characters == 0 {
        return Err(TextError::Empty);
    }
    if characters > characters_max {
        return Err(TextError::TooLong { characters, characters_max });
    }
    if let Some(refused) = RefusedCharacters::of(text, repertoire) {
        return Err(TextError::Refused(refused));
    }
    if text.starts_with(IDEOGRAPHIC_SPACE) {
        return Err(TextError::OuterSpace { position: 1 });
    }
    if text.ends_with(IDEOGRAPHIC_SPACE) {
        return Err(TextError::OuterSpace { position: characters });
    }
    Ok(characters)
}

/// Refuses two full-width spaces side by side: one parts two names.
pub(crate) fn check_single_spaces(text: &str) -> Result<(), TextError> {
    let mut pairs = text.chars().zip(text.chars().skip(1));
    match pairs.position(|pair| pair == (IDEOGRAPHIC_SPACE, IDEOGRAPHIC_SPACE)) {
        Some(index) => Err(TextError::DoubleSpace { position: index + 2 }),
        None => Ok(()),
    }
}

fn check_flags(flags: &str, characters: usize) -> Result<(), TextError> {
    let count = flags.chars().count();
    if count != characters {
        return Err(TextError::FlagCount { flags: count, characters });
    }
    match flags.chars().position(|flag| flag != '0' && flag != '1') {
        Some(index) => Err(TextError::BadFlag { position: index + 1 }),
        None => Ok(()),
    }
}

/// Never the text: it is somebody's name or address.
impl fmt::Debug for CertificateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateText(..)")
    }
}

/// A character that is written as its code point, `U+9AD9`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodePoint(pub char);

impl fmt::Display for CodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))
    }
}

impl fmt::Debug for CodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text cannot be in a certificate. Positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No characters at all.
    #[error("the text is empty")]
    Empty,
    /// More characters than its field takes.
    #[error("the text has {characters} characters; at most {characters_max} are allowed")]
    TooLong {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        characters_max: usize,
    },
    /// Characters that it may not have.
    #[error("{0}")]
    Refused(RefusedCharacters),
    /// U+3000 at the start or the end.
    #[error("the full-width space U+3000 at position {position} is at the text's edge; leave it out")]
    OuterSpace {
        /// Its place.
        position: usize,
    },
    /// Two U+3000 side by side in a name.
    #[error(
        "the full-width spaces U+3000 at position {position} and before it stand together; one U+3000 parts two names"
    )]
    DoubleSpace {
        /// The place of the second.
        position: usize,
    },
    /// Substitutions that do not match the text's length.
    #[error("the substitutions have {flags} digits; the text has {characters} characters")]
    FlagCount {
        /// How many digits there are.
        flags: usize,
        /// How many there must be.
        characters: usize,
    },
    /// A substitution digit that is neither 0 nor 1.
    #[error("the substitutions have something other than 0 and 1 at position {position}")]
    BadFlag {
        /// Its place.
        position: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str, substitutions: Option<&str>) -> Result<CertificateText, TextError> {
        CertificateText::new(text, substitutions, 20)
    }

    fn refused(written: &str, substitutions: Option<&str>) -> Vec<(char, usize)> {
        let Err(TextError::Refused(all)) = text(written, substitutions) else { return Vec::new() };
        all.as_slice().iter().map(|one| (one.code_point.0, one.position)).collect()
    }

    #[test]
    fn the_test_cards_address_is_taken_as_it_is() {
        // Facts 1.3 and 1.5: U+FF0D in the address, 18 flags.
        let address = text("東京都清瀬市観布子南１２－７－２０２", Some("000000000000000000")).unwrap();
        assert_eq!(address.text(), "東京都清瀬市観布子南１２－７－２０２");
        assert_eq!(address, text("東京都清瀬市観布子南１２－７－２０２", None).unwrap());
    }

    #[test]
    fn a_refused_character_is_named_by_code_point_and_position_and_nothing_else_is_repeated() {
        assert_eq!(refused("髙橋　花子", None), [('髙', 1)]);
        assert_eq!(refused("山﨑　花子", Some("01000")), [('﨑', 2)], "a flag is no licence");
        let error = text("山﨑　花子", None).unwrap_err();
        for said in [error.to_string(), format!("{error:?}")] {
            assert!(said.contains("U+FA11"), "{said}");
            assert!("山﨑花子崎".chars().all(|character| !said.contains(character)), "{said}");
        }
    }

    #[test]
    fn a_substitute_is_flagged_at_its_place() {
        let name = text("山崎　花子", Some("01000")).unwrap();
        assert_eq!((name.text(), name.substitutions()), ("山崎　花子", "01000"));
    }

    #[test]
    fn what_another_form_stands_for_is_refused_not_normalised() {
        for (written, wrong) in [
            ("ﾔﾏ", vec![('ﾔ', 1), ('ﾏ', 2)]),
            ("山 田", vec![(' ', 2)]),
            ("南1", vec![('1', 2)]),
            ("円¥", vec![('¥', 2)]),
            ("か\u{3099}", vec![('\u{3099}', 2)]),
            ("\u{FA19}①", vec![('\u{FA19}', 1), ('①', 2)]),
            ("葛\u{E0100}", vec![('\u{E0100}', 2)]),
        ] {
            assert_eq!(refused(written, None), wrong, "{written}");
        }
    }

    #[test]
    fn substitutions_are_one_digit_for_each_character() {
        assert_eq!(text("山田", Some("0")), Err(TextError::FlagCount { flags: 1, characters: 2 }));
        assert_eq!(text("山田", Some("")), Err(TextError::FlagCount { flags: 0, characters: 2 }));
        assert_eq!(text("山田", Some("000000")), Err(TextError::FlagCount { flags: 6, characters: 2 }));
        assert_eq!(text("山田", Some("02")), Err(TextError::BadFlag { position: 2 }));
        assert_eq!(text("山田", Some("０１")), Err(TextError::BadFlag { position: 1 }));
    }

    #[test]
    fn the_limit_counts_characters_and_is_inclusive() {
        assert_eq!(text("", None), Err(TextError::Empty));
        assert!(text(&"南".repeat(20), None).is_ok());
        assert_eq!(text(&"南".repeat(21), None), Err(TextError::TooLong { characters: 21, characters_max: 20 }));
        // One beyond the Basic Multilingual Plane counts as one, though UTF-16 writes it with two and UTF-8 with four.
        assert_eq!(refused(&"𠮷".repeat(20), None).len(), 20);
        assert_eq!(text(&"𠮷".repeat(21), None), Err(TextError::TooLong { characters: 21, characters_max: 20 }));
        assert_eq!(text("　南", None), Err(TextError::OuterSpace { position: 1 }));
        assert_eq!(text("南　", None), Err(TextError::OuterSpace { position: 2 }));
        assert_eq!(text("　", None), Err(TextError::OuterSpace { position: 1 }));
    }

    #[test]
    fn debug_output_has_no_text() {
        assert_eq!(format!("{:?}", text("山田", None)), "Ok(CertificateText(..))");
    }

    /// Mostly texts that are taken, with signs that have two mappings; else anything.
    fn names_and_noise() -> impl Strategy<Value = String> {
        prop_oneof![9 => "[ぁ-んァ-ヶＡ-Ｚ０-９ー～〜－−―—￠黒桐幹也濵彅é　]{1,20}", 1 => "\\PC{0,25}"]
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_unchanged_and_flagged_throughout(written in names_and_noise(), flags in proptest::option::of("[01]{0,25}")) {
            if let Ok(accepted) = text(&written, flags.as_deref()) {
                prop_assert_eq!(accepted.text(), written.as_str());
                prop_assert_eq!(accepted.substitutions().len(), written.chars().count());
                prop_assert!(written.chars().all(charset::is_allowed));
                prop_assert_eq!(flags.unwrap_or_else(|| accepted.substitutions().replace('1', "0")), accepted.substitutions());
            }
        }

        #[test]
        fn one_character_from_outside_is_found_where_it_is(before in "[一-七亜-唖ァ-ヶ]{0,9}", wrong in any::<char>(), after in "[ぁ-ん]{0,9}") {
            prop_assume!(!charset::is_allowed(wrong));
            prop_assume!(before.chars().all(charset::is_allowed));
            let written = format!("{before}{wrong}{after}");
            prop_assert_eq!(refused(&written, None), [(wrong, before.chars().count() + 1)]);
        }
    }
}
