//! The sessions behind streams. One task of the process checks all of them in one statement: every few seconds, and at
//! once when a table that says who is signed in has changed.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use tenfold_data::{Context, Scope, SystemContext, TraceContext};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::state::ServerState;
use super::dependencies::Dependencies;
use super::process::Tables;

/// How often the sessions are checked, for what no table says: that their time is over.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// The pause between two checks, however much changes.
const PAUSE: Duration = Duration::from_millis(250);

/// The session behind a stream.
pub(super) struct Session {
    standing: watch::Receiver<Option<Context>>,
    /// The checks know it as long as the stream has it.
    _checked: Arc<Checked>,
}

/// What became of a session.
pub(super) enum Standing {
    /// It goes on, with other permissions.
    Changed,
    Ended,
}

struct Checked {
    token: String,
    /// What its holder may do; nothing once it has ended.
    standing: watch::Sender<Option<Context>>,
}

/// The sessions that are checked.
#[derive(Default)]
pub(super) struct SessionChecks {
    state: Mutex<Open>,
    added: Notify,
}

#[derive(Default)]
struct Open {
    sessions: Vec<Weak<Checked>>,
    /// Whether a task checks them.
    is_running: bool,
}

/// Has a session checked until it is dropped. `cx` is what its token was good for just now.
pub(super) fn watch(state: &ServerState, token: String, cx: Context) -> Session {
    let (standing, receiver) = watch::channel(Some(cx));
    let checked = Arc::new(Checked { token, standing });
    let checks = &state.live().sessions;
    let mut open = checks.state.lock().unwrap_or_else(PoisonError::into_inner);
    open.sessions.push(Arc::downgrade(&checked));
    if std::mem::replace(&mut open.is_running, true) {
        checks.added.notify_one();
    } else {
        Handle::current().spawn(check(state.clone()));
    }
    Session { standing: receiver, _checked: checked }
}

impl Session {
    /// Waits until it has ended, or its permissions are others.
    pub(super) async fn changed(&mut self) -> Standing {
        let is_known = self.standing.changed().await;
        if is_known.is_ok() && self.standing.borrow().is_some() { Standing::Changed } else { Standing::Ended }
    }

    /// A context of its holder; nothing once it has ended.
    pub(super) fn context(&self) -> Option<Context> {
        self.standing.borrow().clone()
    }
}

/// Checks sessions until no stream is left.
async fn check(state: ServerState) {
    let checks = &state.live().sessions;
    let mut dependencies = Dependencies::new(state.database(), BTreeSet::new(), Tables::new());
    loop {
        let sessions = checks.open();
        if sessions.is_empty() {
            return;
        }
        dependencies.begin();
        let tables = check_all(&state, &sessions).await;
        let organizations = sessions.iter().filter_map(|one| Some(one.standing.borrow().as_ref()?.tenant()));
        dependencies.read(organizations.collect(), &tables);
        drop(sessions);
        let soon = Instant::now() + PAUSE;
        tokio::select! {
            () = state.stopped() => return,
            () = sleep(CHECK_EVERY) => {}
            () = dependencies.due() => {}
            () = checks.added.notified() => {}
        }
        sleep_until(soon).await;
    }
}

/// Checks these sessions, and gives the tables that say who is signed in.
async fn check_all(state: &ServerState, sessions: &[Arc<Checked>]) -> Tables {
    let deadline = Instant::now() + state.settings().deadline;
    let scope = Scope::new(state.database().clone(), TraceContext::start_random(), Some(deadline));
    scope.note_tables();
    let system = SystemContext::new(Arc::clone(&scope));
    let tokens: Vec<&str> = sessions.iter().map(|session| &*session.token).collect();
    // A panic of one check must not leave the sessions unchecked for ever.
    let found = AssertUnwindSafe(scope.drive(state.authenticator().authenticate_all(&system, &tokens)));
    match found.catch_unwind().await {
        Ok(Ok(found)) => sessions.iter().zip(found).for_each(|(session, cx)| session.hold(cx)),
        // That the database fails says nothing about a session; the looks of its stream fail as well.
        Ok(Err(problem)) => tracing::warn!(status = %problem.status(), "the sessions of streams could not be checked"),
        Err(_) => tracing::error!("the check of the sessions of streams panicked"),
    }
    scope.noted_tables()
}

impl Checked {
    /// Keeps what its token is good for now; wakes the stream where that is something else.
    fn hold(&self, found: Option<Context>) {
        self.standing.send_if_modified(|held| {
            let is_same = permissions(held.as_ref()) == permissions(found.as_ref());
            *held = found;
            !is_same
        });
    }
}

fn permissions(cx: Option<&Context>) -> Option<Option<&BTreeSet<String>>> {
    cx.map(|cx| cx.principal().map(|principal| &*principal.permissions))
}

impl SessionChecks {
    /// The sessions of streams that are open; with none, the task has ended.
    fn open(&self) -> Vec<Arc<Checked>> {
        let mut open = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        open.sessions.retain(|session| session.strong_count() > 0);
        let sessions: Vec<_> = open.sessions.iter().filter_map(Weak::upgrade).collect();
        open.is_running = !sessions.is_empty();
        sessions
    }
}
