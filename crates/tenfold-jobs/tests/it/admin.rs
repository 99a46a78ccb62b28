//! What a person does with jobs, and what observers hear of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{SystemContext, sql};
use tenfold_jobs::admin::{self, NotNow};
use tenfold_jobs::{Enqueue as _, Job, JobContext, JobId, JobState};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Notes its first step, then fails until it was begun often enough.
#[derive(Serialize, Deserialize)]
struct Stumbling {
    attempts: i64,
}

impl Job for Stumbling {
    const KIND: &'static str = "test.stumbling";
    const MAX_ATTEMPTS: u32 = 2;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        job.step("first", async || {
            diary.note("first step");
            Ok(())
        })
        .await?;
        diary.note(&format!("attempt {}", job.attempt()));
        anyhow::ensure!(job.attempt() >= self.attempts, "not yet");
        Ok(())
    }
}

async fn run_until_given_up(world: &World, jobs: &tenfold_jobs::Jobs) {
    for _ in 0..3 {
        jobs.run_due().await.expect("it runs");
        world.clock.advance(Duration::from_secs(3600));
    }
}

async fn steps_kept(world: &World) -> i64 {
    let count = async |cx: SystemContext| {
        let counted: Vec<(i64,)> =
            sql!("tenfold_job_results.count", "SELECT count(*) FROM tenfold_job_results").all(&cx).await?;
        Ok::<_, tenfold_data::DataError>(counted[0].0)
    };
    world.database.run(None, count).await.expect("they can be counted")
}

on_both!(async fn a_discarded_job_that_is_tried_again_goes_on_behind_its_last_step(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Stumbling>());
    let id = world.enqueue(Stumbling { attempts: 3 }).await;
    run_until_given_up(world, &jobs).await;
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Discarded));
    jobs.retry(id).await.expect("it can be tried again");
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    let finished = world.finished(id).await.expect("it is done");
    assert_eq!((finished.state, finished.attempt), (JobState::Completed, 3));
    assert_eq!(finished.errors.as_array().map(Vec::len), Some(2));
    assert_eq!(world.diary.read(), ["first step", "attempt 1", "attempt 2", "attempt 3"]);
    assert_eq!(steps_kept(world).await, 0);
});

on_both!(async fn a_job_that_fails_again_after_a_retry_is_discarded_again(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Stumbling>());
    let id = world.enqueue(Stumbling { attempts: 99 }).await;
    run_until_given_up(world, &jobs).await;
    jobs.retry(id).await.expect("it can be tried again");
    run_until_given_up(world, &jobs).await;
    let finished = world.finished(id).await.expect("it was given up");
    assert_eq!((finished.state, finished.attempt, finished.max_attempts), (JobState::Discarded, 3, 3));
});

on_both!(async fn a_job_that_waits_for_its_next_attempt_can_be_tried_at_once(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 1).await;
    jobs.run_due().await.expect("it fails");
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
    jobs.retry(id).await.expect("it can be tried at once");
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Completed));
});

on_both!(async fn a_job_that_is_done_or_unknown_is_not_tried_again(world) {
    let jobs = world.jobs(|_, _| {});
    let id = world.work("letter", 0).await;
    jobs.run_due().await.expect("it runs");
    let refused = jobs.retry(id).await.expect_err("it is done");
    assert_eq!(refused.downcast_ref::<NotNow>().map(|not_now| not_now.state), Some(JobState::Completed));
    assert_eq!(jobs.run_due().await.expect("nothing is due"), 0);
    jobs.retry(JobId(world.clock.new_id())).await.expect_err("there is none");
});

on_both!(async fn jobs_are_counted_and_listed_by_state(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Stumbling>());
    let failing = world.work("fails", 9).await;
    let hopeless = world.enqueue(Stumbling { attempts: 99 }).await;
    jobs.run_due().await.expect("both run");
    world.clock.advance(Duration::from_secs(3600));
    jobs.run_due().await.expect("both run");
    let waiting = world.work("waits", 0).await;
    let later = async |cx: SystemContext| {
        let at = cx.now() + Duration::from_secs(60);
        let options = tenfold_jobs::JobOptions::new().run_at(at);
        let job = crate::fixture::Work { name: "later".to_owned(), failures: 0 };
        cx.transaction(async |tx| tx.enqueue_with(job, options).await).await
    };
    let later = world.database.run(None, later).await.expect("it is stored");
    let look = async |cx: SystemContext| {
        let mut counts = admin::count_queued(&cx).await?;
        counts.sort_by_key(|(state, _)| state.as_str());
        let expected = [(JobState::Available, 1), (JobState::Retryable, 1), (JobState::Scheduled, 1)];
        assert_eq!(counts, expected);
        for (state, id) in [
            (JobState::Available, Some(waiting)),
            (JobState::Retryable, Some(failing)),
            (JobState::Scheduled, Some(later)),
            (JobState::Running, None),
        ] {
            let found = admin::queued(&cx, state, 10).await?;
            assert_eq!(found.iter().map(|job| job.id).next(), id, "{state:?}");
            assert!(found.len() <= 1);
        }
        let discarded = admin::finished(&cx, JobState::Discarded, 10).await?;
        assert_eq!(discarded.iter().map(|job| job.id).collect::<Vec<_>>(), [hopeless]);
        Ok::<_, tenfold_data::DataError>(())
    };
    world.database.run(None, look).await.expect("they can be looked at");
});

on_both!(async fn an_observer_hears_of_every_attempt_with_its_end(world) {
    let jobs = world.jobs(|_, _| {});
    world.work("letter", 1).await;
    jobs.run_due().await.expect("it fails");
    world.clock.advance(Duration::from_secs(60));
    jobs.run_due().await.expect("it runs");
    let heard = world.watched.read();
    assert_eq!(heard, ["test.work begins", "test.work ends: told to fail", "test.work begins", "test.work ends"]);
});
