//! The context of a request: its tenant, principal, deadline, trace and data scope.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::{Clock, Timestamp};
use crate::database::Database;
use crate::ownership::{Global, OrgId, Ownership};
use crate::scope::{Asker, BATCH, Connection, RepeatCheck, Scope};
use crate::statement::CallSite;
use crate::trace::TraceContext;
use crate::value::{ColumnType as _, Value};

/// The person or key on whose behalf a request runs.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person, who may be a user of several organizations; nil for an API key.
    pub account: Uuid,
    /// The person inside this organization; for an API key the one who made it.
    pub user: Uuid,
    /// The session that the request was signed with.
    pub session: Uuid,
    /// The names of this user's permissions.
    pub permissions: Arc<BTreeSet<String>>,
}

/// What everything takes that reads, writes or calls another module. It names one organization.
///
/// Cheap to clone. A tenant-owned entity cannot be loaded without one (or a transaction made from one).
#[derive(Clone)]
pub struct Context {
    scope: Arc<Scope>,
    tenant: OrgId,
    principal: Option<Arc<Principal>>,
    repeats: RepeatCheck,
}

/// A context that names no organization: for sign-in, schedules and the console. It reaches global entities only.
#[derive(Clone)]
pub struct SystemContext {
    scope: Arc<Scope>,
    repeats: RepeatCheck,
}

impl Database {
    /// Runs `work` in a scope of its own, outside any request: for start-up, seeds, commands and tests.
    pub async fn run<T>(&self, deadline: Option<Instant>, work: impl AsyncFnOnce(SystemContext) -> T) -> T {
        let scope = Scope::new(self.clone(), TraceContext::start_random(), deadline);
        let cx = SystemContext::new(Arc::clone(&scope));
        scope.drive(work(cx)).await
    }
}

impl SystemContext {
    /// The context of a scope. Code that holds the scope decides what may act for the whole system.
    pub fn new(scope: Arc<Scope>) -> Self {
        SystemContext { scope, repeats: RepeatCheck::Counted }
    }

    /// The same request, acting inside one organization, without a principal.
    pub fn within(&self, tenant: OrgId) -> Context {
        Context { scope: Arc::clone(&self.scope), tenant, principal: None, repeats: self.repeats }
    }

    /// The same context, for reads, writes and calls that may repeat. The N+1 detector skips them, for the `reason`
    /// that the author gives.
    pub fn repeating(&self, reason: &'static str) -> Self {
        SystemContext { repeats: RepeatCheck::unless(reason), ..self.clone() }
    }

    pub(crate) fn repeats(&self) -> RepeatCheck {
        self.repeats
    }

    /// The request's scope.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// How busy the process is, from 0 (idle) to 1 (requests wait). Above 0.8 or so, leave out what is optional.
    pub fn pressure(&self) -> f64 {
        self.scope.database().pressure_gauge().get()
    }

    /// The time now, from the clock that tests can move.
    pub fn now(&self) -> Timestamp {
        self.scope.clock().now()
    }

    /// A fresh UUIDv7.
    pub fn new_id(&self) -> Uuid {
        self.scope.clock().new_id()
    }
}

impl Context {
    /// The same context, acting for `principal`.
    pub fn acting_for(mut self, principal: Principal) -> Self {
        self.principal = Some(Arc::new(principal));
        self
    }

    /// The same organization and principal in another scope: for work that outlives this one, or its deadline.
    pub fn in_scope(&self, scope: Arc<Scope>) -> Self {
        Context { scope, tenant: self.tenant, principal: self.principal.clone(), repeats: self.repeats }
    }

    /// The organization whose rows can be reached.
    pub fn tenant(&self) -> OrgId {
        self.tenant
    }

