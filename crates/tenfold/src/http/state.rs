//! The state that all handlers share, and the type of their routes.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tenfold_admission::AdmissionFigures;
use tenfold_data::Database;
use tenfold_observe::metrics::Metrics;
use tenfold_observe::telemetry::Telemetry;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;

use super::administer::Administer;
use super::admission::gate::RequestAdmission;
use super::admission::routes::RouteClasses;
use super::authenticate::Authenticate;
use super::buffers::BufferBudget;
use super::live::LiveStreams;
use super::metrics_text::MetricsText;
use super::query_names::QueryNames;
use super::readiness::Readiness;
use super::settings::HttpSettings;
use crate::why::StatementPlans;

/// The routes of a module, with their part of the OpenAPI document.
pub type Routes = OpenApiRouter<ServerState>;

/// The state that all handlers share; cheap to clone.
#[derive(Clone)]
pub struct ServerState(Arc<Shared>);

/// Set once, when the process starts to stop.
#[derive(Clone, Default)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Starts stopping.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has started to stop.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the process starts to stop.
    pub async fn wait(&self) {
        // The sender is at hand, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|is_set| *is_set).await;
    }
}

/// Set once this process has filled its database with demo data, or found it already filled.
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
    pub metrics_text: MetricsText,
    pub telemetry: Telemetry,
    pub settings: HttpSettings,
    pub authenticator: Arc<dyn Authenticate>,
    pub administrator: Option<Arc<dyn Administer>>,
    pub stopping: Stopping,
    pub readiness: Readiness,
    pub demonstration: Demonstration,
    pub live: LiveStreams,
    /// Whether it is that of `http.operators`.
    pub is_for_operators: bool,
    pub admission: Arc<RequestAdmission>,
    pub buffers: Arc<BufferBudget>,
    /// The API's document, set when the routes are put together.
    pub document: Arc<OnceLock<Bytes>>,
    /// Set when the routes are put together.
    pub query_names: OnceLock<QueryNames>,
    /// Set when the routes are put together.
    pub route_classes: OnceLock<RouteClasses>,
    /// Modules' services and the clients of their interfaces, by type.
    pub services: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Shared {
    /// The same for handlers of another thread, with connections of its own to the database.
    pub(crate) fn aside(&self, database: Database) -> Self {
        Shared {
            database,
            metrics: self.metrics.clone(),
            // Of its own: a thread that stands still may hold the turn of the other one.
            metrics_text: MetricsText::default(),
            telemetry: self.telemetry.clone(),
            settings: self.settings.clone(),
            authenticator: Arc::clone(&self.authenticator),
            administrator: self.administrator.clone(),
            stopping: self.stopping.clone(),
            readiness: Readiness::new(),
            demonstration: self.demonstration.clone(),
            live: LiveStreams::new(self.settings.live),
            is_for_operators: true,
            admission: Arc::clone(&self.admission),
            buffers: Arc::clone(&self.buffers),
            document: Arc::clone(&self.document),
            query_names: OnceLock::new(),
            route_classes: OnceLock::new(),
            services: self.services.clone(),
        }
    }
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

    /// The telemetry that the console shows.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// What answers what is wrong, with the plans of statements.
    pub fn plans(&self) -> Arc<StatementPlans> {
        self.service().expect("the application has put them there")
    }

    /// The configuration of HTTP.
    pub fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    pub(super) fn metrics_text(&self) -> &MetricsText {
        &self.0.metrics_text
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// Waits until the process starts to stop: endless streams should end then.
    pub async fn stopped(&self) {
        self.0.stopping.wait().await;
    }

    /// Whether the process has started to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.is_set()
    }

    /// Whether its requests came to the address of `http.operators`. What they wait for must not be held by requests of the service's
    /// own address.
    pub fn is_for_operators(&self) -> bool {
        self.0.is_for_operators
    }

    /// What all live streams share.
    pub(super) fn live(&self) -> &LiveStreams {
        &self.0.live
    }

    /// Whether the process was started with demo data, whose passwords are public and may be shown on a page.
    pub fn is_demonstration(&self) -> bool {
        self.0.demonstration.0.load(Ordering::Acquire)
    }

    /// What the console administers people and organizations with; none if no module does.
    pub fn administrator(&self) -> Option<&dyn Administer> {
        self.0.administrator.as_deref()
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticate {
        &*self.0.authenticator
    }

    /// The API's document (OpenAPI), as JSON.
    pub fn document(&self) -> &[u8] {
        self.0.document.get().map_or(&[], |document| document)
    }

    /// Set once, when the routes are put together.
    pub(super) fn know_document(&self, document: Bytes) {
        let _ = self.0.document.set(document);
    }

    /// Set once, when the routes are put together.
    pub(crate) fn know_query_names(&self, names: QueryNames) {
        let _ = self.0.query_names.set(names);
    }

    /// How many requests run, wait and were refused; nothing if admission is disabled.
    pub fn admission_figures(&self) -> Option<AdmissionFigures> {
        self.0.admission.figures()
    }

    /// What is held in memory for clients.
    pub(super) fn buffers(&self) -> &BufferBudget {
        &self.0.buffers
    }

    pub(super) fn admission(&self) -> &RequestAdmission {
        &self.0.admission
    }

    /// Set once, when the routes are put together.
    pub(super) fn know_route_classes(&self, classes: RouteClasses) {
        let _ = self.0.route_classes.set(classes);
    }

    pub(super) fn route_classes(&self) -> &RouteClasses {
        self.0.route_classes.get_or_init(RouteClasses::default)
    }

    pub(crate) fn query_names(&self) -> &QueryNames {
        self.0.query_names.get_or_init(QueryNames::default)
    }

    pub(crate) fn service<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.services.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}
