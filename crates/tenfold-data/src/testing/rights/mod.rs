//! The guard over rights: finds statements that reach past the tables of their module, by asking the database what each
//! statement touches.
//!
//! `tenfold check` reads texts; a database knows also what stands behind a view, and what a trigger of SQLite does. On
//! PostgreSQL each module is given a role for the length of a transaction that is rolled back, and the server decides;
//! on SQLite the authorizer is told of every table while a text is prepared. Nothing runs. See decision 24.

mod breach;
mod postgres;
mod sqlite;

pub use self::breach::{Breach, ModuleText, Reach};

/// Asks the database at `url`, whose migrations have run, which of `texts` reach past the tables of their modules.
/// Nothing is run or changed. On PostgreSQL the address's user must be a superuser, since modules are given roles.
///
/// A table belongs to the module whose name it bears (`auth_users` to `auth`), among the modules whose migrations the
/// database has; a module may read and write its own. No module may touch a table of the framework: jobs and events are
/// written by statements of the framework, in the module's transaction.
///
/// # Panics
/// When the database does not answer, or was never migrated.
pub async fn breaches(url: &str, texts: &[ModuleText]) -> Vec<Breach> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::breaches(std::path::Path::new(path), texts),
        None => postgres::breaches(url, texts).await,
    }
}
