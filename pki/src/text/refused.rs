//! Characters that a text may not have: which, where, and what may take their place.
use std::fmt;

use super::candidates::{candidates, composed, is_variation_selector};
use super::{CodePoint, Repertoire};

/// A character that was refused. Positions count characters (Unicode scalar values) from 1, also those beyond the Basic
/// Multilingual Plane.
#[derive(Clone, PartialEq, Eq)]
pub struct RefusedCharacter {
    /// The character.
    pub code_point: CodePoint,
    /// Its place.
    pub position: usize,
    /// The place of the first character that a candidate replaces: before [`Self::position`] where that is a mark or a
    /// variation selector, which goes with the letter before it.
    pub first: usize,
    /// The place of the last character that a candidate replaces.
    pub last: usize,
    /// What may take their place, likeliest first; each is made of allowed characters. Empty if we know of nothing.
    pub candidates: Vec<String>,
}

/// Every refused character of a text, at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct RefusedCharacters(Vec<RefusedCharacter>);

impl RefusedCharacters {
    /// The characters of the text that the repertoire has not; `None` if it has all.
    pub(super) fn of(text: &str, repertoire: Repertoire) -> Option<Self> {
        if text.chars().all(|character| repertoire.has(character)) {
            return None;
        }
        let characters: Vec<char> = text.chars().collect();
        let (mut refused, mut start) = (Vec::new(), 0);
        while start < characters.len() {
            let (whole, end) = letter_at(&characters, start);
            let wrong = (start..end).filter(|index| !repertoire.has(characters[*index]));
            refused.extend(wrong.map(|index| RefusedCharacter {
                code_point: CodePoint(characters[index]),
                position: index + 1,
                first: start + 1,
                last: end,
                candidates: candidates(whole, repertoire),
            }));
            start = end;
        }
        Some(Self(refused))
    }

    /// In the order of the text.
    pub fn as_slice(&self) -> &[RefusedCharacter] {
        &self.0
    }
}

/// The letter that begins there, with the marks and variation selectors after it: as one character, and where it ends.
fn letter_at(characters: &[char], start: usize) -> (char, usize) {
    let (mut whole, mut end) = (characters[start], start + 1);
    while let Some(next) = characters.get(end) {
        match composed(whole, *next) {
            Some(made) => whole = made,
            None if is_variation_selector(*next) => {}
            None => break,
        }
        end += 1;
    }
    (whole, end)
}

/// The first one's code point and how many more: all of them may be a whole name.
impl fmt::Display for RefusedCharacters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(RefusedCharacter { code_point, position, .. }) = self.0.first() else { return Ok(()) };
        write!(f, "character {position} ({code_point}) may not stand here")?;
        match self.0.len() - 1 {
            0 => Ok(()),
            more => write!(f, ", nor may {more} more"),
        }
    }
}

impl fmt::Debug for RefusedCharacters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedCharacters({self})")
    }
}

