//! What happens to jobs that fail, and to those that do not.

use std::time::Duration;

use tenfold_jobs::JobState;

use crate::fixture::Work;
use crate::on_both;

on_both!(async fn a_job_runs_once_and_moves_to_the_history(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 0).await;
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
    assert_eq!(world.diary.read(), ["letter attempt 1"]);
    assert!(world.queued(id).await.is_none());
    let finished = world.finished(id).await.expect("it is in the history");
    assert_eq!((finished.state, finished.attempt, finished.percent), (JobState::Completed, 1, 100));
});

on_both!(async fn a_job_of_a_transaction_that_rolls_back_was_never_enqueued(world) {
    let jobs = world.jobs(|_, _| {});
    world.rolled_back(Work { name: "ghost".to_owned(), failures: 0 }).await;
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
});

on_both!(async fn a_failed_job_is_tried_again_after_pauses_that_grow(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 2).await;
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    let job = world.queued(id).await.expect("it waits");
    assert_eq!(job.state, JobState::Retryable);
    assert_eq!(jobs.run_due().await.expect("it is not due yet"), 0);
    world.clock.advance(Duration::from_millis(1300));
    assert_eq!(jobs.run_due().await.expect("it runs again"), 1);
    world.clock.advance(Duration::from_millis(1300));
    assert_eq!(jobs.run_due().await.expect("the second pause is longer"), 0);
    world.clock.advance(Duration::from_millis(1300));
    assert_eq!(jobs.run_due().await.expect("it runs a third time"), 1);
    let finished = world.finished(id).await.expect("it is done");
    assert_eq!((finished.state, finished.attempt), (JobState::Completed, 3));
    assert_eq!(finished.errors.as_array().map(Vec::len), Some(2));
    assert!(finished.errors[0]["error"].as_str().is_some_and(|error| error.contains("told to fail")));
});

on_both!(async fn a_job_is_discarded_after_its_last_attempt_with_every_error_kept(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 99).await;
    for _ in 0..6 {
        jobs.run_due().await.expect("it runs");
        world.clock.advance(Duration::from_secs(3600));
    }
    let finished = world.finished(id).await.expect("it was given up");
    assert_eq!((finished.state, finished.attempt), (JobState::Discarded, 4));
    assert_eq!(finished.errors.as_array().map(Vec::len), Some(4));
});

on_both!(async fn a_kind_that_nobody_registers_waits_as_a_failure_that_names_it(world) {
    let id = world.work("letter", 0).await;
    let stranger = tenfold_jobs::Jobs::new(
        world.database.clone(),
        tenfold_jobs::Registry::default(),
        tenfold_jobs::Listeners::default(),
        tenfold_jobs::Services::default(),
        tenfold_jobs::JobSettings { concurrency: 1, poll: Duration::from_secs(1), lease: Duration::from_secs(5), poison_after: 5, ..tenfold_jobs::JobSettings::default() },
        std::sync::Arc::new(world.watched.clone()),
    );
    stranger.run_due().await.expect("it is claimed");
    let job = world.queued(id).await.expect("it waits");
    assert_eq!(job.state, JobState::Retryable);
    assert!(job.errors.to_string().contains("test.work"));
});

on_both!(async fn a_waiting_job_is_cancelled_at_once(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 0).await;
    jobs.cancel(id).await.expect("it is cancelled");
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Cancelled));
});
