//! The feed: what a write costs with it, and how soon those who watch are woken.
//!
//! `write`: one row inserted by 1, 16 and 64 writers, where nothing is told (`off`), where this process is alone (`one`)
//! and where a second process is registered (`two`); `ratio` compares rates with `off`. The three take turns.
//!
//! `here` and `there`: from the end of a commit to the wake of a watcher, in the process and in another one that reads
//! every 100 ms.

use std::time::{Duration, Instant};

use tenfold::data::testing::TestDatabase;
use tenfold::data::{
    Clock, DataError, Database, DatabaseSettings, Dialect, Entity, EntityExt as _, MigrationFile,
    ModuleMigrations, OrgId, Topic, TopicKind, feed_migrations, id,
};

use crate::options::Options;
use crate::place::server_for;
use crate::rates::{median, per_second};
use crate::report::{BenchReport, ReportRow};

id!(NoteId);

#[derive(Entity)]
#[entity(table = "bench_notes", tenant = org_id)]
struct Note {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
    text: String,
}

const NOTES: ModuleMigrations =
    ModuleMigrations { module: "bench", files: &[MigrationFile { name: "0001_notes.sql", text: TABLE }] };

const TABLE: &str = "CREATE TABLE bench_notes (org_id uuid NOT NULL, id uuid NOT NULL, text text NOT NULL, PRIMARY KEY (org_id, id));";

/// How often the cases take turns.
const TURNS: usize = 3;

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
            writes(&place, *dialect, options, report).await?;
            wakes(&place, *dialect, options, report).await?;
        }
        Ok(())
    })
}

async fn open(place: &TestDatabase) -> anyhow::Result<Database> {
    let settings = place.settings(DatabaseSettings::default());
    let database = Database::open(place.url(), &settings, Clock::system(), Vec::new())?;
    database.migrate(&[feed_migrations(), NOTES]).await?;
    Ok(database)
}

/// A process that tells and is told.
async fn started(place: &TestDatabase) -> anyhow::Result<Database> {
    let database = open(place).await?;
    database.feed().tell([TopicKind::of::<Note>()]);
    database.feed().start().await?;
    Ok(database)
}

/// Stores one row in a request of its own.
async fn write(database: &Database, org: OrgId) -> Result<(), DataError> {
    let stored = database.run(None, async |system| {
        let cx = system.within(org);
        let note = Note { id: NoteId(cx.new_id()), org_id: org, text: "a line of text".to_owned() };
        cx.transaction(async |tx| note.insert(tx).await).await
    });
    stored.await.map(drop)
}

/// Transactions a second.
async fn rate(database: &Database, writers: usize, each: usize) -> Result<f64, DataError> {
    let org = OrgId(database.clock().new_id());
    per_second(writers, each, async |_| write(database, org).await).await
}

async fn writes(
    place: &TestDatabase,
    dialect: Dialect,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    for writers in [1, 16, 64] {
        let each = if options.quick { 200 } else { 2_000 } / writers.min(4);
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..if options.quick { 1 } else { TURNS } {
            let off = open(place).await?;
            rates[0].push(rate(&off, writers, each).await?);
            off.close().await;
            let one = started(place).await?;
            rates[1].push(rate(&one, writers, each).await?);
            let second = started(place).await?;
            rates[2].push(rate(&one, writers, each).await?);
            second.close().await;
            one.close().await;
        }
        let middle = rates.map(median);
        for (case, rate) in ["off", "one", "two"].into_iter().zip(middle) {
            let row = ReportRow::new("feed", dialect, &format!("write_{case}")).with("writers", writers);
            let ratio = (rate / middle[0] * 100.0).round() / 100.0;
            report.add(row.with("per_second", rate.round()).with("ratio", ratio));
        }
    }
    Ok(())
}

async fn wakes(
    place: &TestDatabase,
    dialect: Dialect,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let (first, second) = (started(place).await?, started(place).await?);
    let org = OrgId(first.clock().new_id());
    for (case, watching) in [("here", &first), ("there", &second)] {
        let mut watch = watching.feed().watch([Topic::of::<Note>(Some(org))]);
        let mut times: Vec<Duration> = Vec::new();
        for turn in 0..if options.quick { 20 } else { 200 } {
            // At another moment between two reads of the other process each time.
            tokio::time::sleep(Duration::from_millis(turn * 37 % 100)).await;
            write(&first, org).await?;
            let committed = Instant::now();
            watch.changed().await;
            times.push(committed.elapsed());
        }
        report.add(ReportRow::new("feed", dialect, case).times(&times));
    }
    second.close().await;
    first.close().await;
    Ok(())
}
