//! `/hotline/v1`: the loss line.
use axum::extract::{Request, State};
use axum::response::Response;
use pki::identity::Device;
use registry::event::{Cause, Door};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::describe::described;
use super::forms::{CaWord, ResidentCode, SerialWord};
use super::routes::certificate_of;
use super::{DoorState, Kind, call, read_body};
use crate::authority::Authority;
use crate::cause::Occasion;
use crate::problem::{Problem, ProblemKind};
use crate::withdraw::{Changed, Target};

/// The loss line's calls.
pub(super) fn calls() -> OpenApiRouter<DoorState> {
    OpenApiRouter::default()
        .routes(described(routes!(hold), &[ProblemKind::NotInForm, ProblemKind::UnknownCertificate]))
}

/// The loss line knows the person, or reads CA and serial off a notice.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum HoldBody {
    Resident(ResidentToHold),
    Certificate(CertificateToHold),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResidentToHold {
    resident_code: ResidentCode,
    /// What was lost; the card, if nothing is said.
    #[serde(default)]
    device: LostDevice,
}

/// What was lost (紛失したもの).
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LostDevice {
    #[default]
    Card,
    Phone,
}

impl From<LostDevice> for Device {
    fn from(lost: LostDevice) -> Self {
        match lost {
            LostDevice::Card => Self::Card,
            LostDevice::Phone => Self::Phone,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CertificateToHold {
    ca: CaWord,
    serial: SerialWord,
}

fn hold_target(authority: &Authority, body: &[u8]) -> Result<(Target, Device), Problem> {
    // Which of the two was meant is not known, so what is missing in it is not, either.
    let neither = |_| Problem::new(ProblemKind::MalformedBody, "send either resident_code, or ca and serial");
    match read_body(body).map_err(neither)? {
        HoldBody::Resident(ResidentToHold { resident_code, device }) => {
            Ok((Target::Resident(authority.resident(&resident_code.0)?), device.into()))
        }
        HoldBody::Certificate(CertificateToHold { ca, serial }) => {
            certificate_of((ca.0, serial.0)).map(|(ca, serial)| (Target::Certificate { ca, serial }, ca.device()))
        }
    }
}

/// Hold (一時停止) all certificates of a person's card or phone, or one by its serial.
///
/// A resident without certificates is 404: whoever reports a loss must not believe that a card is held when the code was
/// mistyped.
#[utoipa::path(
    post,
    path = "/hotline/v1/holds",
    request_body = HoldBody,
    responses(
        (status = 200, description = "Durable, and visible to relying parties", body = Changed),
        (status = 202, description = "Durable, but not yet visible everywhere", body = Changed),
    )
)]
async fn hold(State(state): State<DoorState>, request: Request) -> Response {
    call(state, Door::Hotline, Kind::Changes, request, |authority, caller, asked| {
        let (target, at) = hold_target(authority, asked.body)?;
        authority.withdraw(caller, asked, target, Occasion { cause: Cause::LossReported, at })
    })
    .await
}
