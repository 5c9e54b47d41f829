//! Whom a municipality tells that their certificates expire soon. A page costs what is looked at for it, however large the
//! municipality is.
use std::ops::RangeInclusive;

use pki::identity::{Ca, Serial};
use pki::time::CivilDate;
use pki::validity::is_in_last_months;
use registry::Transaction;
use registry::event::{CertificatePlace, Event};
use registry::state::{CertificateRecord, StateReads, StoredTime, expiring_key, parse_expiring_key};
use registry::store::Family;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling};
use crate::doors::forms::{CaWord, SerialWord, Time};
use crate::doors::{certificate_of, read_body};
use crate::problem::{Problem, ProblemKind};
use crate::rehearsal::{Mode, Rehearsed};
use crate::withdraw::{CertificateStatus, status_of, unknown_certificate};

/// As long as the window of renewal (facts 1.7), and long enough for a half-year's plan.
const MONTHS_DEFAULT: u32 = 3;
const MONTHS_MAX: u32 = 6;
/// Certificates looked at for one page.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 500;
/// As many as a page has; they fit into a body.
const NOTIFIED_AT_ONCE_MAX: usize = LIMIT_MAX;
/// No month has more days.
const DAYS_PER_MONTH_MAX: i64 = 31;

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExpiringParameters {
    /// Certificates in their last so many months, 1 to 6; 3 if it is left out.
    #[param(minimum = 1, maximum = 6)]
    months: Option<u32>,
    /// `next` of the page before.
    #[param(example = "2030-03-31.auth.3")]
    after: Option<String>,
    /// How many certificates are looked at for the page, 1 to 500; 100 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// `false`: only those whose holders were sent no notice; `true`: only the others.
    notified: Option<bool>,
}

/// A page of the list (有効期限が近い電子証明書の一覧).
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiringPage {
    /// They may be fewer than were looked at, or none; go on while there is `next`.
    certificates: Vec<ExpiringCertificate>,
    /// Where the next page begins. Without it this was the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2030-03-31.auth.3")]
    next: Option<String>,
}

/// A certificate, and what a notice by post needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiringCertificate {
    #[serde(flatten)]
    status: CertificateStatus,
    not_after: Time,
    /// Of the certificate's record, as at its issue.
    name: String,
    /// Of the certificate's record, as at its issue.
    address: String,
    /// The register has reported a change since: ask it for the name and address of now.
    changed_since: bool,
    /// When its holder was last sent a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notified_at: Option<Time>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifiedBody {
    #[schema(min_items = 1, max_items = 500)]
    certificates: Vec<NotifiedCertificate>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NotifiedCertificate {
    ca: CaWord,
    serial: SerialWord,
}

/// What was marked.
#[derive(Serialize, ToSchema)]
pub(crate) struct Notified {
    /// How many certificates.
    notified: usize,
    notified_at: Time,
}

/// Where a page begins.
#[derive(Clone, Copy)]
struct Cursor {
    leave_day: CivilDate,
    place: (Ca, Serial),
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (leave_day, rest) = text.split_once('.')?;
        let (ca, serial) = rest.split_once('.')?;
        Some(Self { leave_day: leave_day.parse().ok()?, place: (ca.parse().ok()?, serial.parse().ok()?) })
    }

    fn text(self) -> String {
        let (ca, serial) = self.place;
        format!("{}.{ca}.{serial}", self.leave_day)
    }
}

fn in_bounds<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    bounds: &RangeInclusive<T>,
) -> Result<T, Problem> {
    if bounds.contains(&value) {
        return Ok(value);
    }
    let detail = format!("`{name}` is from {} to {}", bounds.start(), bounds.end());
    Err(Problem::new(ProblemKind::NotInForm, detail))
}

