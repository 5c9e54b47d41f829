//! What the rules stand on.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::SecureRandom;
use pki::certificate::Profile;
use pki::identity::{Ca, IssuerKey};
use pki::municipality::MunicipalityCode;
use registry::event::{Actor, Door, Event, PartyId, RequestId};
use registry::seal::Vault;
use registry::state::{RequestOutcome, StateReads};
use registry::{Clock, Registry, Transaction};

use crate::answer::Answer;
use crate::data_keys::DataKeys;
use crate::phone::hours::PhoneHours;
use crate::problem::{Problem, ProblemKind, token_unavailable};
use crate::seam::{KeyedHash, LeafSigner, PartyCa, StepHook, Visibility};
use crate::turns::{Turn, Turns};
use crate::usage::meter::Meter;
use crate::waiting::Waiting;

/// Everything that the rules are given.
pub struct Surroundings {
    /// The system of record.
    pub registry: Arc<Registry>,
    /// Names, policies, URLs.
    pub profile: Arc<Profile>,
    /// One signer for each CA key; of each CA, the last one issues.
    pub signers: Vec<Arc<dyn LeafSigner>>,
    /// Wraps the data keys of sealed records.
    pub vault: Arc<dyn Vault>,
    /// Keyed hashes.
    pub keyed_hash: Arc<dyn KeyedHash>,
    /// Client certificates for parties.
    pub party_ca: Arc<dyn PartyCa>,
    /// When OCSP nodes have passed a position.
    pub visibility: Arc<dyn Visibility>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for subjects and data keys.
    pub randomness: Arc<dyn SecureRandom + Send + Sync>,
    /// Told after each durable step.
    pub step: StepHook,
    /// Mistakes that one party may make in a minute; after them it is refused unrecorded.
    /// What is said of people is no mistake ([`ProblemKind::is_callers_mistake`]).
    pub refusals_per_minute_max: u32,
    /// When applications for phones are done.
    pub phone_hours: PhoneHours,
}

/// The CA.
pub struct Authority {
    pub(crate) outside: Surroundings,
    turns: Turns,
    pub(crate) waiting: Waiting,
    pub(crate) data_keys: DataKeys,
    pub(crate) meter: Meter,
    refusals: Mutex<Refusals>,
}

/// How many mistakes of each actor were recorded in the present minute.
#[derive(Default)]
struct Refusals {
    minute: i64,
    counts: BTreeMap<Option<PartyId>, u32>,
}

/// A party that has been recognised, at a door that its role opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub party: PartyId,
    /// Where.
    pub door: Door,
    /// A desk's 受付窓口識別記号.
    pub desk: Option<pki::certificate::DeskId>,
}

impl Caller {
    /// As the log names it.
    pub const fn actor(&self) -> Actor {
        Actor::Party(self.party)
    }

    /// The municipality for which a desk acts. The desk's door opens to nobody without one.
    pub fn municipality(&self) -> Result<MunicipalityCode, Problem> {
        let desk = self.desk.as_ref().ok_or_else(|| Problem::new(ProblemKind::WrongRole, "only a desk may do this"))?;
        Ok(desk.municipality())
    }
}

impl Authority {
    /// The CA on these surroundings.
    pub fn new(outside: Surroundings) -> Self {
        Self {
            outside,
            turns: Turns::default(),
            waiting: Waiting::default(),
            data_keys: DataKeys::default(),
            meter: Meter::default(),
            refusals: Mutex::default(),
        }
    }

