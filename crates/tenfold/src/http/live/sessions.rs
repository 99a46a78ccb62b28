//! The sessions behind streams. One task of the process checks all of them in one statement: every few seconds, and at
//! once when a table that says who is signed in has changed.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tenfold_data::{Context, SystemContext};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::state::ServerState;
use super::dependencies::{Dependencies, scope_of_look};
use super::process::TableNames;
use super::registry::{Checked, StreamSession};

/// How often the sessions are checked, for what no table says: that their time is over.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// The pause between two checks, however much changes.
const PAUSE: Duration = Duration::from_millis(250);

/// Has a session checked until it is dropped. `cx` is what its token was good for just now.
pub(super) fn watch(state: &ServerState, token: String, cx: Context) -> StreamSession {
    let (session, is_first) = state.live().sessions.add(token, cx);
    if is_first {
        Handle::current().spawn(check(state.clone()));
    }
    session
}

/// Checks sessions until no stream is left.
async fn check(state: ServerState) {
    let checks = &state.live().sessions;
    let mut dependencies = Dependencies::new(state.database(), BTreeSet::new(), TableNames::new());
    loop {
        let sessions = checks.open();
        if sessions.is_empty() {
            return;
        }
        dependencies.begin();
        let tables = check_all(&state, &sessions).await;
        let organizations = sessions.iter().filter_map(|one| one.tenant());
        dependencies.read(organizations.collect(), &tables);
        drop(sessions);
        let soon = Instant::now() + PAUSE;
        tokio::select! {
            () = state.stopped() => return,
            () = sleep(CHECK_EVERY) => {}
            () = dependencies.due() => {}
            () = checks.added() => {}
        }
        sleep_until(soon).await;
    }
}

/// Checks these sessions, and gives the tables that say who is signed in.
async fn check_all(state: &ServerState, sessions: &[Arc<Checked>]) -> TableNames {
    let scope = scope_of_look(state.database(), Instant::now() + state.settings().deadline);
    let system = SystemContext::new(Arc::clone(&scope));
    let tokens: Vec<&str> = sessions.iter().map(|session| &*session.token).collect();
    // A panic of one check must not leave the sessions unchecked for ever.
    let found = AssertUnwindSafe(scope.drive(state.authenticator().authenticate_all(&system, &tokens)));
    match found.catch_unwind().await {
        Ok(Ok(found)) => sessions.iter().zip(found).for_each(|(session, cx)| session.hold(cx)),
        // That the database fails says nothing about a session; the looks of its stream fail as well.
        Ok(Err(problem)) => {
            tracing::warn!(status = %problem.status(), "the sessions of streams could not be checked")
        }
        Err(_) => tracing::error!("the check of the sessions of streams panicked"),
    }
    scope.noted_tables()
}
