//! The `tracing` layer that adds authors' spans and events to the work in which they happen.

use std::time::Instant;

use tenfold_data::SpanId;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::outbound::SpanFields;
use super::{OutboundCall, Telemetry, What};
use crate::logs::message_of;

/// Records spans of level INFO and above, warnings and errors, into the request or job that they happen in.
///
/// Work is a span with a field `span_id`, as requests and jobs have. A span of the kind `client` is a call to another service
/// (`outbound.rs`). Statements and calls are recorded
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
    role: SpanRole,
}

/// What a span has to do with a call to another service.
enum SpanRole {
    /// Nothing.
    None,
    /// It is one.
    Is(Box<OutboundCall>),
    /// It is within one, so it is no part of its own, whatever it is.
    Within,
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
        let mut own = SpanFields::default();
        attributes.record(&mut own);
        let outer = |inside: &SpanWork| (inside.work, !matches!(inside.role, SpanRole::None));
        let outer = span.parent().and_then(|parent| parent.extensions().get::<SpanWork>().map(outer));
        let (own_work, within) = (own.work, outer.is_some_and(|(_, within)| within));
        let Some(work) = own_work.or(outer.map(|(work, _)| work)) else { return };
        let is_work = own_work.is_some();
        let role = match own.call() {
            _ if within && !is_work => SpanRole::Within,
            Some(call) => SpanRole::Is(call),
            None => SpanRole::None,
        };
        span.extensions_mut().insert(SpanWork { work, since: Instant::now(), is_work, role });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        // Only a call is of interest, and requests record their organization.
        let is_client = |span: &Metadata<'_>| span.fields().field("otel.kind").is_some();
        let Some(span) = context.span(id).filter(|span| is_client(span.metadata())) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(SpanWork { role: SpanRole::Is(call), .. }) = extensions.get_mut() {
            let mut fields = SpanFields::default();
            values.record(&mut fields);
            call.error = fields.error.or(call.error.take());
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
        let Some(inside) = span.extensions_mut().remove::<SpanWork>().filter(|inside| !inside.is_work) else {
            return;
        };
        if let SpanRole::Is(call) = inside.role {
            return self.telemetry.called(inside.work, call, inside.since.elapsed());
        }
        let metadata = span.metadata();
        let code = || What::Code { name: metadata.name(), target: metadata.target() };
        self.telemetry.0.active.add(inside.work, inside.since.elapsed(), false, code);
    }
}
