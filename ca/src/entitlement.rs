//! What a person may be issued, and until when, judged from what is on record.
use std::sync::Arc;

use pki::identity::{Ca, Purpose, Serial};
use pki::time::{CivilDate, UnixTime};
use pki::validity::{ValidityInputs, is_renewal, leaf_not_after};
use registry::state::{CertificateRecord, StateReads};

use crate::application::{Application, Wanted};
use crate::authority::Authority;
use crate::problem::{Problem, ProblemKind};
use crate::record::PersonRecord;
use crate::seam::LeafSigner;

impl Authority {
    /// Refuses what the register's reports show to be outdated: a request for someone who died or left, and one that
    /// repeats, after a change of the 4 info, the 4 info that the change ended.
    pub(crate) fn refuse_outdated(&self, application: &Application) -> Result<(), Problem> {
        let store = self.registry().store();
        let Some(reported) = store.resident(&application.resident)? else { return Ok(()) };
        if reported.gone {
            return Err(Problem::new(ProblemKind::ResidentGone, "the register reported a death or a departure abroad"));
        }
        let certificates = store.certificates_of(&application.resident)?;
        let carries =
            |(ca, _, record): &&(Ca, Serial, CertificateRecord)| *ca == Ca::Sign && record.issued_row.is_some();
        let newest = certificates.iter().filter(carries).max_by_key(|(_, serial, _)| *serial);
        let Some((ca, serial, record)) = newest else { return Ok(()) };
        // Issued between the last report and the one before it: exactly one change has ended what it carries. After two
        // changes a person may be back where they were.
        let ended_by_last = record.issued_row.is_some_and(|issued| {
            issued < reported.last_row && reported.row_before.is_none_or(|before| before < issued)
        });
        let repeated = || match self.intent_record(*ca, *serial, record) {
            Ok(issued) => {
                Ok(issued.person.has_same_info(&PersonRecord::new(&application.person, &application.beside_name)))
            }
            // Forgotten: it ended ten years ago at least, and nobody can tell any more what it said.
            Err(problem) if problem.kind() == ProblemKind::UnknownCertificate => Ok(false),
            Err(problem) => Err(problem),
        };
        let for_signing = application.certificates.iter().any(|certificate| certificate.ca == Ca::Sign);
        if for_signing && ended_by_last && repeated()? {
            let detail = "these are the 4 info from before the change that the register reported";
            return Err(Problem::of_field(ProblemKind::ResidentChanged, "person", detail));
        }
        Ok(())
    }

    /// When the person's living certificates end that bear on each new one.
    pub(crate) fn standing(&self, application: &Application, on: CivilDate) -> Result<Vec<Standing>, Problem> {
        let certificates = self.registry().store().certificates_of(&application.resident)?;
        let of_wanted = |wanted: &Wanted| {
            let paired_ca = Ca::of(wanted.ca.device(), Purpose::Authentication);
            let paired = match wanted.ca.purpose() {
                Purpose::Signature => self.newest_not_after(paired_ca, &certificates, on)?,
                Purpose::Authentication => None,
            };
            Ok(Standing { paired, earlier: self.newest_not_after(wanted.ca, &certificates, on)? })
        };
        application.certificates.iter().map(of_wanted).collect()
    }

    /// The signer with which each certificate that is asked for would be issued now.
    pub(crate) fn signers_for(&self, application: &Application) -> Result<Vec<Arc<dyn LeafSigner>>, Problem> {
        application.certificates.iter().map(|wanted| self.signer(wanted.ca).map(Arc::clone)).collect()
    }

    /// notAfter of the newest of these certificates that is of that CA and not revoked.
    fn newest_not_after(
        &self,
        of: Ca,
        certificates: &[(Ca, Serial, CertificateRecord)],
        on: CivilDate,
    ) -> Result<Option<UnixTime>, Problem> {
        let live = |(ca, _, record): &&(Ca, Serial, CertificateRecord)| {
            *ca == of && record.issued_row.is_some() && !record.is_revoked()
        };
        let newest = certificates.iter().filter(live).max_by_key(|(_, serial, _)| *serial);
        let not_after = |(ca, serial, record): &(Ca, Serial, CertificateRecord)| match record.leave_day {
            // Expired for sure. Its record may be forgotten already, and must not be needed.
            Some(leave_day) if leave_day.0 < on => Ok(leave_day.0.jst_end()),
            Some(_) | None => Ok(self.intent_record(*ca, *serial, record)?.not_after()),
        };
        newest.map(not_after).transpose()
    }
}

/// notAfter of each certificate that is asked for. A card's by the birthday rule, cut by card, stay and, for a signature
/// certificate, the paired user certificate; a phone's is that of the card's certificate that it stands on, and a
/// signature certificate never outlives its paired user certificate there either.
pub(crate) fn not_after(
    application: &Application,
    standing: &[Standing],
    signers: &[Arc<dyn LeafSigner>],
    issued_at: UnixTime,
) -> Result<Vec<UnixTime>, Problem> {
    let issued_on = issued_at.jst_date();
    let mut not_afters: Vec<(Ca, UnixTime)> = Vec::new();
    for ((Wanted { ca, card, .. }, standing), signer) in application.certificates.iter().zip(standing).zip(signers) {
        let paired_ca = Ca::of(ca.device(), Purpose::Authentication);
        let paired = match (ca.purpose(), not_afters.iter().find(|(of, _)| *of == paired_ca)) {
            (Purpose::Authentication, _) => None,
            (Purpose::Signature, Some((_, not_after))) => Some(*not_after),
            (Purpose::Signature, None) => standing.paired,
        };
        let not_after = match card {
            Some(card) => paired.map_or(card.not_after, |paired| paired.min(card.not_after)),
            None => not_after_by_birthday(application, paired, standing.earlier, issued_on)?,
        };
        // I14, facts 1.1: a root outlives what it signs. Every four years comes a new key, so that it does.
        if not_after > signer.issuer().not_after {
            let detail = format!("the newest key of the {ca} CA ends before the certificate would");
            return Err(Problem::new(ProblemKind::NoIssuingKey, detail));
        }
        if not_after < issued_at {
            return Err(Problem::new(ProblemKind::NoTimeLeft, "what the certificate stands on has expired"));
        }
        not_afters.push((*ca, not_after));
    }
    Ok(not_afters.into_iter().map(|(_, not_after)| not_after).collect())
}

/// When the person's living certificates end that bear on a new one.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    /// Of a new signature certificate: the user certificate's notAfter.
    paired: Option<UnixTime>,
    /// The notAfter of the certificate of the same kind.
    earlier: Option<UnixTime>,
}

fn not_after_by_birthday(
    application: &Application,
    paired: Option<UnixTime>,
    earlier: Option<UnixTime>,
    issued_on: CivilDate,
) -> Result<UnixTime, Problem> {
    let inputs = ValidityInputs {
        issued_on,
        birth_date: application.person.birth_date.earliest(),
        renewal: earlier.is_some_and(|not_after| is_renewal(not_after, issued_on)),
        card_expires_on: application.card_expires_on,
        stay_ends_on: application.stay_ends_on,
        paired_user_certificate_not_after: paired,
    };
    leaf_not_after(&inputs).map_err(|error| Problem::new(ProblemKind::NoTimeLeft, error.to_string()))
}
