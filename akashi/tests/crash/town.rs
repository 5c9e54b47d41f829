//! A server, the clients that keep it busy, and its deaths.
use std::collections::BTreeSet;
use std::hint::black_box;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use pki::identity::Ca;

use super::client::Client;
use super::cuts::CutRequester;
use super::events::{issued_twice, last_serial};
use super::power::Witness;
use super::random::Random;
use super::status::{Status, ask_ocsp};
use super::support::Akashi;

/// The desks' municipalities: Kiyose, Yokohama, Sapporo, Naha. As many clients keep two cores busy.
const MUNICIPALITIES: [&str; 4] = ["13221", "14100", "01100", "47201"];
/// A kill comes after fewer answers than this…
const ANSWERS_BEFORE_KILL_END: u64 = 16;
/// …and then some idle turns: with an optimiser or without, up to about as long as an issue takes.
const IDLE_TURNS_END: u64 = 2_000_000;
/// One cut is asked for in so many rounds.
const ROUNDS_PER_CUT: u64 = 4;
/// Serials past the last one that are asked about as well.
const UNISSUED_ASKED: u64 = 5;

/// One server folder in all its lives, and everyone who calls there.
pub(crate) struct Town {
    pub(crate) akashi: Akashi,
    witness: Option<Witness>,
    random: Random,
    clients: Vec<Client>,
    cuts: CutRequester,
    asked_up_to: [u64; Ca::ALL.len()],
}

impl Town {
    /// A new server, running, with everyone registered. With a witness each death is a power failure.
    pub(crate) fn found(witness: Option<Witness>) -> Self {
        let mut random = Random::seeded();
        let environment = witness.as_ref().map(Witness::environment).unwrap_or_default();
        let mut akashi = Akashi::init_in(&borrowed(&environment), |config| {
            config.replace("algorithm = \"rsa-2048-sha256\"", "algorithm = \"ecdsa-p256-sha256\"")
        });
        akashi.start_with(&borrowed(&environment));
        let others = [akashi.register("hotline"), akashi.register("residents")];
        let numbered = MUNICIPALITIES.into_iter().enumerate();
        let clients = numbered.map(|place| Client::new(&akashi, place, others.clone(), random.fork())).collect();
        let cuts = CutRequester::new(&akashi);
        Self { akashi, witness, random, clients, cuts, asked_up_to: [0; Ca::ALL.len()] }
    }

    /// Starts the server again, cleanly, with that in its environment until it dies.
    pub(crate) fn restart_with(&mut self, extra: &[(&str, &str)]) {
        self.akashi.stop();
        let environment = self.environment();
        self.akashi.start_with(&[&borrowed(&environment)[..], extra].concat());
    }

    /// Publishes a cut now.
    pub(crate) fn publish_cut(&mut self) {
        let (sender, receiver) = channel();
        self.cuts.work(&sender);
        assert!(receiver.try_recv().is_ok(), "the server answers while nobody kills it");
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        self.witness.as_ref().map(Witness::environment).unwrap_or_default()
    }

    /// Work, death in the middle of it, restart, and what is wrong then.
    pub(crate) fn round(&mut self) -> Vec<String> {
        let answers = self.random.below(ANSWERS_BEFORE_KILL_END);
        let ask_for_cut = self.random.below(ROUNDS_PER_CUT) == 0;
        self.round_of(answers, ask_for_cut)
    }

    /// The same with no cut, and the kill after so many answers.
    pub(crate) fn round_without_cut(&mut self, answers: u64) -> Vec<String> {
        self.round_of(answers, false)
    }

    fn round_of(&mut self, answers: u64, ask_for_cut: bool) -> Vec<String> {
        let before: Vec<_> = self.clients.iter().map(|client| client.calls.len()).collect();
        self.work_until_killed(answers, ask_for_cut);
        if let Some(witness) = &self.witness {
            witness.lose_power(&self.akashi.path("data"));
        }
        // The log as the crash left it, before anything is made whole.
        let mut findings = self.audit();
        let environment = self.environment();
        if let Err(status) = self.akashi.try_start_with(&borrowed(&environment)) {
            let log = self.akashi.log();
            findings.push(format!("it does not start again: {status}: {}", log.lines().last().unwrap_or_default()));
            return findings;
        }
        findings.extend(self.check(&before));
        findings
    }

