//! What a desk may see and act on.
use pki::identity::{Ca, Serial};
use registry::event::CertificatePlace;
use registry::state::{CertificateRecord, RequestOutcome, StateReads};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Authority, Caller, Ruling, ended, idempotency_key_hash, read_kept};
use crate::doors::forms::{MunicipalityWord, ResidentCode, Time};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::{CertificateStatus, Found, status_of, unknown_certificate};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchBody {
    resident_code: ResidentCode,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    /// The person's certificates that the desk may see, oldest first; none if there are none.
    certificates: Vec<FoundCertificate>,
}

/// A certificate of the person.
#[derive(Serialize, ToSchema)]
struct FoundCertificate {
    #[serde(flatten)]
    status: CertificateStatus,
    /// Where it was issued.
    municipality: MunicipalityWord,
    not_before: Time,
    /// Of an issued one whose record is still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    not_after: Option<Time>,
}

impl Authority {
    /// `GET /desk/v1/certificates/{ca}/{serial}`
    pub fn look_up_certificate(&self, caller: &Caller, ca: Ca, serial: Serial) -> Ruling {
        let record = self.may_act_on(caller, ca, serial)?;
        self.certificate_answer(ca, serial, &record).map(as_looked_up)
    }

    /// `GET /desk/v1/requests/{idempotency_key}`: the answer that was lost on the way, for the party that asked.
    pub fn look_up_request(&self, caller: &Caller, key: &str) -> Ruling {
        let unknown = || Problem::new(ProblemKind::UnknownRequest, "this party sent no request with this key");
        let store = self.registry().store();
        let record = store.request(caller.party, &idempotency_key_hash(key))?.ok_or_else(unknown)?;
        match record.outcome {
            RequestOutcome::Certificate { .. } | RequestOutcome::Certificates(_) => {
                let places = record.outcome.places().unwrap_or_default();
                let mut issue = Vec::new();
                for CertificatePlace { ca, serial } in places {
                    issue.push((ca, serial, store.certificate(ca, serial)?.ok_or_else(unknown)?));
                }
                self.issue_answer(&issue, &[]).map(as_looked_up)
            }
            RequestOutcome::Answer(answer) => match read_kept(&answer) {
                Some(Answer { body, .. }) => Ok(Answer::ok(body)),
                None => self.repeat(RequestOutcome::Answer(answer)),
            },
            RequestOutcome::Withdrawn(_) => self.repeat(record.outcome),
            RequestOutcome::Ended => Err(ended()),
            // A desk does not ask for the latest 4 info.
            RequestOutcome::Disclosure { .. } => Err(unknown()),
        }
    }

    /// `POST /desk/v1/searches`
    pub(crate) fn search(&self, caller: &Caller, body: &[u8]) -> Ruling {
        let body: SearchBody = read_body(body)?;
        let own = caller.municipality()?.get();
        let resident = self.resident(&body.resident_code.0)?;
        let mut seen = seen_from(own, self.registry().store().certificates_of(&resident)?);
        seen.sort_by_key(|(_, _, record)| record.reserved_at);
        let certificates = seen.iter().map(|found| self.found_certificate(found)).collect::<Result<_, _>>()?;
        Ok(Answer::ok(SearchAnswer { certificates }))
    }

    fn found_certificate(&self, (ca, serial, record): &Found) -> Result<FoundCertificate, Problem> {
        let not_after = match record.issued_row.map(|_| self.intent_record(*ca, *serial, record)).transpose() {
            Ok(issued) => issued.map(|issued| Time(issued.not_after().to_string())),
            // Forgotten, as the law has it.
            Err(problem) if problem.kind() == ProblemKind::UnknownCertificate => None,
            Err(problem) => return Err(problem),
        };
        Ok(FoundCertificate {
            status: status_of(*ca, *serial, record),
            municipality: MunicipalityWord(format!("{:05}", record.municipality)),
            not_before: Time(record.reserved_at.to_string()),
            not_after,
        })
    }

    /// A desk acts on what it sees.
    pub fn may_act_on(&self, caller: &Caller, ca: Ca, serial: Serial) -> Result<CertificateRecord, Problem> {
        require_seen(&**self.registry().store(), caller.municipality()?.get(), (ca, serial))
    }
}

/// The certificate's record, if that municipality's desks see it.
pub(crate) fn require_seen(
    reads: &impl StateReads,
    own: u32,
    (ca, serial): (Ca, Serial),
) -> Result<CertificateRecord, Problem> {
    let record = reads.certificate(ca, serial)?.ok_or_else(unknown_certificate)?;
    // What was issued here is seen here, whatever else the person has.
    if record.municipality == own {
        return Ok(record);
    }
    let seen = seen_from(own, reads.certificates_of(&record.resident)?);
    if seen.iter().any(|(of, other, _)| (*of, *other) == (ca, serial)) {
        Ok(record)
    } else {
        let detail = "the certificate's person neither has it from this municipality nor lives there now";
        Err(Problem::new(ProblemKind::NotYourMunicipality, detail))
    }
}

/// What was made is there, and what waits for the signer still waits.
fn as_looked_up(answer: Answer) -> Answer {
    let status = if answer.status == 202 { 202 } else { 200 };
    Answer { status, location: None, ..answer }
}

/// A person's certificates that a municipality's desks see: those issued there, and every one of a person who has since
/// got one there. After a move the user certificate still names the old municipality, and its holder stands at the new
/// one's counter.
pub(crate) fn seen_from(own: u32, certificates: Vec<Found>) -> Vec<Found> {
    // What a desk merely asked for gives it no rights; what it handed over does.
    let issued = certificates.iter().filter(|(_, _, record)| record.issued_row.is_some());
    let newest = issued.max_by_key(|(_, _, record)| record.issued_row);
    let lives_here = newest.is_some_and(|(_, _, newest)| newest.municipality == own);
    certificates.into_iter().filter(|(_, _, record)| lives_here || record.municipality == own).collect()
}
