//! The sealed part of rows. Of an issue's: what the certificate is, and whom it is for.
use std::fmt;

use minicbor::{Decode, Encode};
use pki::certificate::{Certificate, joined};
use pki::identity::{Ca, Serial};
use pki::person::{Address, BesideName, BirthDate, FourInfo, Kana, PersonName, Sex};
use pki::time::{CivilDate, UnixTime};
use registry::seal::{RetentionYear, Sealed};
use registry::state::CertificateRecord;
use zeroize::{Zeroize, Zeroizing};

use crate::authority::Authority;
use crate::problem::{Problem, ProblemKind};

/// The person, as the certificate's record keeps it for the service of the latest 4 info.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Zeroize)]
#[zeroize(drop)]
pub struct PersonRecord {
    /// 氏名
    #[n(0)]
    pub name: String,
    /// Positions of substitutes in it.
    #[n(1)]
    pub name_substitutions: String,
    /// The certificate's digit for 性別.
    #[n(2)]
    pub sex: String,
    /// 生年月日 as the certificate writes it.
    #[n(3)]
    pub birth_date: String,
    /// 住所
    #[n(4)]
    pub address: String,
    /// Positions of substitutes in it.
    #[n(5)]
    pub address_substitutions: String,
    /// 氏名のフリガナ. Like the three after it, kept for the latest 4 info alone, and not there in older records.
    #[n(6)]
    pub kana: Option<String>,
    /// 旧氏
    #[n(7)]
    pub former_name: Option<String>,
    /// Positions of substitutes in it.
    #[n(8)]
    pub former_name_substitutions: Option<String>,
    /// 旧氏のフリガナ
    #[n(9)]
    pub former_name_kana: Option<String>,
}

impl PersonRecord {
    /// The record of these 4 info.
    pub fn new(person: &FourInfo, beside_name: &BesideName) -> Self {
        let BesideName { kana, former_name, former_name_kana } = beside_name;
        let text = |kana: &Option<Kana>| kana.as_ref().map(|kana| kana.text().to_owned());
        Self {
            kana: text(kana),
            former_name: former_name.as_ref().map(|name| name.text().to_owned()),
            former_name_substitutions: former_name.as_ref().map(|name| name.substitutions().to_owned()),
            former_name_kana: text(former_name_kana),
            name: person.name.text().to_owned(),
            name_substitutions: person.name.substitutions().to_owned(),
            sex: person.sex.certificate_digit().to_string(),
            birth_date: person.birth_date.certificate_form(),
            address: person.address.text().to_owned(),
            address_substitutions: person.address.substitutions().to_owned(),
        }
    }

    /// The person that this is the record of: a certificate in a phone says what the card's says. `None` if it does not read.
    pub fn read(&self) -> Option<(FourInfo, BesideName)> {
        let kana = |text: &Option<String>| text.as_deref().map(Kana::new).transpose().ok();
        let former_name = match &self.former_name {
            Some(name) => Some(PersonName::new(name, self.former_name_substitutions.as_deref()).ok()?),
            None => None,
        };
        let info = FourInfo {
            name: PersonName::new(&self.name, Some(&self.name_substitutions)).ok()?,
            sex: Sex::from_certificate_digit(&self.sex)?,
            birth_date: BirthDate::from_certificate_form(&self.birth_date)?,
            address: Address::new(&self.address, Some(&self.address_substitutions)).ok()?,
        };
        let (kana, former_name_kana) = (kana(&self.kana)?, kana(&self.former_name_kana)?);
        Some((info, BesideName { kana, former_name, former_name_kana }))
    }

    /// The 4 info are the same, 旧氏 counted as part of 氏名 (facts 4.2). Readings are not compared: a desk may begin to send
    /// them, or correct one, and no 4 info have changed.
    pub fn has_same_info(&self, other: &Self) -> bool {
        let mut read_as_other = self.clone();
        read_as_other.kana.clone_from(&other.kana);
        read_as_other.former_name_kana.clone_from(&other.former_name_kana);
        read_as_other == *other
    }
}

