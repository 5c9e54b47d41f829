//! A server with a folder as sandboxes have, and the binary run as a client of it.
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Akashi, CardKey};

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Told {
    /// Goes on if that was the exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// Standard output, which must be one JSON document and nothing else.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// The idempotency key that the command made.
    #[track_caller]
    pub fn fresh_key(&self) -> String {
        let line = self.err.lines().find_map(|line| line.strip_prefix("idempotency key: "));
        line.expect("a new idempotency key is told").to_owned()
    }
}

/// Runs the binary with that standard input, and without variables that would say where the doors are.
pub fn akashi(arguments: &[&str], input: &str) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akashi"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["AKASHI_SANDBOX", "AKASHI_API", "AKASHI_CA_BUNDLE", "AKASHI_CERT", "AKASHI_KEY"] {
        command.env_remove(variable);
    }
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // One that ends without having read everything has said what it had to say; inputs here fit into a pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the child is ours");
    let text = |octets| String::from_utf8(octets).expect("text");
    Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A server, and its folder with a `sandbox.json`.
pub struct Scene {
    pub server: Akashi,
}

impl Scene {
    /// The administrator registers a desk of Kiyose, a loss line and a register, by commands.
    pub fn new() -> Self {
        let scene = Self { server: Akashi::started() };
        let sandbox = json!({
            "api_url": scene.server.api_url(),
            "ca_bundle": "data/tls/party-ca.pem",
            "clients": {
                "admin": { "cert": "data/admin/admin.crt", "key": "data/admin/admin.key" },
                "desk": { "cert": "desk.crt", "key": "desk.key" },
                "hotline": { "cert": "hotline.crt", "key": "hotline.key" },
                "operator": { "cert": "operator.crt", "key": "operator.key" },
                "residents": { "cert": "residents.crt", "key": "residents.key" },
            },
        });
        scene.file("sandbox.json", &sandbox.to_string());
        let of_the_desk = ["--name", "Kiyose city hall", "--municipality", "13221", "--desk", "003A"];
        scene.register("desk", &of_the_desk);
        scene.register("hotline", &["--name", "The loss line"]);
        scene.register("residents", &["--name", "The register"]);
        scene
    }

    fn register(&self, role: &str, more: &[&str]) -> String {
        let csr = self.file(&format!("{role}.csr"), &self.server.tls_request(&format!("{role}.key")));
        let out = self.path(&format!("{role}.crt"));
        let fixed = ["admin", "register-party", "--role", role, "--csr", &csr, "--out", &out];
        let told = self.run(&[&fixed[..], more].concat()).ends_with(0).out;
        assert!(!told.contains("CERTIFICATE"), "{told}");
        let number = told.strip_prefix("party registered\nparty: ").and_then(|rest| rest.lines().next());
        number.unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    /// Registers a platform operator; its number.
    pub fn operator(&self) -> String {
        self.register("operator", &["--name", "Hinode Platform"])
    }

    /// Runs a command of the sandbox's clients.
    pub fn run(&self, arguments: &[&str]) -> Told {
        akashi(&[arguments, &["--sandbox", &self.sandbox()]].concat(), "")
    }

    /// The sandbox's folder.
    pub fn sandbox(&self) -> String {
        self.path("")
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> String {
        self.server.path_text(name)
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.server.path(name), text).expect("written");
        self.path(name)
    }

    /// A new card's request in a file.
    pub fn card(&self, name: &str) -> String {
        self.file(name, &CardKey::generate().csr)
    }

    /// Has a certificate issued to the example's person; its serial.
    pub fn issue(&self, ca: &str) -> String {
        let request = self.file("request.json", &akashi(&["desk", "request", "--example"], "").ends_with(0).out);
        let card = self.card("card.csr");
        let issued = self.run(&["desk", "request", "--request", &request, "--ca", ca, "--csr", &card, "--json"]);
        issued.ends_with(0).json()["serial"].as_str().expect("a serial").to_owned()
    }
}