    /// The registry.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.outside.registry
    }

    /// Where the manifest of the latest cut is.
    pub fn crl_manifest_url(&self) -> String {
        self.outside.profile.crl_manifest_url()
    }

    /// The signer with which a CA issues now: that of the newest key that is not compromised.
    pub(crate) fn signer(&self, ca: Ca) -> Result<&Arc<dyn LeafSigner>, Problem> {
        let mut newest: Option<&Arc<dyn LeafSigner>> = None;
        for signer in &self.outside.signers {
            let issuer = signer.issuer().issuer;
            let newer = newest.is_none_or(|newest| newest.issuer().issuer.key < issuer.key);
            if issuer.ca == ca && newer && self.registry().store().compromise(issuer)?.is_none() {
                newest = Some(signer);
            }
        }
        newest.ok_or_else(|| Problem::new(ProblemKind::NoIssuingKey, format!("the {ca} CA has no key that may issue")))
    }

    /// The signer of one CA key.
    pub(crate) fn signer_of(&self, issuer: IssuerKey) -> Result<&Arc<dyn LeafSigner>, Problem> {
        let found = self.outside.signers.iter().find(|signer| signer.issuer().issuer == issuer);
        found.ok_or_else(|| Problem::new(ProblemKind::TokenUnavailable, "the CA key is not in service"))
    }

    /// The keyed hash of octets of that domain.
    pub(crate) fn keyed_hash(&self, domain: &str, octets: &[u8]) -> Result<[u8; 32], Problem> {
        self.outside.keyed_hash.keyed_hash(domain, octets).map_err(|failure| token_unavailable(&failure))
    }

    /// The identity of a request: who, idempotency key, and what was asked where.
    pub(crate) fn request_id(&self, caller: &Caller, asked: &Asked<'_>) -> Result<RequestId, Problem> {
        let octets = [asked.path.as_bytes(), &[0], asked.body].concat();
        Ok(RequestId {
            party: caller.party,
            key_hash: idempotency_key_hash(asked.idempotency_key),
            request_hash: self.keyed_hash("request", &octets)?,
        })
    }

    /// The turn of a request; the same idempotency key of the same party waits here for its first attempt.
    pub(crate) fn turn(&self, request: &RequestId) -> Turn<'_> {
        self.turns.take(request)
    }

    /// The same, if nobody has it.
    pub(crate) fn try_turn(&self, request: &RequestId) -> Option<Turn<'_>> {
        self.turns.try_take(request)
    }

    /// What became of this request earlier, if it is the same one.
    pub(crate) fn earlier(&self, request: &RequestId) -> Result<Option<RequestOutcome>, Problem> {
        let Some(record) = self.outside.registry.store().request(request.party, &request.key_hash)? else {
            return Ok(None);
        };
        if record.request_hash != request.request_hash {
            let detail = "the path or the body is not that of the first request with this key";
            return Err(Problem::new(ProblemKind::IdempotencyKeyReused, detail));
        }
        Ok(Some(record.outcome))
    }

    /// Does something once for each idempotency key, and keeps its answer. A crash between the two does it again.
    pub fn once(&self, caller: &Caller, asked: &Asked<'_>, work: impl FnOnce() -> Ruling) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        if let Some(answer) = self.kept(&request)? {
            return Ok(answer);
        }
        let answer = work()?;
        self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
            keep(transaction, request, &answer)?;
            Ok(answer)
        })
    }

    /// The whole answer that [`keep`] kept for this request, if it was answered before.
    pub(crate) fn kept(&self, request: &RequestId) -> Result<Option<Answer>, Problem> {
        let answer = match self.earlier(request)? {
            None => return Ok(None),
            Some(RequestOutcome::Answer(answer)) => read_kept(&answer),
            Some(
                RequestOutcome::Certificate { .. }
                | RequestOutcome::Certificates(_)
                | RequestOutcome::Ended
                | RequestOutcome::Disclosure { .. }
                | RequestOutcome::Withdrawn(_),
            ) => None,
        };
        answer.ok_or_else(other_kind).map(Some)
    }

    /// Refuses an actor that was refused too often in this minute. Unregistered ones share one count.
    pub(crate) fn refuse_the_refused(&self, actor: Actor) -> Result<(), Problem> {
        let max = self.outside.refusals_per_minute_max;
        if self.count_refusal(actor, 0) >= max {
            let detail = format!("{max} requests were mistaken in this minute");
            return Err(Problem::new(ProblemKind::TooManyRefusals, detail));
        }
        Ok(())
    }

    fn count_refusal(&self, actor: Actor, more: u32) -> u32 {
        let minute = self.outside.clock.now().as_seconds().div_euclid(60);
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.minute != minute {
            *refusals = Refusals { minute, counts: BTreeMap::new() };
        }
        let party = match actor {
            Actor::Party(party) => Some(party),
            Actor::System | Actor::Unregistered => None,
        };
        let count = refusals.counts.entry(party).or_default();
        *count += more;
        *count
    }

    /// Counts a refusal if the caller could have known.
    pub(crate) fn count_mistake(&self, actor: Actor, door: Door, problem: &Problem) {
        let kind = problem.kind();
        // Behind the portal stands everybody: what a person signed is not its mistake, or one person could silence it.
        if kind.is_callers_mistake() && !(door == Door::Phone && kind.is_of_what_was_signed()) {
            self.count_refusal(actor, 1);
        }
    }

    /// Records that a request was refused, and counts it if the caller could have known. Should even that fail, the refusal
    /// still stands.
    pub fn record_refusal(&self, actor: Actor, door: Door, problem: &Problem) {
        if problem.kind() == ProblemKind::TooManyRefusals {
            return;
        }
        self.count_mistake(actor, door, problem);
        let event = Event::Refused { problem: problem.kind().slug().to_owned() };
        let recorded: Result<u64, registry::RegistryError> =
            self.outside.registry.transact(actor, door, move |transaction| transaction.append(event, None));
        if let Err(error) = recorded {
            tracing::warn!(%error, "a refusal could not be recorded");
        }
    }
}

/// Keeps the whole answer of a request, in the open: it holds no personal data.
pub(crate) fn keep(transaction: &mut Transaction<'_>, request: RequestId, answer: &Answer) -> Result<(), Problem> {
    let Answer { status, body, location } = answer;
    let answer = serde_json::to_vec(&(status, body, location)).expect("JSON values are writable");
    transaction.append(Event::Answered { request, answer }, None)?;
    Ok(())
}

/// A whole answer as [`keep`] keeps it; `None` of an answer that is kept in another form.
pub(crate) fn read_kept(octets: &[u8]) -> Option<Answer> {
    let (status, body, location) = serde_json::from_slice(octets).ok()?;
    Some(Answer { status, body, location })
}

/// One call, as it came.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The path.
    pub path: &'a str,
    /// The idempotency key; empty for calls that change nothing.
    pub idempotency_key: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The same key and body as an earlier request, of another call.
pub(crate) fn other_kind() -> Problem {
    Problem::new(ProblemKind::IdempotencyKeyReused, "the key was used for another kind of request")
}

/// A move reported while an issue was under way has ended it, for one.
pub(crate) fn ended() -> Problem {
    Problem::new(ProblemKind::DestroyedBeforeHandOver, "what happened meanwhile ended this issue")
}

/// How an idempotency key is stored.
pub(crate) fn idempotency_key_hash(key: &str) -> [u8; 32] {
    pki::algorithm::sha256(key.as_bytes())
}

/// What a rule gives.
pub type Ruling = Result<Answer, Problem>;
