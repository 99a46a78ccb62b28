//! HTTP: what handlers take and give, the layer around them, the routes that every application has.

mod assets;
mod auth;
mod body;
mod client_address;
mod connection;
mod cors;
mod docs;
mod endpoint;
mod health;
mod host;
mod live;
mod openapi;
pub(crate) mod origins;
mod pace;
mod patience;
mod permission;
mod precondition;
mod problem;
mod query;
mod readiness;
mod request;
mod room;
mod schema;
mod server;
mod strict;
mod validated;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::get;
use http::{Method, Uri};
use tenfold_data::Database;
use tenfold_observe::metrics::Metrics;
use tenfold_observe::telemetry::Telemetry;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Secret;

pub use self::assets::{Asset, Html, PAGE_POLICY, assets, is_known};
pub use self::auth::{Authenticate, Credentials, OwnOrigin, refuse_cross_site};
pub use self::body::{Created, Json, NoContent, Path, nullable};
pub use self::client_address::{ClientAddress, PeerAddress, Proxies};
pub(crate) use self::client_address::{ForwardedHeader, ProxyNetwork};
pub use self::endpoint::{Bytes, Endpoint, Input, NamedSchema, Output};
pub use self::live::{EventShape, LiveEvent, News, live};
pub(crate) use self::openapi::check_services;
pub use self::origins::Origins;
pub use self::patience::Patience;
pub(crate) use self::permission::Declared;
pub use self::permission::{Permission, Permissions, Require, Role};
pub use self::precondition::{IfMatch, Tagged};
pub use self::problem::{OnConflict, Problem};
pub(crate) use self::query::QueryNames;
pub use self::query::{PageQuery, Query};
pub(crate) use self::readiness::Readiness;
pub use self::request::Unrecorded;
pub use self::server::{Bound, ServeError};
pub use self::validated::{EmailAddress, Int, List, Text, WebAddress};
pub use ::http::{HeaderMap, HeaderValue, StatusCode, header};
pub use axum::extract::State;
pub use axum::response::{IntoResponse, Response};
#[doc(hidden)]
pub use serde_json::json;
pub use utoipa_axum::routes;

/// The routes of a module, with their part of the OpenAPI document.
pub type Routes = OpenApiRouter<ServerState>;

/// What the layer around the handlers needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// After this long a request is given up with a 503.
    pub deadline: Duration,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Connections at once; for one more, the one that is idle longest is closed, or it waits.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive in whole.
    pub body_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
    /// The least bytes a second at which a client must send a body and take an answer.
    pub least_pace: u64,
    /// Over how long a client's pace is measured.
    pub pace_window: Duration,
    /// How long requests in flight may take after the process was told to stop.
    pub shutdown_timeout: Duration,
    /// Whether answers say what they cost.
    pub server_timing: bool,
    /// Whether clients reach the service by https, so that cookies can be `__Host-` and `Secure`.
    pub https: bool,
    /// Which pages of a browser are the service's own, and which others may use its API.
    pub origins: Origins,
    /// What `/metrics` asks for; empty for nothing.
    pub metrics_password: Secret,
    /// Whose word about a client's address is taken.
    pub proxies: Proxies,
}

impl HttpSettings {
    /// The least bytes that a client must send or take in one `pace_window`.
    pub(crate) fn least_in_a_window(&self) -> u64 {
        let milliseconds = u64::try_from(self.pace_window.as_millis()).unwrap_or(u64::MAX);
        self.least_pace.saturating_mul(milliseconds) / 1000
    }

    /// The name of the session's cookie.
    pub fn session_cookie(&self) -> &'static str {
        if self.https { auth::SECURE_COOKIE } else { auth::PLAIN_COOKIE }
    }
}

/// What all handlers share; cheap to clone.
#[derive(Clone)]
pub struct ServerState(Arc<Shared>);

/// Set once, when the process is told to stop.
#[derive(Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// The process is told to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Set once this process has filled its database with demo data, or found it filled.
#[derive(Clone, Default)]
pub(crate) struct Demonstration(Arc<AtomicBool>);

impl Demonstration {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

pub(crate) struct Shared {
    pub database: Database,
    pub metrics: Metrics,
    pub telemetry: Telemetry,
    pub settings: HttpSettings,
    pub authenticator: Arc<dyn Authenticate>,
    pub stopping: Stopping,
    pub readiness: Readiness,
    pub demonstration: Demonstration,
    /// Set when the routes are put together.
    pub query_names: OnceLock<QueryNames>,
    /// Modules' services and the clients of their interfaces, by type.
    pub services: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl ServerState {
    pub(crate) fn new(shared: Shared) -> Self {
        ServerState(Arc::new(shared))
    }

    /// The application's database.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The application's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What a person sees of the process.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// The configuration of HTTP.
    pub fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// Whether the process was told to stop: what has no end of its own should end now.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_set()
    }

    /// Whether the process was started with demo data, whose passwords everybody knows and a page may tell.
    pub fn is_demonstration(&self) -> bool {
        self.0.demonstration.0.load(Ordering::Acquire)
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticate {
        &*self.0.authenticator
    }

    pub(crate) fn query_names(&self) -> &QueryNames {
        self.0.query_names.get_or_init(QueryNames::default)
    }

    pub(crate) fn service<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.services.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}

/// What is at `/` when the application says nothing else: the way to the page of its API.
pub(crate) fn front() -> Routes {
    Routes::new().route("/", get(async || Redirect::temporary("/docs")))
}

/// The whole application as one router: the modules' routes, the common ones, and the layer around all.
///
/// # Errors
/// When an operation has no example that works.
pub(crate) fn router(
    routes: Routes,
    title: &str,
    version: &str,
    state: ServerState,
) -> anyhow::Result<axum::Router> {
    let (router, document) = routes.merge(health::routes()).merge(assets(docs::PAGE)).split_for_parts();
    let _ = state.0.query_names.set(openapi::query_names(&document));
    let shared = cors::Shared::of(document.paths.paths.keys());
    let document = openapi::finish(document, title, version)?;
    let body_limit = state.settings().body_limit;
    let router = router
        .route("/openapi.json", get(move || docs::document(document.clone())))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_route)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(axum::middleware::from_fn_with_state((state.clone(), shared), request::serve))
        .with_state(state);
    Ok(router)
}

async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found("path").detail(format!("{} is not a path of this API; /docs lists them", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method")
        .detail(format!("{} does not take {method}; the header Allow lists what it takes", uri.path()))
}
