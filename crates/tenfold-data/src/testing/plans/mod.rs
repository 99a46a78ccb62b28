//! Checks query plans: explains statements as if their tables held millions of rows, and finds those whose cost grows
//! with the table.
//!
//! A test's tables are small, and a small table is scanned however good its indexes are. So the planners get the
//! statistics of a database of fixed size, see `Scale` in `verdict.rs`. Both only plan: no rows are inserted for it.

mod advice;
pub(super) mod postgres;
mod shape;
pub(super) mod sqlite;
mod verdict;

pub use self::verdict::{BadPlan, Ran};
use crate::described_tables::DESCRIBE_TABLES;

/// Explains `statements` on the database at `url`, whose tables must exist. Returns those with bad plans, each with an
/// index that was tried and fixes it. Nothing is changed. On PostgreSQL the address's user must be a superuser, because
/// the planner's statistics are replaced in a transaction that is rolled back.
///
/// # Panics
/// When the database does not answer, or refuses a statement that has run on it.
pub async fn explain(url: &str, statements: &[Ran]) -> Vec<BadPlan> {
    // It reads the catalogue, which grows with the program and not with its data.
    let statements: Vec<Ran> = statements.iter().filter(|ran| ran.name != DESCRIBE_TABLES).cloned().collect();
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::explain(std::path::Path::new(path), &statements),
        None => postgres::explain(url, &statements).await,
    }
}
