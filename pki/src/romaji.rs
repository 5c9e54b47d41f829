//! Kana to the Latin text of prefectures and municipalities in distinguished names. Of JPKI's own texts only `Tokyo-to`
//! and `Kiyose-shi` are known (facts 1.3), so the rest is this rule:
//!
//! 1. Hepburn letters: シ `shi`, チ `chi`, ツ `tsu`, フ `fu`, ジ and ヂ `ji`, ズ and ヅ `zu`; ッ doubles the next
//!    consonant, `t` before `ch` (倶知安 `Kutchan`).
//! 2. ン is always `n`, as in the best known name that has it, `Gunma-ken`; no apostrophe before a vowel (`Shinonsen-cho`).
//! 3. Long o and u are written short: ウ and オ after o, and ウ after u, are dropped (大阪 `Osaka`, 中央 `Chuo`). One
//!    dropped kana does not lengthen the next (勝央 `Shoo`). Other pairs stay: `Niigata`, `Ebetsu`, `Kitaakita`.
//! 4. Vowels of two words do not join. No rule can see that from kana, so such readings carry [`BOUNDARY`] (松浦 マツ・ウラ
//!    `Matsuura`). All of them stand in `data/readings.tsv`.
//! 5. The first letter is a capital; the suffix follows a hyphen: `-to`, `-fu`, `-ken`, `-shi`, `-ku`, `-cho` or `-machi`,
//!    `-mura` or `-son`, as it is read. 北海道 alone has none: `Hokkaido`.
//!
//! The rule is for making rows of the table, not for reading it: a text once in a certificate never changes.

/// Keeps the vowels before and after it apart (rule 4).
pub const BOUNDARY: char = '・';

/// Why a reading has no romaji.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RomajiError {
    /// Not a katakana that occurs in names of municipalities.
    #[error("{0:?} is not a katakana of this rule")]
    UnknownKana(char),
    /// ャ, ュ or ョ after anything but a kana of the i column.
    #[error("{0:?} does not follow a kana that ends in i")]
    StraySmallKana(char),
    /// ッ at the end, or before a vowel or n.
    #[error("ッ has no consonant to double")]
    StrayDoubling,
    /// The reading does not end as the last character of the name is read.
    #[error("the reading does not end in that of the name's last character")]
    SuffixMismatch,
}

/// Romaji of full-width katakana in small letters, by rules 1 to 4.
pub fn romaji(reading: &str) -> Result<String, RomajiError> {
    let mut text = String::with_capacity(2 * reading.len());
    let mut long_after = None;
    let mut doubled = false;
    let mut previous = BOUNDARY;
    for kana in reading.chars() {
        if doubled && matches!(kana, BOUNDARY | 'ッ' | 'ャ' | 'ュ' | 'ョ') {
            return Err(RomajiError::StrayDoubling);
        }
        match (kana, long_after) {
            (BOUNDARY, _) | ('ウ' | 'オ', Some('o')) | ('ウ', Some('u')) if !doubled => long_after = None,
            ('ッ', _) => doubled = true,
            ('ャ', _) => long_after = Some(contract(&mut text, previous, kana, 'a')?),
            ('ュ', _) => long_after = Some(contract(&mut text, previous, kana, 'u')?),
            ('ョ', _) => long_after = Some(contract(&mut text, previous, kana, 'o')?),
            _ => {
                let letters = mora(kana).ok_or(RomajiError::UnknownKana(kana))?;
                if doubled {
                    text.push(doubling_letter(letters)?);
                    doubled = false;
                }
                text.push_str(letters);
                long_after = letters.chars().next_back();
            }
        }
        previous = kana;
    }
    if doubled { Err(RomajiError::StrayDoubling) } else { Ok(text) }
}

/// The DN text of a prefecture or municipality from its Japanese name and its reading, suffix included (rule 5).
pub fn dn_text(name: &str, reading: &str) -> Result<String, RomajiError> {
    let suffixes: &[&str] = match name.chars().next_back() {
        _ if name == "北海道" => &[""],
        Some('都') => &["ト"],
        Some('府') => &["フ"],
        Some('県') => &["ケン"],
        Some('市') => &["シ"],
        Some('区') => &["ク"],
        Some('町') => &["チョウ", "マチ"],
        Some('村') => &["ムラ", "ソン"],
        Some(_) | None => &[],
    };
    let (stem, suffix) = suffixes
        .iter()
        .find_map(|suffix| Some((reading.strip_suffix(suffix)?, *suffix)))
        .ok_or(RomajiError::SuffixMismatch)?;
    let mut text = romaji(stem)?;
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !suffix.is_empty() {
        text.push('-');
        text.push_str(&romaji(suffix)?);
    }
    Ok(text)
}

/// Joins a small kana to the kana before it: `ki` + ャ is `kya`, `shi` + ャ is `sha`. Answers the vowel.
fn contract(text: &mut String, previous: char, small: char, vowel: char) -> Result<char, RomajiError> {
    if !"キギシジチヂニヒビピミリ".contains(previous) {
        return Err(RomajiError::StraySmallKana(small));
    }
    text.pop();
    if !text.ends_with("sh") && !text.ends_with("ch") && !text.ends_with('j') {
        text.push('y');
    }
    text.push(vowel);
    Ok(vowel)
}

