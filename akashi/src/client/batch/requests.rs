//! `akashi desk batch`: many requests and revocations over several connections.
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ca::problem::ProblemKind;
use clap::Args;
use pki::algorithm::sha256;
use registry::store::hex;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::journal::Journal;
use super::rows::{Row, Table};
use super::{BatchArguments, Counts, conclude, not_written, private_file};
use crate::client::http::{Client, ClientError, Reply};
use crate::client::input::{self, CannotAsk};
use crate::client::tell::{Ending, Output, is_of_kind, is_under_way, is_unsigned};
use crate::progress::Phase;

/// After too many mistakes the door refuses everything until the minute is over.
const NEXT_TRY_AFTER: Duration = Duration::from_secs(5);
/// Two minutes' worth.
const TRIES_MAX: u32 = 24;
const PEM: &str = "-----BEGIN ";
const CERTIFICATES: &str = "/desk/v1/certificates";

/// A batch of requests.
#[derive(Args, Debug)]
pub struct RequestBatch {
    /// What every batch has.
    #[command(flatten)]
    batch: BatchArguments,
    /// The folder for the certificates and the journal, which lets a run that follows pass over what is done. It is made if it is
    /// not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many connections ask at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// What a row asks for.
struct Ask {
    index: usize,
    path: String,
    body: Value,
    idempotency_key: String,
}

/// A row's answer.
type Answered = (Ask, Result<Reply, ClientError>);
type Queue = Arc<Mutex<VecDeque<Ask>>>;

impl RequestBatch {
    /// Method and path of its call.
    pub fn call(&self) -> (&'static str, String) {
        ("POST", CERTIFICATES.to_owned())
    }

    /// Asks for every row that is not done yet.
    pub(in crate::client) async fn run(&self, client: Client, output: Output) -> Result<Ending, CannotAsk> {
        let table = Table::read(&self.batch.file)?;
        std::fs::create_dir_all(&self.out).map_err(|source| not_written(&self.out, source))?;
        let mut journal = Journal::open(&self.out)?;
        let folder = self.batch.file.parent().unwrap_or(Path::new(""));
        let (mut counts, mut rejects, mut queue) = (Counts::default(), Vec::new(), VecDeque::new());
        let phase = Phase::batch("requests", table.rows.len());
        for (index, row) in table.rows.iter().enumerate() {
            match ask(index, row, &self.batch.name, folder) {
                Ok(ask) if !journal.has(&ask.idempotency_key) => {
                    queue.push_back(ask);
                    continue;
                }
                Ok(_) => counts.done += 1,
                Err(problem) => rejects.push((index, problem)),
            }
            phase.step();
        }
        let (answers, mut answered) = unbounded_channel();
        let queue: Queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.jobs {
            tokio::spawn(work_off(client.clone(), Arc::clone(&queue), answers.clone()));
        }
        drop(answers);
        let mut lost = None;
        while let Some((ask, reply)) = answered.recv().await {
            let row = table.rows[ask.index].number;
            match reply {
                Ok(reply) if is_unsigned(&reply.body) => counts.not_now += 1,
                Ok(reply) if (200..300).contains(&reply.status) => {
                    let file = self.keep(row, &reply.body)?;
                    journal.add(&ask.idempotency_key, row, file.as_deref())?;
                    counts.done += 1;
                }
                Ok(reply) if reply.status >= 500 || is_under_way(&reply.body) => counts.not_now += 1,
                Ok(reply) if is_of_kind(&reply.body, ProblemKind::TooManyRefusals) => counts.not_now += 1,
                Ok(reply) => rejects.push((ask.index, reply.body)),
                Err(error) => {
                    // Nobody there for one row is nobody there for the others. What is under way is waited for.
                    queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    lost = Some(error);
                    continue;
                }
            }
            phase.step();
        }
        drop(phase);
        match lost {
            Some(error) => {
                eprintln!("akashi: {} rows are done; run the same command again for the others", counts.done);
                Err(error.into())
            }
            None => conclude(output, &self.batch, &table, counts, rejects, None),
        }
    }

    /// Writes an answer's certificate into the folder, if it has one; the file's name.
    fn keep(&self, row: u32, body: &Value) -> Result<Option<String>, CannotAsk> {
        let (Some(pem), Some(ca), Some(serial)) =
            (body["certificate"].as_str(), body["ca"].as_str(), body["serial"].as_str())
        else {
            return Ok(None);
        };
        let name = format!("{row:06}-{ca}-{serial}.pem");
        let path = self.out.join(&name);
        let mut file = private_file(&path, false)?;
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| not_written(&path, source))?;
        Ok(Some(name))
    }
}