/// What is kept of a certificate. The row `Intended` seals it; what the row `Issued` seals is a [`SignedRecord`].
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct IssueRecord {
    /// tbsCertificate of an intent; the certificate of an issue. DER.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub octets: Vec<u8>,
    /// For whom; also for user certificates, which do not carry it.
    #[n(1)]
    pub person: PersonRecord,
    /// notAfter, seconds since 1970. A birthday, so it is nowhere outside the sealed part.
    #[n(2)]
    pub not_after_seconds: i64,
}

/// What the row `Issued` seals: what its intent lacks.
#[derive(Encode, Decode)]
pub struct SignedRecord {
    /// What stands in the certificate after its tbsCertificate; beside a person, the whole certificate. DER.
    #[cbor(n(0), with = "minicbor::bytes")]
    octets: Vec<u8>,
    /// An older akashi kept everything twice. Then as in [`IssueRecord`].
    #[n(1)]
    person: Option<PersonRecord>,
    /// As above.
    #[n(2)]
    not_after_seconds: Option<i64>,
}

impl SignedRecord {
    /// Of a certificate whose intent is recorded.
    pub fn of(certificate: &Certificate) -> Self {
        Self { octets: certificate.after_tbs().to_vec(), person: None, not_after_seconds: None }
    }

    /// With its intent, the record of the certificate; without one, if it has everything.
    pub fn complete<E>(self, intent: impl FnOnce() -> Result<IssueRecord, E>) -> Result<IssueRecord, E> {
        if let (Some(person), Some(not_after_seconds)) = (self.person, self.not_after_seconds) {
            return Ok(IssueRecord { octets: self.octets, person, not_after_seconds });
        }
        let mut record = intent()?;
        let tbs_der = Zeroizing::new(std::mem::take(&mut record.octets));
        record.octets = joined(&tbs_der, &self.octets);
        Ok(record)
    }
}

impl fmt::Debug for SignedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedRecord(..)")
    }
}

impl fmt::Debug for IssueRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssueRecord(..)")
    }
}

impl Drop for IssueRecord {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl IssueRecord {
    /// notAfter.
    pub const fn not_after(&self) -> UnixTime {
        UnixTime::from_seconds(self.not_after_seconds)
    }

    /// The year in which its retention ends: ten years after the day following expiry (facts 2).
    pub fn retention_year(&self) -> RetentionYear {
        retention_year(self.not_after().jst_date())
    }
}

/// The year in which the retention of a record ends that is kept for ten years from the day after `last_day`.
pub(crate) fn retention_year(last_day: CivilDate) -> RetentionYear {
    RetentionYear(u16::try_from(last_day.next().plus_years(10).year()).expect("years have four digits"))
}

/// A record as it is sealed.
pub(crate) fn sealed_form(record: &impl Encode<()>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(minicbor::to_vec(record).expect("writing to memory does not fail"))
}

/// Where a sealed record belongs; it opens nowhere else.
pub(crate) fn intent_place(ca: Ca, serial: Serial) -> String {
    format!("{ca}/{serial}/intended")
}

/// Where a sealed record belongs; it opens nowhere else.
pub(crate) fn issue_place(ca: Ca, serial: Serial) -> String {
    format!("{ca}/{serial}/issued")
}

impl Authority {
    /// The record of an issued certificate, with the certificate. Who needs no octets takes [`Self::intent_record`]: it is one
    /// row and not two.
    pub(crate) fn issue_record(
        &self,
        ca: Ca,
        serial: Serial,
        record: &CertificateRecord,
    ) -> Result<IssueRecord, Problem> {
        let signed: SignedRecord = self.open_row(record.issued_row, &issue_place(ca, serial))?;
        signed.complete(|| self.intent_record(ca, serial, record))
    }

