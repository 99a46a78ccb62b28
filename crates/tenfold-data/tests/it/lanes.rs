//! PostgreSQL's lanes: the plan of a load by key.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tenfold_data::{DataError, DatabaseSettings, EntityExt as _};

use crate::bench::Bench;
use crate::people::{self, Account, Profile, User};

/// How often PostgreSQL has scanned the table of users, and used an index of it, as far as its statistics know by now.
async fn scans(onlooker: &tokio_postgres::Client) -> (i64, i64) {
    let scans = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'people_users'";
    let row = onlooker.query_one(scans, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_load_by_one_key_takes_the_index_also_of_a_table_that_postgres_would_rather_read_as_a_whole() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    let users = bench.request(async |cx| people::hire(&cx, 3).await).await;
    // Now the statistics say that all rows fit on one page.
    onlooker.batch_execute("ANALYZE people_users").await.unwrap();
    let (begun, before) = (Instant::now(), scans(&onlooker).await);
    // A server process reports its statistics once a second, when it has run something.
    while scans(&onlooker).await.1 < before.1 + 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "PostgreSQL counts no scan of an index");
        // Together, so that they share a lane.
        join_all(
            users.iter().map(|user| bench.request(async |cx| User::get(&cx, user.id).await.unwrap().id)),
        )
        .await;
    }
    assert_eq!(scans(&onlooker).await.0, before.0, "the table was read as a whole");
}

#[tokio::test]
async fn a_load_by_many_keys_and_one_by_a_single_key_beside_it_give_their_rows() {
    let bench = Bench::postgres().await;
    let users = bench.request(async |cx| people::hire(&cx, 600).await).await;
    let keys: Vec<_> = users.iter().map(|user| user.id).collect();
    for _ in 0..3 {
        let many = bench.request(async |cx| User::find_many(&cx, keys.clone()).await.unwrap());
        let one = bench.request(async |cx| User::get(&cx, keys[599]).await.unwrap().name.clone());
        let (many, one) = join(many, one).await;
        let names = many.iter().map(|user| user.as_ref().map(|user| user.name.as_str()));
        assert!(names.eq(users.iter().map(|user| Some(user.name.as_str()))));
        assert_eq!(one, users[599].name);
    }
}

/// List lengths on either side of the length from which PostgreSQL plans for each list.
const ON_EITHER_SIDE: [usize; 4] = [2, 63, 64, 65];

on_both_databases!(short_and_long_lists_of_keys_give_the_same_rows_in_the_same_order);

