//! Equal looks, made once.
//!
//! A look can be joined while it waits for its turn, and no longer once it has begun. So it reads the database after each of
//! its streams was woken, and finds the commit that woke them.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tenfold_data::{Context, OrgId, Principal, Uuid};
use tokio::task::JoinSet;

/// A look that several streams may wait for. It is a task, so that it does not depend on any of their clients, and ends when none waits any more.
/// It gives nothing if it panics.
pub(super) type JoinedLook<T> = Shared<LookTask<T>>;

type LookTask<T> = BoxFuture<'static, Option<T>>;

/// All that the answer to a look depends on, beside the database: looks with the same key find the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct LookKey {
    organization: OrgId,
    caller: Option<CallerKey>,
    /// With its query string.
    path: String,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct CallerKey {
    account: Uuid,
    user: Uuid,
    session: Uuid,
    /// They may change while a look waits. A caller with other permissions must not join it.
    permissions: Arc<BTreeSet<String>>,
}

impl LookKey {
    /// That of a GET of this path with this context.
    pub(super) fn new(cx: &Context, path: &str) -> Self {
        let key_of = |principal: &Principal| {
            let Principal { account, user, session, permissions } = principal;
            let permissions = Arc::clone(permissions);
            CallerKey { account: *account, user: *user, session: *session, permissions }
        };
        let caller = cx.principal().map(key_of);
        LookKey { organization: cx.tenant(), caller, path: path.to_owned() }
    }
}

/// The looks that have not begun.
pub(super) struct JoinableLooks<T>(Mutex<HashMap<LookKey, WeakShared<LookTask<T>>>>);

/// A look that can be joined until this is dropped.
pub(super) struct Joinable<T> {
    looks: Arc<JoinableLooks<T>>,
    key: LookKey,
}

impl<T> Default for JoinableLooks<T> {
    fn default() -> Self {
        JoinableLooks(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> JoinableLooks<T> {
    /// Joins the look with this key that has not begun; if there is none, `look` is it. It must drop the [`Joinable`] before it reads anything.
    pub(super) fn join<F>(
        self: &Arc<Self>,
        key: LookKey,
        look: impl FnOnce(Joinable<T>) -> F,
    ) -> JoinedLook<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = looks.get(&key).and_then(WeakShared::upgrade) {
            return look;
        }
        let joinable = Joinable { looks: Arc::clone(self), key: key.clone() };
        let mut tasks = JoinSet::new();
        tasks.spawn(look(joinable));
        let look = async move { tasks.join_next().await?.ok() }.boxed().shared();
        if let Some(weak) = look.downgrade() {
            looks.insert(key, weak);
        }
        look
    }
}

impl<T> Drop for Joinable<T> {
    /// Another look with this key may have come after this one had no stream left. Then that one cannot be joined any more, and the next stream
    /// makes one of its own.
    fn drop(&mut self) {
        self.looks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
