//! Whether requests can be served.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::{Either, join_all, select};
use tenfold::both_databases;
use tenfold::data::Dialect;
use tenfold::testing::{self, TestApp};

use super::going_away::until;
use crate::{probe, problem};

const HELD: [(&str, &str); 3] =
    [("database.transaction_limit", "1m"), ("database.pool_size", "1"), ("http.deadline", "1m")];

async fn is_ready(app: &TestApp) -> bool {
    app.get("/readyz").send().await.status() == 200
}

both_databases!(probe::app(), HELD;
async fn a_database_that_takes_no_write_is_not_ready_and_nothing_piles_up(app) {
    until("it is ready", async || is_ready(app).await).await;
    let holding = Box::pin(app.post("/probe/hang-in-transaction").send());
    let watching = async {
        until("a refusal", async || !is_ready(app).await).await;
        let answer = app.get("/readyz").send().await;
        let refused = problem(&answer, 503);
        assert_eq!(refused["type"], "urn:tenfold:problem:not-ready");
        assert_eq!(refused["detail"], "the database accepted no write within 2s");
        assert_eq!(answer.header("retry-after"), "1");
        // One of them tries for two seconds at most; the others are told what was found before.
        let began = Instant::now();
        let answers = join_all((0..50).map(|_| app.get("/readyz").send())).await;
        assert!(answers.iter().all(|answer| answer.status() == 503));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(app.get("/healthz").send().await.status(), 200);
    };
    let Either::Right(((), holding)) = select(holding, Box::pin(watching)).await else {
        panic!("it held the connection until its deadline")
    };
    // As if its client went away.
    drop(holding);
    assert_eq!(app.take_waited().len(), 1);
    until("it is ready again", async || is_ready(app).await).await;
});

both_databases!(app::app(); async fn asking_often_writes_no_more_than_once_a_second(app) {
    app.get("/readyz").send().await;
    app.forget();
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(app.get("/readyz").send().await.status(), 200);
    }
    // Each try of the database takes some time, a held answer none.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(app.statements().len(), 0);
});

#[test]
fn a_file_that_was_removed_or_replaced_is_noticed() {
    testing::run(app::app(), Dialect::Sqlite, &[], async |app| {
        until("it is ready", async || is_ready(app).await).await;
        let path = PathBuf::from(app.database_url().strip_prefix("sqlite:").expect("it is a file"));
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("the file can be moved");
        for replaced in [false, true] {
            if replaced {
                std::fs::copy(&aside, &path).expect("the file can be copied");
            }
            until("it is noticed", async || !is_ready(app).await).await;
            let refused = problem(&app.get("/readyz").send().await, 503);
            let detail = crate::text(&refused["detail"]);
            assert!(detail.contains("removed or replaced"), "{detail}");
            assert!(!detail.contains(&*path.to_string_lossy()), "{detail}");
        }
        std::fs::rename(&aside, &path).expect("the file can be moved back");
        until("it is ready again", async || is_ready(app).await).await;
    });
}
