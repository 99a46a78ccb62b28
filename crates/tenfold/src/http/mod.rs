//! HTTP: what handlers take and return, the layer around them, and the routes that every application has.

mod administer;
mod admission;
mod answer_body;
mod assets;
mod auth;
mod authenticate;
mod body;
mod buffers;
mod client_address;
mod connection;
mod cors;
mod display_name;
mod docs;
mod endpoint;
mod health;
mod host;
mod live;
mod lobby;
mod method_name;
mod metrics_text;
mod openapi;
mod operators_port;
pub(crate) mod origins;
mod own_writes;
mod pace;
mod permission;
mod permissions;
mod person;
mod precondition;
mod problem;
mod proxies;
mod pulse;
mod query;
mod query_names;
mod query_text;
mod readiness;
mod request;
mod request_deadline;
mod room;
mod schema;
mod server;
mod service;
mod settings;
mod state;
mod strict;
mod validated;

use std::sync::Arc;

use axum::Extension;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::get;
use http::{Method, Uri};

pub use self::administer::{
    Administer, AdministeredInvitation, AdministeredMember, AdministeredNames, AdministeredOrganization,
    AdministeredPerson, PersonAct,
};
pub use self::admission::elsewhere::elsewhere;
pub use self::admission::gate::AdmissionOptions;
pub(crate) use self::admission::gate::RequestAdmission;
pub(crate) use self::admission::routes::CriticalPages;
pub use self::assets::{Asset, Html, PAGE_POLICY, assets, is_known};
pub use self::auth::{Credentials, OwnOrigin, cookie, refuse_cross_site};
pub use self::authenticate::Authenticate;
pub use self::body::{Created, Json, NoContent, Path, nullable};
pub use self::buffers::BufferBudget;
pub(crate) use self::buffers::BufferLimits;
pub use self::client_address::{ClientAddress, PeerAddress};
pub use self::display_name::{DisplayName, is_invisible};
pub use self::endpoint::{Bytes, Endpoint, Input, NamedSchema, Output};
pub(crate) use self::health::metrics_text;
pub(crate) use self::live::LiveStreams;
pub use self::live::{EventShape, LiveEvent, News, live};
pub(crate) use self::metrics_text::MetricsText;
pub(crate) use self::openapi::check_services;
pub use self::operators_port::{OperatorsPort, OperatorsService, OperatorsThread};
pub use self::origins::Origins;
pub use self::permission::{Permission, Require, Role};
pub(crate) use self::permissions::DeclaredPermission;
pub use self::permissions::Permissions;
pub use self::person::person;
pub use self::precondition::{IfMatch, Tagged};
pub use self::problem::{OnConflict, Problem};
pub use self::proxies::Proxies;
pub(crate) use self::proxies::{ForwardedHeader, ProxyNetwork};
pub(crate) use self::pulse::RuntimePulse;
pub use self::query::{PageQuery, Query};
pub(crate) use self::readiness::Readiness;
pub use self::request::Unrecorded;
pub use self::request_deadline::RequestDeadline;
pub use self::server::{Bound, ServeError};
pub use self::service::Use;
pub use self::settings::{HttpSettings, LiveSettings};
pub(crate) use self::state::{Demonstration, Shared};
pub use self::state::{Routes, ServerState, Stopping};
pub use self::validated::{EmailAddress, Int, List, Text, WebAddress};
pub use ::http::{HeaderMap, HeaderValue, StatusCode, header};
pub use axum::extract::State;
pub use axum::response::{IntoResponse, Response};
#[doc(hidden)]
pub use serde_json::json;
pub use tenfold_admission::{AdmissionFigures, RequestClass};
pub use utoipa_axum::routes;

/// What `/` serves by default: a redirect to the page of the API.
pub(crate) fn front() -> Routes {
    Routes::new().route("/", get(async || Redirect::temporary("/docs")))
}

/// The whole application as one router: the modules' routes, the common ones, and the layer around all. Pages at and
/// below `critical` paths are never refused.
///
/// # Errors
/// When an operation has no example that works.
pub(crate) fn router(
    routes: Routes,
    title: &str,
    version: &str,
    state: ServerState,
    critical: Vec<CriticalPages>,
) -> anyhow::Result<axum::Router> {
    let (router, document) = with_common(routes).split_for_parts();
    // Live updates make the GETs of the other routes, so those are complete without them.
    let watchable = live::Resources::new(router.clone().with_state(state.clone()), &document);
    let (live, of_live) = live::routes().split_for_parts();
    let router = router.merge(live.layer(Extension(Arc::new(watchable))));
    let document = document.merge_from(of_live);
    state.know_query_names(openapi::query_names(&document));
    state.know_route_classes(openapi::route_classes(&document, critical));
    let shared = cors::SharedPaths::of(document.paths.paths.keys());
    let document = openapi::finish(document, title, version)?;
    state.know_document(document.clone());
    let router = router.route("/openapi.json", get(move || docs::document(document.clone())));
    Ok(surround(router, shared, state))
}

/// What `http.operators` serves: health, metrics and these routes, which are those of modules with critical pages. All of these pages
/// are critical there, as only operators reach it. `pulse` is that of the runtime which serves everybody else.
pub(crate) fn operators_router(
    routes: Routes,
    state: ServerState,
    critical: Vec<CriticalPages>,
    pulse: Arc<RuntimePulse>,
) -> axum::Router {
    let critical = critical.into_iter().map(|pages| CriticalPages { except: &[], ..pages }).collect();
    let (router, document) = routes.merge(health::routes_for_operators(pulse)).split_for_parts();
    state.know_query_names(openapi::query_names(&document));
    state.know_route_classes(openapi::route_classes(&document, critical));
    // No page of another origin has business there.
    surround(router, cors::SharedPaths::of(std::iter::empty()), state)
}

/// The layers around all routes.
fn surround(
    router: axum::Router<ServerState>,
    shared: cors::SharedPaths,
    state: ServerState,
) -> axum::Router {
    let body_limit = state.settings().body_limit;
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_route)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(axum::middleware::from_fn_with_state((state.clone(), shared), request::serve))
        .with_state(state)
}

/// The OpenAPI document of an application with these routes, as JSON.
///
/// # Errors
/// When an operation has no example that works.
pub(crate) fn document(routes: Routes, title: &str, version: &str) -> anyhow::Result<bytes::Bytes> {
    let (_, document) = with_common(routes).merge(live::routes()).split_for_parts();
    openapi::finish(document, title, version)
}

/// These routes, and those of every application.
fn with_common(routes: Routes) -> Routes {
    routes.merge(health::routes()).merge(assets(docs::PAGE))
}

async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found("path")
        .detail(format!("{} is not a path of this API; /docs lists all paths", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
        .detail(format!("{} does not support {method}; the Allow header lists what it supports", uri.path()))
}
