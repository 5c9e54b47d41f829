//! The latest 4 info of a person (最新の利用者情報提供サービス, facts 4): only what the person consented to, only from a
//! signature certificate that is good, and never before it is on record what was told.
use std::fmt;

use minicbor::{Decode, Encode};
use pki::identity::{Ca, IdentityError, KeyNumber, Serial};
use pki::person::{BirthDate, Sex};
use pki::time::{CivilDate, UnixTime};
use registry::Transaction;
use registry::consent::{ConsentId, DisclosureId, Item, Items, ServiceId};
use registry::event::{CertificatePlace, Event, RequestId, StoredItems};
use registry::seal::RetentionYear;
use registry::state::{CertificateRecord, ConsentRecord, Counter, RequestOutcome, StateReads};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zeroize::Zeroize;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling, other_kind};
use crate::consent::{effective_consent, require_in_force, year_changed};
use crate::doors::forms::{CaWord, SerialWord, SexWord};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::record::{PersonRecord, retention_year};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LatestInfoBody {
    /// The service that asks.
    service: u32,
    ca: CaWord,
    serial: SerialWord,
}

/// What is told of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct LatestInfo {
    /// The number under which it is on record that this was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true, nullable = false)]
    disclosure: Option<u64>,
    /// The consent under which it is told.
    consent: u64,
    service: u32,
    asked: AskedCertificate,
    /// The person has a newer signature certificate than the one asked about.
    newer: bool,
    certificate: LatestCertificate,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    info: Option<Info>,
}

#[derive(Serialize, ToSchema)]
struct AskedCertificate {
    ca: CaWord,
    serial: SerialWord,
}

/// The person's latest signature certificate.
#[derive(Serialize, ToSchema)]
struct LatestCertificate {
    ca: CaWord,
    #[schema(minimum = 1)]
    key: u16,
    serial: SerialWord,
}

/// The latest 4 info (最新の利用者情報), as far as the person consented, in the forms in which desks send them.
#[derive(Default, Serialize, ToSchema)]
#[schema(example = json!({ "name": "浅上　藤乃", "name_substitutions": "00000", "kana": "アサガミ　フジノ" }))]
struct Info {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name_substitutions: Option<String>,
    /// フリガナ. This and the former name come with the name, where the desk sent them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kana: Option<String>,
    /// 旧氏
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name_substitutions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    former_name_kana: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    address_substitutions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sex: Option<SexWord>,
}

/// The sealed part of a disclosure: exactly what was answered, in JSON, but for the disclosure's own number.
#[derive(Encode, Decode, Zeroize)]
#[zeroize(drop)]
pub struct DisclosureRecord {
    /// The answer's body.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub answer: Vec<u8>,
}

impl fmt::Debug for DisclosureRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisclosureRecord(..)")
    }
}

/// Where the sealed record of a disclosure belongs; it opens nowhere else.
fn disclosure_place(request: &RequestId) -> String {
    format!("disclosure/{}/{}", request.party.0, registry::store::hex(&request.key_hash))
}

/// A disclosure is kept for ten years from the day after it, to answer the person who asks what was told when. The term is
/// taken, not known (facts 4.2).
fn kept_until(told_on: CivilDate) -> RetentionYear {
    retention_year(told_on)
}

/// Somebody's record changes during a request once at most; this often would be a fault of ours.
const ATTEMPTS_MAX: u32 = 3;

/// What an answer stands on. All of it is judged again where the answer is recorded.
#[derive(Clone, Copy)]
struct Found {
    service: ServiceId,
    resident: [u8; 32],
    asked: CertificatePlace,
    /// What was asked about; of a phone's, the card's certificate that it stands on and says the same as.
    asked_card: CertificatePlace,
    consent: (ConsentId, ConsentRecord),
    latest: Latest,
    /// Of the latest certificate.
    not_after: UnixTime,
}

/// The person's newest signature certificate, by what makes it the latest.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Latest {
    serial: Serial,
    key: KeyNumber,
    issued_row: u64,
}

impl Found {
    fn told(&self) -> CertificatePlace {
        CertificatePlace { ca: Ca::Sign, serial: self.latest.serial }
    }

    /// `None` if the certificate that was asked about is the latest: nothing is told then, and no fee arises (facts 4.2).
    fn items(&self) -> Option<Items> {
        (self.asked_card != self.told()).then_some(self.consent.1.items)
    }

    /// Nothing of it changed.
    fn still_holds(&self, transaction: &Transaction<'_>) -> Result<bool, Problem> {
        let now = transaction.now();
        let consent = effective_consent(transaction, self.service, &self.resident, now)?;
        let (latest, _) = latest_certificate(transaction, &self.resident)?;
        Ok(consent == self.consent && latest == self.latest && now <= self.not_after)
    }
}

