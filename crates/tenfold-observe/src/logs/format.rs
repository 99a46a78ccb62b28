//! What a line looks like, and its text.

use super::line::LogLine;
use super::pretty::Colour;
use super::{json, pretty};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Aligned, for a person in a terminal.
    Pretty(Colour),
    /// One flat JSON object a line, for whatever collects logs.
    Json,
}

impl LogFormat {
    /// The line as text, with the line feed that ends it and no other.
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
