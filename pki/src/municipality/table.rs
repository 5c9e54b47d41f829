//! Reads the two committed tables. A row that cannot be read is our own bug, found by the first test that runs.
use super::{Municipality, MunicipalityCode, PREFECTURE_COUNT, Prefecture};
use crate::time::CivilDate;

const PREFECTURES_TSV: &str = include_str!("../../data/prefectures.tsv");
const MUNICIPALITIES_TSV: &str = include_str!("../../data/municipalities.tsv");

/// The fields of each row under a header that must be exactly this one.
fn rows<const FIELDS: usize>(
    tsv: &'static str,
    header: [&str; FIELDS],
) -> impl Iterator<Item = [&'static str; FIELDS]> {
    let mut rows = tsv.lines().map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        <[&str; FIELDS]>::try_from(fields).unwrap_or_else(|_| panic!("a row has not {FIELDS} fields: {line}"))
    });
    assert_eq!(rows.next(), Some(header), "the table has another header");
    rows
}

pub(super) fn prefectures() -> Vec<Prefecture> {
    let list: Vec<_> = rows(PREFECTURES_TSV, ["code", "check_digit", "name", "kana", "dn_text"])
        .map(|[code, _, name, kana, dn_text]| {
            let code = code.strip_suffix("000").and_then(|code| code.parse().ok());
            Prefecture {
                code: code.unwrap_or_else(|| panic!("not the code of a prefecture: {name}")),
                name,
                kana,
                dn_text,
            }
        })
        .collect();
    assert!(
        list.iter().map(|row| row.code).eq(1..=PREFECTURE_COUNT),
        "the prefectures are not 1 to {PREFECTURE_COUNT} in order"
    );
    list
}

