//! Who is blamed when workers are lost: what kills them, and nobody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, EntityExt as _, SystemContext, Uuid};
use tenfold_jobs::{Job, JobContext, JobId, JobState, QueuedJob, Worker};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Gets one step further in each attempt, and is then cut off, five times.
#[derive(Serialize, Deserialize)]
struct Traveller;

impl Job for Traveller {
    const KIND: &'static str = "test.traveller";
    const MAX_ATTEMPTS: u32 = 1;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        for leg in 1..=job.attempt() {
            let travel = async || {
                job.service::<Diary>()?.note(&format!("leg {leg}"));
                Ok(())
            };
            job.step(&format!("leg {leg}"), travel).await?;
        }
        if job.attempt() <= 5 {
            job.service::<Diary>()?.hang().await;
        }
        Ok(())
    }
}

on_both!(async fn a_job_that_gets_on_between_losses_is_no_poison_and_keeps_its_attempts(world) {
    let id = world.enqueue(Traveller).await;
    let jobs = world.jobs(|registry, _| registry.register::<Traveller>());
    for _ in 0..5 {
        world.lose(&jobs).await;
    }
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    let finished = world.finished(id).await.expect("it is done");
    assert_eq!((finished.state, finished.attempt, finished.crashes), (JobState::Completed, 6, 5));
    assert_eq!(world.diary.read(), ["leg 1", "leg 2", "leg 3", "leg 4", "leg 5", "leg 6"]);
});

/// Begins and never ends.
#[derive(Serialize, Deserialize)]
struct Endless;

impl Job for Endless {
    const KIND: &'static str = "test.endless";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        diary.note("endless");
        diary.hang().await
    }
}

async fn change(world: &World, id: JobId, change: impl FnOnce(&mut QueuedJob)) {
    let mut job = world.queued(id).await.expect("it is queued");
    change(&mut job);
    let write = async |cx: SystemContext| {
        cx.transaction(async |tx| -> Result<(), DataError> {
            QueuedJob::update(id)
                .set(QueuedJob::strikes, job.strikes)
                .set(QueuedJob::state, job.state)
                .set(QueuedJob::worker, job.worker)
                .set(QueuedJob::token, job.token)
                .set(QueuedJob::lease_until, job.lease_until)
                .run(tx)
                .await
        })
        .await
    };
    world.database.run(None, write).await.expect("it can be changed");
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("it happens")
}

on_both!(async fn suspects_run_one_at_a_time_in_a_process_and_hold_nobody_else_up(world) {
    for _ in 0..3 {
        let id = world.enqueue(Endless).await;
        change(world, id, |job| job.strikes = 2).await;
    }
    let worker = Worker::start(world.jobs(|registry, _| registry.register::<Endless>()));
    until(async || (!world.diary.read().is_empty()).then_some(())).await;
    for number in 0..10 {
        let id = world.work(&format!("job {number}"), 0).await;
        until(async || world.finished(id).await).await;
    }
    assert_eq!(world.diary.read().iter().filter(|line| *line == "endless").count(), 1);
    worker.stop(Duration::ZERO).await;
});

on_both!(async fn of_suspects_only_the_one_that_was_running_is_judged_by_a_loss(world) {
    let mut suspects = Vec::new();
    for _ in 0..3 {
        let id = world.enqueue(Endless).await;
        change(world, id, |job| job.strikes = 4).await;
        suspects.push(id);
    }
    let jobs = world.jobs(|registry, _| registry.register::<Endless>());
    for _ in 0..2 {
        world.lose(&jobs).await;
    }
    let mut discarded = 0;
    for id in suspects {
        match world.finished(id).await {
            Some(job) => discarded += usize::from(job.state == JobState::Discarded),
            None => assert_eq!(world.queued(id).await.map(|job| job.strikes), Some(4)),
        }
    }
    assert_eq!(discarded, 1);
});

on_both!(async fn what_a_worker_holds_without_knowing_it_is_given_up_after_two_heartbeats(world) {
    let busy = world.enqueue(Endless).await;
    let worker = Worker::start(world.jobs(|registry, _| registry.register::<Endless>()));
    let holder = until(async || world.queued(busy).await.and_then(|job| job.worker)).await;
    // As if the connection had been lost between the commit of a claim and its answer.
    let id = world.enqueue_for(world.clock.now() + Duration::from_secs(60)).await;
    let lease = world.clock.now() + Duration::from_secs(5);
    change(world, id, |job| {
        job.state = JobState::Running;
        (job.worker, job.token, job.lease_until) = (Some(holder), Some(Uuid::from_u128(7)), Some(lease));
    })
    .await;
    let job = until(async || world.queued(id).await.filter(|job| job.state == JobState::Retryable)).await;
    assert!(job.errors.to_string().contains("knew nothing of it"), "{}", job.errors);
    worker.stop(Duration::ZERO).await;
});
