//! How long a transaction may stay open, and what happens to one that stays open longer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{Either, join, pending, select};
use tenfold_data::{DataError, DatabaseSettings, DatabaseWaits, EntityExt, Outcome, sql};
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::ledger::next_line;
use crate::people;
use crate::work::{Label, LabelId, label, store_label};

on_both_databases!(
    a_closure_that_hangs_is_rolled_back_at_the_limit_and_its_caller_is_told_where_it_began,
    work_of_the_system_without_a_deadline_is_ended_as_well,
    a_transaction_that_is_kept_and_not_polled_frees_what_it_holds,
    statement_after_statement_ends_at_the_limit_and_swallowing_that_stores_nothing,
    a_load_inside_that_comes_too_late_is_told_of_the_limit,
    a_load_that_nobody_awaits_does_not_keep_the_limit_from_the_caller,
);

/// Long enough for the first statement of a new connection, and for the report that follows it, on a busy machine: what is said of
/// a transaction depends on whether that came before the limit.
const LIMIT: Duration = Duration::from_secs(1);

/// Far more than any work that ends at the short limit may take, and less than [`LONG`].
const PATIENCE: Duration = Duration::from_secs(60);

/// Every other bound, so that no other one ends the work.
const LONG: Duration = Duration::from_secs(300);

/// The same database with a short limit and one connection, so that a held connection is noticed at once.
fn impatient(bench: &Bench) -> Bench {
    let mut settings = DatabaseSettings { transaction_limit: LIMIT, ..DatabaseSettings::default() };
    let postgres = &mut settings.postgres;
    postgres.pool_size = 1;
    (postgres.acquire_timeout, postgres.connect_timeout) = (LONG, LONG);
    (postgres.statement_timeout, postgres.idle_in_transaction_timeout) = (LONG, LONG);
    bench.reopened(&settings)
}

/// Turns work that would hang without a limit into a failure.
async fn promptly<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let value = tokio::time::timeout(PATIENCE, work).await.expect("the limit ends it");
    // The timeout may have polled it for the last time.
    assert!(started.elapsed() < PATIENCE, "the limit wakes it");
    value
}

async fn names(bench: &Bench) -> Vec<String> {
    let all = bench.request(async |cx| Label::query().order_by(Label::name).all(&cx).await.unwrap()).await;
    all.into_iter().map(|label| label.name).collect()
}

