//! What statements and transactions waited for, as their records say it.

use std::time::Duration;

use futures_util::future::{Either, join, select};
use tenfold_data::{
    Boundary, CallUnderWay, Context, DataError, DatabaseCall, DatabaseSettings, DatabaseWaits, EntityExt,
    LockHolder, Outcome, Tx, sql,
};
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::bench::Bench;
use crate::ledger::next_line;
use crate::work::{Label, label, store_label};

on_both_databases!(a_single_statement_tells_its_wait_for_a_connection);

/// One connection, and one thread that reads.
fn one_at_a_time() -> DatabaseSettings {
    let mut settings = DatabaseSettings::default();
    (settings.postgres.pool_size, settings.sqlite.reader_threads) = (1, 1);
    settings
}

async fn read(bench: &Bench) {
    bench
        .system(async |cx| {
            let rows = sql!(
                "labels.all",
                sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n",
                postgres: "SELECT count(*) FROM pg_sleep(0.1)"
            );
            let _: Vec<(i64,)> = rows.all(&cx).await.unwrap();
        })
        .await;
}

async fn a_single_statement_tells_its_wait_for_a_connection(bench: Bench) {
    let narrow = bench.reopened(&one_at_a_time());
    // The first one opens what it needs.
    read(&narrow).await;
    narrow.statements();
    join(read(&narrow), read(&narrow)).await;
    let both = narrow.statements();
    let waited: Vec<Duration> = both.iter().map(|record| record.waits.connection).collect();
    // Which of them is first does not matter: the other one waits for it.
    assert_eq!(waited.iter().filter(|wait| wait.is_zero()).count(), 1, "{waited:?}");
    assert!(both.iter().all(|record| record.waits.sum() <= record.elapsed), "{both:?}");
    read(&narrow).await;
    assert_eq!(narrow.statements()[0].waits, DatabaseWaits::default());
}

/// A transaction that does `work`, says so, and stays open until it may go on. Gives the line that opened it.
async fn holds(
    bench: &Bench,
    (is_open, went_on): (oneshot::Sender<()>, oneshot::Receiver<()>),
    work: impl AsyncFnOnce(&Context, &mut Tx<'_>) -> Result<(), DataError>,
) -> (&'static str, u32) {
    bench
        .request(async |cx| {
            let line = next_line();
            let held = cx.transaction(async |tx| {
                work(&cx, tx).await?;
                is_open.send(()).unwrap();
                went_on.await.unwrap();
                Ok::<_, DataError>(())
            });
            held.await.unwrap();
            line
        })
        .await
}

/// A transaction that begins once another one is open, which may go on after a while.
async fn waits_until(bench: &Bench, opened: oneshot::Receiver<()>, go_on: oneshot::Sender<()>) {
    opened.await.unwrap();
    let waits = bench.request(async |cx| {
        cx.transaction(async |tx| label(&cx, "waits").insert(tx).await).await.unwrap();
    });
    let lets_go = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
    };
    join(waits, lets_go).await;
}

#[tokio::test]
async fn the_wait_for_the_writer_names_the_transaction_that_has_it() {
    let bench = Bench::sqlite().await;
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds =
        holds(&bench, (is_open, went_on), async |cx, tx| label(cx, "held").insert(tx).await.map(drop));
    let (line, ()) = join(holds, waits_until(&bench, opened, go_on)).await;
    bench.waited();
    let begun: Vec<_> =
        bench.boundaries().into_iter().filter(|record| record.boundary == Boundary::Begin).collect();
    let waited: Vec<_> = begun.iter().filter(|record| !record.waits.writer.is_zero()).collect();
    assert_eq!((begun.len(), waited.len()), (2, 1), "{begun:?}");
    let Some(LockHolder::Transaction(site)) = waited[0].waits.holder else { panic!("{begun:?}") };
    assert_eq!((site.file(), site.line()), line);
    assert_eq!(waited[0].waits.connection + waited[0].waits.lock, Duration::ZERO);
    assert_eq!(bench.request(async |cx| Label::query().count(&cx).await.unwrap()).await, 2);
}

