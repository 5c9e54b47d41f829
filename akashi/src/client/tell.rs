//! How an answer is told, and with which exit code the command ends.
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use ca::problem::{ProblemKind, TYPE_PREFIX};
use clap::Args;
use serde_json::Value;

use super::call::CertificateOut;
use super::http::Reply;
use super::input::CannotAsk;

/// What each exit code means, as `--help` says it.
pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  could not ask: a file, TLS, the network, an answer that cannot be read
  2  wrong usage
  3  refused; the problem says why, and asking again changes nothing
  4  not now, or not yet: ask again with the same idempotency key";

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// 0.
    Done,
    /// 1.
    CouldNotAsk,
    /// 2.
    WrongUsage,
    /// 3.
    Refused,
    /// 4.
    AskAgain,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Done => 0,
            Ending::CouldNotAsk => 1,
            Ending::WrongUsage => 2,
            Ending::Refused => 3,
            Ending::AskAgain => 4,
        })
    }
}

/// How people are told an answer.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    /// What happened.
    pub done: &'static str,
    /// The answer's fields that are worth a line each; a dot leads into an object.
    pub fields: &'static [&'static str],
    /// A list in the answer, one line for each of its rows: its field, and the rows' fields.
    pub rows: Option<(&'static str, &'static [&'static str])>,
}

/// How it is told.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Print the door's answer, or its problem, as one JSON document, and nothing else, on standard output.
    #[arg(long, global = true)]
    json: bool,
}

impl Output {
    /// One JSON document and nothing else.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Tells the answer.
    pub(super) fn reply(
        self,
        telling: &Telling,
        reply: &Reply,
        idempotency_key: Option<&str>,
        certificate: Option<&CertificateOut>,
    ) -> Result<Ending, CannotAsk> {
        let ending = ending(reply)?;
        if self.json {
            print(&format!("{}\n", reply.body))?;
        }
        let done = (200..300).contains(&reply.status);
        if done {
            let file = certificate.and_then(|certificate| certificate.out.as_deref());
            if !self.json {
                print(&human(telling, reply, certificate.is_some() && file.is_none()))?;
            }
            if let Some(path) = file.filter(|_| !is_unsigned(&reply.body)) {
                write_certificate(path, &reply.body)?;
            }
        } else if !self.json {
            problem(reply);
        }
        if let (Ending::AskAgain, Some(key)) = (ending, idempotency_key) {
            if is_unsigned(&reply.body) {
                eprintln!("akashi: it is recorded and will be signed when the signer is back; nothing is lost");
                eprintln!("  to fetch it then: akashi desk lookup-request '{}'", quoted(key));
            } else if done {
                eprintln!("akashi: it is recorded for ever, but OCSP answers may not show it yet");
            }
            ask_again(key);
        }
        Ok(ending)
    }
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> Result<(), CannotAsk> {
    crate::output::print(text).map_err(CannotAsk::System)
}

fn ending(reply: &Reply) -> Result<Ending, CannotAsk> {
    Ok(match reply.status {
        200 | 201 => Ending::Done,
        202 | 500..=599 => Ending::AskAgain,
        409 if is_under_way(&reply.body) => Ending::AskAgain,
        400..=499 => Ending::Refused,
        other => return Err(CannotAsk::UnknownStatus(other)),
    })
}

/// It is being done, and asking again will tell.
pub(super) fn is_under_way(problem: &Value) -> bool {
    [ProblemKind::IssueUnderWay, ProblemKind::CutUnderWay].into_iter().any(|kind| is_of_kind(problem, kind))
}

/// What was asked for is recorded, and not signed yet.
pub(super) fn is_unsigned(body: &Value) -> bool {
    body["signed"] == false
}

/// The problem is of that kind.
pub(super) fn is_of_kind(problem: &Value, kind: ProblemKind) -> bool {
    slug(problem) == Some(kind.slug())
}

fn slug(problem: &Value) -> Option<&str> {
    problem["type"].as_str()?.strip_prefix(TYPE_PREFIX)
}

/// What happened, the fields, the rows separated by tabs, and the certificate unless it went into a file.
fn human(telling: &Telling, reply: &Reply, with_certificate: bool) -> String {
    let Reply { body, location, .. } = reply;
    let mut lines = match (telling.rows, telling.fields) {
        // A list begins with its columns.
        (Some(_), []) => Vec::new(),
        (Some(_) | None, _) if is_unsigned(body) => vec!["recorded, not signed yet".to_owned()],
        (Some(_) | None, _) => vec![telling.done.to_owned()],
    };
    lines.extend(telling.fields.iter().filter_map(|field| {
        let value = body.pointer(&format!("/{}", field.replace('.', "/"))).filter(|value| !value.is_null())?;
        Some(format!("{field}: {}", plain(value)))
    }));
    // An answer that has no such list has none to tell.
    if let Some((list, columns)) = telling.rows.filter(|(list, _)| body.get(*list).is_some()) {
        let row = |row: &Value| columns.iter().map(|column| plain(&row[*column])).collect::<Vec<_>>().join("\t");
        lines.push(columns.join("\t"));
        lines.extend(body[list].as_array().into_iter().flatten().map(row));
    }
    lines.extend(location.iter().map(|location| format!("location: {location}")));
    let certificates = certificates_pem(body).filter(|_| with_certificate);
    lines.extend(certificates.map(|certificates| certificates.trim_end().to_owned()));
    lines.join("\n") + "\n"
}

/// A value on one line: whatever others may have put into a name, it is no line and no terminal command.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    text.replace(char::is_control, "\u{fffd}")
}

