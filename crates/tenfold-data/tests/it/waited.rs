//! What statements and transactions waited for, as their records say it.

use std::time::Duration;

use futures_util::future::join;
use tenfold_data::{Boundary, DataError, DatabaseSettings, DatabaseWaits, EntityExt, LockHolder, sql};
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::ledger::next_line;
use crate::work::{Label, label};

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
                sqlite: "SELECT count(*) FROM work_labels",
                postgres: "SELECT count(*) FROM work_labels, pg_sleep(0.02)"
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

#[tokio::test]
async fn the_wait_for_the_writer_names_the_transaction_that_has_it() {
    let bench = Bench::sqlite().await;
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds = bench.request(async |cx| {
        let line = next_line();
        let held = cx.transaction(async |tx| {
            label(&cx, "held").insert(tx).await?;
            is_open.send(()).unwrap();
            went_on.await.unwrap();
            Ok::<_, DataError>(())
        });
        held.await.unwrap();
        line
    });
    let waits = async {
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
    };
    let (line, ()) = join(holds, waits).await;
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
    let holds = other.request(async |cx| {
        let held = cx.transaction(async |tx| {
            label(&cx, "held").insert(tx).await?;
            let _ = Label::query().count(tx).await?;
            is_open.send(()).unwrap();
            went_on.await.unwrap();
            Ok::<_, DataError>(())
        });
        held.await.unwrap();
    });
    let waits = async {
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
    };
    join(holds, waits).await;
    other.waited();
    let begun = bench.boundaries().into_iter().find(|record| record.boundary == Boundary::Begin).unwrap();
    assert!(!begun.waits.lock.is_zero(), "{begun:?}");
    let holder = begun.waits.holder.unwrap().to_string();
    assert!(holder.contains("another process"), "{holder}");
}