#[tokio::test]
async fn another_process_that_writes_to_the_file_is_a_lock() {
    let bench = Bench::sqlite().await;
    let other = bench.reopened(&DatabaseSettings::default());
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds = holds(&other, (is_open, went_on), async |cx, tx| {
        label(cx, "held").insert(tx).await?;
        Label::query().count(tx).await.map(drop)
    });
    join(holds, waits_until(&bench, opened, go_on)).await;
    other.waited();
    let begun = bench.boundaries().into_iter().find(|record| record.boundary == Boundary::Begin).unwrap();
    assert!(!begun.waits.lock.is_zero(), "{begun:?}");
    let holder = begun.waits.holder.unwrap().to_string();
    assert!(holder.contains("another process"), "{holder}");
}

/// What has no answer yet.
fn unanswered(bench: &Bench) -> Vec<CallUnderWay> {
    bench.database.calls_under_way().longer_than(Duration::ZERO)
}

fn is_lock_of_another_process(waits: &DatabaseWaits) -> bool {
    let holder = waits.holder.as_ref().map(ToString::to_string).unwrap_or_default();
    waits.lock > waits.writer && holder.contains("another process")
}

/// A transaction of another process is open, and those of this one are given up while they wait. Two wait: the one that has the writer
/// of its process, and one behind it.
#[tokio::test]
async fn what_is_given_up_tells_its_wait_for_another_process() {
    let bench = Bench::sqlite().await;
    let other = bench.reopened(&DatabaseSettings::default());
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds =
        holds(&other, (is_open, went_on), async |cx, tx| label(cx, "held").insert(tx).await.map(drop));
    let stores = || {
        bench.request(async |cx| {
            let _ = cx.transaction(async |tx| label(&cx, "never").insert(tx).await).await;
            panic!("the other process lets nobody write");
        })
    };
    let given_up = async {
        opened.await.unwrap();
        let yields = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        let both = join(stores(), stores());
        let seen = async {
            yields.await;
            unanswered(&bench)
        };
        let Either::Right((seen, both)) = select(Box::pin(both), Box::pin(seen)).await;
        drop(both);
        go_on.send(()).unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen.iter().all(|call| call.call == DatabaseCall::Boundary(Boundary::Begin)), "{seen:?}");
        assert!(seen.iter().all(|call| is_lock_of_another_process(&call.waits)), "{seen:?}");
    };
    join(holds, given_up).await;
    other.waited();
    let begun = bench.boundaries();
    assert_eq!(begun.len(), 2, "{begun:?}");
    for begin in begun {
        assert_eq!((begin.boundary, begin.outcome), (Boundary::Begin, Outcome::GivenUp));
        assert!(begin.waits.sum() <= begin.elapsed && is_lock_of_another_process(&begin.waits), "{begin:?}");
    }
}

/// Adds a letter to all labels.
async fn lengthen(tx: &mut Tx<'_>) -> Result<(), DataError> {
    let longer = sql!("labels.longer", "UPDATE work_labels SET name = name || 'x' WHERE org_id = $1");
    longer.changes("work_labels").execute(tx).await.map(drop)
}

/// Waits until a session waits for a lock, the task has asked the server after that, and its answer was counted.
async fn locks_were_seen(onlooker: &Client) {
    let waits =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while onlooker.query(waits, &[]).await.unwrap().is_empty() {}
    let asked = "SELECT query_start::text FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'WITH blocked AS MATERIALIZED%' AND pid <> pg_backend_pid()";
    let mut seen: Vec<Option<String>> = Vec::new();
    // The first question may be one of before, and each is counted before the next one is asked. PostgreSQL begins anew to count the time
    // with each of the three messages of a question.
    while seen.len() < 7 {
        let rows = onlooker.query(asked, &[]).await.unwrap();
        let last: Option<String> = rows.first().map(|row| row.get(0));
        if last.is_some() && seen.last() != Some(&last) {
            seen.push(last);
        }
    }
}

