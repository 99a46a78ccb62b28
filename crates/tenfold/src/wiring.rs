//! What a module can reach while the application starts, and what it leaves to be done by the process.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tenfold_data::{Clock, Database};

use crate::call::Interface;
use crate::config::Loaded;
use crate::http::{Administer, Authenticate, Permissions};
use crate::notify::NotificationKind;

/// What a process does once a minute.
pub(crate) type MinuteLook = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What must hold in a process that serves or works, before it does.
pub(crate) type StartCheck = Box<dyn FnOnce() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// What a module can reach while the application starts.
pub struct Wiring {
    database: Database,
    settings: Arc<Loaded>,
    permissions: Arc<Permissions>,
    kinds: Vec<NotificationKind>,
    pub(crate) services: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// The type names of the services built so far.
    pub(crate) built: HashSet<&'static str>,
    pub(crate) authenticator: Option<Arc<dyn Authenticate>>,
    pub(crate) administrator: Option<Arc<dyn Administer>>,
    pub(crate) before_serving: Vec<StartCheck>,
    pub(crate) each_minute: Vec<MinuteLook>,
}

impl Wiring {
    pub(crate) fn new(
        database: Database,
        settings: Arc<Loaded>,
        permissions: Arc<Permissions>,
        kinds: Vec<NotificationKind>,
    ) -> Self {
        Wiring {
            database,
            settings,
            permissions,
            kinds,
            services: HashMap::new(),
            built: HashSet::new(),
            authenticator: None,
            administrator: None,
            before_serving: Vec::new(),
            each_minute: Vec::new(),
        }
    }

    /// The application's database, migrated.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The clock that tests can move.
    pub fn clock(&self) -> &Clock {
        self.database.clock()
    }

    /// The configuration.
    pub fn settings(&self) -> &Loaded {
        &self.settings
    }

    /// The permissions of all modules, with the roles that have them.
    pub fn permissions(&self) -> Arc<Permissions> {
        Arc::clone(&self.permissions)
    }

    /// The kinds of notifications of all modules, those of later ones too, in the order of their names.
    pub fn notification_kinds(&self) -> &[NotificationKind] {
        &self.kinds
    }

    /// A service that an earlier `.service(…)` of the module built.
    ///
    /// # Panics
    /// When there is none: the builder's calls are in the wrong order.
    pub fn service<T: Any + Send + Sync>(&self) -> Arc<T> {
        let service = self.services.get(&TypeId::of::<T>()).cloned();
        let service = service.and_then(|service| service.downcast().ok());
        service.unwrap_or_else(|| panic!("no .service(…) before this built a {}", std::any::type_name::<T>()))
    }

    /// The client of an interface that an earlier module provides.
    pub fn client<I: Interface + ?Sized>(&self) -> I::Client {
        I::Client::clone(&self.service::<I::Client>())
    }

    pub(crate) fn put<T: Any + Send + Sync>(&mut self, service: T) {
        self.services.insert(TypeId::of::<T>(), Arc::new(service));
        self.built.insert(std::any::type_name::<T>());
    }
}
