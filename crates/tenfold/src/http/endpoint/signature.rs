//! The types in a handler's signature, and what they say about the operation.

use axum::body::Body;
use axum::extract::{Request, State};
use http::HeaderMap;
use tenfold_data::{Context, Page, SystemContext};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Endpoint;
use crate::http::auth::OwnOrigin;
use crate::http::body::{Created, Json, NoContent, Path};
use crate::http::client_address::ClientAddress;
use crate::http::permission::{Permission, Require};
use crate::http::precondition::{IfMatch, Tagged};
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Query};
use crate::http::request_deadline::RequestDeadline;
use crate::http::service::Use;
use crate::http::state::ServerState;
use axum::response::Response;
use http::StatusCode;

/// An argument of a handler: describes what it takes from a request.
///
/// For your own extractor, an empty body says that clients see nothing of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` stands in an endpoint's signature and does not say what it takes from a request",
    label = "no `Input`",
    note = "`impl tenfold::http::Input for {Self} {{}}` says that clients see nothing of it"
)]
pub trait Input {
    /// Adds what it takes.
    fn describe(endpoint: &mut Endpoint) {
        let _ = endpoint;
    }
}

/// A handler's result: describes what it answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is what an endpoint gives, and does not say what it answers",
    label = "no `Output`",
    note = "give Json, Created, NoContent or Tagged, or a Response and say in #[endpoint(…, answers(…))] what it is"
)]
pub trait Output {
    /// Adds what it answers.
    fn describe(endpoint: &mut Endpoint);
}

macro_rules! takes_nothing {
    ($($type:ty),* $(,)?) => { $(impl Input for $type {})* };
}

takes_nothing!(
    ClientAddress,
    SystemContext,
    HeaderMap,
    RequestDeadline,
    OwnOrigin,
    State<ServerState>,
    http::Method,
    http::Uri
);

impl<T> Input for Use<T> {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_service::<T>();
    }
}

impl Input for Context {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
    }
}

impl<P: Permission> Input for Require<P> {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_permission::<P>();
    }
}

impl Input for IfMatch {
    fn describe(endpoint: &mut Endpoint) {
        add_all::<IfMatch>(endpoint, ParameterIn::Header);
        endpoint.add_problem(400);
        endpoint.add_problem(412);
    }
}

impl Input for Page {
    fn describe(endpoint: &mut Endpoint) {
        add_all::<PageQuery>(endpoint, ParameterIn::Query);
        endpoint.add_problem(400);
    }
}

impl<T: IntoParams> Input for Query<T> {
    fn describe(endpoint: &mut Endpoint) {
        add_all::<T>(endpoint, ParameterIn::Query);
        endpoint.add_problem(400);
    }
}

impl<T: ToSchema> Input for Json<T> {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_json_body::<T>();
    }
}

impl Input for Body {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_bytes_body();
    }
}

impl Input for Request {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_bytes_body();
    }
}

/// One parameter, or a struct with a field for each.
impl<T: PartialSchema> Input for Path<T> {
    fn describe(endpoint: &mut Endpoint) {
        for name in endpoint.path_parameters() {
            let schema = match T::schema() {
                RefOr::T(Schema::Object(object)) if object.properties.contains_key(name) => {
                    object.properties[name].clone()
                }
                schema => schema,
            };
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema));
            endpoint.add_parameter(parameter.build());
        }
        endpoint.add_problem(400);
    }
}

fn add_all<T: IntoParams>(endpoint: &mut Endpoint, place: ParameterIn) {
    for parameter in T::into_params(|| Some(place.clone())) {
        endpoint.add_parameter(parameter);
    }
}

impl<T: ToSchema> Output for Json<T> {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_answer::<T>(200, "application/json");
    }
}

impl<T: ToSchema> Output for Created<T> {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_answer::<T>(201, "application/json");
        endpoint.add_answer_header("Location", "The path of the new resource");
    }
}

impl Output for NoContent {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.add_empty_answer(204);
    }
}

impl<R: Output> Output for Tagged<R> {
    fn describe(endpoint: &mut Endpoint) {
        R::describe(endpoint);
        endpoint.add_answer_header("ETag", "Its current version");
    }
}

impl<R: Output> Output for Result<R, Problem> {
    fn describe(endpoint: &mut Endpoint) {
        R::describe(endpoint);
    }
}

/// The attribute describes it, with `answers(…)`.
impl Output for Response {
    fn describe(_: &mut Endpoint) {}
}

/// Described by the attribute, like a [`Response`].
impl Output for StatusCode {
    fn describe(_: &mut Endpoint) {}
}

/// In `answers(200: Bytes as "image/png")`: bytes that are not JSON.
pub struct Bytes;

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::Custom("binary".to_owned())))
            .into()
    }
}

impl ToSchema for Bytes {}
