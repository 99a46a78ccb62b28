//! The gate of a process, and its settings.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::{Duration, Instant};

use tenfold_admission::{AdmissionFigures, AdmissionGate, AdmissionSettings, Flow, LimitSettings};
use tenfold_data::PressureGauge;

use super::probe::probe;

/// `[admission]`.
#[derive(Clone, Debug)]
pub struct AdmissionOptions {
    /// Whether anything waits or is refused.
    pub enabled: bool,
    /// How many requests always run at once; `None` for twice the threads of the runtime, and four times while
    /// requests take less than a millisecond.
    pub min_limit: Option<usize>,
    /// How many requests run at once at most.
    pub max_limit: usize,
    /// How many requests wait at once at most.
    pub max_waiting: usize,
    /// How long a request waits at most under overload, unless the work itself takes longer.
    pub overload_wait: Duration,
    /// How long a request waits at most.
    pub max_wait: Duration,
}

impl AdmissionOptions {
    /// With these, a runtime of so many threads.
    fn settings(&self, threads: usize) -> AdmissionSettings {
        let at_least = |automatic: usize| self.min_limit.unwrap_or(automatic).min(self.max_limit);
        let floor_of_short = at_least(4 * threads);
        AdmissionSettings {
            limit: LimitSettings {
                floor: at_least(2 * threads),
                floor_of_short,
                // Room for a page's burst. The first overload, or the first long requests, adapt it.
                start: 2 * floor_of_short,
                ceiling: self.max_limit,
            },
            // A minimum that is set holds for organizations that ask for too much as well: a quarter of it is theirs.
            spare_floor: self.min_limit.map_or(threads, |floor| threads.max(floor.div_ceil(4))),
            max_waiting: self.max_waiting,
            overload_wait: self.overload_wait,
            max_wait: self.max_wait,
        }
    }
}

/// Admits the requests of a process, if it is enabled.
pub(crate) struct RequestAdmission {
    gate: Option<AdmissionGate>,
    flows: RandomState,
    pressure: PressureGauge,
}

impl RequestAdmission {
    /// For requests that run on this runtime. `pressure` is told how busy it is.
    pub(crate) fn start(options: &AdmissionOptions, pressure: PressureGauge) -> Self {
        let flows = RandomState::new();
        let gate = options.enabled.then(|| {
            let threads = tokio::runtime::Handle::current().metrics().num_workers();
            let began = Instant::now();
            let settings = options.settings(threads);
            AdmissionGate::new(settings, flows.hash_one("lanes"), move || began.elapsed())
        });
        if let Some(gate) = &gate {
            #[expect(clippy::disallowed_methods, reason = "it belongs to the process, not to a request")]
            tokio::spawn(probe(gate.downgrade(), pressure.clone()));
        }
        RequestAdmission { gate, flows, pressure }
    }

    pub(super) fn gate(&self) -> Option<&AdmissionGate> {
        self.gate.as_ref()
    }

    /// The flow of an organization or an address, which clients cannot compute.
    pub(in super::super) fn flow_of(&self, whose: impl Hash) -> Flow {
        Flow(self.flows.hash_one(whose))
    }

    /// Tells handlers how busy the process is.
    pub(super) fn show_pressure(&self) {
        if let Some(gate) = &self.gate {
            self.pressure.set(gate.pressure());
        }
    }

    /// What it does and has done; nothing if it is disabled.
    pub(in super::super) fn figures(&self) -> Option<AdmissionFigures> {
        Some(self.gate.as_ref()?.figures())
    }
}
