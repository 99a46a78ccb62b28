//! Jobs that wait because they asked for it, or for their turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_jobs::{Job, JobContext, JobOptions, JobState, RateLimit, Snooze};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Asks twice to run again later.
#[derive(Serialize, Deserialize)]
struct Sleepy;

impl Job for Sleepy {
    const KIND: &'static str = "test.sleepy";
    const MAX_ATTEMPTS: u32 = 1;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        diary.note(&format!("attempt {}", job.attempt()));
        if diary.read().len() < 3 {
            return Err(Snooze::after(Duration::from_secs(60)).into());
        }
        Ok(())
    }
}

on_both!(async fn a_job_that_snoozes_runs_again_and_counts_no_attempt(world) {
    let jobs = world.jobs(|registry, _| registry.register::<Sleepy>());
    let id = world.enqueue(Sleepy).await;
    for _ in 0..2 {
        assert_eq!(jobs.run_due().await.expect("it runs"), 1);
        let job = world.queued(id).await.expect("it waits");
        assert_eq!((job.state, job.attempt, job.errors), (JobState::Scheduled, 0, serde_json::json!([])));
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(jobs.run_due().await.expect("it runs"), 1);
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Completed));
    assert_eq!(world.diary.read(), ["attempt 1", "attempt 1", "attempt 1"]);
    assert!(world.watched.read().iter().all(|line| !line.contains("asked")), "snoozing is no failure");
});

/// Calls a service that allows two calls in a minute.
#[derive(Serialize, Deserialize)]
struct LimitedCall {
    burst: u32,
}

impl Job for LimitedCall {
    const KIND: &'static str = "test.call";

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RateLimit::per_minute("service", 2).burst(self.burst))
    }

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Diary>()?.note("called");
        Ok(())
    }
}

/// How many calls were made after each half minute.
async fn calls(world: &World, burst: u32, jobs: usize) -> Vec<usize> {
    let runner = world.jobs(|registry, _| registry.register::<LimitedCall>());
    for _ in 0..jobs {
        world.enqueue(LimitedCall { burst }).await;
    }
    let mut calls = Vec::new();
    for _ in 0..jobs {
        runner.run_due().await.expect("they run");
        calls.push(world.diary.read().len());
        world.clock.advance(Duration::from_secs(30));
    }
    calls
}

on_both!(async fn jobs_of_a_limited_key_start_one_after_the_other(world) {
    assert_eq!(calls(world, 1, 4).await, [1, 2, 3, 4]);
});

on_both!(async fn a_burst_lets_some_start_at_once(world) {
    assert_eq!(calls(world, 3, 5).await, [3, 4, 5, 5, 5]);
});

on_both!(async fn one_organization_does_not_book_the_turns_of_hours(world) {
    let jobs = world.jobs(|registry, _| registry.register::<LimitedCall>());
    for _ in 0..40 {
        world.enqueue_of(1, LimitedCall { burst: 1 }, JobOptions::new()).await;
    }
    jobs.run_due().await.expect("one runs");
    let other = world.enqueue_of(2, LimitedCall { burst: 1 }, JobOptions::new()).await;
    for _ in 0..5 {
        jobs.run_due().await.expect("they ask");
        world.clock.advance(Duration::from_secs(30));
    }
    assert!(world.finished(other).await.is_some());
    assert_eq!(world.diary.read().len(), 5, "the limit holds");
});

/// Calls a service that allows one call in an hour.
#[derive(Serialize, Deserialize)]
struct RareCall;

impl Job for RareCall {
    const KIND: &'static str = "test.rare_call";

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RateLimit::per("rare service", 1, Duration::from_secs(3600)))
    }

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Diary>()?.note("called");
        Ok(())
    }
}

on_both!(async fn a_turn_that_is_far_off_is_given_in_time(world) {
    let jobs = world.jobs(|registry, _| registry.register::<RareCall>());
    for _ in 0..2 {
        world.enqueue(RareCall).await;
    }
    for minute in 0..70 {
        jobs.run_due().await.expect("they run, or ask");
        assert!(minute >= 60 || world.diary.read().len() == 1, "the limit holds");
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(world.diary.read().len(), 2);
});

/// Calls a service that allows ten calls in a minute, and says so.
#[derive(Serialize, Deserialize)]
struct FrequentCall;

impl Job for FrequentCall {
    const KIND: &'static str = "test.frequent_call";

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RateLimit::per_minute("frequent service", 10))
    }

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Diary>()?.note("called");
        job.progress(80, "called").await
    }
}

// Each job asks when its own pause is over, and not all at once.
on_both!(async fn a_busy_organization_leaves_turns_to_others(world) {
    let jobs = world.jobs(|registry, _| registry.register::<FrequentCall>());
    let second = async || {
        world.enqueue_of(1, FrequentCall, JobOptions::new()).await;
        jobs.run_due().await.expect("they run, or ask");
        world.clock.advance(Duration::from_secs(1));
    };
    // Then all turns of a minute are taken that an organization may have, and the next one is free in 4 s.
    for _ in 0..62 {
        second().await;
    }
    let other = world.enqueue_of(2, FrequentCall, JobOptions::new()).await;
    for _ in 0..61 {
        second().await;
    }
    assert!(world.finished(other).await.is_some(), "it has waited for a minute");
    assert_eq!(world.diary.read().len(), 21, "the limit holds, and is used up");
});

on_both!(async fn the_last_jobs_of_a_limited_key_lose_no_turn(world) {
    let jobs = world.jobs(|registry, _| registry.register::<FrequentCall>());
    for _ in 0..20 {
        world.enqueue_of(1, FrequentCall, JobOptions::new()).await;
    }
    for second in 0..115 {
        jobs.run_due().await.expect("they run, or ask");
        assert_eq!(world.diary.read().len(), 1 + second / 6);
        world.clock.advance(Duration::from_secs(1));
    }
});

on_both!(async fn a_job_that_waited_for_a_turn_keeps_its_message(world) {
    let jobs = world.jobs(|registry, _| registry.register::<FrequentCall>());
    let mut ids = Vec::new();
    // More than have turns within a minute.
    for _ in 0..14 {
        ids.push(world.enqueue_of(1, FrequentCall, JobOptions::new()).await);
    }
    for _ in 0..4 {
        jobs.run_due().await.expect("some run, some have turns, and some ask again");
        world.clock.advance(Duration::from_secs(600));
    }
    for id in ids {
        assert_eq!(world.finished(id).await.map(|job| job.message).as_deref(), Some("called"));
    }
});
