//! An event as it is sent elsewhere.

use jiff::Timestamp;
use tenfold_data::trace::{SpanId, TraceId};
use tracing::Level;

use super::fields::FieldValue;
use super::line::LogLine;

/// What an event has said, with its place in a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedLine {
    /// When.
    pub at: Timestamp,
    /// How serious it is.
    pub level: Level,
    /// The module path of the code that said it.
    pub target: String,
    /// The message.
    pub message: String,
    /// The trace and the span in which it happened.
    pub place: Option<(TraceId, SpanId)>,
    /// Its other fields.
    pub fields: Vec<(&'static str, FieldValue)>,
}

impl ExportedLine {
    pub(super) fn of(line: &LogLine<'_>) -> Self {
        ExportedLine {
            at: line.timestamp,
            level: line.level,
            target: line.target.to_owned(),
            message: line.message.to_owned(),
            place: line.place.ids,
            fields: line.fields.iter().map(|(name, value)| (name, value.clone())).collect(),
        }
    }
}
