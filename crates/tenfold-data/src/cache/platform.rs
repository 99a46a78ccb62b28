//! The locks and atomics of the cache. The model (`model.rs`) replaces them with its own, to run the cache through the
//! interleavings of its threads.

#[cfg(test)]
pub(super) use loom::sync::atomic::AtomicU64;
#[cfg(test)]
pub(super) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use std::sync::atomic::AtomicU64;
#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard};