/// One connection takes what is next until nothing is left.
async fn work_off(mut client: Client, queue: Queue, answers: UnboundedSender<Answered>) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(ask) = next() {
        let mut reply = client.post(&ask.path, &ask.idempotency_key, &ask.body).await;
        for _ in 0..TRIES_MAX {
            let patience = matches!(&reply, Ok(reply) if is_of_kind(&reply.body, ProblemKind::TooManyRefusals));
            if !patience {
                break;
            }
            tokio::time::sleep(NEXT_TRY_AFTER).await;
            reply = client.post(&ask.path, &ask.idempotency_key, &ask.body).await;
        }
        // Whoever does not listen any more has failed, and says so.
        if answers.send((ask, reply)).is_err() {
            return;
        }
    }
}

/// What a row asks for, or why it asks for nothing.
fn ask(index: usize, row: &Row, batch: &str, folder: &Path) -> Result<Ask, Value> {
    let mut fields = row.fields.clone();
    let kind = fields.remove("kind");
    let (path, body) = match kind.as_ref().map(|kind| kind.as_str().unwrap_or_default()) {
        None | Some("request") => {
            if let Some(csr) =
                fields.get_mut("csr").filter(|csr| csr.as_str().is_some_and(|text| !text.starts_with(PEM)))
            {
                let file = folder.join(csr.as_str().unwrap_or_default());
                let read = input::text("the certification request", &file);
                *csr = json!(read.map_err(|error| unsendable("csr", &error.to_string()))?);
            }
            (CERTIFICATES.to_owned(), Value::Object(fields))
        }
        Some("revoke") => {
            let word = |field: &'static str| {
                let text = fields.get(field).and_then(Value::as_str).filter(|text| is_word(text));
                text.ok_or_else(|| unsendable(field, "a revocation needs ca, serial and cause"))
            };
            let path = format!("{CERTIFICATES}/{}/{}/revocation", word("ca")?, word("serial")?);
            (path, json!({ "cause": word("cause")? }))
        }
        Some(_) => return Err(unsendable("kind", "kind is `request` or `revoke`")),
    };
    let idempotency_key = key(batch, row.number, &path, &body);
    Ok(Ask { index, path, body, idempotency_key })
}

/// A part of a path.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
}

/// The same for the same row of the same batch with the same content: a run that follows gets the same answer. A corrected row
/// has another one, since a request that was ended keeps its key for ever; that the same public key gets no second certificate
/// is the door's to refuse.
fn key(batch: &str, row: u32, path: &str, body: &Value) -> String {
    hex(&sha256(format!("{batch}\0{row}\0{path}\0{body}").as_bytes())[..16])
}

fn unsendable(field: &str, detail: &str) -> Value {
    json!({ "title": "The row cannot be sent", "detail": detail, "field": field, "remedy": "Correct the row." })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &Value) -> Result<Ask, Value> {
        let line = format!("{fields}\n");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("batch.jsonl"), line).unwrap();
        std::fs::write(folder.path().join("card.csr"), "-----BEGIN X\n").unwrap();
        let table = Table::read(&folder.path().join("batch.jsonl")).unwrap();
        ask(0, &table.rows[0], "b", folder.path())
    }

    #[test]
    fn a_row_is_a_request_with_its_csr_from_a_file_or_as_it_is_or_a_revocation() {
        let request = |csr: &str| asked(&json!({ "ca": "auth", "csr": csr })).map(|ask| (ask.path, ask.body));
        let sent = |csr: &str| Ok((CERTIFICATES.to_owned(), json!({ "ca": "auth", "csr": csr })));
        assert_eq!(request("card.csr"), sent("-----BEGIN X\n"));
        assert_eq!(request("-----BEGIN Y"), sent("-----BEGIN Y"));
        assert_eq!(request("none.csr").map_err(|problem| problem["field"].clone()), Err(json!("csr")));
        let revoke = json!({ "kind": "revoke", "ca": "auth", "serial": "3", "cause": "card_lost" });
        let expected = ("/desk/v1/certificates/auth/3/revocation".to_owned(), json!({ "cause": "card_lost" }));
        assert_eq!(asked(&revoke).map(|ask| (ask.path, ask.body)), Ok(expected));
        for wrong in [
            json!({ "kind": "renew" }),
            json!({ "kind": 1 }),
            json!({ "kind": "revoke", "ca": "auth", "serial": "../x", "cause": "card_lost" }),
            json!({ "kind": "revoke", "ca": "auth", "serial": "3" }),
        ] {
            assert!(asked(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_of_batch_row_and_content() {
        let body = json!({ "ca": "auth" });
        let one = key("b", 1, "/p", &body);
        assert_eq!(one, key("b", 1, "/p", &body));
        for other in [
            key("c", 1, "/p", &body),
            key("b", 2, "/p", &body),
            key("b", 1, "/q", &body),
            key("b", 1, "/p", &json!({})),
        ] {
            assert_ne!(one, other);
        }
    }
}
