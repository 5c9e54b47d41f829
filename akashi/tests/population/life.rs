//! One country: what happens in it, turn by turn, by chance that can be repeated.
use std::collections::{BTreeMap, VecDeque};

use ocsp_responder::Responder;
use pki::identity::Ca;
use pki::revocation::CertificateStatus;
use rcgen::KeyPair;
use registry::event::Event;
use serde_json::{Value, json};

use crate::batches::Batch;
use crate::calendar::{DAY_SECONDS, day_at, first_second, text_at};
use crate::compare::{self, issuer_key};
use crate::dice::Dice;
use crate::law;
use crate::model::{Key, Model, Place, Refusal};
use crate::phones::NewKeys;
use crate::queue::{Queued, Stage};
use crate::world::{Call, Party, Reply, World};
use crate::{artifacts, people};

/// So many people are there at a time, dead ones not counted.
const PEOPLE: usize = 24;
/// A CA gets a new key this long after the last: certificates of its last days still end before the key's ten years.
const KEY_EVERY_SECONDS: i64 = 900 * DAY_SECONDS;
/// As many turns are told if something is wrong.
const TOLD: usize = 12;
/// Signed CRLs and answers are read, and everything is compared with everything, every so many turns.
const WHOLE_EVERY: u32 = 125;

/// What an idempotency key stands for.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// The certificate, as it was handed over.
    Certificate(Place, String),
    /// The certificates that the answer told of.
    Changed(Value),
    /// An application for a phone, by its place in the model's queue.
    Application(usize),
}

pub(crate) struct Life {
    pub(crate) world: World,
    pub(crate) model: Model,
    pub(crate) dice: Dice,
    pub(crate) touched: Vec<Place>,
    pub(crate) remembered: VecDeque<(Call, Outcome)>,
    /// What signs for people: the keys of their signature certificates, with these.
    pub(crate) keys: BTreeMap<Place, (KeyPair, String)>,
    /// Keys in phones whose certificates nobody has seen yet, by places in the queue.
    pub(crate) keys_of_queued: BTreeMap<usize, NewKeys>,
    /// Batches of the register that it may send again.
    pub(crate) batches: VecDeque<Batch>,
    /// When desks marked whose certificate's holder as notified.
    pub(crate) notified: BTreeMap<Place, i64>,
    counts: BTreeMap<&'static str, u64>,
    told: VecDeque<String>,
    responder: Responder,
    pub(crate) calls: u64,
    turn: u32,
}

