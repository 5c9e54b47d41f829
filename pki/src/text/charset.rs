//! The characters of JIS X 0208 (signs, kana, kanji of levels 1 and 2) and JIS X 0212, as Unicode. Origin of the two
//! tables: `data/README.md`. All of them lie in the Basic Multilingual Plane, so membership is one bit each.
use std::sync::LazyLock;

const JISX0208: &str = include_str!("../../data/jisx0208.txt");
const JISX0212: &str = include_str!("../../data/jisx0212.txt");

/// Signs that two mappings take to different code points; desks that run Windows send the second. Both forms are accepted and
/// neither is changed into the other: (form in the committed tables, form also accepted, JIS row and cell).
pub(super) const OTHER_MAPPINGS: [(char, char, &str); 8] = [
    ('\u{2015}', '\u{2014}', "0208 1-29 dash; the standard's own mapping is the second"),
    ('\u{301C}', '\u{FF5E}', "0208 1-33 wave dash"),
    ('\u{2016}', '\u{2225}', "0208 1-34 double vertical line"),
    // The test card's address has the second (facts 1.3).
    ('\u{2212}', '\u{FF0D}', "0208 1-61 minus"),
    ('\u{00A2}', '\u{FFE0}', "0208 1-81 cent"),
    ('\u{00A3}', '\u{FFE1}', "0208 1-82 pound"),
    ('\u{00AC}', '\u{FFE2}', "0208 2-44 not"),
    ('\u{00A6}', '\u{FFE4}', "0212 2-35 broken bar"),
];

/// One bit for each code point of the Basic Multilingual Plane.
static ALLOWED: LazyLock<Box<[u64; 1_024]>> = LazyLock::new(|| {
    let mut bits = Box::new([0; 1_024]);
    let listed = table_characters(JISX0208).chain(table_characters(JISX0212));
    for character in listed.chain(OTHER_MAPPINGS.iter().map(|mapping| mapping.1)) {
        let code_point = character as usize;
        bits[code_point / 64] |= 1 << (code_point % 64);
    }
    bits
});

/// The characters of a table whose lines are a row's number, a tab, and the row's characters.
fn table_characters(table: &'static str) -> impl Iterator<Item = char> {
    table
        .lines()
        .flat_map(|line| line.split_once('\t').expect("each line is a row number, a tab and characters").1.chars())
}

/// Whether a certificate may carry the character.
pub fn is_allowed(character: char) -> bool {
    let code_point = character as usize;
    ALLOWED.get(code_point / 64).is_some_and(|word| word >> (code_point % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_as_many_characters_as_the_standards() {
        let count = |table, rows: std::ops::RangeInclusive<usize>| -> usize {
            let in_rows = move |line: &&'static str| rows.contains(&line[..2].parse().unwrap());
            let lines: Vec<&'static str> = str::lines(table).filter(in_rows).collect();
            lines.iter().map(|line| line[3..].chars().count()).sum()
        };
        assert_eq!(count(JISX0208, 1..=15), 524);
        assert_eq!(count(JISX0208, 16..=47), 2_965, "kanji of level 1");
        assert_eq!(count(JISX0208, 48..=94), 3_390, "kanji of level 2");
        assert_eq!(count(JISX0212, 1..=15), 266 - 1, "without the tilde");
        assert_eq!(count(JISX0212, 16..=94), 5_801);
        let allowed: u32 = ALLOWED.iter().map(|word| word.count_ones()).sum();
        assert_eq!(allowed as usize, 6_879 + 6_066 + OTHER_MAPPINGS.len(), "no character is listed twice");
    }

    #[test]
    fn characters_of_both_standards_are_allowed() {
        // The last five are in JIS X 0212 alone.
        for character in "　、々ぁんァヶー（）０９ＡＺαя─亜腕弌熙凜邊邉黒桐幹也濵彅焰纊É".chars()
        {
            assert!(is_allowed(character), "U+{:04X}", character as u32);
        }
    }

    #[test]
    fn both_mappings_of_a_sign_are_allowed() {
        for (listed, other, what) in OTHER_MAPPINGS {
            assert!(is_allowed(listed) && is_allowed(other), "{what}");
            assert!(
                table_characters(JISX0208).chain(table_characters(JISX0212)).all(|character| character != other),
                "{what}"
            );
        }
    }

    #[test]
    fn vendors_and_later_standards_characters_are_refused() {
        // 髙 﨑 瀨 德 of vendors and JIS X 0213, 𠮷 beyond the plane, ① and Ⅲ, a combining mark, a variation selector.
        for character in "髙﨑瀨德𠮷①Ⅲ㈱\u{3099}\u{E0100}\u{FE00}\u{200B}\u{FEFF}\u{10FFFF}\t\n\0".chars() {
            assert!(!is_allowed(character), "U+{:04X}", character as u32);
        }
    }

    #[test]
    fn no_half_width_character_is_allowed() {
        for character in (' '..='~').chain(['\u{A5}', '\u{203E}']).chain('\u{FF61}'..='\u{FF9F}') {
            assert!(!is_allowed(character), "U+{:04X}", character as u32);
        }
    }
}
