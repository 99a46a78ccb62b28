//! PostgreSQL ends connections, is slow, or has none left: the next request works without a restart.

use std::time::{Duration, Instant};

use futures_util::future::{Either, join, join_all, select};
use tenfold_data::Global;
use tenfold_data::{
    Clock, Context, DataError, Database, DatabaseSettings, EntityExt, Reach, SystemContext, sql,
};
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::bench::Bench;
use crate::people::{self, User};
use crate::work::{Label, LabelId};

/// A bench whose pool and waits are as small as `bound` makes them.
async fn bounded(bound: impl FnOnce(&mut DatabaseSettings)) -> Bench {
    let mut settings = DatabaseSettings::default();
    bound(&mut settings);
    Bench::postgres().await.reopened(&settings)
}

/// Ends every connection to this database except the onlooker's.
async fn kill_all(onlooker: &Client) -> u64 {
    let kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    onlooker.query(kill, &[]).await.unwrap().len() as u64
}

/// Waits until as many connections as expected are in the middle of a `pg_sleep`.
async fn await_sleepers(onlooker: &Client, expected: i64) {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'";
    let started = Instant::now();
    while onlooker.query_one(count, &[]).await.unwrap().get::<_, i64>(0) != expected {
        assert!(started.elapsed() < Duration::from_secs(25), "there are never {expected} sleepers");
        tokio::task::yield_now().await;
    }
}

/// Half a minute on the server.
async fn sleep(cx: &impl Reach<Global>) -> Result<(), DataError> {
    let sleep = sql!("sleep", "SELECT 1::bigint FROM pg_sleep(30)");
    sleep.all::<(i64,), _>(cx).await.map(|_| ())
}

/// Uses a lane, the pool and a transaction.
async fn use_everything(cx: &Context, users: &[User]) -> Result<usize, DataError> {
    let found = join_all(users.iter().map(|user| User::get(cx, user.id))).await;
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    let listed = User::query().all(cx).await?;
    cx.transaction(async |tx| User::update(users[0].id).set(User::name, "new".to_owned()).run(tx).await)
        .await?;
    Ok(found.len() + listed.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_all_connections_were_killed_the_next_request_works() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    let users = bench.request(async |cx| people::hire(&cx, 5).await).await;
    for round in 0..10 {
        let used = bench.request(async |cx| use_everything(&cx, &users).await).await;
        assert_eq!(used.unwrap_or_else(|error| panic!("round {round}: {error}")), 10);
        assert!(kill_all(&onlooker).await >= 2, "a lane and a pooled connection are there to be killed");
    }
}

#[tokio::test]
async fn a_transaction_whose_connection_is_killed_fails_and_the_next_works() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    let users = bench.request(async |cx| people::hire(&cx, 1).await).await;
    bench
        .request(async |cx| {
            let rename = |name: &str| User::update(users[0].id).set(User::name, name.to_owned());
            let lost = cx.transaction(async |tx| {
                rename("lost").run(tx).await?;
                kill_all(&onlooker).await;
                rename("lost again").run(tx).await
            });
            let lost = lost.await.unwrap_err();
            assert!(matches!(lost, DataError::Unavailable(_)), "{lost}");
            assert!(lost.retry_after().is_some());
            let unknown = cx.transaction(async |tx| {
                rename("unknown").run(tx).await?;
                kill_all(&onlooker).await;
                Ok::<_, DataError>(())
            });
            let unknown = unknown.await.unwrap_err();
            assert!(matches!(unknown, DataError::OutcomeUnknown(_)), "{unknown}");
            cx.transaction(async |tx| rename("kept").run(tx).await).await.unwrap();
            assert_eq!(User::get(&cx, users[0].id).await.unwrap().name, "kept");
        })
        .await;
    assert_eq!(bench.waited().len(), 2, "for the onlooker");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let bench = bounded(|settings| settings.postgres.statement_timeout = Duration::from_millis(500)).await;
    let onlooker = bench.onlooker().await;
    bench
        .system(async |cx| {
            let late = sleep(&cx).await.unwrap_err();
            assert!(matches!(&late, DataError::Deadline { statement } if statement == "sleep"), "{late}");
            let late = cx.transaction(async |tx| sleep(tx).await).await.unwrap_err();
            assert!(matches!(late, DataError::Deadline { .. }), "{late}");
        })
        .await;
    await_sleepers(&onlooker, 0).await;
}