fn problem(Reply { status, body, .. }: &Reply) {
    let text = |field: &str| body.get(field).filter(|value| !value.is_null()).map(plain);
    let kind = slug(body).map(|slug| plain(&Value::from(slug))).unwrap_or_default();
    let title = text("title").unwrap_or_else(|| "the answer does not say why".to_owned());
    eprintln!("akashi: {status} {kind}: {title}");
    for (label, field) in [("why", "detail"), ("field", "field"), ("existing", "existing"), ("what to do", "remedy")] {
        if let Some(text) = text(field) {
            eprintln!("  {label}: {text}");
        }
    }
    for refused in body["characters"].as_array().into_iter().flatten() {
        let [field, position, code_point, candidates] =
            ["field", "position", "code_point", "candidates"].map(|name| plain(&refused[name]));
        eprintln!("  {field}, character {position}, {code_point}: {candidates}");
    }
}

/// The certificate in the answer, or those of a list, one after the other.
fn certificates_pem(body: &Value) -> Option<String> {
    let listed = body["certificates"].as_array().into_iter().flatten();
    let certificates = std::iter::once(body).chain(listed).filter_map(|one| one["certificate"].as_str());
    Some(certificates.collect::<String>()).filter(|certificates| !certificates.is_empty())
}

/// Permissions of a file.
const OWNER_ALONE: u32 = 0o600;

/// The answer holds a certificate, which may hold a person's data: the file is its owner's alone.
fn write_certificate(path: &Path, body: &Value) -> Result<(), CannotAsk> {
    let certificates = certificates_pem(body).ok_or(CannotAsk::NoCertificate)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ALONE).open(path)?;
        // Of a file that was there before, too.
        file.set_permissions(Permissions::from_mode(OWNER_ALONE))?;
        file.write_all(certificates.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| CannotAsk::CertificateNotWritten { path: path.to_owned(), source })
}

/// How to ask the same again.
pub(super) fn ask_again(idempotency_key: &str) {
    eprintln!("  to ask again: --idempotency-key '{}'", quoted(idempotency_key));
}

fn quoted(idempotency_key: &str) -> String {
    idempotency_key.replace('\'', r"'\''")
}

/// Nobody was asked, or the answer is lost.
pub(super) fn cannot_ask(error: &CannotAsk) -> Ending {
    eprintln!("akashi: {error}");
    match error {
        CannotAsk::Usage(_) => Ending::WrongUsage,
        CannotAsk::Unreadable { .. }
        | CannotAsk::TooLong { .. }
        | CannotAsk::NotText { .. }
        | CannotAsk::NotJson { .. }
        | CannotAsk::NotRows { .. }
        | CannotAsk::NotWritten { .. }
        | CannotAsk::NoSuchClient { .. }
        | CannotAsk::Client(_)
        | CannotAsk::UnknownStatus(_)
        | CannotAsk::NoCertificate
        | CannotAsk::CertificateNotWritten { .. }
        | CannotAsk::Randomness
        | CannotAsk::System(_) => Ending::CouldNotAsk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ending_of(status: u16, body: Value) -> Option<Ending> {
        ending(&Reply { status, location: None, body }).ok()
    }

    #[test]
    fn what_may_be_asked_again_with_the_same_key_is_told_from_what_is_refused() {
        for kind in ProblemKind::ALL {
            let problem = ca::problem::Problem::new(*kind, "a test").to_json();
            let again = kind.status() >= 500 || matches!(kind, ProblemKind::IssueUnderWay | ProblemKind::CutUnderWay);
            let expected = if again { Ending::AskAgain } else { Ending::Refused };
            assert_eq!(ending_of(kind.status(), problem), Some(expected), "{}", kind.slug());
        }
        assert_eq!(ending_of(202, json!({ "durable": true, "visible": false })), Some(Ending::AskAgain));
        assert_eq!(ending_of(201, json!({})), Some(Ending::Done));
        assert_eq!(ending_of(302, json!({})), None, "no door sends its callers elsewhere");
    }

    #[test]
    fn what_is_recorded_and_unsigned_is_not_told_as_done() {
        let body = json!({ "certificates": [{ "ca": "auth", "serial": "3", "status": "pending" }], "durable": true, "signed": false });
        assert!(is_unsigned(&body) && !is_unsigned(&json!({ "durable": true, "visible": false })));
        let telling =
            Telling { done: "issued", fields: &["ca"], rows: Some(("certificates", &["ca", "serial", "status"])) };
        let reply = Reply { status: 202, location: None, body };
        assert_eq!(human(&telling, &reply, false), "recorded, not signed yet\nca\tserial\tstatus\nauth\t3\tpending\n");
    }

    #[test]
    fn a_name_can_neither_end_its_line_nor_command_a_terminal() {
        let body = json!({ "parties": [{ "party": 2, "name": "Kiyose\n3\troot\u{1b}[2J" }], "certificate": "PEM\n" });
        let telling = Telling { done: "parties", fields: &[], rows: Some(("parties", &["party", "name", "desk"])) };
        let reply = Reply { status: 200, location: None, body };
        let told = human(&telling, &reply, false);
        assert_eq!(told, "party\tname\tdesk\n2\tKiyose\u{fffd}3\u{fffd}root\u{fffd}[2J\t-\n");
        assert!(human(&telling, &reply, true).ends_with("\nPEM\n"));
    }
}
