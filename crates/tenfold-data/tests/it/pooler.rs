//! Behind pgbouncer in transaction mode, in Debian's version, which does not support prepared statements. The rest of
//! the suite runs through it too when TENFOLD_TEST_THROUGH_PGBOUNCER is set, as in `./test unit`.

use std::time::{Duration, Instant};

use futures_util::future::{Either, join_all, select};
use tenfold_data::{DataError, Database, DatabaseSettings, EntityExt, OrgId, Page, SystemContext, sql};
use tokio_postgres::Client;

use crate::bench::Bench;
use crate::people::{self, User};
use crate::work::{self, Label, LabelId, label};

/// Waits until this many statements of this database sleep on the server.
async fn await_sleepers(onlooker: &Client, expected: i64) {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                 AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'";
    let started = Instant::now();
    while onlooker.query_one(count, &[]).await.unwrap().get::<_, i64>(0) != expected {
        assert!(started.elapsed() < Duration::from_secs(25), "there are never {expected} sleepers");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn loads_lists_pages_and_transactions_work_for_many_clients_on_few_connections() {
    let bench = Bench::pooled().await;
    let users = bench.request(async |cx| people::hire(&cx, 6).await).await;
    bench.statements();
    let requests = (0..60).map(|n: usize| {
        let (bench, users) = (&bench, &users);
        bench.request(async move |cx| {
            let listed = User::query().order_by(User::name).all(&cx).await.unwrap();
            assert_eq!(listed.len(), 6);
            for user in &listed {
                assert_eq!(user.permissions.get(&cx).await.unwrap().len(), 2);
                assert!(user.profile.get(&cx).await.is_ok());
            }
            let page = Page { limit: 4, cursor: None };
            assert_eq!(User::query().page(&page).all(&cx).await.unwrap().len(), 4);
            assert!(User::get(&cx, users[n % 6].id).await.is_ok());
            let label = Label { id: LabelId(cx.new_id()), org_id: cx.tenant(), name: format!("{n:02}") };
            cx.transaction(async |tx| label.insert(tx).await).await.unwrap();
        })
    });
    join_all(requests).await;
    assert_eq!(bench.statements().len(), 60 * 6, "a list, three relations and keys, a page, a write");
    let names = bench.request(async |cx| Label::query().order_by(Label::name).all(&cx).await).await.unwrap();
    assert!(names.iter().map(|label| label.name.clone()).eq((0..60).map(|n| format!("{n:02}"))));
}

#[tokio::test]
async fn nothing_that_one_client_leaves_on_a_connection_is_met_by_another() {
    let bench = Bench::pooled().await;
    let orgs: Vec<OrgId> = (0..5).map(|_| OrgId(bench.database.clock().new_id())).collect();
    bench
        .system(async |system| {
            let system = system.repeating("each organization has rows of its own");
            for org in &orgs {
                work::plan(&system.within(*org), 1).await;
            }
        })
        .await;
    let asked = (0..100).map(|n: usize| {
        let (bench, org) = (&bench, orgs[n % 5]);
        bench.system(async move |system| {
            let forgetful =
                || sql!("tasks.forgetful", "SELECT org_id FROM work_tasks WHERE org_id = $1 OR title <> ''");
            let seen = forgetful().all::<(OrgId,), _>(&system.within(org)).await.unwrap();
            assert_eq!(seen, [(org,), (org,)]);
            let all = sql!("tasks.count", "SELECT count(*) FROM work_tasks");
            assert_eq!(all.all::<(i64,), _>(&system).await.unwrap(), [(10,)]);
        })
    });
    join_all(asked).await;
}

#[tokio::test]
async fn an_error_inside_leaves_the_connection_fit_for_the_next() {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let bench = Bench::pooled().await.reopened(&settings);
    bench
        .request(async |cx| {
            for _ in 0..3 {
                let wrong = sql!("nothing.here", "SELECT a FROM no_such_table WHERE org_id = $1");
                assert!(wrong.all::<(i64,), _>(&cx).await.is_err());
                let id = LabelId(cx.new_id());
                let label = || Label { id, org_id: cx.tenant(), name: "twice".to_owned() };
                let twice = cx.transaction(async |tx| {
                    label().insert(tx).await?;
                    label().insert(tx).await
                });
                let twice = twice.await.unwrap_err();
                // The catalog is asked for the columns, on the only connection.
                assert_eq!(twice.constraint().unwrap().columns, ["org_id", "id"], "{twice}");
                assert!(twice.is_conflict());
                assert_eq!(Label::query().all(&cx).await.unwrap().len(), 0);
            }
        })
        .await;
}

#[tokio::test]
async fn a_load_beside_a_transaction_may_take_the_last_connection() {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 2;
    let bench = Bench::pooled().await.reopened(&settings);
    let id = bench
        .request(async |cx| {
            cx.transaction(async |tx| label(&cx, "before").insert(tx).await).await.unwrap().id
        })
        .await;
    let found = bench.request(async |cx| {
        let beside = cx.transaction(async |tx| {
            label(&cx, "held").insert(tx).await?;
            // One organization may hold one of two, and the transaction does.
            Label::get(&cx, id).await
        });
        beside.await.unwrap().name.clone()
    });
    assert_eq!(found.await, "before");
}

#[tokio::test]
async fn bounds_hold_and_a_statement_that_nobody_waits_for_ends_on_the_server() {
    let mut settings = DatabaseSettings::default();
    settings.postgres.statement_timeout = Duration::from_millis(500);
    let bench = Bench::pooled().await;
    let hasty = bench.reopened(&settings);
    let onlooker = bench.onlooker().await;
    let sleep = || sql!("sleep", "SELECT 1::bigint FROM pg_sleep(30)");
    let late = hasty.system(async |cx| sleep().all::<(i64,), _>(&cx).await).await.unwrap_err();
    assert!(matches!(late, DataError::Deadline { .. }), "{late}");
    let deadline = tokio::time::Instant::now() + Duration::from_millis(100);
    let late = bench.database.run(Some(deadline), async |cx| sleep().all::<(i64,), _>(&cx).await).await;
    assert!(matches!(late, Err(DataError::Deadline { .. })), "{late:?}");
    await_sleepers(&onlooker, 0).await;
    // No cancel request goes through the pooler: an abandoned statement ends at the request's deadline.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(3);
    let work = async |cx: SystemContext| cx.transaction(async |tx| sleep().all::<(i64,), _>(tx).await).await;
    let dropped = bench.database.run(Some(deadline), work);
    match select(Box::pin(dropped), Box::pin(await_sleepers(&onlooker, 1))).await {
        Either::Left((ended, _)) => panic!("{ended:?}"),
        Either::Right(((), request)) => drop(request),
    }
    await_sleepers(&onlooker, 0).await;
    bench.request(async |cx| Label::query().all(&cx).await.map(|_| ())).await.unwrap();
}

#[tokio::test]
async fn without_the_setting_the_pooler_refuses_and_says_what_it_does_not_know() {
    let bench = Bench::pooled().await;
    let settings = DatabaseSettings::default();
    let direct = Database::open(bench.place().url(), &settings, bench.database.clock().clone(), Vec::new());
    let refused = format!("{:?}", direct.unwrap().ping().await.unwrap_err());
    assert!(refused.contains("unsupported startup parameter: options"), "{refused}");
}
