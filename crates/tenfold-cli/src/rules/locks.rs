//! A migration must not block a table that is in use: no operation for which PostgreSQL holds an exclusive lock in
//! proportion to the table's size, and none that breaks the version that is still running.
//!
//! The rules are those of squawk (<https://squawkhq.com/docs/rules>) as far as a text shows them. A table that the
//! same file creates has no rows and no readers. Where a lock is necessary, a comment on the statement says so, since
//! a file that has run cannot be changed later:
//!
//! ```sql
//! -- tenfold: locks, because the table has one row for each plan
//! ALTER TABLE billing_plans ALTER COLUMN name SET NOT NULL;
//! ```

use std::collections::HashSet;

use super::statement::{MigrationStatement, statements};
use crate::facts::{MigrationText, WorkspaceFacts};
use crate::violation::{FileLine, Rule, Violation};

/// The first line of a file whose indexes `migrate up` builds CONCURRENTLY.
const MARK: &str = "-- tenfold: concurrently";

/// The violations.
pub fn violations(facts: &WorkspaceFacts) -> Vec<Violation> {
    facts.migrations_on_postgres().flat_map(of_file).collect()
}

fn of_file(file: &MigrationText) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut known = Known { is_marked: file.text.lines().next() == Some(MARK), ..Known::default() };
    for statement in statements(&file.text) {
        if let Some(reason) = &statement.tolerated
            && !reason.is_empty()
        {
            known.learn(&statement);
            continue;
        }
        for (wrong, remedy) in judge(&statement, &known) {
            let remedy = format!(
                "{remedy}; if it must be, write `-- tenfold: locks, because …` with the reason above the statement"
            );
            let place = FileLine::new(&file.path, statement.line);
            found.push(Violation::new(Rule::Locks, place, &statement.table, wrong, remedy));
        }
        known.learn(&statement);
    }
    found
}

/// The effects of the earlier statements.
#[derive(Default)]
struct Known {
    is_marked: bool,
    created: HashSet<String>,
    /// Tables with a constraint that this file adds without validating the rows.
    unchecked: HashSet<String>,
    /// Tables with a validated constraint.
    validated: HashSet<String>,
}

impl Known {
    fn learn(&mut self, statement: &MigrationStatement) {
        let table = &statement.table;
        if statement.begins(&["CREATE", "TABLE"]) {
            self.created.insert(table.clone());
        }
        if statement.has(&["NOT", "VALID"]) {
            self.unchecked.insert(table.clone());
        }
        if statement.has(&["VALIDATE", "CONSTRAINT"]) {
            self.validated.insert(table.clone());
        }
    }
}

type Finding = (String, &'static str);

fn judge(statement: &MigrationStatement, known: &Known) -> Vec<Finding> {
    let table = &statement.table;
    if table.is_empty() || known.created.contains(table) {
        return Vec::new();
    }
    let one = |wrong: String, remedy| vec![(wrong, remedy)];
    if statement.is_index() {
        if statement.has(&["CONCURRENTLY"]) && !known.is_marked {
            return one(
                format!(
                    "an index on `{table}` is built CONCURRENTLY inside the migration's transaction, which PostgreSQL refuses"
                ),
                "write a plain CREATE INDEX in a file of its own that begins with `-- tenfold: concurrently`",
            );
        }
        if !known.is_marked {
            return one(
                format!("building an index on `{table}` holds up every write to it until it is done"),
                "put it into a file of its own that begins with `-- tenfold: concurrently`",
            );
        }
        return Vec::new();
    }
    if statement.begins(&["DROP", "TABLE"]) {
        return one(
            format!("`{table}` is dropped while the version that runs may still use it"),
            "release a version first that does not name it, and drop it in a later one",
        );
    }
    for words in [&["TRUNCATE"] as &[&str], &["LOCK"], &["CLUSTER"], &["VACUUM", "FULL"], &["REINDEX"]] {
        if statement.begins(words) {
            return one(
                format!("{} keeps everybody from `{table}` until it is done", words.join(" ")),
                "do it outside a migration, while the table is not in use",
            );
        }
    }
    if !statement.begins(&["ALTER", "TABLE"]) {
        return Vec::new();
    }
    statement.actions().iter().filter_map(|action| alter(action, table, known)).collect()
}

/// One action of ALTER TABLE.
fn alter(action: &MigrationStatement, table: &str, known: &Known) -> Option<Finding> {
    if action.begins(&["RENAME"]) || action.begins(&["DROP"]) && !action.begins(&["DROP", "CONSTRAINT"]) {
        return Some((
            format!("a name of `{table}` goes away while the version that runs still uses it"),
            "release a version first that does without it, and remove it in a later one",
        ));
    }
    if action.begins(&["ALTER"]) && action.has(&["TYPE"]) {
        return Some((
            format!("changing a type writes the whole of `{table}` anew while nobody can read it"),
            "add a column of the new type, fill it in batches, and let the code change over",
        ));
    }
    if action.has(&["SET", "NOT", "NULL"]) && !known.validated.contains(table) {
        return Some((
            format!("SET NOT NULL looks at every row of `{table}` while nobody can use it"),
            "add CHECK (… IS NOT NULL) NOT VALID in one file, VALIDATE CONSTRAINT in the next, and SET NOT NULL behind it",
        ));
    }
    if action.begins(&["VALIDATE"]) {
        return known.unchecked.contains(table).then(|| {
            (
                format!("a constraint of `{table}` is validated in the transaction that adds it, and so under its lock"),
                "put VALIDATE CONSTRAINT into a file of its own",
            )
        });
    }
    if action.begins(&["ADD"]) { add(action, table) } else { None }
}

fn add(action: &MigrationStatement, table: &str) -> Option<Finding> {
    let is_constraint = ["CONSTRAINT", "FOREIGN", "CHECK", "UNIQUE", "PRIMARY", "EXCLUDE"]
        .iter()
        .any(|word| action.begins(&["ADD", word]));
    let is_unique = action.has(&["UNIQUE"]) || action.has(&["PRIMARY", "KEY"]) || action.has(&["EXCLUDE"]);
    if is_unique && !action.has(&["USING", "INDEX"]) {
        return Some((
            format!("a unique constraint on `{table}` builds its index while nobody can write"),
            "build a unique index in a file that begins with `-- tenfold: concurrently`; it serves as well",
        ));
    }
    if (action.has(&["REFERENCES"]) || action.has(&["CHECK"])) && !action.has(&["NOT", "VALID"]) {
        return Some((
            format!("a constraint on `{table}` looks at every row while nobody can write"),
            "add it NOT VALID, and VALIDATE CONSTRAINT in a later file",
        ));
    }
    if is_constraint {
        return None;
    }
    if action.has_volatile_default() || action.has(&["STORED"]) {
        return Some((
            format!(
                "a default that differs from row to row writes the whole of `{table}` anew while nobody can use it"
            ),
            "add the column without it, fill it in batches, and set the default for new rows",
        ));
    }
    if action.has(&["NOT", "NULL"]) && !action.has(&["DEFAULT"]) {
        return Some((
            format!(
                "a column that must hold something and has no default cannot be added to a `{table}` with rows"
            ),
            "give it a DEFAULT, or make it nullable",
        ));
    }
    None
}
