//! One of the processes: readers and writers on a database with a cache, until the time is over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use harness::random::Random;
use serde::{Deserialize, Serialize};
use tenfold::data::{
    Clock, Context, DataError, Database, DatabaseSettings, EntityExt as _, Rows, TopicKind, feed_migrations,
    sql,
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
        let tokens = |items: Rows<BenchItem>| items.iter().map(|item| item.token).collect::<Vec<_>>();
        let by_id = || BenchItem::query().order_by(BenchItem::id);
        let listed = tokens(by_id().all(&cx).await?);
        let listed_again = tokens(cx.transaction(async |tx| by_id().all(tx).await).await?);
        let all: Vec<_> = (0..ITEM_COUNT).map(item).collect();
        let ids = all.clone();
        let token_of = |item: &Option<std::sync::Arc<BenchItem>>| item.as_ref().map(|item| item.token);
        let cached: Vec<_> = BenchItem::find_many(&cx, all).await?.iter().map(token_of).collect();
        let stored = cx.transaction(async |tx| BenchItem::find_many(tx, ids).await).await?;
        let stored: Vec<_> = stored.iter().map(token_of).collect();
        let rows = cached.iter().zip(&stored).filter(|(one, other)| one != other).count();
        Ok::<usize, DataError>(rows + usize::from(listed != listed_again))
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

/// Reads of this kind and above it do not ask the cache.
const DIRECTLY: u64 = 21;

/// What was read of some items: their tokens and versions.
type ReadItems = Vec<(u64, Option<(i64, i64)>)>;

async fn read_on(
    database: &Database,
    notes: &mut ReadNotes,
    mut random: Random,
    until: u64,
) -> anyhow::Result<()> {
    let (mut count, mut shown) = (0_u64, None);
    loop {
        let start = now(database);
        if start >= until {
            return Ok(());
        }
        // A row that was shown past the cache is asked for by its key at once: it must not be older.
        let (kind, number) = match shown.take() {
            Some(number) => (0, number),
            None => (random.below(24), some_item(&mut random)),
        };
        shown = (kind >= DIRECTLY).then_some(number);
        let read = database.run(None, async |system| {
            let cx = system.within(organization());
            match kind {
                0..=7 => by_key(&cx, number).await,
                8..=10 => many(&cx, number).await,
                11..=13 => by_label(&cx, number).await,
                14..=15 => slowly(&cx, number).await,
                16..=17 => of_shelf(&cx, number % SHELF_COUNT).await,
                18..=19 => listed(&cx, number % SHELF_COUNT).await,
                20 => paged(&cx, number).await,
                _ => directly(&cx, number).await,
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

/// By a text that is not kept: it may show what a COMMIT under way has just stored.
async fn directly(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let found: Vec<(i64, i64)> =
        sql!("bench_items.directly", "SELECT token, version FROM bench_items WHERE org_id = $1 AND id = $2")
            .bind(item(number))
            .all(cx)
            .await?;
    Ok(vec![(number, found.first().copied())])
}

/// The items of a shelf as a list. An item that is not in it is not there.
async fn listed(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let of_shelf = BenchItem::query().filter(BenchItem::shelf_id.eq(shelf(number)));
    let found = of_shelf.order_by(BenchItem::label).all(cx).await?;
    let mut items: ReadItems = items_of(number).map(|item| (item, None)).collect();
    note_found(&mut items, &found);
    Ok(items)
}

/// A page of all items behind one: the next ones that are there. What lies between those is not there.
async fn paged(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    const LENGTH: usize = 5;
    let behind = BenchItem::query().filter(BenchItem::id.gt(item(number)));
    let found = behind.order_by(BenchItem::id).limit(LENGTH).all(cx).await?;
    // A short page has come to the end of all.
    let last =
        found.last().filter(|_| found.len() == LENGTH).map_or(ITEM_COUNT - 1, |item| number_of(item.id));
    let mut items: ReadItems = (number + 1..=last).map(|item| (item, None)).collect();
    note_found(&mut items, &found);
    Ok(items)
}

fn note_found(items: &mut ReadItems, found: &[BenchItem]) {
    for item in found {
        let place = items.iter_mut().find(|(known, _)| *known == number_of(item.id));
        place.into_iter().for_each(|(_, found)| *found = Some((item.token, item.version)));
    }
}

/// Without the shelf there are no items of it either.
async fn of_shelf(cx: &Context, number: u64) -> Result<ReadItems, DataError> {
    let mut items: ReadItems = items_of(number).map(|item| (item, None)).collect();
    if let Some(shelf) = BenchShelf::find(cx, shelf(number)).await? {
        note_found(&mut items, shelf.items.get(cx).await?);
    }
    Ok(items)
}
