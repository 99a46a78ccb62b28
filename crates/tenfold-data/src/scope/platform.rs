//! What the driver stands on. The model (`model.rs`) puts its own in the place of it, to run the driver through
//! the ways in which threads can get between its steps.

#[cfg(test)]
pub(super) use loom::sync::atomic::{AtomicU8, fence};
#[cfg(test)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use std::sync::atomic::{AtomicU8, fence};
#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(super) use super::model::after_others;

/// Fires a waker when the executor has gone round once.
///
/// tokio keeps such a waker apart, beside those of tasks that yielded or used up their budget, until it has nothing
/// else to do; then it fires them all before it polls anybody.
#[cfg(not(test))]
pub(super) fn after_others(waker: &std::task::Waker) {
    let yielded = std::pin::pin!(tokio::task::yield_now());
    let _ = yielded.poll(&mut std::task::Context::from_waker(waker));
}
