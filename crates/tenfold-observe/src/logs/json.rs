//! A line as one flat JSON object, its own keys first.

use super::escape::{self, put};
use super::fields::FieldValue;
use super::line::{DURATION, LogLine};

/// Adds the object to `out`.
pub(super) fn render(line: &LogLine<'_>, out: &mut String) {
    put(out, format_args!("{{\"timestamp\":\"{:.6}\",\"level\":\"{}\"", line.timestamp, line.level));
    text(out, "target", line.target);
    text(out, "message", line.message);
    if let Some((trace_id, span_id)) = line.place.ids {
        put(out, format_args!(",\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\""));
    }
    if let Some(span) = line.place.span {
        text(out, "span", span);
    }
    for (name, value) in line.fields.iter() {
        field(out, &line.key(name), value);
    }
    if let Some(milliseconds) = line.milliseconds() {
        put(out, format_args!(",\"{DURATION}\":{milliseconds:.3}"));
    }
    out.push('}');
}

fn field(out: &mut String, name: &str, value: &FieldValue) {
    key(out, name);
    match value {
        FieldValue::Bool(value) => put(out, format_args!("{value}")),
        FieldValue::Signed(value) => put(out, format_args!("{value}")),
        FieldValue::Unsigned(value) => put(out, format_args!("{value}")),
        FieldValue::Float(value) if value.is_finite() => put(out, format_args!("{value:?}")),
        // JSON has neither infinity nor NaN.
        FieldValue::Float(value) => put(out, format_args!("\"{value}\"")),
        FieldValue::Text(value) => quoted(out, value),
    }
}

fn text(out: &mut String, name: &str, value: &str) {
    key(out, name);
    quoted(out, value);
}

fn quoted(out: &mut String, value: &str) {
    out.push('"');
    escape::json(out, value);
    out.push('"');
}

fn key(out: &mut String, name: &str) {
    out.push_str(",\"");
    escape::json(out, name);
    out.push_str("\":");
}
