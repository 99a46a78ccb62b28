//! Finds texts of authors that write a table and do not say so with `.changes(…)`. Who watches the table would not learn
//! of it.
//!
//! What a delete reaches by foreign keys is known, and tables of the framework are not said. Nor is a search index, which
//! triggers write.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::sqlite;
use crate::cascades::{Cascade, Cascades};
use crate::feed::write_set::is_frameworks;
use crate::migrate::cascades::ON_SQLITE;
use crate::testing::connected;
use crate::testing::plans::Ran;
use crate::testing::plans::postgres::plan_of;

/// A text that writes tables without saying so.
#[derive(Clone, Debug)]
pub struct Unsaid {
    /// The statement.
    pub statement: Ran,
    /// The tables.
    pub tables: BTreeSet<String>,
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ran { name, module, site, text, .. } = &self.statement;
        write!(
            f,
            "{name} (module {module}) writes a table and does not say so\n  asked for at {site}\n  {}",
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        )?;
        for table in &self.tables {
            write!(
                f,
                "\n  who watches {table} would not learn of it: add `.changes(\"{table}\")` behind `sql!(…)`"
            )?;
        }
        Ok(())
    }
}

/// Asks the database at `url`, whose migrations have run, which of the texts that ran write a table without saying so.
/// Nothing is run or changed.
///
/// # Panics
/// When the database does not answer, or refuses a text that has run on it.
pub async fn unsaid(url: &str, ran: &[Ran]) -> Vec<Unsaid> {
    let authors: Vec<&Ran> = ran.iter().filter(|ran| ran.said.is_some()).collect();
    match url.strip_prefix("sqlite:") {
        Some(path) => on_sqlite(Path::new(path), &authors).expect("the test's database can be read"),
        None => on_postgres(url, &authors).await.expect("PostgreSQL explains what has run on it"),
    }
}

fn on_sqlite(path: &Path, authors: &[&Ran]) -> rusqlite::Result<Vec<Unsaid>> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let cascades = Cascades::default();
    let keys = sqlite::names(&file, ON_SQLITE)?;
    cascades.learn(&keys.iter().filter_map(|key| Cascade::read(key)).collect::<Vec<_>>());
    let tables = sqlite::names(&file, "SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let is_index = |table: &str| {
        let of_index =
            |tail| table.split_once(tail).is_some_and(|(base, _)| tables.iter().any(|name| name == base));
        of_index("_search")
    };
    let written = sqlite::written(path, authors)?;
    let judge = |(ran, written): (&&Ran, BTreeSet<String>)| {
        let reached = ran.said.iter().flatten().filter_map(|table| cascades.reach(table));
        let reached: BTreeSet<String> = reached.flat_map(|tables| tables.to_vec()).collect();
        let written = written.into_iter().filter(|table| !reached.contains(table) && !is_index(table));
        judged(ran, written)
    };
    Ok(authors.iter().zip(written).filter_map(judge).collect())
}

/// PostgreSQL's plans show what a statement writes itself, and nothing that triggers and foreign keys do.
async fn on_postgres(url: &str, authors: &[&Ran]) -> Result<Vec<Unsaid>, tokio_postgres::Error> {
    connected(url, async |client| {
        let mut found = Vec::new();
        for (number, ran) in authors.iter().enumerate() {
            let mut written = BTreeSet::new();
            add_written(&plan_of(client, number, ran).await?, &mut written);
            found.extend(judged(ran, written));
        }
        Ok(found)
    })
    .await
}

/// The tables that a plan and its parts write.
fn add_written(plan: &Value, written: &mut BTreeSet<String>) {
    if plan["Node Type"] == "ModifyTable" {
        written.extend(plan["Relation Name"].as_str().map(str::to_owned));
    }
    plan["Plans"].as_array().into_iter().flatten().for_each(|part| add_written(part, written));
}

fn judged(ran: &Ran, written: impl IntoIterator<Item = String>) -> Option<Unsaid> {
    let is_said =
        |table: &String| is_frameworks(table) || ran.said.iter().flatten().any(|said| said == table);
    let tables: BTreeSet<String> = written.into_iter().filter(|table| !is_said(table)).collect();
    (!tables.is_empty()).then(|| Unsaid { statement: ran.clone(), tables })
}
