//! The `tracing` layer that turns events and closed spans into lines.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tenfold_data::trace::{SpanId, TraceId};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Filtered;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::exported::ExportedLine;
use super::fields::{FieldValue, LogFields};
use super::filter::{LogFilter, SPAN_ID, TRACE_ID};
use super::format::LogFormat;
use super::line::{LogLine, TracePlace};
use super::queue::LineQueue;
use crate::export::ExportQueue;

/// Writes a line for each event, and, when a span closes, one of level DEBUG (TRACE for a TRACE span).
///
/// A span whose fields `trace_id` and `span_id` hold ids (as text, see `tenfold_data::trace`) passes them
/// to the lines inside it. A span inside it without a `span_id` gets one of its own and inherits the trace.
/// Outside a trace lines have no ids.
#[derive(Debug)]
pub struct LogLayer {
    format: LogFormat,
    filter: LogFilter,
    now: fn() -> Timestamp,
    output: LogOutput,
}

/// A handle on the output: to wait for it, and to see how many lines were lost.
#[derive(Clone, Debug)]
pub struct LogOutput {
    queue: Arc<LineQueue>,
    exported: Arc<OnceLock<Arc<ExportQueue<ExportedLine>>>>,
}

/// The data that the layer attaches to a span until it closes.
struct Opened {
    fields: LogFields,
    trace_id: Option<TraceId>,
    span_id: SpanId,
    at: Instant,
}

impl LogLayer {
    /// A layer that logs everything it sees to `writer`, from its own thread, which ends with the layer.
    /// Fails if that thread cannot be started.
    ///
    /// A writer that fails or blocks costs log lines (up to 4 MiB of them may wait), never the
    /// application's time. Once it recovers, a line says how many were lost. A killed process loses the
    /// lines of its last milliseconds.
    pub fn new(format: LogFormat, writer: impl Write + Send + 'static) -> io::Result<Self> {
        let output = LogOutput { queue: Arc::default(), exported: Arc::default() };
        let layer = Self { format, filter: LogFilter::everything(), now: wall_clock, output };
        let queue = Arc::clone(&layer.output.queue);
        std::thread::Builder::new()
            .name("tenfold-logs".to_owned())
            .spawn(move || queue.write_to(writer, |lines| report_lost(format, lines)))?;
        Ok(layer)
    }

    /// Takes the time of the lines from `now` instead of the wall clock.
    #[must_use]
    pub fn with_clock(mut self, now: fn() -> Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Logs only what `filter` lets through. Other layers of the same subscriber still see everything.
    pub fn filtered<S>(mut self, filter: LogFilter) -> Filtered<Self, LogFilter, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.filter = filter.clone();
        self.with_filter(filter)
    }

    /// The handle on what this layer writes.
    pub fn output(&self) -> LogOutput {
        self.output.clone()
    }

    fn write(&self, line: &LogLine<'_>) {
        self.output.queue.push(&self.format.render(line));
    }
}

impl LogOutput {
    /// Waits until every line logged so far has been written or given up, for at most `limit`; true if so.
    pub fn flush(&self, limit: Duration) -> bool {
        self.queue.flush(limit)
    }

    /// Begins to collect events to be sent elsewhere, besides writing them. At most `bound` wait. The first call decides.
    pub fn export(&self, bound: usize) -> Arc<ExportQueue<ExportedLine>> {
        Arc::clone(self.exported.get_or_init(|| Arc::new(ExportQueue::new(bound))))
    }

    /// How many lines were lost so far, because the writer failed or could not keep up.
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        attributes.record(&mut fields);
        let trace_id = fields.take(TRACE_ID, TraceId::parse);
        let span_id = fields.take(SPAN_ID, SpanId::parse).unwrap_or_else(SpanId::unique);
        let opened = Opened { fields, trace_id, span_id, at: Instant::now() };
        if let Some(span) = context.span(id) {
            let mut extensions = span.extensions_mut();
            // A second layer of this type finds the data of the first.
            if extensions.get_mut::<Opened>().is_none() {
                extensions.insert(opened);
            }
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        values.record(&mut fields);
        let Some(span) = context.span(id) else { return };
        if let Some(opened) = span.extensions_mut().get_mut::<Opened>() {
            opened.trace_id = fields.take(TRACE_ID, TraceId::parse).or(opened.trace_id);
            opened.span_id = fields.take(SPAN_ID, SpanId::parse).unwrap_or(opened.span_id);
            opened.fields.merge(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let message = fields.take("message", |text| Some(text.to_owned())).unwrap_or_default();
        let line = LogLine {
            timestamp: (self.now)(),
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: &message,
            place: context.event_scope(event).map(place).unwrap_or_default(),
            fields: &fields,
            duration: None,
        };
        self.write(&line);
        if let Some(exported) = self.output.exported.get() {
            exported.push(ExportedLine::of(&line));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let (target, level) = (span.metadata().target(), Level::DEBUG.max(*span.metadata().level()));
        if !self.filter.logs(target, &level) {
            return;
        }
        let place = place(span.scope());
        let extensions = span.extensions();
        let Some(opened) = extensions.get::<Opened>() else { return };
        self.write(&LogLine {
            timestamp: (self.now)(),
            level,
            target,
            message: "span closed",
            place,
            fields: &opened.fields,
            duration: Some(opened.at.elapsed()),
        });
    }
}

impl Drop for LogLayer {
    fn drop(&mut self) {
        self.output.queue.close();
    }
}

/// The position of a line inside these spans, the innermost first.
fn place<'a, S: LookupSpan<'a>>(scope: Scope<'a, S>) -> TracePlace {
    let mut place = TracePlace::default();
    let mut span_id = None;
    for span in scope {
        place.span.get_or_insert(span.name());
        let extensions = span.extensions();
        let Some(opened) = extensions.get::<Opened>() else { continue };
        let span_id = *span_id.get_or_insert(opened.span_id);
        if let Some(trace_id) = opened.trace_id {
            place.ids = Some((trace_id, span_id));
            break;
        }
    }
    place
}

fn report_lost(format: LogFormat, lines: u64) -> String {
    let mut fields = LogFields::default();
    fields.set("lost", FieldValue::Unsigned(lines.into()));
    let message = "log lines were lost: the output failed or could not keep up";
    let (level, target, place) = (Level::WARN, "tenfold_observe::logs", TracePlace::default());
    let line =
        LogLine { timestamp: wall_clock(), level, target, message, place, fields: &fields, duration: None };
    format.render(&line)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a log line tells when it was written, whatever the clock of a test says"
)]
fn wall_clock() -> Timestamp {
    Timestamp::now()
}
