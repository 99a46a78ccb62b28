//! Metrics for Prometheus, named as OpenTelemetry's semantic conventions name them.
//!
//! The `prometheus-client` crate keeps the histograms. The tables of series are ours: those of the
//! crate have no bound and need an owned label set for each lookup.

mod admission;
mod buffers;
mod cache;
mod exposition;
mod family;
mod open_metrics;
mod rare;
mod resident;

use std::fmt;
use std::sync::Arc;

use exposition::Exposition;
use family::Family;
use tenfold_admission::AdmissionFigures;
use tenfold_data::CacheFigures;

use crate::telemetry::Work;

pub use buffers::BufferFigures;
pub use exposition::Build;
pub use family::{OTHER, SERIES_LIMIT};

/// The `Content-Type` of the output of [`Metrics::render`]: Prometheus's text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The `Content-Type` of the output of [`Metrics::render_open_metrics`].
pub const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The methods that `http_request_method` may hold; every other becomes `_OTHER`, as OpenTelemetry
/// requires, since clients can invent methods.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// How a statement or a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricOutcome {
    /// Successfully.
    Ok,
    /// With an error of this kind (`error.type`), one of a few that are known at compile time: the
    /// number of series depends on it.
    Failed(&'static str),
}

/// The metrics of a process; a clone is another handle on the same ones.
///
/// Recording takes one shared lock and one lookup, and allocates only for a new series. Durations are in
/// seconds; a negative one counts as zero, NaN is not counted.
#[derive(Clone)]
pub struct Metrics {
    exposition: Arc<Exposition>,
}

/// A request that is being answered; it counts until this is dropped.
#[must_use = "the request counts as in flight only while this lives"]
pub struct InFlight {
    exposition: Arc<Exposition>,
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    pub fn new(build: &Build<'_>) -> Self {
        Self { exposition: Arc::new(Exposition::new(build)) }
    }

    /// Counts a request as in flight (`http_server_active_requests`) until the returned value is dropped.
    pub fn request_started(&self) -> InFlight {
        self.exposition.active_requests.inc();
        InFlight { exposition: Arc::clone(&self.exposition) }
    }

    /// A request was answered (`http_server_request_duration_seconds`). `route` is the route's pattern, or
    /// empty if none matched: never the path, which clients choose freely.
    pub fn request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let method = METHODS.iter().find(|known| **known == method).unwrap_or(&"_OTHER");
        let mut digits = [0; 5];
        self.observe(&self.exposition.requests, [method, route, decimal(status, &mut digits)], seconds);
    }

    /// A statement came back from the database (`db_client_operation_duration_seconds`). `name` is the
    /// statement's name, `database` OpenTelemetry's `db.system.name`: `sqlite` or `postgresql`.
    pub fn statement(
        &self,
        module: &'static str,
        name: &str,
        database: &'static str,
        outcome: MetricOutcome,
        seconds: f64,
    ) {
        let labels = [database, name, module, outcome.error_type()];
        self.observe(&self.exposition.statements, labels, seconds);
    }

    /// A call to another module's interface returned (`tenfold_module_call_duration_seconds`).
    pub fn call(&self, module: &str, method: &str, outcome: MetricOutcome, seconds: f64) {
        self.observe(&self.exposition.calls, [module, method, outcome.error_type()], seconds);
    }

    /// A job was tried (`tenfold_job_duration_seconds`), `waited` seconds after it was due
    /// (`tenfold_job_wait_seconds`).
    pub fn job(&self, kind: &str, outcome: MetricOutcome, waited: f64, seconds: f64) {
        self.observe(&self.exposition.job_waits, [kind], waited);
        self.observe(&self.exposition.jobs, [kind, outcome.error_type()], seconds);
    }

    /// A statement, or a call as `module.method`, was repeated in one request or job where one would have
    /// been enough (`tenfold_n_plus_one_total`).
    pub fn repeated(&self, module: &str, statement: &str) {
        self.count(&self.exposition.repeated, [statement, module]);
    }

    /// A transaction waited for something other than the database (`tenfold_transaction_waits_total`); it was opened
    /// at this line.
    pub fn waited(&self, file: &str, line: u32) {
        self.count(&self.exposition.waited, [file, &line.to_string()]);
    }

    /// How many unfinished jobs there are by state (`tenfold_jobs`), up to a bound; unnamed states have none.
    pub fn jobs_queued(&self, counts: &[(&'static str, u64)]) {
        self.exposition.set_queued(counts);
    }

    /// What the cache of rows holds and has done (`tenfold_cache_…`).
    pub fn cache(&self, figures: CacheFigures) {
        self.exposition.cache.set(figures);
    }

    /// What admission does and has done (`tenfold_admission_…`).
    pub fn admission(&self, figures: AdmissionFigures) {
        self.exposition.admission.set(figures);
    }

    /// What is held in memory for clients (`tenfold_http_buffer…`).
    pub fn buffers(&self, figures: BufferFigures) {
        self.exposition.buffers.set(figures);
    }

    /// All metrics as text of type [`CONTENT_TYPE`]; about 5 MB with every family full.
    pub fn render(&self) -> String {
        self.exposition.render()
    }

    /// All metrics as text of type [`OPEN_METRICS_TYPE`]. Requests, jobs and statements have exemplars: ids of traces among these
    /// pieces of work, the newest of each bucket.
    pub fn render_open_metrics(&self, kept: &[Arc<Work>]) -> String {
        open_metrics::with_exemplars(&self.render(), kept)
    }

    fn count(&self, counter: &rare::Rare, labels: [&str; 2]) {
        if counter.count(labels) == family::Destination::Other {
            self.exposition.overflow.inc();
        }
    }

    fn observe<const N: usize>(&self, family: &Family<N>, labels: [&str; N], seconds: f64) {
        if family.observe(labels, seconds) == family::Destination::Other {
            self.exposition.overflow.inc();
        }
    }
}

impl MetricOutcome {
    /// OpenTelemetry's `error.type`: empty on success, which Prometheus treats as a missing label.
    fn error_type(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::Failed(kind) => kind,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.exposition.active_requests.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").finish_non_exhaustive()
    }
}

/// The number's decimal digits, without allocating.
fn decimal(mut number: u16, digits: &mut [u8; 5]) -> &str {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return str::from_utf8(&digits[start..]).unwrap_or_default();
        }
    }
}
