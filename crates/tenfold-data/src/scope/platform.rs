//! The locks, atomics and executor that the driver uses. The model (`model.rs`) replaces them with its own, to run the
//! driver through the interleavings of its threads.

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
/// tokio keeps such a waker with those of tasks that yielded or used up their coop budget. When it has nothing else to
/// do, it fires them all before it polls any task.
#[cfg(not(test))]
pub(super) fn after_others(waker: &std::task::Waker) {
    let yielded = std::pin::pin!(tokio::task::yield_now());
    let _ = yielded.poll(&mut std::task::Context::from_waker(waker));
}
