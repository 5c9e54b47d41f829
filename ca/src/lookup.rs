//! What a desk may see and act on.
use pki::identity::{Ca, Serial};
use registry::state::{CertificateRecord, RequestOutcome, StateReads};

use crate::answer::Answer;
use crate::authority::{Authority, Caller, Ruling, ended, idempotency_key_hash};
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::unknown_certificate;

impl Authority {
    /// `GET /desk/v1/certificates/{ca}/{serial}`
    pub fn look_up_certificate(&self, caller: &Caller, ca: Ca, serial: Serial) -> Ruling {
        let record = self.may_act_on(caller, ca, serial)?;
        self.certificate_answer(ca, serial, &record).map(|answer| Answer::ok(answer.body))
    }

    /// `GET /desk/v1/requests/{idempotency_key}`: the answer that was lost on the way, for the party that asked.
    pub fn look_up_request(&self, caller: &Caller, key: &str) -> Ruling {
        let unknown = || Problem::new(ProblemKind::UnknownRequest, "this party sent no request with this key");
        let store = self.registry().store();
        let record = store.request(caller.party, &idempotency_key_hash(key))?.ok_or_else(unknown)?;
        match record.outcome {
            RequestOutcome::Certificate { ca, serial } => {
                let record = store.certificate(ca, serial)?.ok_or_else(unknown)?;
                self.certificate_answer(ca, serial, &record).map(|answer| Answer::ok(answer.body))
            }
            outcome @ RequestOutcome::Answer(_) => self.repeat(outcome),
            RequestOutcome::Ended => Err(ended()),
            // A desk asks for one certificate at a time, and not for the latest 4 info.
            RequestOutcome::Certificates(_) | RequestOutcome::Disclosure { .. } => Err(unknown()),
        }
    }

    /// A desk acts on certificates of its municipality, and on those of a person who has since got one there: after a
    /// move the user certificate still names the old municipality, and its holder stands at the new one's counter.
    pub fn may_act_on(&self, caller: &Caller, ca: Ca, serial: Serial) -> Result<CertificateRecord, Problem> {
        let own = caller.municipality()?.get();
        let store = self.registry().store();
        let record = store.certificate(ca, serial)?.ok_or_else(unknown_certificate)?;
        let lives_here = || -> Result<bool, Problem> {
            let certificates = store.certificates_of(&record.resident)?;
            // What a desk merely asked for gives it no rights; what it handed over does.
            let issued = certificates.iter().filter(|(_, _, record)| record.issued_row.is_some());
            let newest = issued.max_by_key(|(_, _, record)| record.issued_row);
            Ok(newest.is_some_and(|(_, _, newest)| newest.municipality == own))
        };
        if record.municipality == own || lives_here()? {
            Ok(record)
        } else {
            let detail = "the certificate's person neither has it from this municipality nor lives there now";
            Err(Problem::new(ProblemKind::NotYourMunicipality, detail))
        }
    }
}
