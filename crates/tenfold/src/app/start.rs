//! The start of an application: its database is migrated, its modules' services are built, and its routes put together.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use tenfold_data::{Clock, Database, Holds, Observer, RowLevelSecurity, SystemContext, TopicKind};
use tenfold_jobs::{Jobs, Listeners, Registry, Services};
use tenfold_observe::metrics::{Build, Metrics};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::ChangeKind;
use tokio::time::Instant;

use super::build_mark::build_mark;
use super::operators_port::{CriticalRoutes, operators_service};
use super::{App, demo, kinds, observers};
use crate::config::Loaded;
use crate::demo::Fill;
use crate::erasure::announce_forgetful;
use crate::http::{
    self, Authenticate, BufferBudget, Demonstration, HttpSettings, LiveStreams, MetricsText,
    OperatorsService, Readiness, RequestAdmission, ServerState, Shared, Stopping,
};
use crate::module::Module;
use crate::settings::Settings;
use crate::why::{StatementPlans, schedules};
use crate::wiring::{MinuteLook, StartCheck, Wiring};

/// An application that is wired to its database and ready to answer.
pub struct Started {
    /// The database, migrated.
    pub database: Database,
    /// All routes.
    pub router: Router,
    /// Tells endless streams that the process stops.
    pub stopping: Stopping,
    /// Runs the modules' jobs, once [`Worker::start`](tenfold_jobs::Worker::start) has started a worker.
    pub jobs: Jobs,
    /// How requests are answered on a socket.
    pub http: HttpSettings,
    /// What is held in memory for clients.
    pub buffers: Arc<BufferBudget>,
    /// What `http.operators` serves, if it is set.
    pub operators: Option<OperatorsService>,
    demonstration: Demonstration,
    people: Arc<dyn Authenticate>,
    fills: Vec<(&'static str, Fill)>,
    pub(crate) state: ServerState,
    pub(crate) before_serving: Vec<StartCheck>,
    pub(crate) each_minute: Vec<MinuteLook>,
    pub(crate) plans: Arc<StatementPlans>,
}

impl Started {
    /// Fills the database with the demo data of each module that has not done so before, and informs the
    /// application's pages.
    ///
    /// # Errors
    /// When the data cannot be stored.
    pub async fn seed(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        let fill = async |cx: SystemContext| demo::fill(&cx, &*self.people, &self.fills).await;
        self.database.run(Some(deadline), fill).await?;
        self.demonstration.set();
        Ok(())
    }
}

impl App {
    /// Opens the database, migrates it, builds the modules' services and puts the routes together.
    ///
    /// `telemetry` and the metrics record everything. `observers` also see every statement and call; tests use them to
    /// count.
    ///
    /// # Errors
    /// The database cannot be used, a migration fails, no earlier module provides a needed interface, a handler takes
    /// a service that no module builds, or two jobs, listeners or kinds of notifications have the same name.
    pub async fn start(
        mut self,
        loaded: Loaded,
        clock: Clock,
        telemetry: Telemetry,
        mut observers: Vec<Arc<dyn Observer>>,
    ) -> anyhow::Result<Started> {
        let settings = self.read_settings(&loaded)?;
        self.check_needs()?;
        let kinds = kinds::collect(&self.modules)?;
        let (registry, listeners) = self.background()?;
        let build = Build { application: self.name, version: self.version, started_at: clock.now() };
        let metrics = Metrics::new(&build);
        let watcher = observers::watcher(&metrics, &telemetry);
        observers.push(Arc::clone(&watcher) as Arc<dyn Observer>);
        let database = Database::open(&settings.database_url, &settings.database, clock, observers)?;
        telemetry.set_calls_under_way(Arc::clone(database.calls_under_way()));
        let migrated = database.migrate(&self.migrations()).await?;
        self.note_start(&telemetry, &settings, migrated);
        announce(&database.row_level_security().await?);
        announce_forgetful(&self.modules, &database);
        let (routes, permissions) = self.put_routes_together()?;
        let mut wiring = Wiring::new(database.clone(), Arc::new(loaded), Arc::new(permissions), kinds);
        wiring.put(telemetry.clone());
        wiring.put(StatementPlans::new(database.clone(), telemetry.clone(), settings.why_plans));
        let plans = wiring.service();
        let fills = self.modules.iter().filter_map(|module| Some((module.name, module.demo?))).collect();
        // In every role, and before a module's service enqueues its first job.
        registry.declare(&database);
        // Any GET can be live, in any process: so the others are told of all that changes.
        database.feed().tell([TopicKind::every_table(), TopicKind::every_signal()]);
        database.feed().start().await?;
        listeners.declare(&database);
        let facts = self.facts();
        let critical = CriticalRoutes::of(&self.modules);
        let authenticator = build_services(self.modules, &mut wiring).await?;
        let services = Services::new(wiring.services.clone());
        let jobs = Jobs::new(database.clone(), registry, listeners, services, settings.jobs, watcher);
        jobs.declare_schedules().await?;
        wiring.each_minute.extend(schedules::watch(&telemetry, &jobs).await);
        wiring.put(jobs.clone());
        wiring.put(facts);
        http::check_services(routes.get_openapi(), &wiring.built)?;
        let shared = share(&settings.http, &database, &mut wiring, (metrics, telemetry), authenticator);
        let (stopping, demonstration) = (shared.stopping.clone(), shared.demonstration.clone());
        let (buffers, people) = (Arc::clone(&shared.buffers), Arc::clone(&shared.authenticator));
        let aside = |_| database.aside(&settings.database_url, &settings.database);
        let aside = settings.operators.map(aside).transpose()?;
        let operators = aside.map(|aside| operators_service(aside, &shared, &critical));
        let state = ServerState::new(shared);
        let router = http::router(routes, self.name, self.version, state.clone(), critical.pages)?;
        Ok(Started {
            database,
            router,
            stopping,
            jobs,
            http: settings.http,
            buffers,
            operators,
            demonstration,
            people,
            fills,
            before_serving: wiring.before_serving,
            each_minute: wiring.each_minute,
            plans,
            state,
        })
    }

