//! The tables that an SQL text names.
//!
//! A text is parsed as PostgreSQL, then SQLite, then generic SQL. Its tables are collected from the tree (queries,
//! writes) and from the tokens (definitions: `TABLE`, `VIEW`, `REFERENCES`, the `ON` of an index). Names of common
//! table expressions, aliases and table functions are not tables.
//!
//! A static check cannot see: the bodies of functions and `DO` blocks (strings to the parser), a trigger's body where
//! the parser skips it, `'table'::regclass`, `pragma_table_info('table')`, `PARTITION OF` and `RENAME TO`, a written
//! table whose name is hidden by a common table expression, and statements that are built at run time. A second guard
//! queries the databases themselves (`tenfold_data::testing::rights`); it does not see into the bodies of functions on
//! PostgreSQL either.

mod query;
mod table_name;
mod upsert;
mod words;

use sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Tokenizer;

pub use self::table_name::{Naming, TableName};

/// What to do with a text that no parser accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unparsable {
    /// Refuse it: its tables are unknown.
    Refuse,
    /// Take the names after `FROM`, `JOIN`, `INTO`, `UPDATE` and the like: good enough for a migration
    /// written for one database.
    ScanWords,
}

/// The tables that `text` names, in the order of their lines.
///
/// The error has the message of each parser, with its name.
pub fn tables(text: &str, unparsable: Unparsable) -> Result<Vec<TableName>, String> {
    let dialects: [(&str, &dyn Dialect); 3] = [
        ("PostgreSQL", &PostgreSqlDialect {}),
        ("SQLite", &SQLiteDialect {}),
        ("generic SQL", &GenericDialect {}),
    ];
    let mut refusals = Vec::new();
    let mut scanned = None;
    for (name, dialect) in dialects {
        let tokens = match Tokenizer::new(dialect, text).tokenize_with_location() {
            Ok(tokens) => upsert::without_conflict_predicates(tokens),
            Err(error) => {
                refusals.push(format!("{name}: {error}"));
                continue;
            }
        };
        match Parser::new(dialect).with_tokens_with_locations(tokens.clone()).parse_statements() {
            Ok(statements) => {
                let mut found = query::tables(&statements);
                found.extend(words::defined(&tokens));
                return Ok(sorted(found));
            }
            Err(error) => refusals.push(format!("{name}: {error}")),
        }
        scanned.get_or_insert(tokens);
    }
    match (unparsable, scanned) {
        (Unparsable::ScanWords, Some(tokens)) => Ok(sorted(words::all(&tokens))),
        _ => Err(refusals.join("; ")),
    }
}

/// Whether `text` begins like a statement. A statement's name (`users.by_email`) or a bound value does not.
pub fn looks_like_sql(text: &str) -> bool {
    const VERBS: [&str; 20] = [
        "ALTER", "ANALYZE", "COMMENT", "COPY", "CREATE", "DELETE", "DROP", "EXPLAIN", "GRANT", "INSERT",
        "LOCK", "MERGE", "PRAGMA", "REPLACE", "SELECT", "TRUNCATE", "UPDATE", "VACUUM", "VALUES", "WITH",
    ];
    let code = text.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join(" ");
    let code = after_comments(&code).trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let verb = code.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    code.len() > verb.len() && VERBS.contains(&verb.to_ascii_uppercase().as_str())
}

fn after_comments(code: &str) -> &str {
    let mut rest = code.trim_start();
    while let Some((_, after)) = rest.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
        rest = after.trim_start();
    }
    rest
}

fn sorted(mut tables: Vec<TableName>) -> Vec<TableName> {
    tables.sort();
    // Both the tree and the tokens yield `CREATE TABLE x` and `DELETE FROM x`.
    tables.dedup();
    tables
}