/// The newest signature certificate of a person, which says what is true: it is good, and the register reported nothing
/// since. Why not is the person's business, so every reason gets the same answer.
fn latest_certificate(reads: &impl StateReads, resident: &[u8; 32]) -> Result<(Latest, CertificateRecord), Problem> {
    let issued = |(ca, serial, record): (Ca, Serial, CertificateRecord)| {
        let issued_row = record.issued_row.filter(|_| ca == Ca::Sign)?;
        Some((Latest { serial, key: record.key, issued_row }, record))
    };
    let newest =
        reads.certificates_of(resident)?.into_iter().filter_map(issued).max_by_key(|(latest, _)| latest.serial);
    let (latest, record) = newest.ok_or_else(no_latest_info)?;
    let reported = reads.resident(resident)?;
    let outdated = reported.is_some_and(|reported| reported.gone || reported.last_row > latest.issued_row);
    if record.withdrawal.is_some() || outdated { Err(no_latest_info()) } else { Ok((latest, record)) }
}

fn no_latest_info() -> Problem {
    let detail = "the person has no signature certificate now that is good and says what the register last reported";
    Problem::new(ProblemKind::NoLatestInfo, detail)
}

impl Authority {
    /// `POST /operators/v1/latest-info`
    pub fn latest_info(&self, caller: &Caller, asked: &Asked<'_>) -> Ruling {
        let body: LatestInfoBody = read_body(asked.body)?;
        let service = ServiceId(body.service);
        self.own_service(caller, service)?;
        let place = place(&body)?;
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        match self.earlier(&request)? {
            None => {}
            Some(RequestOutcome::Disclosure { row }) => return self.disclosed_before(row),
            Some(
                RequestOutcome::Answer(_)
                | RequestOutcome::Certificate { .. }
                | RequestOutcome::Certificates(_)
                | RequestOutcome::Ended
                | RequestOutcome::Withdrawn(_),
            ) => return Err(other_kind()),
        }
        for _ in 0..ATTEMPTS_MAX {
            let (found, person) = self.find_latest(service, place)?;
            let answer = answer_json(&found, &person)?;
            (self.outside.step)("disclosure.1-judged");
            if let Some(disclosure) = self.record_disclosure(caller, request, found, &answer)? {
                (self.outside.step)("disclosure.2-recorded");
                return Ok(Answer::ok(numbered(answer, disclosure)));
            }
        }
        let detail = "the person's consents or certificates changed again and again during the request";
        Err(Problem::new(ProblemKind::RegistryUnavailable, detail))
    }

    fn find_latest(&self, service: ServiceId, asked: CertificatePlace) -> Result<(Found, PersonRecord), Problem> {
        let store = self.registry().store();
        let record = store.certificate(asked.ca, asked.serial)?.filter(|record| record.issued_row.is_some());
        let record = record.ok_or_else(unknown_signature_certificate)?;
        let asked_card = match asked.ca {
            Ca::Sign => asked,
            Ca::PhoneSign => record.card.ok_or_else(unknown_signature_certificate)?,
            Ca::Auth | Ca::PhoneAuth => return Err(unknown_signature_certificate()),
        };
        let resident = record.resident;
        let now = self.outside.clock.now();
        let consent = effective_consent(&**store, service, &resident, now)?;
        let (latest, record) = latest_certificate(&**store, &resident)?;
        let issued = self.intent_record(Ca::Sign, latest.serial, &record)?;
        let not_after = issued.not_after();
        if not_after < now {
            return Err(no_latest_info());
        }
        Ok((Found { service, resident, asked, asked_card, consent, latest, not_after }, issued.person.clone()))
    }

    /// Makes the answer durable, with consent and certificate judged again; `None` if they changed.
    fn record_disclosure(
        &self,
        caller: &Caller,
        request: RequestId,
        found: Found,
        answer: &Value,
    ) -> Result<Option<DisclosureId>, Problem> {
        let year = kept_until(self.outside.clock.now().jst_date());
        let record = DisclosureRecord { answer: serde_json::to_vec(answer).expect("JSON values are writable") };
        let sealed = self.seal(year, &disclosure_place(&request), &record)?;
        self.registry().transact(caller.actor(), caller.door, move |transaction| {
            if !found.still_holds(transaction)? {
                return Ok(None);
            }
            if kept_until(transaction.now().jst_date()) != year {
                return Err(year_changed());
            }
            let disclosure = DisclosureId(transaction.counter(Counter::Disclosure)? + 1);
            let Found { service, asked_card: asked, consent: (consent, _), .. } = found;
            let (told, items) = (found.told(), found.items().map(StoredItems));
            let event = Event::Disclosed { disclosure, request, consent, service, asked, told, items };
            transaction.append(event, Some(sealed))?;
            Ok(Some(disclosure))
        })
    }

