//! A line for a person in a terminal: time, level, target and message in columns, then the fields,
//! then the span with its trace, where it disturbs least.

use tracing::Level;

use super::escape::{self, put};
use super::fields::FieldValue;
use super::line::{DURATION, LogLine};

/// The widths of the columns, in characters; a longer text shifts the rest.
const TARGET_WIDTH: usize = 20;
const MESSAGE_WIDTH: usize = 32;

const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Whether pretty lines carry ANSI colours. This is not guessed: the caller that installs the logs
/// knows the terminal (`std::io::IsTerminal`, `NO_COLOR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escape sequences around time, level, target and ids.
    Always,
}

/// Adds the line to `out`.
pub(super) fn render(line: &LogLine<'_>, colour: Colour, out: &mut String) {
    styled(out, colour, DIM, |out| put(out, format_args!("{:.6}", line.timestamp)));
    out.push(' ');
    styled(out, colour, style(line.level), |out| put(out, format_args!("{:>5}", line.level)));
    out.push(' ');
    styled(out, colour, DIM, |out| column(out, TARGET_WIDTH, line.target));
    out.push(' ');
    column(out, MESSAGE_WIDTH, line.message);
    if let Some(milliseconds) = line.milliseconds() {
        put(out, format_args!(" {DURATION}={milliseconds:.3}"));
    }
    for (name, value) in line.fields.iter() {
        out.push(' ');
        escape::word(out, &line.key(name));
        out.push('=');
        field(out, value);
    }
    if line.place.span.is_some() {
        out.push(' ');
        styled(out, colour, DIM, |out| place(out, line));
    }
    out.truncate(out.trim_end_matches(' ').len());
}

fn place(out: &mut String, line: &LogLine<'_>) {
    if let Some(span) = line.place.span {
        out.push_str("span=");
        escape::word(out, span);
    }
    if let Some((trace_id, span_id)) = line.place.ids {
        put(out, format_args!(" trace_id={trace_id} span_id={span_id}"));
    }
}

fn field(out: &mut String, value: &FieldValue) {
    match value {
        FieldValue::Bool(value) => put(out, format_args!("{value}")),
        FieldValue::Signed(value) => put(out, format_args!("{value}")),
        FieldValue::Unsigned(value) => put(out, format_args!("{value}")),
        FieldValue::Float(value) => put(out, format_args!("{value}")),
        FieldValue::Text(value) => escape::word(out, value),
    }
}

fn column(out: &mut String, width: usize, text: &str) {
    let start = out.len();
    escape::plain(out, text);
    let missing = width.saturating_sub(out[start..].chars().count());
    put(out, format_args!("{:missing$}", ""));
}

fn styled(out: &mut String, colour: Colour, style: &str, write: impl FnOnce(&mut String)) {
    match colour {
        Colour::Never => write(out),
        Colour::Always => {
            out.push_str(style);
            write(out);
            out.push_str(RESET);
        }
    }
}

fn style(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}
