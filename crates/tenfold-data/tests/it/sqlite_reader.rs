//! SQLite's reader threads: an abandoned statement ends, and its thread is free again.

use std::time::Duration;

use futures_util::FutureExt as _;
use tenfold_data::{DataError, DatabaseSettings, Global, Reach, sql};
use tokio::time::Instant;

use crate::bench::Bench;

/// With one reader thread.
async fn narrow() -> Bench {
    let mut settings = DatabaseSettings::default();
    settings.sqlite.reader_threads = 1;
    Bench::sqlite().await.reopened(&settings)
}

/// Counts for hours.
async fn count_for_hours(cx: &impl Reach<Global>) -> Result<Vec<(i64,)>, DataError> {
    let hours = sql!(
        "hours",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
         SELECT count(*) FROM n"
    );
    hours.all(cx).await
}

async fn count_to_three(bench: &Bench) -> Result<Vec<(i64,)>, DataError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let three = || sql!("three", "SELECT count(*) FROM (VALUES (1), (2), (3)) AS three");
    bench.database.run(Some(deadline), async |cx| three().all(&cx).await).await
}

#[tokio::test]
async fn a_statement_past_its_deadline_ends_and_frees_its_reader() {
    let bench = narrow().await;
    for _ in 0..3 {
        let deadline = Instant::now() + Duration::from_millis(50);
        let late = bench.database.run(Some(deadline), async |cx| count_for_hours(&cx).await).await;
        assert!(matches!(late, Err(DataError::Deadline { .. })), "{late:?}");
        assert_eq!(count_to_three(&bench).await.unwrap(), [(3,)]);
    }
}

#[tokio::test]
async fn a_statement_whose_request_is_dropped_ends_and_frees_its_reader() {
    let bench = narrow().await;
    for _ in 0..3 {
        let mut request = Box::pin(bench.system(async |cx| count_for_hours(&cx).await));
        // Whether or not it has begun by then, it must not begin afterwards.
        assert!(request.as_mut().now_or_never().is_none());
        drop(request);
        assert_eq!(count_to_three(&bench).await.unwrap(), [(3,)]);
    }
}

#[tokio::test]
async fn what_was_given_up_disturbs_nobody_who_reads_on_the_same_connection_next() {
    let bench = narrow().await;
    for round in 0..200 {
        let mut given_up = Box::pin(count_to_three(&bench));
        // It may already be answered: the race has no fixed outcome.
        let _answered = given_up.as_mut().now_or_never();
        let next = count_to_three(&bench);
        // The first is dropped at some point while the second waits for its turn, or runs.
        let (next, ()) = futures_util::future::join(next, async {
            for _ in 0..round % 20 {
                tokio::task::yield_now().await;
            }
            drop(given_up);
        })
        .await;
        assert_eq!(next.unwrap(), [(3,)]);
    }
}
