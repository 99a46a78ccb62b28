//! Steps: what was done is not done again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_jobs::{Enqueue as _, Job, JobContext, JobState};
use tokio::sync::Notify;

use crate::fixture::{Diary, Work};
use crate::on_both;

/// Two steps, the second of which fails at the first attempt; each enqueues a job as its effect.
#[derive(Serialize, Deserialize)]
struct Letter;

impl Job for Letter {
    const KIND: &'static str = "test.letter";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        let written: String = job
            .step("write", async || {
                diary.note("written");
                Ok("Dear Ada".to_owned())
            })
            .await?;
        job.progress(50, "half").await?;
        job.step_in("post", async |tx| {
            tx.enqueue(Work { name: written, failures: 0 }).await?;
            anyhow::ensure!(job.attempt() > 1, "no stamps");
            Ok(())
        })
        .await
    }
}

on_both!(async fn a_restarted_job_goes_on_behind_the_last_step_and_effects_happen_once(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Letter>());
    let id = world.enqueue(Letter).await;
    assert_eq!(jobs.run_due().await.expect("the letter fails"), 1);
    assert_eq!(world.queued(id).await.map(|job| (job.percent, job.message)), Some((50, "half".to_owned())));
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(jobs.run_due().await.expect("the letter, and what it posted"), 2);
    // The step was run once, its result kept; the effect of the failed step was rolled back with it.
    assert_eq!(world.diary.read(), ["written", "Dear Ada attempt 1"]);
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Completed));
});

/// Waits inside a step, as none should.
#[derive(Serialize, Deserialize)]
struct Patience;

impl Job for Patience {
    const KIND: &'static str = "test.patience";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let bell = job.service::<Notify>()?;
        job.step_in("wait", async |_| {
            bell.notified().await;
            Ok(())
        })
        .await
    }
}

on_both!(async fn a_step_that_waits_inside_its_transaction_is_told_with_its_own_line(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Patience>());
    let id = world.enqueue(Patience).await;
    let ring = async {
        loop {
            if let Some(record) = world.waits.take().pop() {
                world.bell.notify_one();
                return record;
            }
            tokio::task::yield_now().await;
        }
    };
    let (ran, record) = tokio::join!(jobs.run_due(), ring);
    assert_eq!(ran.expect("it runs"), 1);
    assert!(record.site.file().ends_with("tests/it/steps.rs"), "{record}");
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Completed));
});
