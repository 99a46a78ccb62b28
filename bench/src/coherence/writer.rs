//! A writer of a process: it changes, deletes and stores rows by all verbs, gives up now and then, and is dropped in COMMIT.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::random::Random;
use tenfold::data::{DataError, Database, EntityExt as _, Tx, sql};

use super::history::{WriteNote, WriteNotes, WriteStep};
use super::table::{
    BenchItem, BenchShelf, ITEMS_OF_SHELF, SHELF_COUNT, item, items_of, label, organization, shelf, shelf_of,
    some_item,
};

/// What a transaction does.
#[derive(Clone, Copy)]
enum Deed {
    /// Changes the row by its key, or stores it.
    Put,
    /// Changes it by a text of its own.
    PutByText,
    /// Changes it with all that pass a filter.
    PutAll,
    Delete,
    /// Deletes its shelf, and so all that are on it.
    DeleteShelf,
}

impl Deed {
    fn choose(random: &mut Random) -> Self {
        // Those that change whole tables are rare, or nothing would stay in the cache.
        match random.below(200) {
            0..=129 => Deed::Put,
            130..=174 => Deed::PutByText,
            175..=197 => Deed::Delete,
            198 => Deed::PutAll,
            _ => Deed::DeleteShelf,
        }
    }
}

/// The tokens of a process: its number, and how many it has given.
pub struct TransactionTokens {
    process: u64,
    given: AtomicU64,
}

impl TransactionTokens {
    pub fn of(process: u64) -> Self {
        TransactionTokens { process, given: AtomicU64::new(0) }
    }

