//! One organization's waiting jobs do not hold up another's.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{OrgId, SystemContext, Uuid};
use tenfold_jobs::{Enqueue as _, Job, JobContext, JobOptions, Worker};

use crate::fixture::{Diary, World};
use crate::on_both;

/// What ran, in order, without the number of the attempt.
fn ran(world: &World) -> Vec<String> {
    world.diary.read().iter().map(|line| line.replace(" attempt 1", "")).collect()
}

on_both!(async fn a_single_job_does_not_wait_for_another_ones_hundred(world) {
    let jobs = world.jobs(|_, _| {});
    for number in 0..100 {
        world.work_of(1, &format!("many {number}"), JobOptions::new()).await;
    }
    world.work_of(2, "single", JobOptions::new()).await;
    assert_eq!(jobs.run_due().await.expect("they run"), 101);
    let place = ran(world).iter().position(|line| line == "single");
    assert!(place.is_some_and(|place| place <= 1), "it ran as number {place:?}");
});

on_both!(async fn organizations_take_turns(world) {
    let jobs = world.jobs(|_, _| {});
    for organization in [3, 1, 2] {
        for number in 0..2 {
            world.work_of(organization, &format!("{organization}.{number}"), JobOptions::new()).await;
        }
    }
    assert_eq!(jobs.run_due().await.expect("they run"), 6);
    assert_eq!(ran(world), ["1.0", "2.0", "3.0", "1.1", "2.1", "3.1"]);
});

on_both!(async fn the_lower_priority_of_an_organization_runs_first(world) {
    let jobs = world.jobs(|_, _| {});
    world.work_of(1, "usual", JobOptions::new()).await;
    world.work_of(1, "late", JobOptions::new().priority(9)).await;
    world.work_of(1, "urgent", JobOptions::new().priority(-9)).await;
    assert_eq!(jobs.run_due().await.expect("they run"), 3);
    assert_eq!(ran(world), ["urgent", "usual", "late"]);
});

/// Never ends by itself.
#[derive(Serialize, Deserialize)]
struct Busy;

impl Job for Busy {
    const KIND: &'static str = "test.busy_for_ever";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Diary>()?.note("busy");
        std::future::pending::<()>().await;
        Ok(())
    }
}

on_both!(async fn one_organization_cannot_take_all_places(world) {
    let busy = async |cx: SystemContext| {
        let cx = cx.within(OrgId(Uuid::from_u128(1)));
        for _ in 0..8 {
            cx.transaction(async |tx| tx.enqueue(Busy).await).await?;
        }
        Ok::<_, tenfold_data::DataError>(())
    };
    world.database.run(None, busy).await.expect("they are stored");
    // An organization gets three of the four places.
    let worker = Worker::start(world.jobs(|registry, _| registry.register::<Busy>()));
    let all_busy = async {
        while world.diary.read().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_busy).await.expect("three run");
    let id = world.work_of(2, "single", JobOptions::new()).await;
    let done = async {
        while world.finished(id).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("there is a place for it");
    assert_eq!(world.diary.read(), ["busy", "busy", "busy", "single attempt 1"]);
    assert_eq!(worker.stop(Duration::ZERO).await, 3);
});
