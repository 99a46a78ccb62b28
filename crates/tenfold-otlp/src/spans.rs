//! Requests and jobs as spans, named as OpenTelemetry's semantic conventions name them.

use std::time::Duration;

use tenfold_data::{Boundary, CallSite, SpanId, Timestamp};
use tenfold_observe::telemetry::{Ending, Span, What, Work, WorkKind};

use crate::attributes::{AttributeValue, OtlpResource, attribute, request};
use crate::message::OtlpMessage;

const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const CONSUMER: u64 = 5;
/// The status of a span that failed.
const ERROR: u64 = 2;
/// The field of a span's attributes.
const ATTRIBUTES: u32 = 9;
const EVENTS: u32 = 11;

/// An `ExportTraceServiceRequest`.
pub(crate) fn encode<'w>(
    resource: &OtlpResource,
    database: &str,
    works: impl Iterator<Item = &'w Work>,
) -> Vec<u8> {
    request(resource, |spans| {
        for work in works {
            spans.message(2, |span| root(span, work));
            for inner in work.spans.iter().filter(|inner| !matches!(inner.what, What::Line(_))) {
                spans.message(2, |span| child(span, work, inner, database));
            }
        }
    })
}

/// The request or job itself.
fn root(span: &mut OtlpMessage, work: &Work) {
    let beginning = &work.beginning;
    span.bytes(1, &beginning.trace_id.to_bytes());
    span.bytes(2, &beginning.span_id.to_bytes());
    if let Some(parent) = beginning.parent {
        span.bytes(4, &parent.to_bytes());
    }
    span.text(5, &beginning.name);
    span.number(6, if beginning.kind == WorkKind::Request { SERVER } else { CONSUMER });
    times(span, beginning.at, Duration::ZERO, work.duration);
    facts(span, work);
    for repeat in &work.repeats {
        span.message(EVENTS, |event| {
            event.fixed(1, nanos(beginning.at, work.duration));
            event.text(2, "tenfold.n_plus_one");
            attribute(event, 3, "tenfold.repeated", &*repeat.name);
            attribute(event, 3, "tenfold.times", i64::from(repeat.times));
            place(event, 3, Some(repeat.site));
        });
    }
    for inner in &work.spans {
        if let What::Line(text) = &inner.what {
            span.message(EVENTS, |event| {
                event.fixed(1, nanos(beginning.at, inner.start));
                event.text(2, text);
            });
        }
    }
    status(span, &work.ending);
}

fn facts(span: &mut OtlpMessage, work: &Work) {
    if work.beginning.kind == WorkKind::Request {
        if let Some((method, route)) = work.beginning.name.split_once(' ') {
            attribute(span, ATTRIBUTES, "http.request.method", method);
            attribute(span, ATTRIBUTES, "http.route", route);
        }
        if let Ending::Answered(status) = work.ending {
            attribute(span, ATTRIBUTES, "http.response.status_code", i64::from(status));
        }
    }
    if let Some(organization) = work.organization {
        attribute(span, ATTRIBUTES, "tenfold.organization.id", &*organization.0.to_string());
    }
    if let Some(user) = work.user {
        attribute(span, ATTRIBUTES, "user.id", &*user.to_string());
    }
    if let Some(job) = &work.beginning.job {
        attribute(span, ATTRIBUTES, "tenfold.job.id", &*job.id.to_string());
        attribute(span, ATTRIBUTES, "tenfold.job.attempt", i64::from(job.attempt));
        attribute(span, ATTRIBUTES, "tenfold.job.waited_s", AttributeValue::Real(job.waited.as_secs_f64()));
    }
    attribute(span, ATTRIBUTES, "tenfold.statements", whole(work.totals.statements));
    let database_time = AttributeValue::Real(work.totals.database_time.as_secs_f64());
    attribute(span, ATTRIBUTES, "tenfold.database_time_s", database_time);
    if work.dropped > 0 {
        attribute(span, ATTRIBUTES, "tenfold.spans_not_recorded", whole(work.dropped));
    }
}

/// A statement, a call or a piece of an author's code.
fn child(span: &mut OtlpMessage, work: &Work, inner: &Span, database: &str) {
    let beginning = &work.beginning;
    span.bytes(1, &beginning.trace_id.to_bytes());
    span.bytes(2, &SpanId::unique().to_bytes());
    span.bytes(4, &beginning.span_id.to_bytes());
    match &inner.what {
        What::Statement(statement, rows) => {
            span.text(5, &statement.name);
            span.number(6, CLIENT);
            attribute(span, ATTRIBUTES, "db.system.name", database);
            attribute(span, ATTRIBUTES, "db.query.summary", &*statement.name);
            attribute(span, ATTRIBUTES, "db.query.text", &*statement.text);
            attribute(span, ATTRIBUTES, "db.response.returned_rows", whole(*rows));
            attribute(span, ATTRIBUTES, "tenfold.module", statement.module);
            place(span, ATTRIBUTES, statement.site);
        }
        What::Call { module, method, site } => {
            span.text(5, &format!("{module}.{method}"));
            span.number(6, INTERNAL);
            attribute(span, ATTRIBUTES, "tenfold.module", *module);
            place(span, ATTRIBUTES, Some(*site));
        }
        What::Outbound(call) => {
            span.text(5, &call.to_string());
            span.number(6, CLIENT);
            attribute(span, ATTRIBUTES, "server.address", &*call.host);
            if let Some(port) = call.port {
                attribute(span, ATTRIBUTES, "server.port", i64::from(port));
            }
            if let Some(error) = &call.error {
                attribute(span, ATTRIBUTES, "error.type", &**error);
            }
        }
        What::Transaction(boundary, site) => {
            span.text(5, if *boundary == Boundary::Begin { "BEGIN" } else { "COMMIT" });
            span.number(6, CLIENT);
            attribute(span, ATTRIBUTES, "db.system.name", database);
            place(span, ATTRIBUTES, Some(*site));
        }
        What::Code { name, target } => {
            span.text(5, name);
            span.number(6, INTERNAL);
            attribute(span, ATTRIBUTES, "code.namespace", *target);
        }
        What::Line(_) => {}
    }
    times(span, beginning.at, inner.start, inner.duration);
    if inner.failed {
        span.message(15, |status| status.number(3, ERROR));
    }
}

fn status(span: &mut OtlpMessage, ending: &Ending) {
    let text = match ending {
        Ending::Failed(error) => error,
        Ending::Abandoned => "abandoned",
        _ => "",
    };
    if ending.is_error() || *ending == Ending::Abandoned {
        span.message(15, |status| {
            status.text(2, text);
            status.number(3, ERROR);
        });
    }
}

fn place(message: &mut OtlpMessage, field: u32, site: Option<CallSite>) {
    if let Some(site) = site {
        attribute(message, field, "code.file.path", site.file());
        attribute(message, field, "code.line.number", i64::from(site.line()));
    }
}

fn times(span: &mut OtlpMessage, at: Timestamp, start: Duration, duration: Duration) {
    span.fixed(7, nanos(at, start));
    span.fixed(8, nanos(at, start + duration));
}

/// A moment in nanoseconds since 1970.
pub(crate) fn nanos(at: Timestamp, after: Duration) -> u64 {
    let nanos = at.as_nanosecond() + i128::try_from(after.as_nanos()).unwrap_or_default();
    u64::try_from(nanos).unwrap_or_default()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
