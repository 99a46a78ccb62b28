//! Small transactions: a row inserted, a row changed, a job enqueued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use rusqlite::Connection;
use tenfold_data::{
    Clock, Context, DataError, Database, Dialect, Entity, EntityExt, OrgId, Scope, SystemContext,
    TraceContext, Uuid, id,
};
use tenfold_jobs::{Enqueue as _, Job, JobContext};
use tokio::sync::Mutex;

use crate::extent::Extent;
use crate::line::quantile;
use crate::load::{CaseTimes, LoadCase, LoadPiece, lines, measure, run as run_for};
use crate::people::{User, UserId, organization};
use crate::place::DatabaseUrls;
use crate::reads::keys;

/// The organization in which is written.
const SIZE: usize = 1_000;
/// How many rows the slow transaction inserts.
const MANY: usize = 2_000;

id!(
    /// A note.
    NoteId
);

/// What is inserted.
#[derive(Debug, Entity)]
#[entity(table = "people_notes", tenant = org_id)]
struct Note {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
    user_id: UserId,
    text: String,
}

/// What is enqueued; nobody runs it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Tell {
    note: NoteId,
}

impl Job for Tell {
    const KIND: &'static str = "people.tell";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Measures ours beside one commit for each transaction, and with a slow transaction among the others.
///
/// # Errors
/// When a write fails.
pub async fn run(place: DatabaseUrls, extent: &Extent) -> anyhow::Result<()> {
    let database = place.database(Vec::new())?;
    let users = Arc::new(keys(&database).await?);
    let ours = ours(database.clone(), Arc::clone(&users));
    let commit_each = match place.dialect() {
        Dialect::Sqlite => sqlite(place.sqlite()?, users),
        Dialect::Postgres => postgres(place.pool(16)?, users),
    };
    let small = ours.piece.clone();
    let mut cases = vec![ours, one_at_a_time(small.clone()), commit_each];
    cases.retain(|case| extent.wants(case.name));
    for at_once in [1, 16, 64].into_iter().filter(|n| extent.at_once.is_none_or(|only| only == *n)) {
        let shown = measure(&cases, at_once, extent.quick).await?;
        lines(&cases, &shown, at_once, Some("commit_each")).into_iter().for_each(|line| line.print());
    }
    if extent.wants("slow_neighbour") {
        slow_neighbour(&database, &small, extent.quick).await?;
    }
    database.close().await;
    Ok(())
}

fn request(database: &Database, trace: TraceContext) -> (Arc<Scope>, Context) {
    let scope = Scope::new(database.clone(), trace, None);
    let cx = SystemContext::new(Arc::clone(&scope)).within(organization(SIZE));
    (scope, cx)
}

fn ours(database: Database, users: Arc<Vec<UserId>>) -> LoadCase {
    let trace = TraceContext::start_random();
    LoadCase::new("ours", move |who, turn| {
        let (scope, cx) = request(&database, trace.child());
        let user_id = users[(who * 97 + turn) % users.len()];
        async move {
            let work = async {
                cx.transaction(async |tx| {
                    let note =
                        Note { id: NoteId(tx.new_id()), org_id: tx.tenant(), user_id, text: TEXT.to_owned() };
                    let note = note.insert(tx).await?;
                    User::update(user_id).set(User::name, NAME.to_owned()).run(tx).await?;
                    tx.enqueue(Tell { note: note.id }).await?;
                    Ok::<_, DataError>(())
                })
                .await
            };
            Ok(scope.drive(work).await?)
        }
    })
}

/// The same through the same writer, each transaction with a COMMIT of its own.
fn one_at_a_time(piece: LoadPiece) -> LoadCase {
    let writer = Arc::new(Mutex::new(()));
    LoadCase::new("one_at_a_time", move |who, turn| {
        let (piece, writer) = (piece.clone(), Arc::clone(&writer));
        async move {
            let _held = writer.lock().await;
            piece(who, turn).await
        }
    })
}

const TEXT: &str = "They called back and want to see it again on Thursday.";
const NAME: &str = "Somebody Else";
const INSERT: &str = "INSERT INTO people_notes (org_id, id, user_id, text) VALUES ($1, $2, $3, $4)";
/// SQLite numbers `$n` as they come, whatever n is, so they come in order here.
const UPDATE: &str = "UPDATE people_users SET name = $1 WHERE org_id = $2 AND id = $3";
const ENQUEUE: &str = "INSERT INTO tenfold_jobs (id, org_id, kind, state, priority, args, run_at, attempt, \
    max_attempts, crashes, strikes, cancel_requested, percent, message, errors, trace, created_at) \
    VALUES ($1, $2, 'people.tell', 'available', 0, $3, $4, 0, 10, 0, 0, false, 0, '', '[]', '', $4)";

/// The same statements inline under the same kind of lock, each transaction with its own COMMIT.
fn sqlite(connection: Connection, users: Arc<Vec<UserId>>) -> LoadCase {
    let (connection, clock) = (Arc::new(Mutex::new(connection)), Clock::system());
    LoadCase::new("commit_each", move |who, turn| {
        let (connection, clock) = (Arc::clone(&connection), clock.clone());
        let user = users[(who * 97 + turn) % users.len()].0;
        async move {
            let connection = connection.lock().await;
            let (note, job, now) = (clock.new_id(), clock.new_id(), clock.now().as_microsecond());
            let organization = organization(SIZE).0;
            let (organization, user) = (organization.as_bytes(), user.as_bytes());
            let args = serde_json::json!({ "note": note }).to_string();
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.prepare_cached(INSERT)?.execute((organization, note.as_bytes(), user, TEXT))?;
            let changed = connection.prepare_cached(UPDATE)?.execute((NAME, organization, user))?;
            anyhow::ensure!(changed == 1, "the update changed {changed} rows");
            connection.prepare_cached(ENQUEUE)?.execute((job.as_bytes(), organization, args, now))?;
            connection.execute_batch("COMMIT")?;
            Ok(())
        }
    })
}

/// The same statements on a connection of the pool. PostgreSQL itself lets commits share a flush.
fn postgres(pool: Pool, users: Arc<Vec<UserId>>) -> LoadCase {
    let clock = Clock::system();
    let enqueue = ENQUEUE.replace("'[]'", "'[]'::jsonb").replace("$4", "to_timestamp($4::float8)");
    LoadCase::new("commit_each", move |who, turn| {
        let (pool, clock, enqueue) = (pool.clone(), clock.clone(), enqueue.clone());
        let user = users[(who * 97 + turn) % users.len()].0;
        async move {
            let mut client = pool.get().await?;
            let (note, job): (Uuid, Uuid) = (clock.new_id(), clock.new_id());
            let now = clock.now().as_microsecond() as f64 / 1e6;
            let (organization, args) = (organization(SIZE).0, serde_json::json!({ "note": note }));
            let transaction = client.transaction().await?;
            let insert = transaction.prepare_cached(INSERT).await?;
            transaction.execute(&insert, &[&organization, &note, &user, &TEXT]).await?;
            let update = transaction.prepare_cached(UPDATE).await?;
            let changed = transaction.execute(&update, &[&NAME, &organization, &user]).await?;
            anyhow::ensure!(changed == 1, "the update changed {changed} rows");
            let enqueue = transaction.prepare_cached(&enqueue).await?;
            transaction.execute(&enqueue, &[&job, &organization, &args, &now]).await?;
            transaction.commit().await?;
            Ok(())
        }
    })
}

/// 64 writers of small transactions, and one that now and then stores thousands of rows in one.
async fn slow_neighbour(database: &Database, small: &LoadPiece, quick: bool) -> anyhow::Result<()> {
    let over = Arc::new(AtomicBool::new(false));
    let slow = tokio::spawn(many_rows(database.clone(), Arc::clone(&over)));
    let span = Duration::from_secs(if quick { 1 } else { 5 });
    let began = Instant::now();
    let times = run_for(small, 64, span).await?;
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    over.store(true, Ordering::Release);
    let slow = slow.await??;
    let case = [LoadCase::new("slow_neighbour", |_, _| async { Ok(()) })];
    for line in lines(&case, &[CaseTimes { times, rates: vec![rate] }], 64, None) {
        let median = quantile(&slow, 0.5).as_micros();
        line.with("slow_ones", slow.len()).with("slow_median_us", u64::try_from(median)?).print();
    }
    Ok(())
}

/// Twice a second a transaction that inserts many rows; how long each took.
async fn many_rows(database: Database, over: Arc<AtomicBool>) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let user_id = keys(&database).await?[0];
    while !over.load(Ordering::Acquire) {
        ticks.tick().await;
        let (scope, cx) = request(&database, TraceContext::start_random());
        let note = || Note { id: NoteId(cx.new_id()), org_id: cx.tenant(), user_id, text: TEXT.to_owned() };
        let notes: Vec<Note> = (0..MANY).map(|_| note()).collect();
        let began = Instant::now();
        scope.drive(cx.transaction(async |tx| Note::insert_many(tx, notes).await)).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}
