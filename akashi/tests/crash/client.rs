//! A client that works at all doors for people of its own, and remembers each call, whether it was answered, and what
//! the answers add up to. People belong to one client each, so that what it remembers is the order in which things happened.
use std::sync::mpsc::Sender;

use pki::identity::Ca;
use serde_json::{Value, json};

use super::random::Random;
use super::status::Status;
use super::support::{Akashi, Answer, CardKey, CurlFailure, Party, Resident};

/// Who the client may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Desk,
    Hotline,
    Residents,
    Admin,
}

/// What a call is for, as far as its answer changes what the client knows.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Issue { ca: Ca, resident_code: String },
    Withdraw,
    Register,
}

/// A call. Without an answer it was sent, and nobody knows what became of it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) door: Door,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) purpose: Purpose,
    pub(crate) answer: Option<Value>,
}

/// A certificate that was handed to this client.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The call that asked for it.
    pub(crate) issued_by: usize,
    pub(crate) ca: Ca,
    pub(crate) serial: u64,
    pub(crate) resident_code: String,
    pub(crate) status: Status,
    /// The last call that had to do with it.
    pub(crate) touched_by: usize,
}

pub(crate) struct Client {
    number: usize,
    random: Random,
    municipality: &'static str,
    parties: [Party; 4],
    people: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) certificates: Vec<Certificate>,
    /// Calls that a death left without an answer, and how many of them were issues that recovery had finished.
    pub(crate) cut_off: [usize; 2],
}

