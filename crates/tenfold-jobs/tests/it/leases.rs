//! Workers that die, come back, or run beside each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{Clock, SystemContext, sql};
use tenfold_jobs::{Job, JobContext, JobId, JobSettings, JobState, Worker};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Never ends by itself.
#[derive(Serialize, Deserialize)]
struct Patient;

impl Job for Patient {
    const KIND: &'static str = "test.patient";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        diary.note(&format!("begun, attempt {}", job.attempt()));
        diary.hang().await
    }
}

on_both!(async fn the_jobs_of_a_lost_worker_run_elsewhere_when_its_lease_is_over(world) {
    let id = world.enqueue(Patient).await;
    let lost = world.jobs(|registry, _| registry.register::<Patient>());
    // The worker is lost in the middle of the job: its future is dropped without a word.
    world.leave(&lost).await;
    assert_eq!(world.queued(id).await.map(|job| job.state), Some(JobState::Running));
    let other = world.jobs(|_, _| {});
    assert_eq!(other.run_due().await.expect("the lease holds"), 0);
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(other.run_due().await.expect("it is rescued"), 1);
    // The other one does not know the kind, which is no failure of the job's.
    assert_eq!(world.queued(id).await.map(|job| (job.attempt, job.crashes)), Some((1, 1)));
});

on_both!(async fn the_fifth_loss_in_a_row_makes_a_job_poison_and_they_come_at_pauses_that_grow(world) {
    let id = world.enqueue(Patient).await;
    let jobs = world.jobs(|registry, _| registry.register::<Patient>());
    for pause in [0, 4, 16, 64, 0] {
        world.lose(&jobs).await;
        if pause > 0 {
            assert_eq!(jobs.run_due().await.expect("it is rescued, and waits"), 0);
            world.clock.advance(Duration::from_secs(pause - 1));
            assert_eq!(jobs.run_due().await.expect("it still waits"), 0);
            world.clock.advance(Duration::from_secs(1));
        }
    }
    assert_eq!(jobs.run_due().await.expect("nothing is left"), 0);
    let finished = world.finished(id).await.expect("it was given up");
    assert_eq!((finished.state, finished.crashes), (JobState::Discarded, 5));
    assert_eq!(world.diary.read().len(), 5);
});

