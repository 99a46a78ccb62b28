//! The list of metrics, and how they are written.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::admission::AdmissionMetrics;
use super::buffers::BufferMetrics;
use super::cache::CacheMetrics;
use super::family::Family;
use super::rare::Rare;
use super::resident::resident_bytes;

/// What is running, for `tenfold_build_info` and `process_start_time_seconds`.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The application's name.
    pub application: &'a str,
    /// Its version, such as a release or a commit.
    pub version: &'a str,
    /// When the process began.
    pub started_at: Timestamp,
}

/// The metrics themselves, and the registry that writes them.
pub(super) struct Exposition {
    registry: Registry,
    pub(super) requests: Arc<Family<3>>,
    pub(super) statements: Arc<Family<4>>,
    pub(super) calls: Arc<Family<3>>,
    pub(super) jobs: Arc<Family<2>>,
    pub(super) job_waits: Arc<Family<1>>,
    pub(super) repeated: Rare,
    pub(super) waited: Rare,
    queued: Queued,
    pub(super) admission: AdmissionMetrics,
    pub(super) buffers: BufferMetrics,
    pub(super) cache: CacheMetrics,
    pub(super) active_requests: Gauge,
    pub(super) overflow: Counter,
}

/// A metric that the registry shares with the code that records.
#[derive(Debug)]
struct SharedMetric<T>(Arc<T>);

/// A counter in Prometheus's text format, which declares the type under the full name. The library writes
/// counters in OpenMetrics style (typed as `x`, counted as `x_total`); the text format would read that as
/// a counter without a sample and a sample without a type.
#[derive(Debug)]
struct TotalMetric(Counter);

/// The constant gauge `tenfold_build_info`.
#[derive(Debug)]
struct BuildGauge([(&'static str, String); 2]);

/// `process_resident_memory_bytes`, read at each scrape, and left out where the system does not provide it.
#[derive(Debug)]
struct Resident;

/// The gauge `tenfold_jobs`, left out until jobs are counted.
#[derive(Clone, Debug, Default)]
struct Queued(Arc<Mutex<Option<JobCounts>>>);

/// How many jobs there are in each state that has any.
type JobCounts = Vec<(&'static str, u64)>;

/// The states that the gauge always includes, so that a state without jobs is a zero and not a gap.
const STATES: [&str; 4] = ["available", "scheduled", "running", "retryable"];

impl Exposition {
    pub(super) fn new(build: &Build<'_>) -> Self {
        let labels = ["http_request_method", "http_route", "http_response_status_code"];
        let requests = Arc::new(Family::new(labels));
        let labels = ["db_system_name", "db_query_summary", "module", "error_type"];
        let statements = Arc::new(Family::new(labels));
        let calls = Arc::new(Family::new(["module", "method", "error_type"]));
        let mut exposition = Self {
            registry: Registry::default(),
            requests,
            statements,
            calls,
            jobs: Arc::new(Family::new(["kind", "error_type"])),
            job_waits: Arc::new(Family::new(["kind"])),
            repeated: Rare::new(
                "tenfold_n_plus_one_total",
                "Requests and jobs in which a statement or call ran again and again, where once for all would do, by \
                 statement (of a call module.method) and module.",
                ["statement", "module"],
            ),
            waited: Rare::new(
                "tenfold_transaction_waits_total",
                "Transactions that waited for something that is not the database, by the line that opened them.",
                ["code_file_path", "code_line_number"],
            ),
            queued: Queued::default(),
            admission: AdmissionMetrics::default(),
            buffers: BufferMetrics::default(),
            cache: CacheMetrics::default(),
            active_requests: Gauge::default(),
            overflow: Counter::default(),
        };
        exposition.register_recorded();
        exposition.register_process(build);
        exposition
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        if text::encode_registry(&mut text, &self.registry).is_err() {
            tracing::error!("metrics could not be written in full; what could be is served");
        }
        text
    }

    /// Replaces the counts of the unfinished jobs.
    pub(super) fn set_queued(&self, counts: &[(&'static str, u64)]) {
        *self.queued.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counts.to_vec());
    }

    /// The metrics that the application records. The library adds the full stop to each help text.
    fn register_recorded(&mut self) {
        self.registry.register(
            "http_server_request_duration_seconds",
            "Time to answer a request, by method, route and status",
            SharedMetric(Arc::clone(&self.requests)),
        );
        self.registry.register(
            "http_server_active_requests",
            "Requests being answered now",
            self.active_requests.clone(),
        );
        self.registry.register(
            "db_client_operation_duration_seconds",
            "Time a database statement took, by database, statement name, module and kind of error",
            SharedMetric(Arc::clone(&self.statements)),
        );
        self.registry.register(
            "tenfold_module_call_duration_seconds",
            "Time a call to a module took, by module, method and kind of error",
            SharedMetric(Arc::clone(&self.calls)),
        );
        self.registry.register(
            "tenfold_job_duration_seconds",
            "Time an attempt of a job took, by its kind and kind of error",
            SharedMetric(Arc::clone(&self.jobs)),
        );
        self.registry.register(
            "tenfold_job_wait_seconds",
            "Time a job waited from when it might have run, by its kind",
            SharedMetric(Arc::clone(&self.job_waits)),
        );
        self.registry.register_collector(Box::new(self.queued.clone()));
        self.registry.register_collector(Box::new(self.admission.clone()));
        self.registry.register_collector(Box::new(self.buffers.clone()));
        self.registry.register_collector(Box::new(self.cache.clone()));
        self.registry.register_collector(Box::new(self.repeated.clone()));
        self.registry.register_collector(Box::new(self.waited.clone()));
        self.registry.register(
            "tenfold_metrics_overflow_total",
            "Observations counted in a series labelled other, since their metric has all the series it may have",
            TotalMetric(self.overflow.clone()),
        );
    }

    /// The metrics about the process.
    fn register_process(&mut self, build: &Build<'_>) {
        let labels = [("application", build.application.to_owned()), ("version", build.version.to_owned())];
        self.registry.register(
            "tenfold_build_info",
            "Always 1; the labels say what is running",
            BuildGauge(labels),
        );
        self.registry.register(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970-01-01T00:00:00Z",
            ConstGauge::new(build.started_at.as_duration().as_secs_f64()),
        );
        self.registry.register_collector(Box::new(Resident));
    }
}

impl<T: EncodeMetric> EncodeMetric for SharedMetric<T> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl EncodeMetric for TotalMetric {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for BuildGauge {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_family(&self.0)?.encode_gauge(&1_u64)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl Collector for Queued {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(counts) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        let help = "Jobs that are not finished, by state, counted now and then up to 10,000 a state.";
        let mut gauge = encoder.encode_descriptor("tenfold_jobs", help, None, MetricType::Gauge)?;
        for state in STATES {
            let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
            gauge.encode_family(&[("state", state)])?.encode_gauge(&count)?;
        }
        Ok(())
    }
}

impl Collector for Resident {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(bytes) = resident_bytes() else { return Ok(()) };
        let help = "Memory that the process holds in RAM, in bytes.";
        encoder
            .encode_descriptor("process_resident_memory_bytes", help, None, MetricType::Gauge)?
            .encode_gauge(&bytes)
    }
}
