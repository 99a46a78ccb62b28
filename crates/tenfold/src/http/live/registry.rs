//! The sessions behind streams, and what they are good for. `sessions.rs` checks them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tenfold_data::{Context, OrgId};
use tokio::sync::{Notify, watch};

/// The session behind a stream.
pub(super) struct StreamSession {
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

/// A session as the checks know it.
pub(super) struct Checked {
    pub token: String,
    /// What its holder may do; nothing once it has ended.
    standing: watch::Sender<Option<Context>>,
}

/// The sessions that are checked.
#[derive(Default)]
pub(super) struct SessionChecks {
    state: Mutex<CheckedSessions>,
    added: Notify,
}

#[derive(Default)]
struct CheckedSessions {
    sessions: Vec<Weak<Checked>>,
    /// Whether a task checks them.
    is_running: bool,
}

impl StreamSession {
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

impl Checked {
    /// The organization that it acts for; none once it has ended.
    pub(super) fn tenant(&self) -> Option<OrgId> {
        self.standing.borrow().as_ref().map(Context::tenant)
    }

    /// Keeps what its token is good for now; wakes the stream where that is something else.
    pub(super) fn hold(&self, found: Option<Context>) {
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
    /// Adds a session, which is checked until it is dropped; whether a task must begin to check.
    pub(super) fn add(&self, token: String, cx: Context) -> (StreamSession, bool) {
        let (standing, receiver) = watch::channel(Some(cx));
        let checked = Arc::new(Checked { token, standing });
        let mut open = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        open.sessions.push(Arc::downgrade(&checked));
        let is_first = !std::mem::replace(&mut open.is_running, true);
        self.added.notify_one();
        (StreamSession { standing: receiver, _checked: checked }, is_first)
    }

    /// Waits until a session was added.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    /// The sessions of streams that are open; with none, the task has ended.
    pub(super) fn open(&self) -> Vec<Arc<Checked>> {
        let mut open = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        open.sessions.retain(|session| session.strong_count() > 0);
        let sessions: Vec<_> = open.sessions.iter().filter_map(Weak::upgrade).collect();
        open.is_running = !sessions.is_empty();
        sessions
    }
}
