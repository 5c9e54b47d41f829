//! Calls at the doors, many at once: what goes through several connections together is committed together.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::http::{Client, Reply};
use crate::failure::Failure;
use crate::progress::Phase;

/// Connections of one party at once, at least: a municipality has several counters.
const CONNECTIONS_OF_PARTY_MIN: usize = 3;
/// Connections at once that are shared out among the parties.
const CONNECTIONS: usize = 32;

/// One call.
pub struct Call {
    path: String,
    /// For a POST.
    body: Option<(String, Value)>,
}

impl Call {
    /// GET.
    pub fn get(path: String) -> Self {
        Self { path, body: None }
    }

    /// POST. The idempotency key is new for each call.
    pub fn post(path: impl Into<String>, idempotency_key: String, body: Value) -> Self {
        Self { path: path.into(), body: Some((idempotency_key, body)) }
    }

    /// Makes the call; what was answered, if it was not refused.
    pub async fn make(&self, client: &mut Client) -> Result<Value, Failure> {
        let reply = match &self.body {
            None => client.get(&self.path).await,
            Some((key, body)) => client.post(&self.path, key, body).await,
        };
        let Reply { status, location: _, body } =
            reply.map_err(|error| Failure::Sandbox(format!("{}: {error}", self.path)))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let text = |name| body[name].as_str().unwrap_or_default();
        Err(Failure::Sandbox(format!("{} answered {status} {}: {}", self.path, text("type"), text("detail"))))
    }
}

/// A text that a door's answer must have.
pub fn text<'a>(answer: &'a Value, field: &str) -> Result<&'a str, Failure> {
    answer[field].as_str().ok_or_else(|| lacks(field))
}

/// A number that a door's answer must have.
pub fn number(answer: &Value, field: &str) -> Result<u64, Failure> {
    answer[field].as_u64().ok_or_else(|| lacks(field))
}

fn lacks(field: &str) -> Failure {
    Failure::Sandbox(format!("a door's answer lacks the field {field}"))
}

/// Calls of one party about one thing, made in their order on one connection.
pub struct Chain {
    /// Who calls.
    pub client: Client,
    /// What to tell them apart by: all chains of one party have the same.
    pub party: usize,
    /// What is called.
    pub calls: Vec<Call>,
}

/// Makes all calls and gives the answers in the order of the chains. The first refusal ends it.
pub async fn make_all(name: &'static str, chains: Vec<Chain>) -> Result<Vec<Vec<Value>>, Failure> {
    let count = chains.len();
    let phase = Arc::new(Phase::begin(name, count));
    let mut queues: Vec<(usize, Client, Queue)> = Vec::new();
    for (number, Chain { client, party, calls }) in chains.into_iter().enumerate() {
        let found = queues.iter().position(|(queued, _, _)| *queued == party);
        let at = found.unwrap_or_else(|| {
            queues.push((party, client, Queue::default()));
            queues.len() - 1
        });
        queues[at].2.lock().unwrap_or_else(PoisonError::into_inner).push_back((number, calls));
    }
    let mut connections = JoinSet::new();
    let each = (CONNECTIONS / queues.len().max(1)).max(CONNECTIONS_OF_PARTY_MIN);
    for (_, client, queue) in queues {
        for _ in 0..each {
            connections.spawn(work_off(client.clone(), Arc::clone(&queue), Arc::clone(&phase)));
        }
    }
    let mut answers: Vec<Vec<Value>> = vec![Vec::new(); count];
    while let Some(done) = connections.join_next().await {
        let done = done.map_err(|error| Failure::Sandbox(format!("{name}: {error}")))?;
        for (number, answered) in done? {
            answers[number] = answered;
        }
    }
    Ok(answers)
}

type Queue = Arc<Mutex<VecDeque<(usize, Vec<Call>)>>>;

/// One connection takes what is next until nothing is left.
async fn work_off(mut client: Client, queue: Queue, phase: Arc<Phase>) -> Result<Vec<(usize, Vec<Value>)>, Failure> {
    let mut answers = Vec::new();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some((number, calls)) = next() {
        let mut answered = Vec::with_capacity(calls.len());
        for call in calls {
            answered.push(call.make(&mut client).await?);
        }
        phase.step();
        answers.push((number, answered));
    }
    Ok(answers)
}
