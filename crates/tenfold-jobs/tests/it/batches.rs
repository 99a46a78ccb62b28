//! A job that runs when all jobs of its batch have ended.

use std::time::Duration;

use tenfold_data::{DataError, SystemContext};
use tenfold_jobs::{Enqueue as _, JobId, JobOptions, JobState, Worker};

use crate::fixture::{Work, World};
use crate::on_both;

fn work(name: &str, failures: i64) -> Work {
    Work { name: name.to_owned(), failures }
}

/// A batch of jobs that fail so often, with the job that runs at its end.
async fn batch(world: &World, parts: &[i64]) -> (JobId, Vec<JobId>) {
    let enqueue = async |cx: SystemContext| {
        cx.transaction(async |tx| -> Result<_, DataError> {
            let tx = tx.repeating("a test's own work");
            let then = tx.enqueue_batch(work("summary", 0)).await?;
            let mut ids = Vec::new();
            for failures in parts {
                let options = JobOptions::new().part_of(then);
                ids.push(tx.enqueue_with(work("part", *failures), options).await?);
            }
            Ok((then, ids))
        })
        .await
    };
    world.database.run(None, enqueue).await.expect("it is stored")
}

on_both!(async fn the_last_job_of_a_batch_runs_when_all_parts_have_ended(world) {
    let jobs = world.jobs(|_, _| {});
    let (then, parts) = batch(world, &[0, 1, 0]).await;
    assert_eq!(world.queued(then).await.map(|job| job.state), Some(JobState::Waiting));
    assert_eq!(jobs.run_due().await.expect("the parts run"), 3);
    assert_eq!(world.queued(then).await.map(|job| job.state), Some(JobState::Waiting), "one is to be retried");
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(jobs.run_due().await.expect("the last part, and the summary"), 2);
    assert_eq!(world.diary.read().last().map(String::as_str), Some("summary attempt 1"));
    let part = world.finished(parts[1]).await.expect("it is done");
    assert_eq!((part.batch_id, part.attempt), (Some(then), 2));
});

on_both!(async fn a_part_that_was_given_up_has_ended_too(world) {
    let jobs = world.jobs(|_, _| {});
    let (then, parts) = batch(world, &[0, 0]).await;
    jobs.cancel(parts[0]).await.expect("it waits");
    assert_eq!(jobs.run_due().await.expect("the other part, and the summary"), 2);
    assert!(world.finished(then).await.is_some());
});

on_both!(async fn a_batch_without_parts_is_done(world) {
    let jobs = world.jobs(|_, _| {});
    batch(world, &[]).await;
    assert_eq!(jobs.run_due().await.expect("the summary"), 1);
});

on_both!(async fn two_workers_run_the_last_job_of_a_batch_once(world) {
    let (then, _) = batch(world, &[0; 40]).await;
    let workers = [Worker::start(world.jobs(|_, _| {})), Worker::start(world.jobs(|_, _| {}))];
    let done = async {
        while world.finished(then).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("it is done");
    for worker in workers {
        worker.stop(Duration::from_secs(60)).await;
    }
    let ran = world.diary.read();
    assert_eq!((ran.len(), ran.last().map(String::as_str)), (41, Some("summary attempt 1")));
});

on_both!(async fn what_waits_for_a_batch_is_not_due_for_an_older_worker(world) {
    let jobs = world.jobs(|_, _| {});
    let (then, _) = batch(world, &[0]).await;
    // A version without batches claims whatever is due.
    let year = Duration::from_secs(365 * 24 * 3600);
    assert!(world.queued(then).await.is_some_and(|job| job.run_at > world.clock.now() + year));
    assert_eq!(jobs.run_due().await.expect("they run"), 2);
});