    /// Begins to record for `why`; the start itself is the first change.
    fn note_start(&self, telemetry: &Telemetry, settings: &Settings, migrated: usize) {
        let Some(limits) = settings.why else { return };
        telemetry.record_for_why(limits);
        let build = build_mark(self.commit).map_or_else(String::new, |mark| format!(" (build {mark})"));
        telemetry.changed(ChangeKind::Deploy, format!("{} {}{build} started", self.name, self.version));
        if migrated > 0 {
            telemetry.changed(ChangeKind::Migration, format!("{migrated} migrations were applied"));
        }
    }

    /// The modules' jobs and listeners.
    fn background(&mut self) -> anyhow::Result<(Registry, Listeners)> {
        let (mut registry, mut listeners) = (Registry::default(), Listeners::default());
        for add in self.modules.iter_mut().flat_map(|module| std::mem::take(&mut module.background)) {
            add(&mut registry, &mut listeners);
        }
        registry.check()?;
        Ok((registry, listeners))
    }

    fn check_needs(&self) -> anyhow::Result<()> {
        let authenticators: usize = self.modules.iter().map(|module| module.authenticators).sum();
        anyhow::ensure!(authenticators <= 1, "{authenticators} modules call .authenticates(…): one must");
        let mut provided = HashSet::new();
        for module in &self.modules {
            for need in &module.needs {
                anyhow::ensure!(
                    provided.contains(&need.client),
                    "module {} needs dyn {}, which no module before it provides: add the module, or move it up",
                    module.name,
                    need.name
                );
            }
            for interface in &module.provides {
                anyhow::ensure!(
                    provided.insert(interface.client),
                    "module {} provides dyn {}, as a module before it does: one of them must go",
                    module.name,
                    interface.name
                );
            }
        }
        Ok(())
    }
}

/// Builds the services of all modules, and gives the one that authenticates.
async fn build_services(modules: Vec<Module>, wiring: &mut Wiring) -> anyhow::Result<Arc<dyn Authenticate>> {
    for module in modules {
        for step in module.steps {
            step(wiring).await?;
        }
    }
    let authenticator = wiring.authenticator.take();
    authenticator.ok_or_else(|| anyhow::anyhow!("no module authenticates: one must call .authenticates(…)"))
}

/// What all handlers share.
fn share(
    settings: &HttpSettings,
    database: &Database,
    wiring: &mut Wiring,
    (metrics, telemetry): (Metrics, Telemetry),
    authenticator: Arc<dyn Authenticate>,
) -> Shared {
    let admission = RequestAdmission::start(&settings.admission, database.pressure_gauge().clone());
    Shared {
        database: database.clone(),
        metrics,
        metrics_text: MetricsText::default(),
        telemetry,
        settings: settings.clone(),
        authenticator,
        administrator: wiring.administrator.take(),
        stopping: Stopping::default(),
        readiness: Readiness::new(),
        demonstration: Demonstration::default(),
        live: LiveStreams::new(settings.live),
        is_for_operators: false,
        admission: Arc::new(admission),
        buffers: BufferBudget::new(settings.buffers),
        document: Arc::default(),
        query_names: OnceLock::new(),
        route_classes: OnceLock::new(),
        services: std::mem::take(&mut wiring.services),
    }
}

/// Says at start whether the database itself keeps organizations apart.
fn announce(wall: &RowLevelSecurity) {
    match wall.holds {
        Holds::Nobody => {}
        Holds::Bypassed => tracing::warn!("row-level security is {wall}"),
        Holds::Owner | Holds::Everybody => tracing::info!("row-level security is {wall}"),
    }
}
