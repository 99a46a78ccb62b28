//! Whether a text is a table, and its rows and columns: counted while it goes by, so that memory stays flat.
//!
//! The text is a table if some separator gives every line the same number of fields. Lines are those of RFC 4180, with
//! CR alone as an end too. Counting once and beginning again with another separator would read the text four times, so
//! all separators are tried side by side; one drops out with the first line that has another number of fields.

use std::mem;

use crate::lines::{has_firm_comma, is_ordinary};

/// How much of a line is looked at to tell a table from other texts with separators.
const SAMPLE: usize = 1024;
/// The longest first line that says which separator follows, with its end: `sep=;`.
const HINT: usize = 7;

/// What a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub separator: u8,
    /// Its lines without the first, which names the columns.
    pub rows: u64,
    pub columns: u64,
}

/// The tables that a text may still be.
pub(crate) struct Tables {
    candidates: Vec<Candidate>,
    /// The beginning, until it is known whether it says the separator.
    start: Option<String>,
}

impl Tables {
    /// Stands before the first character.
    pub(crate) fn new() -> Self {
        Tables {
            candidates: b"\t;,".iter().copied().map(Candidate::new).collect(),
            start: Some(String::new()),
        }
    }

    /// Reads on.
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

    /// The text ends here: the table that it is.
    pub(crate) fn end(mut self) -> Option<Table> {
        self.begin();
        let tables: Vec<(Table, bool)> = self.candidates.into_iter().filter_map(Candidate::table).collect();
        let of = |separator| tables.iter().find(|(table, _)| table.separator == separator);
        // A comma is often a part of a number or of a text, so it must show more to stand against a semicolon.
        match (of(b';'), of(b',')) {
            (Some((by_semicolon, _)), Some((by_comma, true)))
                if of(b'\t').is_none() && by_comma.columns > by_semicolon.columns =>
            {
                Some(*by_comma)
            }
            _ => tables.first().map(|(table, _)| *table),
        }
    }

    /// Spreadsheets write the separator into a line of its own before the first.
    fn begin(&mut self) {
        let Some(start) = self.start.take() else { return };
        let hint = start.strip_prefix("sep=").and_then(|rest| rest.bytes().next());
        let line = hint.and_then(|separator| {
            let rest = &start.as_bytes()["sep=".len() + 1..];
            (separator.is_ascii() && matches!(rest.first(), Some(b'\r' | b'\n'))).then_some((separator, rest))
        });
        match line {
            Some((separator, rest)) => {
                self.candidates = vec![Candidate::new(separator)];
                self.count(rest);
            }
            None => self.count(start.as_bytes()),
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.candidates.retain_mut(|candidate| candidate.feed(bytes));
    }
}

/// Where a separator's reading of the text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a field: only here a quote opens one.
    Start,
    Unquoted,
    Quoted,
    /// Behind a quote inside a quoted field, which another one doubles; anything else ends the quotation.
    Quote,
}

/// The text as one separator would have it.
struct Candidate {
    separator: u8,
    state: State,
    /// Of the line that is read.
    fields: u64,
    /// Nothing of the line was read yet.
    empty: bool,
    columns: u64,
    lines: u64,
    /// Some line looks like one of a table, and not like prose, code or a log.
    ordinary: bool,
    /// A comma that only a table has stands in the first line.
    firm: bool,
    /// The beginning of the line, without what is in quotes.
    sample: Vec<u8>,
}

impl Candidate {
    fn new(separator: u8) -> Self {
        Candidate {
            separator,
            state: State::Start,
            fields: 1,
            empty: true,
            columns: 0,
            lines: 0,
            ordinary: false,
            firm: false,
            sample: Vec::new(),
        }
    }

    /// Reads on; says whether it may still be a table.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) | (State::Quote, b'"') => State::Quoted,
                (_, b'\r' | b'\n') => {
                    if !self.end_line() {
                        return false;
                    }
                    State::Start
                }
                (_, byte) if byte == self.separator => {
                    self.fields += 1;
                    State::Start
                }
                (State::Start, b'"') => State::Quoted,
                _ => State::Unquoted,
            };
            if !matches!(byte, b'\r' | b'\n') || self.state == State::Quoted {
                self.empty = false;
                if !self.ordinary && self.state != State::Quoted && self.sample.len() < SAMPLE {
                    self.sample.push(*byte);
                }
            }
        }
        true
    }

    /// Whether the line has as many fields as the first one; an empty one is none.
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

    /// The table, and whether a comma is known to separate. A quotation without an end hides lines: it is none.
    fn table(mut self) -> Option<(Table, bool)> {
        let whole = self.state != State::Quoted && self.end_line();
        let table =
            Table { separator: self.separator, rows: self.lines.saturating_sub(1), columns: self.columns };
        (whole && self.lines > 1 && self.ordinary).then_some((table, self.firm))
    }
}
