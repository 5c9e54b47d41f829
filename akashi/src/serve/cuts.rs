//! `POST /admin/v1/cuts`: a cut at once, asked for by the CA's staff.
//!
//! A call waits for its cut's flip, on a thread of those on which blocking is allowed. So one cut at a time is asked for
//! here, and few calls wait: whatever comes at this door, OCSP finds a thread.
use std::sync::{Arc, Mutex, TryLockError};

use axum::extract::{Request, State};
use axum::response::Response;
use ca::answer::Answer;
use ca::doors::forms::{Because, Time};
use ca::doors::{DoorState, administrators_call, described};
use ca::problem::{Problem, ProblemKind};
use crl_publisher::run::PublisherHandle;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CutBody {
    because: Because,
}

/// A published cut.
#[derive(Serialize, ToSchema)]
struct CutAnswer {
    cut_number: u64,
    /// The log position that every CRL of the cut shows.
    log_position: u64,
    this_update: Time,
    next_update: Time,
    #[schema(format = "uri")]
    manifest_url: String,
}

/// The call, with its description.
fn described_call() -> OpenApiRouter<Cuts> {
    let refusals = [ProblemKind::NotInForm, ProblemKind::CutUnderWay, ProblemKind::CutFailed];
    OpenApiRouter::default().routes(described(routes!(publish), &refusals))
}

/// The call's description.
pub fn description() -> utoipa::openapi::OpenApi {
    described_call().into_openapi()
}

/// The call.
pub fn routes(doors: DoorState, publisher: PublisherHandle) -> OpenApiRouter<DoorState> {
    let manifest_url = doors.authority().crl_manifest_url();
    let (calls, under_way) = (Arc::new(Semaphore::new(CALLS_MAX)), Arc::default());
    let cuts = Cuts { doors, publisher, manifest_url, calls, under_way };
    described_call().with_state(cuts)
}

/// Publish a cut now (失効情報の臨時公開). Answers after the flip.
///
/// While a cut that was asked for is being made, another request is refused; a retry gets the first one's answer.
#[utoipa::path(
    post,
    path = "/admin/v1/cuts",
    operation_id = "publish_cut",
    request_body = CutBody,
    responses((
        status = 201,
        description = "The cut",
        body = CutAnswer,
        headers(("Location", description = "Path of the manifest, at the public listener"))
    ))
)]
async fn publish(State(cuts): State<Cuts>, request: Request) -> Response {
    let Cuts { doors, publisher, manifest_url, calls, under_way } = cuts;
    let runtime = tokio::runtime::Handle::current();
    administrators_call(doors, request, move |authority, caller, asked| {
        let because = ca::doors::read_body::<CutBody>(asked.body)?.because.recorded()?;
        let _call = calls.try_acquire().map_err(|_| cut_under_way())?;
        authority.once(caller, asked, || {
            let _under_way = match under_way.try_lock() {
                Ok(guard) => guard,
                // A panic while it was held left nothing half done here: the lock guards no value.
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(cut_under_way()),
            };
            let cut = runtime.block_on(publisher.publish_now(because)).map_err(|error| {
                Problem::new(ProblemKind::CutFailed, format!("no new cut ({}); the one before it stays", error.word()))
            })?;
            let body = CutAnswer {
                cut_number: cut.cut_number,
                log_position: cut.log_position,
                this_update: Time(cut.this_update.to_string()),
                next_update: Time(cut.next_update.to_string()),
                manifest_url,
            };
            Ok(Answer::created(body, "/crl/manifest.json".to_owned()))
        })
    })
    .await
}

fn cut_under_way() -> Problem {
    Problem::new(ProblemKind::CutUnderWay, "one cut at a time is made on request, and one is being made")
}
