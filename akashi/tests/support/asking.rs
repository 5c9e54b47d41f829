//! What tests ask a server: its metrics, its log, its OCSP answers, certificates for parties.
use std::process::Command;

use serde_json::{Value, json};

use super::calls::{Answer, Party, get, openssl, openssl_with};
use super::server::{Akashi, BINARY, run};

/// What `openssl ocsp` said of a certificate, its signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspStatus {
    /// `good`, `revoked` or `unknown`.
    pub status: String,
    /// The reason's name as openssl writes it, such as `affiliationChanged`.
    pub reason: Option<String>,
    /// The revocation time as openssl writes it.
    pub since: Option<String>,
}

impl Akashi {
    /// GET on the public listener.
    pub fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.public_url()), &[])
    }

    /// The whole metrics page.
    pub fn metrics(&self) -> String {
        let answer = get(&format!("{}/metrics", self.metrics_url()), &[]);
        assert_eq!(answer.status, 200);
        answer.text()
    }

    /// One metric's value, such as `akashi_log_position{of="log"}`; 0 when it has none yet.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// How many rows the log has.
    pub fn log_position(&self) -> u64 {
        self.metric("akashi_log_position{of=\"log\"}")
    }

    /// Returns when the first cut is published and recorded: from then on nothing comes into the log by itself.
    pub fn settle(&self) {
        let recorded = || self.get("/readyz").status == 200 && self.log().contains("\"cut published\"");
        eventually("the first cut is published", recorded);
    }

    /// Has a cut published and returns after its flip; what the call answered. Cuts due before are published by then.
    pub fn cut(&self, idempotency_key: &str) -> Value {
        self.admin().post("/admin/v1/cuts", idempotency_key, &json!({ "because": "a test asks for one" })).expect(201)
    }

    /// Returns when the server's clock shows another second than at the call.
    pub fn wait_for_next_second(&self) {
        let date = || self.get("/healthz").header("date").expect("HTTP answers are dated").to_owned();
        let before = date();
        eventually("the server's clock goes on", || date() != before);
    }

    /// `akashi audit verify`, which must pass: its output. Works while the server runs or is stopped.
    pub fn audit(&self) -> String {
        run(Command::new(BINARY).args(["audit", "verify", "--config"]).arg(self.config()))
    }

    /// The first administrator.
    pub fn admin(&self) -> Party {
        self.party(0, "data/admin/admin.crt", "data/admin/admin.key")
    }

    /// A client with that certificate and key (paths in the server's folder).
    pub fn party(&self, number: u64, certificate: &str, key: &str) -> Party {
        Party {
            number,
            api_url: self.api_url(),
            trusts: self.path("data/tls/party-ca.pem"),
            identity: Some((self.path(certificate), self.path(key))),
        }
    }

    /// A client without a certificate.
    pub fn stranger(&self) -> Party {
        Party { number: 0, api_url: self.api_url(), trusts: self.path("data/tls/party-ca.pem"), identity: None }
    }

    /// Registers a party of a role other than desk, with a key of its own.
    pub fn register(&self, role: &str) -> Party {
        self.register_as(role, json!({ "role": role, "name": format!("The {role} of a test") }))
    }

    /// Registers a desk: municipality code, four characters of its own.
    pub fn desk(&self, municipality: &str, sign: &str) -> Party {
        let body = json!({ "role": "desk", "name": "A counter", "municipality": municipality, "desk": sign });
        self.register_as(&format!("desk-{municipality}-{sign}"), body)
    }

    fn register_as(&self, label: &str, mut body: Value) -> Party {
        let (key, certificate) = (format!("{label}.key"), format!("{label}.crt"));
        body["csr"] = json!(self.tls_request(&key));
        let answer = self.admin().post("/admin/v1/parties", &format!("register-{label}"), &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let answer = answer.json();
        std::fs::write(self.path(&certificate), answer["certificate"].as_str().expect("PEM")).expect("written");
        self.party(answer["party"].as_u64().expect("a number"), &certificate, &key)
    }

    /// A new P-256 key at that path in the folder, and the PEM request for it.
    pub fn tls_request(&self, key: &str) -> String {
        let key = self.path_text(key);
        openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]);
        openssl(&["req", "-new", "-key", &key, "-subj", "/CN=a party"])
    }

    /// Asks the OCSP responder with openssl, which verifies the answer up to the CA.
    pub fn ocsp(&self, ca: &str, serial: &str) -> OcspStatus {
        let url = format!("{}/ocsp/{ca}", self.public_url());
        let issuer = self.path_text(&format!("data/ca/{ca}-1.pem"));
        let arguments = ["ocsp", "-issuer", &issuer, "-serial", serial, "-url", &url, "-CAfile", &issuer];
        let output = openssl_with(&arguments, b"");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.contains("Response verify OK"), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let after = |label: &str| text.lines().find_map(|line| Some(line.strip_prefix(label)?.trim().to_owned()));
        OcspStatus {
            status: after(&format!("{serial}: ")).expect("openssl names the serial's status"),
            reason: after("\tReason: "),
            since: after("\tRevocation Time: "),
        }
    }
}

/// Asks again until it is so: for what happens soon after an answer, not before it. Each question is a call to the server,
/// so this does not spin; a server that never gets there fails the test.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let attempts_max = 2_000;
    assert!((0..attempts_max).any(|_| is_so()), "never came: {what}");
}
