//! What statements touch on SQLite: its authorizer reports it while they are prepared on an empty copy of the schema.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags};

use super::breach::{Breach, MODULES, ModuleText, Owners, TouchedObject, judged};
use crate::statement::Dialect;
use crate::testing::plans::Ran;
use crate::testing::plans::sqlite::copy_schema;

/// What the authorizer reported while one text was prepared.
type AuthorizerReports = Arc<Mutex<BTreeSet<Touched>>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    /// A table, view or table function.
    Read(String),
    Written(String),
    /// Anything other than reading and writing rows, as SQLite's constant for it.
    Other(String),
}

pub(super) fn breaches(path: &Path, texts: &[ModuleText]) -> Vec<Breach> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the test's database can be read");
    let owners = Owners::new(names(&file, MODULES).expect("the test's database was migrated"));
    let mut copy = copy_schema(path).expect("the test's database can be read");
    let tables = names(&copy, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
    let tables: BTreeSet<String> = tables.expect("a schema can be read").into_iter().collect();
    let heard = listen(&mut copy).expect("SQLite has an authorizer");
    let judge = |statement: &ModuleText| {
        let touched = touched(&copy, &heard, &statement.text);
        judged(statement, Dialect::Sqlite, reaches(&owners, &tables, &statement.module, touched))
    };
    texts.iter().filter_map(judge).collect()
}

/// The tables that each of these texts writes, also by triggers and foreign keys.
pub(super) fn written(path: &Path, texts: &[&Ran]) -> rusqlite::Result<Vec<BTreeSet<String>>> {
    let mut copy = copy_schema(path)?;
    let heard = listen(&mut copy)?;
    let of = |ran: &&Ran| {
        let touched = touched(&copy, &heard, &ran.text)?;
        let written = |touched| if let Touched::Written(table) = touched { Some(table) } else { None };
        Ok(touched.into_iter().filter_map(written).collect())
    };
    texts.iter().map(of).collect()
}

pub(super) fn names(connection: &Connection, text: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(text)?.query_map([], |row| row.get(0))?.collect()
}

fn listen(copy: &mut Connection) -> rusqlite::Result<AuthorizerReports> {
    let heard = AuthorizerReports::default();
    let hearing = Arc::clone(&heard);
    copy.authorizer(Some(move |context: AuthContext<'_>| {
        if let Some(touched) = Touched::by(context.action) {
            hearing.lock().unwrap_or_else(PoisonError::into_inner).insert(touched);
        }
        // Everything is only reported, and nothing runs.
        Authorization::Allow
    }))?;
    Ok(heard)
}

impl Touched {
    fn by(action: AuthAction<'_>) -> Option<Self> {
        match action {
            AuthAction::Read { table_name, .. } => Some(Touched::Read(table_name.to_owned())),
            AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => Some(Touched::Written(table_name.to_owned())),
            AuthAction::Select | AuthAction::Recursive | AuthAction::Function { .. } => None,
            other => Some(Touched::Other(format!("{other:?}"))),
        }
    }
}

fn touched(
    copy: &Connection,
    heard: &AuthorizerReports,
    text: &str,
) -> Result<BTreeSet<Touched>, rusqlite::Error> {
    let take = || std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    take();
    copy.prepare(text)?;
    Ok(take())
}

fn reaches(
    owners: &Owners,
    tables: &BTreeSet<String>,
    module: &str,
    touched: Result<BTreeSet<Touched>, rusqlite::Error>,
) -> BTreeSet<TouchedObject> {
    let touched = match touched {
        Ok(touched) => touched,
        Err(error) => {
            return BTreeSet::from([TouchedObject::Other(format!("SQLite cannot judge it: {error}"))]);
        }
    };
    let reach = |touched: Touched| match touched {
        // `json_each` and the like are functions, and the schema tables hold no module's rows.
        Touched::Read(name) if !tables.contains(&name) || name.starts_with("sqlite_") => None,
        Touched::Read(name) | Touched::Written(name) => {
            (!owners.may_touch(module, &name)).then(|| owners.reach(&name))
        }
        Touched::Other(what) => {
            Some(TouchedObject::Other(format!("no module reads or writes rows by this: {what}")))
        }
    };
    touched.into_iter().filter_map(reach).collect()
}
