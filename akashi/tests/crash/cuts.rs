//! The CA's staff asks for cuts while others work; what was published never goes back.
use std::sync::mpsc::Sender;

use crl_publisher::manifest::Manifest;
use serde_json::json;

use super::support::{Akashi, CurlFailure, Party, openssl};

/// An attempt takes some milliseconds, and a second has to pass.
const ATTEMPTS_MAX: u32 = 2_000;

/// What a cut is asked for by.
pub(crate) struct CutRequester {
    admin: Party,
    asked: u32,
    unanswered: bool,
    /// The number that was told or seen last.
    highest: u64,
}

impl CutRequester {
    pub(crate) fn new(akashi: &Akashi) -> Self {
        Self { admin: akashi.admin(), asked: 0, unanswered: false, highest: 0 }
    }

    /// Asks for a cut, and tells if it is answered.
    pub(crate) fn work(&mut self, acknowledged: &Sender<()>) {
        self.asked += 1;
        self.unanswered = true;
        if self.ask().is_ok_and(|finding| finding.is_none_or(|wrong| panic!("{wrong}"))) {
            let _ = acknowledged.send(());
        }
    }

    /// Asks with the last key: a new cut if none was published under it.
    fn ask(&mut self) -> Result<Option<String>, CurlFailure> {
        let key = format!("cut-{}", self.asked);
        let because = json!({ "because": "a crash test asks" });
        let mut answer = self.admin.try_post("/admin/v1/cuts", &key, &because)?;
        // A cut has a second of its own: asked for in that of the cut before it, it is refused for now.
        for _ in 0..ATTEMPTS_MAX {
            if answer.status != 503 {
                break;
            }
            answer = self.admin.try_post("/admin/v1/cuts", &key, &because)?;
        }
        if answer.status != 201 {
            return Ok(Some(format!("{key} is answered {}: {}", answer.status, answer.text())));
        }
        let number = answer.json()["cut_number"].as_u64().unwrap_or_default();
        if number <= self.highest {
            return Ok(Some(format!("cut {number} follows cut {}", self.highest)));
        }
        (self.highest, self.unanswered) = (number, false);
        Ok(None)
    }

    /// After a restart: the manifest and the CRLs are of one cut, which is not before the last that was told or seen.
    pub(crate) fn check(&mut self, akashi: &Akashi) -> Vec<String> {
        let mut findings = Vec::new();
        let served = served_cut(akashi);
        if served < self.highest {
            findings.push(format!("cut {served} is served after cut {}", self.highest));
        }
        self.highest = self.highest.max(served);
        if self.unanswered {
            findings.extend(self.ask().unwrap_or_else(|failure| Some(format!("{failure:?}"))));
        }
        findings
    }
}

/// The number of the cut that is served, which its manifest and its CRLs must agree on; 0 when there is none.
pub(crate) fn served_cut(akashi: &Akashi) -> u64 {
    let manifest = akashi.get("/crl/manifest.json");
    if manifest.status == 503 {
        return 0;
    }
    let manifest = Manifest::read(&manifest.body).expect("a manifest");
    for name in ["sign/1/full", "sign/1/delta", "sign/1/13221", "auth/1/full", "auth/1/14100"] {
        let crl = akashi.get(&format!("/crl/{name}.crl"));
        assert_eq!(crl.status, 200, "{name}");
        assert_eq!(crl_number(akashi, &crl.body), manifest.cut_number, "{name}");
    }
    manifest.cut_number
}

/// cRLNumber, as openssl reads it.
pub(crate) fn crl_number(akashi: &Akashi, crl: &[u8]) -> u64 {
    let file = akashi.path("pulled.crl");
    std::fs::write(&file, crl).expect("written");
    let told = openssl(&["crl", "-inform", "DER", "-noout", "-crlnumber", "-in", &akashi.path_text("pulled.crl")]);
    let number = told.trim().strip_prefix("crlNumber=").expect("openssl names it");
    let number = number.trim_start_matches("0x");
    u64::from_str_radix(number, 16).expect("a hexadecimal number")
}