    /// The person that the request was authenticated as; `None` for work of the system itself.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_deref()
    }

    /// The same context, for reads, writes and calls that may repeat. The N+1 detector skips them, for the `reason`
    /// that the author gives.
    pub fn repeating(&self, reason: &'static str) -> Self {
        Context { repeats: RepeatCheck::unless(reason), ..self.clone() }
    }

    pub(crate) fn repeats(&self) -> RepeatCheck {
        self.repeats
    }

    /// Counts a call to another module's method for this many keys, for the N+1 detector. `asks` distinguishes its
    /// arguments from others, if they are known.
    #[doc(hidden)]
    pub fn count_call(
        &self,
        (module, method): (&'static str, &'static str),
        keys: usize,
        asks: Option<u64>,
        site: CallSite,
    ) {
        if self.repeats == RepeatCheck::Counted && keys < BATCH {
            let asks = asks.map(|asks| [self.tenant.to_value(), Value::Integer(asks.cast_signed())]);
            self.scope.count_call(module, method, asks.as_ref().map(<[Value; 2]>::as_slice), site);
        }
    }

    /// The request's scope.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// The trace that the request belongs to.
    pub fn trace(&self) -> TraceContext {
        self.scope.trace()
    }

    /// How busy the process is, from 0 (idle) to 1 (requests wait). Above 0.8 or so, leave out what is optional.
    pub fn pressure(&self) -> f64 {
        self.scope.database().pressure_gauge().get()
    }

    /// The clock, which tests can move.
    pub fn clock(&self) -> &Clock {
        self.scope.clock()
    }

    /// The time now, from that clock.
    pub fn now(&self) -> Timestamp {
        self.scope.clock().now()
    }

    /// A fresh UUIDv7.
    pub fn new_id(&self) -> Uuid {
        self.scope.clock().new_id()
    }

    /// Runs `task` beside the rest of the request. Its loads are batched with the others'. It ends with the request at
    /// the latest. A plain `tokio::spawn` would leave the scope, and its loads would fail.
    ///
    /// Returns a handle that gives the task's value, or `None` if the request ended first.
    pub fn spawn<T, F>(&self, task: F) -> impl Future<Output = Option<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.scope.spawn(task)
    }
}

/// Where the statements of a caller run: its scope, its tenant, and its transaction if one is open.
#[doc(hidden)]
pub struct CallerOrigin<'a> {
    pub(crate) scope: &'a Arc<Scope>,
    pub(crate) tenant: Option<OrgId>,
    pub(crate) connection: Option<&'a Arc<Connection>>,
    pub(crate) repeats: RepeatCheck,
}

impl CallerOrigin<'_> {
    /// The origin of a statement at `site`, without the borrow of the context.
    pub(crate) fn asker(&self, site: CallSite) -> Asker {
        Asker { tenant: self.tenant, connection: self.connection.cloned(), site, repeats: self.repeats }
    }
}

/// The contexts through which an entity can be reached. A [`Tenant`](crate::Tenant)-owned entity needs one that names
/// an organization.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot reach rows owned by `{O}`",
    label = "this context names no organization",
    note = "tenant-owned entities are reached through a `Context` or a `Tx` made from one; a `SystemContext` \
            becomes one by `within(organization)`"
)]
pub trait Reach<O: Ownership>: Caller {}

/// What statements can be sent through: contexts and transactions.
pub trait Caller: Send + Sync {
    #[doc(hidden)]
    fn origin(&self) -> CallerOrigin<'_>;
}

impl<O: Ownership> Reach<O> for Context {}
impl Reach<Global> for SystemContext {}

impl Caller for Context {
    fn origin(&self) -> CallerOrigin<'_> {
        CallerOrigin {
            scope: &self.scope,
            tenant: Some(self.tenant),
            connection: None,
            repeats: self.repeats,
        }
    }
}

impl Caller for SystemContext {
    fn origin(&self) -> CallerOrigin<'_> {
        CallerOrigin { scope: &self.scope, tenant: None, connection: None, repeats: self.repeats }
    }
}
