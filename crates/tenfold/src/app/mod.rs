//! The application: puts its modules together, starts and serves them.

mod build_mark;
mod cache_command;
mod cli;
mod client_file;
mod console_sign_in;
mod demo;
mod jobs;
mod kinds;
mod load_command;
mod mcp_command;
mod minutes;
mod observers;
mod operator_command;
mod operators_port;
mod plain_http;
mod report_file;
mod serve;
mod table;
mod telemetry_export;
mod terminal;
mod why_command;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use tenfold_data::migrations;
use tenfold_data::{
    Clock, Database, Holds, ModuleMigrations, Observer, RowLevelSecurity, SystemContext, TopicKind,
    feed_migrations,
};
use tenfold_jobs::{Jobs, Listeners, Registry, Services, job_migrations};
use tenfold_observe::metrics::{Build, Metrics};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::ChangeKind;
use tokio::time::Instant;

use self::build_mark::build_mark;
use self::operators_port::{CriticalRoutes, operators_service};
use crate::config::{ConfigError, Loaded};
pub use crate::demo::{DemoOrganization, Fill, Filling, Welcome};
use crate::erasure::announce_forgetful;
use crate::facts::{ApplicationFacts, ModuleFacts};
use crate::http::{
    self, Authenticate, BufferBudget, Demonstration, HttpSettings, LiveStreams, MetricsText,
    OperatorsService, Permissions, Readiness, RequestAdmission, Routes, ServerState, Shared, Stopping,
};
use crate::module::Module;
use crate::settings::Settings;
use crate::why::{StatementPlans, schedules};
use crate::wiring::{MinuteLook, StartCheck, Wiring};

/// An application: a name and a list of modules.
///
/// ```ignore
/// fn main() -> ExitCode {
///     App::new("app", env!("CARGO_PKG_VERSION"))
///         .module(auth::module())
///         .module(projects::module())
///         .demo(|| "sign in as owner@acme.test".to_owned())
///         .run()
/// }
/// ```
pub struct App {
    name: &'static str,
    version: &'static str,
    commit: Option<&'static str>,
    modules: Vec<Module>,
    demo: Option<Welcome>,
    front: fn() -> Routes,
    demo_settings: Vec<(&'static str, &'static str)>,
    clock: Clock,
}

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
    /// An application without modules.
    pub fn new(name: &'static str, version: &'static str) -> Self {
        App {
            name,
            version,
            commit: None,
            modules: Vec::new(),
            demo: None,
            demo_settings: Vec::new(),
            front: http::front,
            clock: Clock::system(),
        }
    }

    /// The clock of its processes, the machine's unless another is given; for tests of clocks that differ.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The commit that the program is built from, or another mark of the build: `option_env!("SOURCE_COMMIT")`. A start is noted
    /// with it, so that a new build of the same version is told from a restart. Without it, or if it is empty, the build id of the
    /// executable is taken, if the linker has made one.
    pub fn commit(mut self, commit: Option<&'static str>) -> Self {
        self.commit = commit;
        self
    }

    /// Adds a module. The modules that it needs must be added before it.
    pub fn module(mut self, module: Module) -> Self {
        self.modules.push(module);
        self
    }

    /// Adds modules in their order, as [`modules!`](crate::modules) reads them from the package's manifest.
    pub fn modules(mut self, modules: Vec<Module>) -> Self {
        self.modules.extend(modules);
        self
    }

    /// Declares that the application has demo data, which its modules bring ([`Module::demo`]). `--demo` fills the
    /// database with it and prints this text.
    pub fn demo(mut self, welcome: Welcome) -> Self {
        self.demo = Some(welcome);
        self
    }

    /// The routes of the application's own page, including `/`. Without them, `/` redirects to `/docs`.
    pub fn front(mut self, routes: fn() -> Routes) -> Self {
        self.front = routes;
        self
    }

    /// A setting that `--demo` uses in place of the default, unless it is set explicitly.
    pub fn demo_setting(mut self, key: &'static str, value: &'static str) -> Self {
        self.demo_settings.push((key, value));
        self
    }

    /// All settings with their defaults: the framework's and the modules'.
    pub fn defaults(&self) -> String {
        self.modules
            .iter()
            .fold(crate::settings::DEFAULTS.to_owned(), |text, module| text + "\n" + module.settings)
    }

    fn facts(&self) -> ApplicationFacts {
        let modules = self.modules.iter().map(ModuleFacts::of).collect();
        ApplicationFacts { name: self.name, version: self.version, modules }
    }

    /// The names of its modules, in their order.
    pub(crate) fn module_names(&self) -> Vec<&'static str> {
        self.modules.iter().map(|module| module.name).collect()
    }

    /// The tables of the feed and of jobs come first: rows of modules and the jobs about them are committed together.
    fn migrations(&self) -> Vec<ModuleMigrations> {
        let migrations = |module: &Module| ModuleMigrations { module: module.name, files: module.migrations };
        let ours = ModuleMigrations { module: "tenfold.app", files: migrations!() };
        [feed_migrations(), job_migrations(), ours]
            .into_iter()
            .chain(self.modules.iter().map(migrations))
            .collect()
    }

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

    /// The routes of all modules, and the permissions they require.
    fn put_routes_together(&self) -> anyhow::Result<(Routes, Permissions)> {
        let of_modules = self.modules.iter().filter_map(|module| module.routes);
        let routes = of_modules.fold((self.front)(), |routes, of_module| routes.merge(of_module()));
        let declared: Vec<_> = self.modules.iter().flat_map(|module| &module.permissions).copied().collect();
        let permissions = Permissions::collect(routes.get_openapi(), &declared)?;
        Ok((routes, permissions))
    }

    /// The OpenAPI document, as JSON.
    fn document(&self) -> anyhow::Result<Bytes> {
        let (routes, _) = self.put_routes_together()?;
        http::document(routes, self.name, self.version)
    }

    /// Checks all settings, including the modules', without side effects.
    fn read_settings(&self, loaded: &Loaded) -> Result<Settings, ConfigError> {
        let settings = Settings::read(loaded)?;
        self.modules.iter().filter_map(|module| module.checks).try_for_each(|check| check(loaded))?;
        Ok(settings)
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
