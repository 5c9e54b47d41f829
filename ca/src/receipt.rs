//! 発行控え: the record of an issue that the desk prints for the holder, as data.
use pki::identity::{Ca, Serial};
use pki::municipality::{self, MunicipalityCode};
use pki::person::{BirthDate, Sex};
use registry::state::{CertificateRecord, StateReads};
use registry::store::hex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Authority, Caller, Ruling};
use crate::doors::forms::{BirthDateWord, MunicipalityWord, SexWord, Time};
use crate::issue::require_issued;
use crate::problem::{Problem, ProblemKind};
use crate::record::PersonRecord;
use crate::withdraw::{CertificateStatus, status_of};

/// 発行控え: what was issued to whom, where and when.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipt {
    #[serde(flatten)]
    status: CertificateStatus,
    /// When it was issued.
    issued_at: Time,
    not_before: Time,
    not_after: Time,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    key_sha256: String,
    municipality: ReceiptMunicipality,
    /// The desk that issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    desk: Option<ReceiptDesk>,
    person: ReceiptPerson,
    /// Where a loss is reported, day and night.
    loss_line: String,
}

/// Where it was issued.
#[derive(Serialize, ToSchema)]
struct ReceiptMunicipality {
    code: MunicipalityWord,
    /// Prefecture and municipality.
    #[schema(example = "東京都清瀬市")]
    name: String,
}

/// A desk.
#[derive(Serialize, ToSchema)]
struct ReceiptDesk {
    /// 受付窓口識別記号: municipality and desk.
    #[schema(pattern = "^[0-9]{5}[0-9A-Z]{4}$", example = "13221003A")]
    sign: String,
    #[schema(example = "Kiyose city hall")]
    name: String,
}

/// 基本4情報 as the certificate's record has them.
#[derive(Serialize, ToSchema)]
struct ReceiptPerson {
    name: String,
    /// One `0` or `1` a character, `1` where the desk put a substitute.
    name_substitutions: String,
    /// 氏名のフリガナ, if the desk sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kana: Option<String>,
    /// 旧氏.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name_substitutions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name_kana: Option<String>,
    sex: SexWord,
    birth_date: BirthDateWord,
    address: String,
    /// One `0` or `1` a character, `1` where the desk put a substitute.
    address_substitutions: String,
}

impl ReceiptPerson {
    fn new(person: &PersonRecord) -> Option<Self> {
        Some(Self {
            name: person.name.clone(),
            name_substitutions: person.name_substitutions.clone(),
            kana: person.kana.clone(),
            former_name: person.former_name.clone(),
            former_name_substitutions: person.former_name_substitutions.clone(),
            former_name_kana: person.former_name_kana.clone(),
            sex: SexWord(Sex::from_certificate_digit(&person.sex)?.word().to_owned()),
            birth_date: BirthDateWord(BirthDate::from_certificate_form(&person.birth_date)?.to_string()),
            address: person.address.clone(),
            address_substitutions: person.address_substitutions.clone(),
        })
    }
}

impl Authority {
    /// `GET /desk/v1/certificates/{ca}/{serial}/receipt`
    pub fn receipt(&self, caller: &Caller, ca: Ca, serial: Serial, loss_line: &str) -> Ruling {
        let record = self.may_act_on(caller, ca, serial)?;
        require_issued(ca, serial, &record)?;
        let issued = self.intent_record(ca, serial, &record)?;
        let person = ReceiptPerson::new(&issued.person).ok_or_else(unreadable)?;
        Ok(Answer::ok(Receipt {
            status: status_of(ca, serial, &record),
            issued_at: Time(self.issued_at(&record)?),
            not_before: Time(record.reserved_at.to_string()),
            not_after: Time(issued.not_after().to_string()),
            key_sha256: hex(&record.public_key),
            municipality: municipality_of(&record)?,
            desk: self.desk_of(&record)?,
            person,
            loss_line: loss_line.to_owned(),
        }))
    }

    fn issued_at(&self, record: &CertificateRecord) -> Result<String, Problem> {
        let row = record.issued_row.map(|row| self.registry().store().row(row)).transpose()?.flatten();
        let open = row.ok_or_else(unreadable)?.decode().map_err(|_| unreadable())?;
        Ok(open.time.to_string())
    }

    /// `None` if no desk asked for it.
    fn desk_of(&self, record: &CertificateRecord) -> Result<Option<ReceiptDesk>, Problem> {
        let party = self.registry().store().party(record.request.party)?;
        Ok(party.and_then(|party| Some(ReceiptDesk { sign: party.desk?, name: party.name })))
    }
}

fn municipality_of(record: &CertificateRecord) -> Result<ReceiptMunicipality, Problem> {
    let found = MunicipalityCode::new(record.municipality).and_then(municipality::find).ok_or_else(unreadable)?;
    let name = format!("{}{}", found.prefecture().name, found.name);
    Ok(ReceiptMunicipality { code: MunicipalityWord(found.code.to_string()), name })
}

fn unreadable() -> Problem {
    Problem::new(ProblemKind::Internal, "a certificate's record does not read")
}
