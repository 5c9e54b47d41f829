//! The step of an issue that makes it certain, in one transaction: idempotency key, public keys and serials are taken, and
//! the exact octets to be signed are built, linted, sealed and recorded. It runs in the registry's writer, for which
//! everybody waits, so whatever takes long or may hang was done before: the token has wrapped the data keys, and nothing
//! here reaches the token.
use std::sync::Arc;

use pki::certificate::{AuthCommonName, AuthLeaf, Profile, SignCommonName, SignLeaf};
use pki::identity::{IssuerKey, Purpose, Serial};
use pki::lint::{self, LintedCertificate};
use pki::time::UnixTime;
use pki::validity::leave_day;
use registry::Transaction;
use registry::event::{Door, Event, RequestId};
use registry::seal::{DataKey, Sealed};
use registry::state::StateReads;

use crate::application::{Application, Wanted};
use crate::authority::{Authority, Caller};
use crate::compromise::require_uncompromised;
use crate::consent::year_changed;
use crate::entitlement::{Standing, not_after};
use crate::problem::{Problem, ProblemKind};
use crate::record::{IssueRecord, PersonRecord, intent_place, retention_year, sealed_form};
use crate::seam::LeafSigner;

/// A certificate whose intent is recorded: what will be signed, and its record, which gets its octets when they are signed.
pub(crate) struct Intended {
    pub(crate) issuer: IssuerKey,
    pub(crate) serial: Serial,
    pub(crate) linted: LintedCertificate,
    pub(crate) record: IssueRecord,
}

/// A judged request with everything that its transaction needs.
pub(crate) struct Plan {
    caller: Caller,
    request: RequestId,
    application: Application,
    standing: Vec<Standing>,
    /// One for each certificate that is asked for, in the same order.
    parts: Vec<Part>,
    signers: Vec<Arc<dyn LeafSigner>>,
    profile: Arc<Profile>,
    /// What the register reports from this row on was not judged.
    judged_at: u64,
}

/// What one certificate needs besides.
struct Part {
    public_key_sha256: [u8; 32],
    person: PersonRecord,
    random: [u8; 16],
    data_key: DataKey,
}

impl Authority {
    /// Makes ready what the transaction needs. Nothing is recorded by it.
    pub(crate) fn plan(
        &self,
        caller: &Caller,
        request: RequestId,
        application: Application,
        judged_at: u64,
    ) -> Result<Plan, Problem> {
        let now = self.outside.clock.now();
        let standing = self.standing(&application, now.jst_date())?;
        let signers = self.signers_for(&application)?;
        let mut parts: Vec<Part> = Vec::new();
        for (wanted, not_after) in
            application.certificates.iter().zip(not_after(&application, &standing, &signers, now)?)
        {
            let public_key_sha256 = wanted.public_key_sha256();
            if parts.iter().any(|part| part.public_key_sha256 == public_key_sha256) {
                return Err(Problem::of_field(ProblemKind::KeySeenBefore, "csr", "two requests hold the same key"));
            }
            parts.push(Part {
                public_key_sha256,
                person: PersonRecord::new(&application.person, &application.beside_name),
                random: self.random_octets()?,
                data_key: self.data_key(retention_year(not_after.jst_date()))?,
            });
        }
        let (caller, profile) = (caller.clone(), Arc::clone(&self.outside.profile));
        Ok(Plan { caller, request, application, standing, parts, signers, profile, judged_at })
    }

    fn random_octets(&self) -> Result<[u8; 16], Problem> {
        let mut octets = [0; 16];
        let failed = |_| Problem::new(ProblemKind::Internal, "no randomness");
        self.outside.randomness.fill(&mut octets).map_err(failed)?;
        Ok(octets)
    }
}

