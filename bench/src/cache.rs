//! The cache of rows: what a hit costs, what it spares, and what writes pay for it.
//!
//! `hit`: warm rows a thousand at a time in one request, and one in a request of its own; `cold` is the same without a cache, and
//! `ratio` compares times with it. `stampede`: a thousand requests for one row that has just changed; `loads` is how often it
//! was loaded. `write`: rows changed by 1, 16 and 64 writers, with the cache and without; `ratio` compares rates. `scan`: ten times as
//! many rows as the cache may hold; `bytes` is what it holds then by its own account, of `max_bytes`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tenfold::data::testing::TestDatabase;
use tenfold::data::{
    CacheSettings, Clock, DataError, Database, DatabaseSettings, Dialect, Entity, EntityExt as _,
    MigrationFile, ModuleMigrations, OrgId, TopicKind, feed_migrations, id,
};

use crate::options::Options;
use crate::place::server_for;
use crate::rates::{median, per_second};
use crate::report::{BenchReport, ReportRow};

id!(TariffId);

#[derive(Clone, Entity)]
#[entity(table = "bench_tariffs", tenant = org_id, cached)]
struct Tariff {
    #[entity(key)]
    id: TariffId,
    org_id: OrgId,
    name: String,
    seats: i64,
}

const TARIFFS: ModuleMigrations =
    ModuleMigrations { module: "bench", files: &[MigrationFile { name: "0001_tariffs.sql", text: TABLE }] };

const TABLE: &str = "CREATE TABLE bench_tariffs (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, seats bigint NOT NULL, PRIMARY KEY (org_id, id));";

/// How often the cases take turns.
const TURNS: usize = 3;
/// How many rows are warm.
const ROWS: usize = 1_000;
const SIZE: u64 = 64 << 20;

/// Measures it on each database.
///
/// # Errors
/// When the database refuses.
pub fn run(options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let server = server_for(options.dialects())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for dialect in options.dialects() {
            let place = match (&server, dialect) {
                (Some(server), Dialect::Postgres) => TestDatabase::create_on(server.url()).await,
                _ => TestDatabase::create(*dialect).await,
            };
            reads(&place, *dialect, options, report).await?;
            stampede(&place, *dialect, report).await?;
            writes(&place, *dialect, options, report).await?;
            scan(&place, *dialect, report).await?;
        }
        Ok(())
    })
}

/// A process with a cache of so many bytes, and rows of an organization.
struct TariffBench {
    database: Database,
    org: OrgId,
    ids: Vec<TariffId>,
}

impl TariffBench {
    async fn open(place: &TestDatabase, bytes: u64, rows: usize) -> anyhow::Result<Self> {
        let mut settings = place.settings(DatabaseSettings::default());
        settings.cache = CacheSettings { bytes, ..settings.cache };
        let database = Database::open(place.url(), &settings, Clock::system(), Vec::new())?;
        database.migrate(&[feed_migrations(), TARIFFS]).await?;
        database.feed().tell([TopicKind::every_table()]);
        database.feed().start().await?;
        let org = OrgId(database.clock().new_id());
        let tariffs: Vec<Tariff> = (0..rows)
            .map(|n| Tariff {
                id: TariffId(database.clock().new_id()),
                org_id: org,
                name: format!("the tariff of number {n}"),
                seats: 0,
            })
            .collect();
        let ids = tariffs.iter().map(|tariff| tariff.id).collect();
        for some in tariffs.chunks(500) {
            let some = some.to_vec();
            let stored = database.run(None, async |system| {
                system.within(org).transaction(async |tx| Tariff::insert_many(tx, some).await).await
            });
            stored.await?;
        }
        Ok(TariffBench { database, org, ids })
    }

    /// In one request.
    async fn find(&self, ids: &[TariffId]) -> Result<usize, DataError> {
        let found = self.database.run(None, async |system| {
            let cx = system.within(self.org);
            match ids {
                [id] => Tariff::find(&cx, *id).await.map(|tariff| usize::from(tariff.is_some())),
                ids => {
                    Tariff::find_many(&cx, ids.to_vec()).await.map(|tariffs| tariffs.iter().flatten().count())
                }
            }
        });
        found.await
    }

    async fn change(&self, id: TariffId) -> Result<(), DataError> {
        let changed = self.database.run(None, async |system| {
            let change = Tariff::update(id).add(Tariff::seats, 1);
            system.within(self.org).transaction(async |tx| change.run(tx).await).await
        });
        changed.await
    }

