//! The same over mutual TLS: the server is a process of its own, on a core of its own, and is called as desks call it.
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};

use akashi::client::http::{Client, ClientFiles, Reply};
use akashi::config::Config;
use serde_json::Value;

use crate::figures::{AT_ONCE, REVOCATION_BODY, Scale, place, revocation_call};
use crate::limits::{microseconds_each, signature_and_verifications};
use crate::machine::{Cores, processor_time_of};
use crate::pairs::{Figure, Rule};
use crate::scene::Kept;

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "serve";

/// What `akashi serve --config` does.
pub(crate) fn serve(config: &str) -> ExitCode {
    let config = Config::load(config.as_ref()).expect("the bench wrote it");
    match akashi::serve::serve(&config, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: the server ended: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The server's process; it is stopped when this is dropped.
struct Server(Child);

impl Server {
    fn start(kept: &Kept) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(SERVE).arg(kept.config_path()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says when it is ready");
        assert!(line.starts_with("ready "), "the server is ready, or said why not: {line}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// One call of a desk.
struct Call {
    desk: usize,
    path: String,
    idempotency_key: String,
    body: Value,
}

/// Processor time of the server for an issue and for a revocation at its doors.
pub(crate) fn figures(kept: &mut Kept, cores: &Cores, scale: Scale) -> [Figure; 2] {
    // The server inherits its core from this thread, which then leaves it.
    let server = Server::start(kept);
    cores.pin_to_clients();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let clients = clients(kept);
    let (mut limits, mut issues, mut revocations) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        let applications = kept.maker.next(scale.people_at_doors);
        let chains = applications.into_iter().map(|person| {
            let call = |application: crate::requests::Application| Call {
                desk: application.desk,
                path: "/desk/v1/certificates".to_owned(),
                idempotency_key: application.idempotency_key,
                body: serde_json::from_str(&application.body).expect("JSON"),
            };
            person.into_iter().map(call).collect()
        });
        eprintln!("bench: over mutual TLS, pair {} of {}", round + 1, scale.rounds);
        limits.push(signature_and_verifications(kept.algorithm, scale.signatures));
        let measure = |chains: Vec<Vec<Call>>, expected: u16| {
            let started = processor_time_of(server.0.id());
            let replies = runtime.block_on(call_all(&clients, chains, expected));
            let each = microseconds_each(processor_time_of(server.0.id()) - started, replies.len());
            (replies, each)
        };
        let (replies, each) = measure(chains.collect(), 201);
        issues.push(each);
        let revocation = |(desk, reply): (usize, Reply)| {
            let (ca, serial) = place(&reply.location.expect("a new certificate has its place"));
            let (path, idempotency_key) = revocation_call(ca, serial);
            vec![Call { desk, path, idempotency_key, body: serde_json::from_str(REVOCATION_BODY).expect("JSON") }]
        };
        let (_, each) = measure(replies.into_iter().map(revocation).collect(), 200);
        revocations.push(each);
    }
    let figure = |what: &str, measured| Figure {
        what: format!("{what} over mutual TLS, {}, {AT_ONCE} connections", kept.algorithm.word()),
        unit: "µs of the server's processor time",
        limit: ("1 signature + 2 verifications", limits.clone()),
        measured,
        rule: Rule::Told,
        beside: vec![],
    };
    [figure("issuance", issues), figure("revocation", revocations)]
}

fn clients(kept: &Kept) -> Vec<Client> {
    let (api_url, ca_bundle_pem) = (format!("https://{}", kept.config.api_listen), kept.read("tls/party-ca.pem"));
    let client = |desk: &crate::scene::Desk| {
        let (certificate_pem, key_pem) = (&desk.certificate_pem, &desk.key_pem);
        let files = ClientFiles { api_url: &api_url, ca_bundle_pem: &ca_bundle_pem, certificate_pem, key_pem };
        Client::new(&files).expect("a client")
    };
    kept.desks.iter().map(client).collect()
}

/// Makes all calls on [`AT_ONCE`] new connections, each one desk's; those of one person in their order.
async fn call_all(clients: &[Client], chains: Vec<Vec<Call>>, expected: u16) -> Vec<(usize, Reply)> {
    let mut queues: Vec<Vec<Vec<Call>>> = clients.iter().map(|_| Vec::new()).collect();
    for chain in chains {
        queues[chain[0].desk].push(chain);
    }
    let queues: Vec<_> = queues.into_iter().map(|queue| Arc::new(Mutex::new(queue))).collect();
    let connections: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let desk = number % clients.len();
            tokio::spawn(work_off(clients[desk].clone(), Arc::clone(&queues[desk]), expected))
        })
        .collect();
    let mut replies = Vec::new();
    for connection in connections {
        replies.extend(connection.await.expect("no connection panicked"));
    }
    replies
}

async fn work_off(mut client: Client, queue: Arc<Mutex<Vec<Vec<Call>>>>, expected: u16) -> Vec<(usize, Reply)> {
    let mut replies = Vec::new();
    let next = || queue.lock().expect("nobody panics while holding it").pop();
    while let Some(chain) = next() {
        for Call { desk, path, idempotency_key, body } in chain {
            let reply = client.post(&path, &idempotency_key, &body).await.expect("an answer");
            assert_eq!(reply.status, expected, "{}", reply.body["detail"]);
            replies.push((desk, reply));
        }
    }
    replies
}
