//! Which days' usage is asked for.
use clap::Args;
use pki::time::CivilDate;

use super::tell::Telling;

/// Days in Japan.
#[derive(Args, Debug)]
pub struct Days {
    /// The first day in Japan, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    from: CivilDate,
    /// The last day in Japan: the same, or at most 30 days later.
    #[arg(long, value_name = "DATE")]
    to: CivilDate,
}

impl Days {
    /// The call of that door.
    pub(super) fn path(&self, door: &str) -> String {
        format!("/{door}/v1/usage?from={}&to={}", self.from, self.to)
    }
}

/// A row for each party, CA and purpose.
pub(super) const USAGE: Telling =
    Telling { done: "usage", fields: &[], rows: Some(("usage", &["party", "ca", "purpose", "certificates"])) };