    /// How long it takes to read `at_once` rows in a request, for each of them.
    async fn time(&self, at_once: usize, turns: usize) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        for turn in 0..turns {
            let from = turn * at_once % ROWS;
            let found = self.find(&self.ids[from..from + at_once]).await?;
            anyhow::ensure!(found == at_once, "{found} of {at_once} rows were found");
        }
        Ok(begun.elapsed() / u32::try_from(turns * at_once)?)
    }
}

async fn reads(
    place: &TestDatabase,
    dialect: Dialect,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let (warm, cold) =
        (TariffBench::open(place, SIZE, ROWS).await?, TariffBench::open(place, 0, ROWS).await?);
    warm.find(&warm.ids).await?;
    for (at_once, turns) in [(ROWS, 200), (1, 20_000)] {
        let turns = if options.quick { turns / 10 } else { turns };
        let (mut hits, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            hits.push(warm.time(at_once, turns).await?);
            loads.push(cold.time(at_once, turns).await?);
        }
        let (hit, load) = (middle(hits), middle(loads));
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let ratio = (hit.as_secs_f64() / load.as_secs_f64() * 1000.0).round() / 1000.0;
        for (case, time, ratio) in [("hit", hit, ratio), ("cold", load, 1.0)] {
            let row = ReportRow::new("cache", dialect, case).with("at_once", at_once);
            report.add(row.with("row_ns", nanos(time)).with("ratio", ratio));
        }
    }
    let figures = warm.database.cache_figures();
    anyhow::ensure!(figures.hit_ratio() > 0.9, "the rows were not warm: {figures:?}");
    warm.database.close().await;
    cold.database.close().await;
    Ok(())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn stampede(place: &TestDatabase, dialect: Dialect, report: &mut BenchReport) -> anyhow::Result<()> {
    const REQUESTS: usize = 1_000;
    let process = TariffBench::open(place, SIZE, 1).await?;
    process.find(&process.ids).await?;
    process.change(process.ids[0]).await?;
    let before = process.database.cache_figures();
    let each = async |_| {
        let begun = Instant::now();
        process.find(&process.ids).await.map(|_| begun.elapsed())
    };
    let times = join_all((0..REQUESTS).map(each)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let loads = process.database.cache_figures().load_statements - before.load_statements;
    report.add(ReportRow::new("cache", dialect, "stampede").times(&times).with("loads", loads));
    process.database.close().await;
    Ok(())
}

/// Transactions a second, each writer on a row of its own.
async fn rate(process: &TariffBench, writers: usize, each: usize) -> Result<f64, DataError> {
    per_second(writers, each, async |writer| process.change(process.ids[writer]).await).await
}

async fn writes(
    place: &TestDatabase,
    dialect: Dialect,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    for writers in [1, 16, 64] {
        let each = if options.quick { 200 } else { 2_000 } / writers.min(4);
        let mut rates = [Vec::new(), Vec::new()];
        for turn in 0..if options.quick { 2 } else { TURNS + 1 } {
            // In turns, because whichever comes second finds a larger database.
            let cases = if turn % 2 == 0 { [0, 1] } else { [1, 0] };
            for case in cases {
                let (rates, bytes) = (&mut rates[case], [0, SIZE][case]);
                let process = TariffBench::open(place, bytes, writers).await?;
                process.find(&process.ids).await?;
                rates.push(rate(&process, writers, each).await?);
                process.database.close().await;
            }
        }
        let [off, on] = rates.map(median);
        for (case, rate) in [("write_off", off), ("write_on", on)] {
            let row = ReportRow::new("cache", dialect, case).with("writers", writers);
            let ratio = (rate / off * 100.0).round() / 100.0;
            report.add(row.with("per_second", rate.round()).with("ratio", ratio));
        }
    }
    Ok(())
}

async fn scan(place: &TestDatabase, dialect: Dialect, report: &mut BenchReport) -> anyhow::Result<()> {
    const BYTES: u64 = 1 << 20;
    // Some 500 bytes each.
    let process = TariffBench::open(place, BYTES, 20_000).await?;
    for some in process.ids.chunks(500) {
        process.find(some).await?;
    }
    let figures = process.database.cache_figures();
    anyhow::ensure!(figures.bytes <= figures.max_bytes, "the cache is larger than it may be: {figures:?}");
    let row =
        ReportRow::new("cache", dialect, "scan").with("n", process.ids.len()).with("rows", figures.rows);
    report.add(row.with("bytes", figures.bytes).with("max_bytes", figures.max_bytes));
    process.database.close().await;
    Ok(())
}
