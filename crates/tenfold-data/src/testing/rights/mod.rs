//! Checks table access: finds statements that touch tables outside their module, by asking the database what each
//! statement touches.
//!
//! `tenfold check` reads texts. A database also knows the tables behind a view, and what a trigger of SQLite does. On
//! PostgreSQL each module gets a role within a transaction that is rolled back, and the server decides. On SQLite the
//! authorizer is called for every table while a text is prepared. Nothing runs. See decision 24.
//!
//! [`unsaid`] finds writes that the feed does not learn of, in the same way.

mod breach;
mod postgres;
mod sqlite;
mod unsaid;

pub use self::breach::{Breach, ModuleText, TouchedObject};
pub use self::unsaid::{Unsaid, unsaid};
use crate::described_tables::DESCRIBE_TABLES;
use crate::rows_left::ROWS_LEFT;

/// Asks the database at `url`, whose migrations have run, which of `texts` touch tables outside their modules. Nothing
/// is run or changed. On PostgreSQL the address's user must be a superuser, because it creates a role for each module.
///
/// A table belongs to the module whose prefix it has (`auth_users` to `auth`), among the modules whose migrations the
/// database has. A module may read and write its own tables. No module may touch a table of the framework: jobs and
/// events are written by statements of the framework, in the module's transaction. One statement reads all of them: it looks whether
/// rows of an erased organization are left ([`SystemContext::tables_with_rows_of`](crate::SystemContext::tables_with_rows_of)). Another
/// one reads the catalogue and no rows ([`SystemContext::describe_tables`](crate::SystemContext::describe_tables)).
///
/// # Panics
/// When the database does not answer, or was never migrated.
pub async fn breaches(url: &str, texts: &[ModuleText]) -> Vec<Breach> {
    let of_all = [ROWS_LEFT, DESCRIBE_TABLES];
    let texts: Vec<ModuleText> =
        texts.iter().filter(|text| !of_all.contains(&&*text.name)).cloned().collect();
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::breaches(std::path::Path::new(path), &texts),
        None => postgres::breaches(url, &texts).await,
    }
}
