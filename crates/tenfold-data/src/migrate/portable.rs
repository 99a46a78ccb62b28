//! One migration text for both databases.
//!
//! The text is PostgreSQL's dialect with a short list of types. For SQLite the types are mapped to those of a STRICT
//! table, so that no affinity changes a value (a `numeric` column would turn `'1e3'` into 1000). Tables are clustered
//! by their primary key, so that the rows of a tenant are stored together. For PostgreSQL `text` gets the C collation,
//! so that both databases sort byte by byte.

use crate::statement::Dialect;

/// The types that a portable migration may use, and their SQLite types.
const TYPES: [(&str, &str); 10] = [
    ("uuid", "BLOB"),
    ("text", "TEXT"),
    ("bigint", "INTEGER"),
    ("integer", "INTEGER"),
    ("double precision", "REAL"),
    ("boolean", "INTEGER"),
    ("timestamptz", "INTEGER"),
    ("date", "INTEGER"),
    ("jsonb", "TEXT"),
    ("bytea", "BLOB"),
];

/// Words that the two databases understand differently, or that one does not know, with what to write instead.
const REFUSED: [(&str, &str); 15] = [
    ("serial", "ids are uuid"),
    ("bigserial", "ids are uuid"),
    ("int", "write bigint, or integer for 32 bits"),
    ("smallint", "write integer"),
    ("int4", "write integer"),
    ("int8", "write bigint"),
    ("numeric", "write bigint (the smallest unit) or text"),
    ("decimal", "write bigint (the smallest unit) or text"),
    ("real", "write double precision"),
    ("varchar", "write text, and a CHECK for its length"),
    ("char", "write text, and a CHECK for its length"),
    ("timestamp", "write timestamptz"),
    ("json", "write jsonb"),
    ("blob", "write bytea"),
    ("deferrable", "a deferred check would fail the whole group of commits on SQLite; check at once"),
];

/// The text for `dialect`.
pub(super) fn translate(text: &str, dialect: Dialect) -> Result<String, String> {
    let pieces = split(text)?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut statement = StatementReader::default();
    let mut skip_precision = false;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Other(other) => {
                if *other == ";" && statement.creates_table() && dialect == Dialect::Sqlite {
                    out.push_str(" STRICT, WITHOUT ROWID");
                }
                if *other == ";" {
                    statement = StatementReader::default();
                }
                out.push_str(other);
            }
            Piece::Word(word) => {
                let lower = word.to_ascii_lowercase();
                if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == lower) {
                    return Err(format!("`{word}` is not portable: {instead}"));
                }
                if std::mem::take(&mut skip_precision) && lower == "precision" {
                    continue;
                }
                let double = lower == "double" && next_word(&pieces[index + 1..]) == Some("precision");
                let full = if double { "double precision" } else { lower.as_str() };
                // Only after the name of a column, so that a column may itself be called `text`.
                let mapped = TYPES.iter().find(|(name, _)| *name == full && statement.expects_type());
                match (mapped, dialect) {
                    (Some((_, sqlite)), Dialect::Sqlite) => {
                        skip_precision = double;
                        out.push_str(sqlite);
                    }
                    (Some(("text", _)), Dialect::Postgres) => out.push_str("text COLLATE \"C\""),
                    _ => out.push_str(word),
                }
            }
        }
        statement.note(piece);
    }
    if statement.words > 0 {
        return Err("the last statement does not end with a semicolon".to_owned());
    }
    Ok(out)
}

/// The statements of a text, without comments and without their semicolons.
pub(super) fn statements(text: &str) -> Result<Vec<String>, String> {
    let mut statements = vec![String::new()];
    for piece in split(text)? {
        match piece {
            Piece::Other(";") => statements.push(String::new()),
            Piece::Other(comment) if comment.starts_with("--") || comment.starts_with("/*") => {}
            Piece::Word(part) | Piece::Other(part) => {
                statements.last_mut().expect("one is there").push_str(part)
            }
        }
    }
    statements.retain(|statement| !statement.trim().is_empty());
    Ok(statements)
}

/// The state of the reader within one statement.
#[derive(Default)]
struct StatementReader {
    words: usize,
    creates: bool,
    create_table: bool,
    alters: bool,
    /// The previous word was the name of a column. The next is its type.
    after_name: bool,
    /// A column's name may come next: after `(` or `,` of the table's own parentheses, or after ADD COLUMN.
    name_due: bool,
    depth: usize,
}

impl StatementReader {
    fn creates_table(&self) -> bool {
        self.create_table
    }

    fn expects_type(&self) -> bool {
        (self.create_table || self.alters) && self.after_name
    }

    fn note(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Word(word) => {
                self.words += 1;
                let lower = word.to_ascii_lowercase();
                self.creates |= self.words == 1 && lower == "create";
                self.create_table |= self.words == 2 && lower == "table" && self.creates;
                self.alters |= self.words == 1 && lower == "alter";
                self.after_name = std::mem::take(&mut self.name_due);
                // ALTER TABLE … ADD COLUMN name type, where COLUMN is optional.
                self.name_due = self.alters && (lower == "column" || lower == "add");
                self.after_name &= !(self.alters && lower == "column");
            }
            Piece::Other("(") => {
                self.depth += 1;
                self.name_due = self.depth == 1;
                // `UNIQUE (text)` and `CHECK (text <> '')` name a column, not a type.
                self.after_name = false;
            }
            Piece::Other(")") => self.depth = self.depth.saturating_sub(1),
            Piece::Other(",") => self.name_due = self.depth == 1,
            Piece::Other(quoted) if quoted.starts_with('"') => {
                self.after_name = std::mem::take(&mut self.name_due);
            }
            Piece::Other(_) => {}
        }
    }
}

enum Piece<'a> {
    Word(&'a str),
    /// White space, comments, quoted text, punctuation: copied unchanged.
    Other(&'a str),
}

fn next_word<'a>(pieces: &[Piece<'a>]) -> Option<&'a str> {
    pieces.iter().find_map(|piece| match piece {
        Piece::Word(word) => Some(*word),
        Piece::Other(_) => None,
    })
}

/// Splits a text into words and the rest, so that nothing inside quotes or comments is changed.
fn split(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2).ok_or("a comment /* does not end")?
        } else if first == '\'' || first == '"' {
            1 + rest[1..].find(first).map(|end| end + 1).ok_or("a quote does not end")?
        } else if first == '$' {
            return Err(
                "`$` is not portable: functions go into NAME.sqlite.sql and NAME.postgres.sql".to_owned()
            );
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(if is_word(first) { Piece::Word(piece) } else { Piece::Other(piece) });
        rest = after;
    }
    Ok(pieces)
}
