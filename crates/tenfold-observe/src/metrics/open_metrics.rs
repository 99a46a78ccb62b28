//! The metrics in the OpenMetrics format (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), with exemplars: beside a bucket of a
//! histogram stands the id of a trace that fell into it.
//!
//! Exemplars are looked up among the traces that are kept, when the text is made. So recording costs nothing more, no memory is
//! needed for them, and each of them leads to a trace that can be shown.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Timestamp, TraceId};

use super::family::BOUNDS;
use crate::telemetry::{Ending, What, Work, WorkKind};

const REQUESTS: &str = "http_server_request_duration_seconds";
const JOBS: &str = "tenfold_job_duration_seconds";
const STATEMENTS: &str = "db_client_operation_duration_seconds";

/// A series of a histogram, by the values of its labels in their order; of statements without the database, which is no label of a trace.
type SeriesValues<'w> = (&'static str, [&'w str; 3]);

/// The newest observation of a bucket.
struct Exemplar {
    trace: TraceId,
    at: Timestamp,
    seconds: f64,
}

/// What is kept of traces, as exemplars: by series, and by the index of the bucket.
#[derive(Default)]
struct Exemplars<'w>(HashMap<(SeriesValues<'w>, usize), Exemplar>);

/// `text`, which is in Prometheus's format, in that of OpenMetrics, with these pieces of work as exemplars.
pub(super) fn with_exemplars(text: &str, works: &[Arc<Work>]) -> String {
    let statuses: Vec<String> = works.iter().map(|work| status_of(&work.ending)).collect();
    let mut exemplars = Exemplars::default();
    for (work, status) in works.iter().zip(&statuses) {
        exemplars.add_work(work, status);
    }
    let mut places = ExemplarPlaces { by_line: exemplars.by_line(), counted: 0, waiting: None };
    let mut out = String::with_capacity(text.len() + places.by_line.len() * 100);
    let mut help = None;
    for line in text.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
            continue;
        }
        let type_of_counter =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix("_total counter"));
        for line in help.take().into_iter().chain([line]) {
            match type_of_counter {
                // The name of a counter's samples ends so, and that of the counter does not.
                Some(name) => out.push_str(&line.replacen(&format!("{name}_total"), name, 1)),
                None => out.push_str(line),
            }
            out.extend(places.behind(line));
            out.push('\n');
        }
    }
    out.push_str("# EOF\n");
    out
}

fn status_of(ending: &Ending) -> String {
    match ending {
        Ending::Answered(status) => status.to_string(),
        Ending::Completed | Ending::Failed(_) | Ending::Abandoned => String::new(),
    }
}

/// Behind which line an exemplar stands: that of its bucket, or of the next one of its series that has counted something. The trace of a
/// request begins when the request is admitted, and its histogram counts from its arrival, so it may be in a later bucket there.
struct ExemplarPlaces {
    by_line: HashMap<String, String>,
    /// How much the buckets up to the last line have counted.
    counted: u64,
    /// What found nothing counted in its bucket.
    waiting: Option<String>,
}

impl ExemplarPlaces {
    fn behind(&mut self, line: &str) -> Option<String> {
        let Some((bucket, count)) = bucket_of(line) else {
            // The sum of the next series.
            (self.counted, self.waiting) = (0, None);
            return None;
        };
        let before = std::mem::replace(&mut self.counted, count.parse().unwrap_or(0));
        self.waiting = self.by_line.remove(bucket).or_else(|| self.waiting.take());
        if self.counted > before { self.waiting.take() } else { None }
    }
}

/// A line of a bucket, as the part that names it and the count.
fn bucket_of(line: &str) -> Option<(&str, &str)> {
    let (bucket, count) = line.rsplit_once(' ')?;
    let is_one = [REQUESTS, JOBS, STATEMENTS]
        .iter()
        .any(|name| bucket.strip_prefix(name).is_some_and(|rest| rest.starts_with("_bucket{")));
    is_one.then_some((bucket, count))
}

impl<'w> Exemplars<'w> {
    fn add_work(&mut self, work: &'w Work, status: &'w str) {
        let (trace, at) = (work.beginning.trace_id, work.beginning.at);
        let series = match (work.beginning.kind, &work.ending) {
            (WorkKind::Request, Ending::Answered(_)) => {
                let name = work.beginning.name.split_once(' ');
                name.map(|(method, route)| (REQUESTS, [method, route, status]))
            }
            (WorkKind::Job, Ending::Completed) => Some((JOBS, [&*work.beginning.name, "", ""])),
            (WorkKind::Job, Ending::Failed(_)) => Some((JOBS, [&*work.beginning.name, "job", ""])),
            (WorkKind::Request | WorkKind::Job, _) => None,
        };
        if let Some(series) = series {
            self.add(series, trace, at, work.duration);
        }
        for span in &work.spans {
            if let What::Statement(statement, _) = &span.what {
                let error = if span.failed { "statement" } else { "" };
                let series = (STATEMENTS, [&*statement.name, statement.module, error]);
                self.add(series, trace, at + span.start, span.duration);
            }
        }
    }

    fn add(&mut self, series: SeriesValues<'w>, trace: TraceId, began: Timestamp, duration: Duration) {
        let (at, seconds) = (began + duration, duration.as_secs_f64());
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        let newest = self.0.entry((series, bucket)).or_insert(Exemplar { trace, at, seconds });
        if newest.at < at {
            *newest = Exemplar { trace, at, seconds };
        }
    }

    /// What is written behind the line of each bucket, by what stands there before its count.
    fn by_line(self) -> HashMap<String, String> {
        let lines = self.0.into_iter().flat_map(|(((name, values), bucket), exemplar)| {
            let le = BOUNDS.get(bucket).map_or("+Inf".to_owned(), |bound| format!("{bound:?}"));
            let written = exemplar.written();
            starts(name).into_iter().map(move |(labels, first)| {
                let mut line = format!("{name}_bucket{{le=\"{le}\"{first}");
                for (label, value) in labels.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                    write!(line, ",{label}=\"{value}\"").expect("a String takes any text");
                }
                line.push('}');
                (line, written.clone())
            })
        });
        lines.collect()
    }
}

/// The labels of a histogram, and what stands before them: one of the databases, since telemetry does not note which one it was.
fn starts(name: &str) -> Vec<([&'static str; 3], &'static str)> {
    match name {
        REQUESTS => vec![(["http_request_method", "http_route", "http_response_status_code"], "")],
        JOBS => vec![(["kind", "error_type", ""], "")],
        _ => {
            let labels = ["db_query_summary", "module", "error_type"];
            vec![(labels, ",db_system_name=\"sqlite\""), (labels, ",db_system_name=\"postgresql\"")]
        }
    }
}

impl Exemplar {
    fn written(&self) -> String {
        let at = self.at.as_duration().as_secs_f64();
        format!(" # {{trace_id=\"{}\"}} {} {at:.3}", self.trace, self.seconds)
    }
}