    /// The sealed record of an intent: what will be signed or was, and for whom.
    pub(crate) fn intent_record(
        &self,
        ca: Ca,
        serial: Serial,
        record: &CertificateRecord,
    ) -> Result<IssueRecord, Problem> {
        self.open_row(record.intended_row, &intent_place(ca, serial))
    }

    /// What the sealed part of a row holds.
    pub(crate) fn open_row<T: for<'b> Decode<'b, ()>>(&self, row: Option<u64>, place: &str) -> Result<T, Problem> {
        let missing = || Problem::new(ProblemKind::Internal, "a record that the state names is not in the log");
        let row = self.registry().store().row(row.ok_or_else(missing)?)?.ok_or_else(missing)?;
        let octets = row.sealed.ok_or_else(missing)?.open(&*self.outside.vault, place)?;
        minicbor::decode(&octets).map_err(|_| missing())
    }

    /// Seals a record into its place, until the end of that year.
    pub(crate) fn seal(&self, year: RetentionYear, place: &str, record: &impl Encode<()>) -> Result<Sealed, Problem> {
        Ok(self.data_key(year)?.seal(place, &sealed_form(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> PersonRecord {
        let info = FourInfo {
            name: PersonName::new("黒桐　幹也", None).unwrap(),
            sex: Sex::Male,
            birth_date: "1980-02-17".parse().unwrap(),
            address: Address::new("東京都清瀬市観布子南１２－７－２０２", None).unwrap(),
        };
        PersonRecord::new(&info, &BesideName::default())
    }

    #[test]
    fn a_record_from_before_readings_and_former_names_opens_without_them() {
        let new = person();
        let six =
            [&new.name, &new.name_substitutions, &new.sex, &new.birth_date, &new.address, &new.address_substitutions];
        let old: PersonRecord = minicbor::decode(&minicbor::to_vec(six).unwrap()).unwrap();
        assert!(old == new);
        let mut with_all = person();
        with_all.kana = Some("コクトウ　ミキヤ".to_owned());
        with_all.former_name = Some("白純".to_owned());
        with_all.former_name_substitutions = Some("00".to_owned());
        with_all.former_name_kana = Some("シラズミ".to_owned());
        let mut stored: Vec<&str> = six.map(String::as_str).to_vec();
        stored.extend(["コクトウ　ミキヤ", "白純", "00", "シラズミ"]);
        assert_eq!(minicbor::to_vec(&with_all).unwrap(), minicbor::to_vec(&stored).unwrap(), "the stored form stays");
        let read: PersonRecord = minicbor::decode(&minicbor::to_vec(&with_all).unwrap()).unwrap();
        assert!(read == with_all && read != new);
        let (info, beside_name) = with_all.read().unwrap();
        assert!(PersonRecord::new(&info, &beside_name) == with_all);
    }

    #[test]
    fn a_former_name_is_part_of_the_info_and_a_reading_is_not() {
        let (one, mut other) = (person(), person());
        other.kana = Some("コクトウ　ミキヤ".to_owned());
        other.former_name_kana = Some("シラズミ".to_owned());
        assert!(one.has_same_info(&other) && other.has_same_info(&one));
        other.former_name = Some("白純".to_owned());
        assert!(!one.has_same_info(&other) && !other.has_same_info(&one));
        let mut moved = person();
        moved.address.push('３');
        assert!(!one.has_same_info(&moved));
    }

    #[test]
    fn retention_ends_ten_years_after_the_day_following_expiry() {
        let person = person();
        let year = |last_day: &str| {
            let not_after_seconds = last_day.parse::<CivilDate>().unwrap().jst_end().as_seconds();
            IssueRecord { octets: vec![], person: person.clone(), not_after_seconds }.retention_year().0
        };
        assert_eq!(year("2030-02-17"), 2040);
        assert_eq!(year("2030-12-30"), 2040);
        assert_eq!(year("2030-12-31"), 2041);
    }
}
