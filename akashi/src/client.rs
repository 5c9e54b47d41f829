//! The other side of the doors: a client command for each of their calls. It knows the calls and no rule.
//!
//! | module | what it does |
//! |---|---|
//! | [`desk`], [`hotline`], [`residents`], [`operator`], [`phone`], [`admin`], [`crl`] | each door's commands: what they take, which call they make, how its answer is told |
//! | [`batch`] | many rows from one file |
//! | [`call`] | what all calls have: method, path, body, idempotency key |
//! | [`connection`], [`http`] | where the doors are and with which certificate; HTTP over mutual TLS |
//! | [`signed`] | what a person signed, as files |
//! | [`input`] | files and standard input: personal data is never an argument |
//! | [`usage`] | which days' usage |
//! | [`tell`] | answers and problems for people, or as JSON; the exit code |
pub mod admin;
pub mod batch;
pub mod call;
pub mod connection;
pub mod crl;
pub mod desk;
mod error;
pub mod hotline;
pub mod http;
pub mod input;
pub mod operator;
pub mod phone;
pub mod residents;
pub mod signed;
pub mod tell;
pub mod usage;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use registry::event::Role;
use serde_json::Value;

use call::{Ask, Call, Deed, DoorCommand};
use connection::Connection;
use crl::PublishCommand;
use http::Reply;
use input::CannotAsk;
use tell::{Ending, Output};

/// One door's commands, with what all of them take.
#[derive(Args, Debug)]
pub struct Door<C: Subcommand> {
    /// Where the doors are, and who calls.
    #[command(flatten)]
    connection: Connection,
    /// How it is told.
    #[command(flatten)]
    output: Output,
    /// What is asked.
    #[command(subcommand)]
    pub command: C,
}

/// Asks the door and tells what it answered.
pub fn run<C: DoorCommand + Subcommand>(door: Door<C>, randomness: &hsm_mock::Randomness) -> ExitCode {
    let Door { connection, output, command } = door;
    carry_out(&connection, output, command.deed(), randomness)
}

/// Asks for a cut and tells what was answered.
pub fn publish(command: &PublishCommand, randomness: &hsm_mock::Randomness) -> ExitCode {
    carry_out(&command.connection, command.output, command.deed(), randomness)
}

fn carry_out(connection: &Connection, output: Output, deed: Deed<'_>, randomness: &hsm_mock::Randomness) -> ExitCode {
    let ending = match deed {
        Deed::Print(text) => tell::print(text).map(|()| Ending::Done),
        Deed::Call(call) => call_and_tell(connection, output, call, None, randomness),
        Deed::Paper(call, paper) => call_and_tell(connection, output, call, Some(paper), randomness),
        Deed::ReportBatch(batch) => {
            in_runtime(|| connection.client(Role::Residents), |client| batch.run(client, output))
        }
        Deed::RequestBatch(batch) => in_runtime(|| connection.client(Role::Desk), |client| batch.run(client, output)),
    };
    ending.unwrap_or_else(|error| tell::cannot_ask(&error)).into()
}

fn runtime() -> Result<tokio::runtime::Runtime, CannotAsk> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CannotAsk::System)
}

fn in_runtime<F: Future<Output = Result<Ending, CannotAsk>>>(
    client: impl FnOnce() -> Result<http::Client, CannotAsk>,
    run: impl FnOnce(http::Client) -> F,
) -> Result<Ending, CannotAsk> {
    let client = client()?;
    runtime()?.block_on(run(client))
}

fn call_and_tell(
    connection: &Connection,
    output: Output,
    call: Call<'_>,
    paper: Option<fn(&Value) -> String>,
    randomness: &hsm_mock::Randomness,
) -> Result<Ending, CannotAsk> {
    let Call { role, path, ask, telling, certificate } = call;
    let mut client = connection.client(role)?;
    let runtime = runtime()?;
    let (reply, idempotency_key): (Reply, _) = match ask {
        Ask::Read => (runtime.block_on(client.get(&path))?, None),
        Ask::Question(body) => (runtime.block_on(client.question(&path, &body()?))?, None),
        Ask::Change { retry, body } => {
            let body = body()?;
            let key = retry.key(randomness)?;
            let asked = runtime.block_on(client.post(&path, &key, &body));
            (asked.inspect_err(|_| tell::ask_again(&key))?, Some(key))
        }
    };
    if let Some(paper) = paper.filter(|_| reply.status == 200 && !output.is_json()) {
        return tell::print(&paper(&reply.body)).map(|()| Ending::Done);
    }
    output.reply(&telling, &reply, idempotency_key.as_deref(), certificate)
}
