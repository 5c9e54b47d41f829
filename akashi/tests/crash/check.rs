//! What a client finds after a restart: everything it was answered must be there and the same. Each difference is a
//! sentence, and no sentence is the only good result.
use serde_json::Value;

use super::client::{Call, Certificate, Client, Door, Purpose, serial_of};
use super::support::Answer;

impl Client {
    /// Sends again what was not answered, then looks at everything that calls from that one on had to do with.
    pub(crate) fn check(&mut self, from: usize) -> Vec<String> {
        let mut findings = Vec::new();
        for call in from..self.calls.len() {
            if self.calls[call].answer.is_none() {
                findings.extend(self.repeat_unanswered(call).err());
            }
        }
        for certificate in self.touched_from(from) {
            findings.extend(self.check_certificate(certificate));
        }
        for call in &self.calls[from..] {
            findings.extend(self.check_repetition(call));
        }
        findings
    }

    pub(crate) fn touched_from(&self, from: usize) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(move |certificate| certificate.touched_by >= from)
    }

    /// The same key and body again, after a crash in which the call was or was not recorded.
    fn repeat_unanswered(&mut self, call: usize) -> Result<(), String> {
        let before = match self.calls[call].purpose {
            Purpose::Issue { .. } => self.found_by_key(call),
            Purpose::Withdraw | Purpose::Register => None,
        };
        self.cut_off[0] += 1;
        self.cut_off[1] += usize::from(before.is_some());
        let key = self.calls[call].key.clone();
        let answer = self.send(call).map_err(|failure| format!("{key} repeated: {failure:?}"))?;
        self.acknowledge(call, &answer)?;
        match before {
            Some(before) if before != answer.json() => {
                let (before, answer) = (brief(&before), brief(&answer.json()));
                Err(format!("{key} was finished as {before}, and its repetition is answered with {answer}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The certificate that recovery made of a call, if it did.
    fn found_by_key(&self, call: usize) -> Option<Value> {
        let answer = self.party(Door::Desk).get(&format!("/desk/v1/requests/{}", self.calls[call].key));
        (answer.status == 200).then(|| answer.json())
    }

    /// By serial and by idempotency key the desk gets the octets that it was handed, and the status that was told last.
    fn check_certificate(&self, certificate: &Certificate) -> Vec<String> {
        let Certificate { issued_by, ca, serial, status, .. } = certificate;
        let Call { key, answer: Some(handed), .. } = &self.calls[*issued_by] else { return vec![] };
        let paths = [format!("/desk/v1/certificates/{ca}/{serial}"), format!("/desk/v1/requests/{key}")];
        let mut findings = Vec::new();
        for path in paths {
            let found = self.party(Door::Desk).get(&path);
            if found.status != 200 {
                findings.push(format!("{ca}/{serial} was acknowledged, and {path} answers {}", problem(&found)));
            } else if without_status(&found.json()) != without_status(handed) {
                let (found, handed) = (brief(&found.json()), brief(handed));
                findings.push(format!("{path} gives other octets than were acknowledged: {found}, {handed}"));
            } else if !status.agrees_with(&found.json()) {
                findings.push(format!("{path} gives {}, and {status:?} was acknowledged", brief(&found.json())));
            }
        }
        findings
    }

    /// The same request gets the same answer. What a certificate's status became since is not part of it.
    fn check_repetition(&self, call: &Call) -> Option<String> {
        let Call { key, door, path, body, answer, .. } = call;
        let acknowledged = answer.as_ref()?;
        let repeated = match self.party(*door).try_post(path, key, body) {
            Ok(repeated) => repeated,
            Err(failure) => return Some(format!("{key} repeated: {failure:?}")),
        };
        if !(200..=201).contains(&repeated.status) {
            return Some(format!("{key} was acknowledged, and its repetition is answered {}", problem(&repeated)));
        }
        let same = without_status(&repeated.json()) == without_status(acknowledged);
        (!same).then(|| {
            let (acknowledged, repeated) = (brief(acknowledged), brief(&repeated.json()));
            format!("{key} was answered {acknowledged}, and its repetition otherwise: {repeated}")
        })
    }

    /// Every certificate handed to this client, by CA and serial.
    pub(crate) fn serials(&self) -> Vec<(pki::identity::Ca, u64)> {
        let handed = self.calls.iter().filter_map(|call| match (&call.purpose, &call.answer) {
            (Purpose::Issue { ca, .. }, Some(answer)) => Some((*ca, serial_of(answer))),
            _ => None,
        });
        handed.collect()
    }
}

/// What of an answer about a certificate never changes.
fn without_status(told: &Value) -> Value {
    let mut told = told.clone();
    if told.get("certificate").is_some()
        && let Some(fields) = told.as_object_mut()
    {
        fields.retain(|name, _| !["status", "reason", "since"].contains(&name.as_str()));
    }
    told
}

/// An answer without its PEM, for reading.
fn brief(told: &Value) -> Value {
    let mut told = told.clone();
    if let Some(fields) = told.as_object_mut() {
        fields.remove("certificate");
    }
    told
}

fn problem(answer: &Answer) -> String {
    let kind =
        serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body["type"].as_str().map(str::to_owned));
    format!("{} {}", answer.status, kind.unwrap_or_default())
}