on_both!(async fn two_workers_share_a_hundred_jobs_and_run_each_once(world) {
    let mut ids = Vec::new();
    for number in 0..100 {
        ids.push(world.work(&format!("job {number}"), 0).await);
    }
    let workers = [Worker::start(world.jobs(|_, _| {})), Worker::start(world.jobs(|_, _| {}))];
    let all_done = async {
        for id in ids {
            while world.finished(id).await.is_none() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_done).await.expect("all are done");
    for worker in workers {
        assert_eq!(worker.stop(Duration::from_secs(60)).await, 0);
    }
    let mut ran = world.diary.read();
    ran.sort();
    ran.dedup();
    assert_eq!((ran.len(), world.diary.read().len()), (100, 100));
});

on_both!(async fn a_worker_that_stops_hands_back_what_it_cannot_finish(world) {
    let id = world.enqueue(Patient).await;
    let worker = Worker::start(world.jobs(|registry, _| registry.register::<Patient>()));
    let begun = async {
        while world.diary.read().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.expect("it is begun");
    assert_eq!(worker.stop(Duration::from_millis(50)).await, 1);
    let job = world.queued(id).await.expect("it waits for another worker");
    assert_eq!((job.state, job.attempt, job.token), (JobState::Available, 0, None));
});

const HOUR: Duration = Duration::from_secs(3600);

on_both!(async fn a_fast_clock_frees_no_job_of_a_worker_that_lives(world) {
    let id = world.enqueue(Patient).await;
    // Its heartbeats come soon, and the test's clock says what they extend.
    let lease = Duration::from_millis(300);
    let settings = || JobSettings { lease, ..JobSettings::default() };
    let worker = Worker::start(world.jobs_with(settings(), |registry, _| registry.register::<Patient>()));
    let lease_of = async || world.queued(id).await.and_then(|job| job.lease_until);
    while lease_of().await.is_none() {
        tokio::task::yield_now().await;
    }
    let clock = Clock::manual(world.clock.now() + HOUR);
    let elsewhere = world.database_by(clock.clone());
    let fast = world.jobs_on(&elsewhere, settings(), |registry, _| registry.register::<Patient>());
    for _ in 0..4 {
        assert_eq!(fast.run_due().await.expect("the lease holds"), 0);
        let before = lease_of().await;
        world.clock.advance(lease * 2 / 3);
        clock.advance(lease * 2 / 3);
        while lease_of().await == before {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.queued(id).await.map(|job| (job.state, job.crashes)), Some((JobState::Running, 0)));
    worker.stop(Duration::ZERO).await;
    elsewhere.close().await;
});

on_both!(async fn a_lost_worker_with_a_fast_clock_is_found_among_many(world) {
    let id = world.enqueue(Patient).await;
    let elsewhere = world.database_by(Clock::manual(world.clock.now() + HOUR));
    let lost = world.jobs_on(&elsewhere, JobSettings::default(), |registry, _| registry.register::<Patient>());
    world.leave(&lost).await;
    run_beside(world, id).await;
    let other = world.jobs(|_, _| {});
    assert_eq!(other.run_due().await.expect("the leases hold"), 0);
    world.clock.advance(Duration::from_secs(6));
    extend_beside(world, id).await;
    assert_eq!(other.run_due().await.expect("it is rescued"), 1);
    assert_eq!(world.queued(id).await.map(|job| job.crashes), Some(1));
    elsewhere.close().await;
});

/// Ten thousand jobs like this one run, too, and their leases end sooner.
async fn run_beside(world: &World, id: JobId) {
    let copy = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!(
                "test.run_beside",
                sqlite: "INSERT INTO tenfold_jobs (id, kind, state, priority, args, run_at, attempt, max_attempts, crashes,
                         token, lease_until, cancel_requested, percent, message, errors, trace, created_at)
                     WITH RECURSIVE numbers (number) AS (
                         SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 10000)
                     SELECT randomblob(16), kind, state, priority, args, run_at, attempt, max_attempts, crashes,
                         randomblob(16), $2, cancel_requested, percent, message, errors, trace, created_at
                     FROM tenfold_jobs CROSS JOIN numbers WHERE id = $1",
                postgres: "INSERT INTO tenfold_jobs (id, kind, state, priority, args, run_at, attempt, max_attempts, crashes,
                         token, lease_until, cancel_requested, percent, message, errors, trace, created_at)
                     SELECT gen_random_uuid(), kind, state, priority, args, run_at, attempt, max_attempts, crashes,
                         gen_random_uuid(), $2, cancel_requested, percent, message, errors, trace, created_at
                     FROM tenfold_jobs CROSS JOIN generate_series(1, 10000) WHERE id = $1"
            )
            .bind(id)
            .bind(tx.now())
            .execute(tx)
            .await
        })
        .await
    };
    assert_eq!(world.database.run(None, copy).await.expect("they run"), 10_000);
}

async fn extend_beside(world: &World, id: JobId) {
    let extend = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!("test.extend_beside", "UPDATE tenfold_jobs SET lease_until = $2 WHERE id <> $1")
                .bind(id)
                .bind(tx.now())
                .execute(tx)
                .await
        })
        .await
    };
    world.database.run(None, extend).await.expect("their workers live");
}

on_both!(async fn the_jobs_of_a_lost_worker_with_a_fast_clock_run_in_time(world) {
    let id = world.enqueue(Patient).await;
    let elsewhere = world.database_by(Clock::manual(world.clock.now() + HOUR));
    let lost = world.jobs_on(&elsewhere, JobSettings::default(), |registry, _| registry.register::<Patient>());
    world.leave(&lost).await;
    let other = world.jobs(|_, _| {});
    assert_eq!(other.run_due().await.expect("the lease holds"), 0);
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(other.run_due().await.expect("it is rescued"), 1);
    assert_eq!(world.queued(id).await.map(|job| job.crashes), Some(1));
    elsewhere.close().await;
});

on_both!(async fn what_is_due_is_judged_by_the_database_s_clock(world) {
    let now = Clock::system().now();
    let later = world.enqueue_for(now + HOUR / 2).await;
    let failing = world.work("fails", 1).await;
    let elsewhere = world.database_by(Clock::ahead(HOUR));
    let fast = world.jobs_on(&elsewhere, JobSettings::default(), |_, _| {});
    assert_eq!(fast.run_due().await.expect("one is due"), 1);
    assert_eq!(world.queued(later).await.map(|job| job.state), Some(JobState::Scheduled));
    let retry_at = world.queued(failing).await.expect("it waits").run_at;
    assert!(retry_at < now + HOUR / 2, "not by the fast clock: {retry_at}");
    elsewhere.close().await;
});
