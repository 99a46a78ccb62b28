//! The application: what it is made of. It is started in `start.rs` and served in `serve.rs`.

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
mod start;
mod table;
mod telemetry_export;
mod terminal;
mod why_command;

use bytes::Bytes;
use tenfold_data::{Clock, ModuleMigrations, feed_migrations, migrations};
use tenfold_jobs::job_migrations;

pub use self::start::Started;
use crate::config::{ConfigError, Loaded};
pub use crate::demo::{DemoOrganization, Fill, Filling, Welcome};
use crate::facts::{ApplicationFacts, ModuleFacts};
use crate::http::{self, Permissions, Routes};
use crate::module::Module;
use crate::settings::Settings;

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
}
