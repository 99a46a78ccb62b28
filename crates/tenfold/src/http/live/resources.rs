//! `GET /v1/live`: one stream for all that a browser's tab shows.
//!
//! Any GET that answers JSON can be watched; it needs no code of its own. The server makes it itself, once at the start
//! and once after each change of a table that it read, and tells the client to fetch it again where the answer is
//! another one. So nothing is told to who may not read it, and a change that the answer does not show is not told.
//!
//! The id of an event is a print of all answers. A client that reconnects with it is told what has changed meanwhile,
//! whichever process it reaches: nothing is kept for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use futures_util::future::select_all;
use http::request::Parts;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::json;
use tenfold_admission::Refusal;
use tenfold_data::Context;
use tenfold_macros::endpoint;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Required};
use utoipa_axum::routes;

use super::super::endpoint::{Endpoint, Input};
use super::super::problem::Problem;
use super::super::query::pairs;
use super::super::state::{Routes, ServerState};
use super::resource::{Relook, Resource};
use super::stream::{Seen, StreamSubject, answer};
use super::{LiveEvent, last_event_id, session_of};

pub(in super::super) fn routes() -> Routes {
    Routes::new().routes(routes!(live_updates))
}

/// The resources to fetch again.
#[derive(Serialize, ToSchema)]
struct ChangedResources {
    /// Their paths, as they were given.
    watch: Vec<String>,
}

/// The events of the stream, for the OpenAPI document.
#[derive(ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its shape is of use")]
enum LiveUpdate {
    Changed(ChangedResources),
}

/// Which of the watched resources have changed, as Server-Sent Events: `changed` with the paths to fetch again.
///
/// Any path of this API whose GET answers JSON can be watched, with its query string, percent-encoded. The first event
/// names all of them: fetch what an event names, and nothing is missed. With `Last-Event-ID` the first event names only
/// those that have changed since. Changes that come close together are told once.
#[endpoint(get, "/v1/live", tag = "live",
    answers(200: LiveUpdate as "text/event-stream"),
    problems(404),
    headers("Last-Event-ID" = "The id of the last event received"),
    example(query = "watch=%2Fhealthz"))]
async fn live_updates(
    cx: Context,
    State(state): State<ServerState>,
    Watches(paths): Watches,
    resources: Arc<Resources>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = session_of(&state, &headers, &cx)?;
    let mut watched =
        WatchedResources { router: resources.router.clone(), resources: Vec::new(), untold: Vec::new() };
    for path in paths {
        let template = resources.template_of(&path)?;
        watched.resources.push(Resource::new(&state, cx.tenant(), path, template));
    }
    for resource in &mut watched.resources {
        resource.begin(&resources.router, &state, &cx).await?;
    }
    let known = last_event_id(&headers).unwrap_or_default();
    watched.untold = watched.differing_from(&known);
    Ok(answer(state, session, watched))
}

/// The paths to watch.
struct Watches(Vec<String>);

impl FromRequestParts<ServerState> for Watches {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let paths: Vec<String> = pairs(parts, state)?.into_iter().map(|(_, path)| path).collect();
        let most = state.live().max_watches;
        if paths.is_empty() || paths.len() > most {
            return Err(Problem::bad_request(format!(
                "watch is given {} times; it takes from 1 to {most} paths of this API, such as \
                 watch=%2Fv1%2Fusers%3Flimit%3D10 (live.max_watches)",
                paths.len()
            )));
        }
        Ok(Watches(paths))
    }
}

impl Input for Watches {
    fn describe(endpoint: &mut Endpoint) {
        let path = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let paths = ArrayBuilder::new().items(path).min_items(Some(1));
        let parameter = ParameterBuilder::new()
            .name("watch")
            .parameter_in(ParameterIn::Query)
            .required(Required::True)
            .description(Some("A path of this API with its query string; once for each resource"))
            .schema(Some(paths));
        endpoint.add_parameter(parameter.build());
        endpoint.add_problem(400);
    }
}

/// The path of the stream itself.
const LIVE: &str = "/v1/live";

/// What can be watched: the routes without `/v1/live` itself, and those of them that answer JSON.
pub(in super::super) struct Resources {
    router: Router,
    /// The paths of all GETs, and whether they answer JSON.
    templates: Vec<(String, bool)>,
}

