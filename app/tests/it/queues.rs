//! A queue that backs up is noticed, and what keeps its workers busy is named.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tenfold::data::DataError;
use tenfold::jobs::{Enqueue as _, Job, JobContext, JobOptions};
use tenfold::testing::TestApp;
use tenfold::{App, Module, both_databases};

use crate::why::{operator, why};

const PASSWORD: &str = "a long enough password";

fn app() -> App {
    app::app().module(Module::new("post").job::<Letter>().job::<Parcel>())
}

/// Quick work.
#[derive(Serialize, Deserialize)]
struct Letter {}

impl Job for Letter {
    const KIND: &'static str = "post.letter";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Work that takes longer than that of any other job here.
#[derive(Serialize, Deserialize)]
struct Parcel {}

impl Job for Parcel {
    const KIND: &'static str = "post.parcel";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Enqueues a letter that has been due for so long, and so many parcels.
async fn post(app: &TestApp, due_for: Duration, parcels: usize) {
    app.run(async |cx| {
        let due = JobOptions::new().run_at(cx.now() - due_for);
        cx.transaction(async |tx| {
            tx.enqueue_with(Letter {}, due).await?;
            for _ in 0..parcels {
                tx.enqueue(Parcel {}).await?;
            }
            Ok::<_, DataError>(())
        })
        .await
    })
    .await
    .expect("they are enqueued");
}

/// Seconds of the test's clock in which a letter runs that has been due for so long, beside so many parcels.
async fn seconds(app: &TestApp, count: usize, due_for: Duration, parcels: usize) {
    for _ in 0..count {
        post(app, due_for, parcels).await;
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(1));
    }
}

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_queue_that_backs_up_is_named_with_what_keeps_it_busy(app) {
    seconds(app, 30, Duration::ZERO, 1).await;
    let onset = app.clock().now();
    // The parcels take more than half of a worker's time.
    seconds(app, 10, Duration::from_secs(10), 6).await;
    let cookie = operator(app).await;
    let answer = why(app, &cookie, "").await;
    let found = &answer["endpoints"][0];
    assert_eq!((&found["route"], &found["queue"]), (&json!("post.letter"), &json!("default")), "{answer:#}");
    assert_eq!((&found["before_ms"], &found["now_ms"]), (&json!(0.0), &json!(10_000.0)), "{answer:#}");
    assert_eq!(answer["since"], onset.to_string());
    let wait = &answer["waits"][0];
    assert_eq!((&wait["what"], &wait["now_ms"]), (&json!("waiting in the queue default"), &json!(10_000.0)), "{answer:#}");
    assert!(crate::text(&wait["holder"]).starts_with("jobs of the kind post.parcel ("), "{answer:#}");
    let verdict = crate::text(&answer["verdict"]);
    assert!(verdict.starts_with("post.letter waits 10.0 s instead of 0.0 ms in the queue default"), "{verdict}");
    assert!(verdict.contains("its workers are busy with jobs of the kind post.parcel"), "{verdict}");
    let page = app.get("/console").header("cookie", &cookie).send().await.text();
    assert!(page.contains(&verdict) && page.contains("in the queue <code>default</code>"), "{page}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn jobs_that_wait_while_none_begins_are_noticed(app) {
    seconds(app, 30, Duration::ZERO, 1).await;
    post(app, Duration::ZERO, 1).await;
    // What a worker does every ten seconds.
    for _ in 0..15 {
        app.clock().advance(Duration::from_secs(10));
        app.jobs().report_waits().await.expect("the queues can be read");
    }
    let answer = why(app, &operator(app).await, "").await;
    let found = answer["endpoints"].as_array().into_iter().flatten();
    let waits: Vec<_> = found.filter(|found| found["queue"] == "default").map(|found| crate::text(&found["route"])).collect();
    assert!(waits.contains(&"post.letter".to_owned()) && waits.contains(&"post.parcel".to_owned()), "{answer:#}");
    app.run_due_jobs().await;
});
