//! Connections, and threads that read, when organizations want more of them than there are.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::{LocalBoxFuture, join};
use futures_util::stream::FuturesUnordered;
use tenfold_data::{DataError, DatabaseSettings, EntityExt as _, OrgId, sql};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::work::label;

on_both_databases!(
    one_organization_waits_for_no_more_than_one_statement_of_another,
    a_wait_that_is_dropped_takes_no_permit,
    an_organization_leaves_the_last_connection_to_others,
    work_without_an_organization_may_take_the_last_one,
);

/// With one connection, or one thread that reads.
fn narrow(bench: &Bench) -> Bench {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    settings.sqlite.reader_threads = 1;
    bench.reopened(&settings)
}

/// With so many connections, and threads that read. Nothing but the statements limits how long they are held.
fn with(bench: &Bench, count: usize) -> Bench {
    let mut settings = DatabaseSettings { transaction_limit: PATIENCE, ..DatabaseSettings::default() };
    (settings.postgres.pool_size, settings.postgres.acquire_timeout) = (count, PATIENCE);
    (settings.postgres.statement_timeout, settings.postgres.idle_in_transaction_timeout) =
        (PATIENCE, PATIENCE);
    settings.sqlite.reader_threads = count;
    bench.reopened(&settings)
}

/// Longer than this machine stands still.
const PATIENCE: Duration = Duration::from_secs(60);

async fn read(bench: &Bench, org: OrgId) -> OrgId {
    let read = async |cx: tenfold_data::SystemContext| {
        let counted = sql!("counted", "SELECT count(*) FROM work_labels WHERE org_id = $1");
        counted.all::<(i64,), _>(&cx.within(org)).await
    };
    bench.database.run(None, read).await.unwrap();
    org
}

/// Holds the only connection until all other reads have arrived.
async fn read_for_long(bench: &Bench, org: OrgId) -> OrgId {
    let read = async |cx: tenfold_data::SystemContext| {
        let long = sql!(
            "long",
            sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n",
            postgres: "SELECT count(*) FROM pg_sleep(0.5)"
        );
        long.all::<(i64,), _>(&cx).await
    };
    bench.database.run(None, read).await.unwrap();
    org
}

type Reads<'a> = FuturesUnordered<LocalBoxFuture<'a, Result<Vec<(i64,)>, DataError>>>;

/// Holds a connection, or a thread, until it is dropped; for an organization, or for none.
async fn read_endlessly(bench: &Bench, org: Option<OrgId>) -> Result<Vec<(i64,)>, DataError> {
    let read = async |cx: tenfold_data::SystemContext| {
        let owned = sql!(
            "endless.owned",
            sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE $1 IS NOT NULL",
            postgres: "SELECT count(*) FROM pg_sleep(600) WHERE $1::uuid IS NOT NULL"
        );
        let global = sql!(
            "endless.global",
            sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            postgres: "SELECT count(*) FROM pg_sleep(600)"
        );
        match org {
            Some(org) => owned.all(&cx.within(org)).await,
            None => global.all(&cx).await,
        }
    };
    bench.database.run(Some(Instant::now() + PATIENCE), read).await
}

/// So many of them, which have begun.
fn endless(bench: &Bench, org: Option<OrgId>, count: usize) -> Reads<'_> {
    let mut reads: Reads<'_> = (0..count).map(|_| read_endlessly(bench, org).boxed_local()).collect();
    assert!(reads.next().now_or_never().is_none(), "they go on");
    reads
}

/// What `work` gives while those reads hold what they have.
async fn beside<T>(reads: &mut Reads<'_>, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        ended = reads.next() => panic!("it waits for them: {ended:?}"),
    }
}