pub(super) fn municipalities() -> Vec<Municipality> {
    let date = |text: &str| -> Option<CivilDate> {
        (!text.is_empty()).then(|| text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
    };
    let list: Vec<_> = rows(MUNICIPALITIES_TSV, ["code", "check_digit", "from", "to", "name", "kana", "dn_text"])
        .map(|[code, _, from, to, name, kana, dn_text]| {
            let code: MunicipalityCode = code.parse().unwrap_or_else(|error| panic!("{code}: {error}"));
            Municipality { code, name, kana, dn_text, from: date(from), to: date(to) }
        })
        .collect();
    assert!(list.is_sorted_by(|left, right| left.code < right.code), "the codes do not rise");
    list
}

#[cfg(test)]
mod tests {
    use super::super::{all, check_digit};
    use super::*;
    use crate::romaji;
    use std::collections::HashMap;

    const READINGS_TSV: &str = include_str!("../../data/readings.tsv");

    #[test]
    fn there_are_47_prefectures_and_1741_municipalities_of_which_23_are_wards() {
        assert_eq!(Prefecture::all().len(), 47);
        assert_eq!(all().len(), 1_741);
        assert_eq!(all().iter().filter(|row| row.name.ends_with('区')).count(), 23);
        let counts: Vec<_> =
            (1..=47).map(|code| all().iter().filter(|row| row.code.prefecture_code() == code).count()).collect();
        // Hokkaido 179, Tokyo 23 + 39, Osaka 43, Okinawa 41.
        assert_eq!([counts[0], counts[12], counts[26], counts[46]], [179, 62, 43, 41]);
        assert!(counts.iter().all(|count| *count >= 15));
    }

    #[test]
    fn every_committed_check_digit_is_the_computed_one() {
        let prefectures =
            rows(PREFECTURES_TSV, ["code", "check_digit", "name", "kana", "dn_text"]).map(|row| (row[0], row[1]));
        let header = ["code", "check_digit", "from", "to", "name", "kana", "dn_text"];
        let municipalities = rows(MUNICIPALITIES_TSV, header).map(|row| (row[0], row[1]));
        for (code, digit) in prefectures.chain(municipalities) {
            assert_eq!(check_digit(code.parse().unwrap()).to_string(), digit, "{code}");
        }
    }

    #[test]
    fn every_dn_text_is_what_the_rule_makes_of_its_reading() {
        let mut readings: HashMap<_, _> = rows(READINGS_TSV, ["code", "name", "source_kana", "reading", "why"])
            .map(|row| (row[0], (row[1], row[3])))
            .collect();
        for row in all() {
            let code = row.code.to_string();
            let (name, reading) = readings.remove(code.as_str()).unwrap_or((row.name, row.kana));
            assert_eq!((name, reading.replace(romaji::BOUNDARY, "").as_str()), (row.name, row.kana), "{code}");
            let text = romaji::dn_text(row.name, reading).unwrap();
            assert!(row.dn_text == text || row.dn_text == format!("{text} ({code})"), "{code} {}: {text}", row.dn_text);
        }
        assert!(readings.is_empty(), "readings.tsv names municipalities that are not in the table");
        for row in Prefecture::all() {
            assert_eq!(romaji::dn_text(row.name, row.kana).as_deref(), Ok(row.dn_text));
        }
    }

    #[test]
    fn kana_are_full_width_katakana_without_marks() {
        let kana = Prefecture::all().iter().map(|row| row.kana).chain(all().iter().map(|row| row.kana));
        for kana in kana {
            assert!(kana.chars().all(|kana| ('ァ'..='ヶ').contains(&kana)), "{kana}");
        }
    }

    #[test]
    fn prefectures_are_spelt_as_they_spell_themselves() {
        let spelt: Vec<_> = Prefecture::all().iter().map(|row| row.dn_text).collect();
        assert_eq!(
            spelt.join(" "),
            "Hokkaido Aomori-ken Iwate-ken Miyagi-ken Akita-ken Yamagata-ken Fukushima-ken Ibaraki-ken Tochigi-ken Gunma-ken \
             Saitama-ken Chiba-ken Tokyo-to Kanagawa-ken Niigata-ken Toyama-ken Ishikawa-ken Fukui-ken Yamanashi-ken Nagano-ken \
             Gifu-ken Shizuoka-ken Aichi-ken Mie-ken Shiga-ken Kyoto-fu Osaka-fu Hyogo-ken Nara-ken Wakayama-ken Tottori-ken \
             Shimane-ken Okayama-ken Hiroshima-ken Yamaguchi-ken Tokushima-ken Kagawa-ken Ehime-ken Kochi-ken Fukuoka-ken Saga-ken \
             Nagasaki-ken Kumamoto-ken Oita-ken Miyazaki-ken Kagoshima-ken Okinawa-ken"
        );
    }

    #[test]
    fn well_known_municipalities_are_spelt_as_they_spell_themselves() {
        for (code, name, dn_text) in KNOWN_SPELLINGS {
            let row = super::super::find(code.parse().unwrap()).unwrap();
            assert_eq!((row.name, row.dn_text), (*name, *dn_text), "{code}");
        }
    }

    #[rustfmt::skip]
    const KNOWN_SPELLINGS: &[(&str, &str, &str)] = &[
        ("01100", "札幌市", "Sapporo-shi"), ("01214", "稚内市", "Wakkanai-shi"), ("01213", "苫小牧市", "Tomakomai-shi"),
        ("01400", "倶知安町", "Kutchan-cho"), ("01345", "森町", "Mori-machi"), ("01604", "新冠町", "Niikappu-cho"),
        ("01571", "豊浦町", "Toyoura-cho"), ("01642", "広尾町", "Hiroo-cho"), ("01560", "滝上町", "Takinoue-cho"),
        ("02424", "東通村", "Higashidori-mura"), ("03208", "遠野市", "Tono-shi"), ("03215", "奥州市", "Oshu-shi"),
        ("04100", "仙台市", "Sendai-shi"), ("05213", "北秋田市", "Kitaakita-shi"), ("06428", "庄内町", "Shonai-machi"),
        ("07203", "郡山市", "Koriyama-shi"), ("07204", "いわき市", "Iwaki-shi"), ("07564", "飯舘村", "Iitate-mura"),
        ("08212", "常陸太田市", "Hitachiota-shi"), ("08220", "つくば市", "Tsukuba-shi"), ("09209", "真岡市", "Moka-shi"),
        ("10525", "邑楽町", "Ora-machi"), ("11206", "行田市", "Gyoda-shi"), ("11212", "東松山市", "Higashimatsuyama-shi"),
        ("11216", "羽生市", "Hanyu-shi"), ("12202", "銚子市", "Choshi-shi"), ("12218", "勝浦市", "Katsuura-shi"),
        ("12226", "富津市", "Futtsu-shi"), ("12403", "九十九里町", "Kujukuri-machi"), ("12463", "鋸南町", "Kyonan-machi"),
        ("13102", "中央区", "Chuo-ku"), ("13108", "江東区", "Koto-ku"), ("13111", "大田区", "Ota-ku"),
        ("13201", "八王子市", "Hachioji-shi"), ("13205", "青梅市", "Ome-shi"), ("13221", "清瀬市", "Kiyose-shi"),
        ("13364", "神津島村", "Kozushima-mura"), ("14100", "横浜市", "Yokohama-shi"), ("14210", "三浦市", "Miura-shi"),
        ("14341", "大磯町", "Oiso-machi"), ("15100", "新潟市", "Niigata-shi"), ("15210", "十日町市", "Tokamachi-shi"),
        ("15222", "上越市", "Joetsu-shi"), ("19213", "甲州市", "Koshu-shi"), ("20205", "飯田市", "Iida-shi"),
        ("20212", "大町市", "Omachi-shi"), ("20303", "小海町", "Koumi-machi"), ("20561", "山ノ内町", "Yamanouchi-machi"),
        ("21202", "大垣市", "Ogaki-shi"), ("22100", "静岡市", "Shizuoka-shi"), ("23100", "名古屋市", "Nagoya-shi"),
        ("23214", "蒲郡市", "Gamagori-shi"), ("24201", "津市", "Tsu-shi"), ("24202", "四日市市", "Yokkaichi-shi"),
        ("25201", "大津市", "Otsu-shi"), ("25213", "東近江市", "Higashiomi-shi"), ("25384", "竜王町", "Ryuo-cho"),
        ("26100", "京都市", "Kyoto-shi"), ("26209", "長岡京市", "Nagaokakyo-shi"), ("27100", "大阪市", "Osaka-shi"),
        ("27227", "東大阪市", "Higashiosaka-shi"), ("27229", "四條畷市", "Shijonawate-shi"), ("28100", "神戸市", "Kobe-shi"),
        ("28209", "豊岡市", "Toyooka-shi"), ("28212", "赤穂市", "Ako-shi"), ("29426", "広陵町", "Koryo-cho"),
        ("30421", "那智勝浦町", "Nachikatsuura-cho"), ("31371", "琴浦町", "Kotoura-cho"), ("32207", "江津市", "Gotsu-shi"),
        ("33208", "総社市", "Soja-shi"), ("33212", "瀬戸内市", "Setouchi-shi"), ("33586", "新庄村", "Shinjo-son"),
        ("33622", "勝央町", "Shoo-cho"), ("34100", "広島市", "Hiroshima-shi"), ("35206", "防府市", "Hofu-shi"),
        ("37406", "まんのう町", "Manno-cho"), ("38205", "新居浜市", "Niihama-shi"), ("38213", "四国中央市", "Shikokuchuo-shi"),
        ("38215", "東温市", "Toon-shi"), ("39201", "高知市", "Kochi-shi"), ("40100", "北九州市", "Kitakyushu-shi"),
        ("40204", "直方市", "Nogata-shi"), ("42208", "松浦市", "Matsuura-shi"), ("42383", "小値賀町", "Ojika-cho"),
        ("43403", "大津町", "Ozu-machi"), ("44201", "大分市", "Oita-shi"), ("45206", "日向市", "Hyuga-shi"),
        ("46213", "西之表市", "Nishinoomote-shi"), ("46217", "曽於市", "Soo-shi"), ("46491", "南大隅町", "Minamiosumi-cho"),
        ("47201", "那覇市", "Naha-shi"), ("47302", "大宜味村", "Ogimi-son"), ("47326", "北谷町", "Chatan-cho"),
    ];
}
