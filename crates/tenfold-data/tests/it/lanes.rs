//! PostgreSQL's lanes: which plan a load by key has there.

use std::time::{Duration, Instant};

use futures_util::future::join;
use tenfold_data::Entity as _;

use crate::bench::Bench;
use crate::people::{self, User};

/// How often PostgreSQL has read the table of users as a whole, and by an index, as far as its statistics know by now.
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
    // Now it knows that one page holds them all.
    onlooker.batch_execute("ANALYZE people_users").await.unwrap();
    let (begun, before) = (Instant::now(), scans(&onlooker).await);
    // A server process tells its statistics once a second, when it has run something.
    while scans(&onlooker).await.1 < before.1 + 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "PostgreSQL counts no scan of an index");
        bench.request(async |cx| User::get(&cx, users[0].id).await.unwrap().id).await;
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