impl fmt::Debug for RefusedCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedCharacter(at {})", self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// (code point, position, first, last, candidates) of each.
    fn refused(text: &str, repertoire: Repertoire) -> Vec<(char, usize, usize, usize, String)> {
        let told =
            |one: &RefusedCharacter| (one.code_point.0, one.position, one.first, one.last, one.candidates.join(" "));
        RefusedCharacters::of(text, repertoire).map_or_else(Vec::new, |all| all.as_slice().iter().map(told).collect())
    }

    fn in_certificate(text: &str) -> Vec<(char, usize, usize, usize, String)> {
        refused(text, Repertoire::Certificate)
    }

    fn row(
        character: char,
        [position, first, last]: [usize; 3],
        candidates: &str,
    ) -> (char, usize, usize, usize, String) {
        (character, position, first, last, candidates.to_owned())
    }

    #[test]
    fn every_refused_character_is_named_in_order_with_its_candidates() {
        assert_eq!(in_certificate("山田　太郎"), []);
        assert_eq!(
            in_certificate("髙𠮷　和﨑"),
            [row('髙', [1, 1, 1], "高"), row('𠮷', [2, 2, 2], "吉"), row('﨑', [5, 5, 5], "崎 埼 碕 嵜")]
        );
        assert_eq!(in_certificate("🌸"), [row('🌸', [1, 1, 1], "")]);
    }

    #[test]
    fn a_mark_goes_with_its_letter() {
        assert_eq!(in_certificate("みか\u{3099}"), [row('\u{3099}', [3, 2, 3], "が")]);
        assert_eq!(in_certificate("ｶﾞ"), [row('ｶ', [1, 1, 2], "ガ"), row('ﾞ', [2, 1, 2], "ガ")]);
        assert_eq!(in_certificate("アﾞ"), [row('ﾞ', [2, 2, 2], "゛")], "they make no letter");
        assert_eq!(
            refused("か\u{3099}", Repertoire::Reading),
            [row('か', [1, 1, 2], "ガ"), row('\u{3099}', [2, 1, 2], "ガ")]
        );
        // ǖ in three code points.
        let three = in_certificate("u\u{308}\u{304}");
        assert_eq!(three.iter().map(|one| one.4.as_str()).collect::<Vec<_>>(), ["ǖ"; 3]);
    }

    #[test]
    fn a_variation_selector_goes_with_its_ideograph() {
        assert_eq!(in_certificate("葛\u{E0100}西"), [row('\u{E0100}', [2, 1, 2], "葛")]);
        assert_eq!(in_certificate("西𠮷\u{E0100}"), [row('𠮷', [2, 2, 3], "吉"), row('\u{E0100}', [3, 2, 3], "吉")]);
        assert_eq!(in_certificate("\u{E0100}"), [row('\u{E0100}', [1, 1, 1], "")]);
    }

    #[test]
    fn neither_words_nor_debug_output_tell_the_candidates_or_more_than_one_code_point() {
        let all = RefusedCharacters::of("髙𠮷﨑", Repertoire::Certificate).unwrap();
        assert_eq!(all.to_string(), "character 1 (U+9AD9) may not stand here, nor may 2 more");
        assert_eq!(format!("{all:?}"), "RefusedCharacters(character 1 (U+9AD9) may not stand here, nor may 2 more)");
        assert_eq!(
            format!("{:?}", all.as_slice()),
            "[RefusedCharacter(at 1), RefusedCharacter(at 2), RefusedCharacter(at 3)]"
        );
    }

    /// What people's names bring: both planes, marks, selectors, half-width forms, kana, kanji.
    fn written() -> impl Strategy<Value = String> {
        let one = prop_oneof![
            any::<char>(),
            proptest::char::range('぀', 'ヿ'),
            proptest::char::range('!', '~'),
            proptest::char::range('｡', 'ﾟ'),
            proptest::char::range('一', '鿿'),
            proptest::char::range('\u{20000}', '\u{2FA1D}'),
            proptest::sample::select(vec![
                '\u{3099}',
                '\u{309A}',
                '\u{FE00}',
                '\u{E0100}',
                '\u{301}',
                '\u{3000}',
                '髙',
                '﨑'
            ]),
        ];
        proptest::collection::vec(one, 0..25).prop_map(|characters| characters.into_iter().collect())
    }

    fn repertoires() -> impl Strategy<Value = Repertoire> {
        proptest::sample::select(vec![Repertoire::Certificate, Repertoire::Reading])
    }

    proptest! {
        #[test]
        fn exactly_the_characters_that_the_repertoire_has_not_are_refused_where_they_are(text in written(), repertoire in repertoires()) {
            let expected: Vec<(char, usize)> =
                text.chars().zip(1..).filter(|(character, _)| !repertoire.has(*character)).collect();
            let found: Vec<(char, usize)> = refused(&text, repertoire).iter().map(|one| (one.0, one.1)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn every_candidate_is_allowed_and_what_has_one_passes_once_it_is_put_in(text in written(), repertoire in repertoires()) {
            let mut characters: Vec<String> = text.chars().map(String::from).collect();
            let (mut before, mut without) = ((0, 0), String::new());
            for one in RefusedCharacters::of(&text, repertoire).iter().flat_map(RefusedCharacters::as_slice) {
                let place = (one.first, one.last);
                prop_assert!(place == before || one.first > before.1, "letters do not overlap");
                prop_assert!((one.first..=one.last).contains(&one.position) && one.last <= characters.len());
                prop_assert!(one.candidates.iter().all(|candidate| !candidate.is_empty() && candidate.chars().all(|part| repertoire.has(part))));
                match one.candidates.first() {
                    Some(candidate) => {
                        characters[one.first - 1..one.last].fill(String::new());
                        characters[one.first - 1].clone_from(candidate);
                    }
                    None => without.push(one.code_point.0),
                }
                before = place;
            }
            let left: String = refused(&characters.concat(), repertoire).iter().map(|one| one.0).collect();
            prop_assert_eq!(left, without);
        }
    }
}