    fn next(&self) -> u64 {
        (self.process << 32) | (self.given.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// One transaction, from its begin to what became of it.
struct WriteAttempt<'a> {
    deed: Deed,
    item: u64,
    token: u64,
    gives_up: bool,
    /// Whether it stays open for a while, so that others look while it is.
    dwells: bool,
    database: &'a Database,
    notes: &'a WriteNotes,
}

/// Writes until the time is over.
///
/// # Errors
/// When a note cannot be kept.
pub async fn write_on(
    database: &Database,
    notes: &WriteNotes,
    tokens: &TransactionTokens,
    mut random: Random,
    until: u64,
) -> anyhow::Result<()> {
    while now(database) < until {
        let deed = Deed::choose(&mut random);
        let item = match deed {
            Deed::DeleteShelf => random.below(SHELF_COUNT) * ITEMS_OF_SHELF,
            _ => some_item(&mut random),
        };
        let (token, gives_up, dwells) = (tokens.next(), random.below(8) == 0, random.below(8) == 0);
        let attempt = WriteAttempt { deed, item, token, gives_up, dwells, database, notes };
        if random.below(4) == 0 {
            // Its caller is dropped somewhere, perhaps in COMMIT. How it ends is then not known here.
            let patience = Duration::from_micros(random.below(6_000));
            let _ = tokio::time::timeout(patience, attempt.run()).await;
        } else {
            attempt.run().await?;
        }
        tokio::time::sleep(Duration::from_micros(random.below(12_000))).await;
    }
    Ok(())
}

/// The time of all notes.
pub fn now(database: &Database) -> u64 {
    u64::try_from(database.clock().since_boot().as_micros()).unwrap_or(u64::MAX)
}

impl WriteAttempt<'_> {
    async fn run(&self) -> anyhow::Result<()> {
        let mut changed = Vec::new();
        let outcome = self.database.run(None, async |system| {
            let cx = system.within(organization());
            cx.transaction(async |tx| {
                changed = self.change(tx).await?;
                if self.dwells {
                    dwell(tx).await?;
                }
                let step = match self.deed {
                    Deed::Delete | Deed::DeleteShelf => WriteStep::Delete,
                    _ => WriteStep::Put,
                };
                self.note(step, &changed).map_err(|error| DataError::Settings(error.to_string()))?;
                match self.gives_up {
                    true => Err(DataError::Settings("given up".to_owned())),
                    false => Ok(()),
                }
            })
            .await
        });
        let ended = outcome.await;
        match ended {
            Ok(()) => self.note(WriteStep::Acknowledged, &changed)?,
            // It was rolled back for sure.
            Err(DataError::Settings(_) | DataError::NotFound { .. }) => {
                self.note(WriteStep::Aborted, &changed)?;
            }
            // A connection that broke, or a deadlock: if COMMIT was sent, its outcome is not known.
            Err(_) => {}
        }
        Ok(())
    }

    fn note(&self, step: WriteStep, changed: &[(u64, u64)]) -> std::io::Result<()> {
        let at = now(self.database);
        let note = |(key, version): &(u64, u64)| WriteNote {
            step,
            key: *key,
            version: *version,
            token: self.token,
            at,
        };
        self.notes.add(changed.iter().map(note))
    }

    /// Changes the rows, and gives their versions.
    async fn change(&self, tx: &mut Tx<'_>) -> Result<Vec<(u64, u64)>, DataError> {
        let token = i64::try_from(self.token).unwrap_or(i64::MAX);
        if let Deed::DeleteShelf = self.deed {
            let versions = next_versions(tx, shelf_of(self.item)).await?;
            BenchShelf::delete(tx, shelf(shelf_of(self.item))).await?;
            return Ok(versions);
        }
        let version = next_version(tx, self.item).await?;
        let id = item(self.item);
        let values = || BenchItem::query().filter(BenchItem::id.eq(id)).update();
        let changed = match self.deed {
            Deed::Delete => return BenchItem::delete(tx, id).await.map(|()| vec![(self.item, version.0)]),
            Deed::PutAll => {
                values().set(BenchItem::version, version.1).set(BenchItem::token, token).run(tx).await?
            }
            Deed::PutByText => {
                sql!(
                    "bench_items.put",
                    "UPDATE bench_items SET version = $3, token = $4 WHERE org_id = $1 AND id = $2"
                )
                .changes_only(BenchItem::TABLE, [id])
                .bind(id)
                .bind(version.1)
                .bind(token)
                .execute(tx)
                .await?
            }
            _ => {
                let change = BenchItem::update(id).set(BenchItem::version, version.1);
                match change.set(BenchItem::token, token).run(tx).await {
                    Ok(()) => 1,
                    Err(DataError::NotFound { .. }) => 0,
                    Err(error) => return Err(error),
                }
            }
        };
        if changed == 0 {
            let shelf_id = shelf(shelf_of(self.item));
            BenchShelf { id: shelf_id, org_id: organization(), items: Default::default() }
                .upsert(BenchShelf::unique_key)
                .run(tx)
                .await?;
            let (org_id, label) = (organization(), label(self.item));
            BenchItem { id, org_id, shelf_id, label, version: version.1, token }.insert(tx).await?;
        }
        Ok(vec![(self.item, version.0)])
    }
}

async fn dwell(tx: &Tx<'_>) -> Result<(), DataError> {
    let dwelt: Vec<(i64,)> =
        sql!("bench_items.dwell", "SELECT 1 FROM pg_sleep(0.03) WHERE $1::uuid IS NOT NULL").all(tx).await?;
    debug_assert_eq!(dwelt.len(), 1);
    Ok(())
}

/// The next version of an item. Nobody else changes the item before this transaction has ended.
async fn next_version(tx: &Tx<'_>, item: u64) -> Result<(u64, i64), DataError> {
    let counted: Vec<(i64,)> = sql!(
        "bench_counts.next",
        "UPDATE bench_counts SET n = n + 1 WHERE org_id = $1 AND id = $2 RETURNING n"
    )
    .changes("bench_counts")
    .bind(number(item))
    .all(tx)
    .await?;
    let n = counted.first().map_or(0, |counted| counted.0);
    Ok((n.unsigned_abs(), n))
}

/// The next versions of all items of a shelf.
async fn next_versions(tx: &Tx<'_>, shelf: u64) -> Result<Vec<(u64, u64)>, DataError> {
    let counted: Vec<(i64, i64)> = sql!(
        "bench_counts.next_of_shelf",
        "UPDATE bench_counts SET n = n + 1 WHERE org_id = $1 AND shelf = $2 RETURNING id, n"
    )
    .changes("bench_counts")
    .bind(number(shelf))
    .all(tx)
    .await?;
    Ok(counted.into_iter().map(|(id, n)| (id.unsigned_abs(), n.unsigned_abs())).collect())
}

/// Stores a count for each item.
///
/// # Errors
/// When the database refuses.
pub async fn seed(database: &Database) -> Result<(), DataError> {
    let seeded = database.run(None, async |system| {
        let cx = system.within(organization());
        cx.transaction(async |tx| {
            for shelf in 0..SHELF_COUNT {
                for item in items_of(shelf) {
                    sql!(
                        "bench_counts.seed",
                        "INSERT INTO bench_counts (org_id, id, shelf, n) VALUES ($1, $2, $3, 0)"
                    )
                    .changes("bench_counts")
                    .bind(number(item))
                    .bind(number(shelf))
                    .repeated("once for a run")
                    .execute(tx)
                    .await?;
                }
            }
            Ok::<(), DataError>(())
        })
        .await
    });
    seeded.await
}

fn number(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