    fn work_until_killed(&mut self, answers: u64, ask_for_cut: bool) {
        let idle_turns = self.random.below(IDLE_TURNS_END);
        let mut idle = self.random.fork();
        let (sender, receiver) = channel();
        let Self { akashi, clients, cuts, .. } = self;
        thread::scope(|scope| {
            for client in clients {
                let sender = sender.clone();
                scope.spawn(move || client.work(&sender));
            }
            if ask_for_cut {
                let sender = sender.clone();
                scope.spawn(move || cuts.work(&sender));
            }
            drop(sender);
            receiver.iter().take(usize::try_from(answers).expect("a few")).for_each(drop);
            for _ in 0..idle_turns {
                black_box(idle.next());
            }
            akashi.kill();
        });
    }

    /// What is wrong, as far as calls from those numbers on can tell.
    fn check(&mut self, from: &[usize]) -> Vec<String> {
        let mut findings = self.each_client(from);
        findings.extend(self.cuts.check(&self.akashi));
        findings.extend(self.check_serials());
        for ca in Ca::ALL {
            findings.extend(self.check_ocsp(ca, from));
        }
        findings
    }

    /// What is wrong with anything that was ever answered, on the server as it runs.
    pub(crate) fn check_everything(&mut self) -> Vec<String> {
        self.asked_up_to = [0; Ca::ALL.len()];
        let mut findings = self.check(&[0; MUNICIPALITIES.len()]);
        findings.extend(issued_twice(&self.akashi));
        findings.extend(self.audit());
        findings
    }

    fn each_client(&mut self, from: &[usize]) -> Vec<String> {
        thread::scope(|scope| {
            let checks = self.clients.iter_mut().zip(from);
            let checks: Vec<_> = checks.map(|(client, from)| scope.spawn(|| client.check(*from))).collect();
            checks.into_iter().flat_map(|check| check.join().expect("a check does not panic")).collect()
        })
    }

    /// No two certificates of one CA have one serial (I12).
    fn check_serials(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let all = self.clients.iter().flat_map(Client::serials);
        let twice = all.filter(|place| !seen.insert(*place));
        twice.map(|(ca, serial)| format!("{ca}/{serial} was handed out twice")).collect()
    }

    /// OCSP says what was told last of each certificate, and never good of a serial that nobody was handed: wasted ones,
    /// the CA's own, those to come (I22).
    fn check_ocsp(&mut self, ca: Ca, from: &[usize]) -> Vec<String> {
        let handed: BTreeSet<u64> =
            self.clients.iter().flat_map(Client::serials).filter(|place| place.0 == ca).map(|place| place.1).collect();
        let touched = self.clients.iter().zip(from).flat_map(|(client, from)| client.touched_from(*from));
        let touched: Vec<(u64, Status)> = touched
            .filter(|certificate| certificate.ca == ca)
            .map(|certificate| (certificate.serial, certificate.status.clone()))
            .collect();
        let end = last_serial(&self.akashi, ca);
        let asked_before = std::mem::replace(&mut self.asked_up_to[ca.index()], end);
        let unissued = (asked_before + 1..=end + UNISSUED_ASKED).filter(|serial| !handed.contains(serial));
        let unissued: Vec<u64> = unissued.collect();
        let serials: BTreeSet<u64> = touched.iter().map(|(serial, _)| *serial).chain(unissued.clone()).collect();
        let told = ask_ocsp(&self.akashi, ca, &serials.into_iter().collect::<Vec<_>>());
        let wrong = touched.iter().filter(|(serial, status)| !status.agrees_with_ocsp(&told[serial]));
        let wrong = wrong.map(|(serial, status)| format!("OCSP of {ca}/{serial}: {:?}, was {status:?}", told[serial]));
        let good = unissued.iter().filter(|serial| told[serial].status == "good");
        wrong.chain(good.map(|serial| format!("OCSP of {ca}/{serial}, which nobody was handed: good"))).collect()
    }

    fn audit(&self) -> Vec<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akashi"));
        let output = command.args(["audit", "verify", "--config"]).arg(self.akashi.config()).output().expect("it runs");
        let refused = (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned());
        refused.into_iter().collect()
    }

    /// What was done, in one line.
    pub(crate) fn summary(&self) -> String {
        let sum = |count: fn(&Client) -> usize| self.clients.iter().map(count).sum::<usize>();
        let (calls, certificates) = (sum(|client| client.calls.len()), sum(|client| client.certificates.len()));
        let (cut_off, finished) = (sum(|client| client.cut_off[0]), sum(|client| client.cut_off[1]));
        format!("{calls} calls, {certificates} certificates; {cut_off} calls cut off, {finished} finished by recovery")
    }
}

/// As commands take it.
fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
