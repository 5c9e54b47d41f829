//! Changes that the resident register reports. In law the CA acts on them at once (article 12).
pub mod batch;

use pki::algorithm::sha256;
use pki::identity::Device;
use pki::time::CivilDate;
use registry::Transaction;
use registry::batch::ToldCertificate;
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

/// A judged report.
#[derive(Clone, Copy)]
struct Report {
    /// The keyed hash of the resident code.
    resident: [u8; 32],
    change: ResidentChange,
    effective_on: CivilDate,
}

impl Report {
    fn judge(authority: &Authority, code: &ResidentCode, change: Change, effective_on: &Day) -> Result<Self, Problem> {
        let resident = authority.resident(&code.0)?;
        let effective_on = effective_on.0.parse().map_err(|error: pki::time::ImpossibleDate| {
            Problem::of_field(ProblemKind::ImpossibleDate, "effective_on", error.to_string())
        })?;
        Ok(Self { resident, change: change.into(), effective_on })
    }

    fn event(self) -> Event {
        let Self { resident, change, effective_on } = self;
        Event::ResidentChanged { resident, change, effective_on }
    }

    /// Tells one report from another. The resident is a keyed hash in it already, so it needs no key of its own.
    fn content(self) -> [u8; 32] {
        sha256(&minicbor::to_vec(self.event()).expect("writing to memory does not fail"))
    }

    /// Records the change with all it does to certificates; what they are afterwards.
    fn apply(self, transaction: &mut Transaction<'_>) -> Result<Vec<ToldCertificate>, Problem> {
        transaction.append(self.event(), None)?;
        let found = transaction.certificates_of(&self.resident)?;
        // What the register reports concerns the person, so it does not matter at which device.
        withdraw_all(transaction, found, Occasion { cause: cause_of(self.change), at: Device::Card }, &mut None)
    }
}

impl Authority {
    /// `POST /residents/v1/changes`: the change and all it does to certificates, in one batch. A person without
    /// certificates is no error: the register reports everybody.
    pub fn report_change(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: ChangeBody = read_body(asked.body)?;
        let report = Report::judge(self, &body.resident_code, body.change, &body.effective_on)?;
        self.change_once(caller, asked, move |transaction, _| report.apply(transaction))
    }

    /// The keyed hash under which a resident is found again. The code itself is not kept.
    pub(crate) fn resident(&self, code: &str) -> Result<[u8; 32], Problem> {
        self.keyed_hash("resident", resident_code(code)?.as_bytes())
    }
}
