//! An older state of the rows comes back, as when an operator restores tables from a dump: by texts that tell nobody, and then by
//! `app cache clear`, as the guide says.

use tenfold::data::{DataError, Database, SystemTx, sql};

use super::table::{ItemId, number_of};
use super::writer::now;

/// The name of a defence that no switch of the processes takes away: the rows go back, and nobody says that anything may have changed.
pub const EVERYTHING: &str = "Everything";

/// A row as it was saved.
#[derive(Clone, Copy, Debug)]
pub struct SavedItem {
    pub key: u64,
    pub version: u64,
    pub token: u64,
}

/// When the rows went back, in microseconds since boot.
pub struct Restore {
    /// No transaction that changes rows was open then.
    pub at: u64,
    /// All processes had been told by then that anything may have changed.
    pub told: u64,
    /// What the rows were at `at`.
    pub rows: Vec<SavedItem>,
}

/// Saves the rows as they are.
///
/// # Errors
/// When the database refuses.
pub async fn save(database: &Database) -> Result<Vec<SavedItem>, DataError> {
    let saved = database.run(None, async |system| {
        system
            .transaction(async |tx| {
                lock(tx).await?;
                sql!("bench_saved.shelves", "INSERT INTO bench_saved_shelves SELECT org_id, id FROM bench_shelves")
                    .execute(tx)
                    .await?;
                sql!(
                    "bench_saved.items",
                    "INSERT INTO bench_saved_items SELECT org_id, id, shelf_id, label, version, token FROM bench_items"
                )
                .execute(tx)
                .await?;
                sql!("bench_saved.all", "SELECT id, version, token FROM bench_saved_items").all(tx).await
            })
            .await
    });
    let rows: Vec<(ItemId, i64, i64)> = saved.await?;
    let saved = rows.into_iter().map(|(id, version, token)| SavedItem {
        key: number_of(id),
        version: version.unsigned_abs(),
        token: token.unsigned_abs(),
    });
    Ok(saved.collect())
}

/// Brings these rows back. Unless `tells`, no process is told.
///
/// # Errors
/// When the database refuses.
pub async fn restore(database: &Database, rows: Vec<SavedItem>, tells: bool) -> Result<Restore, DataError> {
    let restored = database.run(None, async |system| {
        system
            .transaction(async |tx| {
                lock(tx).await?;
                let at = now(database);
                sql!("bench_saved.drop_shelves", "DELETE FROM bench_shelves").execute(tx).await?;
                sql!("bench_saved.drop_items", "DELETE FROM bench_items").execute(tx).await?;
                sql!(
                    "bench_saved.put_shelves",
                    "INSERT INTO bench_shelves SELECT org_id, id FROM bench_saved_shelves"
                )
                .execute(tx)
                .await?;
                sql!(
                    "bench_saved.put_items",
                    "INSERT INTO bench_items SELECT org_id, id, shelf_id, label, version, token FROM bench_saved_items"
                )
                .execute(tx)
                .await?;
                Ok::<u64, DataError>(at)
            })
            .await
    });
    let at = restored.await?;
    if tells {
        database.feed().say_everything().await?;
    }
    Ok(Restore { at, told: now(database), rows })
}

/// Waits until no transaction is open that changes rows, and lets none begin: each changes a count first.
async fn lock(tx: &SystemTx<'_>) -> Result<(), DataError> {
    sql!("bench_counts.lock", "LOCK TABLE bench_counts IN EXCLUSIVE MODE").execute(tx).await.map(drop)
}
