//! Jobs that cannot go on for a reason that is not their own.

use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tenfold_data::{EntityExt as _, SystemContext};
use tenfold_jobs::{AttemptError, Job, JobContext, JobId, JobState, Jobs, QueuedJob, TryLater};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Needs something that is away until the diary says that it is back.
#[derive(Serialize, Deserialize)]
struct Needy {
    /// Whether the other side says when to come back.
    told_when: bool,
}

impl Job for Needy {
    const KIND: &'static str = "test.needy";
    const MAX_ATTEMPTS: u32 = 2;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        job.step("fetch", async || {
            diary.note(&format!("attempt {}", job.attempt()));
            if diary.read().iter().any(|line| line == "back") {
                return Ok(());
            }
            let later = TryLater::because("waits for the store").caused_by("no route to host");
            let later = if self.told_when { later.after(Duration::from_secs(40)) } else { later };
            Err(later).context("while fetching")
        })
        .await?;
        anyhow::bail!("its own fault")
    }
}

fn needy(world: &World) -> Jobs {
    world.jobs(|registry, _| registry.register::<Needy>())
}

/// Runs it again and again, each time when its pause is over; gives the pauses, in whole seconds.
async fn pauses(world: &World, jobs: &Jobs, id: JobId, times: usize) -> Vec<u64> {
    let mut pauses = Vec::new();
    for _ in 0..times {
        assert_eq!(jobs.run_due().await.expect("it runs"), 1);
        let job = world.queued(id).await.expect("it waits");
        let pause = job.run_at.duration_since(world.clock.now()).unsigned_abs();
        pauses.push(pause.as_secs());
        world.clock.advance(pause);
    }
    pauses
}

on_both!(async fn waiting_for_something_outside_uses_up_no_attempt(world) {
    let jobs = needy(world);
    let id = world.enqueue(Needy { told_when: false }).await;
    let waited = pauses(world, &jobs, id, 20).await;
    let at_least = [1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().chain(std::iter::repeat(300));
    for (pause, least) in waited.iter().zip(at_least) {
        assert!((least..=least + least / 4).contains(pause), "{waited:?}");
    }
    let job = world.queued(id).await.expect("it still waits");
    assert_eq!((job.state, job.attempt, job.waits), (JobState::Retryable, 0, 20));
    assert_eq!(job.message, "waits for the store");
    let errors: Vec<AttemptError> = serde_json::from_value(job.errors).expect("they can be read");
    assert_eq!(errors.len(), 1, "one for each attempt that counts: {errors:?}");
    assert_eq!(errors[0].error, "while fetching: waits for the store: no route to host");
});

on_both!(async fn what_is_the_jobs_own_fault_counts_after_waiting(world) {
    let jobs = needy(world);
    let id = world.enqueue(Needy { told_when: false }).await;
    pauses(world, &jobs, id, 5).await;
    world.diary.note("back");
    jobs.run_due().await.expect("it fails");
    let job = world.queued(id).await.expect("it is tried again");
    assert_eq!((job.attempt, job.waits), (1, 0));
    world.clock.advance(Duration::from_secs(5));
    jobs.run_due().await.expect("it fails for the last time");
    let finished = world.finished(id).await.expect("it was given up");
    assert_eq!((finished.state, finished.attempt), (JobState::Discarded, 2));
});

on_both!(async fn the_other_side_may_say_when_to_come_back(world) {
    let jobs = needy(world);
    let id = world.enqueue(Needy { told_when: true }).await;
    assert_eq!(pauses(world, &jobs, id, 3).await, [40, 40, 40]);
});

on_both!(async fn a_database_that_is_busy_uses_up_no_attempt(world) {
    #[derive(Serialize, Deserialize)]
    struct BusyDatabase;

    impl Job for BusyDatabase {
        const KIND: &'static str = "test.busy";
        const MAX_ATTEMPTS: u32 = 1;

        async fn run(self, _: JobContext) -> anyhow::Result<()> {
            Err(tenfold_data::DataError::Overloaded { what: "a queue" }).context("while storing")
        }
    }

    let jobs = world.jobs(|registry, _| registry.register::<BusyDatabase>());
    let id = world.enqueue(BusyDatabase).await;
    pauses(world, &jobs, id, 3).await;
    let job = world.queued(id).await.expect("it waits");
    assert_eq!((job.attempt, &*job.message), (0, "waiting for the database"));
});

on_both!(async fn a_waiting_job_that_is_to_be_ended_is_ended(world) {
    let jobs = needy(world);
    let id = world.enqueue(Needy { told_when: false }).await;
    let ask = async |cx: SystemContext| {
        let write = async |tx: &mut tenfold_data::SystemTx<'_>| {
            QueuedJob::update(id).set(QueuedJob::cancel_requested, true).run(tx).await
        };
        cx.transaction(write).await
    };
    world.database.run(None, ask).await.expect("an operator asks for it");
    jobs.run_due().await.expect("it runs");
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Cancelled));
});
