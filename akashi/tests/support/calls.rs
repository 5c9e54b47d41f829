//! Calls over the network, by curl; keys, requests and verification, by openssl.
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as JSON after the status was found to be as expected.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

/// curl got no answer: no connection, a TLS alert, a connection cut.
#[derive(Clone, Debug)]
pub struct CurlFailure {
    /// curl's exit code (man curl, "EXIT CODES").
    pub exit_code: i32,
    /// What it wrote about it.
    pub message: String,
}

/// A client of the doors.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its number in the registry; 0 when it was not asked for.
    pub number: u64,
    /// `https://127.0.0.1:…`.
    pub api_url: String,
    /// What it trusts.
    pub trusts: PathBuf,
    /// Its certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Party {
    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.try_call("GET", path, &[], None).unwrap_or_else(|failure| panic!("GET {path}: {failure:?}"))
    }

    /// POST of JSON with an idempotency key.
    #[track_caller]
    pub fn post(&self, path: &str, idempotency_key: &str, body: &Value) -> Answer {
        self.try_post(path, idempotency_key, body).unwrap_or_else(|failure| panic!("POST {path}: {failure:?}"))
    }

    /// The same where an answer may fail to come.
    pub fn try_post(&self, path: &str, idempotency_key: &str, body: &Value) -> Result<Answer, CurlFailure> {
        let key = format!("Idempotency-Key: {idempotency_key}");
        self.try_call("POST", path, &["Content-Type: application/json", &key], Some(body.to_string().as_bytes()))
    }

    /// Any call, header by header.
    pub fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: Option<&[u8]>,
    ) -> Result<Answer, CurlFailure> {
        let mut command = Command::new("curl");
        command.arg("--cacert").arg(&self.trusts);
        if let Some((certificate, key)) = &self.identity {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        command.args(["-X", method]);
        curl(command, &format!("{}{path}", self.api_url), headers, body)
    }

    /// `POST /desk/v1/certificates`.
    #[track_caller]
    pub fn request_certificate(&self, idempotency_key: &str, application: &Value) -> Answer {
        self.post("/desk/v1/certificates", idempotency_key, application)
    }
}

/// GET without TLS, with those headers.
pub fn get(url: &str, headers: &[&str]) -> Answer {
    curl(Command::new("curl"), url, headers, None).unwrap_or_else(|failure| panic!("GET {url}: {failure:?}"))
}

/// One call by curl. The time limit is there so that a server which hangs fails the test.
pub fn curl(mut command: Command, url: &str, headers: &[&str], body: Option<&[u8]>) -> Result<Answer, CurlFailure> {
    command.args(["--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "60"]);
    for header in headers {
        command.arg("--header").arg(header);
    }
    if body.is_some() {
        command.args(["--header", "Expect:", "--data-binary", "@-"]);
    }
    command.arg(url);
    let output = feed(command, body.unwrap_or_default());
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(CurlFailure { exit_code: output.status.code().unwrap_or(-1), message });
    }
    Ok(read(&output.stdout))
}

fn read(octets: &[u8]) -> Answer {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").expect("headers end with an empty line");
    let head = std::str::from_utf8(&octets[..end]).expect("headers are text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    Answer {
        status: status.expect("a status line"),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect(),
        body: octets[end + 4..].to_vec(),
    }
}

/// Runs openssl, which must succeed; its standard output.
#[track_caller]
pub fn openssl(arguments: &[&str]) -> String {
    let output = openssl_with(arguments, b"");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs openssl with that standard input, whatever comes of it.
pub fn openssl_with(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("openssl");
    command.args(arguments);
    feed(command, input)
}

/// Runs a command with that standard input.
fn feed(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    std::thread::scope(|scope| {
        // Beside reading: a program may answer before it has read everything.
        scope.spawn(move || {
            // One that ends without having read everything has said what it had to say.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("the child is ours")
    })
}
