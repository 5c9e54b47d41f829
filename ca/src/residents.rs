//! Changes that the resident register reports. In law the CA acts on them at once (article 12).
use pki::identity::Device;
use pki::time::CivilDate;
use registry::event::{Event, ResidentChange};
use registry::state::StateReads;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::application::resident_code;
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::cause::{Occasion, cause_of};
use crate::doors::forms::{Day, ResidentCode};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::withdraw_all;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    resident_code: ResidentCode,
    change: Change,
    /// The day in law (異動日).
    effective_on: Day,
}

/// What happened (異動事由).
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Change {
    Moved,
    NameChanged,
    SexCorrected,
    BirthDateCorrected,
    Died,
    LeftJapan,
    LeftJapanKeepingCard,
    MinorAddressCorrection,
}

impl From<Change> for ResidentChange {
    fn from(change: Change) -> Self {
        match change {
            Change::Moved => Self::Moved,
            Change::NameChanged => Self::NameChanged,
            Change::SexCorrected => Self::SexCorrected,
            Change::BirthDateCorrected => Self::BirthDateCorrected,
            Change::Died => Self::Died,
            Change::LeftJapan => Self::LeftJapan,
            Change::LeftJapanKeepingCard => Self::LeftJapanKeepingCard,
            Change::MinorAddressCorrection => Self::MinorAddressCorrection,
        }
    }
}

impl Authority {
    /// `POST /residents/v1/changes`: the change and all it does to certificates, in one batch. A person without
    /// certificates is no error: the register reports everybody.
    pub fn report_change(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: ChangeBody = read_body(asked.body)?;
        let resident = self.resident(&body.resident_code.0)?;
        let effective_on: CivilDate = body.effective_on.0.parse().map_err(|error: pki::time::ImpossibleDate| {
            Problem::of_field(ProblemKind::ImpossibleDate, "effective_on", error.to_string())
        })?;
        let change = ResidentChange::from(body.change);
        self.change_once(caller, asked, move |transaction| {
            transaction.append(Event::ResidentChanged { resident, change, effective_on }, None)?;
            let found = transaction.certificates_of(&resident)?;
            // What the register reports concerns the person, so it does not matter at which device.
            withdraw_all(transaction, found, Occasion { cause: cause_of(change), at: Device::Card })
        })
    }

    /// The keyed hash under which a resident is found again. The code itself is not kept.
    pub(crate) fn resident(&self, code: &str) -> Result<[u8; 32], Problem> {
        self.keyed_hash("resident", resident_code(code)?.as_bytes())
    }
}