impl Plan {
    /// Reserves, builds, lints, seals and records. Whatever is refused leaves nothing, not even a used serial.
    pub(crate) fn intend(self, transaction: &mut Transaction<'_>) -> Result<Vec<Intended>, Problem> {
        let Self { caller, request, application, standing, parts, signers, profile, judged_at } = self;
        let (now, resident) = (transaction.now(), application.resident);
        if transaction.resident(&resident)?.is_some_and(|record| record.last_row >= judged_at) {
            return Err(Problem::new(ProblemKind::ResidentChanged, "the register reported a change just now"));
        }
        let not_afters = not_after(&application, &standing, &signers, now)?;
        let (mut intended, mut rows) = (Vec::new(), Vec::new());
        let wanted = application.certificates.iter().zip(signers.iter().zip(not_afters));
        for ((wanted, (signer, not_after)), part) in wanted.zip(parts) {
            if retention_year(not_after.jst_date()) != part.data_key.year() {
                return Err(year_changed());
            }
            let issuer = signer.issuer().issuer;
            let serial =
                reserve(transaction, (&caller, request), &application, (wanted, issuer), part.public_key_sha256)?;
            let built = Building { application: &application, wanted, signer: &**signer, profile: &profile, now };
            let (built, sealed) = built.build(serial, not_after, part)?;
            rows.push((leave_day(not_after), sealed));
            intended.push(built);
        }
        // After all serials: a request takes no more of them once something is built on one.
        for (Intended { issuer, serial, .. }, (leave_day, sealed)) in intended.iter().zip(rows) {
            transaction.append(Event::Intended { ca: issuer.ca, serial: *serial, leave_day }, Some(sealed))?;
        }
        Ok(intended)
    }
}

fn reserve(
    transaction: &mut Transaction<'_>,
    (caller, request): (&Caller, RequestId),
    application: &Application,
    (wanted, IssuerKey { ca, key }): (&Wanted, IssuerKey),
    public_key: [u8; 32],
) -> Result<Serial, Problem> {
    require_uncompromised(transaction, IssuerKey { ca, key })?;
    require_new_key(transaction, &public_key, caller, &application.resident)?;
    let used_up = || Problem::new(ProblemKind::Internal, "the CA's serials are used up");
    let serial = transaction.next_serial(ca)?.ok_or_else(used_up)?;
    let (resident, municipality) = (application.resident, application.municipality.code.get());
    let (card, phone) = (wanted.card.map(|card| card.place), application.phone);
    let event = Event::Reserved { request, ca, key, serial, public_key, resident, municipality, card, phone };
    transaction.append(event, None)?;
    Ok(serial)
}

/// A key makes one certificate. A desk that repeats itself is told which.
fn require_new_key(
    transaction: &Transaction<'_>,
    public_key: &[u8; 32],
    caller: &Caller,
    resident: &[u8; 32],
) -> Result<(), Problem> {
    let Some(claim) = transaction.key_claim(public_key)? else { return Ok(()) };
    let problem = Problem::of_field(ProblemKind::KeySeenBefore, "csr", "this public key was requested before");
    let own = claim.party == caller.party && claim.resident == *resident && caller.door == Door::Desk;
    let path = || format!("/desk/v1/certificates/{}/{}", claim.ca, claim.serial);
    Err(if own { problem.with_existing(path()) } else { problem })
}

/// What one certificate is built from.
struct Building<'a> {
    application: &'a Application,
    wanted: &'a Wanted,
    signer: &'a dyn LeafSigner,
    profile: &'a Profile,
    now: UnixTime,
}

impl Building<'_> {
    fn build(self, serial: Serial, not_after: UnixTime, part: Part) -> Result<(Intended, Sealed), Problem> {
        let Self { application: Application { municipality, desk, person, .. }, wanted, signer, profile, now } = self;
        let (issuer, public_key, not_before) = (signer.issuer(), &wanted.public_key, now);
        let tbs_der = match wanted.ca.purpose() {
            Purpose::Signature => {
                let common_name = SignCommonName::new(now, serial.get(), *desk);
                SignLeaf { serial, public_key, person, municipality, common_name, not_before, not_after }
                    .tbs_der(issuer, profile)
            }
            Purpose::Authentication => {
                let common_name = AuthCommonName::from_random(part.random, *desk);
                AuthLeaf { serial, public_key, municipality, common_name, not_before, not_after }
                    .tbs_der(issuer, profile)
            }
        };
        let not_after_seconds = not_after.as_seconds();
        let mut record = IssueRecord { octets: tbs_der, person: part.person, not_after_seconds };
        let sealed = part.data_key.seal(&intent_place(wanted.ca, serial), &sealed_form(&record));
        let tbs_der = std::mem::take(&mut record.octets);
        let linted = lint::leaf(wanted.ca, tbs_der, issuer, profile).map_err(|refusal| {
            tracing::error!(%refusal, "a certificate we built does not pass its lint");
            Problem::new(ProblemKind::Internal, "the certificate did not pass its check before signing")
        })?;
        Ok((Intended { issuer: issuer.issuer, serial, linted, record }, sealed))
    }
}
