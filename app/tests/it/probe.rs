//! A module that only tests have: handlers that do what no handler should.

use std::future::pending;
use std::sync::Arc;

use tenfold::data::{DataError, Dialect, MigrationFile, OrgId, SystemTx, Uuid};
use tenfold::http::{
    ClientAddress, HeaderMap, IfMatch, Json, LiveEvent, News, Problem, Response, Routes, ServerState, State,
    elsewhere, live, routes,
};
use tenfold::prelude::axum::routing::{get, post};
use tenfold::prelude::{axum, endpoint, utoipa};
use tenfold::{App, Context, Module, SystemContext, sql};

const MIGRATIONS: &[MigrationFile] =
    &[MigrationFile { name: "0001_probe.sql", text: "CREATE TABLE probe_notes (id uuid PRIMARY KEY);" }];

/// The reference backend with the module added.
pub fn app() -> App {
    app::app().module(Module::new("probe").migrations(MIGRATIONS).routes(routes))
}

fn routes() -> Routes {
    Routes::new()
        .routes(routes!(export))
        .routes(routes!(counted))
        .route("/probe/address", get(address))
        .route("/probe/events", get(events))
        .route("/probe/pressure", get(pressure))
        .route("/probe/notes", get(count).post(write))
        .route("/probe/loop", get(loops))
        .route("/probe/panic", get(panics))
        .route("/probe/panic-in-task", get(panics_in_a_task))
        .route("/probe/panic-in-transaction", post(panics_in_a_transaction))
        .route("/probe/hang", get(hangs))
        .route("/probe/hang-elsewhere", get(hangs_elsewhere))
        .route("/probe/slow", get(slow))
        .route("/probe/late", get(late).post(late))
        .route("/probe/slow-in-transaction", post(slow_in_a_transaction))
        .route("/probe/hang-in-transaction", post(hangs_in_a_transaction))
        .route("/probe/leave-a-task", get(leaves_a_task))
        .route("/probe/fail", get(fails))
        .route("/probe/needs-if-match", post(needs_if_match))
}

async fn address(client: ClientAddress) -> Json<[String; 2]> {
    Json([client.ip().to_string(), client.network().to_string()])
}

/// Work that nobody waits for.
#[endpoint(get, "/probe/export", tag = "probe", priority = best_effort)]
async fn export() -> Json<i64> {
    Json(0)
}

/// The number of notes. If it finds one, it waits for two more before it says so.
#[endpoint(get, "/probe/counted", tag = "probe")]
async fn counted(cx: SystemContext) -> Result<Json<i64>, Problem> {
    let cx = cx.repeating("a test writes the other notes meanwhile");
    let count = sql!("probe.counted", "SELECT count(*) FROM probe_notes");
    let found: Vec<(i64,)> = count.all(&cx).await?;
    let mut now = found[0].0;
    while found[0].0 == 1 && now < 3 {
        tokio::task::yield_now().await;
        let again: Vec<(i64,)> =
            sql!("probe.counted_again", "SELECT count(*) FROM probe_notes").all(&cx).await?;
        now = again[0].0;
    }
    Ok(Json(found[0].0))
}

/// The number of notes, live.
async fn events(
    cx: Context,
    State(state): State<ServerState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    live(&state, &headers, &cx, |cx: Context, _| async move {
        let cx = SystemContext::new(Arc::clone(cx.scope()));
        let found: Vec<(i64,)> = sql!("probe.events", "SELECT count(*) FROM probe_notes").all(&cx).await?;
        let [(count,)] = found[..] else { return Ok(News::More(Vec::new())) };
        Ok(News::More(vec![LiveEvent { id: count.to_string(), name: "count", data: count.into() }]))
    })
}

/// Computes until its client, which waits for 10 ms, has gone.
async fn late() {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(20) {
        std::hint::spin_loop();
    }
}

async fn pressure(cx: SystemContext) -> Json<f64> {
    Json(cx.pressure())
}

