//! What waits to be sent to another system.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded queue between those that record and the one that sends. A full queue loses what comes, and counts it.
#[derive(Debug)]
pub struct ExportQueue<T> {
    bound: usize,
    state: Mutex<QueueContent<T>>,
}

#[derive(Debug)]
struct QueueContent<T> {
    waiting: VecDeque<T>,
    lost: u64,
}

impl<T> ExportQueue<T> {
    /// An empty queue for at most `bound` entries.
    pub fn new(bound: usize) -> Self {
        ExportQueue { bound, state: Mutex::new(QueueContent { waiting: VecDeque::new(), lost: 0 }) }
    }

    /// Adds an entry, or counts it as lost.
    pub fn push(&self, entry: T) {
        let mut state = self.lock();
        if state.waiting.len() < self.bound {
            state.waiting.push_back(entry);
        } else {
            state.lost += 1;
        }
    }

    /// Takes the oldest entries whose weights together are at most `limit`, but at least one.
    pub fn take(&self, limit: usize, weigh: impl Fn(&T) -> usize) -> Vec<T> {
        let mut state = self.lock();
        let mut weight = 0;
        let fits = |entry: &&T| {
            weight += weigh(entry);
            weight <= limit
        };
        let count = state.waiting.iter().take_while(fits).count().max(1).min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    /// How many entries were lost since this was asked last.
    pub fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    fn lock(&self) -> MutexGuard<'_, QueueContent<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
