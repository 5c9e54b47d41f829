//! Each door's OpenAPI 3.1 document. A call is added with [`described`], which tells its refusals and what every call of
//! its kind takes; so the document is made from the very routes that answer.
use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::response::Response;
use registry::event::Door;
use serde_json::json;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, Header, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, Required,
    ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::{DoorState, IDEMPOTENCY_KEY_OCTETS_MAX, Kind, call};
use crate::answer::Answer;
use crate::problem::{Problem, ProblemBody, ProblemKind, TYPE_PREFIX, ToldCharacter};

/// What every call can be refused with: entry, size, our own state.
const EVERY_CALL: [ProblemKind; 9] = [
    ProblemKind::MalformedBody,
    ProblemKind::BodyTooLarge,
    ProblemKind::PartyUnregistered,
    ProblemKind::PartySuspended,
    ProblemKind::WrongRole,
    ProblemKind::NoSuchCall,
    ProblemKind::TooManyRefusals,
    ProblemKind::RegistryUnavailable,
    ProblemKind::Internal,
];
/// What every call that changes something can be refused with besides: its idempotency key, and the hash over it.
const EVERY_CHANGE: [ProblemKind; 3] =
    [ProblemKind::IdempotencyKeyMissing, ProblemKind::IdempotencyKeyReused, ProblemKind::TokenUnavailable];
const CLIENT_CERTIFICATE: &str = "clientCertificate";

/// A call with its refusals: those of every call of its kind, and its own.
pub fn described<S>((schemas, mut paths, router): UtoipaMethodRouter<S>, own: &[ProblemKind]) -> UtoipaMethodRouter<S> {
    for PathItem { get, post, .. } in paths.paths.values_mut() {
        if let Some(read) = get {
            refuse(read, EVERY_CALL.iter().chain(own));
        }
        if let Some(change) = post {
            change.parameters.get_or_insert_default().push(idempotency_key().into());
            refuse(change, EVERY_CALL.iter().chain(&EVERY_CHANGE).chain(own));
        }
    }
    (schemas, paths, router)
}

/// A call whose rows each have a name of their own, in the place of an idempotency key, and whose refusals are theirs.
pub(super) fn described_batch<S>(
    (schemas, mut paths, router): UtoipaMethodRouter<S>,
    own: &[ProblemKind],
) -> UtoipaMethodRouter<S> {
    for change in paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
        refuse(change, EVERY_CALL.iter().chain(own));
    }
    (schemas, paths, router)
}

/// A call that only reads, though it may be by POST: what it is asked with may not stand in a URL.
pub fn described_question<S>(
    (schemas, mut paths, router): UtoipaMethodRouter<S>,
    own: &[ProblemKind],
) -> UtoipaMethodRouter<S> {
    for question in paths.paths.values_mut().flat_map(|item| [item.get.as_mut(), item.post.as_mut()]).flatten() {
        refuse(question, EVERY_CALL.iter().chain(own));
    }
    (schemas, paths, router)
}

fn idempotency_key() -> Parameter {
    let pattern = format!("^[!-~]{{1,{IDEMPOTENCY_KEY_OCTETS_MAX}}}$");
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    let description = "冪等キー: visible ASCII, new for a new request, the same for a retry. The same key with the same path \
                       and body gets the same answer.";
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema.examples([json!("counter-3-0001")])))
        .build()
}

fn refuse<'a>(operation: &mut Operation, kinds: impl Iterator<Item = &'a ProblemKind>) {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in kinds {
        by_status.entry(kind.status()).or_default().push(*kind);
    }
    for (status, kinds) in by_status {
        operation.responses.responses.insert(status.to_string(), problem_response(status, &kinds).into());
    }
}

