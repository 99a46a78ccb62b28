//! The history is kept for a time, and up to a number.

use std::time::Duration;

use tenfold_data::{SystemContext, sql};
use tenfold_jobs::{JobOptions, JobSettings, Jobs};

use crate::fixture::World;
use crate::on_both;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn keeping(world: &World, keep_for: Duration, keep_at_most: u64) -> Jobs {
    world.jobs_with(JobSettings { keep_for, keep_at_most, ..JobSettings::default() }, |_, _| {})
}

async fn count(world: &World) -> (i64, i64) {
    let count = async |cx: SystemContext| {
        let counted: Vec<(i64, i64)> = sql!(
            "tenfold_job_history.count",
            "SELECT (SELECT count(*) FROM tenfold_job_history WHERE kind = 'test.work'),
                    (SELECT count(*) FROM tenfold_job_keys)"
        )
        .all(&cx)
        .await?;
        Ok::<_, tenfold_data::DataError>(counted[0])
    };
    world.database.run(None, count).await.expect("they can be counted")
}

on_both!(async fn finished_jobs_are_deleted_when_they_are_old(world) {
    let jobs = keeping(world, 3 * DAY, 1000);
    for day in 0..5 {
        let window = JobOptions::new().unique_for(format!("day {day}"), DAY);
        world.work_with("daily", window).await;
        jobs.run_due().await.expect("it runs");
        world.clock.advance(DAY);
    }
    jobs.run_due().await.expect("the history is pruned");
    assert_eq!(count(world).await, (2, 0));
});

on_both!(async fn finished_jobs_are_deleted_when_they_are_many(world) {
    let jobs = keeping(world, 30 * DAY, 4);
    for _ in 0..10 {
        world.work("many", 0).await;
        jobs.run_due().await.expect("it runs");
        world.clock.advance(Duration::from_secs(1));
    }
    world.clock.advance(DAY);
    jobs.run_due().await.expect("the history is pruned");
    assert_eq!(count(world).await.0, 4);
});
