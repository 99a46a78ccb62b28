//! A migration does not bypass row-level security, the second layer of tenant isolation on PostgreSQL.
//!
//! `migrate` itself secures tables and plain views. A materialized view keeps copies of rows, and PostgreSQL has no
//! policies for it. A row is visible if any one policy lets it through, so a further policy can only show more
//! rows, unless it is restrictive.

use super::statement::{MigrationStatement, statements};
use crate::facts::{MigrationText, WorkspaceFacts};
use crate::violation::{FileLine, Rule, Violation};

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    facts.migrations_on_postgres().flat_map(of_file).collect()
}

fn of_file(file: &MigrationText) -> Vec<Violation> {
    let broken = |statement: MigrationStatement| {
        let (wrong, remedy) = judge(&statement)?;
        let place = FileLine::new(&file.path, statement.line);
        Some(Violation::new(Rule::Rls, place, &statement.table, wrong.to_owned(), remedy))
    };
    statements(&file.text).into_iter().filter_map(broken).collect()
}

fn judge(statement: &MigrationStatement) -> Option<(&'static str, &'static str)> {
    if statement.begins(&["CREATE", "MATERIALIZED", "VIEW"]) {
        return Some((
            "a materialized view shows the rows of every organization: row-level security does not apply to it",
            "write the figures into a table with `org_id` from a job, or make a plain view; if it holds nobody's rows, \
             say so in tenfold-check.toml",
        ));
    }
    if statement.begins(&["CREATE", "POLICY"]) && !statement.has(&["AS", "RESTRICTIVE"]) {
        return Some((
            "another policy lets more rows through, since one of several is enough",
            "leave policies to `migrate`, or write AS RESTRICTIVE to let fewer through",
        ));
    }
    let words: [&[&str]; 2] = [&["DISABLE", "ROW", "LEVEL"], &["NO", "FORCE", "ROW", "LEVEL"]];
    if words.iter().any(|words| statement.has(words)) || statement.begins(&["DROP", "POLICY"]) {
        return Some((
            "row-level security is taken down until the next migration puts it up again",
            "leave it to `migrate`, whose own work reaches the rows of all organizations",
        ));
    }
    None
}
