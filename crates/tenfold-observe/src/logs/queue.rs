//! The bounded queue between the threads that log and the thread that writes.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes of lines may wait; further lines are lost. The writer holds a second buffer of at
/// most that size.
const WAITING_BYTES: usize = 4 << 20;

/// How long the writer rests after a batch, so that under load it wakes a few hundred times a second
/// and not for every line: a wake-up costs the logging thread several times as much as the line itself.
const REST: Duration = Duration::from_millis(2);

/// How many bytes of lines end the writer's rest.
const BATCH_BYTES: usize = 256 << 10;

/// The capacity that a buffer may keep after a burst.
const KEPT_BYTES: usize = 64 << 10;

/// Lines that wait to be written. Adding one holds the lock for the time of a copy.
#[derive(Debug, Default)]
pub(super) struct LineQueue {
    state: Mutex<QueueState>,
    /// Tells the writer that it has something to do.
    wake: Condvar,
    /// Wakes waiting flushes when a batch is written.
    finished: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: Vec<u8>,
    /// Bytes ever accepted, and how many of them the writer has processed, successfully or not.
    accepted: u64,
    finished: u64,
    lost: u64,
    /// Lost lines that have not been reported yet.
    unreported: u64,
    closed: bool,
    writer: WriterState,
}

/// The state of the writer thread.
#[derive(Debug, Default, PartialEq, Eq)]
enum WriterState {
    /// Writing, or not started yet: it will look for lines by itself.
    #[default]
    Busy,
    /// Waiting for many lines or for the end of [`REST`].
    Resting,
    /// Waiting for the first line.
    Idle,
}

impl LineQueue {
    /// Adds a line that ends with a line feed, or counts it as lost when the queue is full.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > WAITING_BYTES {
            state.lose(1);
            return;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        state.accepted += line.len() as u64;
        if state.wants_writer() {
            state.writer = WriterState::Busy;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Lets the writer's thread end once it has written what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits until all lines pushed before are processed, for at most `limit`; true if they are.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let state = self.lock();
        let goal = state.accepted;
        let waited = self.finished.wait_timeout_while(state, limit, |state| state.finished < goal);
        waited.unwrap_or_else(PoisonError::into_inner).0.finished >= goal
    }

    /// How many lines were lost so far: the queue was full, or the writer failed.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// The writer thread: writes what arrives until the queue is closed. After a loss, the next batch
    /// begins with the line that `report` makes of the number of lost lines.
    pub(super) fn write_to(&self, mut writer: impl Write, report: impl Fn(u64) -> String) {
        let mut batch = Vec::new();
        while let Some(unreported) = self.take(&mut batch) {
            let first = if unreported > 0 { report(unreported) } else { String::new() };
            let written = writer
                .write_all(first.as_bytes())
                .and_then(|()| writer.write_all(&batch))
                .and_then(|()| writer.flush());
            let mut state = self.lock();
            if written.is_err() {
                state.lose(batch.iter().filter(|&&byte| byte == b'\n').count() as u64);
                state.unreported += unreported;
            }
            state.finished += batch.len() as u64;
            drop(state);
            self.finished.notify_all();
        }
    }

    /// Waits for lines, swaps them with the empty `batch`, and returns the number of lost lines to
    /// report; `None` when the queue is closed and empty.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        batch.clear();
        batch.shrink_to(KEPT_BYTES);
        let mut state = self.lock();
        state.writer = WriterState::Resting;
        let rests = |state: &mut QueueState| !state.ends_rest();
        state = self.wake.wait_timeout_while(state, REST, rests).unwrap_or_else(PoisonError::into_inner).0;
        state.writer = WriterState::Idle;
        let idles = |state: &mut QueueState| state.waiting.is_empty() && !state.closed;
        state = self.wake.wait_while(state, idles).unwrap_or_else(PoisonError::into_inner);
        state.writer = WriterState::Busy;
        if state.waiting.is_empty() {
            return None;
        }
        std::mem::swap(&mut state.waiting, batch);
        Some(std::mem::take(&mut state.unreported))
    }

    /// No thread panics while it holds the lock; if one did, the bytes would still be valid.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Whether the writer must be woken for the bytes just added.
    fn wants_writer(&self) -> bool {
        match self.writer {
            WriterState::Busy => false,
            WriterState::Resting => self.ends_rest(),
            WriterState::Idle => true,
        }
    }

    fn ends_rest(&self) -> bool {
        self.closed || self.waiting.len() >= BATCH_BYTES
    }

    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.unreported += lines;
    }
}