/// What a transaction waited for that changed labels, until `lets_go` is done.
async fn waits_for_lock(bench: &Bench, lets_go: impl Future<Output = ()>) -> DatabaseWaits {
    let waits = bench.request(async |cx| {
        cx.transaction(async |tx| lengthen(tx).await).await.unwrap();
    });
    join(waits, lets_go).await;
    let all = bench.statements();
    let longest =
        all.iter().filter(|record| record.name == "labels.longer").max_by_key(|record| record.waits.lock);
    let record = longest.expect("it has run");
    assert!(record.waits.lock > Duration::ZERO && record.waits.lock <= record.elapsed, "{record:?}");
    record.waits.clone()
}

#[tokio::test]
async fn a_lock_names_the_transaction_of_this_process_that_has_it() {
    let bench = Bench::postgres().await;
    store_label(&bench, "locked").await.unwrap();
    let onlooker = bench.onlooker().await;
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds = holds(&bench, (is_open, went_on), async |_, tx| lengthen(tx).await);
    let waits = async {
        opened.await.unwrap();
        let lets_go = async {
            locks_were_seen(&onlooker).await;
            go_on.send(()).unwrap();
        };
        waits_for_lock(&bench, lets_go).await
    };
    let (line, waits) = join(holds, waits).await;
    bench.waited();
    let Some(LockHolder::Transaction(site)) = waits.holder else { panic!("{waits:?}") };
    assert_eq!((site.file(), site.line()), line);
}

#[tokio::test]
async fn a_lock_of_another_program_names_it_without_values() {
    let bench = Bench::postgres().await;
    store_label(&bench, "locked").await.unwrap();
    let onlooker = bench.onlooker().await;
    let other = bench.as_runtime().await;
    let locks = "SET application_name = 'a script'; BEGIN; LOCK TABLE work_labels IN ACCESS EXCLUSIVE MODE";
    other.batch_execute(locks).await.unwrap();
    other.batch_execute("SELECT 'a secret'").await.unwrap();
    let lets_go = async {
        locks_were_seen(&onlooker).await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let waits = waits_for_lock(&bench, lets_go).await;
    let holder = waits.holder.unwrap().to_string();
    assert_eq!(holder, "a session of a script (SELECT …)");
}

#[tokio::test]
async fn a_statement_that_is_given_up_tells_its_wait_for_a_lock() {
    let bench = Bench::postgres().await;
    store_label(&bench, "locked").await.unwrap();
    let onlooker = bench.onlooker().await;
    let other = bench.as_runtime().await;
    other.batch_execute("SET application_name = 'a script'; BEGIN").await.unwrap();
    other.batch_execute("LOCK TABLE work_labels IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waits = bench.request(async |cx| {
        let _ = cx.transaction(async |tx| lengthen(tx).await).await;
        panic!("the other session keeps the lock");
    });
    let seen = async {
        locks_were_seen(&onlooker).await;
        unanswered(&bench)
    };
    let Either::Right((seen, waits)) = select(Box::pin(waits), Box::pin(seen)).await;
    drop(waits);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].call, DatabaseCall::Statement("labels.longer".into()));
    assert!(seen[0].waits.lock > Duration::ZERO && seen[0].waits.holder.is_some(), "{seen:?}");
    assert!(unanswered(&bench).is_empty());
    let all = bench.statements();
    let cut_off = all.iter().find(|record| record.name == "labels.longer").expect("it is recorded");
    assert_eq!(cut_off.outcome, Outcome::GivenUp);
    assert!(cut_off.waits.lock > Duration::ZERO && cut_off.waits.lock <= cut_off.elapsed, "{cut_off:?}");
    let holder = cut_off.waits.holder.as_ref().unwrap().to_string();
    assert_eq!(holder, "a session of a script (LOCK TABLE work_labels …)");
}