/// Of three connections: a pooler before PostgreSQL may have no more.
async fn an_organization_leaves_the_last_connection_to_others(bench: Bench) {
    let bench = with(&bench, 3);
    let (many, other) = (bench.org, OrgId(bench.database.clock().new_id()));
    let mut slow = endless(&bench, Some(many), 1);
    beside(&mut slow, read(&bench, many)).await;
    slow.extend(endless(&bench, Some(many), 1));
    let mut next = Box::pin(read(&bench, many));
    for _ in 0..3 {
        assert!(next.as_mut().now_or_never().is_none(), "it has two of three, and no more");
        beside(&mut slow, read(&bench, other)).await;
    }
    drop(slow);
    next.await;
}

async fn work_without_an_organization_may_take_the_last_one(bench: Bench) {
    let bench = with(&bench, 2);
    let mut slow = endless(&bench, None, 1);
    beside(&mut slow, read_for_long(&bench, bench.org)).await;
}

async fn one_organization_waits_for_no_more_than_one_statement_of_another(bench: Bench) {
    let bench = narrow(&bench);
    let (many, one) = (bench.org, OrgId(bench.database.clock().new_id()));
    let mut reads = FuturesUnordered::new();
    reads.push(read_for_long(&bench, many).boxed_local());
    reads.extend((0..40).map(|_| read(&bench, many).boxed_local()));
    reads.push(read(&bench, one).boxed_local());
    let order: Vec<OrgId> = reads.collect().await;
    let place = order.iter().position(|org| *org == one);
    // The first one has the connection already, and the second may have been given it when this one came.
    assert!(place.is_some_and(|place| place <= 2), "it came {place:?}");
}

async fn a_wait_that_is_dropped_takes_no_permit(bench: Bench) {
    let bench = narrow(&bench);
    let other = OrgId(bench.database.clock().new_id());
    for _ in 0..20 {
        let mut first = Box::pin(read(&bench, bench.org));
        let holds = first.as_mut().now_or_never();
        let waiting: Vec<_> = [bench.org, other].map(|org| Box::pin(read(&bench, org))).into_iter().collect();
        for mut read in waiting {
            let _ = read.as_mut().now_or_never();
        }
        if holds.is_none() {
            first.await;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let work = async |cx: tenfold_data::SystemContext| {
        sql!("alone", "SELECT count(*) FROM work_labels WHERE org_id = $1")
            .all::<(i64,), _>(&cx.within(other))
            .await
    };
    let read: Result<Vec<(i64,)>, DataError> = bench.database.run(Some(deadline), work).await;
    assert_eq!(read.unwrap(), [(0,)]);
}

async fn count(bench: &Bench) -> Result<Vec<(i64,)>, DataError> {
    let org = bench.org;
    let read = async |cx: tenfold_data::SystemContext| {
        let counted = sql!("counted", "SELECT count(*) FROM work_labels WHERE org_id = $1");
        counted.all(&cx.within(org)).await
    };
    bench.database.run(None, read).await
}

#[tokio::test]
async fn what_waits_for_a_connection_fails_once_all_are_closed() {
    let mut settings = DatabaseSettings::default();
    (settings.postgres.pool_size, settings.postgres.acquire_timeout) = (1, Duration::from_secs(60));
    let bench = Bench::postgres().await.reopened(&settings);
    let ((is_open, opened), (go_on, went_on)) = (oneshot::channel(), oneshot::channel());
    let holds = bench.request(async |cx| {
        let held = cx.transaction(async |tx| {
            label(&cx, "held").insert(tx).await?;
            is_open.send(()).unwrap();
            went_on.await.unwrap();
            Ok::<_, DataError>(())
        });
        held.await.unwrap();
    });
    let waits = async {
        opened.await.unwrap();
        let mut waiting = Box::pin(count(&bench));
        assert!(waiting.as_mut().now_or_never().is_none(), "the only connection is held");
        bench.database.close().await;
        let both = (waiting.await, count(&bench).await);
        go_on.send(()).unwrap();
        both
    };
    let ((), (waited, later)) = join(holds, waits).await;
    bench.waited();
    let [waited, later] = [waited, later].map(Result::unwrap_err);
    assert!(matches!(waited, DataError::Unavailable(_)), "{waited}");
    assert_eq!(waited.to_string(), later.to_string());
}
