//! A module: what it provides, needs, routes and migrates. The list in `main.rs` makes up the application.

use std::any::{Any, TypeId};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tenfold_data::{Context, MigrationFile};
use tenfold_jobs::{Event, GivenUp, Job, JobContext, Listeners, Registry};

use crate::app::Fill;
use crate::call::Interface;
use crate::config::{ConfigError, Loaded};
use crate::erasure::OrganizationErased;
use crate::http::{Administer, Authenticate, CriticalPages, DeclaredPermission, Permission, Routes};
use crate::notify::NotificationKind;
use crate::wiring::Wiring;

/// One module of an application.
///
/// ```ignore
/// pub fn module() -> Module {
///     Module::new("projects")
///         .needs::<dyn Auth>()
///         .routes(routes::all)
///         .migrations(migrations!())
/// }
/// ```
pub struct Module {
    pub(crate) name: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) checks: Option<Check>,
    pub(crate) migrations: &'static [MigrationFile],
    pub(crate) routes: Option<fn() -> Routes>,
    pub(crate) provides: Vec<NamedInterface>,
    pub(crate) needs: Vec<NamedInterface>,
    pub(crate) authenticators: usize,
    pub(crate) permissions: Vec<DeclaredPermission>,
    pub(crate) demo: Option<Fill>,
    pub(crate) steps: Vec<Step>,
    pub(crate) background: Vec<Background>,
    /// Whether it says how it erases what it has of an organization.
    pub(crate) erases: bool,
    pub(crate) critical: Vec<CriticalPages>,
    pub(crate) kinds: Vec<NotificationKind>,
}

/// Adds a kind of job or a listener to what workers can run.
pub(crate) type Background = Box<dyn FnOnce(&mut Registry, &mut Listeners) + Send>;

/// An interface, by its client's type and, for messages, by name.
#[derive(Clone, Copy)]
pub(crate) struct NamedInterface {
    pub(crate) client: TypeId,
    pub(crate) name: &'static str,
}

impl NamedInterface {
    fn of<I: Interface + ?Sized>() -> Self {
        NamedInterface { client: TypeId::of::<I::Client>(), name: I::NAME }
    }
}

/// Something that is built at start, in the order of the builder's calls.
pub(crate) type Step = Box<dyn for<'a> FnOnce(&'a mut Wiring) -> BoxFuture<'a, anyhow::Result<()>> + Send>;

/// Checks whether a module can work with these settings.
pub type Check = fn(&Loaded) -> Result<(), ConfigError>;