/// The problem's form, narrowed to the types that come with this status.
fn problem_response(status: u16, kinds: &[ProblemKind]) -> utoipa::openapi::Response {
    let one_of = |kind: &ProblemKind| format!("{TYPE_PREFIX}{}", kind.slug());
    let types = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds.iter().map(one_of)));
    let status_value = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status]));
    let narrowed = ObjectBuilder::new().property("type", types).property("status", status_value);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(ProblemBody::name())).item(narrowed).build();
    let line = |kind: &ProblemKind| format!("- `{}`: {}. {}", kind.slug(), kind.title(), kind.remedy());
    let description = kinds.iter().map(line).collect::<Vec<_>>().join("\n");
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(Schema::from(schema))));
    if kinds.iter().any(|kind| Problem::new(*kind, "").is_temporary()) {
        let seconds = Header::new(ObjectBuilder::new().schema_type(Type::Integer).build());
        response.header("Retry-After", seconds).build()
    } else {
        response.build()
    }
}

/// The beginning of the door's paths, and what it is for. Inside there is no door.
const fn front(door: Door) -> Option<(&'static str, &'static str)> {
    match door {
        Door::Inside => None,
        Door::Desk => Some(("/desk/v1", "Akashi (証): the door of municipal issuance desks (受付窓口)")),
        Door::Hotline => Some(("/hotline/v1", "Akashi (証): the door of the loss line (一時停止の受付)")),
        Door::Residents => Some(("/residents/v1", "Akashi (証): the door of the resident register (住民基本台帳)")),
        Door::Operators => Some(("/operators/v1", "Akashi (証): the door of platform operators (署名検証者)")),
        Door::Phone => {
            Some(("/phone/v1", "Akashi (証): the door of the portal that phones talk to (移動端末設備用電子証明書)"))
        }
        Door::Admin => Some(("/admin/v1", "Akashi (証): the door of the CA's staff (認証局の運用者)")),
    }
}

/// What the document's own call answers with.
#[derive(Clone)]
struct Document {
    state: DoorState,
    door: Door,
    text: String,
}

/// This document (この文書).
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Map<String, serde_json::Value>))
)]
async fn read_document(State(document): State<Document>, request: Request) -> Response {
    let Document { state, door, text } = document;
    let mut response = call(state, door, Kind::Reads, request, |_, _, _| Ok(Answer::ok(json!({})))).await;
    if response.status().is_success() {
        *response.body_mut() = text.into();
    }
    response
}

fn own_call() -> OpenApiRouter<Document> {
    OpenApiRouter::new().routes(described(routes!(read_document), &[]))
}

/// The door's document, octet for octet as it is served, from its calls' descriptions.
pub fn document(door: Door, calls: OpenApi) -> String {
    let Some((prefix, title)) = front(door) else { return String::new() };
    let own = OpenApiRouter::<Document>::with_openapi(OpenApi::default()).nest(prefix, own_call());
    let components = ComponentsBuilder::new()
        .schema(ProblemBody::name(), ProblemBody::schema())
        .schema(ToldCharacter::name(), ToldCharacter::schema())
        .security_scheme(CLIENT_CERTIFICATE, client_certificate());
    let description = "JSON over mutual TLS 1.3. Bodies are at most 32 KiB. Answers are `Cache-Control: no-store`. What is \
                       refused is a problem (RFC 9457); its texts never repeat what was sent, `characters` names refused characters alone.";
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").identifier(Some("Apache-2.0 OR MIT")).build();
    let info = InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(license));
    let mut whole = OpenApiBuilder::new()
        .info(info)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new(CLIENT_CERTIFICATE, Vec::<String>::new())]))
        .build();
    whole.merge(calls);
    whole.merge(own.into_openapi());
    let text = serde_json::to_string_pretty(&whole).expect("a document is writable");
    format!("{text}\n")
}

fn client_certificate() -> SecurityScheme {
    let description =
        "A client certificate of the party CA, registered by the CA's staff for a role that opens this door.";
    SecurityScheme::MutualTls { description: Some(description.to_owned()), deprecated: None, extensions: None }
}

/// The door's calls, and the call for its document.
pub(super) fn with_document(
    state: &DoorState,
    door: Door,
    calls: OpenApiRouter<DoorState>,
) -> OpenApiRouter<DoorState> {
    let Some((prefix, _)) = front(door) else { return calls };
    let text = document(door, calls.get_openapi().clone());
    let document = Document { state: state.clone(), door, text };
    calls.nest(prefix, own_call().with_state(document))
}
