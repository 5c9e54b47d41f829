//! The person in a request: the 4 info, and what is kept beside the name.
use pki::person::{Address, BesideName, BirthDate, BirthDateError, FourInfo, Kana, PersonName, Sex};
use pki::text::{RefusedCharacters, TextError};
use pki::time::CivilDate;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::doors::forms::{AddressText, BirthDateWord, KanaText, NameText, SexWord, Substitutions};
use crate::problem::{Problem, ProblemKind};

/// 基本4情報, as the resident register has them, with 旧氏 and フリガナ. These two are in no certificate; they belong to the
/// item 氏名 of the latest 4 info.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonBody {
    name: NameText,
    name_substitutions: Option<Substitutions>,
    /// 氏名のフリガナ
    kana: Option<KanaText>,
    /// 旧氏
    former_name: Option<NameText>,
    former_name_substitutions: Option<Substitutions>,
    /// 旧氏のフリガナ
    former_name_kana: Option<KanaText>,
    sex: SexWord,
    birth_date: BirthDateWord,
    address: AddressText,
    address_substitutions: Option<Substitutions>,
}

const NAME: [&str; 2] = ["person.name", "person.name_substitutions"];
const FORMER_NAME: [&str; 2] = ["person.former_name", "person.former_name_substitutions"];
const ADDRESS: [&str; 2] = ["person.address", "person.address_substitutions"];
const KANA: [&str; 2] = ["person.kana"; 2];
const FORMER_NAME_KANA: [&str; 2] = ["person.former_name_kana"; 2];

/// Judges the person. Refused characters of all texts are told at once, so that a desk corrects once; of other faults the first.
pub(super) fn judge(body: &PersonBody, today: CivilDate) -> Result<(FourInfo, BesideName), Problem> {
    let name = PersonName::new(&body.name.0, flags(body.name_substitutions.as_ref()));
    let address = Address::new(&body.address.0, flags(body.address_substitutions.as_ref()));
    let kana = body.kana.as_ref().map(|kana| Kana::new(&kana.0)).transpose();
    let former_flags = flags(body.former_name_substitutions.as_ref());
    let former_name = body.former_name.as_ref().map(|name| PersonName::new(&name.0, former_flags)).transpose();
    let former_name_kana = body.former_name_kana.as_ref().map(|kana| Kana::new(&kana.0)).transpose();
    let refused: Vec<_> = [
        refused(NAME, &name),
        refused(KANA, &kana),
        refused(FORMER_NAME, &former_name),
        refused(FORMER_NAME_KANA, &former_name_kana),
        refused(ADDRESS, &address),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(problem) = Problem::of_characters(&refused) {
        return Err(problem);
    }
    let beside = BesideName {
        kana: kana.map_err(|error| text_problem(KANA, &error))?,
        former_name: former_name.map_err(|error| text_problem(FORMER_NAME, &error))?,
        former_name_kana: former_name_kana.map_err(|error| text_problem(FORMER_NAME_KANA, &error))?,
    };
    for (given, field) in
        [(former_flags.is_some(), FORMER_NAME[1]), (beside.former_name_kana.is_some(), FORMER_NAME_KANA[0])]
    {
        if given && beside.former_name.is_none() {
            return Err(Problem::of_field(ProblemKind::NotInForm, field, "there is no former name that it belongs to"));
        }
    }
    let sex: Result<Sex, _> = body.sex.0.parse();
    let birth_date: Result<BirthDate, BirthDateError> = body.birth_date.0.parse();
    let birth_date = birth_date.and_then(|date| date.refuse_future(today));
    let person = FourInfo {
        name: name.map_err(|error| text_problem(NAME, &error))?,
        sex: sex.map_err(|error| Problem::of_field(ProblemKind::NotInForm, "person.sex", error.to_string()))?,
        birth_date: birth_date
            .map_err(|error| Problem::of_field(ProblemKind::ImpossibleDate, "person.birth_date", error.to_string()))?,
        address: address.map_err(|error| text_problem(ADDRESS, &error))?,
    };
    Ok((person, beside))
}

fn flags(substitutions: Option<&Substitutions>) -> Option<&str> {
    substitutions.map(|flags| flags.0.as_str())
}

fn refused<'a, T>(
    [field, _]: [&'static str; 2],
    judged: &'a Result<T, TextError>,
) -> Option<(&'static str, &'a RefusedCharacters)> {
    let Err(TextError::Refused(all)) = judged else { return None };
    Some((field, all))
}

fn text_problem([text, substitutions]: [&'static str; 2], error: &TextError) -> Problem {
    match error {
        TextError::Refused(all) => Problem::of_characters(&[(text, all)]).expect("refused characters are at least one"),
        TextError::Empty | TextError::TooLong { .. } | TextError::OuterSpace { .. } | TextError::DoubleSpace { .. } => {
            Problem::of_field(ProblemKind::NotInForm, text, error.to_string())
        }
        TextError::FlagCount { .. } | TextError::BadFlag { .. } => {
            Problem::of_field(ProblemKind::NotInForm, substitutions, error.to_string())
        }
    }
}