impl Resources {
    pub(in super::super) fn new(router: Router, document: &OpenApi) -> Self {
        let gets = document.paths.paths.iter().filter_map(|(path, item)| Some((path, item.get.as_ref()?)));
        let templates = gets.map(|(path, operation)| (path.clone(), answers_json(operation))).collect();
        Resources { router, templates }
    }

    /// The path of the document that this one fits.
    fn template_of(&self, path: &str) -> Result<&str, Problem> {
        let uri: Option<Uri> = path.starts_with('/').then(|| path.parse().ok()).flatten();
        let Some(uri) = uri.filter(|uri| uri.authority().is_none()) else {
            return Err(Problem::bad_request(format!(
                "watch={path} is not a path with its query string, such as /v1/users?limit=10"
            )));
        };
        let literal = self.templates.iter().find(|(template, _)| template == uri.path());
        match literal.or_else(|| self.templates.iter().find(|(template, _)| fits(template, uri.path()))) {
            Some((template, true)) => Ok(template),
            Some((_, false)) => Err(Problem::bad_request(format!(
                "watch={path} cannot be watched: its GET does not answer JSON"
            ))),
            None if uri.path() == LIVE => Err(Problem::bad_request(format!(
                "watch={path} cannot be watched: it is the stream that watches"
            ))),
            None => Err(Problem::not_found("path")
                .detail(format!("watch={path} is not a path of this API; /docs lists all paths"))),
        }
    }
}

fn answers_json(operation: &Operation) -> bool {
    match operation.responses.responses.get("200") {
        Some(RefOr::T(answer)) => answer.content.contains_key("application/json"),
        _ => false,
    }
}

/// Whether a path fits a template such as `/v1/files/{id}`.
fn fits(template: &str, path: &str) -> bool {
    let (mut parts, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return true,
            (Some(part), Some(segment))
                if part == segment || part.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

impl FromRequestParts<ServerState> for Arc<Resources> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Problem> {
        let resources = parts.extensions.get::<Arc<Resources>>().cloned();
        resources.ok_or_else(|| Problem::internal("the route of live updates has no resources"))
    }
}

impl Input for Arc<Resources> {}

/// The resources of one stream.
struct WatchedResources {
    router: Router,
    resources: Vec<Resource>,
    /// The paths of those that have changed since the last event.
    untold: Vec<String>,
}

impl WatchedResources {
    /// The paths of those that the holder of this position has not seen as they are now; all of them, if it is not a
    /// position of this stream.
    fn differing_from(&self, position: &str) -> Vec<String> {
        let mut known = position.split('.');
        let differs = |resource: &&Resource| known.next() != Some(&*resource.print);
        self.resources.iter().filter(differs).map(|resource| resource.path.clone()).collect()
    }

    /// An event that says what has changed; nothing if nothing has.
    fn event(&mut self) -> String {
        let watch = std::mem::take(&mut self.untold);
        if watch.is_empty() {
            return String::new();
        }
        let prints: Vec<&str> = self.resources.iter().map(|resource| &*resource.print).collect();
        LiveEvent { id: prints.join("."), name: "changed", data: json!(ChangedResources { watch }) }.text()
    }

    /// Looks at all that may have changed. Gives when the next look may be made, if one is refused: the others are not tried then.
    async fn look_at_all(
        &mut self,
        state: &ServerState,
        cx: &Context,
    ) -> Result<Option<Duration>, LookFailed> {
        let due = self.resources.iter_mut().map(|resource| Box::pin(resource.due()));
        select_all(due).await;
        for resource in &mut self.resources {
            if !resource.is_due() {
                continue;
            }
            match resource.look(&self.router, state, cx).await {
                Relook::Same => {}
                Relook::Changed if self.untold.contains(&resource.path) => {}
                Relook::Changed => self.untold.push(resource.path.clone()),
                Relook::Failed => return Err(LookFailed),
                Relook::Refused(Refusal { retry_after }) => return Ok(Some(retry_after)),
            }
        }
        Ok(None)
    }
}

/// The service cannot answer now.
struct LookFailed;

impl StreamSubject for WatchedResources {
    fn make_due(&mut self) {
        self.resources.iter_mut().for_each(Resource::make_due);
    }

    async fn look(&mut self, state: &ServerState, cx: &Context) -> Option<Seen> {
        // The request for the stream has looked already, and a look that was given up may have found some.
        let mut retry_after = None;
        if self.untold.is_empty() {
            retry_after = self.look_at_all(state, cx).await.ok()?;
        }
        Some(Seen { text: self.event(), is_last: false, retry_after })
    }
}
