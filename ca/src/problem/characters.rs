//! The characters that a refusal names, to the desk that sent them and to nobody else.
use std::fmt;

use pki::text::{RefusedCharacter, RefusedCharacters};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, ProblemKind};

/// More of them than this say that a whole text is in the wrong form; an answer stays short.
pub const CHARACTERS_TOLD_MAX: usize = 20;

/// A character that may not stand in the field, and what may take its place. The choice is the desk's.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RefusedCharacter)]
pub(crate) struct ToldCharacter {
    #[schema(example = "person.name")]
    field: &'static str,
    #[schema(pattern = "^U\\+[0-9A-F]{4,6}$", example = "U+9AD9")]
    code_point: String,
    /// Its place, counted in characters from 1.
    #[schema(minimum = 1, example = 1)]
    position: usize,
    /// The place of the first character that a candidate replaces. A mark or variation selector goes with the letter
    /// before it.
    #[schema(minimum = 1, example = 1)]
    first: usize,
    /// The place of the last character that a candidate replaces.
    #[schema(minimum = 1, example = 1)]
    last: usize,
    /// Texts of allowed characters, likeliest first; empty if none is known.
    #[schema(example = json!(["高"]))]
    candidates: Vec<String>,
}

impl ToldCharacter {
    fn new(field: &'static str, refused: &RefusedCharacter) -> Self {
        let RefusedCharacter { code_point, position, first, last, candidates } = refused.clone();
        Self { field, code_point: code_point.to_string(), position, first, last, candidates }
    }
}

/// Without code points and candidates: all of them together may be a name.
impl fmt::Debug for ToldCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToldCharacter({} at {})", self.field, self.position)
    }
}

impl Problem {
    /// Every refused character of the fields, the first [`CHARACTERS_TOLD_MAX`] of them by name; `None` if there is none.
    pub fn of_characters(refused: &[(&'static str, &RefusedCharacters)]) -> Option<Self> {
        let (field, first) = refused.first()?;
        let count: usize = refused.iter().map(|(_, all)| all.as_slice().len()).sum();
        let told =
            refused.iter().flat_map(|(field, all)| all.as_slice().iter().map(|one| ToldCharacter::new(field, one)));
        let characters: Vec<_> = told.take(CHARACTERS_TOLD_MAX).collect();
        let others = if refused.len() > 1 { format!("; {count} in all fields") } else { String::new() };
        let detail = format!("{first}{others}; `characters` has {} of them, with candidates", characters.len());
        Some(Self { characters, ..Self::of_field(ProblemKind::CharacterNotAllowed, field, detail) })
    }
}
