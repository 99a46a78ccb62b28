//! The process's metrics, read from their text for Prometheus: there is one list of them.

use std::collections::BTreeMap;

use crate::attributes::{OtlpResource, attribute, request};
use crate::exposition::{TextMetric, TextSample, parse};
use crate::message::OtlpMessage;

/// Counted since the start of the process.
const CUMULATIVE: u64 = 2;

/// Metrics that OpenTelemetry's semantic conventions define: our name, theirs, the unit.
const NAMED: [(&str, &str, &str); 4] = [
    ("http_server_request_duration_seconds", "http.server.request.duration", "s"),
    ("http_server_active_requests", "http.server.active_requests", "{request}"),
    ("db_client_operation_duration_seconds", "db.client.operation.duration", "s"),
    ("process_resident_memory_bytes", "process.memory.usage", "By"),
];

/// Labels that they define.
const LABELS: [(&str, &str); 8] = [
    ("http_request_method", "http.request.method"),
    ("http_route", "http.route"),
    ("http_response_status_code", "http.response.status_code"),
    ("db_system_name", "db.system.name"),
    ("db_query_summary", "db.query.summary"),
    ("error_type", "error.type"),
    ("code_file_path", "code.file.path"),
    ("code_line_number", "code.line.number"),
];

/// Between which moments was counted, in nanoseconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Period {
    pub(crate) start: u64,
    pub(crate) now: u64,
}

/// An `ExportMetricsServiceRequest`.
pub(crate) fn encode(resource: &OtlpResource, text: &str, period: Period) -> Vec<u8> {
    request(resource, |metrics| {
        for metric in parse(text).iter().filter(|metric| !metric.samples.is_empty()) {
            metrics.message(2, |message| write(message, metric, period));
        }
    })
}

fn write(message: &mut OtlpMessage, metric: &TextMetric, period: Period) {
    let named = NAMED.iter().find(|(ours, ..)| *ours == metric.name);
    let (name, unit) = named.map_or((&*metric.name, unit(&metric.name)), |(_, theirs, unit)| (theirs, unit));
    message.text(1, name);
    message.text(2, &metric.help);
    message.text(3, unit);
    match &*metric.kind {
        "histogram" => message.message(9, |histogram| {
            for (labels, points) in series(&metric.samples) {
                histogram.message(1, |point| distribution(point, &labels, &points, period));
            }
            histogram.number(2, CUMULATIVE);
        }),
        "counter" => message.message(7, |sum| {
            numbers(sum, &metric.samples, period);
            sum.number(2, CUMULATIVE);
            sum.number(3, 1);
        }),
        _ => message.message(5, |gauge| numbers(gauge, &metric.samples, period)),
    }
}

fn numbers(message: &mut OtlpMessage, samples: &[TextSample], period: Period) {
    for sample in samples {
        message.message(1, |point| {
            point.fixed(2, period.start);
            point.fixed(3, period.now);
            point.double(4, sample.value);
            labelled(point, 7, &sample.labels);
        });
    }
}

type Labels = Vec<(String, String)>;

/// The samples of a histogram, put together by their labels without the bound `le`.
fn series(samples: &[TextSample]) -> BTreeMap<Labels, Vec<&TextSample>> {
    let mut all: BTreeMap<Labels, Vec<&TextSample>> = BTreeMap::new();
    for sample in samples {
        let labels = sample.labels.iter().filter(|(name, _)| name != "le").cloned().collect();
        all.entry(labels).or_default().push(sample);
    }
    all
}

/// A `HistogramDataPoint`. Prometheus's buckets contain all lower ones, OpenTelemetry's do not.
fn distribution(point: &mut OtlpMessage, labels: &Labels, samples: &[&TextSample], period: Period) {
    let value =
        |suffix: &str| samples.iter().find(|sample| sample.suffix == suffix).map(|sample| sample.value);
    let mut buckets: Vec<(f64, f64)> =
        samples.iter().filter_map(|sample| Some((bound(sample)?, sample.value))).collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let below = std::iter::once(0.0).chain(buckets.iter().map(|(_, count)| *count));
    let counts: Vec<u64> =
        buckets.iter().zip(below).map(|((_, count), below)| whole(count - below)).collect();
    point.fixed(2, period.start);
    point.fixed(3, period.now);
    point.fixed(4, counts.iter().sum());
    point.double(5, value("_sum").unwrap_or_default());
    point.packed(6, counts.iter().copied());
    point.packed(
        7,
        buckets.iter().map(|(bound, _)| bound).filter(|bound| bound.is_finite()).map(|bound| bound.to_bits()),
    );
    labelled(point, 9, labels);
}

/// The upper bound of a bucket's line.
fn bound(sample: &TextSample) -> Option<f64> {
    let (_, bound) = sample.labels.iter().find(|(name, _)| name == "le")?;
    if bound == "+Inf" { Some(f64::INFINITY) } else { bound.parse().ok() }
}

/// An empty label is a missing one.
fn labelled(point: &mut OtlpMessage, field: u32, labels: &Labels) {
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        let theirs = LABELS.iter().find(|(ours, _)| ours == name).map_or(&**name, |(_, theirs)| theirs);
        match value.parse::<i64>() {
            Ok(number) if theirs == "http.response.status_code" || theirs == "code.line.number" => {
                attribute(point, field, theirs, number);
            }
            _ => attribute(point, field, theirs, &**value),
        }
    }
}

fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    if name.ends_with("_seconds") {
        "s"
    } else if name.ends_with("_bytes") {
        "By"
    } else {
        ""
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the text has whole counts")]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}
