//! Which call is where.
use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::response::Response;
use pki::identity::{Ca, Serial};
use registry::event::Door;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;

use super::describe::with_document;
use super::{DoorState, admin, desk, hotline, operators, phone, residents, respond, usage};
use crate::problem::{Problem, ProblemKind};

/// What stands in a path. One that does not decode is no call of ours, and is told so as a problem.
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(no_such_call().await),
        }
    }
}

/// What stands after a path's `?`. The rules refuse what does not decode: a `dry_run` with a slip in it must not be done.
pub(super) struct Parameters<T>(pub(super) Result<T, Problem>);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Parameters<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let read = Query::from_request_parts(parts, state).await;
        let problem = |_| Problem::new(ProblemKind::NotInForm, "a parameter after `?` is unknown, or not in its form");
        Ok(Self(read.map(|Query(parameters)| parameters).map_err(problem)))
    }
}

/// The certificate that CA and serial, as they came, name.
pub(crate) fn certificate_of((ca, serial): (String, String)) -> Result<(Ca, Serial), Problem> {
    let unknown =
        |error: pki::identity::IdentityError| Problem::new(ProblemKind::UnknownCertificate, error.to_string());
    Ok((ca.parse().map_err(unknown)?, serial.parse().map_err(unknown)?))
}

/// A door's calls, each with its description; of the administrators' door, those that are this folder's.
pub fn calls(door: Door) -> OpenApiRouter<DoorState> {
    match door {
        Door::Inside => OpenApiRouter::default(),
        Door::Desk => desk::calls(),
        Door::Hotline => hotline::calls(),
        Door::Residents => residents::calls(),
        Door::Operators => operators::calls().merge(usage::operators_call()),
        Door::Phone => phone::calls(),
        Door::Admin => admin::calls().merge(operators::registrations()).merge(usage::administrators_call()),
    }
}

/// Another folder's calls behind two of the doors.
#[derive(Default)]
pub struct Further {
    /// Behind the operators' door.
    pub operators: OpenApiRouter<DoorState>,
    /// Behind the administrators' door.
    pub administrators: OpenApiRouter<DoorState>,
}

/// Every door's calls.
pub fn routes(state: DoorState, Further { operators, administrators }: Further) -> Router {
    let doors = [Door::Desk, Door::Hotline, Door::Residents, Door::Phone].map(|door| (door, calls(door)));
    let further = [(Door::Operators, operators), (Door::Admin, administrators)];
    let further = further.map(|(door, further)| (door, calls(door).merge(further)));
    let served = doors.into_iter().chain(further).map(|(door, calls)| with_document(&state, door, calls));
    served
        .fold(Router::new(), |router, door| router.merge(Router::from(door)))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_call)
        .with_state(state)
}

async fn no_such_call() -> Response {
    respond(Err(Problem::new(ProblemKind::NoSuchCall, "no call has this path and method")))
}
