//! `POST /admin/v1/cuts`: a cut at once, asked for by the CA's staff.
//!
//! A call waits for its cut's flip, on a thread of those on which blocking is allowed. So one cut at a time is asked for
//! here, and few calls wait: whatever comes at this door, OCSP finds a thread.
use std::sync::{Arc, Mutex, TryLockError};

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
use tokio::sync::Semaphore;

/// Characters of a reason: a sentence. It is recorded for ever.
const BECAUSE_CHARACTERS_MAX: usize = 200;
/// Calls that may be inside: the one whose cut is made, and retries of it that wait for its answer.
const CALLS_MAX: usize = 4;

#[derive(Clone)]
struct Cuts {
    doors: DoorState,
    publisher: PublisherHandle,
    manifest_url: String,
    calls: Arc<Semaphore>,
    under_way: Arc<Mutex<()>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutBody {
    because: String,
}

/// The route.
pub fn routes(doors: DoorState, publisher: PublisherHandle) -> Router {
    let manifest_url = doors.authority().crl_manifest_url();
    let (calls, under_way) = (Arc::new(Semaphore::new(CALLS_MAX)), Arc::default());
    let cuts = Cuts { doors, publisher, manifest_url, calls, under_way };
    Router::new().route("/admin/v1/cuts", post(publish)).with_state(cuts)
}

async fn publish(State(cuts): State<Cuts>, request: Request) -> Response {
    let Cuts { doors, publisher, manifest_url, calls, under_way } = cuts;
    let runtime = tokio::runtime::Handle::current();
    administrators_call(doors, request, move |authority, caller, asked| {
        let body: CutBody = ca::doors::read_body(asked.body)?;
        if body.because.chars().count() > BECAUSE_CHARACTERS_MAX {
            let detail = format!("at most {BECAUSE_CHARACTERS_MAX} characters are recorded");
            return Err(Problem::of_field(ProblemKind::NotInForm, "because", detail));
        }
        let _call = calls.try_acquire().map_err(|_| cut_under_way())?;
        authority.once(caller, asked, || {
            let _under_way = match under_way.try_lock() {
                Ok(guard) => guard,
                // A panic while it was held left nothing half done here: the lock guards no value.
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(cut_under_way()),
            };
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

fn cut_under_way() -> Problem {
    Problem::new(ProblemKind::CutUnderWay, "one cut at a time is made on request, and one is being made")
}