impl Life {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let years = dice.one_of([2026, 2027, 2043]);
        let day = crate::calendar::day_of((years, 1 + dice.below(12), 1 + dice.below(28)));
        let now = first_second(day) + dice.below(DAY_SECONDS);
        let world = World::founded_at(now);
        let mut model = Model::default();
        model.now = now;
        for ca in Ca::ALL {
            model.key_activated(ca);
        }
        let responder = compare::responder(world.process());
        let (touched, remembered, keys, keys_of_queued) = Default::default();
        let (batches, notified, counts, told, calls, turn) = Default::default();
        Self {
            world,
            model,
            dice,
            touched,
            remembered,
            keys,
            keys_of_queued,
            batches,
            notified,
            counts,
            told,
            responder,
            calls,
            turn,
        }
    }

    /// So many turns, and everything compared at the end. Gives how often each kind of event was there.
    pub(crate) fn live(&mut self, turns: u32) -> BTreeMap<&'static str, u64> {
        while self.turn < turns {
            self.turn += 1;
            self.take_turn();
            if self.dice.once_in(3) {
                self.fill_in();
            }
            self.count_refused_in_turn();
            let Self { world, model, responder, dice, touched, .. } = self;
            compare::after_a_step(world, model, responder, dice, touched);
            self.touched.clear();
            if self.turn.is_multiple_of(WHOLE_EVERY) || self.turn == turns {
                self.publish();
                artifacts::ocsp(&self.world, &mut self.model, &mut self.dice);
                artifacts::roots(&self.world, &self.model);
                compare::all(&self.world, &self.model, &self.responder);
            }
        }
        let verified = registry::audit::verify(self.world.store(), |_, _| {}).unwrap();
        assert_eq!(verified.rows, self.world.position());
        std::mem::take(&mut self.counts)
    }

    fn take_turn(&mut self) {
        let due: Vec<Ca> = Ca::ALL.into_iter().filter(|ca| self.key_is_due(*ca)).collect();
        if !due.is_empty() {
            return self.new_keys(&due);
        }
        match self.dice.below(1_090) {
            0..120 => self.ask_for_any(),
            120..240 => self.ask_with_something_wrong(),
            240..310 => self.renew(),
            310..390 => self.report_any(),
            390..510 => self.revoke_any(),
            510..560 => self.hold_any(),
            560..650 => self.let_time_pass(),
            650..830 => self.use_a_phone(),
            830..850 => self.work_the_queue(),
            850..880 => self.report_in_an_issue(),
            880..920 => self.ask_again(),
            920..945 => self.ask_something_else_with_the_same_key(),
            945..960 => self.call_at_a_wrong_door(),
            960..970 => self.look_up(),
            970..979 => self.compromise_a_key(),
            979..986 => self.crash_in_an_issue(),
            986..993 => self.crash_after_a_report(),
            993..1_000 => self.restart(),
            1_000..1_020 => self.send_a_batch(),
            1_020..1_027 => self.crash_in_a_batch(),
            1_027..1_041 => self.search(),
            1_041..1_058 => self.print_a_receipt(),
            _ => self.list_what_expires(),
        }
    }

    /// Applications that were taken, and refused when their turn came.
    fn count_refused_in_turn(&mut self) {
        let refused = |queued: &&Queued| matches!(queued.stage, Stage::Refused(_));
        let refused = u64::try_from(self.model.queue.iter().filter(refused).count()).unwrap();
        if refused > 0 {
            self.counts.insert("phone application refused in its turn", refused);
        }
    }

    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.counts.entry(kind).or_default() += 1;
    }

    /// What is printed if this turn turns out wrong.
    pub(crate) fn tell(&mut self, what: &str) {
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        self.told.push_back(format!("turn {} at {}: {what}", self.turn, text_at(self.model.now)));
    }

    pub(crate) fn last_turns(&self) -> String {
        let told: Vec<_> = self.told.iter().map(String::as_str).collect();
        told.join("\n  ")
    }

    pub(crate) fn new_call_key(&mut self) -> String {
        self.calls += 1;
        format!("call-{}", self.calls)
    }

    pub(crate) fn remember(&mut self, call: Call, outcome: Outcome) {
        if self.remembered.len() == 200 {
            self.remembered.pop_front();
        }
        self.remembered.push_back((call, outcome));
    }

    /// The call is refused so, and nothing is recorded but that it was.
    pub(crate) fn is_refused(&mut self, call: &Call, refusal: Refusal) {
        let tried = self.tried(call);
        self.is_refused_as_tried(tried, refusal);
        let before = self.world.position();
        let reply = self.world.doors().post(call);
        assert_eq!(reply.problem(), refusal, "{:?}", reply.body);
        let rows = self.world.rows_since(before);
        let events: Vec<_> = rows.iter().map(|row| row.event.clone()).collect();
        assert_eq!(events, [Event::Refused { problem: refusal.1.to_owned() }], "nothing but the refusal is recorded");
        self.tell(&format!("refused: {}", refusal.1));
    }

    /// An answer that tells of certificates tells of exactly these.
    pub(crate) fn assert_told(&mut self, reply: &Reply, told: &BTreeMap<Place, CertificateStatus>) {
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        assert_eq!((&reply.body["durable"], &reply.body["visible"]), (&Value::Bool(true), &Value::Bool(true)));
        self.assert_certificates(&reply.body["certificates"], told);
    }

    /// Somebody, seldom dead or gone, often new.
    pub(crate) fn somebody(&mut self) -> usize {
        let (here, gone): (Vec<usize>, Vec<usize>) =
            (0..self.model.people.len()).partition(|person| !self.model.people[*person].gone);
        if here.len() < PEOPLE || self.dice.once_in(40) {
            let person = people::person(&mut self.dice, self.model.people.len(), self.model.now);
            return self.model.born(person);
        }
        match self.dice.pick(&gone) {
            Some(person) if self.dice.once_in(15) => person,
            Some(_) | None => here[self.dice.place(here.len())],
        }
    }

    /// Any certificate, more often a newer one.
    pub(crate) fn any_certificate(&mut self) -> Option<Place> {
        let all: Vec<Place> = self.model.certificates.keys().copied().collect();
        let live: Vec<Place> =
            all.iter().copied().filter(|place| !self.model.certificates[place].is_revoked()).collect();
        if self.dice.once_in(6) { self.dice.pick(&all) } else { self.dice.pick(&live).or_else(|| self.dice.pick(&all)) }
    }

    /// The clock goes on to that second.
    pub(crate) fn set_clock(&mut self, to: i64) {
        let from = self.model.now;
        assert!(to >= from);
        for certificate in self.model.certificates.values() {
            if certificate.is_good_at(from) && !certificate.is_good_at(to) {
                *self.counts.entry("expired").or_default() += 1;
            }
        }
        self.model.now = to;
        self.world.clock.set(to);
    }

    fn let_time_pass(&mut self) {
        let now = self.model.now;
        let to = match self.dice.below(6) {
            0 => now + self.dice.below(120),
            1 => now + self.dice.below(DAY_SECONDS),
            2 => now + self.dice.below(60 * DAY_SECONDS),
            _ => self.next_edge().unwrap_or(now + 60),
        };
        self.set_clock(to);
        self.tell("time has passed");
        self.count("time passes");
    }

    /// A second at, before or after something that a clock decides, within some months.
    fn next_edge(&mut self) -> Option<i64> {
        let now = self.model.now;
        let live = self.model.certificates.values().filter(|certificate| certificate.is_good_at(now));
        let of_certificates = live.flat_map(|certificate| {
            [certificate.not_after + 1, first_second(law::renewable_from(certificate.not_after))]
        });
        let today = self.model.today();
        let next_birthday = |(_, month, day): law::Birth| {
            let (this_year, _, _) = crate::calendar::civil(today);
            let day = crate::calendar::in_year((0, month.max(1), day.max(1)), this_year);
            first_second(if day > today { day } else { day + 366 })
        };
        let here = self.model.people.iter().filter(|person| !person.gone);
        let of_people = here.map(|person| next_birthday(person.info.birth));
        let edges: Vec<i64> = of_certificates.chain(of_people).chain([first_second(today + 1)]).collect();
        let shift = self.dice.below(3) - 1;
        let soon = edges.iter().map(|edge| edge + shift).filter(|edge| (now..now + 160 * DAY_SECONDS).contains(edge));
        let soon: Vec<i64> = soon.collect();
        self.dice.pick(&soon)
    }

    fn key_is_due(&self, ca: Ca) -> bool {
        let newest = self.model.keys[ca as usize].last().unwrap();
        newest.compromised || self.model.now - newest.activated_at > KEY_EVERY_SECONDS
    }

    /// A key of a CA was compromised: one event, in force at once; records are filled in behind.
    fn compromise_a_key(&mut self) {
        let ca = self.dice.one_of(Ca::ALL);
        let again = self.dice.once_in(4);
        let keys = &self.model.keys[ca as usize];
        let wanted: Vec<usize> = (0..keys.len()).filter(|at| !again || keys[*at].compromised).collect();
        let at = self.dice.pick(&wanted).unwrap_or_default();
        let (number, compromised) = (at + 1, self.model.keys[ca as usize][at].compromised);
        let path = format!("/admin/v1/ca-keys/{ca}/{number}/compromise");
        let body = json!({ "because": "a life", "confirm": format!("{ca}/{number}") }).to_string();
        let call = Call { party: Party::Admin, path, key: self.new_call_key(), body };
        self.tell(&format!("the key {ca}/{number} is compromised"));
        if compromised {
            return self.is_refused(&call, (409, "ca-key-compromised"));
        }
        let reply = self.world.doors().post(&call);
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        let number = u16::try_from(number).unwrap();
        self.model.key_compromised(ca, number);
        let of_key =
            self.model.certificates.iter().filter(|((of, _), certificate)| (*of, certificate.key) == (ca, number));
        self.touched.extend(of_key.map(|(place, _)| *place).take(40));
        self.count("CA key compromise");
    }

    /// A few more records say what their key's compromise made of them. Nothing that anybody sees changes.
    fn fill_in(&mut self) {
        let serials = u64::try_from(1 + self.dice.below(9)).unwrap();
        if self.world.process().authority.fill_compromise(serials).unwrap() {
            self.tell("records of a compromised key are filled in");
            self.count("compromise filled in");
        }
    }

    /// Each CA whose key is due gets a new one, in use from the next start.
    fn new_keys(&mut self, due: &[Ca]) {
        for ca in due {
            let keys = &self.model.keys[*ca as usize];
            let can_vouch = |key: &Key| !key.compromised && key.not_after > self.model.now;
            let key = issuer_key(*ca, self.model.newest_key(*ca) + 1);
            let older = keys.iter().rposition(can_vouch).map(|at| issuer_key(*ca, u16::try_from(at).unwrap() + 1));
            self.tell(&format!("{key} comes into use"));
            self.world.add_key(key, older);
            self.model.key_activated(*ca);
            self.count("CA key generation");
        }
        self.start_again();
    }

    fn restart(&mut self) {
        self.tell("the process ends and starts again");
        self.start_again();
        compare::all(&self.world, &self.model, &self.responder);
        self.count("restart");
    }

    /// Whatever is not durable is lost. A start works the queue.
    pub(crate) fn start_again(&mut self) {
        self.world.stop();
        self.world.start();
        self.model.work_queue(None);
        self.responder = compare::responder(self.world.process());
    }

    fn publish(&mut self) {
        // No two cuts are of one second (C04).
        self.set_clock(self.model.now + 1);
        self.tell("a cut is published");
        artifacts::cut(&self.world, &mut self.model);
        self.count("cut published");
    }

    fn look_up(&mut self) {
        let Some(place) = self.any_certificate() else { return self.let_time_pass() };
        let (ca, serial) = place;
        let desk = self.model.certificates[&place].municipality;
        let path = format!("/desk/v1/certificates/{ca}/{serial}");
        let reply = self.world.doors().get(Party::Desk(desk), &path);
        let certificate = &self.model.certificates[&place];
        match certificate.issued {
            Some(_) => {
                assert_eq!(reply.status, 200, "{:?}", reply.body);
                assert_says(&reply.body, certificate.status, &self.model.tell(place));
                artifacts::certificate(&self.world, &self.model, place, reply.body["certificate"].as_str().unwrap());
            }
            None => assert_eq!(reply.problem(), (409, "destroyed-before-hand-over")),
        }
        self.count("look-up");
    }

    /// No key of a CA lasts shorter than what it signs.
    pub(crate) fn assert_key_outlives(&self, place: Place) {
        let certificate = &self.model.certificates[&place];
        let key = &self.model.keys[place.0 as usize][usize::from(certificate.key) - 1];
        assert!(day_at(certificate.not_after) <= day_at(key.not_after));
    }
}

/// CA and serial of a certificate in an answer.
pub(crate) fn place_in(certificate: &Value) -> Place {
    let text = |field: &str| certificate[field].as_str().unwrap();
    (text("ca").parse().unwrap(), text("serial").parse().unwrap())
}

/// An answer says that of a certificate.
pub(crate) fn assert_says(certificate: &Value, status: CertificateStatus, what: &str) {
    let (word, reason, since) = artifacts::words(status);
    let since = since.map(|since| format!("{}+09:00", text_at(since)));
    assert_eq!(certificate["status"], word, "{what}");
    assert_eq!(certificate["reason"].as_str(), reason, "{what}");
    assert_eq!(certificate["since"].as_str(), since.as_deref(), "{what}");
}