async fn short_and_long_lists_of_keys_give_the_same_rows_in_the_same_order(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 140).await).await;
    for length in ON_EITHER_SIDE {
        let seen = bench.request(async |cx| {
            let users = User::query().order_by(User::name).limit(length).all(&cx).await.unwrap();
            let mut seen = Vec::new();
            for user in &users {
                let permissions = user.permissions.get(&cx).await.unwrap();
                assert!(permissions.iter().all(|permission| permission.user_id == user.id));
                assert!(permissions.is_sorted_by_key(|permission| permission.id));
                let city = user.profile.get(&cx).await.unwrap().city.clone();
                seen.push((user.name.clone(), city, permissions.len()));
            }
            seen
        });
        let hired = (0..length).map(|n| format!("user {n:04}"));
        let hired = hired.map(|name| (name.clone(), format!("city of {name}"), 2));
        assert_eq!(seen.await, hired.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_short_list_of_keys_in_a_large_organization_reads_its_rows_and_no_others() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    let users = bench.request(async |cx| people::hire(&cx, 1_000).await).await;
    let keys: Vec<_> = users.iter().take(20).map(|user| user.id).collect();
    // As if each organization had a handful of rows. Reading all of them would then look cheap, in a plan that is
    // reused.
    onlooker.batch_execute("ANALYZE people_users").await.unwrap();
    let small = "UPDATE pg_statistic SET stadistinct = -0.2 WHERE starelid = 'people_users'::regclass AND staattnum = \
                 (SELECT attnum FROM pg_attribute WHERE attrelid = starelid AND attname = 'org_id')";
    onlooker.batch_execute(small).await.unwrap();
    let read = async || -> i64 {
        let read = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables \
                    WHERE relname = 'people_users'";
        onlooker.query_one(read, &[]).await.unwrap().get(0)
    };
    let (begun, before, mut loads) = (Instant::now(), read().await, 0);
    while loads < 100 || read().await < before + 60 {
        assert!(begun.elapsed() < Duration::from_secs(30), "PostgreSQL counts no row that was read");
        bench.request(async |cx| User::find_many(&cx, keys.clone()).await.unwrap().len()).await;
        loads += 1;
    }
    // Reads from the setup may be counted late.
    let (rows, most) = (read().await - before, loads * 20 + 10_000);
    assert!(rows <= most, "{rows} rows were read by {loads} loads of 20");
}

/// One lane of each kind, and statements that may take so long.
fn one_lane(statement_timeout: Duration) -> DatabaseSettings {
    let mut settings = DatabaseSettings::default();
    (settings.postgres.lanes, settings.postgres.statement_timeout) = (1, statement_timeout);
    settings
}

/// A session that nobody else can read the table of profiles beside, until it commits.
async fn profiles_are_locked(bench: &Bench) -> tokio_postgres::Client {
    let session = bench.onlooker().await;
    session.batch_execute("BEGIN; LOCK TABLE people_profiles IN ACCESS EXCLUSIVE MODE").await.unwrap();
    session
}

/// Returns once so many sessions of the database wait for a lock for longer than a load on a lane does.
async fn wait_for_locks(onlooker: &tokio_postgres::Client, sessions: i64) {
    let waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND clock_timestamp() - waitstart > '0.5 s'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while onlooker.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < sessions {}
}

#[tokio::test]
async fn a_locked_table_holds_up_no_load_of_another_table() {
    let bench = Bench::postgres().await;
    let users = bench.request(async |cx| people::hire(&cx, 200).await).await;
    let keys = bench.request(async |cx| Profile::query().all(&cx).await.unwrap()).await;
    let keys: Vec<_> = keys.iter().map(|profile| profile.id).collect();
    let one_lane = bench.reopened(&one_lane(Duration::from_secs(20)));
    let city = async |user: &User| {
        let id = user.id;
        one_lane
            .request(async |cx| {
                User::get(&cx, id).await.unwrap().profile.get(&cx).await.unwrap().city.clone()
            })
            .await
    };
    // The second time the texts are prepared.
    for _ in 0..2 {
        let session = profiles_are_locked(&bench).await;
        let held_up = join_all(users.iter().take(20).map(&city));
        let many = one_lane.request(async |cx| Profile::find_many(&cx, keys.clone()).await.unwrap().len());
        let others = async {
            wait_for_locks(&session, 2).await;
            for user in &users {
                let email = one_lane
                    .request(async |cx| Account::get(&cx, user.account_id).await.unwrap().email.clone());
                assert!(!email.await.is_empty());
            }
            let ids: Vec<_> = users.iter().map(|user| user.id).collect();
            let many = one_lane.request(async |cx| User::find_many(&cx, ids).await.unwrap().len()).await;
            assert_eq!(many, 200);
            session.batch_execute("COMMIT").await.unwrap();
        };
        let (cities, (many, ())) = join(held_up, join(many, others)).await;
        assert!(cities.iter().zip(&users).all(|(city, user)| *city == format!("city of {}", user.name)));
        assert_eq!(many, 200);
    }
}

#[tokio::test]
async fn each_load_of_a_locked_table_ends_at_its_own_time() {
    let bench = Bench::postgres().await;
    let users = bench.request(async |cx| people::hire(&cx, 20).await).await;
    let bounded = bench.reopened(&one_lane(Duration::from_secs(2)));
    let _session = profiles_are_locked(&bench).await;
    let begun = Instant::now();
    let late = join_all(users.iter().map(async |user| {
        let id = user.id;
        let profile =
            async |cx| User::get(&cx, id).await.unwrap().profile.get(&cx).await.map(|profile| profile.id);
        bounded.request(profile).await.unwrap_err()
    }));
    assert!(late.await.iter().all(|late| matches!(late, DataError::Deadline { .. })));
    assert!(begun.elapsed() < Duration::from_secs(30), "they waited one after the other");
}
