//! Reports transactions whose closure waits for something other than the database.
//!
//! A transaction is reported when nothing of its scope can run although its closure is not done: the closure returned
//! `Pending`, no statement of it is under way, no load waits or is under way, and nothing was fired after the executor
//! went round once. That turn lets through tasks that yielded or used up their coop budget (`drive.rs`, the flush
//! rule).

use std::cell::Cell;
use std::sync::Arc;
use std::task::Waker;

use super::{Scope, State};
use crate::scope::TransactionState;
use crate::statement::WaitRecord;

thread_local! {
    /// The scope whose driver is polling on this thread; the innermost if there are several.
    static DRIVING: Cell<*const Scope> = const { Cell::new(std::ptr::null()) };
}

/// Marks a scope as driven on this thread until dropped.
pub(super) struct Driving(*const Scope);

impl Driving {
    pub(super) fn enter(scope: &Scope) -> Self {
        Driving(DRIVING.replace(scope))
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        DRIVING.set(self.0);
    }
}

impl State {
    /// Whether a transaction's closure waits for nothing that the driver sees.
    pub(super) fn waits_outside(&self) -> bool {
        self.pending.is_empty() && self.held.as_ref().is_some_and(|state| state.waits_outside())
    }
}

impl Scope {
    /// Whether the scope's driver is polling on this thread. The driver cannot tell whether work that was moved to a
    /// task of its own can run.
    pub(crate) fn is_driving(&self) -> bool {
        std::ptr::eq(DRIVING.get(), self)
    }

    /// Whether a load that waits to be sent will wake this waker.
    pub(crate) fn has_load_of(&self, waker: &Waker) -> bool {
        self.state().pending.iter().any(|(_, batch)| batch.holds_waker(waker) > 0)
    }

    /// Notes that the open transaction now holds its connection.
    pub(crate) fn hold(&self, state: &Arc<TransactionState>) {
        self.state().held = Some(Arc::clone(state));
    }

    /// Whether a transaction is open and holds its connection.
    pub(super) fn holds_transaction(&self) -> bool {
        self.state().held.is_some()
    }

    /// Reports a waiting transaction to the log and the observers, once. Call it when nothing can run.
    pub(super) fn report_wait(&self) {
        let waiting = {
            let state = self.state();
            if state.waits_outside() { state.held.clone() } else { None }
        };
        let Some(state) = waiting.filter(|state| state.take_waiting()) else { return };
        let site = state.opened();
        // Within the span of the work, so that the log line carries its trace.
        tracing::warn!(
            code.file.path = site.file(),
            code.line.number = site.line(),
            "a transaction waited for something that is not the database"
        );
        let record = WaitRecord { trace: self.trace, site };
        self.database.observers().iter().for_each(|observer| observer.waited(&record));
    }
}
