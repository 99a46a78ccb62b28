//! For tests: an application on a real database, driven through its router as HTTP would.
//!
//! ```ignore
//! both_databases!(app::app(); async fn a_guest_is_told_to_sign_in(app) {
//!     let answer = app.get("/v1/users").send().await;
//!     assert_eq!(answer.status(), 401);
//! });
//! ```

mod budget;
mod client;
mod exceptions;
mod history;
mod log;
mod observed;
mod plans;
mod rights;
mod sessions;

use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenfold_data::testing::{PATIENT_CONNECT_TIMEOUT, PATIENT_TRANSACTION_LIMIT, TestDatabase};
use tenfold_data::{
    CallRecord, Clock, Database, Dialect, Observer, Pooler, RepeatedRecord, StatementRecord, SystemContext,
    WaitRecord,
};
use tenfold_jobs::{Job, JobState, QueuedJob, admin};
use tenfold_observe::telemetry::Telemetry;

pub use tenfold_data::testing::rights::{Breach, ModuleText};

pub use self::budget::{count_statements, scale};
pub use self::client::{TestRequest, TestResponse, TestStream};
pub use self::history::KeptHistory;
pub use self::log::{Log, RecordedSpans};
use self::observed::Observed;
pub use self::sessions::{TestSession, sessions};
use crate::app::{App, Started};
use crate::config::Loader;
use crate::http::{Bound, OperatorsPort};

/// Runs a test once on SQLite and once on PostgreSQL; the body gets a started [`TestApp`] by reference. Settings
/// may follow the application: `both_databases!(app::app(), [("http.deadline", "1s")]; async fn …)`.
#[macro_export]
macro_rules! both_databases {
    ($make:expr; $($test:tt)*) => {
        $crate::both_databases!($make, []; $($test)*);
    };
    ($make:expr, $settings:expr; $(#[$attribute:meta])* async fn $name:ident($app:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($app: &$crate::testing::TestApp) $body

            $(#[$attribute])*
            #[test]
            fn on_sqlite() {
                $crate::testing::run($make, $crate::data::Dialect::Sqlite, &$settings, async |app| body(app).await);
            }

            $(#[$attribute])*
            #[test]
            fn on_postgres() {
                $crate::testing::run($make, $crate::data::Dialect::Postgres, &$settings, async |app| body(app).await);
            }
        }
    };
}

/// When the manual clock of every test begins: 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

/// Time limits that a machine which stands still for seconds does not reach.
fn patient_settings() -> impl Iterator<Item = (String, String)> {
    let limits = [
        ("transaction_limit", PATIENT_TRANSACTION_LIMIT),
        ("acquire_timeout", PATIENT_CONNECT_TIMEOUT),
        ("connect_timeout", PATIENT_CONNECT_TIMEOUT),
    ];
    limits.into_iter().map(|(name, limit)| (format!("database.{name}"), format!("{}s", limit.as_secs())))
}

/// A started application with a database of its own and a clock that the test moves.
pub struct TestApp {
    started: Started,
    clock: Clock,
    observed: Arc<Observed>,
    telemetry: Telemetry,
    modules: Vec<&'static str>,
    folder: Folder,
    // Dropped last: the database's connections are closed before its files go.
    place: TestDatabase,
}

/// Starts an application on an empty database, runs a test on it, and takes it down.
pub fn run(app: App, dialect: Dialect, settings: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let app = TestApp::start(app, dialect, settings).await;
        test(&app).await;
        app.started.database.close().await;
        app.refuse_breaches_and_waste().await;
    });
}

