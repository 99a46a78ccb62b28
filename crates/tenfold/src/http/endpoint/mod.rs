//! What the OpenAPI document says about an operation, read from its handler's signature.
//!
//! The idea comes from the crate aide: an extractor knows best what it takes from a request.

mod signature;

use http::StatusCode;
use serde_json::{Map, Value, json};
use tenfold_admission::RequestClass;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

pub use self::signature::{Bytes, Input, Output};
use super::permission::Permission;
use super::problem::Problem;

/// The name of the security scheme of sessions.
pub(super) const SESSION: &str = "session";
/// Where the document keeps the permission that an operation needs.
pub(crate) const PERMISSION: &str = "x-permission";
/// Where it keeps the roles that have this permission unless an organization says otherwise.
pub(crate) const ROLES: &str = "x-roles";
/// Where it keeps the services that a module must have built for the operation, until the application starts.
pub(crate) const SERVICES: &str = "x-services";
/// Where it keeps how much its requests matter, until the application starts.
pub(crate) const PRIORITY: &str = "x-priority";
/// Where it keeps an example call that works, for tests and tools.
pub(crate) const EXAMPLE: &str = "x-example";
/// The content type of a problem.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// A schema with the name by which the document refers to it.
pub type NamedSchema = (String, RefOr<Schema>);

/// The description of one operation. [`endpoint`](crate::endpoint) writes the calls; your own [`Input`] or [`Output`]
/// makes some of them too.
pub struct Endpoint {
    path: &'static str,
    operation: Operation,
    schemas: Vec<NamedSchema>,
    extensions: Map<String, Value>,
    example: Map<String, Value>,
}

