//! The guard over plans: explains statements as if their tables held millions of rows, and finds those that would walk
//! what grows.
//!
//! A test's tables are small, and a small table is scanned however good its indexes are; so the planners are told of
//! a database of fixed size, see `Scale` in `verdict.rs`. Both only plan: nothing is inserted.

mod advice;
pub(super) mod postgres;
mod shape;
pub(super) mod sqlite;
mod verdict;

pub use self::verdict::{BadPlan, Ran};

/// Explains `statements` on the database at `url`, whose tables must be there, and gives those whose plans do not
/// hold, each with an index that was seen to mend it. Nothing is changed. On PostgreSQL the address's user must be a superuser, since the planner's statistics
/// are replaced for the time of a transaction that is rolled back.
///
/// # Panics
/// When the database does not answer, or refuses a statement that has run on it.
pub async fn explain(url: &str, statements: &[Ran]) -> Vec<BadPlan> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::explain(std::path::Path::new(path), statements),
        None => postgres::explain(url, statements).await,
    }
}
