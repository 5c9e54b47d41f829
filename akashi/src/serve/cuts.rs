//! `POST /admin/v1/cuts`: a cut at once, asked for by the CA's staff.
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use ca::answer::Answer;
use ca::doors::{DoorState, administrators_call};
use ca::problem::{Problem, ProblemKind};
use crl_publisher::run::PublisherHandle;
use serde::Deserialize;
use serde_json::json;

#[derive(Clone)]
struct Cuts {
    doors: DoorState,
    publisher: PublisherHandle,
    manifest_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutBody {
    because: String,
}

/// The route.
pub fn routes(doors: DoorState, publisher: PublisherHandle) -> Router {
    let manifest_url = doors.authority.crl_manifest_url();
    Router::new().route("/admin/v1/cuts", post(publish)).with_state(Cuts { doors, publisher, manifest_url })
}

async fn publish(State(cuts): State<Cuts>, request: Request) -> Response {
    let Cuts { doors, publisher, manifest_url } = cuts;
    let runtime = tokio::runtime::Handle::current();
    administrators_call(doors, request, move |authority, caller, asked| {
        let body: CutBody = ca::doors::read_body(asked.body)?;
        authority.once(caller, asked, || {
            let cut = runtime.block_on(publisher.publish_now(body.because)).map_err(|error| {
                Problem::new(ProblemKind::CutFailed, format!("no new cut ({}); the one before it stays", error.word()))
            })?;
            let body = json!({
                "cut_number": cut.cut_number,
                "log_position": cut.log_position,
                "this_update": cut.this_update.to_string(),
                "next_update": cut.next_update.to_string(),
                "manifest_url": manifest_url,
            });
            Ok(Answer::created(body, "/crl/manifest.json".to_owned()))
        })
    })
    .await
}
