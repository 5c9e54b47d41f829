//! Invented people at real municipalities. Who they are follows from their number alone, so every sandbox has the same.
use pki::time::CivilDate;

/// A municipality with a desk in every sandbox.
#[derive(Debug)]
pub struct Town {
    /// JIS X 0402, five digits.
    pub code: &'static str,
    /// The desk's name as a party.
    pub desk_name: &'static str,
    /// What addresses begin with: prefecture, city, ward if any, and a quarter that does not exist.
    address: &'static str,
}

/// From north to south. Kiyose comes first, since its desk is the one that `clients` in `sandbox.json` names.
pub const TOWNS: [Town; 11] = [
    Town { code: "13221", desk_name: "Kiyose city hall", address: "東京都清瀬市観布子南" },
    Town { code: "14100", desk_name: "Yokohama, Naka ward office", address: "神奈川県横浜市中区夢見坂" },
    Town { code: "01100", desk_name: "Sapporo, Kita ward office", address: "北海道札幌市北区雪明町" },
    Town { code: "04100", desk_name: "Sendai, Aoba ward office", address: "宮城県仙台市青葉区杜風台" },
    Town { code: "17201", desk_name: "Kanazawa city hall", address: "石川県金沢市霞橋町" },
    Town { code: "23100", desk_name: "Nagoya, Naka ward office", address: "愛知県名古屋市中区金鱗" },
    Town { code: "26100", desk_name: "Kyoto, Sakyo ward office", address: "京都府京都市左京区朝霧町" },
    Town { code: "27100", desk_name: "Osaka, Kita ward office", address: "大阪府大阪市北区水都橋" },
    Town { code: "34100", desk_name: "Hiroshima, Naka ward office", address: "広島県広島市中区七川町" },
    Town { code: "40130", desk_name: "Fukuoka, Chuo ward office", address: "福岡県福岡市中央区月見浜" },
    Town { code: "47201", desk_name: "Naha city hall", address: "沖縄県那覇市青珊瑚" },
];

/// A name and its reading.
type Name = (&'static str, &'static str);

const FAMILY_NAMES: [Name; 40] = [
    ("藤代", "フジシロ"),
    ("小鳥遊", "タカナシ"),
    ("八重樫", "ヤエガシ"),
    ("綾瀬川", "アヤセガワ"),
    ("月岡", "ツキオカ"),
    ("白砂", "シラスナ"),
    ("榛原", "ハイバラ"),
    ("篠塚", "シノヅカ"),
    ("真壁", "マカベ"),
    ("柊木", "ヒイラギ"),
    ("佐藤", "サトウ"),
    ("鈴木", "スズキ"),
    ("高橋", "タカハシ"),
    ("田中", "タナカ"),
    ("渡辺", "ワタナベ"),
    ("伊藤", "イトウ"),
    ("山本", "ヤマモト"),
    ("中村", "ナカムラ"),
    ("小林", "コバヤシ"),
    ("加藤", "カトウ"),
    ("吉田", "ヨシダ"),
    ("山田", "ヤマダ"),
    ("佐々木", "ササキ"),
    ("松本", "マツモト"),
    ("井上", "イノウエ"),
    ("木村", "キムラ"),
    ("清水", "シミズ"),
    ("山崎", "ヤマザキ"),
    ("池田", "イケダ"),
    ("阿部", "アベ"),
    ("橋本", "ハシモト"),
    ("石川", "イシカワ"),
    ("前田", "マエダ"),
    ("岡田", "オカダ"),
    ("長谷川", "ハセガワ"),
    ("村上", "ムラカミ"),
    ("近藤", "コンドウ"),
    ("坂本", "サカモト"),
    ("遠藤", "エンドウ"),
    ("比嘉", "ヒガ"),
];
const WOMENS_NAMES: [Name; 20] = [
    ("千景", "チカゲ"),
    ("汐里", "シオリ"),
    ("凪沙", "ナギサ"),
    ("美弥", "ミヤ"),
    ("澪", "ミオ"),
    ("花子", "ハナコ"),
    ("結衣", "ユイ"),
    ("陽菜", "ヒナ"),
    ("彩乃", "アヤノ"),
    ("和子", "カズコ"),
    ("節子", "セツコ"),
    ("恵子", "ケイコ"),
    ("真由美", "マユミ"),
    ("香織", "カオリ"),
    ("奈津美", "ナツミ"),
    ("詩織", "シオリ"),
    ("茜", "アカネ"),
    ("琴音", "コトネ"),
    ("沙也加", "サヤカ"),
    ("文乃", "フミノ"),
];
const MENS_NAMES: [Name; 20] = [
    ("幹也", "ミキヤ"),
    ("直央", "ナオ"),
    ("悠貴", "ユウキ"),
    ("岳人", "タケト"),
    ("陽向", "ヒナタ"),
    ("太郎", "タロウ"),
    ("健一", "ケンイチ"),
    ("翔太", "ショウタ"),
    ("蓮", "レン"),
    ("誠", "マコト"),
    ("隆", "タカシ"),
    ("博之", "ヒロユキ"),
    ("和也", "カズヤ"),
    ("大輔", "ダイスケ"),
    ("拓海", "タクミ"),
    ("慎吾", "シンゴ"),
    ("浩二", "コウジ"),
    ("正樹", "マサキ"),
    ("涼介", "リョウスケ"),
    ("雄大", "ユウダイ"),
];