async fn count(cx: SystemContext) -> Result<Json<i64>, Problem> {
    let counted: Vec<(i64,)> = sql!("probe.count", "SELECT count(*) FROM probe_notes").all(&cx).await?;
    Ok(Json(counted[0].0))
}

/// Asks for each note by itself.
async fn loops(cx: SystemContext) -> Result<Json<i64>, Problem> {
    let notes: Vec<(Uuid,)> = sql!("probe.notes", "SELECT id FROM probe_notes").all(&cx).await?;
    let mut found = 0;
    for (id,) in notes {
        let one = sql!("probe.note_by_id", "SELECT count(*) FROM probe_notes WHERE id = $1").bind(id);
        let counted: Vec<(i64,)> = one.all(&cx).await?;
        found += counted[0].0;
    }
    Ok(Json(found))
}

async fn write(cx: SystemContext) -> Result<Json<()>, Problem> {
    cx.transaction(async |tx| note(tx).await).await?;
    Ok(Json(()))
}

async fn note(tx: &SystemTx<'_>) -> Result<(), DataError> {
    let insert =
        sql!("probe.note", "INSERT INTO probe_notes (id) VALUES ($1) RETURNING id").changes("probe_notes");
    let _: Vec<(Uuid,)> = insert.bind(tx.new_id()).all(tx).await?;
    Ok(())
}

async fn panics() -> Json<()> {
    panic!("the probe's secret reason")
}

async fn panics_in_a_task(cx: SystemContext) -> Json<Option<()>> {
    let cx = cx.within(OrgId(cx.new_id()));
    Json(cx.spawn(async { panic!("the probe's secret reason") }).await)
}

async fn panics_in_a_transaction(cx: SystemContext) -> Result<Json<()>, Problem> {
    cx.transaction(async |tx| {
        note(tx).await?;
        panic!("the probe's secret reason")
    })
    .await
}

/// Waits for what never comes.
async fn hangs() -> Json<()> {
    pending().await
}

/// Waits for something with a bound of its own.
async fn hangs_elsewhere() -> Json<()> {
    elsewhere(pending()).await
}

/// Half an hour in the database: SQLite counts, PostgreSQL sleeps.
async fn slow(cx: SystemContext) -> Result<Json<i64>, Problem> {
    let slow = sql!(
        "probe.slow",
        sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
                 SELECT count(*) FROM n",
        postgres: "SELECT 1::bigint FROM pg_sleep(1800)"
    );
    let counted: Vec<(i64,)> = slow.all(&cx).await?;
    Ok(Json(counted[0].0))
}

/// A statement of a transaction that is slow, on PostgreSQL; SQLite's writer is never interrupted, so there it is what
/// lies between two statements.
async fn slow_in_a_transaction(cx: SystemContext) -> Result<Json<()>, Problem> {
    cx.transaction(async |tx| {
        note(tx).await?;
        if cx.scope().database().dialect() == Dialect::Sqlite {
            return pending().await;
        }
        let slow =
            sql!("probe.slow_inside", sqlite: "SELECT 1", postgres: "SELECT 1::bigint FROM pg_sleep(1800)");
        let _: Vec<(i64,)> = slow.all(tx).await?;
        Ok(Json(()))
    })
    .await
}

async fn hangs_in_a_transaction(cx: SystemContext) -> Result<Json<()>, Problem> {
    cx.transaction(async |tx| {
        note(tx).await?;
        pending().await
    })
    .await
}

/// A task that nobody awaits ends with its request.
async fn leaves_a_task(cx: SystemContext) -> Json<()> {
    let inside = cx.within(OrgId(cx.new_id()));
    drop(inside.spawn(pending::<()>()));
    Json(())
}

async fn needs_if_match(seen: IfMatch) -> Result<Json<()>, Problem> {
    seen.required()?;
    Ok(Json(()))
}

async fn fails() -> Problem {
    Problem::internal("the probe's secret reason")
}
