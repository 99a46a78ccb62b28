//! One of the processes: readers and writers on a database with a cache, until the time is over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use harness::random::Random;
use serde::{Deserialize, Serialize};
use tenfold::data::{
    Clock, Context, DataError, Database, DatabaseSettings, EntityExt as _, TopicKind, feed_migrations, sql,
};

use super::history::{HistoryFiles, ReadNote, ReadNotes};
use super::table::{
    BenchItem, BenchShelf, ITEM_COUNT, SHELF_COUNT, SHELVES, item, items_of, label, number_of, organization,
    shelf, some_item,
};
use super::writer::{TransactionTokens, now, write_on};

pub const READERS: usize = 3;
const WRITERS: usize = 2;
/// What is told by then is known everywhere: twice the bound.
const QUIET: Duration = Duration::from_secs(5);

/// What a process is told to do.
#[derive(Clone, Serialize, Deserialize)]
pub struct NodePlan {
    pub url: String,
    pub folder: PathBuf,
    /// Each process that is started has another one.
    pub process: u64,
    pub seed: u64,
    /// When it stops, in microseconds since boot.
    pub until: u64,
}

/// What a process has found at its end.
#[derive(Serialize, Deserialize)]
pub struct NodeEnd {
    /// Rows that the cache and the database did not agree about when all was quiet.
    pub differences: u64,
    pub hits: u64,
    pub refused: u64,
    pub fenced: u64,
    pub uncertified: u64,
}

/// Opens the database as each process does.
///
/// # Errors
/// When it cannot be opened.
pub async fn open(url: &str, settings: &DatabaseSettings) -> anyhow::Result<Database> {
    let database = Database::open(url, settings, Clock::system(), Vec::new())?;
    database.migrate(&[feed_migrations(), SHELVES]).await?;
    database.feed().tell([TopicKind::every_table()]);
    database.feed().start().await?;
    Ok(database)
}

/// Runs a process.
///
/// # Errors
/// When the database refuses, or a note cannot be kept.
pub fn run(plan: &NodePlan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let database = open(&plan.url, &DatabaseSettings::default()).await?;
        let files = HistoryFiles::of(&plan.folder, plan.process);
        let (notes, tokens) = (files.writes()?, TransactionTokens::of(plan.process));
        let random = |of: usize| Random::new(plan.seed.wrapping_mul(1_000).wrapping_add(of as u64));
        let readers = (0..READERS).map(async |reader| {
            let mut read = files.reads(reader)?;
            read_on(&database, &mut read, random(reader), plan.until).await?;
            Ok::<_, anyhow::Error>(read.end()?)
        });
        let writers = (0..WRITERS)
            .map(|writer| write_on(&database, &notes, &tokens, random(READERS + writer), plan.until));
        let (read, written) = futures_util::future::join(join_all(readers), try_join_all(writers)).await;
        written?;
        read.into_iter().collect::<Result<(), _>>()?;
        let quiet = Duration::from_micros(plan.until) + QUIET;
        tokio::time::sleep(quiet.saturating_sub(database.clock().since_boot())).await;
        let end = end(&database).await?;
        // Whole, or not at all.
        let half = files.end().with_extension("half");
        std::fs::write(&half, serde_json::to_vec(&end)?)?;
        std::fs::rename(&half, files.end())?;
        database.close().await;
        Ok(())
    })
}

/// What a process has left.
///
/// # Errors
/// When it was killed before its end.
pub fn end_of(folder: &Path, process: u64) -> anyhow::Result<NodeEnd> {
    Ok(serde_json::from_slice(&std::fs::read(HistoryFiles::of(folder, process).end())?)?)
}

async fn end(database: &Database) -> Result<NodeEnd, DataError> {
    let differences = database.run(None, async |system| {
        let cx = system.within(organization());
        let all: Vec<_> = (0..ITEM_COUNT).map(item).collect();
        let ids = all.clone();
        let token_of = |item: &Option<std::sync::Arc<BenchItem>>| item.as_ref().map(|item| item.token);
        let cached: Vec<_> = BenchItem::find_many(&cx, all).await?.iter().map(token_of).collect();
        let stored = cx.transaction(async |tx| BenchItem::find_many(tx, ids).await).await?;
        let stored: Vec<_> = stored.iter().map(token_of).collect();
        Ok::<usize, DataError>(cached.iter().zip(&stored).filter(|(one, other)| one != other).count())
    });
    let (differences, figures) = (differences.await?, database.cache_figures());
    Ok(NodeEnd {
        differences: differences as u64,
        hits: figures.hits,
        refused: figures.refused,
        fenced: figures.fenced,
        uncertified: figures.uncertified,
    })
}

/// What was read of some items: their tokens and versions.
type ReadItems = Vec<(u64, Option<(i64, i64)>)>;

async fn read_on(
    database: &Database,
    notes: &mut ReadNotes,
    mut random: Random,
    until: u64,
) -> anyhow::Result<()> {
    let mut count = 0_u64;
    loop {
        let start = now(database);
        if start >= until {
            return Ok(());
        }
        let kind = random.below(20);
        let number = some_item(&mut random);
        let read = database.run(None, async |system| {
            let cx = system.within(organization());
            match kind {
                0..=9 => by_key(&cx, number).await,
                10..=12 => many(&cx, number).await,
                13..=15 => by_label(&cx, number).await,
                16..=17 => slowly(&cx, number).await,
                _ => of_shelf(&cx, number % SHELF_COUNT).await,
            }
        });
        // What the database does not answer is no read.
        let Ok(items) = read.await else { continue };
        let end = now(database);
        for (key, found) in items {
            let (token, version) =
                found.map_or((0, 0), |(token, version)| (token.unsigned_abs(), version.unsigned_abs()));
            notes.add(ReadNote { key, version, token, start, end })?;
        }
        count += 1;
        // Leaves the other processes some of the machine.
        match count % 64 {
            0 => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => tokio::task::yield_now().await,
        }
    }
}

async fn by_key(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let found = BenchItem::find(cx, item(number)).await?;
    Ok(vec![(number, found.map(|item| (item.token, item.version)))])
}

async fn many(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let numbers: Vec<u64> = (number..number + 5).map(|number| number % ITEM_COUNT).collect();
    let found = BenchItem::find_many(cx, numbers.iter().copied().map(item).collect()).await?;
    let found = found.iter().map(|item| item.as_ref().map(|item| (item.token, item.version)));
    Ok(numbers.into_iter().zip(found).collect())
}

async fn by_label(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let found = BenchItem::query().filter(BenchItem::label.eq(label(number))).first(cx).await?;
    Ok(vec![(number, found.map(|item| (item.token, item.version)))])
}

/// By a text that takes a while, so that commits come between what it sees and its end.
async fn slowly(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let found: Vec<(i64, i64)> = sql!(
        "bench_items.slowly",
        "SELECT i.token, i.version FROM bench_items i CROSS JOIN pg_sleep(0.01) WHERE i.org_id = $1 AND i.id = $2"
    )
    .bind(item(number))
    .cached_by::<BenchItem>(&[])
    .all(cx)
    .await?;
    Ok(vec![(number, found.first().copied())])
}

/// Without the shelf there are no items of it either.
async fn of_shelf(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let mut items: ReadItems = items_of(number).map(|item| (item, None)).collect();
    if let Some(shelf) = BenchShelf::find(cx, shelf(number)).await? {
        for item in shelf.items.get(cx).await? {
            let place = items.iter_mut().find(|(known, _)| *known == number_of(item.id));
            place.into_iter().for_each(|(_, found)| *found = Some((item.token, item.version)));
        }
    }
    Ok(items)
}
