//! The `tracing` layer that adds authors' spans and events to the work in which they happen.

use std::time::Instant;

use tenfold_data::SpanId;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{Telemetry, What};
use crate::logs::{SPAN_ID, message_of};

/// Records spans of level INFO and above, warnings and errors, into the request or job that they happen in.
///
/// Work is a span with a field `span_id`, as requests and jobs have. Statements and calls are recorded
/// separately, with more detail than a span has; their own spans, which are for the log, have level DEBUG.
#[derive(Debug)]
pub struct TelemetryLayer {
    telemetry: Telemetry,
}

/// The data that the layer attaches to a span: the work it belongs to, and its start.
struct SpanWork {
    work: SpanId,
    since: Instant,
    is_work: bool,
}

impl TelemetryLayer {
    pub(super) fn new(telemetry: Telemetry) -> Self {
        TelemetryLayer { telemetry }
    }

    /// Whether the layer needs this span or event; for a filter of its own.
    pub fn wants(metadata: &Metadata<'_>) -> bool {
        let most = if metadata.is_span() { Level::INFO } else { Level::WARN };
        *metadata.level() <= most
    }
}

impl<S> Layer<S> for TelemetryLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut own = WorkId(None);
        attributes.record(&mut own);
        let outer =
            span.parent().and_then(|parent| parent.extensions().get::<SpanWork>().map(|inside| inside.work));
        let is_work = own.0.is_some();
        if let Some(work) = own.0.or(outer) {
            span.extensions_mut().insert(SpanWork { work, since: Instant::now(), is_work });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let extensions = span.extensions();
        let Some(inside) = extensions.get::<SpanWork>() else { return };
        let failed = *event.metadata().level() == Level::ERROR;
        let line = || What::Line(message_of(event));
        self.telemetry.0.active.add(inside.work, std::time::Duration::ZERO, failed, line);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let extensions = span.extensions();
        let Some(inside) = extensions.get::<SpanWork>().filter(|inside| !inside.is_work) else { return };
        let metadata = span.metadata();
        let code = || What::Code { name: metadata.name(), target: metadata.target() };
        self.telemetry.0.active.add(inside.work, inside.since.elapsed(), false, code);
    }
}

/// Finds the field that marks a span as work.
struct WorkId(Option<SpanId>);

impl Visit for WorkId {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == SPAN_ID {
            self.0 = SpanId::parse(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == SPAN_ID {
            self.0 = SpanId::parse(&format!("{value:?}"));
        }
    }
}
