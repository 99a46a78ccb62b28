//! Who hears of a job that ends without success.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_jobs::{GivenUp, Job, JobContext, JobId, JobState, Jobs, Registry, Worker};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Fails or hangs, as it is told.
#[derive(Serialize, Deserialize)]
struct Doomed {
    name: String,
    hangs: bool,
}

impl Job for Doomed {
    const KIND: &'static str = "test.doomed";
    const MAX_ATTEMPTS: u32 = 1;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        if self.hangs {
            let diary = job.service::<Diary>()?;
            diary.note("begun");
            diary.hang().await;
        }
        anyhow::bail!("told to fail")
    }
}

/// Notes what it hears; fails before as often as the diary says.
async fn listen(job: JobContext, given_up: GivenUp<Doomed>) -> anyhow::Result<()> {
    let diary = job.service::<Diary>()?;
    let failures = diary.read().iter().filter(|line| *line == "the listener shall fail").count();
    anyhow::ensure!(job.attempt() > i64::try_from(failures)?, "told to fail");
    let GivenUp { job: Doomed { name, .. }, state, error, .. } = given_up;
    diary.note(&format!("{name} {}: {}", state.as_str(), error.unwrap_or_default()));
    Ok(())
}

fn with_listener(registry: &mut Registry) {
    registry.register::<Doomed>();
    registry.on_given_up(listen);
}

fn doomed(world: &World) -> Jobs {
    world.jobs(|registry, _| with_listener(registry))
}

async fn enqueue(world: &World, hangs: bool) -> JobId {
    world.enqueue(Doomed { name: "x".to_owned(), hangs }).await
}

on_both!(async fn a_discarded_job_is_told_of_at_once(world) {
    let jobs = doomed(world);
    let id = enqueue(world, false).await;
    assert_eq!(jobs.run_due().await.expect("the job, and its follow-up"), 2);
    assert_eq!(world.finished(id).await.map(|job| job.state), Some(JobState::Discarded));
    assert_eq!(world.diary.read(), ["x discarded: told to fail"]);
});

on_both!(async fn a_job_that_an_operator_cancels_is_told_of(world) {
    let jobs = doomed(world);
    let id = enqueue(world, false).await;
    jobs.cancel(id).await.expect("it is cancelled");
    assert_eq!(jobs.run_due().await.expect("the follow-up"), 1);
    assert_eq!(world.diary.read(), ["x cancelled: "]);
});

on_both!(async fn a_running_job_that_is_cancelled_is_told_of(world) {
    let id = enqueue(world, true).await;
    let worker = Worker::start(doomed(world));
    let told = async |what: &str| {
        let told = async {
            while !world.diary.read().iter().any(|line| line == what) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), told).await.expect("it happens");
    };
    told("begun").await;
    doomed(world).cancel(id).await.expect("it is asked to end");
    told("x cancelled: ").await;
    worker.stop(Duration::from_secs(5)).await;
});

on_both!(async fn a_poisonous_job_is_told_of(world) {
    let id = enqueue(world, true).await;
    let jobs = doomed(world);
    while world.queued(id).await.is_some() {
        world.leave(&jobs).await;
        world.clock.advance(Duration::from_secs(600));
    }
    jobs.run_due().await.expect("its module is told");
    let told = world.diary.read().pop().expect("it was told");
    assert!(told.starts_with("x discarded: its worker was lost"), "{told}");
});

on_both!(async fn a_listener_that_fails_is_tried_until_it_succeeds(world) {
    let jobs = doomed(world);
    for _ in 0..40 {
        world.diary.note("the listener shall fail");
    }
    enqueue(world, false).await;
    for _ in 0..40 {
        jobs.run_due().await.expect("it fails");
        world.clock.advance(Duration::from_secs(5000));
    }
    assert_eq!(world.diary.read().len(), 40, "nothing was told so far");
    jobs.run_due().await.expect("it succeeds");
    assert_eq!(world.diary.read().last().map(String::as_str), Some("x discarded: told to fail"));
});

on_both!(async fn a_listener_that_kills_its_worker_is_not_discarded(world) {
    async fn kill(job: JobContext, _: GivenUp<Doomed>) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        diary.note("begun");
        diary.hang().await
    }

    let deadly = world.jobs(|registry, _| {
        registry.register::<Doomed>();
        registry.on_given_up(kill);
    });
    enqueue(world, false).await;
    // One look runs it, the next sees its lease, and the third finds that it has stood still.
    while world.diary.read().len() < 8 {
        world.leave(&deadly).await;
        world.clock.advance(Duration::from_secs(5000));
    }
    let mended = doomed(world);
    for _ in 0..3 {
        mended.run_due().await.expect("it looks for lost jobs");
        world.clock.advance(Duration::from_secs(5000));
    }
    assert_eq!(world.diary.read().last().map(String::as_str), Some("x discarded: told to fail"));
});

on_both!(async fn a_job_that_is_tried_again_is_not_told_of(world) {
    let jobs = doomed(world);
    let id = enqueue(world, false).await;
    jobs.cancel(id).await.expect("it is cancelled");
    world.clock.advance(Duration::from_secs(1));
    jobs.retry(id).await.expect("an operator has second thoughts");
    // The follow-up finds it back in the queue; then it fails, and is told of once.
    jobs.run_due().await.expect("they run");
    assert_eq!(world.diary.read(), ["x discarded: told to fail"]);
});

on_both!(async fn a_process_that_does_not_know_a_kind_gives_none_up(world) {
    let id = enqueue(world, true).await;
    let is_at_its_last_loss = async || {
        let job = world.queued(id).await.expect("it is not given up yet");
        job.strikes == 4 && job.token.is_some()
    };
    let lost = doomed(world);
    while !is_at_its_last_loss().await {
        world.clock.advance(Duration::from_secs(5000));
        world.leave(&lost).await;
    }
    // A process of an older version finds the lost job, and would not know whom to tell.
    let older = world.jobs(|_, _| {});
    for _ in 0..2 {
        older.run_due().await.expect("it looks for lost jobs");
        world.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(world.queued(id).await.map(|job| (job.strikes, job.token)), Some((5, None)));
});

on_both!(async fn a_module_hears_of_all_its_kinds_without_a_listener(world) {
    let jobs = world.jobs(|registry, _| {
        with_listener(registry);
        registry.on_any_given_up("test", async |job: JobContext, given_up: GivenUp<serde_json::Value>| {
            let GivenUp { kind, job: args, state, .. } = given_up;
            job.service::<Diary>()?.note(&format!("{kind} {} {}", args["name"], state.as_str()));
            Ok(())
        });
    });
    enqueue(world, false).await;
    let cancelled = world.work("letter", 0).await;
    jobs.cancel(cancelled).await.expect("it waits");
    assert_eq!(jobs.run_due().await.expect("a job and two follow-ups"), 3);
    let mut heard = world.diary.read();
    heard.sort();
    assert_eq!(heard, ["test.work \"letter\" cancelled", "x discarded: told to fail"]);
});
