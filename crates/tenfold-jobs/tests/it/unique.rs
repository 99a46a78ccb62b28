//! Unique jobs: at most one of a key.

use std::time::Duration;

use tenfold_data::{Dialect, EntityExt as _, SystemContext, sql};
use tenfold_jobs::{Enqueue as _, JobOptions, QueuedJob, Worker};

use crate::fixture::Slow;
use crate::on_both;

fn digest() -> JobOptions {
    JobOptions::new().unique("digest")
}

on_both!(async fn a_unique_job_is_enqueued_once_until_it_ends(world) {
    let jobs = world.jobs(|_, _| {});
    let first = world.work_with("first", digest()).await;
    assert_eq!(world.work_with("second", digest()).await, first);
    assert_ne!(world.work_with("other", JobOptions::new().unique("other")).await, first);
    assert_ne!(world.work_of(7, "of an organization", digest()).await, first);
    assert_eq!(jobs.run_due().await.expect("they run"), 3);
    assert_ne!(world.work_with("next", digest()).await, first);
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
});

on_both!(async fn a_unique_job_that_was_cancelled_frees_its_key(world) {
    let jobs = world.jobs(|_, _| {});
    let first = world.work_with("first", digest()).await;
    jobs.cancel(first).await.expect("it waits");
    assert_ne!(world.work_with("second", digest()).await, first);
});

on_both!(async fn a_window_holds_after_the_job_has_ended(world) {
    let jobs = world.jobs(|_, _| {});
    let once_an_hour = || JobOptions::new().unique_for("report", Duration::from_secs(3600));
    let first = world.work_with("first", once_an_hour()).await;
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    assert_eq!(world.work_with("second", once_an_hour()).await, first);
    world.clock.advance(Duration::from_secs(3600));
    assert_ne!(world.work_with("third", once_an_hour()).await, first);
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
});

on_both!(async fn many_enqueues_of_one_key_at_once_store_one_job(world) {
    let jobs = world.jobs(|_, _| {});
    let enqueues = (0..20).map(|number| world.work_with("one", digest().tag(format!("{number}"))));
    let mut ids = futures_util::future::join_all(enqueues).await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
});

on_both!(async fn the_key_of_a_job_that_is_gone_is_free_the_next_day(world) {
    let jobs = world.jobs(|_, _| {});
    let first = world.work_with("first", digest()).await;
    let later = JobOptions::new().unique("kept").run_at(world.clock.now() + Duration::from_secs(3600));
    let kept = world.work_with("kept", later).await;
    // As a worker of an older version ends a job, which knows of no keys.
    let delete = async |cx: SystemContext| cx.transaction(async |tx| QueuedJob::delete(tx, first).await).await;
    world.database.run(None, delete).await.expect("it is deleted");
    assert_eq!(world.work_with("second", digest()).await, first);
    jobs.run_schedule("tenfold.prune").await.expect("it is enqueued");
    jobs.run_due().await.expect("it is pruned");
    assert_ne!(world.work_with("third", digest()).await, first);
    assert_eq!(world.work_with("fourth", JobOptions::new().unique("kept")).await, kept);
});

/// On PostgreSQL, which has several writers at once.
#[test]
fn the_end_of_a_unique_job_waits_for_no_enqueue_of_its_key() {
    crate::fixture::run(Dialect::Postgres, async |world| {
        let worker = Worker::start(world.jobs(|registry, _| registry.register::<Slow>()));
        let enqueue =
            async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue_with(Slow, digest()).await).await;
        let first = world.database.run(None, enqueue).await.expect("it is stored");
        while world.diary.read().is_empty() {
            tokio::task::yield_now().await;
        }
        let open = async |cx: SystemContext| {
            cx.transaction(async |tx| -> anyhow::Result<()> {
                assert_eq!(tx.enqueue_with(Slow, digest()).await?, first);
                world.bell.notify_waiters();
                while world.finished(first).await.is_none() {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
            .await
        };
        world.database.run(None, open).await.expect("the job ends before the transaction");
        // It waited for more than the database, which is the point.
        world.waits.take();
        worker.stop(Duration::ZERO).await;
    });
}

on_both!(async fn lost_keys_are_found_among_thousands(world) {
    let jobs = world.jobs(|_, _| {});
    let later = || JobOptions::new().unique("kept").run_at(world.clock.now() + Duration::from_secs(3600));
    let kept = world.work_with("kept", later()).await;
    let lose = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!(
                "test.lost_keys",
                "INSERT INTO tenfold_job_keys (key, job_id)
                 WITH RECURSIVE numbers (number) AS (
                     SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 2500)
                 SELECT 'lost ' || CAST(number AS text), $1 FROM numbers"
            )
            .bind(tx.new_id())
            .execute(tx)
            .await
        })
        .await
    };
    world.database.run(None, lose).await.expect("they are lost");
    jobs.run_schedule("tenfold.prune").await.expect("it is enqueued");
    jobs.run_due().await.expect("it is pruned");
    let count = async |cx: SystemContext| {
        sql!("test.count_keys", "SELECT count(*) FROM tenfold_job_keys").all::<(i64,), _>(&cx).await
    };
    assert_eq!(world.database.run(None, count).await.expect("they can be counted"), [(1,)]);
    assert_eq!(world.work_with("again", later()).await, kept);
});
