//! What is known of a certificate's status, and what OCSP has to say of it.
use std::collections::BTreeMap;

use pki::identity::Ca;
use pki::ocsp::CERT_IDS_PER_REQUEST_MAX;
use serde_json::Value;

use super::support::{Akashi, OcspStatus, openssl_with};

/// The unsigned answer to a request in which no serial was ever issued (RFC 5019 §2.2.3), as openssl writes it.
pub(crate) const NONE_ISSUED: &str = "unauthorized (6)";

/// A status as answers tell it. `since` is `None` for what no answer told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    word: String,
    reason: Option<String>,
    since: Option<String>,
}

impl Status {
    pub(crate) fn of(told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        Self { word: text("status").unwrap_or_default(), reason: text("reason"), since: text("since") }
    }

    /// A newer certificate takes this one's place. What is revoked stays as it is; a hold keeps its date.
    pub(crate) fn supersede(&mut self) {
        if self.word != "revoked" {
            let since = self.since.take();
            *self = Self { word: "revoked".to_owned(), reason: Some("superseded".to_owned()), since };
        }
    }

    pub(crate) fn agrees_with(&self, told: &Value) -> bool {
        let told = Self::of(told);
        let same_time = self.since.is_none() || self.since == told.since;
        (&self.word, &self.reason) == (&told.word, &told.reason) && same_time
    }

    /// OCSP knows a hold as a revocation with the reason certificateHold.
    pub(crate) fn agrees_with_ocsp(&self, told: &OcspStatus) -> bool {
        let word = if self.word == "held" { "revoked" } else { &self.word };
        (word, &self.reason) == (told.status.as_str(), &told.reason)
    }
}

/// Asks about many serials of a CA with openssl, which verifies each answer up to the CA.
pub(crate) fn ask_ocsp(akashi: &Akashi, ca: Ca, serials: &[u64]) -> BTreeMap<u64, OcspStatus> {
    let url = format!("{}/ocsp/{ca}", akashi.public_url());
    let issuer = akashi.path_text(&format!("data/ca/{ca}-1.pem"));
    let mut statuses = BTreeMap::new();
    for part in serials.chunks(CERT_IDS_PER_REQUEST_MAX) {
        let part: Vec<_> = part.iter().map(u64::to_string).collect();
        let mut arguments = vec!["ocsp", "-issuer", &issuer, "-url", &url, "-CAfile", &issuer];
        arguments.extend(part.iter().flat_map(|serial| ["-serial", serial]));
        let output = openssl_with(&arguments, b"");
        let told = String::from_utf8_lossy(&output.stdout);
        if told.contains(NONE_ISSUED) {
            let unknown = OcspStatus { status: NONE_ISSUED.to_owned(), reason: None, since: None };
            statuses.extend(part.iter().filter_map(|serial| Some((serial.parse().ok()?, unknown.clone()))));
            continue;
        }
        let verified = String::from_utf8_lossy(&output.stderr).contains("Response verify OK");
        assert!(output.status.success() && verified, "{output:?}");
        read(&told, &mut statuses);
    }
    assert_eq!(statuses.len(), serials.len(), "openssl names each serial once");
    statuses
}

/// `12: revoked`, then indented lines about it.
fn read(text: &str, statuses: &mut BTreeMap<u64, OcspStatus>) {
    let mut serial = 0;
    for line in text.lines() {
        if let Some((label, value)) = line.strip_prefix('\t').and_then(|line| line.split_once(": ")) {
            let about: &mut OcspStatus = statuses.get_mut(&serial).expect("a serial comes before what is said of it");
            match label {
                "Reason" => about.reason = Some(value.to_owned()),
                "Revocation Time" => about.since = Some(value.to_owned()),
                _ => {}
            }
        } else if let Some((number, status)) = line.split_once(": ") {
            serial = number.parse().expect("a serial as it was asked for");
            statuses.insert(serial, OcspStatus { status: status.to_owned(), reason: None, since: None });
        }
    }
}
