use super::*;
use proptest::prelude::*;

fn born(text: &str) -> BirthDate {
    text.parse().unwrap()
}

fn person() -> FourInfo {
    FourInfo {
        name: PersonName::new("黒桐　幹也", Some("00000")).unwrap(),
        sex: Sex::Male,
        birth_date: born("1980-02-17"),
        address: Address::new("東京都清瀬市観布子南１２－７－２０２", None).unwrap(),
    }
}

#[test]
fn the_test_cards_person_has_the_test_cards_forms() {
    // Facts 1.5.
    let FourInfo { name, sex, birth_date, address } = person();
    assert_eq!((name.text(), name.substitutions()), ("黒桐　幹也", "00000"));
    assert_eq!((sex.certificate_digit(), birth_date.certificate_form().as_str()), ('1', "319800217"));
    assert_eq!(address.substitutions(), "0".repeat(18));
}

#[test]
fn debug_output_has_no_personal_data() {
    let person = person();
    assert_eq!(format!("{person:?}"), "FourInfo(..)");
    let FourInfo { name, sex, birth_date, address } = person;
    assert_eq!(
        format!("{name:?} {sex:?} {birth_date:?} {address:?}"),
        "PersonName(..) Sex(..) BirthDate(..) Address(..)"
    );
}

#[test]
fn what_a_certificate_writes_is_read_back() {
    for text in ["1980-02-17", "1980-02-00", "1980-00-00", "1989-00-00", "1868-01-24", "2019-05-01"] {
        assert_eq!(BirthDate::from_certificate_form(&born(text).certificate_form()), Some(born(text)));
    }
    for form in ["", "3", "419800217", "31980021", "3198002170", "319800230", "3１980021"] {
        assert!(BirthDate::from_certificate_form(form).is_none(), "{form}");
    }
    for sex in Sex::ALL {
        assert!(Sex::from_certificate_digit(&sex.certificate_digit().to_string()) == Some(sex));
    }
    assert!(["", "0", "11", "１"].iter().all(|digit| Sex::from_certificate_digit(digit).is_none()));
}

#[test]
fn an_era_begins_on_its_first_day() {
    for (day_before, first_day, eras) in [
        ("1868-01-24", "1868-01-25", ["0", "1"]),
        ("1912-07-29", "1912-07-30", ["1", "2"]),
        ("1926-12-24", "1926-12-25", ["2", "3"]),
        ("1989-01-07", "1989-01-08", ["3", "4"]),
        ("2019-04-30", "2019-05-01", ["4", "5"]),
    ] {
        let written = [day_before, first_day].map(|day| born(day).certificate_form());
        assert_eq!([&written[0][..1], &written[1][..1]], eras, "{first_day}");
        assert_eq!(written[1][1..], first_day.replace('-', ""));
    }
}

#[test]
fn an_unknown_day_has_an_era_only_where_no_era_changed() {
    for (written, form) in [
        ("1980-02-00", "319800200"),
        ("1980-00-00", "319800000"),
        ("1989-00-00", "019890000"),
        ("1989-01-00", "019890100"),
        ("1989-02-00", "419890200"),
        ("1926-12-00", "019261200"),
        ("1926-11-00", "219261100"),
        ("1912-07-00", "019120700"),
        ("1868-00-00", "018680000"),
        ("2019-00-00", "020190000"),
        // 令和 began on the first of a month, so each month lies in one era.
        ("2019-04-00", "420190400"),
        ("2019-05-00", "520190500"),
    ] {
        assert_eq!(born(written).certificate_form(), form);
    }
}

#[test]
fn an_unknown_day_is_taken_as_the_earliest_possible() {
    let span = |text: &str| (born(text).earliest().to_string(), born(text).latest().to_string());
    assert_eq!(span("1980-02-00"), ("1980-02-01".to_owned(), "1980-02-29".to_owned()));
    assert_eq!(span("1980-12-00"), ("1980-12-01".to_owned(), "1980-12-31".to_owned()));
    assert_eq!(span("1980-00-00"), ("1980-01-01".to_owned(), "1980-12-31".to_owned()));
    assert_eq!(span("1980-02-29"), ("1980-02-29".to_owned(), "1980-02-29".to_owned()));
    assert_eq!(born("9999-12-00").latest().to_string(), "9999-12-31");
}

#[test]
fn impossible_dates_are_refused() {
    for text in [
        "1981-02-29",
        "1980-13-00",
        "1980-00-01",
        "0000-00-00",
        "1980-1-1",
        "1980-02",
        "80-02-17",
        "",
        "-00-00",
        "1980-02-000",
    ] {
        assert_eq!(text.parse::<BirthDate>(), Err(BirthDateError::Impossible), "{text:?}");
    }
    assert_eq!("1867-12-31".parse::<BirthDate>(), Err(BirthDateError::TooEarly));
    assert_eq!("1867-00-00".parse::<BirthDate>(), Err(BirthDateError::TooEarly));
}

#[test]
fn a_birth_is_not_in_the_future() {
    let today = "2026-11-22".parse().unwrap();
    for (written, possible) in [
        ("2026-11-22", true),
        ("2026-11-23", false),
        ("2026-11-00", true),
        ("2026-12-00", false),
        ("2026-00-00", true),
        ("2027-00-00", false),
    ] {
        assert_eq!(
            born(written).refuse_future(today),
            if possible { Ok(born(written)) } else { Err(BirthDateError::InFuture) },
            "{written}"
        );
    }
}

