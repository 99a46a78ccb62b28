//! From bytes to assignments: parses a TOML file and keeps the position of everything in it.

use std::{fs::File, io, io::Read, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::ConfigError;

/// The most bytes a configuration file may have, so that a wrong path cannot fill the memory.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A TOML document with the name it has in errors.
pub(super) struct TomlDocument<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// `name = value` somewhere in a document. An empty table counts as an assignment; otherwise it would go unchecked.
pub(super) struct TomlAssignment<'i> {
    /// Dotted; a part that is not a bare key keeps its quotes, so it can never be taken for another key.
    pub(super) name: String,
    /// Byte offset of the key.
    pub(super) at: usize,
    pub(super) value: Spanned<DeValue<'i>>,
}

impl<'a> TomlDocument<'a> {
    /// Every assignment, in the order of the text.
    pub(super) fn assignments(&self) -> Result<Vec<TomlAssignment<'a>>, ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(self.text.len(), |span| span.start);
            // The parser's message only: its `Display` would quote the line, which may hold a secret.
            self.syntax(at, error.message())
        })?;
        let mut found = Vec::new();
        collect("", table.into_inner(), &mut found);
        found.sort_by_key(|assignment| assignment.at);
        Ok(found)
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        position(self.text.as_bytes(), at).0
    }

    fn syntax(&self, at: usize, reason: &str) -> ConfigError {
        let (line, column) = position(self.text.as_bytes(), at);
        ConfigError::Syntax { path: self.name.to_owned(), line, column, reason: one_line(reason) }
    }
}

/// The text of a file, `None` if there is none. Limit: [`MAX_FILE_BYTES`].
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let name = shown_path(path);
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Unreadable { path: name, source }),
        Ok(read) if read as u64 > MAX_FILE_BYTES => {
            return Err(ConfigError::TooLarge { path: name, limit: MAX_FILE_BYTES });
        }
        Ok(_) => {}
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let (line, column) = position(error.as_bytes(), error.utf8_error().valid_up_to());
        ConfigError::Syntax { path: name, line, column, reason: "save the file as UTF-8".to_owned() }
    })
}

/// A path as errors and comments show it.
pub(super) fn shown_path(path: &Path) -> String {
    escape_controls(&path.display().to_string())
}

/// A text cut to 120 characters, without line breaks or terminal escapes, because it is untrusted.
pub(super) fn one_line(text: &str) -> String {
    let escaped = escape_controls(text);
    match escaped.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &escaped[..at]),
        None => escaped,
    }
}

fn escape_controls(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// Line and column (in characters) of a byte offset, both from 1.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at.min(bytes.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    (line, 1 + String::from_utf8_lossy(&before[line_start..]).chars().count())
}

fn collect<'i>(prefix: &str, table: DeTable<'i>, found: &mut Vec<TomlAssignment<'i>>) {
    for (key, value) in table {
        let (at, part) = (key.span().start, key.into_inner());
        let bare =
            part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !part.is_empty();
        let part = if bare { part.into_owned() } else { format!("{:?}", part) };
        let name = if prefix.is_empty() { part } else { format!("{prefix}.{part}") };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(inner) if !inner.is_empty() => collect(&name, inner, found),
            other => found.push(TomlAssignment { name, at, value: Spanned::new(span, other) }),
        }
    }
}