impl Module {
    /// Begins the description of a module; `name` is its folder and the prefix of its tables.
    pub fn new(name: &'static str) -> Self {
        Module {
            name,
            settings: "",
            checks: None,
            migrations: &[],
            routes: None,
            provides: Vec::new(),
            needs: Vec::new(),
            authenticators: 0,
            permissions: Vec::new(),
            demo: None,
            steps: Vec::new(),
            background: Vec::new(),
            erases: false,
            critical: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// The module's settings with their documented defaults, as TOML: one section with its name.
    pub fn settings(mut self, defaults: &'static str) -> Self {
        self.settings = defaults;
        self
    }

    /// Checks the module's settings, so that a bad value is refused before the database is touched.
    pub fn checks(mut self, check: Check) -> Self {
        self.checks = Some(check);
        self
    }

    /// The module's migrations.
    pub fn migrations(mut self, files: &'static [MigrationFile]) -> Self {
        self.migrations = files;
        self
    }

    /// The module's routes. Pages among them, made with [`assets`](crate::http::assets) or
    /// [`Html`](crate::http::Html), are not part of the OpenAPI document.
    pub fn routes(mut self, routes: fn() -> Routes) -> Self {
        self.routes = Some(routes);
        self
    }

    /// Requests of pages at this path and below it are not refused under overload, such as the operator's `/console`. They
    /// must be cheap, and few, so what anybody can send without a session is an exception, such as `/console/sign-in`. Operations
    /// say so themselves: `#[endpoint(…, priority = critical)]`.
    pub fn critical(mut self, path: &'static str, except: &'static [&'static str]) -> Self {
        self.critical.push(CriticalPages { path, except });
        self
    }

    /// Demo data: `fill` is called once for each demo organization, in a transaction, even if other modules filled the
    /// database before: `.demo(|tx, organization| Box::pin(demo::fill(tx, organization)))`.
    pub fn demo(mut self, fill: Fill) -> Self {
        self.demo = Some(fill);
        self
    }

    /// A permission that the module's code checks and none of its routes requires. Routes register their own.
    pub fn permission<P: Permission>(mut self) -> Self {
        self.permissions.push(DeclaredPermission { name: P::NAME, roles: P::ROLES });
        self
    }

    /// A service that the module's handlers share, built once at start, after the migrations; handlers take it
    /// as [`Use<T>`](crate::http::Use).
    pub fn service<T, F>(mut self, start: F) -> Self
    where
        T: Any + Send + Sync,
        F: for<'a> FnOnce(&'a Wiring) -> BoxFuture<'a, anyhow::Result<T>> + Send + 'static,
    {
        self.steps.push(Box::new(|wiring| {
            Box::pin(async move {
                let service = start(wiring).await?;
                wiring.put(service);
                Ok(())
            })
        }));
        self
    }

    /// Calls `check` in each process that serves or works, before its first request and its first job, with a service that an earlier
    /// `.service(…)` built: for what must be there where the process runs. If it fails, the process ends with its error. Commands that
    /// only ask or change the database do without.
    pub fn before_serving<T: Any + Send + Sync>(
        mut self,
        check: fn(Arc<T>) -> BoxFuture<'static, anyhow::Result<()>>,
    ) -> Self {
        self.steps.push(Box::new(move |wiring| {
            let service = wiring.service::<T>();
            wiring.before_serving.push(Box::new(move || check(service)));
            Box::pin(std::future::ready(Ok(())))
        }));
        self
    }

    /// Calls `look` once a minute in each process that serves or works, with a service that an earlier `.service(…)` built: for what
    /// a process must say of itself. What the application has to do as a whole is a schedule ([`Module::every`]). A call that takes long
    /// delays the next one, of all modules.
    pub fn each_minute<T: Any + Send + Sync>(mut self, look: fn(Arc<T>) -> BoxFuture<'static, ()>) -> Self {
        self.steps.push(Box::new(move |wiring| {
            let service = wiring.service::<T>();
            wiring.each_minute.push(Box::new(move || look(Arc::clone(&service))));
            Box::pin(std::future::ready(Ok(())))
        }));
        self
    }

    /// The module implements an interface; `make` returns the implementation.
    pub fn provides<I: Interface + ?Sized>(
        mut self,
        make: impl FnOnce(&Wiring) -> Arc<I> + Send + 'static,
    ) -> Self {
        self.provides.push(NamedInterface::of::<I>());
        self.steps.push(Box::new(|wiring| {
            let client = I::client(make(wiring));
            wiring.put(client);
            Box::pin(std::future::ready(Ok(())))
        }));
        self
    }

    /// The module calls an interface of another; handlers take its client as an argument.
    pub fn needs<I: Interface + ?Sized>(mut self) -> Self {
        self.needs.push(NamedInterface::of::<I>());
        self
    }

    /// Registers a kind of job; workers of this application run it. An unregistered job cannot be enqueued.
    pub fn job<J: Job>(mut self) -> Self {
        self.background.push(Box::new(|registry, _| registry.register::<J>()));
        self
    }

    /// Declares a queue. Each process runs so many of its jobs at once. [`Job::QUEUE`] and
    /// [`JobOptions::queue`](tenfold_jobs::JobOptions::queue) name it.
    pub fn queue(mut self, name: &'static str, concurrency: usize) -> Self {
        self.background.push(Box::new(move |registry, _| registry.queue(name, concurrency)));
        self
    }

    /// The module sends notifications of this kind, by publishing [`NotificationKind::notify`]. All kinds are known at start, so that people
    /// can choose how each reaches them.
    pub fn notifies(mut self, kind: NotificationKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Enqueues a job again and again, once in the cluster: `.every("files.sweep", "17 * * * *", || SweepBlobs {})`, or
    /// `"1h"`. See [`Registry::every`].
    pub fn every<J: Job>(
        mut self,
        name: &'static str,
        spec: &'static str,
        make: impl Fn() -> J + Send + Sync + 'static,
    ) -> Self {
        self.background.push(Box::new(move |registry, _| registry.every(name, spec, make)));
        self
    }

    /// Calls `listen` for each job of this kind that ends without success, until the call succeeds: see
    /// [`Registry::on_given_up`].
    pub fn on_given_up<J, F, W>(mut self, listen: F) -> Self
    where
        J: Job,
        F: Fn(JobContext, GivenUp<J>) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.background.push(Box::new(move |registry, _| registry.on_given_up(listen)));
        self
    }

    /// As [`Module::on_given_up`], for all jobs and deliveries of this module whose kinds have no listener of their own: see
    /// [`Registry::on_any_given_up`].
    pub fn on_any_given_up<F, W>(mut self, listen: F) -> Self
    where
        F: Fn(JobContext, GivenUp<serde_json::Value>) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let module = self.name;
        self.background.push(Box::new(move |registry, _| registry.on_any_given_up(module, listen)));
        self
    }

    /// Listens to an event of another module. `name` names its deliveries, such as `files.on_closed`, and must be
    /// stable.
    pub fn on<E, F, W>(mut self, name: &'static str, listen: F) -> Self
    where
        E: Event,
        F: Fn(JobContext, E) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.background.push(Box::new(move |registry, listeners| listeners.on(registry, name, listen)));
        self
    }

    /// How the module erases what it has of an organization: its rows, and what it keeps outside the database. It is called once the
    /// organization is closed for good, and again if it was interrupted, so it must begin anew at any point. `name` names its deliveries,
    /// such as `projects.erase`, and must be stable.
    ///
    /// ```ignore
    /// .erases("notes.erase", |_, cx| async move { Ok(Note::erase(&cx).await?) })
    /// ```
    ///
    /// The organization is gone when no table with a column `org_id` has a row of it any more. A module that forgets one is named by
    /// the job `auth.erase_organization`, which waits for it, and by a warning at start.
    pub fn erases<F, W>(mut self, name: &'static str, erase: F) -> Self
    where
        F: Fn(JobContext, Context) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.erases = true;
        self.on(name, move |job: JobContext, event: OrganizationErased| {
            let cx = job.system().within(event.organization);
            erase(job, cx)
        })
    }

    /// The module erases organizations itself, last of all, as the one does that knows the people.
    pub fn erases_last(mut self) -> Self {
        self.erases = true;
        self
    }

    /// The module lets operators find and administer people and organizations, in the console. At most one module of an application does.
    pub fn administers(mut self, make: impl FnOnce(&Wiring) -> Arc<dyn Administer> + Send + 'static) -> Self {
        self.steps.push(Box::new(|wiring| {
            wiring.administrator = Some(make(wiring));
            Box::pin(std::future::ready(Ok(())))
        }));
        self
    }

    /// The module authenticates tokens. Exactly one module of an application does.
    pub fn authenticates(
        mut self,
        make: impl FnOnce(&Wiring) -> Arc<dyn Authenticate> + Send + 'static,
    ) -> Self {
        self.authenticators += 1;
        self.steps.push(Box::new(|wiring| {
            wiring.authenticator = Some(make(wiring));
            Box::pin(std::future::ready(Ok(())))
        }));
        self
    }
}
