//! Jobs: ours through its public API, and the floor, batched SQL that writes the same rows with the same drivers.

mod floor_postgres;
mod floor_sqlite;
mod ours;

use tenfold_data::Dialect;
use tokio::task::JoinHandle;

use self::floor_postgres::PostgresFloor;
use self::floor_sqlite::SqliteFloor;
use self::ours::Ours;
use crate::place::DatabaseUrls;
use crate::queue::{QueueArguments, measure_all};

/// The tasks of a floor that claim, run and end jobs, until they are aborted.
type Claimers = Vec<JoinHandle<anyhow::Result<()>>>;

/// Ends the claimers. One that has failed before fails the benchmark.
async fn stop_claimers(claimers: Claimers) -> anyhow::Result<()> {
    for claimer in claimers {
        claimer.abort();
        match claimer.await {
            Ok(failed) => failed?,
            Err(error) => anyhow::ensure!(error.is_cancelled(), "a claimer panicked"),
        }
    }
    Ok(())
}

/// Makes the tables and the waiting jobs, or measures.
///
/// # Errors
/// When the queue fails.
pub async fn run(place: DatabaseUrls, arguments: &QueueArguments) -> anyhow::Result<()> {
    if arguments.fill {
        let ours = Ours::open(&place)?;
        ours.fill(arguments.waiting).await?;
        return place.analyze().await;
    }
    match (&*arguments.case, place.dialect()) {
        ("ours", _) => measure_all(Ours::open(&place)?, arguments).await,
        ("floor", Dialect::Sqlite) => measure_all(SqliteFloor::open(&place)?, arguments).await,
        ("floor", Dialect::Postgres) => measure_all(PostgresFloor::open(&place)?, arguments).await,
        (other, _) => anyhow::bail!("no case {other}: there are ours and floor"),
    }
}
