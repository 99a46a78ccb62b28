//! Processes that come and go during a deployment.

use std::time::Duration;

use tenfold_jobs::Worker;

use crate::fixture::Slow;
use crate::on_both;

on_both!(async fn a_worker_that_stops_finishes_what_it_runs(world) {
    let id = world.enqueue(Slow).await;
    let old = Worker::start(world.jobs(|registry, _| registry.register::<Slow>()));
    let begun = async {
        while world.diary.read().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.expect("it is begun");
    let new = Worker::start(world.jobs(|registry, _| registry.register::<Slow>()));
    let ring = async {
        tokio::task::yield_now().await;
        world.bell.notify_waiters();
    };
    let (handed_back, ()) = tokio::join!(old.stop(Duration::from_secs(60)), ring);
    assert_eq!(handed_back, 0);
    assert!(world.finished(id).await.is_some(), "its end was committed before the worker was gone");
    new.stop(Duration::ZERO).await;
    assert_eq!(world.diary.read(), ["begun", "done"]);
});

on_both!(async fn nothing_runs_twice_while_workers_are_replaced(world) {
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(world.work(&format!("job {number}"), 0).await);
    }
    // Each is stopped at once, in the middle of claims, jobs and ends; none is given time.
    for _ in 0..6 {
        let old = Worker::start(world.jobs(|_, _| {}));
        let new = Worker::start(world.jobs(|_, _| {}));
        let some = world.diary.read().len() + 4;
        let busy = async {
            while world.diary.read().len() < some.min(60) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), busy).await.expect("they run");
        tokio::join!(old.stop(Duration::from_secs(60)), new.stop(Duration::from_secs(60)));
    }
    world.jobs(|_, _| {}).run_due().await.expect("the rest");
    for id in ids {
        let job = world.finished(id).await.expect("it is done");
        assert_eq!((job.attempt, job.crashes), (1, 0));
    }
    let mut ran = world.diary.read();
    ran.sort();
    ran.dedup();
    assert_eq!((ran.len(), world.diary.read().len()), (60, 60));
});
