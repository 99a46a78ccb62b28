//! A list of users with profile, settings and permissions, in every way.

mod ours;
mod postgres;
mod sqlite;
mod whole_rows;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures_util::future::BoxFuture;
use tenfold_data::{Database, Dialect};

use crate::allocations::Allocations;
use crate::extent::Extent;
use crate::line::{Line, quantile};
use crate::people::{ListedUser, SIZES};
use crate::place::DatabaseUrls;

/// More than any list here has, unless it is a page; a handler takes it from the page that the client asks for.
const LIMIT: usize = 1_000;

/// Lists the organization with so many users, or so many of another.
type ListFunction = Arc<dyn Fn(usize) -> BoxFuture<'static, anyhow::Result<ListResult>> + Send + Sync>;

/// What a list gave, and how many statements it sent.
pub struct ListResult {
    views: Vec<ListedUser>,
    statements: u64,
}

struct ListCase {
    name: &'static str,
    /// Measured only every so many rounds; for what takes long.
    every: usize,
    /// Ours must not be in the way, see [`rest`].
    alone: bool,
    list: ListFunction,
}

impl ListCase {
    fn new<F>(name: &'static str, list: impl Fn(usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<ListResult>> + Send + 'static,
    {
        ListCase { name, every: 1, alone: false, list: Arc::new(move |size| Box::pin(list(size))) }
    }

    fn seldom(self) -> Self {
        ListCase { every: 25, ..self }
    }

    fn alone(self) -> Self {
        ListCase { alone: true, ..self }
    }
}

/// Measures the cases in turns, so that whatever else the machine does meets all of them alike.
///
/// # Errors
/// When a list fails, or lists something else than the others.
pub async fn run(
    place: DatabaseUrls,
    extent: &Extent,
    allocations: Option<Allocations>,
) -> anyhow::Result<()> {
    let database = place.database(Vec::new())?;
    let (mut cases, mut pages) = (ours::cases(&database), vec![ours::page(&database)]);
    match place.dialect() {
        Dialect::Sqlite => {
            cases.extend(sqlite::cases(&place)?.into_iter().map(ListCase::alone));
            pages.push(sqlite::page(&place)?.alone());
        }
        Dialect::Postgres => {
            cases.extend(postgres::cases(&place)?);
            pages.push(postgres::page(&place)?);
        }
    }
    for cases in [&mut cases, &mut pages] {
        cases.retain(|case| extent.wants(case.name));
    }
    let sizes = SIZES.into_iter().filter(|size| extent.users.is_none_or(|users| users == *size));
    for size in sizes.clone() {
        compare(&database, &cases, size, extent, allocations).await?;
    }
    // A page of all of them is no page.
    for size in sizes.filter(|size| *size < LIMIT) {
        compare(&database, &pages, size, extent, allocations).await?;
    }
    Ok(())
}

async fn compare(
    database: &Database,
    cases: &[ListCase],
    size: usize,
    extent: &Extent,
    allocations: Option<Allocations>,
) -> anyhow::Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    let expected = (first.list)(size).await?.views;
    ensure!(expected.len() == size, "the list of {size} has {}", expected.len());
    for case in cases {
        ensure!((case.list)(size).await?.views == expected, "{} lists something else", case.name);
    }
    match allocations {
        Some(allocations) => count(cases, size, allocations).await,
        None => measure(database, cases, size, rounds(size, extent.quick)).await,
    }
}

fn rounds(size: usize, quick: bool) -> usize {
    let full = match size {
        10 => 4_000,
        100 => 1_500,
        _ => 400,
    };
    if quick { full / 8 } else { full }
}

async fn measure(database: &Database, cases: &[ListCase], size: usize, rounds: usize) -> anyhow::Result<()> {
    let mut times: Vec<Vec<Duration>> = cases.iter().map(|_| Vec::new()).collect();
    let mut statements = vec![0; cases.len()];
    for round in 0..rounds {
        for place in 0..cases.len() {
            let index = (place + round) % cases.len();
            let case = &cases[index];
            if round % case.every != 0 {
                continue;
            }
            if case.alone {
                rest(database).await?;
            }
            let began = Instant::now();
            let listed = (case.list)(size).await?;
            times[index].push(began.elapsed());
            statements[index] = listed.statements;
        }
    }
    let hand = cases
        .iter()
        .position(|case| case.name.ends_with("hand_four"))
        .map(|index| quantile(&times[index], 0.5));
    for ((case, times), statements) in cases.iter().zip(&times).zip(statements) {
        let ratio = quantile(times, 0.5).as_secs_f64() / hand.unwrap_or_default().as_secs_f64();
        Line::new(case.name)
            .with("users", size)
            .times(times)
            .with("statements", statements)
            .with("ratio", (ratio * 100.0).round() / 100.0)
            .print();
    }
    Ok(())
}

/// Lets ours let go of the snapshot that it keeps on SQLite: SQLite counts the locks of one process together, so code by
/// hand beside it would be spared its own.
async fn rest(database: &Database) -> anyhow::Result<()> {
    Ok(database.ping().await?)
}

/// How many allocations one list makes, on all threads; the least of some, since others may allocate meanwhile.
async fn count(cases: &[ListCase], size: usize, allocations: Allocations) -> anyhow::Result<()> {
    for case in cases {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let before = allocations();
            let listed = (case.list)(size).await?;
            least = least.min(allocations() - before);
            drop(listed);
        }
        Line::new(case.name).with("users", size).with("allocations", least).print();
    }
    Ok(())
}
