//! The format of a line, and its text.

use super::line::LogLine;
use super::pretty::Colour;
use super::{json, pretty};

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Aligned, for a person in a terminal.
    Pretty(Colour),
    /// One flat JSON object per line, for log collectors.
    Json,
}

impl LogFormat {
    /// The line as text. It ends with a line feed and contains no other.
    pub(super) fn render(self, line: &LogLine<'_>) -> String {
        let mut out = String::with_capacity(256);
        match self {
            LogFormat::Json => json::render(line, &mut out),
            LogFormat::Pretty(colour) => pretty::render(line, colour, &mut out),
        }
        out.push('\n');
        out
    }
}