fn told_of_the_limit(error: &DataError, line: (&str, u32), spent: &str) {
    let DataError::TransactionLimit { opened, .. } = error else { panic!("{error}") };
    assert_eq!((opened.file(), opened.line()), line);
    let told = error.to_string();
    let limit = format!("{LIMIT:?} (database.transaction_limit)");
    for said in [&format!("{}:{}", line.0, line.1), &*limit, spent] {
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(error.retry_after(), None, "trying it again would hold up everybody once more");
}

async fn a_closure_that_hangs_is_rolled_back_at_the_limit_and_its_caller_is_told_where_it_began(
    bench: Bench,
) {
    let bench = impatient(&bench);
    let (line, error) = bench
        .request(async |cx| {
            let line = next_line();
            let hangs = cx.transaction(async |tx| {
                label(&cx, "never").insert(tx).await?;
                pending::<Result<(), DataError>>().await
            });
            (line, promptly(hangs).await.unwrap_err())
        })
        .await;
    told_of_the_limit(&error, line, "waited for something that is not the database");
    assert_eq!(bench.waited().len(), 1);
    store_label(&bench, "after").await.unwrap();
    assert_eq!(names(&bench).await, ["after"]);
}

async fn work_of_the_system_without_a_deadline_is_ended_as_well(bench: Bench) {
    let bench = impatient(&bench);
    let (line, error) = bench
        .system(async |system| {
            let line = next_line();
            let hangs = system.transaction(async |tx| {
                people::account(&system.within(bench.org), "never").insert(tx).await?;
                pending::<Result<(), DataError>>().await
            });
            (line, promptly(hangs).await.unwrap_err())
        })
        .await;
    told_of_the_limit(&error, line, "waited for something that is not the database");
    assert_eq!(bench.waited().len(), 1);
    assert!(!bench.system(async |cx| people::Account::query().exists(&cx).await.unwrap()).await);
}

async fn a_transaction_that_is_kept_and_not_polled_frees_what_it_holds(bench: Bench) {
    let bench = impatient(&bench);
    bench
        .request(async |cx| {
            let (reached, midway) = oneshot::channel();
            let line = next_line();
            let kept = cx.transaction(async |tx| {
                label(&cx, "never").insert(tx).await?;
                let _ = reached.send(());
                pending::<Result<(), DataError>>().await
            });
            let Either::Right((_, kept)) = select(Box::pin(kept), midway).await else {
                panic!("a transaction that waits for ever does not end")
            };
            promptly(store_label(&bench, "neighbour")).await.unwrap();
            told_of_the_limit(
                &promptly(kept).await.unwrap_err(),
                line,
                "waited for something that is not the database",
            );
        })
        .await;
    assert_eq!(bench.waited().len(), 1, "it waited for whatever its request did meanwhile");
    assert_eq!(names(&bench).await, ["neighbour"]);
}

async fn statement_after_statement_ends_at_the_limit_and_swallowing_that_stores_nothing(bench: Bench) {
    let bench = impatient(&bench);
    let (line, error) = bench
        .request(async |cx| {
            let line = next_line();
            let long = cx.transaction(async |tx| {
                let endless = tx.repeating("until the limit");
                while label(&cx, "never").insert(&endless).await.is_ok() {}
                Ok::<_, DataError>(())
            });
            (line, promptly(long).await.unwrap_err())
        })
        .await;
    told_of_the_limit(&error, line, "what was done between them took that long");
    assert!(names(&bench).await.is_empty());
}

async fn a_load_inside_that_comes_too_late_is_told_of_the_limit(bench: Bench) {
    let bench = impatient(&bench);
    let (line, error) = bench
        .request(async |cx| {
            let line = next_line();
            let long = cx.transaction(async |tx| {
                let new = label(&cx, "never").insert(tx).await?;
                loop {
                    Label::get(tx, new.id).await?;
                }
                #[expect(unreachable_code, reason = "it names the type of the closure")]
                Ok::<(), DataError>(())
            });
            (line, promptly(long).await.unwrap_err())
        })
        .await;
    told_of_the_limit(&error, line, "what was done between them took that long");
    assert_eq!(bench.repeated().len(), 0, "the same question again is a poll");
    assert!(names(&bench).await.is_empty());
}

async fn a_load_that_nobody_awaits_does_not_keep_the_limit_from_the_caller(bench: Bench) {
    let bench = impatient(&bench);
    let error = bench
        .request(async |cx| {
            let hangs = cx.transaction(async |tx| {
                drop(Label::find(tx, LabelId(cx.new_id())));
                pending::<Result<(), DataError>>().await
            });
            promptly(hangs).await.unwrap_err()
        })
        .await;
    assert!(matches!(error, DataError::TransactionLimit { .. }), "{error}");
    assert_eq!(bench.waited().len(), 1);
}

#[tokio::test]
async fn who_shares_a_commit_with_a_closure_that_hangs_is_acknowledged_at_the_limit() {
    let bench = Bench::sqlite().await;
    let bench = impatient(&bench);
    let (began, hangs) = (AtomicBool::new(false), AtomicBool::new(false));
    // Its savepoint is released after the other has queued up, so the commit is behind the other in the queue.
    let neighbour = bench.request(async |cx| {
        cx.transaction(async |tx| {
            began.store(true, Ordering::Relaxed);
            tokio::task::yield_now().await;
            label(&cx, "neighbour").insert(tx).await
        })
        .await
        .unwrap();
        assert!(hangs.load(Ordering::Relaxed), "the acknowledgement had to wait for the other");
    });
    let hanging = bench.request(async |cx| {
        assert!(began.load(Ordering::Relaxed));
        let hangs = cx.transaction(async |tx| {
            hangs.store(true, Ordering::Relaxed);
            label(&cx, "never").insert(tx).await?;
            pending::<Result<(), DataError>>().await
        });
        hangs.await.unwrap_err()
    });
    let ((), error) = promptly(join(neighbour, hanging)).await;
    assert!(matches!(error, DataError::TransactionLimit { .. }), "{error}");
    assert_eq!(bench.waited().len(), 1);
    assert_eq!(names(&bench).await, ["neighbour"]);
}

#[tokio::test]
async fn a_statement_in_the_middle_is_cancelled_at_the_limit() {
    let bench = Bench::postgres().await;
    let bench = impatient(&bench);
    let onlooker = bench.onlooker().await;
    let (line, error) = bench
        .system(async |cx| {
            let line = next_line();
            let long = cx.transaction(async |tx| {
                let sleep = sql!("sleep", "SELECT 1::bigint FROM pg_sleep(250)");
                sleep.all::<(i64,), _>(tx).await
            });
            (line, promptly(long).await.unwrap_err())
        })
        .await;
    told_of_the_limit(&error, line, "what was done between them took that long");
    let cut_off =
        bench.statements().into_iter().find(|record| record.name == "sleep").expect("it is recorded");
    assert_eq!(cut_off.outcome, Outcome::GivenUp);
    assert!(cut_off.elapsed > Duration::ZERO && cut_off.waits == DatabaseWaits::default(), "{cut_off:?}");
    let active = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(250)%'
                  AND pid <> pg_backend_pid()";
    let started = Instant::now();
    while onlooker.query_one(active, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(started.elapsed() < PATIENCE, "nobody told the server");
    }
    store_label(&bench, "after").await.unwrap();
}
