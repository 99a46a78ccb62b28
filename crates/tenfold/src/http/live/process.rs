//! What all streams of a process share.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tenfold_admission::{AdmissionGate, AdmissionSettings, LimitSettings, Refusal};

use super::super::settings::LiveSettings;
use super::joined::JoinableLooks;
use super::registry::SessionChecks;

/// The names of tables.
pub(super) type TableNames = BTreeSet<Arc<str>>;

/// What a look at a resource gives to the streams that joined it.
#[derive(Clone)]
pub(super) enum LookOutcome {
    /// A print of the answer, and the tables behind it.
    Answered { print: Arc<str>, tables: Arc<TableNames> },
    /// The service cannot answer now.
    Failed,
    /// It was not made.
    Refused(Refusal),
}

/// What all streams of a process share.
pub(crate) struct LiveStreams {
    pub(super) sessions: SessionChecks,
    /// The most resources that one `GET /v1/live` may watch.
    pub(super) max_watches: usize,
    /// Where looks take turns.
    pub(super) turns: AdmissionGate,
    pub(super) joinable: Arc<JoinableLooks<LookOutcome>>,
    learnt: Mutex<HashMap<String, TableNames>>,
}

impl LiveStreams {
    /// A bounded number of looks runs at once: a change that a thousand streams show must not take all connections to the
    /// database from requests.
    pub(crate) fn new(settings: LiveSettings) -> Self {
        LiveStreams {
            sessions: SessionChecks::default(),
            max_watches: settings.max_watches,
            turns: turns(settings.looks_at_once),
            joinable: Arc::default(),
            learnt: Mutex::default(),
        }
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

/// A gate that lets this many looks run at once, in fair turns of the organizations. It refuses nothing: a look that waits here
/// takes no room from requests.
fn turns(at_once: usize) -> AdmissionGate {
    let settings = AdmissionSettings {
        limit: LimitSettings::fixed(at_once),
        spare_floor: at_once,
        max_waiting: usize::MAX,
        overload_wait: Duration::MAX,
        max_wait: Duration::MAX,
    };
    let began = Instant::now();
    AdmissionGate::new(settings, RandomState::new().hash_one("turns"), move || began.elapsed())
}
