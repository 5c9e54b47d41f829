//! Text of names and addresses in certificates: JIS X 0208 levels 1 and 2 and JIS X 0212, in full-width forms ([`charset`]).
//!
//! 1. What is outside is substituted by the desk's own choice and flagged, position by position (代替文字使用位置情報, facts 1.5).
//!    Nothing is dropped, replaced or normalised here: a text is taken as it is, or refused with the place of the first fault.
//! 2. An error holds code points, positions and counts. It never repeats the text, so it may be logged and answered.
use std::fmt;

pub mod charset;

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
        let characters = text.chars().count();
        if characters == 0 {
            return Err(TextError::Empty);
        }
        if characters > characters_max {
            return Err(TextError::TooLong { characters, characters_max });
        }
        for (index, character) in text.chars().enumerate() {
            check_character(character, index + 1)?;
        }
        if text.starts_with(IDEOGRAPHIC_SPACE) {
            return Err(TextError::OuterSpace { position: 1 });
        }
        if text.ends_with(IDEOGRAPHIC_SPACE) {
            return Err(TextError::OuterSpace { position: characters });
        }
        let substitutions = match substitutions {
            Some(flags) => checked_flags(flags, characters)?.to_owned(),
            None => "0".repeat(characters),
        };
        Ok(Self { text: text.to_owned(), substitutions })
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

fn check_character(character: char, position: usize) -> Result<(), TextError> {
    let code_point = CodePoint(character);
    if charset::is_allowed(character) {
        Ok(())
    } else if charset::is_half_width(character) {
        Err(TextError::HalfWidth { code_point, position })
    } else {
        Err(TextError::NotAllowed { code_point, position })
    }
}

fn checked_flags(flags: &str, characters: usize) -> Result<&str, TextError> {
    let count = flags.chars().count();
    if count != characters {
        return Err(TextError::FlagCount { flags: count, characters });
    }
    match flags.chars().position(|flag| flag != '0' && flag != '1') {
        Some(index) => Err(TextError::BadFlag { position: index + 1 }),
        None => Ok(flags),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// Outside JIS X 0208 and JIS X 0212.
    #[error(
        "character {position} ({code_point}) is neither in JIS X 0208 nor in JIS X 0212; send a substitute and a 1 at this position of the substitutions"
    )]
    NotAllowed {
        /// The character.
        code_point: CodePoint,
        /// Its place.
        position: usize,
    },
    /// ASCII or half-width katakana.
    #[error("character {position} ({code_point}) is half-width; write its full-width form")]
    HalfWidth {
        /// The character.
        code_point: CodePoint,
        /// Its place.
        position: usize,
    },
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

    #[test]
    fn the_test_cards_address_is_taken_as_it_is() {
        // Facts 1.3 and 1.5: U+FF0D in the address, 18 flags.
        let address = text("東京都清瀬市観布子南１２－７－２０２", Some("000000000000000000")).unwrap();
        assert_eq!(address.text(), "東京都清瀬市観布子南１２－７－２０２");
        assert_eq!(address, text("東京都清瀬市観布子南１２－７－２０２", None).unwrap());
    }

    #[test]
    fn a_refused_character_is_named_by_code_point_and_position_and_nothing_else_is_repeated() {
        let error = text("髙橋　花子", None).unwrap_err();
        assert_eq!(error, TextError::NotAllowed { code_point: CodePoint('髙'), position: 1 });
        let error = text("山﨑　花子", Some("01000")).unwrap_err();
        assert_eq!(error, TextError::NotAllowed { code_point: CodePoint('﨑'), position: 2 }, "a flag is no licence");
        for said in [error.to_string(), format!("{error:?}")] {
            assert!(said.contains("U+FA11"), "{said}");
            assert!("山﨑花子".chars().all(|character| !said.contains(character)), "{said}");
        }
    }

    #[test]
    fn a_substitute_is_flagged_at_its_place() {
        let name = text("山崎　花子", Some("01000")).unwrap();
        assert_eq!((name.text(), name.substitutions()), ("山崎　花子", "01000"));
    }

    #[test]
    fn half_width_forms_are_refused_not_widened() {
        for (written, position) in [("ﾔﾏ", 1), ("山 田", 2), ("南1", 2), ("山~", 2), ("円¥", 2)] {
            let code_point = CodePoint(written.chars().nth(position - 1).unwrap());
            assert_eq!(text(written, None), Err(TextError::HalfWidth { code_point, position }), "{written}");
        }
    }

    #[test]
    fn a_decomposed_kana_is_refused_not_composed() {
        assert_eq!(
            text("か\u{3099}", None),
            Err(TextError::NotAllowed { code_point: CodePoint('\u{3099}'), position: 2 })
        );
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
        assert_eq!(text("　南", None), Err(TextError::OuterSpace { position: 1 }));
        assert_eq!(text("南　", None), Err(TextError::OuterSpace { position: 2 }));
        assert_eq!(text("　", None), Err(TextError::OuterSpace { position: 1 }));
    }

    #[test]
    fn debug_output_has_no_text() {
        assert_eq!(format!("{:?}", text("山田", None)), "Ok(CertificateText(..))");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_unchanged_and_flagged_throughout(written in "\\PC{0,25}", flags in proptest::option::of("[01]{0,25}")) {
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
            let found = match text(&format!("{before}{wrong}{after}"), None) {
                Err(TextError::NotAllowed { code_point, position } | TextError::HalfWidth { code_point, position }) => Some((code_point, position)),
                _ => None,
            };
            prop_assert_eq!(found, Some((CodePoint(wrong), before.chars().count() + 1)));
        }
    }
}
