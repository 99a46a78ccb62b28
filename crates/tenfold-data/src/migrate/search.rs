//! Search indexes: the line `-- tenfold: search module_things (title, body)` of a migration becomes a table that only
//! triggers write, and these triggers.
//!
//! On SQLite it is a table of FTS5 without content, and a table of its row numbers, since the searched table has none.
//! On PostgreSQL it is a table with a tsvector and a GIN index, which no role but the owner may read; a function returns
//! the keys of one organization's rows. Row-level security cannot protect it: an operator that is not leakproof, as
//! `@@` is not, is checked behind the policies, and never by an index.

use crate::database::Database;
use crate::error::DataError;
use crate::searched_tables::mark;
use crate::statement::Dialect;

/// How the line begins.
const MARK: &str = "-- tenfold: search ";

const SQLITE: &str = include_str!("search/sqlite.sql");
const POSTGRES: &str = include_str!("search/postgres.sql");

/// The combining marks of all scripts, as ranges: category M of Unicode 15 within four hexadecimal digits. On SQLite the
/// program takes them away, see `words.rs`.
const MARKS: &str = include_str!("search/marks.txt");

/// Replaces each mark in a text by what makes the index.
pub(super) fn expand(text: &str, dialect: Dialect) -> Result<String, String> {
    if !text.contains(MARK) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        match line.strip_prefix(MARK) {
            Some(what) => out.push_str(&index(what, dialect)?),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    Ok(out)
}

fn index(what: &str, dialect: Dialect) -> Result<String, String> {
    let wrong = || format!("`{MARK}{}`: write `{MARK}module_things (title, body)`", what.trim());
    let list = what.trim().strip_suffix(')').and_then(|what| what.split_once(" ("));
    let (table, list) = list.ok_or_else(wrong)?;
    let texts: Vec<&str> = list.split(',').map(str::trim).collect();
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    if !texts.iter().chain([&table]).all(is_name) {
        return Err(wrong());
    }
    let template = if dialect == Dialect::Sqlite { SQLITE } else { POSTGRES };
    let new: Vec<String> = texts.iter().map(|text| format!("NEW.{text}")).collect();
    let old: Vec<String> = texts.iter().map(|text| format!("{table}.{text}")).collect();
    let sql =
        template.replace("{mark}", &mark(table, &texts)).replace("{marks}", MARKS).replace("{table}", table);
    let sql = sql.replace("{texts}", &texts.join(", ")).replace("{old_texts}", &old.join(", "));
    Ok(sql.replace("{new_texts}", &new.join(", ")))
}

const ON_SQLITE: &str = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name LIKE '%_search_rows'";
const ON_POSTGRES: &str = "SELECT obj_description(oid, 'pg_class') FROM pg_class \
                           WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace \
                           AND obj_description(oid, 'pg_class') LIKE '-- tenfold: search %'";

impl Database {
    /// Reads which search indexes there are, after the migrations have run.
    pub(super) async fn learn_searched_tables(&self) -> Result<(), DataError> {
        let found = self.looked_up("migrations.searched", ON_SQLITE, ON_POSTGRES).await?;
        // On SQLite the mark is a comment within the text that created the table.
        let marks = found
            .iter()
            .filter_map(|text| text.lines().find_map(|line| line.find(MARK).map(|at| &line[at..])));
        self.searched().learn(marks.map(|mark| mark.trim_end().to_owned()));
        Ok(())
    }
}