#[test]
fn a_name_has_its_parts_parted_by_one_full_width_space() {
    for name in ["黒桐　幹也", "スミス　ジョン　ポール", "スハルト", "ＳＭＩＴＨ　ＪＯＨＮ"]
    {
        assert!(PersonName::new(name, None).is_ok(), "{name}");
    }
    assert_eq!(PersonName::new("黒桐　　幹也", None), Err(TextError::DoubleSpace { position: 4 }));
    assert_eq!(PersonName::new("　黒桐", None), Err(TextError::OuterSpace { position: 1 }));
    assert_eq!(PersonName::new("黒桐　", None), Err(TextError::OuterSpace { position: 3 }));
    assert!(matches!(PersonName::new("黒桐 幹也", None), Err(TextError::Refused(_))));
}

#[test]
fn names_and_addresses_have_their_own_limits() {
    let long = "南".repeat(ADDRESS_CHARACTERS_MAX + 1);
    let first = |characters: usize| long.chars().take(characters).collect::<String>();
    assert!(PersonName::new(&first(100), None).is_ok());
    assert_eq!(PersonName::new(&first(101), None), Err(TextError::TooLong { characters: 101, characters_max: 100 }));
    assert!(Address::new(&first(200), None).is_ok());
    assert_eq!(Address::new(&long, None), Err(TextError::TooLong { characters: 201, characters_max: 200 }));
}

#[test]
fn a_reading_is_full_width_katakana_with_its_signs() {
    for kana in ["コクトウ　ミキヤ", "ヴァーユ　ヶ", "ジャン・ポール　スミス", "ッ", &"ア".repeat(KANA_CHARACTERS_MAX)]
    {
        assert_eq!(Kana::new(kana).unwrap().text(), kana, "it is taken as it is");
    }
    let refused = |text: &str| match Kana::new(text) {
        Err(TextError::Refused(all)) => all.as_slice()[0].position,
        other => panic!("{text}: {other:?}"),
    };
    for (text, position) in [
        ("こくとう", 1),
        ("ｺｸﾄｳ", 1),
        ("コク藤", 3),
        ("コクトウ ミキヤ", 5),
        ("コクトウ　Ａ", 6),
        ("コクヽ", 3),
        ("カ\u{3099}", 2),
        ("コ゛", 2),
        ("ヷ", 1),
        ("コク－", 3),
    ] {
        assert_eq!(refused(text), position, "{text}");
    }
    assert_eq!(Kana::new(""), Err(TextError::Empty));
    assert_eq!(Kana::new("コク　　ミキヤ"), Err(TextError::DoubleSpace { position: 4 }));
    assert_eq!(Kana::new("コク　"), Err(TextError::OuterSpace { position: 3 }));
    let too_long = Err(TextError::TooLong { characters: 201, characters_max: 200 });
    assert_eq!(Kana::new(&"ア".repeat(KANA_CHARACTERS_MAX + 1)), too_long);
    assert_eq!(format!("{:?}", Kana::new("コク")), "Ok(Kana(..))");
}

#[test]
fn every_sex_is_found_again_by_its_word() {
    for sex in Sex::ALL {
        assert_eq!(sex.word().parse(), Ok(sex));
    }
    assert_eq!(Sex::ALL.map(Sex::certificate_digit), ['1', '2', '3']);
    assert_eq!("Male".parse::<Sex>(), Err(UnknownSexWord));
}

proptest! {
    #[test]
    fn a_reading_is_taken_as_it_is_or_refused(text in "[ァ-ヶー・　]{1,20}") {
        let parted = !text.starts_with('　') && !text.ends_with('　') && !text.contains("　　");
        let taken = Kana::new(&text).ok().map(|kana| kana.text().to_owned());
        prop_assert_eq!(taken, parted.then_some(text));
    }

    #[test]
    fn a_date_of_birth_is_read_back_as_written(days in -37_255_i64..=2_932_896, precision in 0..3) {
        let day = CivilDate::from_days(days).to_string();
        let written = match precision {
            0 => day,
            1 => format!("{}-00", &day[..7]),
            _ => format!("{}-00-00", &day[..4]),
        };
        let birth_date = born(&written);
        prop_assert_eq!(birth_date.to_string(), written.clone());
        prop_assert!(birth_date.earliest() <= CivilDate::from_days(days) && CivilDate::from_days(days) <= birth_date.latest());
        let form = birth_date.certificate_form();
        prop_assert!(form.len() == 9 && form.bytes().all(|byte| byte.is_ascii_digit()));
        prop_assert_eq!(&form[1..], written.replace('-', ""));
    }

    #[test]
    fn an_era_is_stated_only_when_every_possible_day_lies_in_it(year in 1868_u32..2100, month in 1_u32..=12) {
        let partial = born(&format!("{year:04}-{month:02}-00"));
        let eras: std::collections::BTreeSet<_> = (partial.earliest().days()..=partial.latest().days())
            .map(|day| BirthDate::of_day(CivilDate::from_days(day)).unwrap().certificate_form().remove(0))
            .collect();
        let stated = partial.certificate_form().remove(0);
        prop_assert_eq!(stated, if eras.len() == 1 { *eras.first().unwrap() } else { '0' });
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,14}") {
        let _refused_or_read: Result<BirthDate, _> = text.parse();
    }
}