fn doubling_letter(letters: &str) -> Result<char, RomajiError> {
    match letters.chars().next() {
        Some('c') => Ok('t'),
        Some(vowel_or_n) if "aiueon".contains(vowel_or_n) => Err(RomajiError::StrayDoubling),
        Some(consonant) => Ok(consonant),
        None => Err(RomajiError::StrayDoubling),
    }
}

#[rustfmt::skip]
fn mora(kana: char) -> Option<&'static str> {
    Some(match kana {
        'ア' => "a", 'イ' => "i", 'ウ' => "u", 'エ' => "e", 'オ' => "o",
        'カ' => "ka", 'キ' => "ki", 'ク' => "ku", 'ケ' => "ke", 'コ' => "ko",
        'ガ' => "ga", 'ギ' => "gi", 'グ' => "gu", 'ゲ' => "ge", 'ゴ' => "go",
        'サ' => "sa", 'シ' => "shi", 'ス' => "su", 'セ' => "se", 'ソ' => "so",
        'ザ' => "za", 'ジ' | 'ヂ' => "ji", 'ズ' | 'ヅ' => "zu", 'ゼ' => "ze", 'ゾ' => "zo",
        'タ' => "ta", 'チ' => "chi", 'ツ' => "tsu", 'テ' => "te", 'ト' => "to",
        'ダ' => "da", 'デ' => "de", 'ド' => "do",
        'ナ' => "na", 'ニ' => "ni", 'ヌ' => "nu", 'ネ' => "ne", 'ノ' => "no",
        'ハ' => "ha", 'ヒ' => "hi", 'フ' => "fu", 'ヘ' => "he", 'ホ' => "ho",
        'バ' => "ba", 'ビ' => "bi", 'ブ' => "bu", 'ベ' => "be", 'ボ' => "bo",
        'パ' => "pa", 'ピ' => "pi", 'プ' => "pu", 'ペ' => "pe", 'ポ' => "po",
        'マ' => "ma", 'ミ' => "mi", 'ム' => "mu", 'メ' => "me", 'モ' => "mo",
        'ヤ' => "ya", 'ユ' => "yu", 'ヨ' => "yo",
        'ラ' => "ra", 'リ' => "ri", 'ル' => "ru", 'レ' => "re", 'ロ' => "ro",
        'ワ' => "wa", 'ン' => "n",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_two_known_texts_of_jpki_come_out() {
        assert_eq!(dn_text("東京都", "トウキョウト"), Ok("Tokyo-to".to_owned()));
        assert_eq!(dn_text("清瀬市", "キヨセシ"), Ok("Kiyose-shi".to_owned()));
    }

    #[test]
    fn long_vowels_are_written_short_only_inside_a_word() {
        for (reading, letters) in [
            ("オオサカ", "osaka"),
            ("チュウオウ", "chuo"),
            ("ショウオウ", "shoo"),
            ("マツウラ", "matsura"),
            ("マツ・ウラ", "matsuura"),
            ("ニイガタ", "niigata"),
            ("カスミガウラ", "kasumigaura"),
            ("ミナミアイヅ", "minamiaizu"),
        ] {
            assert_eq!(romaji(reading).as_deref(), Ok(letters), "{reading}");
        }
    }

    #[test]
    fn small_kana_and_doubling_need_their_neighbours() {
        assert_eq!(romaji("クッチャン").as_deref(), Ok("kutchan"));
        assert_eq!(romaji("サッポロ").as_deref(), Ok("sapporo"));
        for (reading, error) in [
            ("ャ", RomajiError::StraySmallKana('ャ')),
            ("カョ", RomajiError::StraySmallKana('ョ')),
            ("イュ", RomajiError::StraySmallKana('ュ')),
            ("ンイュ", RomajiError::StraySmallKana('ュ')),
            ("カッ", RomajiError::StrayDoubling),
            ("ッア", RomajiError::StrayDoubling),
            ("コッウ", RomajiError::StrayDoubling),
            ("カッ・カ", RomajiError::StrayDoubling),
            ("ﾂ", RomajiError::UnknownKana('ﾂ')),
            ("つ", RomajiError::UnknownKana('つ')),
        ] {
            assert_eq!(romaji(reading), Err(error), "{reading}");
        }
    }

    #[test]
    fn the_suffix_must_be_read_as_the_name_ends() {
        assert_eq!(dn_text("森町", "モリシ"), Err(RomajiError::SuffixMismatch));
        assert_eq!(dn_text("森", "モリ"), Err(RomajiError::SuffixMismatch));
        assert_eq!(dn_text("", ""), Err(RomajiError::SuffixMismatch));
        assert_eq!(dn_text("北海道", "ホッカイドウ").as_deref(), Ok("Hokkaido"));
        assert_eq!(dn_text("大町町", "オオマチチョウ").as_deref(), Ok("Omachi-cho"));
    }

    proptest! {
        #[test]
        fn a_result_is_small_latin_letters_and_nothing_else(reading in "[ア-ン・]{0,12}") {
            if let Ok(text) = romaji(&reading) {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_lowercase()), "{}", text);
            }
        }

        #[test]
        fn a_boundary_only_ever_adds_vowels(left in "[カ-モ]{1,5}", right in "[ア-モ]{1,5}") {
            if let (Ok(joined), Ok(apart)) = (romaji(&format!("{left}{right}")), romaji(&format!("{left}{BOUNDARY}{right}"))) {
                prop_assert!(apart.len() >= joined.len());
                prop_assert_eq!(apart, romaji(&left).unwrap() + &romaji(&right).unwrap());
            }
        }
    }
}
