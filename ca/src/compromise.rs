//! The compromise of a CA key (article 14): one event, for ever. From its row on everything that was issued under the key is
//! told as revoked, cACompromise; the certificates' own records are filled in behind, a chunk at a time.
use pki::identity::{Ca, IssuerKey, KeyNumber};
use registry::Transaction;
use registry::event::Event;
use registry::state::StateReads;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::{Asked, Authority, Caller, Ruling, keep};
use crate::cause::Occasion;
use crate::doors::forms::{Because, CaWord, Time};
use crate::doors::read_body;
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::{VISIBLE_AT_MOST, give_up};

/// Serials filled in by one event: a tenth of a second in the registry's writer, which serves the doors in between.
pub const FILL_SERIALS: u64 = 4_096;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompromiseBody {
    because: Because,
    /// The key once more, as `sign/1`: nothing takes this back.
    #[schema(example = "sign/1", pattern = "^(phone-)?(sign|auth)/[1-9][0-9]*$")]
    confirm: String,
}

/// A compromised CA key.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompromiseAnswer {
    ca: CaWord,
    /// The key generation.
    #[schema(minimum = 1)]
    key: u16,
    /// Since then every certificate under the key that was good counts as revoked; one that was held, since its hold.
    compromised_at: Time,
    /// The key generation that issues from now on. Absent if there is none: then nothing is issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    issuing_key: Option<u16>,
    /// It is on record; always true.
    durable: bool,
}

impl Authority {
    /// `POST /admin/v1/ca-keys/{ca}/{key}/compromise`: 200 when every OCSP node in service shows it, 202 when one is more
    /// than 2 s behind.
    pub fn compromise_ca_key(&self, caller: &Caller, asked: &Asked<'_>, issuer: IssuerKey) -> Ruling {
        let request = self.request_id(caller, asked)?;
        let _turn = self.turn(&request);
        let answer = if let Some(answer) = self.kept(&request)? {
            answer
        } else {
            let CompromiseBody { because, confirm } = read_body(asked.body)?;
            let because = because.recorded()?;
            require_meant(&confirm, issuer)?;
            let others = self.keys_of(issuer.ca);
            self.registry().transact::<_, Problem>(caller.actor(), caller.door, move |transaction| {
                let answer = compromise(transaction, issuer, because, others)?;
                keep(transaction, request, &answer)?;
                Ok(answer)
            })?
        };
        (self.outside.step)("compromise.1-recorded");
        let end = self.registry().store().tree_edge()?.size();
        let visible = self.outside.visibility.wait_until_visible(end.saturating_sub(1), VISIBLE_AT_MOST);
        Ok(Answer { status: if visible { 200 } else { 202 }, ..answer })
    }

    /// Writes into the next records what they count as since their key's compromise: at most so many serials, in one
    /// transaction. `false` when all are done. To be called until then, also after a restart.
    pub fn fill_compromise(&self, serials_max: u64) -> Result<bool, Problem> {
        let next = |(issuer, compromise): &(IssuerKey, registry::state::CompromiseRecord)| {
            compromise.next_range(serials_max).map(|range| (*issuer, range))
        };
        let compromises = self.registry().store().compromises()?;
        let Some((IssuerKey { ca, key }, (from, to))) = compromises.iter().find_map(next) else { return Ok(false) };
        self.transact_inside(move |transaction| {
            Ok(transaction.append(Event::CompromiseFilled { ca, key, from, to }, None)?)
        })?;
        (self.outside.step)("compromise.2-filled");
        let filled = self.registry().store().compromise(IssuerKey { ca, key })?;
        if filled.is_some_and(|compromise| compromise.next_range(1).is_none()) {
            tracing::info!(%ca, %key, "every certificate's record shows the compromise of its key");
        }
        Ok(true)
    }

    /// The keys of a CA that this process can sign with, newest first.
    fn keys_of(&self, ca: Ca) -> Vec<KeyNumber> {
        let signers = self.outside.signers.iter().map(|signer| signer.issuer().issuer);
        let mut keys: Vec<_> = signers.filter(|issuer| issuer.ca == ca).map(|issuer| issuer.key).collect();
        keys.sort_unstable_by(|one, other| other.cmp(one));
        keys
    }
}

/// What cannot be taken back is said twice.
fn require_meant(confirm: &str, issuer: IssuerKey) -> Result<(), Problem> {
    if confirm != format!("{}/{}", issuer.ca, issuer.key) {
        return Err(Problem::of_field(ProblemKind::NotInForm, "confirm", "it is not the key that the path names"));
    }
    Ok(())
}

fn compromise(
    transaction: &mut Transaction<'_>,
    issuer: IssuerKey,
    because: String,
    others: Vec<KeyNumber>,
) -> Result<Answer, Problem> {
    let IssuerKey { ca, key } = issuer;
    if !transaction.issuers()?.iter().any(|(known, _)| *known == issuer) {
        return Err(Problem::new(ProblemKind::UnknownCaKey, "no certificate names this key"));
    }
    if transaction.compromise(issuer)?.is_some() {
        return Err(Problem::new(ProblemKind::CaKeyCompromised, "this key's compromise is on record already"));
    }
    // Before the event: a certificate that nobody was given yet is no certificate of the key, and its issue ends.
    for (of, serial) in transaction.pending_issues()? {
        let record = transaction.certificate(of, serial)?;
        if let Some(record) = record.filter(|record| of == ca && record.key == key) {
            give_up(transaction, &(ca, serial, record), Occasion::at_hand_over(ca))?;
        }
    }
    transaction.append(Event::CaKeyCompromised { ca, key, because }, None)?;
    let mut issuing_key = None;
    for other in others {
        if issuing_key.is_none() && transaction.compromise(IssuerKey { ca, key: other })?.is_none() {
            issuing_key = Some(other.get());
        }
    }
    Ok(Answer::ok(CompromiseAnswer {
        ca: CaWord(ca.word().to_owned()),
        key: key.get(),
        compromised_at: Time(transaction.now().to_string()),
        issuing_key,
        durable: true,
    }))
}

/// A key that was compromised since its signer was chosen issues nothing more.
pub(crate) fn require_uncompromised(transaction: &Transaction<'_>, issuer: IssuerKey) -> Result<(), Problem> {
    match transaction.compromise(issuer)? {
        None => Ok(()),
        Some(_) => Err(Problem::new(ProblemKind::NoIssuingKey, "the key's compromise was recorded just now")),
    }
}