impl Endpoint {
    /// An operation by its handler's name. The first paragraph of `docs` is its summary, the rest its description.
    pub fn new(name: &'static str, path: &'static str, tag: &'static str, docs: &[&'static str]) -> Self {
        let mut paragraphs = docs.split(|line| line.trim().is_empty()).map(joined);
        let summary = paragraphs.next().filter(|summary| !summary.is_empty());
        let description: Vec<String> = paragraphs.collect();
        let description = Some(description.join("\n\n")).filter(|description| !description.is_empty());
        let operation = OperationBuilder::new()
            .operation_id(Some(name))
            .tag(tag)
            .summary(summary)
            .description(description)
            .build();
        let (extensions, example) = (Map::new(), Map::new());
        Endpoint { path, operation, schemas: Vec::new(), extensions, example }
    }

    /// The operation takes what this argument of its handler describes.
    #[must_use]
    pub fn takes<I: Input>(mut self) -> Self {
        I::describe(&mut self);
        self
    }

    /// The operation answers what its handler returns.
    #[must_use]
    pub fn gives<O: Output>(mut self) -> Self {
        O::describe(&mut self);
        self
    }

    /// The operation answers this status with a body of type `T`.
    #[must_use]
    pub fn answer<T: ToSchema>(mut self, status: u16, content_type: &'static str) -> Self {
        self.add_answer::<T>(status, content_type);
        self
    }

    /// The operation answers this status without a body.
    #[must_use]
    pub fn empty_answer(mut self, status: u16) -> Self {
        self.add_empty_answer(status);
        self
    }

    /// The operation may answer a problem of this status.
    #[must_use]
    pub fn problem(mut self, status: u16) -> Self {
        self.add_problem(status);
        self
    }

    /// The operation reads this header of a request; it may be left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, says: &'static str) -> Self {
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(says))
            .schema(Some(text));
        self.add_parameter(header.build());
        self
    }

    /// How much its requests matter when more come than can be served; [`RequestClass::Normal`] unless this is called.
    #[must_use]
    pub fn priority(mut self, class: RequestClass) -> Self {
        self.extensions.insert(PRIORITY.to_owned(), class.name().into());
        self
    }

    /// In the example a parameter of the path is an id of an item that this operation lists.
    #[must_use]
    pub fn example_id(mut self, parameter: &'static str, operation: &'static str) -> Self {
        let ids = self.example.entry("ids").or_insert_with(|| json!({}));
        ids[parameter] = operation.into();
        self
    }

    /// The query string in the example.
    #[must_use]
    pub fn example_query(mut self, query: &'static str) -> Self {
        self.example.insert("query".to_owned(), query.into());
        self
    }

    /// The example body; text, where the operation takes bytes.
    #[must_use]
    pub fn example_body(mut self, body: Value) -> Self {
        self.example.insert("body".to_owned(), body);
        self
    }

    /// Callers need a session.
    pub fn needs_session(&mut self) {
        let session = SecurityRequirement::new(SESSION, std::iter::empty::<String>());
        self.operation.security = Some(vec![session]);
        self.add_problem(401);
        self.add_problem(403);
    }

    /// Callers need this permission.
    pub fn needs_permission<P: Permission>(&mut self) {
        self.needs_session();
        let roles: Vec<Value> = P::ROLES.iter().map(|role| role.as_str().into()).collect();
        self.extensions.insert(PERMISSION.to_owned(), P::NAME.into());
        self.extensions.insert(ROLES.to_owned(), roles.into());
    }

    /// The handler takes a `T`, which a module builds at the start: without it, the application does not start.
    pub fn needs_service<T>(&mut self) {
        let services = self.extensions.entry(SERVICES).or_insert_with(|| json!([]));
        if let Some(services) = services.as_array_mut() {
            services.push(std::any::type_name::<T>().into());
        }
    }

    /// The body is JSON of type `T`.
    pub fn add_json_body<T: ToSchema>(&mut self) {
        let schema = self.schema_of::<T>();
        self.set_body("application/json", schema);
        for status in [400, 413, 415, 422] {
            self.add_problem(status);
        }
    }

    /// The body is bytes of any type.
    pub fn add_bytes_body(&mut self) {
        self.set_body("application/octet-stream", Bytes::schema());
        self.add_problem(413);
    }

    fn set_body(&mut self, content_type: &str, schema: RefOr<Schema>) {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = RequestBodyBuilder::new().content(content_type, content).required(Some(Required::True));
        self.operation.request_body = Some(RefOr::T(body.build()));
    }

    /// The operation has this parameter.
    pub fn add_parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }

    /// The names of the path's parameters, in their order.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }

    /// As [`answer`](Self::answer).
    pub fn add_answer<T: ToSchema>(&mut self, status: u16, content_type: &'static str) {
        let schema = self.schema_of::<T>();
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(reason(status)).content(content_type, content);
        self.add_response(status, response.build());
    }

    /// As [`empty_answer`](Self::empty_answer).
    pub fn add_empty_answer(&mut self, status: u16) {
        self.add_response(status, ResponseBuilder::new().description(reason(status)).build());
    }

    /// As [`problem`](Self::problem).
    pub fn add_problem(&mut self, status: u16) {
        self.add_response(status, problem_response(reason(status)));
    }

    /// All answers so far that are not problems have this header.
    pub fn add_answer_header(&mut self, name: &'static str, says: &'static str) {
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let header = HeaderBuilder::new().description(Some(says)).schema(Some(RefOr::T(text.into()))).build();
        for (status, response) in &mut self.operation.responses.responses {
            if let (RefOr::T(response), true) = (response, status.starts_with('2')) {
                response.headers.insert(name.to_owned(), RefOr::T(header.clone()));
            }
        }
    }

    fn add_response(&mut self, status: u16, response: Response) {
        self.operation.responses.responses.entry(status.to_string()).or_insert(RefOr::T(response));
    }

    /// A reference to the schema of `T`, which the document gets.
    fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        let name = schema_name::<T>();
        // A type without a name, such as a list, is shown where it is used.
        let Some(name) = name else { return T::schema() };
        self.schemas.push((name.clone(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(name))
    }

    /// The operation as the document has it.
    #[doc(hidden)]
    pub fn into_operation(mut self) -> Operation {
        if self.path_parameters().next().is_some() {
            self.add_problem(404);
        }
        self.extensions.insert(EXAMPLE.to_owned(), Value::Object(self.example));
        let mut extensions = ExtensionsBuilder::new();
        for (name, value) in self.extensions {
            extensions = extensions.add(name, value);
        }
        self.operation.extensions = Some(extensions.build());
        self.operation
    }

    /// The schemas that the operation refers to.
    #[doc(hidden)]
    pub fn into_schemas(self) -> Vec<NamedSchema> {
        self.schemas
    }
}

/// A problem with this description.
pub(super) fn problem_response(says: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(says).content(PROBLEM_TYPE, content).build()
}

/// The lines of a comment as one text.
fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}

fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Answer")
}

/// The name of a struct or enum followed by those of its type arguments, `Listing_ProjectView`. Nothing for built-in
/// types.
fn schema_name<T: ToSchema>() -> Option<String> {
    let full = std::any::type_name::<T>();
    if full.starts_with("alloc::vec::") || full.starts_with("core::option::") || !full.contains("::") {
        return None;
    }
    if !full.contains('<') {
        return Some(T::name().into_owned());
    }
    let parts = full.split(['<', '>', ',', ' ']).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.filter_map(|part| part.rsplit("::").next()).collect();
    Some(parts.join("_"))
}