impl Client {
    /// A client whose desk is in that municipality; `others` are its identities at the loss line's and the register's door.
    pub(crate) fn new(
        akashi: &Akashi,
        (number, municipality): (usize, &'static str),
        [hotline, residents]: [Party; 2],
        random: Random,
    ) -> Self {
        let parties = [akashi.desk(municipality, &format!("00{number:02}")), hotline, residents, akashi.admin()];
        let (calls, certificates) = (Vec::new(), Vec::new());
        Self { number, random, municipality, parties, people: 0, calls, certificates, cut_off: [0; 2] }
    }

    pub(crate) fn party(&self, door: Door) -> &Party {
        &self.parties[door as usize]
    }

    /// Calls, one after another, until one is not answered. Tells of each answer.
    pub(crate) fn work(&mut self, acknowledged: &Sender<()>) {
        loop {
            let call = self.next_call();
            self.calls.push(call);
            let last = self.calls.len() - 1;
            let Ok(answer) = self.send(last) else { return };
            self.acknowledge(last, &answer).unwrap_or_else(|wrong| panic!("{wrong}"));
            // Nobody listens any more once the kill is on its way.
            let _ = acknowledged.send(());
        }
    }

    pub(crate) fn send(&self, call: usize) -> Result<Answer, CurlFailure> {
        let Call { key, door, path, body, .. } = &self.calls[call];
        self.party(*door).try_post(path, key, body)
    }

    /// Takes an answer down, with all it means. An answer that is a refusal is told as a finding.
    pub(crate) fn acknowledge(&mut self, call: usize, answer: &Answer) -> Result<(), String> {
        let Call { key, purpose, .. } = &self.calls[call];
        let expected = match purpose {
            Purpose::Issue { .. } | Purpose::Register => 201,
            Purpose::Withdraw => 200,
        };
        if answer.status != expected {
            return Err(format!("{key} ({purpose:?}) is answered with {}: {}", answer.status, answer.text()));
        }
        let body = answer.json();
        match purpose.clone() {
            Purpose::Issue { ca, resident_code } => {
                self.supersede(call, ca, &resident_code);
                let (serial, status) = (serial_of(&body), Status::of(&body));
                let certificate = Certificate { issued_by: call, ca, serial, resident_code, status, touched_by: call };
                self.certificates.push(certificate);
            }
            Purpose::Withdraw => self.withdraw(call, &body)?,
            Purpose::Register => {}
        }
        self.calls[call].answer = Some(body);
        Ok(())
    }

    fn supersede(&mut self, call: usize, ca: Ca, resident_code: &str) {
        let same = |held: &&mut Certificate| held.ca == ca && held.resident_code == resident_code;
        for certificate in self.certificates.iter_mut().filter(same) {
            certificate.status.supersede();
            certificate.touched_by = call;
        }
    }

    fn withdraw(&mut self, call: usize, body: &Value) -> Result<(), String> {
        for told in body["certificates"].as_array().into_iter().flatten() {
            let (ca, serial) = (told["ca"].as_str().unwrap_or_default(), serial_of(told));
            let known = self.certificates.iter_mut().find(|held| held.ca.word() == ca && held.serial == serial);
            let certificate =
                known.ok_or_else(|| format!("an answer tells of {ca}/{serial}, which nobody was handed"))?;
            certificate.status = Status::of(told);
            certificate.touched_by = call;
        }
        Ok(())
    }

    fn next_call(&mut self) -> Call {
        let issue_first = self.certificates.is_empty();
        match self.random.below(20) {
            _ if issue_first => self.first_issue(),
            0..=8 => self.first_issue(),
            9..=10 => self.re_issue(),
            11..=13 => self.revocation(),
            14..=15 => self.hold(),
            16..=18 => self.change(),
            _ => self.registration(),
        }
    }

    fn call(&self, door: Door, path: String, body: Value, purpose: Purpose) -> Call {
        let key = format!("client-{}-call-{}", self.number, self.calls.len());
        Call { key, door, path, body, purpose, answer: None }
    }

    fn first_issue(&mut self) -> Call {
        self.people += 1;
        let resident_code = format!("{:02}{:09}", self.number + 10, self.people);
        let ca = *self.random.one_of(&Ca::CARD);
        self.issue(ca, resident_code)
    }

    fn re_issue(&mut self) -> Call {
        let Certificate { ca, resident_code, .. } = self.random.one_of(&self.certificates);
        self.issue(*ca, resident_code.clone())
    }

    fn issue(&self, ca: Ca, resident_code: String) -> Call {
        // Signatures of ECDSA differ each time, so a certificate that was signed anew is not the one that was handed out.
        let key = CardKey::with(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let mut body = Resident::MIKIYA.application(ca.word(), &key);
        body["municipality"] = json!(self.municipality);
        body["resident_code"] = json!(resident_code);
        // Nobody is described the same way twice: after a change the old 4 info would be refused.
        body["person"]["address"] = json!(format!("東京都清瀬市松山９－８－{}", full_width(self.calls.len())));
        self.call(Door::Desk, "/desk/v1/certificates".to_owned(), body, Purpose::Issue { ca, resident_code })
    }

    fn revocation(&mut self) -> Call {
        let Certificate { ca, serial, .. } = self.random.one_of(&self.certificates);
        let path = format!("/desk/v1/certificates/{ca}/{serial}/revocation");
        let causes = ["person_request", "key_compromise", "card_lost", "record_error", "no_longer_needed"];
        let body = json!({ "cause": self.random.one_of(&causes) });
        self.call(Door::Desk, path, body, Purpose::Withdraw)
    }

    fn hold(&mut self) -> Call {
        let Certificate { ca, serial, resident_code, .. } = self.random.one_of(&self.certificates);
        let by_serial = json!({ "ca": ca.word(), "serial": serial.to_string() });
        let bodies = [by_serial, json!({ "resident_code": resident_code })];
        let body = self.random.one_of(&bodies).clone();
        self.call(Door::Hotline, "/hotline/v1/holds".to_owned(), body, Purpose::Withdraw)
    }

    fn change(&mut self) -> Call {
        let resident_code = self.random.one_of(&self.certificates).resident_code.clone();
        // Nobody dies here: the dead get no new certificate, and every call is meant to be answered.
        let changes = ["moved", "moved", "name_changed", "minor_address_correction"];
        let change = self.random.one_of(&changes);
        let body = json!({ "resident_code": resident_code, "change": change, "effective_on": "2026-04-01" });
        self.call(Door::Residents, "/residents/v1/changes".to_owned(), body, Purpose::Withdraw)
    }

    fn registration(&self) -> Call {
        let CardKey { csr } = CardKey::with(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let body = json!({ "role": "operator", "name": "An operator of a crash test", "csr": csr });
        self.call(Door::Admin, "/admin/v1/parties".to_owned(), body, Purpose::Register)
    }
}

fn full_width(number: usize) -> String {
    let digits = number.to_string();
    digits.chars().filter_map(|digit| char::from_u32(u32::from('０') + digit.to_digit(10)?)).collect()
}

/// The serial that an answer names; 0, which is none, if it names none.
pub(crate) fn serial_of(told: &Value) -> u64 {
    told["serial"].as_str().and_then(|serial| serial.parse().ok()).unwrap_or_default()
}