/// An invented person, as the register knows them before anything happens.
#[derive(Clone)]
pub struct Person {
    /// From 1.
    pub number: usize,
    /// Family and given name with a full-width space.
    pub name: String,
    /// フリガナ. The register has not everybody's yet.
    pub kana: Option<String>,
    /// 旧氏 and its reading, of a few.
    pub former_name: Option<Name>,
    /// The word of the desk's door.
    pub sex: &'static str,
    /// Always a full date.
    pub birth_date: CivilDate,
    /// Where they live: the place in [`TOWNS`].
    pub town: usize,
    /// Full-width.
    pub address: String,
    /// 住民票コード, with its check digit.
    pub resident_code: String,
}

/// Numbers that look random and are the same in each run (SplitMix64, <https://doi.org/10.1145/2660193.2660195>).
pub struct Sequence(u64);

impl Sequence {
    /// A sequence of its own for each number.
    pub const fn of(number: u64) -> Self {
        Self(number.wrapping_mul(0x5851_f42d_4c95_7f2d))
    }

    /// A number below that one.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Half the bits are plenty, and fit on every machine.
        let bound = u64::try_from(bound).expect("small bounds");
        usize::try_from((mixed >> 33) % bound).expect("below the bound")
    }

    fn of_these(&mut self, names: &[Name]) -> Name {
        names[self.below(names.len())]
    }
}

/// Youngest age of those who have a signature certificate here: a year more than needed (facts 1.7), so that no birthday
/// between two phases matters.
const ADULT_FROM: usize = 16;
const CHILD_FROM: usize = 3;

impl Person {
    /// The person of that number, aged as on that day.
    pub fn invent(number: usize, is_child: bool, today: CivilDate) -> Self {
        let mut sequence = Sequence::of(u64::try_from(number).expect("few enough people"));
        let is_woman = sequence.below(2) == 0;
        let given = sequence.of_these(if is_woman { &WOMENS_NAMES } else { &MENS_NAMES });
        let age = if is_child { CHILD_FROM + sequence.below(10) } else { ADULT_FROM + sequence.below(75) };
        let town = sequence.below(TOWNS.len());
        let family = sequence.of_these(&FAMILY_NAMES);
        // From a sequence of their own, so that who a number is does not depend on them.
        let mut beside = Sequence::of(u64::try_from(number + 2_000_000).expect("few enough people"));
        let (has_kana, had_another) = (beside.below(5) > 0, !is_child && beside.below(6) == 0);
        let former_name = had_another.then(|| beside.of_these(&FAMILY_NAMES)).filter(|former| *former != family);
        Self {
            number,
            name: format!("{}\u{3000}{}", family.0, given.0),
            kana: has_kana.then(|| format!("{}\u{3000}{}", family.1, given.1)),
            former_name,
            sex: if is_woman { "female" } else { "male" },
            birth_date: born(age, today, &mut sequence),
            town,
            address: address(town, &mut sequence),
            resident_code: resident_code(number),
        }
    }

    /// Another address of theirs: in the next town of the list.
    #[must_use]
    pub fn moved(&self) -> Self {
        let town = (self.town + 1) % TOWNS.len();
        let mut sequence = Sequence::of(u64::try_from(self.number + 1_000_000).expect("few enough people"));
        Self { town, address: address(town, &mut sequence), ..self.clone() }
    }

