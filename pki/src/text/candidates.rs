//! What may stand in the place of a character that is refused. A desk chooses; nothing is replaced unasked, so no text is
//! ever normalised here. Origin of the table: `data/README.md`.
use std::collections::HashMap;
use std::sync::LazyLock;

use super::Repertoire;

const TABLE: &str = include_str!("../../data/candidates.txt");

/// The table, by what it is asked for.
#[derive(Default)]
struct Candidates {
    /// Of a character outside JIS X 0208 and JIS X 0212: texts within them, likeliest first.
    of_character: HashMap<char, Vec<&'static str>>,
    /// What a letter and a mark after it make: か and U+3099, ｶ and ﾞ, e and U+0301.
    composed: HashMap<(char, char), char>,
}

static CANDIDATES: LazyLock<Candidates> = LazyLock::new(|| {
    let mut read = Candidates::default();
    for line in TABLE.lines() {
        let (key, candidates) = line.split_once('\t').expect("each line is a key, a tab and candidates");
        let mut code_points = key.split('+').map(code_point);
        let letter = code_points.next().expect("a split text has a first part");
        match code_points.next() {
            Some(mark) => {
                let whole = candidates.chars().next().expect("a letter and a mark make a character");
                read.composed.insert((letter, mark), whole);
            }
            None => drop(read.of_character.insert(letter, candidates.split(' ').collect())),
        }
    }
    read
});

fn code_point(hexadecimal: &str) -> char {
    let number = u32::from_str_radix(hexadecimal, 16).expect("keys are hexadecimal");
    char::from_u32(number).expect("keys are code points of characters")
}

/// The one character that a letter and the mark after it make, if JIS X 0208 or JIS X 0212 has it.
pub(super) fn composed(letter: char, mark: char) -> Option<char> {
    CANDIDATES.composed.get(&(letter, mark)).copied()
}

/// It chooses a glyph of the character before it (IVS, SVS), and no character of JIS X 0208 or JIS X 0212 needs one.
pub(super) const fn is_variation_selector(character: char) -> bool {
    matches!(character, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Texts that the repertoire allows in the place of the character, likeliest first; none if we know of none.
pub(super) fn candidates(character: char, repertoire: Repertoire) -> Vec<String> {
    let own = character.to_string();
    let listed = CANDIDATES.of_character.get(&character).into_iter().flatten().copied();
    let mut found: Vec<String> = Vec::new();
    // The character itself stands first: marks may have made an allowed one, and hiragana is katakana to a reading.
    for text in [own.as_str()].into_iter().chain(listed) {
        let candidate = match repertoire {
            Repertoire::Certificate => text.to_owned(),
            Repertoire::Reading => text.chars().map(as_katakana).collect(),
        };
        if candidate.chars().all(|part| repertoire.has(part)) && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found
}

/// Hiragana as katakana, and what is often written for the long-vowel mark as that mark; others as they are.
fn as_katakana(character: char) -> char {
    const BETWEEN_THE_BLOCKS: u32 = 0x60;
    match character {
        'ぁ'..='ゖ' => char::from_u32(u32::from(character) + BETWEEN_THE_BLOCKS).expect("both blocks are assigned"),
        '－' | '−' | '‐' | '―' | '—' | '〜' | '～' => 'ー',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::charset;

    fn of(character: char) -> String {
        candidates(character, Repertoire::Certificate).join(" ")
    }

    #[test]
    fn each_kind_of_refused_character_has_the_candidates_that_a_desk_expects() {
        for (refused, expected) in [
            ('髙', "高"),
            ('﨑', "崎 埼 碕 嵜"),
            ('𠮷', "吉"),
            ('瀨', "瀬"),
            ('𣘺', "橋"),
            ('淸', "清"),
            ('张', "張"),
            // Compatibility ideographs in both planes, a radical.
            ('\u{FA19}', "神"),
            ('\u{2F81A}', "冬"),
            ('\u{2F00}', "一"),
            ('1', "１"),
            (' ', "\u{3000}"),
            ('\u{A0}', "\u{3000}"),
            ('-', "－ ー ‐"),
            ('~', "～"),
            ('\u{223C}', "〜"),
            ('¥', "￥"),
            ('ｶ', "カ"),
            ('ﾞ', "゛"),
            ('①', "１"),
            ('Ⅲ', "ＩＩＩ"),
            ('㈱', "（株）"),
            ('ễ', "ê ｅ"),
            // A hentaigana of a, one that three kana share, a small katakana of Ainu.
            ('\u{1B002}', "あ"),
            ('\u{1B11D}', "ん む も"),
            ('ㇰ', "ク"),
            ('\u{200B}', ""),
            ('🌸', ""),
        ] {
            assert_eq!(of(refused), expected, "U+{:04X}", refused as u32);
        }
    }

    #[test]
    fn a_reading_is_offered_katakana_alone() {
        for (refused, expected) in [
            ('や', "ヤ"),
            ('ゃ', "ャ"),
            ('ゔ', "ヴ"),
            ('ゖ', "ヶ ケ"),
            ('ﾔ', "ヤ"),
            ('ｰ', "ー"),
            ('-', "ー"),
            ('―', "ー"),
            ('･', "・"),
            (' ', "\u{3000}"),
            ('㌔', "キロ"),
            ('\u{1B11D}', "ン ム モ"),
            ('山', ""),
            ('Ａ', ""),
            ('ヽ', ""),
        ] {
            assert_eq!(candidates(refused, Repertoire::Reading).join(" "), expected, "U+{:04X}", refused as u32);
        }
    }

    #[test]
    fn only_what_is_refused_has_candidates_and_all_of_them_are_allowed() {
        let table = &*CANDIDATES;
        assert_eq!((table.of_character.len(), table.composed.len()), (8_626, 365));
        for (refused, listed) in &table.of_character {
            assert!(!charset::is_allowed(*refused) && !listed.is_empty(), "U+{:04X}", *refused as u32);
            for candidate in listed {
                assert!(!candidate.is_empty() && candidate.chars().all(charset::is_allowed), "{candidate}");
            }
        }
        for ((letter, mark), whole) in &table.composed {
            assert!(!charset::is_allowed(*mark) && charset::is_allowed(*whole), "{letter} and U+{:04X}", *mark as u32);
        }
    }

    #[test]
    fn every_full_width_form_and_every_voiced_kana_is_a_candidate() {
        for half_width in ('!'..='~').chain('\u{FF61}'..='\u{FF9F}') {
            assert!(!of(half_width).is_empty(), "U+{:04X}", half_width as u32);
        }
        for (apart, whole) in "かきはひうカキハヒウヽゝﾊ".chars().zip("がぎばびゔガギバビヴヾゞバ".chars())
        {
            if charset::is_allowed(whole) {
                assert_eq!(composed(apart, '\u{3099}'), Some(whole));
                assert_eq!(composed(apart, 'ﾞ'), Some(whole));
            }
        }
        assert_eq!((composed('ﾎ', 'ﾟ'), composed('ほ', '\u{309A}')), (Some('ポ'), Some('ぽ')));
        assert_eq!((composed('e', '\u{301}'), composed('あ', '\u{3099}')), (Some('é'), None));
    }
}