#[tokio::test]
async fn a_request_past_its_deadline_leaves_no_query_behind() {
    let bench = bounded(|settings| settings.postgres.pool_size = 1).await;
    let onlooker = bench.onlooker().await;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(100);
    let late = bench.database.run(Some(deadline), async |cx| sleep(&cx).await).await.unwrap_err();
    assert!(matches!(late, DataError::Deadline { .. }), "{late}");
    await_sleepers(&onlooker, 0).await;
    bench.request(async |cx| Label::query().all(&cx).await.map(|_| ())).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_dropped_midway_leaves_no_query_behind_and_a_usable_pool() {
    let bench = bounded(|settings| settings.postgres.pool_size = 1).await;
    let onlooker = bench.onlooker().await;
    for inside_transaction in [false, true] {
        let request = bench.system(async |cx| match inside_transaction {
            false => sleep(&cx).await,
            true => cx.transaction(async |tx| sleep(tx).await).await,
        });
        match select(Box::pin(request), Box::pin(await_sleepers(&onlooker, 1))).await {
            Either::Left((ended, _)) => panic!("{ended:?}"),
            Either::Right(((), request)) => drop(request),
        }
        let dropped = Instant::now();
        bench.request(async |cx| Label::query().all(&cx).await.map(|_| ())).await.unwrap();
        await_sleepers(&onlooker, 0).await;
        let took = dropped.elapsed();
        // The server would sleep longer.
        assert!(took < Duration::from_secs(20), "inside a transaction: {inside_transaction}, took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_dropped_outside_the_runtime_is_not_handed_to_the_next() {
    let bench = bounded(|settings| settings.postgres.pool_size = 1).await;
    let (database, org) = (bench.database.clone(), bench.org);
    let (written, writing) = oneshot::channel();
    let request = async move {
        let work = async |system: SystemContext| {
            let cx = system.within(org);
            let label = Label { id: LabelId(cx.new_id()), org_id: org, name: "never".to_owned() };
            cx.transaction(async |tx| {
                label.insert(tx).await?;
                let _ = written.send(());
                std::future::pending::<Result<(), DataError>>().await
            })
            .await
        };
        database.run(None, work).await
    };
    match select(Box::pin(request), writing).await {
        Either::Left(_) => panic!("it waits for ever"),
        Either::Right((_, request)) => std::thread::spawn(move || drop(request)).join().unwrap(),
    }
    bench
        .request(async |cx| {
            let label = Label { id: LabelId(cx.new_id()), org_id: org, name: "next".to_owned() };
            cx.transaction(async |tx| label.insert(tx).await).await.unwrap();
            let labels = Label::query().all(&cx).await.unwrap();
            assert!(labels.iter().map(|label| &*label.name).eq(["next"]));
        })
        .await;
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_overloaded_while_lanes_go_on() {
    let whole = Bench::postgres().await;
    let users = whole.request(async |cx| people::hire(&cx, 3).await).await;
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    settings.postgres.acquire_timeout = Duration::from_secs(1);
    let bench = whole.reopened(&settings);
    let list = async || bench.request(async |cx| User::query().all(&cx).await.map(|_| ())).await;
    // On a busy machine its connection may take longer than that to open.
    let begun = Instant::now();
    while list().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no connection can be opened");
    }
    let (holding, held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let holder = bench.request(async |cx| {
        cx.transaction(async |_| {
            let _ = holding.send(());
            let _ = released.await;
            Ok::<_, DataError>(())
        })
        .await
    });
    let others = async {
        held.await.unwrap();
        let started = Instant::now();
        let refused = list().await.unwrap_err();
        assert!(matches!(refused, DataError::Overloaded { .. }), "{refused}");
        assert!(
            refused.to_string().contains("database.pool_size") && refused.retry_after().is_some(),
            "{refused}"
        );
        assert!(started.elapsed() < Duration::from_secs(20));
        let found = bench.request(async |cx| User::get(&cx, users[1].id).await.map(|user| user.id)).await;
        assert_eq!(found.unwrap(), users[1].id);
        release.send(()).unwrap();
    };
    let (held, ()) = join(holder, others).await;
    held.unwrap();
    list().await.unwrap();
    assert_eq!(bench.waited().len(), 1, "the holder means to");
}

#[tokio::test]
async fn a_transaction_that_does_nothing_for_too_long_is_ended_by_the_server() {
    let whole = Bench::postgres().await;
    let users = whole.request(async |cx| people::hire(&cx, 1).await).await;
    let mut settings = DatabaseSettings::default();
    settings.postgres.idle_in_transaction_timeout = Duration::from_millis(500);
    let bench = whole.reopened(&settings);
    let onlooker = bench.onlooker().await;
    bench
        .request(async |cx| {
            let idle = cx.transaction(async |tx| {
                let rename = |name: &str| User::update(users[0].id).set(User::name, name.to_owned());
                rename("idle").run(tx).await?;
                let open = "SELECT count(*) FROM pg_stat_activity
                            WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
                while onlooker.query_one(open, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
                rename("later").run(tx).await
            });
            let ended = idle.await.unwrap_err();
            assert!(matches!(ended, DataError::Unavailable(_)), "{ended}");
            assert_eq!(User::query().all(&cx).await.unwrap()[0].name, "user 0000");
        })
        .await;
    assert_eq!(bench.waited().len(), 1, "for the onlooker");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_for_now() {
    // Nothing listens on the reserved port 1.
    let url = "postgres://nobody@127.0.0.1:1/nothing";
    let database = Database::open(url, &DatabaseSettings::default(), Clock::system(), Vec::new()).unwrap();
    let away = database.ping().await.unwrap_err();
    assert!(matches!(away, DataError::Unavailable(_)) && away.retry_after().is_some(), "{away}");
    let list = database.run(None, async |cx| people::Account::query().all(&cx).await.map(|_| ()));
    assert!(matches!(list.await, Err(DataError::Unavailable(_))));
    let key = database.run(None, async |cx| people::Account::find(&cx, people::AccountId(cx.new_id())).await);
    assert!(matches!(key.await, Err(DataError::Unavailable(_))));
}
