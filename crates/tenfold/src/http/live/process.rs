//! What all streams of a process share.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::settings::LiveSettings;
use super::registry::SessionChecks;

/// The names of tables.
pub(super) type TableNames = BTreeSet<Arc<str>>;

/// What all streams of a process share.
pub(crate) struct LiveStreams {
    pub(super) sessions: SessionChecks,
    /// The most resources that one `GET /v1/live` may watch.
    pub(super) max_watches: usize,
    looks: Semaphore,
    learnt: Mutex<HashMap<String, TableNames>>,
}

impl LiveStreams {
    /// A bounded number of looks runs at once: a change that a thousand streams show must not take all connections to the
    /// database from requests.
    pub(crate) fn new(settings: LiveSettings) -> Self {
        LiveStreams {
            sessions: SessionChecks::default(),
            max_watches: settings.max_watches,
            looks: Semaphore::new(settings.looks_at_once),
            learnt: Mutex::default(),
        }
    }

    /// Waits for the turn to look.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.looks.acquire().await.expect("the semaphore is never closed")
    }

    /// The tables that looks of this kind have read so far. A stream watches them before its first look; what the look
    /// reads besides costs it a second one.
    pub(super) fn learnt(&self, kind: &str) -> TableNames {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.get(kind).cloned().unwrap_or_default()
    }

    /// Keeps what a look of this kind has read.
    pub(super) fn learn(&self, kind: &str, tables: &TableNames) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.entry(kind.to_owned()).or_default().extend(tables.iter().cloned());
    }
}
