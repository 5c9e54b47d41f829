//! The connection that a client keeps.
use std::time::Duration;

use akashi::client::http::{Client, ClientError, ClientFiles};
use serde_json::json;

use crate::support::Akashi;

fn administrator(server: &Akashi) -> Client {
    let read = |name: &str| std::fs::read_to_string(server.path(name)).expect("the file is there");
    let files = ClientFiles {
        api_url: &server.api_url(),
        ca_bundle_pem: &read("data/tls/party-ca.pem"),
        certificate_pem: &read("data/admin/admin.crt"),
        key_pem: &read("data/admin/admin.key"),
    };
    Client::new(&files).expect("the files are good")
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_closed_is_made_anew_and_the_request_carried_out_once() {
    let mut server = Akashi::started();
    server.settle();
    let mut client = administrator(&server);
    let first = client.get("/admin/v1/parties").await.expect("an answer");
    assert_eq!(first.status, 200);

    server.stop();
    server.start();
    server.settle();
    let before = server.log_position();
    let body = json!({ "because": "a test" });
    let cut = client.post("/admin/v1/cuts", "one-cut", &body).await.expect("an answer over a new connection");
    assert_eq!(cut.status, 201, "{}", cut.body);
    assert_eq!(cut.location.as_deref(), Some("/crl/manifest.json"));
    let recorded = server.log_position();
    assert!(recorded > before);

    server.stop();
    server.start();
    server.settle();
    let before = server.log_position();
    let again = client.post("/admin/v1/cuts", "one-cut", &body).await.expect("an answer over a new connection");
    assert_eq!(again.body, cut.body, "the same key gets the same answer");
    assert_eq!(server.log_position(), before, "and nothing happens again");
}

#[tokio::test]
async fn a_client_and_its_clone_ask_over_connections_of_their_own() {
    let server = Akashi::started();
    let mut one = administrator(&server);
    let mut other = one.clone();
    let (first, second) = tokio::join!(one.get("/admin/v1/parties"), other.get("/admin/v1/parties"));
    assert_eq!(first.expect("an answer"), second.expect("an answer"));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up_and_the_next_call_has_a_connection_of_its_own() {
    let server = Akashi::started();
    let mut impatient = administrator(&server).with_patience(Duration::ZERO);
    let given_up = impatient.get("/admin/v1/parties").await;
    assert!(matches!(given_up, Err(ClientError::TimedOut { seconds: 0 })), "{given_up:?}");
    let mut patient = impatient.with_patience(Duration::from_mins(1));
    assert_eq!(patient.get("/admin/v1/parties").await.expect("an answer").status, 200);
}