impl TestApp {
    /// Starts an application; `settings` are keys and values such as `("http.deadline", "1s")`. Without settings the
    /// time limits of the database are longer than the defaults, so that a busy machine does not reach them.
    ///
    /// # Panics
    /// When it does not start: the message says why.
    pub async fn start(app: App, dialect: Dialect, settings: &[(&str, &str)]) -> Self {
        let place = TestDatabase::create(dialect).await;
        let clock = Clock::manual(tenfold_data::Timestamp::from_second(START).unwrap_or_default());
        let observed = Arc::new(Observed::default());
        let mut loader = Loader::new("defaults.toml", &app.defaults()).expect("the defaults are right");
        let folder = Folder::create();
        let mut own = vec![("database.url".to_owned(), place.url().to_owned())];
        own.extend(patient_settings());
        own.extend(place.migrate_url().map(|url| ("database.migrate_url".to_owned(), url.to_owned())));
        if place.pooler() == Pooler::Transaction {
            own.push(("database.pooler".to_owned(), "transaction".to_owned()));
        }
        own.extend(folder.settings(&app.defaults()));
        // Statements are counted, and their plans looked at, as they are when nothing is in the cache.
        if settings.iter().all(|(key, _)| *key != "cache.size") {
            own.push(("cache.size".to_owned(), "0".to_owned()));
        }
        // All requests run at once: a machine that stands still for a moment must not look overloaded.
        if settings.iter().all(|(key, _)| !key.starts_with("admission.")) {
            own.push(("admission.min_limit".to_owned(), "1000".to_owned()));
        }
        own.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        for (key, value) in &own {
            loader = loader.flag("test", key, Some(value)).unwrap_or_else(|error| panic!("{error}"));
        }
        let modules = app.module_names();
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&observed) as Arc<dyn Observer>];
        let telemetry = Telemetry::new(clock.clone());
        let started = app.start(loader.load(), clock.clone(), telemetry.clone(), observers).await;
        let started = started.unwrap_or_else(|error| panic!("the application does not start: {error:#}"));
        TestApp { started, clock, observed, telemetry, modules, folder, place }
    }

    /// Fills the database with the application's demo data.
    ///
    /// # Panics
    /// When it cannot be stored.
    pub async fn seed_demo(&self) {
        self.started.seed().await.expect("the demo data can be stored");
        self.forget();
    }

    /// Runs `work` in its own scope, to prepare or inspect rows.
    pub async fn run<T>(&self, work: impl AsyncFnOnce(SystemContext) -> T) -> T {
        // The preparation of a test is not under test.
        let work = async |cx: SystemContext| work(cx.repeating("a test's own work")).await;
        self.started.database.run(None, work).await
    }

    /// Fails the test if one of its requests or jobs touched another module's tables, wrote a table without saying so,
    /// repeated a statement, ran a
    /// statement whose plan does not scale, or waited for something else inside a transaction.
    async fn refuse_breaches_and_waste(&self) {
        let (url, dialect) = (self.all_powerful_url(), self.started.database.dialect());
        let ran = self.observed.take_ran();
        let breaches = rights::new_breaches(&url, dialect, &self.modules, &ran).await;
        let breaches: Vec<String> = breaches.iter().map(ToString::to_string).collect();
        let told = breaches.join("\n\n");
        assert!(breaches.is_empty(), "statements reach past the tables of their modules:\n\n{told}\n");
        let unsaid = rights::unsaid(&url, &ran).await.join("\n\n");
        assert!(unsaid.is_empty(), "what statements change is not said:\n\n{unsaid}\n");
        let repeated = self.take_repeated();
        let bad = plans::bad(&url, dialect, ran).await;
        let waited = self.take_waited();
        let waited = waited.iter().map(ToString::to_string);
        let found: Vec<String> = repeated.iter().map(ToString::to_string).chain(bad).chain(waited).collect();
        assert!(found.is_empty(), "the test holds, but not at scale:\n\n{}\n", found.join("\n\n"));
    }

    /// The URL of a superuser: planning as at scale and creating roles need privileges that an application's role
    /// lacks.
    fn all_powerful_url(&self) -> String {
        self.place.superuser_url().unwrap_or_else(|| self.place.url().to_owned())
    }

    /// Which of these statements use tables of other modules, except those that `tenfold-check.toml` tolerates.
    /// Statements that a test sends are checked at its end anyway; this is for statements that no test sends.
    pub async fn breaches(&self, texts: &[ModuleText]) -> Vec<Breach> {
        rights::breaches(&self.all_powerful_url(), texts).await
    }

    /// The N+1s so far. A test that does not take them fails at its end.
    pub fn take_repeated(&self) -> Vec<RepeatedRecord> {
        self.observed.take_repeated()
    }

    /// The transactions so far that waited for something other than the database. A test that does not take them fails
    /// at its end.
    pub fn take_waited(&self) -> Vec<WaitRecord> {
        self.observed.take_waited()
    }

    /// Runs the jobs and deliveries that are due now, one after the other, until none is. Returns how many ran.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn run_due_jobs(&self) -> usize {
        self.started.jobs.run_due().await.expect("jobs can be claimed")
    }

    /// Does what each process does once a minute ([`Module::each_minute`](crate::Module::each_minute)); the clock stands.
    pub async fn each_minute(&self) {
        for look in &self.started.each_minute {
            look().await;
        }
    }

    /// Looks at the plans of new statements and at the schema, as each process does every ten seconds; the clock stands.
    pub async fn look_at_plans(&self) {
        self.started.plans.look().await;
    }

    /// The jobs of a kind that are not finished, in the order in which they were enqueued: when each runs is its `run_at`.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn enqueued<J: Job>(&self) -> Vec<QueuedJob> {
        let mut jobs = self.unfinished().await;
        jobs.retain(|job| job.kind == J::KIND);
        jobs.sort_by_key(|job| job.id);
        jobs
    }

    /// Fails the test if a job is not finished: one that was forgotten, or is still to be retried.
    ///
    /// # Panics
    /// When there is one: the message names its kind and state.
    pub async fn expect_no_jobs(&self) {
        let left = self.unfinished().await;
        let left: Vec<_> = left.iter().map(|job| format!("{} is {}", job.kind, job.state.as_str())).collect();
        assert!(left.is_empty(), "jobs are left: {}", left.join(", "));
    }

    async fn unfinished(&self) -> Vec<QueuedJob> {
        use JobState::{Available, Retryable, Running, Scheduled, Waiting};
        let mut all = Vec::new();
        for state in [Available, Scheduled, Waiting, Running, Retryable] {
            let found = self.run(async |cx| admin::queued(&cx, state, 1000).await).await;
            all.extend(found.expect("jobs can be read"));
        }
        all
    }

    /// The job runner, to cancel a job or to retry it as an operator does.
    pub fn jobs(&self) -> &tenfold_jobs::Jobs {
        &self.started.jobs
    }

    /// The clock; moving it moves the application's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.started.database
    }

    /// The address of the database.
    pub fn database_url(&self) -> &str {
        self.place.url()
    }

    /// The test's own folder, which holds the modules' `file:` settings by key: `files.blobs`.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Serves on a loopback socket while `test` runs, and passes it the address: for behaviour that only a connection
    /// shows, such as a client that disconnects.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn listen<T>(&self, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let bound = Bound::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port is free");
        let address = bound.address();
        let serving =
            bound.serve(self.started.router.clone(), &self.started.http, &self.started.buffers, pending());
        tokio::select! {
            _ = serving => unreachable!("it is told to stop by nobody"),
            value = test(address) => value,
        }
    }

    /// Serves `http.operators`, which the test's settings must name, from a thread of its own while `test` runs, and passes it the
    /// address.
    ///
    /// # Panics
    /// When it is not set, or no port is free.
    pub async fn listen_for_operators<T>(&self, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let service = self.started.operators.clone().expect("the test sets http.operators");
        let port = OperatorsPort::listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
        let address = port.address();
        let thread = port.serve(service).expect("a thread starts");
        let value = test(address).await;
        thread.end().await;
        value
    }

    /// Adds spans, warnings and calls to other services on the test's thread to telemetry, as in a process that serves, until the result is
    /// dropped.
    pub fn record_spans(&self) -> RecordedSpans {
        RecordedSpans::start(&self.telemetry)
    }

    /// Tells the application that its process stops, as a signal does. It goes on answering.
    pub fn begin_to_stop(&self) {
        self.started.stopping.set();
    }

    /// Begins a request.
    pub fn request(&self, method: &str, path: &str) -> TestRequest {
        TestRequest::new(self.started.router.clone(), method, path)
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request("GET", path)
    }

    /// Begins a POST.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request("POST", path)
    }

    /// Begins a DELETE.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request("DELETE", path)
    }

    /// Begins a PATCH.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request("PATCH", path)
    }

    /// The statements that reached the database since the start or the last [`TestApp::forget`].
    pub fn statements(&self) -> Vec<StatementRecord> {
        self.observed.statements()
    }

    /// The calls between modules since the start or the last [`TestApp::forget`].
    pub fn calls(&self) -> Vec<CallRecord> {
        self.observed.calls()
    }

    /// Forgets the statements and calls so far.
    pub fn forget(&self) {
        self.observed.forget();
    }
}

/// A folder that is deleted with its test.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tenfold_files_{}_{number}", std::process::id()));
        // Leftovers of an earlier process with the same id are not in use.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Folder(path)
    }

    /// Every setting whose default is a folder, `file:…`, redirected into this one.
    fn settings(&self, defaults: &str) -> Vec<(String, String)> {
        let loaded = Loader::new("defaults.toml", defaults).expect("the defaults are right").load();
        let folders = loaded.documentation().filter(|setting| setting.default.starts_with("\"file:"));
        let own = |key: String| (key.clone(), format!("file:{}", self.0.join(key).display()));
        folders.map(|setting| own(setting.key)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the temporary folder: a leftover is harmless.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