impl Authority {
    /// `GET /desk/v1/expiring`
    pub(crate) fn list_expiring(&self, caller: &Caller, asked: &ExpiringParameters) -> Ruling {
        let own = caller.municipality()?.get();
        let today = self.outside.clock.now().jst_date();
        let months = in_bounds("months", asked.months.unwrap_or(MONTHS_DEFAULT), &(1..=MONTHS_MAX))?;
        let limit = in_bounds("limit", asked.limit.unwrap_or(LIMIT_DEFAULT), &(1..=LIMIT_MAX))?;
        let from = match &asked.after {
            // Everything before has expired: a leave-day is never before notAfter.
            None => expiring_key(own, today.quarter_end(), (Ca::Sign, Serial::FIRST)),
            Some(text) => {
                let problem = || Problem::new(ProblemKind::NotInForm, "`after` is `next` of the page before");
                let Cursor { leave_day, place } = Cursor::parse(text).ok_or_else(problem)?;
                // No key ends with another octet, so this is what comes after.
                [expiring_key(own, leave_day, place), vec![0]].concat()
            }
        };
        let last_day = CivilDate::from_days(today.days() + i64::from(months + 1) * DAYS_PER_MONTH_MAX);
        let mut page = ExpiringPage { certificates: vec![], next: None };
        let mut looked_at = 0;
        let mut cursor = None;
        for pair in self.registry().store().iterate(Family::Expiring, &from) {
            let Some((municipality, leave_day, place)) = parse_expiring_key(&pair?.0) else { continue };
            if municipality != own || leave_day > last_day.quarter_end() {
                break;
            }
            if looked_at == limit {
                page.next = cursor.map(Cursor::text);
                break;
            }
            looked_at += 1;
            cursor = Some(Cursor { leave_day, place });
            page.certificates.extend(self.expiring(place, asked.notified, (months, today))?);
        }
        Ok(Answer::ok(page))
    }

    fn expiring(
        &self,
        (ca, serial): (Ca, Serial),
        notified: Option<bool>,
        (months, today): (u32, CivilDate),
    ) -> Result<Option<ExpiringCertificate>, Problem> {
        let store = self.registry().store();
        // Revoked at this moment.
        let Some(record) = store.certificate(ca, serial)?.filter(|record| !record.is_revoked()) else {
            return Ok(None);
        };
        if notified.is_some_and(|notified| notified != record.notified_at.is_some()) {
            return Ok(None);
        }
        let issued = self.intent_record(ca, serial, &record)?;
        if !is_in_last_months(issued.not_after(), months, today) {
            return Ok(None);
        }
        let reported = store.resident(&record.resident)?;
        Ok(Some(ExpiringCertificate {
            status: status_of(ca, serial, &record),
            not_after: Time(issued.not_after().to_string()),
            name: issued.person.name.clone(),
            address: issued.person.address.clone(),
            changed_since: reported.is_some_and(|reported| Some(reported.last_row) > record.issued_row),
            notified_at: record.notified_at.map(|StoredTime(time)| Time(time.to_string())),
        }))
    }

    /// `POST /desk/v1/expiring/notified`
    pub(crate) fn mark_notified(&self, caller: &Caller, asked: &Asked<'_>, mode: Mode) -> Ruling {
        let body: NotifiedBody = read_body(asked.body)?;
        let own = caller.municipality()?.get();
        in_bounds("certificates", body.certificates.len(), &(1..=NOTIFIED_AT_ONCE_MAX))?;
        let places = body.certificates.into_iter().map(|name| certificate_of((name.ca.0, name.serial.0)));
        let places: Vec<(Ca, Serial)> = places.collect::<Result<_, _>>()?;
        let notified = places.len();
        let mark = move |transaction: &mut Transaction<'_>| {
            for (ca, serial) in &places {
                require_own(own, transaction.certificate(*ca, *serial)?.as_ref())?;
            }
            let certificates = places.into_iter().map(|(ca, serial)| CertificatePlace { ca, serial }).collect();
            transaction.append(Event::ExpiryNotified { certificates }, None)?;
            Ok::<_, Problem>(transaction.now())
        };
        match mode {
            Mode::Records => self.register_once(caller, asked, move |transaction| {
                let notified_at = Time(mark(transaction)?.to_string());
                Ok(Answer::ok(Notified { notified, notified_at }))
            }),
            Mode::Rehearses => self.rehearse(caller, asked, move |transaction| {
                mark(transaction)?;
                Ok(Rehearsed::of_notices(notified))
            }),
        }
    }
}

/// Notices are sent by the municipality on whose list the certificate is.
fn require_own(own: u32, record: Option<&CertificateRecord>) -> Result<(), Problem> {
    let record = record.filter(|record| record.issued_row.is_some()).ok_or_else(unknown_certificate)?;
    if record.municipality == own {
        Ok(())
    } else {
        Err(Problem::new(ProblemKind::NotYourMunicipality, "the certificate is on another municipality's list"))
    }
}