    /// The same request gets the same answer, as long as the consent under which it was told is in force, and no newer one
    /// covers less. The consent is looked at last: the token may be slow, and a withdrawal counts once it is acknowledged.
    fn disclosed_before(&self, row: u64) -> Ruling {
        let damaged = || Problem::new(ProblemKind::Internal, "a disclosure that the state names is not in the log");
        let store = self.registry().store();
        let open = store.row(row)?.ok_or_else(damaged)?.decode().map_err(|_| damaged())?;
        let Event::Disclosed { disclosure, request, consent, service, items, .. } = open.event else {
            return Err(damaged());
        };
        let record: DisclosureRecord =
            self.open_row(Some(row), &disclosure_place(&request)).map_err(forgotten_disclosure)?;
        let answer = serde_json::from_slice(&record.answer).map_err(|_| damaged())?;
        let now = self.outside.clock.now();
        let (_, resident, told_under) = store.consent(consent)?.ok_or_else(damaged)?;
        require_in_force(&told_under, now)?;
        let (_, newest) = effective_consent(&**store, service, &resident, now)?;
        if items.is_some_and(|items| !newest.items.covers(items.0)) {
            let detail = "the person has since consented to less than was answered then";
            return Err(Problem::new(ProblemKind::ConsentNarrowed, detail));
        }
        Ok(Answer::ok(numbered(answer, disclosure)))
    }
}

/// An answer is kept for longer than the consent under which it was told can be in force.
fn forgotten_disclosure(problem: Problem) -> Problem {
    if problem.kind() == ProblemKind::UnknownCertificate {
        Problem::new(
            ProblemKind::ConsentExpired,
            "a consent is in force for ten years, and this answer is kept no more",
        )
    } else {
        problem
    }
}

fn place(body: &LatestInfoBody) -> Result<CertificatePlace, Problem> {
    let not_in_form =
        |field| move |error: IdentityError| Problem::of_field(ProblemKind::NotInForm, field, error.to_string());
    let ca = body.ca.0.parse().map_err(not_in_form("ca"))?;
    let serial = body.serial.0.parse().map_err(not_in_form("serial"))?;
    Ok(CertificatePlace { ca, serial })
}

fn unknown_signature_certificate() -> Problem {
    Problem::new(ProblemKind::UnknownCertificate, "no signature certificate with this serial was issued")
}

fn numbered(mut answer: Value, disclosure: DisclosureId) -> Value {
    answer["disclosure"] = disclosure.0.into();
    answer
}

fn answer_json(found: &Found, person: &PersonRecord) -> Result<Value, Problem> {
    let place = |place: CertificatePlace| (CaWord(place.ca.word().to_owned()), SerialWord(place.serial.to_string()));
    let ((asked_ca, asked_serial), (ca, serial)) = (place(found.asked), place(found.told()));
    let told = LatestInfo {
        disclosure: None,
        consent: found.consent.0.0,
        service: found.service.0,
        asked: AskedCertificate { ca: asked_ca, serial: asked_serial },
        newer: found.items().is_some(),
        certificate: LatestCertificate { ca, key: found.latest.key.get(), serial },
        info: found.items().map(|items| info(items, person)).transpose()?,
    };
    Ok(serde_json::to_value(told).expect("what is told is JSON"))
}

/// The items, in the forms in which desks send them.
fn info(items: Items, person: &PersonRecord) -> Result<Info, Problem> {
    let damaged = || Problem::new(ProblemKind::Internal, "a stored person does not read");
    let mut info = Info::default();
    for item in items.iter() {
        match item {
            Item::Name => {
                info.name = Some(person.name.clone());
                info.name_substitutions = Some(person.name_substitutions.clone());
                // 氏名 includes 旧氏 and フリガナ (facts 4.2).
                info.kana.clone_from(&person.kana);
                info.former_name.clone_from(&person.former_name);
                info.former_name_substitutions.clone_from(&person.former_name_substitutions);
                info.former_name_kana.clone_from(&person.former_name_kana);
            }
            Item::Address => {
                info.address = Some(person.address.clone());
                info.address_substitutions = Some(person.address_substitutions.clone());
            }
            Item::BirthDate => {
                let date = BirthDate::from_certificate_form(&person.birth_date).ok_or_else(damaged)?;
                info.birth_date = Some(date.to_string());
            }
            Item::Sex => {
                let sex = Sex::from_certificate_digit(&person.sex).ok_or_else(damaged)?;
                info.sex = Some(SexWord(sex.word().to_owned()));
            }
        }
    }
    Ok(info)
}
