//! Whether a text is a table, and its rows and columns, counted as the text streams by, so that memory use is
//! constant.
//!
//! The text is a table if some separator gives every line the same number of fields. Lines are those of RFC 4180; a CR
//! alone ends a line, too. Trying one separator after another would read the text four times, so all are tried side by
//! side; a separator drops out with the first line that has another number of fields.

use std::mem;

use crate::lines::{has_firm_comma, is_ordinary};

/// How many bytes of a line are examined to tell a table from other texts with separators.
const SAMPLE: usize = 1024;
/// The longest first line that declares the separator, with its line end: `sep=;`.
const HINT: usize = 7;

/// The properties of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFacts {
    pub separator: u8,
    /// Its lines without the first, which names the columns.
    pub rows: u64,
    pub columns: u64,
}

/// The tables that a text may still be.
pub(crate) struct Tables {
    candidates: Vec<SeparatorCandidate>,
    /// The beginning, until it is known whether it declares the separator.
    start: Option<String>,
}

impl Tables {
    /// Before the first character.
    pub(crate) fn new() -> Self {
        Tables {
            candidates: b"\t;,".iter().copied().map(SeparatorCandidate::new).collect(),
            start: Some(String::new()),
        }
    }

    /// Reads the next piece.
    pub(crate) fn feed(&mut self, text: &str) {
        match &mut self.start {
            Some(start) => {
                start.push_str(text);
                if start.len() >= HINT {
                    self.begin();
                }
            }
            None => self.count(text.as_bytes()),
        }
    }

    /// Ends the text; returns the table that it is.
    pub(crate) fn end(mut self) -> Option<TableFacts> {
        self.begin();
        let tables: Vec<(TableFacts, bool)> =
            self.candidates.into_iter().filter_map(SeparatorCandidate::table).collect();
        let of = |separator| tables.iter().find(|(table, _)| table.separator == separator);
        // A comma is often part of a number or of a text, so it needs more evidence to win against a semicolon.
        match (of(b';'), of(b',')) {
            (Some((by_semicolon, _)), Some((by_comma, true)))
                if of(b'\t').is_none() && by_comma.columns > by_semicolon.columns =>
            {
                Some(*by_comma)
            }
            _ => tables.first().map(|(table, _)| *table),
        }
    }

    /// Spreadsheets write the separator into a line of its own before the first one.
    fn begin(&mut self) {
        let Some(start) = self.start.take() else { return };
        let hint = start.strip_prefix("sep=").and_then(|rest| rest.bytes().next());
        let line = hint.and_then(|separator| {
            let rest = &start.as_bytes()["sep=".len() + 1..];
            (separator.is_ascii() && matches!(rest.first(), Some(b'\r' | b'\n'))).then_some((separator, rest))
        });
        match line {
            Some((separator, rest)) => {
                self.candidates = vec![SeparatorCandidate::new(separator)];
                self.count(rest);
            }
            None => self.count(start.as_bytes()),
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.candidates.retain_mut(|candidate| candidate.feed(bytes));
    }
}

/// The state of a candidate's parser.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ParserState {
    /// Before a field: only here a quote opens one.
    Start,
    Unquoted,
    Quoted,
    /// After a quote inside a quoted field: another quote makes it a literal one, anything else ends the quotation.
    Quote,
}

/// The text, parsed with one separator.
struct SeparatorCandidate {
    separator: u8,
    state: ParserState,
    /// Of the current line.
    fields: u64,
    /// The current line is empty so far.
    empty: bool,
    columns: u64,
    lines: u64,
    /// Some line looks like a line of a table, and not like prose, code or a log.
    ordinary: bool,
    /// The first line has a comma where only a table has one.
    firm: bool,
    /// The beginning of the line, without quoted text.
    sample: Vec<u8>,
}

impl SeparatorCandidate {
    fn new(separator: u8) -> Self {
        SeparatorCandidate {
            separator,
            state: ParserState::Start,
            fields: 1,
            empty: true,
            columns: 0,
            lines: 0,
            ordinary: false,
            firm: false,
            sample: Vec::new(),
        }
    }

    /// Reads the next piece; returns whether the text may still be a table.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (ParserState::Quoted, b'"') => ParserState::Quote,
                (ParserState::Quoted, _) | (ParserState::Quote, b'"') => ParserState::Quoted,
                (_, b'\r' | b'\n') => {
                    if !self.end_line() {
                        return false;
                    }
                    ParserState::Start
                }
                (_, byte) if byte == self.separator => {
                    self.fields += 1;
                    ParserState::Start
                }
                (ParserState::Start, b'"') => ParserState::Quoted,
                _ => ParserState::Unquoted,
            };
            if !matches!(byte, b'\r' | b'\n') || self.state == ParserState::Quoted {
                self.empty = false;
                if !self.ordinary && self.state != ParserState::Quoted && self.sample.len() < SAMPLE {
                    self.sample.push(*byte);
                }
            }
        }
        true
    }

    /// Whether the line has as many fields as the first one; an empty line never does.
    fn end_line(&mut self) -> bool {
        let fields = mem::replace(&mut self.fields, 1);
        if mem::replace(&mut self.empty, true) {
            return true;
        }
        if self.lines == 0 {
            self.columns = fields;
            self.firm = has_firm_comma(&self.sample);
        }
        self.lines += 1;
        self.ordinary = self.ordinary || is_ordinary(&self.sample, self.separator);
        self.sample.clear();
        fields == self.columns && fields > 1
    }

    /// The table, and whether the comma is certainly a separator. An unclosed quotation hides lines, so that is no
    /// table.
    fn table(mut self) -> Option<(TableFacts, bool)> {
        let whole = self.state != ParserState::Quoted && self.end_line();
        let table = TableFacts {
            separator: self.separator,
            rows: self.lines.saturating_sub(1),
            columns: self.columns,
        };
        (whole && self.lines > 1 && self.ordinary).then_some((table, self.firm))
    }
}