    /// The birthday of that many years from the one before the day: a card ends on one (facts 1.7).
    pub fn birthday_in(&self, years: u32, today: CivilDate) -> CivilDate {
        let age = today.year() - self.birth_date.year();
        let had_it = self.birth_date.plus_years(age) <= today;
        self.birth_date.plus_years(age + years - u32::from(!had_it))
    }
}

fn born(age: usize, today: CivilDate, sequence: &mut Sequence) -> CivilDate {
    let year = today.year() - u32::try_from(age).expect("an age") - 1;
    let after_new_year = i64::try_from(sequence.below(365)).expect("a year");
    let day = CivilDate::new(year, 1, 1).expect("a day").days() + after_new_year;
    CivilDate::from_days(day)
}

fn address(town: usize, sequence: &mut Sequence) -> String {
    let number = |of: usize| {
        of.to_string()
            .chars()
            .map(|digit| char::from_u32(u32::from(digit) + 0xfee0).expect("a full-width digit"))
            .collect()
    };
    let [block, house, room]: [String; 3] =
        [1 + sequence.below(9), 1 + sequence.below(30), 101 + sequence.below(9) * 100 + sequence.below(12)].map(number);
    let within = if sequence.below(2) == 0 { format!("－{room}") } else { String::new() };
    format!("{}{block}－{house}{within}", TOWNS[town].address)
}

/// Ten digits that begin with those of nobody's code known to us, and the check digit (住民基本台帳法施行規則 第1条).
fn resident_code(number: usize) -> String {
    let digits: Vec<usize> = format!("9{number:09}").bytes().map(|digit| usize::from(digit - b'0')).collect();
    let weights = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let remainder = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<usize>() % 11;
    let check = if remainder <= 1 { 0 } else { 11 - remainder };
    format!("9{number:09}{check}")
}

#[cfg(test)]
mod tests {
    use pki::person::{Kana, PersonName};

    use super::*;

    fn day(text: &str) -> CivilDate {
        text.parse().unwrap()
    }

    #[test]
    fn people_are_the_same_in_each_run_and_of_their_age() {
        let today = day("2026-11-19");
        for number in 1..500 {
            let adult = Person::invent(number, false, today);
            assert_eq!(adult.resident_code.len(), 11);
            assert!(adult.birth_date.plus_years(15) < today, "{number}");
            let child = Person::invent(number, true, today);
            assert!(child.birth_date.plus_years(14) > today && child.birth_date < today, "{number}");
            assert_ne!(adult.moved().town, adult.town);
        }
        let people: Vec<_> = (1..=100).map(|number| Person::invent(number, false, today)).collect();
        let with_kana = people.iter().filter(|person| person.kana.is_some()).count();
        let renamed = people.iter().filter(|person| person.former_name.is_some()).count();
        assert!((60..95).contains(&with_kana) && (8..30).contains(&renamed), "{with_kana} {renamed}");
        for (name, kana) in FAMILY_NAMES.iter().chain(&WOMENS_NAMES).chain(&MENS_NAMES) {
            assert!(PersonName::new(name, None).is_ok() && Kana::new(kana).is_ok(), "{name}");
        }
        // Pinned, so that nobody's notes about a sandbox become untrue unnoticed.
        let first = Person::invent(1, false, today);
        let told = (first.name.as_str(), first.resident_code.as_str(), first.birth_date, TOWNS[first.town].code);
        assert_eq!(told, ("中村　慎吾", "90000000018", day("1964-10-05"), "17201"));
    }

    #[test]
    fn every_town_is_in_the_table_under_its_name() {
        for town in &TOWNS {
            let found = pki::municipality::find(town.code.parse().unwrap()).expect("a real municipality");
            let begins = format!("{}{}", found.prefecture().name, found.name);
            assert!(town.address.starts_with(&begins), "{}", town.code);
        }
    }

    #[test]
    fn a_card_ends_on_a_birthday_that_many_years_on() {
        let person = |born: &str| Person { birth_date: day(born), ..Person::invent(1, false, day("2026-11-19")) };
        assert_eq!(person("1980-11-19").birthday_in(10, day("2026-11-19")), day("2036-11-19"));
        assert_eq!(person("1980-11-20").birthday_in(10, day("2026-11-19")), day("2035-11-20"));
    }
}
