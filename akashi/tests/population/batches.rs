//! The register's batches: many reports in one call, some of them wrong, some of them again, some cut off by a crash.
use std::collections::{BTreeMap, BTreeSet};

use ca::residents::batch::{BatchName, Line};
use pki::revocation::CertificateStatus;
use registry::event::Event;
use serde_json::{Value, json};

use crate::calendar::text;
use crate::deaths::REPORTS;
use crate::life::Life;
use crate::model::{Place, Refusal};
use crate::world::Party;

/// As many of the last batches come again.
const REMEMBERED: usize = 5;
const MALFORMED: Refusal = (400, "malformed-body");

/// What the register is told of a row that is done.
type Told = BTreeMap<Place, CertificateStatus>;

/// A line, as it is sent each time.
#[derive(Clone)]
struct Sent {
    text: String,
    /// Unless no row's number can be read.
    row: Option<u32>,
    /// Whom and what it reports, or what it is refused with.
    report: Result<(usize, &'static str), Refusal>,
}

/// A batch, as the register has sent it so far.
#[derive(Default)]
pub(crate) struct Batch {
    name: String,
    sent: Vec<Sent>,
    /// Rows that are done, with what was reported and what it was answered.
    done: BTreeMap<u32, (String, Told)>,
    refused: BTreeSet<u32>,
}

/// What a call has to leave in the log.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recorded {
    reports: usize,
    done: BTreeSet<u32>,
    refused: Vec<(u32, String)>,
    unnumbered: u32,
}

impl Life {
    /// A new batch of some lines, or more lines of one, or all of one again.
    pub(crate) fn send_a_batch(&mut self) {
        let mut batch = self.any_batch();
        let lines = self.new_lines(&mut batch);
        if batch.sent.is_empty() || self.dice.once_in(2) {
            batch.sent.extend(lines);
        } else {
            self.count("batch again");
        }
        self.tell(&format!("the register sends the batch {}, {} lines", batch.name, batch.sent.len()));
        let lines = batch.sent.clone();
        self.send(&mut batch, &lines);
        self.keep(batch);
    }

    /// The process stops between two commits of a batch; then all of it is sent again.
    pub(crate) fn crash_in_a_batch(&mut self) {
        let mut batch = self.any_batch();
        let lines = self.new_lines(&mut batch);
        let split = 1 + self.dice.place(lines.len());
        self.tell(&format!("the process stops after {split} of {} lines of the batch {}", lines.len(), batch.name));
        let name = BatchName::new(batch.name.clone()).unwrap();
        let first = (1..).zip(&lines[..split]);
        let first: Vec<_> =
            first.map(|(number, sent)| Line { number, octets: Some(sent.text.clone().into_bytes()) }).collect();
        self.world.batch_stopped(&name, &first);
        for sent in &lines[..split] {
            // What it was answered is lost.
            let _ = self.expect(&mut batch, sent, &mut Recorded::default());
        }
        self.start_again();
        batch.sent.extend(lines.clone());
        self.send(&mut batch, &lines);
        self.keep(batch);
        self.count("crash in a batch");
    }

    fn any_batch(&mut self) -> Batch {
        if self.batches.len() == REMEMBERED || !self.batches.is_empty() && self.dice.once_in(2) {
            let at = self.dice.place(self.batches.len());
            return self.batches.remove(at).unwrap();
        }
        Batch { name: self.new_call_key(), ..Batch::default() }
    }

    fn keep(&mut self, batch: Batch) {
        // One that has grown long is over.
        if batch.sent.len() < 20 {
            self.batches.push_back(batch);
        }
    }

    /// Two to six lines more.
    fn new_lines(&mut self, batch: &mut Batch) -> Vec<Sent> {
        let next = batch.sent.iter().filter_map(|sent| sent.row).max().unwrap_or_default() + 1;
        let count = 2 + self.dice.place(5);
        (next..).take(count).map(|row| self.new_line(batch, row)).collect()
    }

    fn new_line(&mut self, batch: &Batch, row: u32) -> Sent {
        let (person, what) = (self.somebody(), self.dice.one_of(REPORTS));
        let code = self.model.people[person].code.clone();
        let effective_on = text(self.model.today());
        let line = |row: u32, code: &str, what: &str, day: &str| {
            json!({ "row": row, "resident_code": code, "change": what, "effective_on": day }).to_string()
        };
        let refused = |text, refusal| Sent { text, row: Some(row), report: Err(refusal) };
        match self.dice.below(12) {
            0 => Sent { text: "a row".to_owned(), row: None, report: Err(MALFORMED) },
            1 => refused(line(row, "0000000000", what, &effective_on), (422, "not-in-form")),
            2 => refused(line(row, &code, what, "2030-02-30"), (422, "impossible-date")),
            3 => refused(line(row, &code, "was_born", &effective_on), MALFORMED),
            4 if !batch.sent.is_empty() => batch.sent[self.dice.place(batch.sent.len())].clone(),
            at => {
                // Another report under a number that is taken, or that was refused and is now right.
                let taken: Vec<u32> = batch.sent.iter().filter_map(|sent| sent.row).collect();
                let row = if at == 5 { self.dice.pick(&taken).unwrap_or(row) } else { row };
                let text = line(row, &code, what, &effective_on);
                Sent { text, row: Some(row), report: Ok((person, what)) }
            }
        }
    }

