//! One line, before it is formatted.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use tenfold_data::trace::{SpanId, TraceId};
use tracing::Level;

use super::fields::LogFields;

/// The extra field of a closing span's line, in milliseconds.
pub(super) const DURATION: &str = "duration_ms";

/// The keys of the line itself; a field with such a name gets a prefix.
const RESERVED: [&str; 7] = ["timestamp", "level", "target", "message", "trace_id", "span_id", "span"];

/// The prefix for fields that clash with the line's own keys.
const PREFIX: &str = "field.";

/// The content of a line.
pub(super) struct LogLine<'a> {
    pub(super) timestamp: Timestamp,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) place: TracePlace,
    pub(super) fields: &'a LogFields,
    /// Set when the line reports that a span has closed.
    pub(super) duration: Option<Duration>,
}

/// The position of the line in its trace.
#[derive(Clone, Copy, Default)]
pub(super) struct TracePlace {
    /// The name of the innermost span.
    pub(super) span: Option<&'static str>,
    /// The ids; a span id is meaningless without its trace.
    pub(super) ids: Option<(TraceId, SpanId)>,
}

impl LogLine<'_> {
    /// The key under which a field is written. Names that begin with the prefix get it too, so that no
    /// two names map to the same key.
    pub(super) fn key(&self, name: &'static str) -> Cow<'static, str> {
        let clashes = RESERVED.contains(&name)
            || name.starts_with(PREFIX)
            || name == DURATION && self.duration.is_some();
        if clashes { Cow::Owned(format!("{PREFIX}{name}")) } else { Cow::Borrowed(name) }
    }

    /// The span's duration in milliseconds, if the line reports one.
    pub(super) fn milliseconds(&self) -> Option<f64> {
        self.duration.map(milliseconds)
    }
}

/// A duration in milliseconds, with three digits at most: more of them are no measurement, and the last ones no duration's either.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