    fn send(&mut self, batch: &mut Batch, lines: &[Sent]) {
        let before = self.world.position();
        let path = format!("/residents/v1/batches/{}", batch.name);
        let body: String = lines.iter().flat_map(|sent| [sent.text.as_str(), "\n"]).collect();
        let answers = self.world.doors().post_lines(Party::Register, &path, body);
        let [answers @ .., end] = &answers[..] else { panic!("a batch is answered with nothing") };
        assert_eq!(answers.len(), lines.len(), "{answers:?}");
        let (mut expected, mut done) = (Recorded::default(), 0);
        for ((number, sent), answer) in (1_u32..).zip(lines).zip(answers) {
            let name = sent.row.map_or(("line", number), |row| ("row", row));
            assert_eq!(answer[name.0], name.1, "{answer:?}");
            match self.expect(batch, sent, &mut expected) {
                Ok(told) => {
                    done += 1;
                    assert_eq!((&answer["status"], &answer["durable"]), (&json!(200), &json!(true)), "{answer:?}");
                    self.assert_certificates(&answer["certificates"], &told);
                }
                Err((status, problem)) => {
                    let said = (&answer["status"], &answer["problem"]["type"]);
                    assert_eq!(said, (&json!(status), &json!(format!("urn:akashi:problem:{problem}"))), "{answer:?}");
                }
            }
        }
        let refused = lines.len() - done;
        let summary = json!({ "done": done, "refused": refused, "not_now": 0, "durable": true, "visible": true });
        assert_eq!(end, &json!({ "summary": summary }));
        assert_eq!(self.recorded_since(before), expected, "what the batch {} left", batch.name);
        let all: BTreeSet<u32> = batch.done.keys().chain(&batch.refused).copied().collect();
        let answered_up_to = (1..).zip(&all).take_while(|(row, answered)| row == *answered).count();
        let standing =
            json!({ "done": batch.done.len(), "refused": batch.refused.len(), "answered_up_to": answered_up_to });
        assert_eq!(self.world.doors().get(Party::Register, &path).body, standing);
        self.count("batch");
    }

    /// What a line does, and what it is answered.
    fn expect(&mut self, batch: &mut Batch, sent: &Sent, recorded: &mut Recorded) -> Result<Told, Refusal> {
        let ruling = match (sent.row.and_then(|row| batch.done.get(&row)), sent.report) {
            (Some((text, told)), Ok(_)) if *text == sent.text => {
                let told = told.clone();
                self.count("batch row again");
                return Ok(told);
            }
            (Some(_), Ok(_)) => Err((422, "idempotency-key-reused")),
            (_, ruling) => ruling,
        };
        match (ruling, sent.row) {
            (Ok((person, what)), row) => {
                let row = row.expect("a report has a row's number");
                let told = self.is_reported(person, what);
                recorded.reports += 1;
                recorded.done.insert(row);
                batch.refused.remove(&row);
                batch.done.insert(row, (sent.text.clone(), told.clone()));
                self.count("batch row done");
                Ok(told)
            }
            (Err(refusal), Some(row)) => {
                recorded.refused.push((row, refusal.1.to_owned()));
                if !batch.done.contains_key(&row) {
                    batch.refused.insert(row);
                }
                self.count("batch row refused");
                Err(refusal)
            }
            (Err(refusal), None) => {
                recorded.unnumbered += 1;
                self.count("batch row refused");
                Err(refusal)
            }
        }
    }

    fn recorded_since(&self, position: u64) -> Recorded {
        let mut recorded = Recorded::default();
        for row in self.world.rows_since(position) {
            match row.event {
                Event::ResidentChanged { .. } => recorded.reports += 1,
                Event::BatchRowsAnswered { done, refused, unnumbered, .. } => {
                    recorded.done.extend(done.iter().map(|done| done.row));
                    recorded.refused.extend(refused.into_iter().map(|refused| (refused.row, refused.problem)));
                    recorded.unnumbered += unnumbered;
                }
                Event::Withdrawn { .. } | Event::HoldReleased { .. } => {}
                other => panic!("a batch left {other:?}"),
            }
        }
        recorded
    }

    /// An answer tells of exactly these certificates.
    pub(crate) fn assert_certificates(&mut self, certificates: &Value, told: &Told) {
        let certificates = certificates.as_array().unwrap();
        let places: Vec<_> = certificates.iter().map(crate::life::place_in).collect();
        assert_eq!(places, told.keys().copied().collect::<Vec<_>>(), "the certificates that are told of");
        for (place, certificate) in places.iter().zip(certificates) {
            crate::life::assert_says(certificate, told[place], &self.model.tell(*place));
        }
        self.touched.extend(places);
    }
}
